// The charting library, loaded when a chart is first looked at, and what all charts have in common.

import { element } from "./dom.js";
import { shell } from "./shell.js";

const LIBRARY = "/libraries/plotly.js";
const NAMES = ["--text", "--soft", "--line", "--line-strong", "--panel", "--bid", "--ask", "--accent", "--warn"];
const CONFIG = { displayModeBar: false, responsive: true, scrollZoom: true, doubleClick: "reset", showTips: false };
const COARSE = matchMedia("(pointer: coarse)"); // where a finger that moves over a chart scrolls the page
const FILL_SHARE = 0.16;

let loading = null;

/** The library; tried anew by the next call if it could not be had. */
export function loadPlotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = element("script", { src: LIBRARY });
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = () => {
      loading = null;
      script.remove();
      reject(new Error("the charting library cannot be loaded"));
    };
    document.head.append(script);
  });
  return loading;
}

/** The colours of the page as they are now: `bid`, `ask`, `text`, ... */
export function colours() {
  return Object.fromEntries(NAMES.map((name) => [name.slice(2).replace("-", "_"), shell.colour(name)]));
}

/** The same colour as a fill behind a line. */
export function faded(colour) {
  const [red, green, blue] = colour.match(/[\d.]+/g);
  return `rgba(${red}, ${green}, ${blue}, ${FILL_SHARE})`;
}

/** Draw a figure in the page's own look; what was zoomed to stays as long as `view` is the same. */
export function draw(Plotly, place, { data, layout = {}, view }) {
  const colour = colours();
  const axis = {
    gridcolor: colour.line,
    linecolor: colour.line_strong,
    zeroline: false,
    tickfont: { color: colour.soft, size: 11 },
    fixedrange: false,
    automargin: true,
  };
  const axes = Object.fromEntries(["xaxis", "yaxis", "yaxis2"].map((name) => [name, { ...axis, ...layout[name] }]));
  if (!layout.yaxis2) delete axes.yaxis2;
  return Plotly.react(
    place,
    data,
    {
      paper_bgcolor: "transparent",
      plot_bgcolor: "transparent",
      font: { family: getComputedStyle(document.body).fontFamily, size: 11, color: colour.text },
      margin: { l: 8, r: 8, t: 8, b: 8 },
      showlegend: false,
      hovermode: "x unified",
      hoverlabel: { bgcolor: colour.panel, bordercolor: colour.line_strong, font: { color: colour.text, size: 11 } },
      dragmode: COARSE.matches ? false : "pan",
      uirevision: view,
      ...layout,
      ...axes,
    },
    CONFIG,
  );
}
