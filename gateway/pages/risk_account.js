// One account: what it has against what it must have and why, what it holds, its orders, limits, and what happened.

import { element } from "./dom.js";
import { count, NOTHING } from "./format.js";
import { act, actions } from "./risk_actions.js";
import { drawCover, drawLadder } from "./risk_charts.js";
import { stateText } from "./risk_columns.js";
import { eventRow } from "./risk_events.js";
import { percent, usd } from "./risk_format.js";
import { Poll } from "./risk_poll.js";
import { actionButton, moment, section, table } from "./risk_table.js";
import { session } from "./session.js";

const WHOLE = "";
const CONTRIBUTORS = 20;
const ORDERS = 50;
const EVENTS = 50;
const NOTHING_CHOSEN = "Choose an account in the grid, or press / to open one by name.";
const SUMS = [
  ["Equity, USD", "equity", usd],
  ["Requirement, USD", "margin", usd],
  ["Free, USD", "free", usd],
  ["Maintenance, USD", "maintenance", usd],
  ["Above maintenance, USD", "distance", usd],
  ["Distance", "distance_ratio", percent],
  ["Move of all marks to it", "distance_move", percent],
  ["Cash, USD", "cash", usd],
  ["Unsettled, USD", "unsettled", usd],
  ["Spread charge, USD", "spread_charge", usd],
  ["Concentration charge, USD", "concentration_charge", usd],
  ["Bond, USD", "bond", usd],
  ["Margin ramp, USD", "ramp", usd],
  ["Added by risk staff, USD", "add_on", usd],
];
const LIMITS = [
  ["Position, lots", "position"],
  ["Order, lots", "order_quantity"],
  ["Order, USD", "order_notional"],
  ["Open orders", "open_orders_max"],
];

export class AccountPanel {
  #place;
  #parts = null;
  #name = "";
  #region = WHOLE;
  #told = null;
  #poll;

  constructor(place) {
    this.#place = place;
    this.#poll = new Poll((isNewest) => this.#ask(isNewest), (text) => this.#parts && (this.#parts.complaint.textContent = text));
    this.choose("");
  }

