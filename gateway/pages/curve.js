// The forward curve of a region and tier: what its windows cost one after the other, with the chosen one marked.

import { drawing } from "./dom.js";
import { windowLabel } from "./format.js";
import { midOf } from "./quote.js";

const WIDTH = 400;
const HEIGHT = 64;
const FLOOR = HEIGHT - 15; // below it stand the labels
const TOP = 6;
const EDGE = 4;
const POINTS_MIN = 3;
const LABEL_ROOM = 60;

export class Curve {
  #figure;
  #range;
  #drawing = drawing("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });

  constructor(figure, range) {
    this.#figure = figure;
    this.#range = range;
    figure.append(this.#drawing);
  }

  /** Draw windows, which come in order of their start; too few make no curve. */
  show(instruments, symbol, decimals) {
    const points = instruments
      .map((instrument) => ({ symbol: instrument.symbol, label: windowLabel(instrument), mid: midOf(instrument) }))
      .filter(({ mid }) => mid !== null);
    this.#figure.hidden = points.length < POINTS_MIN;
    if (this.#figure.hidden) return;
    lay(points);
    const mids = points.map(({ mid }) => mid);
    const range = [Math.min(...mids), Math.max(...mids)].map((mid) => mid.toFixed(decimals)).join(" to ");
    this.#range.textContent = range;
    this.#drawing.setAttribute("aria-label", `${points.length} windows from ${points[0].label}, mid prices ${range}`);
    const chosen = points.find((point) => point.symbol === symbol);
    this.#drawing.replaceChildren(...curve(points), ...mark(chosen), ...ends(points));
  }
}

// Gives each point its place: x by its number, y by its price.
function lay(points) {
  const mids = points.map(({ mid }) => mid);
  const low = Math.min(...mids);
  const span = Math.max(...mids) - low;
  points.forEach((point, index) => {
    point.x = EDGE + ((WIDTH - 2 * EDGE) * index) / (points.length - 1);
    point.y = span ? TOP + (FLOOR - 4 - TOP) * (1 - (point.mid - low) / span) : (TOP + FLOOR) / 2;
  });
}

function curve(points) {
  const line = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const area = `${points[0].x},${FLOOR} ${line} ${points.at(-1).x},${FLOOR}`;
  return [drawing("polygon", { class: "area", points: area }), drawing("polyline", { class: "line", points: line })];
}

function mark(point) {
  if (!point) return [];
  const marks = [
    drawing("line", { class: "mark", x1: point.x, x2: point.x, y1: point.y, y2: FLOOR }),
    drawing("circle", { class: "dot", cx: point.x, cy: point.y, r: 3.5 }),
  ];
  const isClear = point.x > LABEL_ROOM && point.x < WIDTH - LABEL_ROOM;
  return isClear ? [...marks, label(point.x, "middle", point.label, "chosen")] : marks;
}

function ends(points) {
  return [label(EDGE, "start", points[0].label), label(WIDTH - EDGE, "end", points.at(-1).label)];
}

function label(x, anchor, text, kind = "") {
  return drawing("text", { x, y: HEIGHT - 3, "text-anchor": anchor, class: kind }, text);
}
