// The forward curve: what the windows ahead of a region cost one after the other, a line for each tier. It is drawn
// through the middle of bid and ask, or through the mark where they are not both there.

import { localTime, NOTHING, price, regionName, tierName } from "./format.js";
import { midOf } from "./quote.js";

const TIERS = ["ef", "af", "be"];
const POINTS_MAX = 200;
const TIMEOUT_MS = 8_000;
const FLAT_SHARE = 0.05; // a curve without any move is drawn in the middle of so much room

/** The curves of the region and length of an instrument. Throws what `fetch` throws. */
export async function readCurves({ region, symbol }) {
  const duration = symbol.split(".").at(-1);
  return Promise.all(
    TIERS.map(async (tier) => {
      const query = new URLSearchParams({ region, tier, duration, limit: POINTS_MAX });
      const reply = await fetch(`/v1/curve?${query}`, { signal: AbortSignal.timeout(TIMEOUT_MS), cache: "no-store" });
      if (!reply.ok) throw new Error(`the curve is refused: ${reply.status}`);
      return { tier, points: (await reply.json()).points };
    }),
  );
}

/** What to draw, or null without windows ahead. */
export function curveFigure(curves, symbol, colour, decimals) {
  const known = curves.filter(({ points }) => points.length);
  if (!known.length) return null;
  const tones = { ef: colour.accent, af: colour.bid, be: colour.warn };
  const region = regionName(symbol.split(".")[0]);
  return {
    data: known.map(({ tier, points }) => line(tier, points, symbol, tones[tier], decimals)),
    layout: {
      xaxis: { type: "date", hoverformat: "%a %d %b %H:%M UTC" },
      yaxis: { side: "right", tickformat: `.${decimals}f`, ...rangeOf(known.flatMap(({ points }) => points.map(levelOf))) },
      showlegend: true,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: colour.soft, size: 11 } },
      margin: { l: 8, r: 8, t: 26, b: 8 },
    },
    label: `Forward curve of ${region}: ${known.map(({ tier, points }) => inWords(tier, points, decimals)).join("; ")}`,
  };
}

function rangeOf(levels) {
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  return low === high ? { range: [low * (1 - FLAT_SHARE), high * (1 + FLAT_SHARE)] } : {};
}

function line(tier, points, symbol, colour, decimals) {
  const isChosen = points.map((point) => point.symbol === symbol);
  return {
    type: "scatter",
    mode: "lines+markers",
    name: `${tier.toUpperCase()} ${tierName(tier)}`,
    x: points.map(({ start }) => start.replace("Z", "")), // drawn as UTC
    y: points.map(levelOf),
    text: points.map((point) => quote(point, decimals)),
    hovertemplate: `%{y:.${decimals}f} · %{text}`,
    line: { color: colour, width: 1.6 },
    marker: { color: colour, size: isChosen.map((chosen) => (chosen ? 11 : 4)) },
  };
}

function levelOf(point) {
  return point.best_bid && point.best_ask ? midOf(point) : Number(point.mark_price);
}

function quote(point, decimals) {
  const [bid, ask] = [point.best_bid, point.best_ask].map((each) => (each ? price(each, decimals) : NOTHING));
  return `bid ${bid} ask ${ask}, ${localTime(new Date(point.start))}`;
}

function inWords(tier, points, decimals) {
  const levels = points.map(levelOf);
  const [low, high] = [Math.min(...levels), Math.max(...levels)].map((level) => level.toFixed(decimals));
  return `${tierName(tier)} ${points.length} windows at ${low} to ${high} USD per Mbps-hour`;
}
