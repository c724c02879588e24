// The order ticket: what is to be placed in the chosen window, what it would come to, and what became of it.

import { isAgreed } from "./confirm.js";
import { element } from "./dom.js";
import { noteExpiry } from "./expiries.js";
import { count, price, symbolName } from "./format.js";
import { newId, NotThere } from "./order_entry.js";
import { Preview } from "./preview.js";
import { session } from "./session.js";
import { termFields, termsInWords, TicketTerms } from "./ticket_terms.js";
import { lotsOf, priceOf, ticksOf } from "./units.js";

export const LARGE_SHARE = 0.25; // of all lots in the book: more is asked about once more
const PER_CENT = 100;
/** Fields of the form by what the exchange calls them when it refuses. */
const FIELDS = {
  ...{ price: "price", quantity: "lots", side: "side", time_in_force: "lifetime", type: "lifetime", expires_time: "expires" },
  ...{ post_only: "post_only", display_quantity: "display", minimum_quantity: "minimum", reduce_only: "reduce_only" },
  self_trade: "self_trade",
};
const DONE = { buy: "Bought", sell: "Sold" };
const $ = (id) => document.getElementById(id);

export class Ticket {
  #form = $("ticket");
  #book;
  #account;
  #entry;
  #onWindow;
  #preview;
  #terms;
  #instrument = null;
  #decimals = 0;
  #isBusy = false;
  #wanted = null; // what is to be filled in once another window is there

  /** `onWindow(symbol)` hears that an alternative in another window was chosen. */
  constructor(book, account, entry, onWindow) {
    this.#book = book;
    this.#account = account;
    this.#entry = entry;
    this.#onWindow = onWindow;
    this.#preview = new Preview($("preview"), book);
    this.#terms = new TicketTerms(this.#form);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.#form.addEventListener("input", () => this.#edited());
    $("ticket-up").addEventListener("click", () => this.stepPrice(1));
    $("ticket-down").addEventListener("click", () => this.stepPrice(-1));
    $("ticket-sign-in").addEventListener("click", () => session.ask());
    account.addEventListener("change", () => {
      this.#paint();
      this.#preview.renew();
    });
  }

  /** Begin with another window; the lots stay, a price means nothing there. */
  open(instrument, decimals) {
    this.#instrument = instrument;
    this.#decimals = decimals;
    this.#form.price.value = "";
    this.#clearAnswers();
    this.show(instrument);
    const wanted = this.#wanted;
    this.#wanted = null;
    if (wanted?.symbol === instrument.symbol) this.fill(wanted);
  }

  /** Bring terms and preview up to date with the window and its book. */
  show(instrument) {
    if (!instrument) return;
    this.#instrument = instrument;
    const { price_step: step, quantity_step: lotStep, quantity_max: most, band_low: low, band_high: high } = instrument;
    const decimals = this.#decimals;
    $("ticket-price-limits").textContent = `${price(low, decimals)} – ${price(high, decimals)} by ${price(step, 0)}`;
    $("ticket-lots-limits").textContent = `up to ${count(most)} by ${count(lotStep)}`;
    this.#form.price.placeholder = price(instrument.mark_price, decimals);
    this.#terms.show(instrument);
    this.#paint();
  }

  /** Take over a price, a side, or lots. */
  fill({ side, at, lots }) {
    if (side) this.#form.side.value = side;
    if (at) this.#form.price.value = price(at, this.#decimals);
    if (lots) this.#form.lots.value = lots;
    this.#edited();
    const next = this.#form.lots.value ? this.#form.price : this.#form.lots;
    next.focus({ preventScroll: true });
  }

  setSide(side) {
    this.#form.side.value = side;
    this.#edited();
  }

