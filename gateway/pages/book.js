// One window's order book, as the channel `book` tells it.

import { ticksOf } from "./units.js";

export const SIDES = ["bids", "asks"];
const AGAINST = { buy: "asks", sell: "bids" };

export class Book {
  #sides = emptySides();
  #sequence = -1;
  #totalLots = 0;

  /** All that rests, on both sides. */
  get totalLots() {
    return this.#totalLots;
  }

  /** Begin anew with another window. */
  clear() {
    this.#sides = emptySides();
    this.#sequence = -1;
    this.#totalLots = 0;
  }

  /** Take in a message of the channel; false when it does not follow the last one and a snapshot is needed. */
  take(message) {
    if (message.type === "snapshot") {
      this.clear();
    } else if (message.previous_sequence !== this.#sequence) {
      return false;
    }
    this.#sequence = message.sequence;
    for (const side of SIDES) {
      for (const [price, quantity] of message[side]) this.#put(this.#sides[side], price, Number(quantity));
    }
    return true;
  }

  /** The levels of a side, best first, each with its `ticks` and the `total` of lots up to it. */
  levels(side, count = Infinity) {
    const sign = side === "bids" ? -1 : 1;
    const sorted = [...this.#sides[side].values()].sort((one, other) => sign * (one.ticks - other.ticks));
    let total = 0;
    return sorted.slice(0, count).map((level) => ({ ...level, total: (total += level.quantity) }));
  }

  /** What an order of a side would trade at once, up to its limit: `[{ ticks, lots }]`, best first. */
  matches(side, limitTicks, lots) {
    const sign = side === "buy" ? 1 : -1;
    const matches = [];
    for (const { ticks, quantity } of this.levels(AGAINST[side])) {
      if (lots <= 0 || sign * (ticks - limitTicks) > 0) break;
      matches.push({ ticks, lots: Math.min(lots, quantity) });
      lots -= quantity;
    }
    return matches;
  }

  #put(levels, price, quantity) {
    this.#totalLots += quantity - (levels.get(price)?.quantity ?? 0);
    if (quantity) levels.set(price, { price, ticks: ticksOf(price), quantity });
    else levels.delete(price);
  }
}

function emptySides() {
  return { bids: new Map(), asks: new Map() };
}
