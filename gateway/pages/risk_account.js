// One account in full: its figures, its ladder of scenarios as bars, and what contributes most.

import { drawing, element } from "./dom.js";
import { clock, count, NOTHING } from "./format.js";
import { percent, standingName, usd } from "./risk_format.js";

const $ = (id) => document.getElementById(id);
const WHOLE = "";
const SUMS = [
  ["Equity", "equity", usd],
  ["Required", "margin", usd],
  ["Free", "free", usd],
  ["Cash", "cash", usd],
  ["Maintenance", "maintenance", usd],
  ["Above maintenance", "distance", usd],
  ["Unsettled", "unsettled", usd],
  ["Spread charge", "spread_charge", usd],
  ["Concentration charge", "concentration_charge", usd],
  ["Bond", "bond", usd],
  ["Margin ramp", "ramp", usd],
  ["Ratio", "distance_ratio", percent],
  ["Move of all marks to it", "distance_move", percent],
];

export class AccountDetail {
  #account = null;
  #region = WHOLE;

  clear() {
    this.#account = null;
    this.#region = WHOLE;
    $("account").setAttribute("data-empty", "");
  }

  show(account) {
    this.#account = account;
    $("account").removeAttribute("data-empty");
    $("name").textContent = account.name;
    $("stamp").textContent = `sequence ${count(account.sequence)}, ${clock(new Date(account.time))} UTC`;
    $("standing").textContent = standingName(account.standing);
    $("standing").className = `chip ${account.standing}`;
    $("sums").replaceChildren(
      ...SUMS.map(([label, name, format]) => sum(label, account[name], format)),
      sum("Messages for each fill, last hour", account.activity.order_to_trade, (text) => text ?? NOTHING),
    );
    this.#showRegions();
    this.#showLadder();
    $("contributors").replaceChildren(contributors(account.contributors));
  }

  #showRegions() {
    const regions = this.#account.regions.map(({ region }) => region);
    if (!regions.includes(this.#region)) this.#region = WHOLE;
    $("regions").replaceChildren(...[WHOLE, ...regions].map((region) => this.#tab(region)));
  }

  #tab(region) {
    const attributes = { type: "button", "aria-pressed": region === this.#region };
    const tab = element("button", attributes, region || "all regions");
    tab.addEventListener("click", () => {
      this.#region = region;
      this.#showRegions();
      this.#showLadder();
    });
    return tab;
  }

  #showLadder() {
    const region = this.#account.regions.find((each) => each.region === this.#region);
    const losses = (region ?? this.#account).losses.map(Number);
    const worst = region ? region.worst_scenario : losses.indexOf(Math.max(...losses));
    const texts = (region ?? this.#account).losses;
    const range = { lowest: Math.min(0, ...losses), highest: Math.max(0, ...losses) };
    const rows = losses.map((loss, scenario) => rung(scenario, loss, texts[scenario], range, scenario === worst));
    $("ladder").replaceChildren(
      this.#account.regions.length
        ? element("table", {}, element("tbody", {}, ...rows))
        : element("p", { class: "note" }, "No position and no open order."),
    );
  }
}

function sum(label, text, format) {
  const below = text !== null && text.startsWith("-") && format === usd;
  return element(
    "div",
    {},
    element("dt", {}, label),
    element("dd", { title: text ?? "", class: below ? "below" : "" }, format(text)),
  );
}

/** A bar to the right of the axis for a loss, to the left for a gain. */
function rung(scenario, loss, text, { lowest, highest }, isWorst) {
  const place = (value) => ((value - lowest) / (highest - lowest || 1)) * 100;
  const bar = drawing("rect", {
    class: loss > 0 ? "loss" : "gain",
    x: `${place(Math.min(loss, 0))}%`,
    width: `${Math.abs(place(loss) - place(0))}%`,
    height: "100%",
    rx: 2,
  });
  const axis = drawing("line", { class: "axis", x1: `${place(0)}%`, x2: `${place(0)}%`, y1: 0, y2: "100%" });
  return element(
    "tr",
    { class: isWorst ? "worst" : "" },
    element("td", { class: "text" }, isWorst ? `${scenario} worst` : String(scenario)),
    element("td", { class: "bar-cell" }, drawing("svg", { "aria-hidden": true }, bar, axis)),
    element("td", { title: text }, usd(text)),
  );
}

function contributors(rows) {
  if (!rows.length) return element("p", { class: "note" }, "Nothing contributes.");
  const headings = ["Lots", "Buys", "Sells", "Effect"].map((text) => element("th", { scope: "col" }, text));
  const head = element("tr", {}, element("th", { scope: "col", class: "text" }, "Window"), ...headings);
  const body = rows.map((row) =>
    element(
      "tr",
      {},
      element("td", { class: "text" }, element("code", {}, row.symbol)),
      element("td", {}, count(row.quantity)),
      element("td", {}, count(row.open_buys)),
      element("td", {}, count(row.open_sells)),
      element("td", { title: `position ${row.position_effect}, orders ${row.orders_effect}` }, usd(row.effect)),
    ),
  );
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}
