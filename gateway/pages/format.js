// Numbers and times for people. Prices stay the decimal strings that the exchange sends; nothing is rounded.

export const NOTHING = "–";

const SYMBOL = /^(.+)\.(\w+)\.\d{8}T(\d\d)(\d\d)Z\./;
const TIER_NAMES = { ef: "guaranteed", af: "assured", be: "interruptible" };
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const LOCAL = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const GROUPED = new Intl.NumberFormat("en-US");
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** How many decimal places a price step needs: "0.000100" needs 4. */
export function decimalsOf(step) {
  return step.includes(".") ? step.split(".")[1].replace(/0+$/, "").length : 0;
}

/** A price with so many places at least, and more if it has them. */
export function price(text, decimals) {
  if (!text) return NOTHING;
  const [whole, fraction = ""] = text.split(".");
  const needed = Math.max(fraction.replace(/0+$/, "").length, decimals);
  return needed ? `${whole}.${fraction.padEnd(needed, "0").slice(0, needed)}` : whole;
}

/** A whole number with separators. */
export function count(value) {
  return value === null || value === undefined ? NOTHING : GROUPED.format(Number(value));
}

/** A whole number in four characters or so: 12.4K. */
export function shortCount(value) {
  return Number(value) < 10_000 ? count(value) : SHORT.format(Number(value));
}

export function tierName(tier) {
  return TIER_NAMES[tier] ?? tier;
}

/** Routes read as such: eu-fra_us-iad is eu-fra → us-iad. */
export function regionName(region) {
  return region.replace("_", " → ");
}

/** A window by its symbol, short: eu-fra EF 14:00. */
export function symbolName(symbol) {
  const parts = SYMBOL.exec(symbol);
  if (!parts) return symbol || NOTHING;
  const [, region, tier, hour, minute] = parts;
  return `${regionName(region)} ${tier.toUpperCase()} ${hour}:${minute}`;
}

export function day(time) {
  return DAY.format(time).replace(",", "");
}

/** 14:05 in UTC. */
export function hourMinute(time) {
  return time.toISOString().slice(11, 16);
}

/** 14:05:09 in UTC. */
export function clock(time) {
  return time.toISOString().slice(11, 19);
}

/** The same instant where the reader is, for those who hover over a time. */
export function localTime(time) {
  return `${LOCAL.format(time)} here`;
}

/** 14:05:09.250 in UTC. */
export function preciseClock(time) {
  return time.toISOString().slice(11, 23);
}

/** What a window is called where its day is known: 14:00, or the day for a whole one. */
export function windowLabel(instrument) {
  const start = new Date(instrument.start);
  return lengthOf(instrument) >= 86_400 ? day(start) : hourMinute(start);
}

/** The window in full: Sat 21 Nov 14:00–15:00; the end has its day where that is not plain. */
export function windowName(instrument) {
  const start = new Date(instrument.start);
  const end = new Date(instrument.end);
  const isPlain = lengthOf(instrument) < 86_400;
  return `${day(start)} ${hourMinute(start)}–${isPlain ? "" : `${day(end)} `}${hourMinute(end)}`;
}

/** Seconds of a window. */
export function lengthOf(instrument) {
  return Math.round((Date.parse(instrument.end) - Date.parse(instrument.start)) / 1000);
}

/** 15 min, 1 hour, 2 hours, 1 day. */
export function lengthName(seconds) {
  if (seconds % 86_400 === 0) return plural(seconds / 86_400, "day");
  if (seconds % 3_600 === 0) return plural(seconds / 3_600, "hour");
  return `${seconds / 60} min`;
}

/** How long until an instant: 2 d 4 h, 3 h 12 min, 04:31; "closed" when it has passed. */
export function countdown(milliseconds) {
  if (milliseconds <= 0) return "closed";
  const seconds = Math.ceil(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  if (hours) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${String(minutes).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
}

function plural(number, word) {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}
