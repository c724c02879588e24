// Parts that tables of deliveries share: stages, windows, amounts, and slots as a strip of small bars.

import { drawing, element } from "./dom.js";
import { count, hourMinute, localTime, NOTHING, regionName, tierName, windowName } from "./format.js";
import { nanoOf, usd } from "./units.js";

export const SLOTS_SHOWN = 48;
const STEP = 9; // from one bar to the next, of which a part is the gap
const BAR = 7;
const HEIGHT = 24;
const STRIP_MAX = 260; // wider ones are squeezed
const TOLD_MAX = 5;
const STAGES = {
  gate_closed: ["sold", "The gate has closed; delivery begins with the window"],
  delivering: ["delivering", "Measured slot by slot, and paid for as it is measured"],
  settling: ["settling", "The window is over; there is still time for disputes"],
  settled: ["settled", "All money has moved"],
};

export function stage(state) {
  const [word, meaning] = STAGES[state] ?? [state.replaceAll("_", " "), ""];
  return element("span", { class: "stage", "data-state": state, title: meaning }, word);
}

/** A window in UTC; in the reader's own time on hover. */
export function windowLabel(delivery) {
  const { region, tier, start, end } = delivery;
  const title = `${localTime(new Date(start))} – ${localTime(new Date(end))}`;
  return element(
    "span",
    { class: "window" },
    element("b", {}, regionName(region)),
    element("abbr", { class: `tier ${tier}`, title: tierName(tier) }, tier.toUpperCase()),
    element("time", { datetime: start, title }, windowName(delivery)),
  );
}

/** An amount as the exchange writes it, for people; in full on hover. Nothing is told of nothing. */
export function money(text) {
  const nano = nanoOf(text);
  return element("span", { title: `${text} USD` }, nano ? usd(nano) : NOTHING);
}

/** Parts of a million, cut and not rounded: what is not quite all is never shown as all. */
export function percent(ppm) {
  return `${(Math.floor(ppm / 1_000) / 10).toFixed(1)} %`;
}

/** Parts of a million of all that was measured in these windows; null before anything was. */
export function cameOf(rows) {
  const known = rows.filter(({ delivered_ppm: ppm }) => ppm !== null);
  const weightOf = ({ quantity, settled_slots: settled }) => Number(quantity) * settled;
  const weight = known.reduce((sum, row) => sum + weightOf(row), 0);
  const came = known.reduce((sum, row) => sum + weightOf(row) * row.delivered_ppm, 0);
  return weight ? came / weight : null;
}

/**
 * Slots as bars beside each other, each as high as what was sold. A slot is { name, sold, measured, delivered, remark },
 * without `measured` when it is to come.
 */
export function slotStrip(slots, total) {
  const width = Math.max(slots.length * STEP, 1);
  const attributes = { class: "slots", viewBox: `0 0 ${width} ${HEIGHT}`, width: Math.min(width, STRIP_MAX), height: HEIGHT };
  const named = { preserveAspectRatio: "none", role: "img", "aria-label": spoken(slots, total) };
  return drawing("svg", { ...attributes, ...named }, ...slots.map(bar));
}

/** The slots of one allocation that are settled, the latest of them. */
export function ownSlots({ slots, quantity }) {
  const first = Math.max(slots.length - SLOTS_SHOWN, 0);
  const bars = slots.slice(first).map(({ outcome, delivered }, at) => ({
    name: `Slot ${first + at}`,
    sold: Number(quantity),
    measured: outcome === "silent" ? 0 : Number(quantity),
    delivered: Number(delivered),
    remark: outcome === "measured" ? "" : outcome.replaceAll("_", " "),
  }));
  return bars.length ? slotStrip(bars, `${slots.length} slots are settled`) : "none yet";
}

/** "Slot 3, 14:30 UTC" of a window of so many equal slots. */
export function slotName({ start, end }, slots, slot) {
  const first = Date.parse(start);
  const length = (Date.parse(end) - first) / slots;
  return `Slot ${slot}, ${hourMinute(new Date(first + slot * length))}–${hourMinute(new Date(first + (slot + 1) * length))} UTC`;
}

function bar(slot, at) {
  const { sold, measured, delivered } = slot;
  const heightOf = (lots) => (sold ? (HEIGHT * Math.min(lots, sold)) / sold : 0);
  const isComing = measured === undefined;
  const came = isComing ? 0 : heightOf(delivered);
  const found = isComing ? 0 : heightOf(measured);
  const part = (kind, y, height) => drawing("rect", { class: kind, x: at * STEP, y, width: BAR, height: Math.max(height, 0) });
  return drawing(
    "g",
    { class: "slot" },
    drawing("title", {}, `${slot.name}: ${told(slot)}`),
    part(isComing ? "coming" : "silent", 0, HEIGHT),
    part("short", HEIGHT - found, found - came),
    part("came", HEIGHT - came, came),
  );
}

function told({ sold, measured, delivered, remark }) {
  if (measured === undefined) return `to come, ${count(sold)} Mbps were sold`;
  if (!measured) return `nobody measured what came of ${count(sold)} Mbps`;
  const unmeasured = measured < sold ? `, ${count(sold - measured)} were not measured` : "";
  return `${count(delivered)} of ${count(measured)} Mbps came${unmeasured}${remark ? ` (${remark})` : ""}`;
}

// What a screen reader says of a strip: how far it is, and where something lacks.
function spoken(slots, total) {
  const settled = slots.filter(({ measured }) => measured !== undefined);
  const short = settled.filter(({ measured, delivered }) => delivered < measured);
  const listed = short.slice(0, TOLD_MAX).map((slot) => `${slot.name}: ${told(slot)}`);
  const more = short.length > TOLD_MAX ? [`and ${short.length - TOLD_MAX} more slots with a shortfall`] : [];
  return [total, ...listed, ...more].join("; ");
}
