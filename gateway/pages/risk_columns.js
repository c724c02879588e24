// What the grid of accounts has as columns, and how what the exchange tells becomes rows of it.

const MICRO = 1_000_000;
const TWO_PLACES = { number_format: { minimumFractionDigits: 2, maximumFractionDigits: 2 } };
const ONE_PLACE = { number_format: { minimumFractionDigits: 1, maximumFractionDigits: 1 } };
const SHORT = { number_format: { notation: "compact", maximumFractionDigits: 1 } }; // millions of a per cent are sound
const WHOLE = { number_format: { maximumFractionDigits: 0, useGrouping: "always" } };
const NOWHERE = "none";
export const NOT_SHOCKED = "";

/** Headings with their units; the type is Perspective's, the format that of a column's cells. */
const COLUMNS = {
  id: { type: "integer" },
  Account: { type: "string" },
  State: { type: "string" },
  "Equity USD": { type: "float", format: TWO_PLACES },
  "Required USD": { type: "float", format: TWO_PLACES },
  "Maintenance USD": { type: "float", format: TWO_PLACES },
  "Excess USD": { type: "float", format: TWO_PLACES },
  "Distance %": { type: "float", format: SHORT },
  "Used %": { type: "float", format: ONE_PLACE },
  "Cash USD": { type: "float", format: TWO_PLACES },
  "Added USD": { type: "float", format: TWO_PLACES },
  Orders: { type: "integer", format: WHOLE },
  Positions: { type: "integer", format: WHOLE },
  Region: { type: "string" },
  "Largest contributor": { type: "string" },
  Kind: { type: "string" },
  Group: { type: "integer", format: WHOLE },
  Blocked: { type: "string" },
  "After shock": { type: "string" },
  "Equity after USD": { type: "float", format: TWO_PLACES },
  "Excess after USD": { type: "float", format: TWO_PLACES },
};

export const SCHEMA = Object.fromEntries(Object.entries(COLUMNS).map(([name, { type }]) => [name, type]));
export const FORMATS = Object.fromEntries(
  Object.entries(COLUMNS).flatMap(([name, { format }]) => (format ? [[name, format]] : [])),
);
/** What a threshold can be set on. */
export const MEASURES = ["Distance %", "Used %", "Equity USD", "Excess USD", "Orders"];
const STATE_TEXT = { sound: "sound", margin_call: "called", liquidation: "in liquidation", bankrupt: "bankrupt" };

export function stateText(standing) {
  return STATE_TEXT[standing] ?? standing;
}

/** Names of accounts, as columns. */
export function ofNames({ account_id: id, name, group }) {
  return { id, Account: name, Group: group, "After shock": id.map(() => NOT_SHOCKED) };
}

/** Money and standing, as columns: micro-USD become USD, and what follows from them is worked out. */
export function ofFigures(told) {
  const money = (name) => told[name].map((micro) => micro / MICRO);
  const above = told.equity_micro.map((equity, at) => (equity - told.maintenance_micro[at]) / MICRO);
  return {
    id: told.account_id,
    State: told.state.map(stateText),
    "Equity USD": money("equity_micro"),
    "Required USD": money("margin_micro"),
    "Maintenance USD": money("maintenance_micro"),
    "Excess USD": above,
    "Distance %": told.maintenance_micro.map((needed, at) => (needed ? (above[at] * MICRO * 100) / needed : null)),
    "Used %": told.equity_micro.map((equity, at) => (equity > 0 ? (told.margin_micro[at] * 100) / equity : null)),
    "Cash USD": money("cash_micro"),
    "Added USD": money("add_on_micro"),
    Kind: told.kind.map((kind) => kind.replace("_", " ")),
    Blocked: told.is_blocked.map((isBlocked) => (isBlocked ? "blocked" : "")),
  };
}

/** Orders, positions and what most is required for, as columns. */
export function ofStakes(told) {
  return {
    id: told.account_id,
    Orders: told.open_orders,
    Positions: told.positions,
    Region: told.region.map((region) => region ?? NOWHERE),
    "Largest contributor": told.contributor.map((symbol) => symbol ?? NOWHERE),
  };
}

/** What a move of forwards would do to accounts, as columns. */
export function ofShock(accounts) {
  return {
    id: accounts.map((each) => each.account_id),
    "After shock": accounts.map((each) => stateText(each.standing_after)),
    "Equity after USD": accounts.map((each) => Number(each.equity_after)),
    "Excess after USD": accounts.map((each) => Number(each.distance_after)),
  };
}

/** The same columns for accounts of which it is no longer true. */
export function withoutShock(ids) {
  const nothing = ids.map(() => null);
  return {
    id: ids,
    "After shock": ids.map(() => NOT_SHOCKED),
    "Equity after USD": nothing,
    "Excess after USD": nothing,
  };
}
