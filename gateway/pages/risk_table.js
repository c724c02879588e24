// Small tables of the panels.

import { element } from "./dom.js";
import { clock, day, localTime } from "./format.js";

/** A table of headings `[text, isText]` and rows of cells: texts, or elements. Without rows a note in its place. */
export function table(headings, rows, nothing) {
  if (!rows.length) return element("p", { class: "note" }, nothing);
  const kinds = headings.map(([, isText]) => (isText ? "text" : "number"));
  const head = element("tr", {}, ...headings.map(([text], at) => element("th", { scope: "col", class: kinds[at] }, text)));
  const body = rows.map((cells) =>
    element("tr", {}, ...cells.map((cell, at) => element("td", { class: kinds[at] }, cell ?? "–"))),
  );
  const made = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  return element("div", { class: "table" }, made);
}

/** A time of the exchange in UTC; the reader's own on hover. */
export function moment(time) {
  const when = new Date(time);
  return element("time", { datetime: time, title: `${day(when)}, ${localTime(when)}` }, clock(when));
}

export function section(title, ...children) {
  return element("section", {}, element("h2", {}, title), ...children);
}

/** A button that opens an account. */
export function accountLink(name, open) {
  const link = element("button", { type: "button", class: "link-button" }, name);
  link.addEventListener("click", () => open(name));
  return link;
}

export function actionButton(text, run, isDangerous = false) {
  const button = element("button", { type: "button", class: isDangerous ? "button danger" : "button" }, text);
  button.addEventListener("click", run);
  return button;
}
