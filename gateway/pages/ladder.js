// One window's order book: bids and asks side by side, best on top, with bars for the depth up to each price.

import { drawing, element } from "./dom.js";
import { count, price, shortCount } from "./format.js";

const SIDES = ["bids", "asks"];
const LEVELS = 10;
const LEVELS_ON_TALL_SCREENS = 16;
const TALL = matchMedia("(min-height: 960px)");

export class Ladder {
  #place;
  #rows = [];
  #note;
  #book = emptyBook();
  #sequence = -1;
  #decimals = 0;
  #isDrawDue = false;

  constructor(place) {
    this.#place = place;
    this.#layOut();
    TALL.addEventListener("change", () => this.#layOut());
  }

  /** Begin anew with another window. */
  clear(decimals) {
    this.#decimals = decimals;
    this.#book = emptyBook();
    this.#sequence = -1;
    this.say("Loading the book");
    this.#drawSoon();
  }

  /** Take in a message of the book channel; false when it does not follow the last one and a snapshot is needed. */
  take(message) {
    if (message.type === "snapshot") {
      this.#book = emptyBook();
    } else if (message.previous_sequence !== this.#sequence) {
      return false;
    }
    this.#sequence = message.sequence;
    for (const side of SIDES) {
      for (const [level, quantity] of message[side]) {
        if (Number(quantity)) this.#book[side].set(level, Number(quantity));
        else this.#book[side].delete(level);
      }
    }
    this.say(this.#book.bids.size + this.#book.asks.size ? "" : "Nobody bids or asks here now.");
    this.#drawSoon();
    return true;
  }

  /** A word in place of levels, or none. */
  say(text) {
    this.#note.textContent = text;
    this.#note.hidden = !text;
  }

  #layOut() {
    const count = TALL.matches ? LEVELS_ON_TALL_SCREENS : LEVELS;
    this.#rows = Array.from({ length: count }, () => ({ bids: levelRow("bids"), asks: levelRow("asks") }));
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
    const ladders = Object.fromEntries(SIDES.map((side) => [side, this.#levels(side)]));
    const deepest = Math.max(1, ...SIDES.map((side) => ladders[side].at(-1)?.total ?? 0));
    for (const [index, row] of this.#rows.entries()) {
      for (const side of SIDES) drawLevel(row[side], ladders[side][index], deepest, this.#decimals);
    }
  }

  #levels(side) {
    const sign = side === "bids" ? -1 : 1;
    const sorted = [...this.#book[side]].sort(([one], [other]) => sign * (Number(one) - Number(other)));
    let total = 0;
    return sorted.slice(0, this.#rows.length).map(([level, quantity]) => {
      total += quantity;
      return { level, quantity, total };
    });
  }
}

function emptyBook() {
  return { bids: new Map(), asks: new Map() };
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
  const level = element("span");
  const quantity = element("td");
  const total = element("td", { class: "total" });
  const cells = [element("td", { class: "price" }, level, drawing("svg", frame, bar)), quantity, total];
  const line = element("tr", {}, ...(side === "bids" ? cells.reverse() : cells));
  return { line, bar, side, level, quantity, total };
}

function drawLevel(row, level, deepest, decimals) {
  row.level.textContent = level ? price(level.level, decimals) : "";
  row.quantity.textContent = level ? count(level.quantity) : "";
  row.total.textContent = level ? shortCount(level.total) : "";
  const width = level ? (100 * level.total) / deepest : 0;
  row.bar.setAttribute("width", width);
  row.bar.setAttribute("x", row.side === "bids" ? 100 - width : 0);
}
