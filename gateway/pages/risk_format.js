// Amounts and ratios for people; what the exchange sent in full is in the title of a cell.

import { NOTHING } from "./format.js";

const MONEY = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const PERCENT = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const RATIO_MAX = 1_000;
const STANDING_NAMES = { sound: "sound", margin_call: "margin call", liquidation: "liquidation", bankrupt: "bankrupt" };

export const STANDINGS = Object.keys(STANDING_NAMES);

export function usd(text) {
  return text === null || text === undefined ? NOTHING : MONEY.format(Number(text));
}

/** A ratio such as "0.250000" as 25.0 %; beyond a thousandfold it does not matter by how much. */
export function percent(text) {
  if (text === null) return NOTHING;
  return Number(text) > RATIO_MAX ? `> ${PERCENT.format(RATIO_MAX * 100)} %` : `${PERCENT.format(Number(text) * 100)} %`;
}

/** Parts of a million as a percentage. */
export function share(ppm) {
  return `${PERCENT.format(Number(ppm) / 10_000)} %`;
}

export function standingName(standing) {
  return STANDING_NAMES[standing] ?? standing;
}
