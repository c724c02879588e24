// What a window's ticker says of its prices.

import { count, day, hourMinute, price, regionName, tierName } from "./format.js";

/** The middle of bid and ask, or the one there is; null without any. */
export function midOf(instrument) {
  if (!instrument) return null;
  const { best_bid: bid, best_ask: ask } = instrument;
  if (bid && ask) return (Number(bid) + Number(ask)) / 2;
  return bid || ask ? Number(bid || ask) : null;
}

/** A window and its prices in words, for those who listen. */
export function describe(instrument, decimals) {
  const start = new Date(instrument.start);
  return [
    `${regionName(instrument.region)} ${tierName(instrument.tier)}`,
    `${day(start)} ${hourMinute(start)}`,
    `bid ${spoken(instrument.best_bid, decimals, instrument.best_bid_quantity)}`,
    `ask ${spoken(instrument.best_ask, decimals, instrument.best_ask_quantity)}`,
    `last ${spoken(instrument.last_price, decimals)}`,
    ...(instrument.state === "halted" ? ["halted"] : []),
  ].join(", ");
}

function spoken(text, decimals, quantity) {
  if (!text) return "none";
  return quantity ? `${price(text, decimals)} for ${count(quantity)}` : price(text, decimals);
}
