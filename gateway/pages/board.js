// The board: a row for each region and tier, a column for each window, a cell with its prices and its traded lots.

import { element } from "./dom.js";
import {
  countdown,
  day,
  decimalsOf,
  hourMinute,
  lengthName,
  lengthOf,
  price,
  regionName,
  shortCount,
  tierName,
} from "./format.js";
import { describe, midOf } from "./quote.js";

const PARTS = ["bid", "ask", "last", "lots"];
const TIERS = ["ef", "af", "be"];
const SHOWN_STATES = new Set(["open", "halted", "auction", "closing_auction"]);
const GATE_SOON_MS = 5 * 60_000;
const ONE_SIDED_SHARE = 0.1;
const HEAT_POWER = 1.6; // the dear windows stand out, the others stay calm
const QUIET = matchMedia("(prefers-reduced-motion: reduce)");

export class Board {
  #place;
  #tabs;
  #onSelect;
  #instruments = new Map();
  #cells = new Map();
  #heads = [];
  #length = 0;
  #filter = "";
  #selected = "";
  #decimals = 0;
  #isBuildDue = false;

  constructor(place, tabs, onSelect) {
    this.#place = place;
    this.#tabs = tabs;
    this.#onSelect = onSelect;
    place.addEventListener("click", (event) => this.#choose(event.target.closest("button[data-symbol]")));
    place.addEventListener("keydown", (event) => this.#walk(event));
  }

  get decimals() {
    return this.#decimals;
  }

  get instruments() {
    return this.#instruments;
  }

  /** Take in the whole market; what is not in it is gone. */
  load(instruments) {
    this.#instruments.clear();
    this.#isBuildDue = true;
    this.update(instruments);
  }

  /** Take in what changed. */
  update(instruments) {
    const rows = new Set();
    for (const instrument of instruments) {
      const before = this.#instruments.get(instrument.symbol);
      if (!SHOWN_STATES.has(instrument.state)) {
        if (this.#instruments.delete(instrument.symbol)) this.#isBuildDue = true;
        continue;
      }
      this.#instruments.set(instrument.symbol, instrument);
      this.#isBuildDue ||= before === undefined;
      const cell = this.#cells.get(instrument.symbol);
      if (cell && !this.#isBuildDue) {
        this.#paint(cell, instrument, before);
        rows.add(cell.row);
      }
    }
    if (this.#isBuildDue) return this.#build();
    for (const row of rows) this.#shade(row);
  }

  /** Show the windows of one length, in seconds. */
  showLength(seconds) {
    this.#length = seconds;
    this.#build();
  }

  /** Show the regions whose name contains a text. */
  showRegions(text) {
    this.#filter = text.trim().toLowerCase();
    this.#build();
  }

  /** Mark a window as the chosen one and bring it into view; its length is shown with it. */
  select(symbol) {
    const instrument = this.#instruments.get(symbol);
    if (instrument && lengthOf(instrument) !== this.#length) this.showLength(lengthOf(instrument));
    this.#mark(this.#selected, false);
    this.#selected = symbol;
    this.#mark(symbol, true);
    this.#cells.get(symbol)?.button.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Put the focus on a window's cell. */
  focus(symbol) {
    this.#cells.get(symbol)?.button.focus();
  }

  /** Of the windows in sight, the one where most is traded and both sides are quoted: what to show first. */
  liveliest() {
    const frame = this.#place.getBoundingClientRect();
    let best = { score: -1, symbol: "" };
    for (const { symbol, button } of this.#cells.values()) {
      const { right, bottom } = button.getBoundingClientRect();
      if (best.score >= 0 && (right > frame.right || bottom > frame.bottom)) continue;
      const { traded_quantity: traded, best_bid: bid, best_ask: ask } = this.#instruments.get(symbol);
      const score = Number(traded) * (bid && ask ? 1 : ONE_SIDED_SHARE);
      if (score > best.score) best = { score, symbol };
    }
    return best.symbol;
  }

  /** The windows of a region and tier that have this length, by start. */
  curve({ region, tier, ...instrument }) {
    const length = lengthOf(instrument);
    return [...this.#instruments.values()]
      .filter((other) => other.region === region && other.tier === tier && lengthOf(other) === length)
      .sort(byStart);
  }

  /** Bring the countdowns to the gate up to date. */
  tick(now) {
    for (const { place, gates } of this.#heads) {
      const left = (gates.find((gate) => gate > now) ?? now) - now;
      place.textContent = left > 0 ? `gate ${countdown(left)}` : "gate closed";
      place.classList.toggle("soon", left < GATE_SOON_MS);
    }
  }

  #build() {
    this.#isBuildDue = false;
    const focused = document.activeElement?.dataset.symbol;
    this.#buildTabs();
    const shown = [...this.#instruments.values()].filter((instrument) => this.#isShown(instrument));
    this.#decimals = decimalsNeeded(this.#instruments.values());
    this.#cells.clear();
    this.#heads = [];
    this.#place.removeAttribute("aria-busy");
    const { scrollLeft, scrollTop } = this.#place;
    this.#place.replaceChildren(shown.length ? this.#table(shown) : this.#emptiness());
    this.#place.scrollTo(scrollLeft, scrollTop);
    this.#mark(this.#selected, true);
    if (focused) this.focus(focused);
  }

  #isShown(instrument) {
    return lengthOf(instrument) === this.#length && regionName(instrument.region).includes(this.#filter);
  }

  #buildTabs() {
    const lengths = [...new Set([...this.#instruments.values()].map(lengthOf))].sort((one, other) => one - other);
    if (!lengths.includes(this.#length)) this.#length = lengths.includes(3_600) ? 3_600 : (lengths[0] ?? 0);
    const buttons = lengths.map((seconds) => {
      const isShown = seconds === this.#length;
      const button = element("button", { type: "button", "aria-pressed": isShown }, lengthName(seconds));
      button.addEventListener("click", () => this.showLength(seconds));
      return button;
    });
    this.#tabs.replaceChildren(...buttons);
  }

  #emptiness() {
    const text = this.#filter ? "No region of that name has an open window." : "No window is open for trading now.";
    return element("p", { class: "empty" }, text);
  }

  #table(shown) {
    const columns = [...new Map(shown.map((instrument) => [instrument.start, instrument])).values()].sort(byStart);
    const regions = [...new Set(shown.map(({ region }) => region))].sort(metrosFirst);
    const table = element("table", { "aria-label": `Windows of ${lengthName(this.#length)}` });
    table.append(this.#head(shown, columns), ...regions.map((region) => this.#region(region, columns)));
    return table;
  }

  #head(shown, columns) {
    const days = element("tr", { class: "days" }, ...corner(""));
    const times = element("tr", { class: "times" }, ...corner("Start, UTC"));
    const byDay = Map.groupBy(columns, ({ start }) => start.slice(0, 10));
    for (const [, group] of byDay) {
      const label = element("span", {}, day(new Date(group[0].start)));
      days.append(element("th", { colspan: group.length, scope: "colgroup" }, label));
    }
    for (const { start } of columns) {
      const gates = shown.filter((instrument) => instrument.start === start).map((one) => Date.parse(one.gate_closure));
      const place = element("small");
      this.#heads.push({ place, gates: gates.sort((one, other) => one - other) });
      times.append(element("th", { scope: "col" }, hourMinute(new Date(start)), place));
    }
    return element("thead", {}, days, times);
  }

  #region(region, columns) {
    const body = element("tbody");
    const rows = TIERS.map((tier) => this.#row(region, tier, columns)).filter((row) => row !== null);
    const line = element("th", { colspan: columns.length + 2 }, element("span", {}, regionName(region)));
    rows[0].prepend(element("th", { class: "region", rowspan: rows.length, scope: "rowgroup" }, ...wholeWords(region)));
    body.append(element("tr", { class: "region-line" }, line), ...rows);
    return body;
  }

  #row(region, tier, columns) {
    const byWindow = new Map();
    for (const instrument of this.#instruments.values()) {
      if (instrument.region === region && instrument.tier === tier && lengthOf(instrument) === this.#length) {
        byWindow.set(instrument.start, instrument);
      }
    }
    if (!byWindow.size) return null;
    const chip = element("abbr", { class: `tier ${tier}`, title: tierName(tier) }, tier.toUpperCase());
    const line = element("tr", {}, element("th", { class: "tier-head", scope: "row" }, chip));
    const row = { cells: [] };
    for (const { start } of columns) line.append(this.#cell(byWindow.get(start), row));
    this.#shade(row);
    return line;
  }

  #cell(instrument, row) {
    if (!instrument) return element("td", { class: "none" });
    const parts = Object.fromEntries(PARTS.map((name) => [name, element("span", { class: name })]));
    const button = element("button", { type: "button", "data-symbol": instrument.symbol, tabindex: -1 });
    button.append(...Object.values(parts));
    const cell = { button, row, symbol: instrument.symbol, ...parts };
    row.cells.push(cell);
    this.#cells.set(instrument.symbol, cell);
    if (this.#cells.size === 1) button.tabIndex = 0;
    this.#paint(cell, instrument);
    return element("td", {}, button);
  }

  #paint(cell, instrument, before) {
    const isHalted = instrument.state === "halted";
    cell.button.classList.toggle("halted", isHalted);
    write(cell.bid, price(instrument.best_bid, this.#decimals), before && instrument.best_bid !== before.best_bid);
    write(cell.ask, price(instrument.best_ask, this.#decimals), before && instrument.best_ask !== before.best_ask);
    write(cell.last, isHalted ? "halted" : price(instrument.last_price, this.#decimals));
    if (before?.last_price && instrument.last_price && instrument.last_price !== before.last_price) {
      cell.last.dataset.move = Number(instrument.last_price) > Number(before.last_price) ? "up" : "down";
    }
    write(cell.lots, Number(instrument.traded_quantity) ? shortCount(instrument.traded_quantity) : "");
    cell.button.setAttribute("aria-label", describe(instrument, this.#decimals));
  }

  // Where the mid price stands between the lowest and the highest of its row.
  #shade(row) {
    const mids = row.cells.map((cell) => midOf(this.#instruments.get(cell.symbol)));
    const known = mids.filter((mid) => mid !== null);
    const low = Math.min(...known);
    const span = Math.max(...known) - low;
    row.cells.forEach((cell, index) => {
      const heat = mids[index] === null || !span ? 0 : ((mids[index] - low) / span) ** HEAT_POWER;
      cell.button.style.setProperty("--heat", heat.toFixed(2));
    });
  }

  #mark(symbol, isChosen) {
    const cell = this.#cells.get(symbol);
    if (!cell) return;
    cell.button.classList.toggle("chosen", isChosen);
    cell.button.setAttribute("aria-pressed", isChosen);
    if (isChosen) this.#moveFocusStop(cell.button);
  }

  #choose(button) {
    if (button) this.#onSelect(button.dataset.symbol);
  }

  // The board is one stop of the Tab key; arrows walk its cells.
  #walk(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const from = event.target.closest("td");
    if (!step || !from) return;
    event.preventDefault();
    const rows = [...this.#place.querySelectorAll("tr:has(td)")].map((row) => [...row.querySelectorAll("td")]);
    const row = rows.findIndex((cells) => cells.includes(from));
    const target = rows[row + step[0]]?.[rows[row].indexOf(from) + step[1]]?.querySelector("button");
    if (!target) return;
    this.#moveFocusStop(target);
    target.focus();
  }

  #moveFocusStop(button) {
    const stop = this.#place.querySelector("button[tabindex='0']");
    if (stop) stop.tabIndex = -1;
    button.tabIndex = 0;
  }
}

function write(place, text, isNews = false) {
  if (place.textContent === text) return;
  place.textContent = text;
  if (isNews && !QUIET.matches) place.animate({ opacity: [0.25, 1] }, { duration: 450, easing: "ease-out" });
}

// Two cells, since narrow screens have no column of regions.
function corner(text) {
  return [element("td", { class: "corner region" }, text), element("td", { class: "corner tier-head" })];
}

// A route may break at its arrow, a name nowhere.
function wholeWords(region) {
  const words = regionName(region).split(/(?<=→) /);
  return words.flatMap((word) => [element("span", { class: "whole-word" }, word), " "]);
}

function decimalsNeeded(instruments) {
  return Math.max(0, ...[...new Set([...instruments].map(({ price_step: step }) => step))].map(decimalsOf));
}

function metrosFirst(one, other) {
  return one.includes("_") - other.includes("_") || one.localeCompare(other);
}

function byStart(one, other) {
  return Date.parse(one.start) - Date.parse(other.start);
}
