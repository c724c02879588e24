// The whole market in little: what is known of each window, as the channel `cells` tells it.

import { count, day, hourMinute, regionName, tierName } from "./format.js";

const TICKS = 1_000_000; // of a USD
const SHOWN_STATES = new Set(["open", "halted", "auction", "closing_auction"]);
const START = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)Z$/;
const DURATION = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/;

export class Cells {
  #bySymbol = new Map();
  #at = {}; // where in a row each field stands
  #starts = new Map();
  #durations = new Map();
  #lines = new Map();
  #decimals = 0;
  #isWhole = false;
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

  /** Take a message of the channel in. The cells that changed; null when all did, undefined when more of them follows. */
  take(message) {
    const isSnapshot = message.type === "snapshot";
    if (isSnapshot && message.part === 1) {
      this.#at = Object.fromEntries(message.fields.map((name, index) => [name, index]));
      this.#bySymbol.clear();
      this.#generation += 1;
    }
    const changed = message.cells.map((row) => this.#put(row));
    if (isSnapshot) this.#isWhole = message.part === message.parts;
    if (!this.#isWhole) return undefined;
    return isSnapshot ? null : changed;
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
    const at = this.#at;
    const symbol = row[at.symbol];
    const known = this.#bySymbol.get(symbol);
    const cell = known ?? this.#windowOf(symbol);
    cell.state = row[at.state];
    cell.bid = row[at.bid];
    cell.bid_quantity = row[at.bid_quantity];
    cell.ask = row[at.ask];
    cell.ask_quantity = row[at.ask_quantity];
    cell.last = row[at.last];
    cell.traded = row[at.traded];
    cell.gate = row[at.gate];
    cell.is_delivered = row[at.is_delivered];
    cell.mid = cell.bid && cell.ask ? (cell.bid + cell.ask) / 2 : (cell.bid ?? cell.ask ?? null);
    const isShown = this.isShown(cell);
    if (isShown !== Boolean(known)) this.#generation += 1;
    if (isShown) this.#bySymbol.set(symbol, cell);
    else this.#bySymbol.delete(symbol);
    if (!known) this.#decimals = Math.max(this.#decimals, decimalsOfTicks(row[at.price_step]));
    return cell;
  }

  // What a symbol says of its window. There are few regions, starts and lengths: each is read once.
  #windowOf(symbol) {
    const [region, tier, start, length] = symbol.split(".");
    return {
      ...{ symbol, region, tier, start: once(this.#starts, start, startOf), duration: once(this.#durations, length, secondsOf) },
      ...{ line: once(this.#lines, `${region} ${tier}`, (text) => text), row: -1, column: -1, text: null },
      ...{ state: "", bid: null, bid_quantity: null, ask: null, ask_quantity: null, last: null, traded: 0 },
      ...{ gate: 0, is_delivered: 0, mid: null },
    };
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

function once(known, text, read) {
  let value = known.get(text);
  if (value === undefined) known.set(text, (value = read(text)));
  return value;
}

function startOf(text) {
  const [, year, month, date, hour, minute] = START.exec(text);
  return new Date(Date.UTC(year, month - 1, date, hour, minute));
}

function secondsOf(text) {
  const [, days = 0, hours = 0, minutes = 0] = DURATION.exec(text);
  return days * 86_400 + hours * 3_600 + minutes * 60;
}

function decimalsOfTicks(step) {
  let decimals = 6;
  for (let rest = step; decimals && rest % 10 === 0; rest /= 10) decimals -= 1;
  return decimals;
}
