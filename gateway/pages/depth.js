// The depth of the chosen window's book: how many Mbps could be traded up to each price.

import { count, price } from "./format.js";
import { faded } from "./plotting.js";

/** What to draw of a book, or null where nobody bids or asks. */
export function depthFigure(book, colour, decimals) {
  const bids = book.levels("bids");
  const asks = book.levels("asks");
  if (!bids.length && !asks.length) return null;
  const best = [bids[0], asks[0]].map((level) => (level ? price(level.price, decimals) : "none"));
  return {
    data: [side("Bids", bids.toReversed(), colour.bid, "vh"), side("Asks", asks, colour.ask, "hv")],
    layout: {
      xaxis: {
        tickformat: `.${decimals}f`,
        hoverformat: `.${decimals}f`,
        title: { text: "USD per Mbps-hour", font: { size: 11, color: colour.soft } },
      },
      yaxis: { rangemode: "tozero", side: "right", tickformat: "~s" },
    },
    label:
      `${count(bids.at(-1)?.total ?? 0)} Mbps bid and ${count(asks.at(-1)?.total ?? 0)} Mbps asked; ` +
      `best bid ${best[0]}, best ask ${best[1]} USD per Mbps-hour`,
  };
}

function side(name, levels, colour, shape) {
  return {
    type: "scatter",
    mode: levels.length > 1 ? "lines" : "lines+markers",
    name,
    x: levels.map((level) => Number(level.price)),
    y: levels.map((level) => level.total),
    line: { color: colour, width: 1.5, shape },
    fill: "tozeroy",
    fillcolor: faded(colour),
    hovertemplate: "%{y:,} Mbps",
  };
}
