// Charts by plotly, which is loaded when the first is drawn: losses by scenario, lots by region and window.

import { shell } from "./shell.js";

const CONFIG = { displayModeBar: false, responsive: true };
const FONT = 'Inter, "SF Pro Text", -apple-system, system-ui, "Segoe UI", Roboto, sans-serif';
const TICKS_MAX = 16;
const drawn = new Map();
const told = new WeakMap();
let loading = null;

/** The losses of 16 scenarios as bars, the worst marked. Losses are positive. */
export function drawLadder(place, losses, worst) {
  const scenarios = losses.map((_, at) => String(at));
  draw(place, () => ({
    data: [
      {
        type: "bar",
        orientation: "h",
        y: scenarios,
        x: losses,
        marker: { color: losses.map((loss, at) => shell.colour(at === worst ? "--warn" : loss > 0 ? "--ask" : "--bid")) },
        hovertemplate: "scenario %{y}: %{x:,.2f} USD<extra></extra>",
      },
    ],
    layout: {
      height: 292,
      margin: { l: 34, r: 12, t: 6, b: 34 },
      bargap: 0.25,
      xaxis: { title: { text: "loss, USD", standoff: 6 }, nticks: 6, zeroline: true },
      yaxis: { autorange: "reversed", tickmode: "array", tickvals: scenarios, type: "category", title: { text: "" } },
    },
  }));
}

/** Equity against what must be there, as bars. */
export function drawCover(place, { equity, margin, maintenance }) {
  const amounts = [equity, margin, maintenance].map(Number);
  draw(place, () => ({
    data: [
      {
        type: "bar",
        orientation: "h",
        y: ["equity", "requirement", "maintenance"],
        x: amounts,
        marker: { color: [shell.colour(amounts[0] < amounts[1] ? "--ask" : "--bid"), shell.colour("--warn"), shell.colour("--soft")] },
        hovertemplate: "%{y}: %{x:,.2f} USD<extra></extra>",
      },
    ],
    layout: {
      height: 104,
      margin: { l: 84, r: 12, t: 4, b: 20 },
      bargap: 0.3,
      xaxis: { nticks: 6 },
      yaxis: { autorange: "reversed" },
    },
  }));
}

/** Lots by region and window; below nothing where accounts would have to buy. */
export function drawHeat(place, { regions, windows, lots, title }) {
  const text = JSON.stringify([regions, windows, lots, title]);
  if (told.get(place) === text) return; // to draw it again takes longer than all else that comes with an answer
  told.set(place, text);
  const isSigned = lots.some((row) => row.some((each) => each < 0));
  draw(place, () => ({
    data: [
      {
        type: "heatmap",
        x: windows.map((_, at) => at),
        y: regions,
        z: lots,
        text: regions.map(() => windows.map(({ name }) => name)),
        xgap: 1,
        ygap: 1,
        colorscale: isSigned
          ? [[0, shell.colour("--ask")], [0.5, shell.colour("--raised")], [1, shell.colour("--accent")]]
          : [[0, shell.colour("--raised")], [1, shell.colour("--accent")]],
        ...(isSigned ? { zmid: 0 } : {}),
        colorbar: { thickness: 8, outlinewidth: 0, tickformat: "~s", title: { text: "lots", side: "top" } },
        hovertemplate: `%{y}, %{text}: %{z:,} lots ${title}<extra></extra>`,
        hoverongaps: false,
      },
    ],
    layout: {
      height: 76 + Math.max(60, 24 * regions.length),
      margin: { l: 8, r: 8, t: 4, b: 8 },
      xaxis: { ...ticks(windows), tickangle: -90, automargin: true },
      yaxis: { type: "category", automargin: true },
    },
  }));
}

/** Short names of windows, so many that they do not touch. */
function ticks(windows) {
  const every = Math.ceil(windows.length / TICKS_MAX);
  const shown = windows.map((_, at) => at).filter((at) => at % every === 0);
  return { tickmode: "array", tickvals: shown, ticktext: shown.map((at) => windows[at].short) };
}

/** Draw again what is drawn, in the colours of now. */
export async function recolourCharts() {
  for (const [place, make] of drawn) if (place.isConnected) await show(place, make);
}

function draw(place, make) {
  for (const each of drawn.keys()) if (!each.isConnected) drawn.delete(each);
  drawn.set(place, make);
  show(place, make).catch((error) => {
    place.textContent = `The chart cannot be drawn: ${error.message}`;
  });
}

async function show(place, make) {
  const Plotly = await library();
  if (!place.isConnected || drawn.get(place) !== make) return;
  const { data, layout } = make();
  const axis = { gridcolor: shell.colour("--line"), zerolinecolor: shell.colour("--line-strong"), fixedrange: true };
  await Plotly.react(
    place,
    data,
    {
      ...layout,
      font: { family: FONT, size: 11, color: shell.colour("--soft") },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: { ...axis, exponentformat: "SI", minexponent: 3, ...layout.xaxis },
      yaxis: { ...axis, ...layout.yaxis },
      dragmode: false,
      showlegend: false,
    },
    CONFIG,
  );
}

function library() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/libraries/plotly.js";
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = () => reject(new Error("plotly did not load"));
    document.head.append(script);
  });
  return loading;
}
