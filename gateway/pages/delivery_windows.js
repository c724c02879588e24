// What became of each window whose gate has closed, and all of them added up: known to everybody, and of nobody.

import { cameOf, money, percent, slotName, slotStrip, SLOTS_SHOWN, stage, windowLabel } from "./delivery_format.js";
import { element } from "./dom.js";
import { count, NOTHING } from "./format.js";
import { table } from "./risk_table.js";
import { nanoOf, usd } from "./units.js";

const COMING_SHOWN = 12; // of a window of more slots than are shown
const AMOUNTS = ["paid", "refunded", "replacement", "shortfall_fee", "corrected"];
const AMOUNT_NAMES = {
  paid: ["Paid, USD", "To providers, the clearing fee included"],
  refunded: ["Refunded, USD", "Of the price, to buyers"],
  replacement: ["Penalties to buyers, USD", "Of the bonds: what replacing costs, or compensation"],
  shortfall_fee: ["Penalties to fund, USD", "Of the bonds, to the insurance fund"],
  corrected: ["Corrected, USD", "From buyers to providers; the other way when negative"],
};
const HEADINGS = [
  ["Window, UTC", true],
  ["State", true],
  ["Slots", true],
  ["Came", false],
  ["Sold, Mbps", false],
  ...AMOUNTS.map((name) => [AMOUNT_NAMES[name][0], false]),
  ["Disputed", false],
];
const ORDER = ["delivering", "gate_closed", "settling", "settled"];
const FILTERS = {
  All: () => true,
  "In delivery": ({ state }) => state === "delivering",
  Short: ({ delivered_ppm: ppm }) => ppm !== null && ppm < 1_000_000,
  Disputed: ({ disputed }) => disputed > 0,
};
const $ = (id) => document.getElementById(id);

/** Tells `choose`, with the symbol as its detail, when a row is clicked, or Enter is pressed on it. */
export class Windows extends EventTarget {
  #rows = null;
  #filter = "All";
  #isChoosable = false;
  #shown = "";

  constructor() {
    super();
    for (const kind of ["click", "keydown"]) $("windows").addEventListener(kind, (event) => this.#onChoice(event));
    const buttons = Object.keys(FILTERS).map((name) => {
      const button = element("button", { type: "button", "data-filter": name, "aria-pressed": name === this.#filter }, name);
      button.addEventListener("click", () => this.#choose(name));
      return button;
    });
    $("stages").replaceChildren(...buttons);
  }

  /** The rows of the summary, the newest first, and whether one can be chosen. */
  show(rows, isChoosable) {
    this.#isChoosable = isChoosable;
    this.#rows = [...rows].sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state));
    this.#draw();
  }

  #onChoice({ type, key, target }) {
    const symbol = target.closest("tbody tr")?.dataset.symbol;
    if (symbol && (type === "click" || key === "Enter")) this.dispatchEvent(new CustomEvent("choose", { detail: symbol }));
  }

  #choose(name) {
    this.#filter = name;
    for (const button of $("stages").children) button.setAttribute("aria-pressed", button.dataset.filter === name);
    if (this.#rows) this.#draw();
  }

  // What has not changed stays as it is, under the pointer of who reads its title.
  #draw() {
    const drawn = JSON.stringify([this.#filter, this.#isChoosable, this.#rows]);
    if (drawn === this.#shown) return;
    this.#shown = drawn;
    for (const button of $("stages").children) {
      const { filter } = button.dataset;
      button.replaceChildren(filter, " ", element("b", {}, count(this.#rows.filter(FILTERS[filter]).length)));
    }
    $("totals").replaceChildren(...totals(this.#rows));
    const wanted = this.#rows.filter(FILTERS[this.#filter]);
    const nothing = this.#rows.length
      ? "None of the latest windows is like that."
      : "Nothing was delivered yet: no gate has closed of a window that is delivered.";
    const made = table(HEADINGS, wanted.map(cells), nothing);
    label(made, wanted, this.#isChoosable);
    const focused = document.activeElement?.closest("#windows tbody tr")?.dataset.symbol;
    $("windows").replaceChildren(made);
    if (focused) made.querySelector(`tr[data-symbol="${focused}"]`)?.focus({ preventScroll: true });
    $("windows").setAttribute("aria-busy", false);
  }
}

function cells(delivery) {
  const { state, quantity, disputed, delivered_ppm: ppm } = delivery;
  const came = ppm === null ? NOTHING : element("span", { class: ppm < 1_000_000 ? "below" : "" }, percent(ppm));
  const disputes = element("span", { class: disputed ? "disputed" : "" }, disputed ? count(disputed) : NOTHING);
  const amounts = AMOUNTS.map((name) => money(delivery[name]));
  return [windowLabel(delivery), stage(state), strip(delivery), came, count(quantity), ...amounts, disputes];
}

function label(made, deliveries, isChoosable) {
  made.tabIndex = 0; // whoever has no pointer scrolls it sideways too
  for (const [at, row] of [...made.querySelectorAll("tbody tr")].entries()) {
    row.dataset.symbol = deliveries[at].symbol;
    if (isChoosable) row.tabIndex = 0;
  }
  for (const [at, name] of AMOUNTS.entries()) {
    made.querySelectorAll("thead th")[HEADINGS.length - 1 - AMOUNTS.length + at]?.setAttribute("title", AMOUNT_NAMES[name][1]);
  }
}

function strip(delivery) {
  const { quantity, slots, settled_slots: settled, first_slot: first, slot_measured: measured } = delivery;
  const end = Math.min(slots, Math.max(first + SLOTS_SHOWN, settled + COMING_SHOWN));
  const bars = Array.from({ length: end - first }, (_, at) => ({
    name: slotName(delivery, slots, first + at),
    sold: Number(quantity),
    measured: measured[at],
    delivered: delivery.slot_delivered[at],
  }));
  const total = `${settled} of ${slots} slots are settled`;
  return element("span", { class: "strip-place" }, slotStrip(bars, total), element("span", { class: "soft small", title: total }, `${settled}/${slots}`));
}

// The sums over all rows, whatever is shown of them.
function totals(rows) {
  const delivering = rows.filter(FILTERS["In delivery"]);
  const sold = delivering.reduce((sum, { quantity }) => sum + Number(quantity), 0);
  const came = cameOf(rows);
  const figures = [
    ["In delivery", count(delivering.length), "Windows that run now"],
    ["Sold there, Mbps", count(sold), "Of the windows that run now, all allocations together"],
    ["Came", came === null ? NOTHING : percent(came), "Of what was measured in the windows below"],
    ...AMOUNTS.map((name) => [AMOUNT_NAMES[name][0], usd(sumOf(rows, name)), AMOUNT_NAMES[name][1]]),
    ["Disputed", count(rows.reduce((sum, { disputed }) => sum + disputed, 0)), "Allocations whose delivery is disputed now"],
  ];
  return figures.map(([name, text, title]) => element("div", { title }, element("dt", {}, name), element("dd", {}, text)));
}

function sumOf(rows, name) {
  return rows.reduce((sum, row) => sum + nanoOf(row[name]), 0n);
}
