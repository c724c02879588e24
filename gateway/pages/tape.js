// The tape: the latest trades, the newest first.

import { element } from "./dom.js";
import { count, localTime, preciseClock, price, symbolName } from "./format.js";

const ROWS_MAX = 80;

const TAKER_WORDS = { buy: "bought", sell: "sold" };

export class Tape {
  #place;
  #body = element("tbody");
  #note = element("p", { class: "note" });
  #table;
  #seen = new Set();
  #decimals = 0;

  constructor(place) {
    this.#place = place;
    const names = ["Time, UTC", "Window", "Price", "Quantity"];
    const heads = names.map((name) => element("th", { scope: "col", class: name === "Window" ? "window" : "" }, name));
    this.#table = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), this.#body);
    this.#place.append(this.#table, this.#note);
  }

  /** Begin anew: with the trades of one window, or with those of all of them. */
  clear(decimals, isWholeMarket) {
    this.#decimals = decimals;
    this.#place.classList.toggle("whole", isWholeMarket);
    this.#empty();
    this.say("Loading the trades");
  }

  /** Take in a message of the trades channel. */
  take(message) {
    if (message.type === "snapshot") this.#empty();
    const fresh = message.trades.filter(({ id }) => !this.#seen.has(id)).sort(byAge);
    for (const trade of fresh) {
      this.#seen.add(trade.id);
      this.#body.prepend(this.#row(trade));
    }
    while (this.#body.rows.length > ROWS_MAX) {
      this.#seen.delete(this.#body.lastChild.dataset.id);
      this.#body.lastChild.remove();
    }
    this.say(this.#body.rows.length ? "" : "No trade yet.");
  }

  /** A word in place of trades, or none. */
  say(text) {
    this.#note.textContent = text;
    this.#note.hidden = !text;
  }

  #empty() {
    this.#seen.clear();
    this.#body.replaceChildren();
  }

  #row(trade) {
    const row = element("tr", { "data-id": trade.id, class: trade.taker_side ?? "auction" });
    row.append(
      element("td", { title: localTime(new Date(trade.time)) }, preciseClock(new Date(trade.time))),
      element("td", { class: "window" }, symbolName(trade.symbol)),
      element("td", { class: "price", title: `trade ${trade.id}` }, price(trade.price, this.#decimals)),
      element("td", {}, count(trade.quantity)),
    );
    row.cells[2].prepend(element("span", { class: "taker" }, TAKER_WORDS[trade.taker_side] ?? "auction"));
    return row;
  }
}

// Snapshots are capped, so a trade's number is all that orders it: sequence, then index.
function byAge(one, other) {
  const [sequence, index] = one.id.split("-").map(Number);
  const [otherSequence, otherIndex] = other.id.split("-").map(Number);
  return sequence - otherSequence || index - otherIndex;
}
