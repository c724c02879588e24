// What the colours of the heat map mean: price, strain or liquidity, each with its scale and its legend.

import { shell } from "./shell.js";

const STEPS = 32; // of a colour scale, to either side
const PRICE_SPAN = 0.25; // of the row's median: beyond it nothing gets darker
const LOTS_MOST = 4; // decades of lots: 10,000 Mbps and more are one colour
const OPAQUE = 255;
const TEXT_SHADE = 0.38;
const PPM = 1_000_000;
const NEUTRAL = { dark: [46, 56, 70], light: [214, 221, 230] };
const ENDS = {
  dark: { cheap: [38, 124, 255], dear: [255, 112, 66], strain: [255, 70, 76], middle: [240, 176, 60], liquid: [44, 200, 150] },
  light: { cheap: [25, 98, 226], dear: [214, 70, 20], strain: [200, 26, 40], middle: [222, 150, 20], liquid: [10, 140, 96] },
};

export const SCALES = {
  price: {
    name: "Price",
    legend: [`−${PRICE_SPAN * 100} %`, "median of the row", `+${PRICE_SPAN * 100} %`],
    hint: "The mid price, against the median of its region and tier",
    at: (cell, row) => (cell.mid === null || !row.median ? null : clamp((cell.mid / row.median - 1) / PRICE_SPAN)),
    colours: ({ cheap, dear }, neutral) => [
      ...ramp(STEPS, cheap, neutral).slice(0, -1),
      ...ramp(STEPS, neutral, dear),
    ],
    isTwoSided: true,
  },
  strain: {
    name: "Strain",
    legend: ["usual margin", "", "whole worth"],
    hint: "How congested the region is: its strain raises the margin of all its windows, from the usual one to the whole worth",
    note: (strains) => (strains.some(Boolean) ? "" : "none strained"),
    say: (row) => (row.strain === undefined ? "" : percentOf(row.strain)),
    at: (_, row) => (row.strain === undefined ? null : clamp(row.strain / PPM)),
    colours: ({ middle, strain }, neutral) => [...ramp(STEPS, neutral, middle), ...ramp(STEPS, middle, strain).slice(1)],
  },
  liquidity: {
    name: "Liquidity",
    legend: ["1 Mbps", "100", "10,000 and more"],
    hint: "What can be both bought and sold at the best prices",
    at: (cell) =>
      cell.bid === null || cell.ask === null
        ? null
        : clamp(Math.log10(Math.min(cell.bid_quantity, cell.ask_quantity)) / LOTS_MOST),
    colours: ({ liquid }, neutral) => ramp(2 * STEPS, neutral, liquid),
  },
};

/** The colours of a scale in the theme that is shown, from its least to its most, each as red, green, blue, opacity. */
export function coloursOf(scale) {
  return scale.colours(ENDS[shell.theme], NEUTRAL[shell.theme]).map((channels) => [...channels, OPAQUE]);
}

/** The same, faint enough for text upon a ground. */
export function shadesOf(colours, ground) {
  return colours.map((colour) => colour.map((channel, index) => Math.round(ground[index] + TEXT_SHADE * (channel - ground[index]))));
}

/** The four channels of a colour that the browser has worked out. */
export function channelsOf(text) {
  const [red, green, blue] = text.match(/[\d.]+/g).map(Number);
  return [red, green, blue, OPAQUE];
}

/** The number of the colour at a value: -1 to 1 of a scale with two sides, else 0 to 1. */
export function colourNumber(scale, colours, value) {
  const share = scale.isTwoSided ? (value + 1) / 2 : value;
  return Math.round(share * (colours.length - 1));
}

/** The median of what the windows of a row cost, or null. */
export function medianOf(row) {
  const mids = [];
  for (const cell of row.cells) if (cell && cell.mid !== null) mids.push(cell.mid);
  mids.sort((one, other) => one - other);
  return mids.length ? mids[mids.length >> 1] : null;
}

function percentOf(ppm) {
  return `${Math.round((100 * ppm) / PPM)} %`;
}

function clamp(value) {
  return Math.max(-1, Math.min(1, value));
}

function ramp(steps, from, to) {
  return Array.from({ length: steps + 1 }, (_, step) =>
    from.map((channel, index) => Math.round(channel + ((to[index] - channel) * step) / steps)),
  );
}
