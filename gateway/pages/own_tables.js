// Own orders, fills and positions as tables, one at a time, and the margin above them.

import { element } from "./dom.js";
import { expiryOf } from "./expiries.js";
import { clock, count, day, hourMinute, localTime, NOTHING, price, symbolName } from "./format.js";
import { averageTicks, nanoOf, priceOf, secondsOfSymbol, signedUsd, ticksOf, usd } from "./units.js";

const ROWS_MAX = 200;
const TABS = ["orders", "fills", "positions"];
const HEADS = {
  orders: ["Window", "Side", "Price", "Left", "Filled", "Terms", "Since, UTC", ""],
  fills: ["Time, UTC", "Window", "Side", "Price", "Quantity", "Fee, USD", "As"],
  positions: ["Window", "Quantity", "Average", "Mark", "Profit, USD"],
};
const EMPTY = {
  orders: "No order of yours is working here.",
  fills: "Nothing of yours has traded here yet.",
  positions: "You hold nothing here.",
};
const STANDINGS = { sound: "", margin_call: "Margin call", liquidation: "Being closed out" };
const PER_CENT = 100;
const $ = (id) => document.getElementById(id);

export class OwnTables {
  #account;
  #entry;
  #onWindow;
  #onSignIn;
  #say;
  #tab = "orders";
  #isWhole = false;
  #symbol = "";
  #decimals = 0;
  #edited = null; // the order whose price is being changed, with the row that holds the field

