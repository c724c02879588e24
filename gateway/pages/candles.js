// Candles of the chosen window with their volume, live from the channel `candles`.

import { localTime, price } from "./format.js";
import { faded } from "./plotting.js";

const CANDLES_KEPT = 300; // as many as the exchange keeps
const CANDLES_IN_SIGHT = 45;
const LENGTHS_MS = { "1m": 60_000, "5m": 300_000, "1h": 3_600_000 };

export class Candles {
  #candles = new Map();

  clear() {
    this.#candles.clear();
  }

  /** Take in a message of the channel. */
  take(message) {
    if (message.type === "snapshot") this.#candles.clear();
    for (const candle of message.candles) this.#candles.set(candle.start, candle);
    for (const start of this.#candles.keys()) {
      if (this.#candles.size <= CANDLES_KEPT) break;
      this.#candles.delete(start);
    }
  }

  /** What to draw, or null where nothing traded. */
  figure(interval, colour, decimals) {
    const candles = [...this.#candles.values()];
    if (!candles.length) return null;
    const part = (name) => candles.map((candle) => Number(candle[name]));
    const x = candles.map(({ start }) => utcText(Date.parse(start)));
    const toned = candles.map(({ open, close }) => faded(Number(close) < Number(open) ? colour.ask : colour.bid));
    const prices = {
      type: "candlestick",
      name: "Price",
      x,
      ...Object.fromEntries(["open", "high", "low", "close"].map((name) => [name, part(name)])),
      text: candles.map(({ start, trades }) => `${localTime(new Date(start))}, ${trades} trades`),
      increasing: { line: { color: colour.bid, width: 1 }, fillcolor: colour.bid },
      decreasing: { line: { color: colour.ask, width: 1 }, fillcolor: colour.ask },
    };
    const volume = {
      type: "bar",
      name: "Mbps",
      x,
      y: part("quantity"),
      yaxis: "y2",
      marker: { color: toned },
      hovertemplate: "%{y:,}",
    };
    const last = candles.at(-1);
    const range = [-CANDLES_IN_SIGHT, 1].map((steps) => utcText(Date.parse(last.start) + steps * LENGTHS_MS[interval]));
    return {
      data: [prices, volume],
      layout: {
        xaxis: { type: "date", anchor: "y2", range, rangeslider: { visible: false }, hoverformat: "%d %b %H:%M UTC" },
        yaxis: { domain: [0.26, 1], side: "right", tickformat: `.${decimals}f` },
        yaxis2: { domain: [0, 0.2], side: "right", nticks: 3, fixedrange: true, tickformat: "~s" },
        bargap: 0.25,
      },
      label:
        `${candles.length} candles up to ${last.start}: ` +
        `the last one closed at ${price(last.close, decimals)} USD per Mbps-hour`,
    };
  }
}

// The library knows no time zones, and draws what it is told.
function utcText(milliseconds) {
  return new Date(milliseconds).toISOString().replace("Z", "");
}
