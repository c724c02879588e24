// The whole market in little: what is known of each window, as the channel `cells` tells it.

import { count, day, hourMinute, regionName, tierName } from "./format.js";

const TICKS = 1_000_000; // of a USD
const SHOWN_STATES = new Set(["open", "halted", "auction", "closing_auction"]);
const SYMBOL = /^([^.]+)\.(\w+)\.(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)Z\.(\w+)$/;
const DURATION = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/;

export class Cells {
  #bySymbol = new Map();
  #fields = [];
  #decimals = 0;
  #generation = 0; // of the set of windows

  get size() {
    return this.#bySymbol.size;
  }

  /** Changes whenever a window comes or goes. */
  get generation() {
    return this.#generation;
  }

  /** How many places prices need. */
  get decimals() {
    return this.#decimals;
  }

  get(symbol) {
    return this.#bySymbol.get(symbol);
  }

  all() {
    return this.#bySymbol.values();
  }

  /** Take a message of the channel in. The cells that changed, or null when all did. */
  take(message) {
    if (message.type === "snapshot") {
      this.#fields = message.fields;
      this.#bySymbol.clear();
      this.#generation += 1;
    }
    const changed = message.cells.map((row) => this.#put(row));
    return message.type === "snapshot" ? null : changed;
  }

  /** Whether a window, or what a ticker tells of one, is open to orders. */
  isShown({ state }) {
    return SHOWN_STATES.has(state);
  }

  /** When the next gate closes of a window that is delivered, in milliseconds since 1970; Infinity for never. */
  nextDeliveryGate() {
    let gate = Infinity;
    for (const cell of this.#bySymbol.values()) if (cell.is_delivered) gate = Math.min(gate, cell.gate);
    return gate * 1000;
  }

  #put(row) {
    const symbol = row[0];
    const known = this.#bySymbol.get(symbol);
    const cell = known ?? windowOf(symbol);
    this.#fields.forEach((name, index) => (cell[name] = row[index]));
    cell.mid = cell.bid && cell.ask ? (cell.bid + cell.ask) / 2 : (cell.bid ?? cell.ask ?? null);
    const isShown = this.isShown(cell);
    if (isShown !== Boolean(known)) this.#generation += 1;
    if (isShown) this.#bySymbol.set(symbol, cell);
    else this.#bySymbol.delete(symbol);
    this.#decimals = Math.max(this.#decimals, decimalsOfTicks(cell.price_step));
    return cell;
  }
}

/** A price in ticks with so many places. */
export function priceOfTicks(ticks, decimals) {
  return ticks === null ? "–" : (ticks / TICKS).toFixed(decimals);
}

/** A window and its prices in words, for those who listen. */
export function describe(cell, decimals) {
  const spoken = (ticks, lots) =>
    ticks === null ? "none" : `${priceOfTicks(ticks, decimals)}${lots ? ` for ${count(lots)}` : ""}`;
  return [
    `${regionName(cell.region)} ${tierName(cell.tier)}`,
    `${day(cell.start)} ${hourMinute(cell.start)}`,
    `bid ${spoken(cell.bid, cell.bid_quantity)}`,
    `ask ${spoken(cell.ask, cell.ask_quantity)}`,
    `last ${spoken(cell.last)}`,
    ...(cell.state === "open" ? [] : [cell.state.replace("_", " ")]),
  ].join(", ");
}

// What a symbol says of its window.
function windowOf(symbol) {
  const [, region, tier, year, month, date, hour, minute, length] = SYMBOL.exec(symbol);
  const [, days = 0, hours = 0, minutes = 0] = DURATION.exec(length);
  return {
    region,
    tier,
    start: new Date(Date.UTC(year, month - 1, date, hour, minute)),
    duration: days * 86_400 + hours * 3_600 + minutes * 60,
  };
}

function decimalsOfTicks(step) {
  let decimals = 6;
  for (let rest = step; decimals && rest % 10 === 0; rest /= 10) decimals -= 1;
  return decimals;
}
