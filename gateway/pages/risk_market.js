// The market as a whole: strain of regions with its caps, who is being closed, lots by region and window, actions.

import { element } from "./dom.js";
import { count, hourMinute, day, regionName } from "./format.js";
import { act, actions } from "./risk_actions.js";
import { drawHeat } from "./risk_charts.js";
import { stateText } from "./risk_columns.js";
import { share, usd } from "./risk_format.js";
import { accountLink, actionButton, section, table } from "./risk_table.js";

const WINDOWS_SHOWN = 48;
const MEASURES = {
  gross_quantity: ["Held", "held", "What accounts hold of each window, long and as much short."],
  called_net_quantity: ["Net of called", "net of accounts that are called", "Would come to be sold; below nothing, bought."],
  called_gross_quantity: ["Gross of called", "of accounts that are called", "All that accounts with too little hold, either way."],
  largest_quantity: ["Largest holder", "held by one account", "The most that one account holds, either way."],
  orders: ["Orders, net", "more to buy than to sell in open orders", "Open orders to buy, less those to sell."],
};

export class MarketPanel {
  #place;
  #open;
  #told = null;
  #measure = "gross_quantity";
  #regions = element("div");
  #queue = element("div");
  #heat = element("div", { class: "chart", role: "img", "aria-label": "Lots by region and window" });
  #hint = element("p", { class: "soft small" });
  #tabs = element("div", { class: "tabs", role: "group", "aria-label": "What the map shows" });

  constructor(place, open) {
    this.#place = place;
    this.#open = open;
    this.#place.replaceChildren(
      section("In liquidation", this.#queue),
      section("Exposure by region and window", this.#tabs, this.#heat, this.#hint),
      section("Strain of regions", this.#regions),
      section("Actions", ...this.#actions()),
    );
    this.#showTabs();
  }

  get isHalted() {
    return this.#told?.market_halted ?? false;
  }

  show(told) {
    this.#told = told;
    this.#regions.replaceChildren(regions(told.regions));
    this.#queue.replaceChildren(queue(told.queue, this.#open));
    this.draw();
  }

  draw() {
    if (!this.#told || this.#place.hidden) return;
    const { windows } = this.#told;
    this.#hint.textContent = MEASURES[this.#measure][2];
    if (windows.length) drawHeat(this.#heat, cells(windows, this.#measure));
    else this.#heat.replaceChildren(element("p", { class: "note" }, "Nobody holds or wants anything."));
  }

  #showTabs() {
    const tabs = Object.entries(MEASURES).map(([name, [text]]) => {
      const tab = element("button", { type: "button", "aria-pressed": name === this.#measure }, text);
      tab.addEventListener("click", () => {
        this.#measure = name;
        this.#showTabs();
        this.draw();
      });
      return tab;
    });
    this.#tabs.replaceChildren(...tabs);
  }

  #actions() {
    const row = element(
      "div",
      { class: "action-row" },
      actionButton("Halt a window…", () => act(actions.haltWindow())),
      actionButton("Resume a window…", () => act(actions.resumeWindow())),
      actionButton("Correct a delivery…", () => act(actions.correct())),
    );
    return [row];
  }
}

function regions(rows) {
  const headings = [["Region", true], ["Used"], ["Caps"], ["Strain"], ["", true]];
  const made = rows.map((row) => [
    regionName(row.region),
    share(row.utilisation_ppm),
    row.high_ppm ? `${share(row.low_ppm)} – ${share(row.high_ppm)}` : "none",
    share(row.strain_ppm),
    meter(row),
  ]);
  return table(headings, made, "No region is defined.");
}

function meter({ region, strain_ppm: strain }) {
  return element("meter", { min: 0, max: 1_000_000, high: 500_000, low: 1, optimum: 0, value: strain, "aria-label": `Strain of ${region}` });
}

function queue(rows, open) {
  const headings = [["Account", true], ["State", true], ["Above maintenance, USD"], ["Being closed", true]];
  const made = rows.map((row) => [
    accountLink(row.name, open),
    stateText(row.standing),
    element("span", { class: "below", title: row.distance }, usd(row.distance)),
    closing(row),
  ]);
  return table(headings, made, "Nobody is in liquidation.");
}

function closing({ forced_order: forced, open_positions: left, positions }) {
  const held = positions.map(({ symbol, quantity }) => `${count(quantity)} ${symbol}`).join(", ");
  const sent = forced ? `${forced.side} ${count(forced.quantity)} ${forced.symbol} at ${forced.price}; ` : "";
  return element("span", { title: held }, `${sent}${left} position${left === 1 ? "" : "s"} left`);
}

/** Windows across and regions down; what several tiers have in a window is added up. */
function cells(rows, measure) {
  const windows = [...new Set(rows.map(({ start, end }) => `${start} ${end}`))].slice(0, WINDOWS_SHOWN);
  const regions = [...new Set(rows.map(({ region }) => region))].sort().reverse();
  const lots = regions.map(() => windows.map(() => null));
  for (const row of rows) {
    const at = windows.indexOf(`${row.start} ${row.end}`);
    if (at < 0) continue;
    const line = lots[regions.indexOf(row.region)];
    const more = measure === "orders" ? Number(row.open_buys) - Number(row.open_sells) : Number(row[measure]);
    line[at] = measure === "largest_quantity" ? Math.max(line[at] ?? 0, more) : (line[at] ?? 0) + more;
  }
  return { regions: regions.map(regionName), windows: windows.map(windowText), lots, title: MEASURES[measure][1] };
}

function windowText(window) {
  const [start, end] = window.split(" ").map((text) => new Date(text));
  const hours = `${hourMinute(start)}–${hourMinute(end)}`;
  return { short: hours, name: `${day(start)} ${hours}` };
}
