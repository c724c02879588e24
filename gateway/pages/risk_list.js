// The list of accounts as a table. Rows are made anew each time: there are at most a thousand of them.

import { drawing, element } from "./dom.js";
import { percent, standingName, usd } from "./risk_format.js";

const HEADINGS = [
  ["Account", "text"],
  ["State", "text"],
  ["Equity"],
  ["Required"],
  ["Maintenance"],
  ["Above maintenance"],
  ["Ratio"],
  ["", "gauge"],
];
const METER_FULL = 1; // where equity is twice maintenance

/** Show accounts; `choose(name)` hears of a click. Focus and place stay where they are. */
export function showList(place, accounts, chosen, choose) {
  if (!accounts.length) return place.replaceChildren(element("p", { class: "note" }, "No account is of this standing here."));
  const focused = document.activeElement?.closest("tr")?.dataset.name;
  const head = element("tr", {}, ...HEADINGS.map(([text, name = ""]) => element("th", { scope: "col", class: name }, text)));
  const body = element("tbody", {}, ...accounts.map((account) => row(account, chosen, choose)));
  place.replaceChildren(element("table", {}, element("thead", {}, head), body));
  if (focused) body.querySelector(`tr[data-name="${CSS.escape(focused)}"] button`)?.focus({ preventScroll: true });
}

function row(account, chosen, choose) {
  const name = element("button", { type: "button" }, account.name);
  const line = element(
    "tr",
    { "data-name": account.name, "aria-selected": account.name === chosen },
    element("td", { class: "text" }, name),
    element("td", { class: "text" }, element("span", { class: `chip ${account.standing}` }, standingName(account.standing))),
    amount(account.equity),
    amount(account.margin),
    amount(account.maintenance),
    amount(account.distance),
    element("td", {}, percent(account.distance_ratio)),
    element("td", { class: "gauge" }, meter(account)),
  );
  line.addEventListener("click", () => choose(account.name));
  return line;
}

function amount(text) {
  return element("td", { class: text.startsWith("-") ? "below" : "", title: text }, usd(text));
}

/** How far equity is above maintenance: full from twice of it on. */
function meter({ standing, distance_ratio: ratio }) {
  const share = ratio === null ? 1 : Math.min(Math.max(Number(ratio) / METER_FULL, 0.03), 1);
  return drawing(
    "svg",
    { class: "meter", "aria-hidden": true },
    drawing("rect", { width: "100%", height: "100%", rx: 3 }),
    drawing("rect", { class: standing, width: `${share * 100}%`, height: "100%", rx: 3 }),
  );
}
