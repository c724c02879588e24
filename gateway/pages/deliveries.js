// The deliveries: what became of the latest windows whose gate has closed, read anew every two seconds.

import { element } from "./dom.js";
import { clock, count, hourMinute, NOTHING, regionName, tierName } from "./format.js";

const READ_MS = 2_000;
const TIMEOUT_MS = 8_000;
const WINDOWS = 12;
const MILLION = 1_000_000;
const PLACES = 4; // of amounts in USD; the full figure is the cell's title
const HEADS = ["Window, UTC", "State", "Sold, Mbps", "Delivered", "Paid, USD", "Refunded", "Replacement"];
const STATES = {
  gate_closed: ["sold", "The gate has closed; delivery begins with the window"],
  delivering: ["delivering", "Measured slot by slot, and paid for as it is measured"],
  settling: ["settling", "The window is over; there is still time for disputes"],
  settled: ["settled", "All money has moved"],
};

export class Deliveries {
  #panel;
  #body = element("tbody");
  #table;
  #note = element("p", { class: "note" });
  #sum;
  #nextGate;
  #rows = [];

  /** `nextGate()` tells when the next gate closes of a window that is delivered; Infinity for never. */
  constructor(panel, place, sum, nextGate) {
    this.#panel = panel;
    this.#sum = sum;
    this.#nextGate = nextGate;
    const heads = HEADS.map((name) => element("th", { scope: "col" }, name));
    this.#table = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), this.#body);
    place.append(this.#table, this.#note);
  }

  /** Read again and again, but not while nobody looks. */
  async poll() {
    const rows = document.hidden ? null : await read();
    if (rows) this.#rows = rows;
    this.#show();
    setTimeout(() => this.poll(), READ_MS);
  }

  // A market that delivers nothing has no such panel.
  #show() {
    const gate = this.#nextGate();
    this.#panel.hidden = !this.#rows.length && gate === Infinity;
    this.#body.replaceChildren(...this.#rows.map(row));
    this.#table.hidden = !this.#rows.length;
    this.#note.hidden = !this.#table.hidden;
    this.#note.textContent = `Nothing was delivered yet. The next gate closes at ${
      gate === Infinity ? NOTHING : clock(new Date(gate))
    } UTC.`;
    this.#sum.textContent = this.#rows.length ? summary(this.#rows) : "";
  }
}

async function read() {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const reply = await fetch(`/v1/deliveries/summary?limit=${WINDOWS}`, { signal, cache: "no-store" });
    return reply.ok ? (await reply.json()).deliveries : null;
  } catch {
    return null; // the link tells that the exchange is away
  }
}

function row(delivery) {
  const { tier, state, quantity, paid, refunded, replacement } = delivery;
  const [word, meaning] = STATES[state] ?? [state, ""];
  const window = `${hourMinute(new Date(delivery.start))}–${hourMinute(new Date(delivery.end))}`;
  const when = element("span", { class: "when" }, window);
  const chip = element("abbr", { class: `tier ${tier}`, title: tierName(tier) }, tier.toUpperCase());
  return element(
    "tr",
    { "data-symbol": delivery.symbol },
    element("th", { scope: "row" }, element("b", {}, regionName(delivery.region)), " ", chip, " ", when),
    element("td", {}, element("span", { class: "stage", "data-state": state, title: meaning }, word)),
    element("td", {}, count(quantity)),
    element("td", {}, ...share(delivery)),
    ...[paid, refunded, replacement].map((text) => element("td", { title: `${text} USD` }, amount(text))),
  );
}

// How far the window is, and how much of that came.
function share({ slots, settled_slots: settled, delivered_ppm: ppm }) {
  const isKnown = ppm !== null;
  const bar = element("span", { class: "share", "aria-hidden": true }, element("i", { class: "came" }), element("i"));
  bar.style.setProperty("--settled", settled / slots);
  bar.style.setProperty("--came", isKnown ? ppm / MILLION : 0);
  const text = element("span", { class: "percent" }, isKnown ? percent(ppm) : NOTHING);
  const title = `${settled} of ${slots} slots are settled`;
  return [element("span", { class: "progress", title }, bar, text, element("span", { class: "unseen" }, `, ${title}`))];
}

function summary(rows) {
  const known = rows.filter(({ delivered_ppm: ppm }) => ppm !== null);
  if (!known.length) return "measured slot by slot by independent reporters";
  const weight = (one) => Number(one.quantity) * one.settled_slots;
  const total = known.reduce((sum, one) => sum + weight(one), 0);
  const came = known.reduce((sum, one) => sum + weight(one) * one.delivered_ppm, 0);
  return `${percent(total ? came / total : 0)} of what was bought came, as independent reporters measured`;
}

// Cut, not rounded: what is not quite all is never shown as all.
function percent(ppm) {
  return `${(Math.floor(ppm / 1_000) / 10).toFixed(1)} %`;
}

function amount(text) {
  const [whole, fraction = ""] = text.split(".");
  return Number(text) ? `${whole}.${fraction.slice(0, PLACES)}` : NOTHING;
}