  /** Move the price by so many steps; where there is none it begins at the best of the own side, or at the mark. */
  stepPrice(steps) {
    const instrument = this.#instrument;
    if (!instrument) return;
    const step = ticksOf(instrument.price_step);
    const own = this.#form.side.value === "buy" ? instrument.best_bid : instrument.best_ask;
    const now = ticksOf(this.#form.price.value);
    const first = Math.round(ticksOf(own ?? instrument.mark_price) / step) * step;
    const next = now === null ? first : now + steps * step;
    this.#form.price.value = price(priceOf(Math.max(step, next)), this.#decimals);
    this.#edited();
  }

  /** Place what the ticket says, after a question if it is much of the book. */
  async submit() {
    if (this.#isBusy || !this.#instrument) return;
    if (!this.#account.name) return void session.ask();
    const order = this.#read(true);
    if (!order) return;
    const warning = this.#warning(order);
    if (warning && !(await isAgreed(this.#question(order), warning, "Place the order"))) return;
    const clientId = newId();
    if (order.expires !== null) noteExpiry(clientId, order.expires);
    await this.#send({
      symbol: order.symbol,
      side: order.side,
      price: priceOf(order.ticks),
      quantity: String(order.lots),
      ...termFields(order),
      client_id: clientId,
      alternatives: true,
    });
  }

  async #send(body) {
    this.#clearAnswers();
    this.#setBusy(true);
    this.#say("Sending …", "pending");
    try {
      this.#tell(await this.#entry.place(body, (text) => this.#say(text, "doubt")));
    } catch (error) {
      this.#refuse(error, body);
    }
    this.#setBusy(false);
  }

  // What became of it

  #tell(order) {
    const { side, status, filled_quantity: filled, remaining_quantity: left, average_price: average } = order;
    const at = average ? ` at ${price(average, this.#decimals)}` : "";
    const traded = Number(filled) ? `${DONE[side]} ${count(filled)} Mbps${at}. ` : "";
    if (status === "open") {
      return this.#say(`${traded}${count(left)} Mbps working at ${price(order.price, this.#decimals)}.`, "good");
    }
    if (status === "filled") return this.#say(traded.trim(), "good");
    this.#say(`${traded}${traded ? "The rest" : "The order"} came to nothing: ${inWords(order.reason)}.`, "bad");
    return this.#offer(order.alternatives);
  }

  #refuse(error, body) {
    const field = FIELDS[error.param];
    const code = error.code ? ` (${error.code})` : "";
    if (field) this.#mark(field, `${error.message}${code}`);
    this.#say(field ? "Refused." : `${asSentence(error.message)}${code}`, "bad");
    this.#offer(error.alternatives);
    if (error instanceof NotThere && error.isSure) this.#choice("Send it again", () => this.#send(body));
  }

  #offer(alternatives) {
    if (!alternatives) return;
    const { largest_quantity: largest, windows } = alternatives;
    if (Number(largest)) this.#choice(`Take ${count(largest)} Mbps instead`, () => this.fill({ lots: largest }));
    else if (largest === "0") this.#choiceText("No quantity would pass at this price.");
    for (const each of windows) {
      const label = `${count(each.quantity)} Mbps at ${price(each.price, this.#decimals)} in ${symbolName(each.symbol)}`;
      this.#choice(label, () => {
        this.#wanted = { symbol: each.symbol, at: each.price };
        this.#onWindow(each.symbol);
      });
    }
  }

  #choice(text, onChoose) {
    const button = element("button", { type: "button" }, text);
    button.addEventListener("click", () => {
      this.#clearAnswers();
      onChoose();
    });
    $("ticket-choices").append(button);
  }

  #choiceText(text) {
    $("ticket-choices").append(element("span", {}, text));
  }

  // What the ticket says

  /** The order as integers, or null where something is missing; which is said if `isComplaining`. */
  #read(isComplaining) {
    const form = this.#form;
    const ticks = ticksOf(form.price.value.trim());
    const lots = lotsOf(form.lots.value.trim());
    if (isComplaining && ticks === null) this.#mark("price", "a price in USD per Mbps-hour, such as 0.0405");
    if (isComplaining && lots === null) this.#mark("lots", "a whole number of Mbps");
    const terms = this.#terms.read(isComplaining ? (field, text) => this.#mark(field, text) : null);
    if (ticks === null || lots === null || !terms) return null;
    return { symbol: this.#instrument.symbol, side: form.side.value, ticks, lots, ...terms };
  }

  #question(order) {
    const terms = termsInWords(order);
    return `${this.#title(order)}${terms ? `, ${terms}` : ""}?`;
  }

  #title({ side, lots, ticks }) {
    return `${side === "buy" ? "Buy" : "Sell"} ${count(lots)} Mbps at ${price(priceOf(ticks), this.#decimals)}`;
  }

  #warning({ lots }) {
    const total = this.#book.totalLots;
    if (!total) return "Nobody bids or asks here now, so no other order tells whether the price is near the market.";
    const share = Math.round((PER_CENT * lots) / total);
    if (lots <= LARGE_SHARE * total) return "";
    const limit = LARGE_SHARE * PER_CENT;
    return `That is ${count(share)} % of the ${count(total)} Mbps in the whole book; more than ${limit} % is asked about.`;
  }

  #edited() {
    this.#clearAnswers();
    this.#terms.edited();
    this.#paint();
  }

  #paint() {
    const isSignedIn = Boolean(this.#account.name);
    const side = this.#form.side.value;
    $("ticket-submit").hidden = !isSignedIn;
    $("ticket-sign-in").hidden = isSignedIn;
    $("ticket-submit").dataset.side = side;
    const order = this.#instrument && this.#read(false);
    $("ticket-submit").textContent = order ? this.#title(order) : side === "buy" ? "Buy" : "Sell";
    if (!this.#instrument) return;
    const position = isSignedIn ? Number(this.#account.positions.get(this.#instrument.symbol)?.quantity ?? 0) : null;
    this.#preview.show(order, this.#instrument, { position, decimals: this.#decimals });
  }

  #setBusy(isBusy) {
    this.#isBusy = isBusy;
    $("ticket-submit").disabled = isBusy;
    this.#form.toggleAttribute("aria-busy", isBusy);
  }

  #mark(field, text) {
    const input = this.#form[field];
    $(`ticket-${field}-error`).textContent = text;
    this.#terms.reveal(field);
    if (input instanceof HTMLElement) {
      input.setAttribute("aria-invalid", "true");
      input.focus({ preventScroll: true });
    }
  }

  #say(text, kind) {
    $("ticket-say").textContent = text;
    $("ticket-say").dataset.kind = kind;
    if (text) $("ticket-say").scrollIntoView({ block: "nearest" });
  }

  #clearAnswers() {
    if (this.#isBusy) return;
    this.#say("", "");
    $("ticket-choices").replaceChildren();
    for (const place of this.#form.querySelectorAll(".field-error")) place.textContent = "";
    for (const input of this.#form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  }
}

function inWords(code) {
  return code ? code.replaceAll("_", " ") : "no reason was told";
}

function asSentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
