// Disputes, corrections, and the allocations of a window. Everybody sees how many there are of which window; risk staff see whose they are, and act.

import { money, ownSlots, stage } from "./delivery_format.js";
import { element } from "./dom.js";
import { count, NOTHING, symbolName } from "./format.js";
import { act, actions } from "./risk_actions.js";
import { actionButton, moment, table } from "./risk_table.js";

const PUBLIC_HEADINGS = [["Window, UTC", true], ["Disputed", false], ["Of allocations", false], ["Corrected, USD", false]];
const STAFF_HEADINGS = [
  ["Allocation", false],
  ["Window, UTC", true],
  ["Buyer", true],
  ["Provider", true],
  ["Sold, Mbps", false],
  ["Delivered", false],
  ["", true],
];
const ALLOCATION_HEADINGS = [
  ["Allocation", false],
  ["Buyer", true],
  ["Provider", true],
  ["State", true],
  ["Slots", true],
  ["Sold, Mbps", false],
  ["Delivered, Mbps × slots", false],
  ["Paid, USD", false],
  ["Refunded, USD", false],
  ["To buyer, USD", false],
  ["To fund, USD", false],
  ["Dispute", true],
  ["", true],
];
const CORRECTION_HEADINGS = [
  ["Time, UTC", true],
  ["Allocation", false],
  ["Slot", false],
  ["Change, Mbps", false],
  ["Moved, USD", false],
  ["Reason", true],
];

/** What everybody may know: windows with open disputes, or with corrections. */
export function publicDisputes(windows) {
  const touched = windows.filter(({ disputed, corrected }) => disputed || Number(corrected));
  const rows = touched.map(({ symbol, disputed, allocations, corrected }) => [
    element("span", { title: symbol }, symbolName(symbol)),
    disputed ? count(disputed) : NOTHING,
    count(allocations),
    money(corrected),
  ]);
  return table(PUBLIC_HEADINGS, rows, "Nothing is disputed, and nothing was corrected.");
}

/** Open disputes as risk staff see them, with what they can do about each. */
export function staffDisputes(disputed) {
  const rows = disputed.map((row) => [
    String(row.allocation),
    element("span", { title: row.symbol }, symbolName(row.symbol)),
    row.buyer,
    row.provider,
    count(row.quantity),
    count(row.delivered),
    correctButton(row.allocation),
  ]);
  return table(STAFF_HEADINGS, rows, "Nothing is disputed.");
}

/** All allocations of a window as risk staff see them; null while none is chosen. */
export function allocationsTable(allocations) {
  if (!allocations) return element("p", { class: "note" }, "Choose a window to see whose allocations it has.");
  const rows = allocations.map((row) => [
    String(row.allocation),
    row.buyer,
    row.provider,
    stage(row.state),
    ownSlots(row),
    count(row.quantity),
    count(row.delivered),
    ...[row.paid, row.refunded, row.replacement, row.shortfall_fee].map(money),
    row.is_disputed ? "disputed" : NOTHING,
    correctButton(row.allocation),
  ]);
  return table(ALLOCATION_HEADINGS, rows, "Nothing of this window was allocated.");
}

export function correctionsTable(corrections) {
  const rows = corrections.map((row) => [
    moment(row.time),
    String(row.allocation),
    String(row.slot),
    `${row.change > 0 ? "+" : ""}${count(row.change)}`,
    money(row.amount),
    row.reason || NOTHING,
  ]);
  return table(CORRECTION_HEADINGS, rows, "Nothing was corrected.");
}

function correctButton(allocation) {
  const action = actions.correct();
  const fields = action.fields.map((field) => (field.name === "allocation" ? { ...field, value: allocation } : field));
  const button = actionButton("Correct…", () => act({ ...action, fields }));
  button.setAttribute("aria-label", `Correct allocation ${allocation}`);
  return button;
}