  /** Show an account, or none. */
  choose(name) {
    if (name && name === this.#name) return;
    this.#name = name;
    this.#region = WHOLE;
    this.#told = null;
    this.#parts = name ? makeParts(name) : null;
    this.#place.replaceChildren(
      ...(name ? Object.values(this.#parts.sections) : [element("p", { class: "note" }, NOTHING_CHOSEN)]),
    );
    this.#poll.run(Boolean(name));
  }

  refresh() {
    return this.#name ? this.#poll.now() : undefined;
  }

  async #ask(isNewest) {
    const name = encodeURIComponent(this.#name);
    const [detail, holdings, limits, orders, events] = await Promise.all([
      session.get(`/v1/admin/risk/${name}?contributors=${CONTRIBUTORS}`),
      session.get(`/v1/admin/accounts/${name}`),
      session.get(`/v1/admin/limits/${name}`),
      session.get(`/v1/risk/orders?account=${name}&limit=${ORDERS}`),
      session.get(`/v1/risk/events?account=${name}&limit=${EVENTS}`),
    ]);
    if (!isNewest() || detail.name !== this.#name) return;
    this.#told = detail;
    const parts = this.#parts;
    parts.complaint.textContent = "";
    parts.state.textContent = limits.is_blocked ? `${stateText(detail.standing)}, blocked` : stateText(detail.standing);
    parts.state.className = `chip ${detail.standing}`;
    parts.when.replaceChildren("as of ", moment(detail.time), ` UTC, sequence ${count(detail.sequence)}`);
    parts.lift.hidden = !limits.is_blocked;
    parts.limits = limits;
    parts.addOn = detail.add_on;
    drawCover(parts.cover, detail);
    parts.sums.replaceChildren(...SUMS.map(([label, name_, format]) => sum(label, detail[name_], format)));
    this.#showLadder();
    parts.contributors.replaceChildren(contributors(detail.contributors));
    parts.regions.replaceChildren(regions(detail));
    parts.positions.replaceChildren(positions(holdings.positions));
    parts.orders.replaceChildren(openOrders(orders));
    parts.limitTable.replaceChildren(limitTable(limits, detail.activity));
    parts.events.replaceChildren(events.events.length ? eventTable(events.events) : nothingHappened());
  }

  #showLadder() {
    const detail = this.#told;
    const names = detail.regions.map(({ region }) => region);
    if (!names.includes(this.#region)) this.#region = WHOLE;
    const region = detail.regions.find((each) => each.region === this.#region);
    const losses = (region ?? detail).losses.map(Number);
    const worst = region ? region.worst_scenario : losses.indexOf(Math.max(...losses));
    this.#parts.tabs.replaceChildren(...(names.length > 1 ? [WHOLE, ...names] : []).map((name) => this.#tab(name)));
    this.#parts.worst.textContent = names.length ? `worst: scenario ${worst}, ${usd((region ?? detail).losses[worst])} USD` : "";
    if (names.length) drawLadder(this.#parts.ladder, losses, worst);
    else this.#parts.ladder.replaceChildren(element("p", { class: "note" }, "No position and no open order."));
  }

  #tab(region) {
    const tab = element("button", { type: "button", "aria-pressed": region === this.#region }, region || "all regions");
    tab.addEventListener("click", () => {
      this.#region = region;
      this.#showLadder();
    });
    return tab;
  }
}

function makeParts(name) {
  const made = (className) => element("div", { class: className });
  const parts = {
    state: element("span", { class: "chip" }, "…"),
    when: element("span", { class: "soft small" }),
    complaint: element("p", { class: "complaint", role: "alert" }),
    cover: made("chart"),
    sums: element("dl", { class: "sums" }),
    tabs: element("div", { class: "tabs", role: "group", "aria-label": "Region of the scenarios" }),
    worst: element("p", { class: "soft small", id: "worst" }),
    ladder: made("chart"),
    contributors: made(""),
    regions: made(""),
    positions: made(""),
    orders: made(""),
    limitTable: made(""),
    events: made(""),
    limits: null,
    addOn: null,
  };
  parts.lift = actionButton("Lift the block…", () => act(actions.lift(name)));
  parts.lift.hidden = true;
  const kill = actionButton("Kill switch…", () => act(actions.kill(name)), true);
  const call = actionButton("Margin call…", () => act(actions.call(name, parts.addOn)));
  const limit = actionButton("Limits…", () => act(actions.limits(name, parts.limits)));
  const head = element("div", { class: "account-head" }, element("h2", { id: "account-name" }, name), parts.state);
  parts.sections = {
    head: element("div", {}, head, parts.when, parts.complaint),
    actions: element("div", { class: "action-row" }, kill, parts.lift, call, limit),
    cover: section("Equity against requirement", parts.cover, parts.sums),
    ladder: section("Loss in each scenario", parts.tabs, parts.ladder, parts.worst),
    contributors: section("Largest contributors", parts.contributors),
    regions: section("Concentration by region", parts.regions),
    positions: section("Positions", parts.positions),
    orders: section("Open orders", parts.orders),
    limits: section("Limits", parts.limitTable),
    events: section("What happened", parts.events),
  };
  return parts;
}

function sum(label, text, format) {
  const isBelow = typeof text === "string" && text.startsWith("-") && format === usd;
  const amount = element("dd", { title: text ?? "", class: isBelow ? "below" : "" }, format(text));
  return element("div", {}, element("dt", {}, label), amount);
}

function contributors(rows) {
  const headings = [["Window", true], ["Lots"], ["Buys"], ["Sells"], ["Effect, USD"]];
  const cells = rows.map((row) => [
    element("code", {}, row.symbol),
    count(row.quantity),
    count(row.open_buys),
    count(row.open_sells),
    element("span", { title: `position ${row.position_effect}, orders ${row.orders_effect}` }, usd(row.effect)),
  ]);
  return table(headings, cells, "Nothing contributes.");
}

function regions({ regions: rows, margin }) {
  const headings = [["Region", true], ["Required, USD"], ["Share"], ["Worst loss, USD"], ["Charges, USD"]];
  const cells = rows.map((row) => [
    row.region,
    usd(row.margin),
    percent(Number(margin) ? String(Number(row.margin) / Number(margin)) : null),
    usd(row.worst_loss),
    usd(Number(row.spread_charge) + Number(row.concentration_charge) + Number(row.ramp)),
  ]);
  return table(headings, cells, "Nothing is required of it anywhere.");
}

function positions(rows) {
  const held = rows.filter(({ quantity }) => quantity !== "0");
  const headings = [["Window", true], ["Lots"], ["Mark"], ["Cost, USD"], ["Unsettled, USD"]];
  const cells = held.map((row) => [
    element("code", {}, row.symbol),
    count(row.quantity),
    row.mark_price,
    usd(row.cost),
    usd(row.unsettled),
  ]);
  return table(headings, cells, "It holds nothing.");
}

function openOrders({ orders, open }) {
  const headings = [["Window", true], ["Side", true], ["Price"], ["Left, lots"], ["Since"]];
  const cells = orders.map((row) => [
    element("code", {}, row.symbol),
    element("span", { class: row.side === "buy" ? "bid" : "ask" }, row.forced ? `${row.side}, forced` : row.side),
    row.price,
    count(row.remaining_quantity),
    moment(row.created),
  ]);
  const shown = table(headings, cells, "No order is open.");
  if (open > orders.length) shown.append(element("p", { class: "soft small" }, `The oldest ${orders.length} of ${count(open)}.`));
  return shown;
}

function limitTable(limits, activity) {
  const row = (label, text) => element("div", {}, element("dt", {}, label), element("dd", {}, text ?? "no limit"));
  const ofRegions = limits.regions.map(({ region, position }) => row(`Position in ${region}, lots`, position));
  const sent = element("div", {}, element("dt", {}, "Messages for each fill, last hour"), element("dd", {}, activity.order_to_trade ?? NOTHING));
  const rows = LIMITS.map(([label, name]) => row(label, limits[name] === null ? null : String(limits[name])));
  return element("dl", { class: "sums" }, ...rows, ...ofRegions, sent);
}

function eventTable(events) {
  return table([["Time", true], ["What", true]], events.map(eventRow), "");
}

function nothingHappened() {
  return element("p", { class: "note" }, "Not called, and nothing closed, since the exchange was started.");
}
