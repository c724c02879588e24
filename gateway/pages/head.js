// The top of the page: phase, figures, venue time, and how the link to the exchange fares.

import { clock, count, day } from "./format.js";

const $ = (id) => document.getElementById(id);
const LATENCIES_KEPT = 5;
const LINK_TEXT = { connecting: "Connecting", live: "Live", stale: "Stale", waiting: "Disconnected" };

export class Head {
  #offset = 0; // of venue time, to performance.now()
  #isTimeKnown = false;
  #state = "connecting";
  #retryAt = 0;
  #latencies = [];
  #lastHeard = "";
  #isHalted = false;
  #complaint = "";

  /** Venue time in milliseconds since 1970, as far as it is known. */
  now() {
    return this.#isTimeKnown ? performance.now() + this.#offset : Date.now();
  }

  /** A message that carries the sequence and the venue time. */
  beat({ sequence, time }) {
    this.#setTime(time);
    if (sequence !== undefined) $("sequence").textContent = count(sequence);
  }

  showStatus(status, latency) {
    this.#latencies = [...this.#latencies, latency].slice(-LATENCIES_KEPT);
    this.#setTime(status.time);
    this.#isHalted = status.market_halted || status.phase === "halted";
    $("phase").textContent = this.#isHalted ? "halted" : status.phase;
    $("phase").dataset.phase = this.#isHalted ? "halted" : status.phase;
    $("phase").title = `version ${status.version}`;
    $("sequence").textContent = count(status.sequence);
    $("commands").textContent = count(status.commands);
    $("trades").textContent = count(status.trades);
    $("resting-orders").textContent = count(status.resting_orders);
    $("open-windows").textContent = count(status.open_instruments);
  }

  showLink(state, retryAt) {
    this.#state = state;
    this.#retryAt = retryAt;
    if (state !== "live") this.#latencies = [];
    document.body.dataset.link = state;
    $("link").dataset.state = state;
    this.tick();
  }

  /** Something went wrong that the reader should know. */
  complain(text) {
    this.#complaint = text;
    this.tick();
  }

  /** Bring the clock and the countdowns up to date. */
  tick() {
    if (this.#isTimeKnown && this.#state !== "waiting") {
      const now = new Date(this.now());
      $("clock").textContent = clock(now);
      $("date").textContent = day(now);
    }
    $("link-text").textContent = this.#linkText();
    const notice = this.#notice();
    $("notice").hidden = !notice;
    if ($("notice-text").textContent !== notice) $("notice-text").textContent = notice;
    $("retry").hidden = this.#state !== "waiting";
  }

  #setTime(time) {
    this.#offset = Date.parse(time) - performance.now();
    this.#isTimeKnown = true;
    this.#lastHeard = clock(new Date(time));
  }

  #linkText() {
    if (this.#state !== "live" || !this.#latencies.length) return LINK_TEXT[this.#state];
    const sorted = [...this.#latencies].sort((one, other) => one - other);
    return `Live · ${sorted[Math.floor(sorted.length / 2)].toFixed(0)} ms`;
  }

  #notice() {
    const asOf = this.#lastHeard ? ` Prices are those of ${this.#lastHeard} UTC.` : "";
    if (this.#state === "waiting") return `The exchange cannot be reached; next try ${this.#untilRetry()}.${asOf}`;
    if (this.#state === "stale") return `The exchange has not been heard for a while.${asOf}`;
    if (this.#isHalted) return "Trading is halted. Orders can be cancelled, not placed.";
    return this.#complaint;
  }

  #untilRetry() {
    const seconds = Math.ceil((this.#retryAt - performance.now()) / 1000);
    return seconds > 0 ? `in ${seconds} s` : "now";
  }
}
