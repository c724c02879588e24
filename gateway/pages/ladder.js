// One window's order book: bids and asks side by side, best on top, with bars for the depth up to each price. A price is
// a button that fills the ticket; where own orders rest, their lots stand beside it with a cross that cancels them.

import { SIDES } from "./book.js";
import { drawing, element } from "./dom.js";
import { count, price, shortCount } from "./format.js";

const LEVELS = 10;
const LEVELS_ON_TALL_SCREENS = 12;
const TALL = matchMedia("(min-height: 960px)");
const TAKER_OF = { bids: "sell", asks: "buy" };
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class Ladder {
  #place;
  #book;
  #onPick;
  #onCancel;
  #rows = [];
  #note;
  #own = new Map();
  #decimals = 0;
  #isDrawDue = false;

  /** `onPick(side, price)` hears which price was chosen for which side, `onCancel(orders)` which own orders go. */
  constructor(place, book, { onPick, onCancel }) {
    this.#place = place;
    this.#book = book;
    this.#onPick = onPick;
    this.#onCancel = onCancel;
    this.#layOut();
    place.addEventListener("click", (event) => this.#onClick(event));
    place.addEventListener("keydown", (event) => this.#walk(event));
    TALL.addEventListener("change", () => this.#layOut());
  }

  /** Begin anew with another window. */
  clear(decimals) {
    this.#decimals = decimals;
    this.#own = new Map();
    this.say("Loading the book");
    this.#drawSoon();
  }

  /** Show the book as it is now. */
  show() {
    this.say(this.#book.totalLots ? "" : "Nobody bids or asks here now.");
    this.#drawSoon();
  }

  /** Mark own orders of the window at their prices. */
  mark(orders) {
    this.#own = Map.groupBy(orders, ({ side, price: at }) => `${side === "buy" ? "bids" : "asks"} ${at}`);
    this.#drawSoon();
  }

  /** A word in place of levels, or none. */
  say(text) {
    this.#note.textContent = text;
    this.#note.hidden = !text;
  }

  #layOut() {
    const number = TALL.matches ? LEVELS_ON_TALL_SCREENS : LEVELS;
    this.#rows = Array.from({ length: number }, () => ({ bids: levelRow("bids"), asks: levelRow("asks") }));
    this.#note = element("p", { class: "note" });
    const sides = SIDES.map((side) => sideTable(side, this.#rows.map((row) => row[side])));
    this.#place.replaceChildren(...sides, this.#note);
    this.say("");
    this.#drawSoon();
  }

  // A burst of changes is drawn once.
  #drawSoon() {
    if (this.#isDrawDue) return;
    this.#isDrawDue = true;
    requestAnimationFrame(() => {
      this.#isDrawDue = false;
      this.#draw();
    });
  }

  #draw() {
    const ladders = Object.fromEntries(SIDES.map((side) => [side, this.#book.levels(side, this.#rows.length)]));
    const deepest = Math.max(1, ...SIDES.map((side) => ladders[side].at(-1)?.total ?? 0));
    for (const [index, row] of this.#rows.entries()) {
      for (const side of SIDES) {
        drawLevel(row[side], ladders[side][index], deepest, this.#decimals);
        drawOwn(row[side], this.#own.get(`${side} ${ladders[side][index]?.price}`) ?? []);
      }
    }
    this.#keepFocusStop();
  }

  #onClick(event) {
    const row = this.#rowOf(event.target);
    if (!row?.price) return;
    if (event.target.closest(".own")) return this.#onCancel(row.orders);
    this.#onPick(TAKER_OF[row.side], row.price);
  }

  // The ladder is one stop of the Tab key; arrows walk its prices, Home goes to the best one.
  #walk(event) {
    const at = this.#rowOf(event.target);
    if (!at || !event.target.matches("button.level")) return;
    const index = this.#rows.findIndex((row) => row[at.side] === at);
    const [down, right] = STEPS[event.key] ?? [];
    const side = right ? SIDES[SIDES.indexOf(at.side) + right] : at.side;
    const target = event.key === "Home" ? this.#rows[0][side] : this.#rows[index + (down ?? NaN)]?.[side];
    if (!target?.price) return;
    event.preventDefault();
    this.#moveFocusStop(target.level);
    target.level.focus();
  }

  #rowOf(node) {
    const line = node.closest("tr");
    return this.#rows.flatMap((row) => SIDES.map((side) => row[side])).find((row) => row.line === line);
  }

  #keepFocusStop() {
    const stop = this.#place.querySelector("button.level[tabindex='0']");
    if (stop && !stop.disabled) return;
    const first = this.#place.querySelector("button.level:enabled");
    if (first) this.#moveFocusStop(first);
  }

  #moveFocusStop(button) {
    for (const stop of this.#place.querySelectorAll("button.level[tabindex='0']")) stop.tabIndex = -1;
    button.tabIndex = 0;
  }
}

function sideTable(side, rows) {
  const names = side === "bids" ? ["Total", "Quantity", "Bid"] : ["Ask", "Quantity", "Total"];
  const head = element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name))));
  const body = element("tbody", {}, ...rows.map(({ line }) => line));
  return element("table", { class: side, "aria-label": side }, head, body);
}

function levelRow(side) {
  const bar = drawing("rect", { width: 100, height: 10 });
  const frame = { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": true };
  const level = element("button", { type: "button", class: "level", tabindex: -1 });
  const own = element("button", { type: "button", class: "own", hidden: "" });
  const lots = element("span");
  const total = element("span");
  const cells = [
    element("td", { class: "price" }, level, drawing("svg", frame, bar)),
    element("td", {}, lots),
    element("td", { class: "total" }, own, total),
  ];
  const line = element("tr", {}, ...(side === "bids" ? cells.reverse() : cells));
  return { line, bar, side, level, own, lots, total, price: null, orders: [] };
}

function drawLevel(row, level, deepest, decimals) {
  row.price = level?.price ?? null;
  const shown = level ? price(level.price, decimals) : "";
  row.level.disabled = !level;
  if (row.level.textContent !== shown) {
    row.level.textContent = shown;
    row.level.setAttribute("aria-label", level ? `${TAKER_OF[row.side]} at ${shown}` : "");
  }
  row.lots.textContent = level ? count(level.quantity) : "";
  row.total.textContent = level ? shortCount(level.total) : "";
  const width = level ? (100 * level.total) / deepest : 0;
  row.bar.setAttribute("width", width);
  row.bar.setAttribute("x", row.side === "bids" ? 100 - width : 0);
}

function drawOwn(row, orders) {
  row.orders = orders;
  row.own.hidden = !orders.length;
  row.line.classList.toggle("mine", orders.length > 0);
  if (!orders.length) return row.own.replaceChildren();
  const lots = shortCount(orders.reduce((sum, order) => sum + Number(order.remaining_quantity), 0));
  if (row.own.textContent === `${lots} ×`) return undefined;
  row.own.textContent = `${lots} ×`;
  const what = `Cancel own ${orders[0].side} of ${lots} Mbps at ${row.level.textContent}`;
  row.own.title = what;
  row.own.setAttribute("aria-label", what);
  return undefined;
}
