// What the colours of the heat map mean, beside it.

const $ = (id) => document.getElementById(id);

/** Show a scale with its colours; `note` says what holds for the whole market now, "" for nothing. */
export function showLegend(scale, colours, note) {
  const [least, middle, most] = scale.legend;
  const stops = colours.map((each) => `rgb(${each.slice(0, 3).join(" ")})`);
  $("legend-colours").style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  $("legend-least").textContent = least;
  $("legend-middle").textContent = note || middle;
  $("legend-most").textContent = most;
  $("legend").title = scale.hint;
  $("legend").setAttribute("aria-label", `${scale.hint}: from ${least} to ${most}${note ? `; ${note}` : ""}`);
}
