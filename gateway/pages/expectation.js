// What an order would come to against the book as the page has it: others may be faster, and hidden lots are not seen.

import { priceOf, ticksOf } from "./units.js";

const RESTING = new Set(["gtc", "gtd"]);
const FINE = { refusal: "", end: "" };

/**
 * The lots and the limit that are left of an order once its terms are applied, what of it trades at once, and what
 * rests. `refusal` tells why it would be none, `end` why none of it would trade or rest; both are "" for most.
 * `position` is what the account has in the window, in lots, null where that is not known.
 */
export function expectationOf(order, book, { price_step: step }, position) {
  const lots = order.isReduceOnly && position !== null ? Math.min(order.lots, closing(order.side, position)) : order.lots;
  if (!lots) return nothing(order, { refusal: "nothing held to reduce" });
  const best = book.matches(order.side, order.ticks, 1)[0];
  if (order.postOnly && best) return posted(order, lots, best.ticks, ticksOf(step));
  const matches = book.matches(order.side, order.ticks, lots);
  const atOnce = matches.reduce((sum, match) => sum + match.lots, 0);
  const needed = order.lifetime === "fok" ? order.lots : order.minimumLots;
  if (atOnce < needed) return nothing(order, { end: "too few to trade with" });
  return { lots, ticks: order.ticks, matches, atOnce, rests: RESTING.has(order.lifetime) ? lots - atOnce : 0, ...FINE };
}

// An order that must not take: refused where it would, or one step away from the best of the other side.
function posted(order, lots, bestTicks, stepTicks) {
  if (order.postOnly === "reject") return nothing(order, { refusal: "post only would trade" });
  const ticks = order.side === "buy" ? bestTicks - stepTicks : bestTicks + stepTicks;
  if (ticks <= 0) return nothing(order, { refusal: "post only would trade" });
  return { lots, ticks, matches: [], atOnce: 0, rests: lots, ...FINE };
}

function nothing({ lots, ticks }, why) {
  return { lots, ticks, matches: [], atOnce: 0, rests: 0, ...FINE, ...why };
}

// Of a position, what an order of this side would close.
function closing(side, position) {
  return Math.max(0, side === "buy" ? -position : position);
}

/** The order that what-if is asked about, with the price and the quantity that would be left of it. */
export function questionOf({ symbol, side }, { ticks, lots }) {
  return { symbol, side, price: priceOf(ticks), quantity: String(lots) };
}
