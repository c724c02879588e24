// What is reckoned here is reckoned in integers: prices in ticks of 0.000001 USD per Mbps-hour, amounts in nano-USD.

const TICKS_PER_USD = 1_000_000;
const PRICE_DECIMALS = 6;
const NANO_DECIMALS = 9;
const NANO_PER_TICK_HOUR = 1_000n;
const SECONDS_PER_HOUR = 3_600n;
const PPM = 1_000_000n;
const DECIMAL = /^\d{1,10}(\.\d{0,9})?$/;
const DURATION = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/;
const USD_NANO = 1_000_000_000n;
const SMALL_NANO = 100_000n; // what four places would hide

/** Ticks of a decimal text, or null of what is none or finer than a tick. */
export function ticksOf(text) {
  if (!DECIMAL.test(text)) return null;
  const [whole, fraction = ""] = text.split(".");
  if (/[^0]/.test(fraction.slice(PRICE_DECIMALS))) return null;
  return Number(whole) * TICKS_PER_USD + Number(fraction.slice(0, PRICE_DECIMALS).padEnd(PRICE_DECIMALS, "0"));
}

/** A price as the exchange writes it. */
export function priceOf(ticks) {
  const digits = String(ticks).padStart(PRICE_DECIMALS + 1, "0");
  return `${digits.slice(0, -PRICE_DECIMALS)}.${digits.slice(-PRICE_DECIMALS)}`;
}

/** Lots of a text, or null of what is no whole number above 0. */
export function lotsOf(text) {
  return /^[1-9]\d{0,11}$/.test(text) ? Number(text) : null;
}

/** Nano-USD of an amount as the exchange writes it. */
export function nanoOf(amount) {
  const [whole, fraction = ""] = amount.replace("-", "").split(".");
  const nano = BigInt(whole + fraction.padEnd(NANO_DECIMALS, "0"));
  return amount.startsWith("-") ? -nano : nano;
}

/** What one tick of one lot is worth over a window of so many seconds. */
export function tickValueNano(seconds) {
  return (NANO_PER_TICK_HOUR * BigInt(seconds)) / SECONDS_PER_HOUR;
}

/** What lots are worth at a price. */
export function notionalNano(ticks, lots, seconds) {
  return BigInt(ticks) * BigInt(lots) * tickValueNano(seconds);
}

/** The fee of a trade: whole for each lot and rounded up, as the exchange charges it; below zero for a rebate. */
export function feeNano(ticks, lots, seconds, ppm) {
  return BigInt(lots) * ceilDivide(BigInt(ticks) * tickValueNano(seconds) * BigInt(ppm), PPM);
}

/** An amount for people: "1,234.56", with more places where cents would hide it. */
export function usd(nano) {
  const size = nano < 0n ? -nano : nano;
  const decimals = size === 0n || size >= USD_NANO ? 2 : size >= SMALL_NANO ? 4 : 6;
  const unit = 10n ** BigInt(NANO_DECIMALS - decimals);
  const digits = String((size + unit / 2n) / unit).padStart(decimals + 1, "0");
  const whole = digits.slice(0, -decimals).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${nano < 0n ? "−" : ""}${whole}.${digits.slice(-decimals)}`;
}

/** The same with its sign, for what was gained or lost. */
export function signedUsd(nano) {
  return nano > 0n ? `+${usd(nano)}` : usd(nano);
}

/** Seconds of the window that a symbol names at its end: PT15M, PT1H, P1D. */
export function secondsOfSymbol(symbol) {
  const [, days = 0, hours = 0, minutes = 0] = DURATION.exec(symbol.split(".").at(-1)) ?? [];
  return Number(days) * 86_400 + Number(hours) * 3_600 + Number(minutes) * 60;
}

/** The average price, in ticks, at which lots came to cost so much; null without lots. */
export function averageTicks(costNano, lots, seconds) {
  const worthOfTick = BigInt(lots) * tickValueNano(seconds);
  return worthOfTick ? Number(costNano) / Number(worthOfTick) : null;
}

function ceilDivide(number, divisor) {
  const quotient = number / divisor;
  return number > 0n && number % divisor ? quotient + 1n : quotient;
}