  /** `onWindow(symbol)` hears which window was chosen, `say(text, kind)` what became of a cancel or a new price. */
  constructor(account, entry, { onWindow, onSignIn, say }) {
    this.#account = account;
    this.#entry = entry;
    this.#onWindow = onWindow;
    this.#onSignIn = onSignIn;
    this.#say = say;
    for (const tab of TABS) $(`own-${tab}`).addEventListener("click", () => this.choose(tab));
    $("own-one").addEventListener("click", () => this.#widen(false));
    $("own-all").addEventListener("click", () => this.#widen(true));
    account.addEventListener("change", () => this.#draw());
    this.#draw();
  }

  /** Show what is own of this window. */
  open(symbol, decimals) {
    this.#symbol = symbol;
    this.#decimals = decimals;
    this.#edited = null;
    this.#draw();
  }

  choose(tab) {
    this.#tab = tab;
    this.#draw();
  }

  #widen(isWhole) {
    this.#isWhole = isWhole;
    this.#draw();
  }

  #draw() {
    const account = this.#account;
    const rows = this.#rowsOf(this.#tab);
    for (const tab of TABS) {
      $(`own-${tab}`).setAttribute("aria-pressed", tab === this.#tab);
      $(`own-${tab}-count`).textContent = account.state === "live" ? count(this.#rowsOf(tab).length) : "";
    }
    $("own-one").setAttribute("aria-pressed", !this.#isWhole);
    $("own-all").setAttribute("aria-pressed", this.#isWhole);
    drawMargin(account.margin);
    if (account.state !== "live") return this.#drawState();
    if (!rows.length) return this.#note(EMPTY[this.#tab]);
    const heads = HEADS[this.#tab].map((name) => element("th", { scope: "col" }, name));
    const lines = rows.slice(0, ROWS_MAX).map((row) => this.#line(row));
    const table = element("table", { class: this.#tab, "aria-label": `Own ${this.#tab}` });
    table.append(element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines));
    if (this.#edited?.line.isConnected && lines.includes(this.#edited.line)) return this.#keepField(table);
    $("own-table").replaceChildren(table);
    return undefined;
  }

  // A field that is being typed into keeps its caret while the table around it is drawn anew.
  #keepField(table) {
    const { field } = this.#edited;
    const { selectionStart, selectionEnd } = field;
    const isFocused = document.activeElement === field;
    $("own-table").replaceChildren(table);
    if (!isFocused) return;
    field.focus({ preventScroll: true });
    field.setSelectionRange(selectionStart, selectionEnd);
  }

  #drawState() {
    const { state, complaint } = this.#account;
    if (state === "loading") return this.#note("Loading your account");
    if (state === "refused") return this.#note(`Your account cannot be shown: ${complaint}`);
    const button = element("button", { type: "button", class: "link-button" }, "Sign in");
    button.addEventListener("click", this.#onSignIn);
    return $("own-table").replaceChildren(
      element("p", { class: "note" }, button, " to see your orders, fills and positions."),
    );
  }

  #note(text) {
    $("own-table").replaceChildren(element("p", { class: "note" }, text));
  }

  #rowsOf(tab) {
    const symbol = this.#isWhole ? "" : this.#symbol;
    if (tab === "orders") return this.#account.openOrders(symbol);
    if (tab === "fills") return this.#account.latestFills(symbol);
    return [...this.#account.positions.values()].filter((position) => !symbol || position.symbol === symbol);
  }

  #line(row) {
    if (this.#tab === "fills") return this.#fill(row);
    if (this.#tab === "positions") return this.#position(row);
    return this.#edited?.order.order_id === row.order_id ? this.#edited.line : this.#order(row);
  }

  #order(order) {
    const change = element("button", { type: "button", class: "reprice", title: "Change the price" });
    change.append(price(order.price, this.#decimals));
    change.setAttribute("aria-label", `Change the price of ${price(order.price, this.#decimals)}`);
    change.addEventListener("click", () => this.#edit(order));
    const cross = element("button", { type: "button", class: "cross", "aria-label": nameOf(order, this.#decimals) }, "×");
    cross.title = "Cancel";
    cross.addEventListener("click", () => this.#cancel(order, cross));
    return element(
      "tr",
      { "data-order": order.order_id },
      this.#window(order.symbol),
      side(order.side),
      element("td", {}, change),
      element("td", {}, count(order.remaining_quantity)),
      element("td", {}, count(order.filled_quantity)),
      termsCell(order),
      timeCell(order.created),
      element("td", {}, cross),
    );
  }

  #fill(fill) {
    return element(
      "tr",
      { "data-fill": fill.id },
      timeCell(fill.time),
      this.#window(fill.symbol),
      side(fill.side),
      element("td", {}, price(fill.price, this.#decimals)),
      element("td", {}, count(fill.quantity)),
      element("td", {}, usd(nanoOf(fill.fee))),
      element("td", { class: "terms" }, fill.liquidity),
    );
  }

  #position(position) {
    const { symbol, quantity, cost, mark_price: mark, unsettled } = position;
    const profit = nanoOf(unsettled);
    const average = averageTicks(nanoOf(cost), Number(quantity), secondsOfSymbol(symbol));
    return element(
      "tr",
      { "data-position": symbol },
      this.#window(symbol),
      element("td", { class: Number(quantity) > 0 ? "buy" : "sell" }, signedCount(quantity)),
      element("td", {}, average === null ? NOTHING : price(priceOf(Math.round(average)), this.#decimals)),
      element("td", {}, price(mark, this.#decimals)),
      element("td", { class: profit > 0n ? "gain" : profit < 0n ? "loss" : "" }, signedUsd(profit)),
    );
  }

  #window(symbol) {
    const button = element("button", { type: "button", class: "window-link", title: symbol }, symbolName(symbol));
    button.addEventListener("click", () => this.#onWindow(symbol));
    return element("td", { class: "window" }, button);
  }

  async #cancel(order, cross) {
    cross.disabled = true;
    await this.#carryOut(this.#entry.cancel(order), "Cancelled.");
    cross.disabled = false;
  }

  // The price becomes a field; Enter sends it, Escape leaves things as they are.
  #edit(order) {
    const field = element("input", { type: "text", inputmode: "decimal", "aria-label": "New price", autocomplete: "off" });
    field.value = price(order.price, this.#decimals);
    const line = this.#order(order);
    line.cells[2].replaceChildren(field);
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") this.#endEdit();
      if (event.key === "Enter") this.#reprice(order, field);
    });
    const now = $("own-table").querySelector(`tr[data-order="${order.order_id}"]`);
    now.replaceWith(line);
    this.#edited = { order, line, field };
    field.focus();
    field.select();
  }

  #endEdit() {
    this.#edited = null;
    this.#draw();
  }

  async #reprice(order, field) {
    const ticks = ticksOf(field.value.trim());
    if (ticks === null) return field.setAttribute("aria-invalid", "true");
    const current = this.#account.orders.get(order.order_id);
    this.#endEdit();
    if (!current) return this.#say("That order is not working any more.", "bad");
    return this.#carryOut(this.#entry.reprice(current, priceOf(ticks)), `Moved to ${price(priceOf(ticks), this.#decimals)}.`);
  }

  async #carryOut(request, done) {
    try {
      const { status, filled_quantity: filled } = await request;
      this.#say(status === "filled" ? `Filled: ${count(filled)} Mbps.` : done, "good");
    } catch (error) {
      this.#say(error.code ? `${error.message} (${error.code})` : "No answer came; the list shows what is so.", "bad");
    }
  }
}

function drawMargin(margin) {
  $("margin").hidden = !margin;
  if (!margin) return;
  const [equity, required, free] = ["equity", "margin", "free"].map((name) => nanoOf(margin[name]));
  for (const [name, amount] of Object.entries({ equity, required, free })) {
    $(`margin-${name}`).textContent = usd(amount);
    $(`margin-${name}`).classList.toggle("loss", amount < 0n);
  }
  $("margin-add-on").parentElement.hidden = nanoOf(margin.add_on) === 0n;
  $("margin-add-on").textContent = usd(nanoOf(margin.add_on));
  const share = equity > 0n ? Math.min(1, Number(required) / Number(equity)) : required > 0n ? 1 : 0;
  $("margin-bar").value = share;
  $("margin-bar").title = `${(share * PER_CENT).toFixed(1)} % of equity is required`;
  $("margin-standing").textContent = STANDINGS[margin.standing] ?? margin.standing;
}

function side(name) {
  return element("td", { class: name }, name);
}

function timeCell(time) {
  const at = new Date(time);
  return element("td", { class: "time", title: `${day(at)} ${clock(at)} UTC, ${localTime(at)}` }, clock(at));
}

function termsCell(order) {
  const terms = termsOf(order);
  const title = terms.map(([short, long]) => long ?? short).join(", ");
  return element("td", { class: "terms", title }, terms.map(([short]) => short).join(" · "));
}

// What an order says beside side, price and quantity: short, and in full where short is not plain.
function termsOf(order) {
  const { post_only: postOnly, display_quantity: display, minimum_quantity: minimum } = order;
  return [
    lifetimeOf(order),
    ...(postOnly ? [[postOnly === "slide" ? "post only, slides" : "post only"]] : []),
    ...(display ? [[`iceberg ${count(display)}`, `iceberg: shows ${count(display)} Mbps at a time`]] : []),
    ...(minimum ? [[`min ${count(minimum)}`, `at least ${count(minimum)} Mbps were to trade at once`]] : []),
    ...(order.reduce_only ? [["reduce only"]] : []),
    ...(order.forced ? [["forced"]] : []),
  ];
}

function lifetimeOf(order) {
  const lifetime = order.time_in_force;
  const expiry = lifetime === "gtd" ? expiryOf(order) : undefined;
  if (expiry === undefined) return lifetime === "gtd" ? ["GTD", "until a time"] : [lifetime.toUpperCase()];
  const at = new Date(expiry);
  return [`until ${hourMinute(at)}`, `until ${day(at)} ${clock(at)} UTC, ${localTime(at)}`];
}

function nameOf(order, decimals) {
  return `Cancel ${order.side} ${count(order.remaining_quantity)} Mbps at ${price(order.price, decimals)}`;
}

function signedCount(quantity) {
  return quantity.startsWith("-") ? `−${count(quantity.slice(1))}` : count(quantity);
}
