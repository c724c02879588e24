// The deliveries in a line: how much of what was bought came. The delivery board has the rest.

import { cameOf, percent } from "./delivery_format.js";
import { clock, count } from "./format.js";

const READ_MS = 2_000;
const TIMEOUT_MS = 8_000;
const WINDOWS = 12;

export class Deliveries {
  #panel;
  #sum;
  #nextGate;
  #rows = [];

  /** `nextGate()` tells when the next gate closes of a window that is delivered; Infinity for never. */
  constructor(panel, sum, nextGate) {
    this.#panel = panel;
    this.#sum = sum;
    this.#nextGate = nextGate;
  }

  /** Read again and again, but not while nobody looks. */
  async poll() {
    const rows = document.hidden ? null : await read();
    if (rows) this.#rows = rows;
    this.#show();
    setTimeout(() => this.poll(), READ_MS);
  }

  // A market that delivers nothing has no such line.
  #show() {
    const gate = this.#nextGate();
    this.#panel.hidden = !this.#rows.length && gate === Infinity;
    if (!this.#panel.hidden) this.#sum.textContent = this.#rows.length ? summary(this.#rows) : announced(gate);
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

function summary(rows) {
  const delivering = rows.filter(({ state }) => state === "delivering").length;
  const running = `${count(delivering)} ${delivering === 1 ? "window is" : "windows are"} in delivery`;
  const came = cameOf(rows);
  if (came === null) return `${running}, measured slot by slot by independent reporters`;
  return `${running}; ${percent(came)} of what was bought came, as independent reporters measured`;
}

function announced(gate) {
  return `Nothing was delivered yet. The next gate closes at ${clock(new Date(gate))} UTC.`;
}
