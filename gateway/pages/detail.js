// What is known of the chosen window: its name, its terms, its last price.

import { count, countdown, decimalsOf, hourMinute, localTime, price, regionName, tierName, windowName } from "./format.js";

const $ = (id) => document.getElementById(id);
const BASIS_POINTS = 10_000;
const PER_CENT = 100;
const GATE_SOON_MS = 5 * 60_000;

export class Detail {
  #gate = 0;

  /** Show the panel of a window, or none. */
  open(instrument, decimals) {
    const panel = $("detail");
    panel.toggleAttribute("data-empty", !instrument);
    document.body.toggleAttribute("data-detail", Boolean(instrument));
    panel.scrollTop = 0;
    if (!instrument) return;
    $("detail-region").textContent = regionName(instrument.region);
    $("detail-tier").textContent = `${instrument.tier.toUpperCase()} ${tierName(instrument.tier)}`;
    $("detail-tier").className = `tier ${instrument.tier}`;
    $("detail-window").textContent = `${windowName(instrument)} UTC`;
    $("detail-symbol").textContent = instrument.symbol;
    const band = [instrument.band_low, instrument.band_high].map((edge) => price(edge, decimals));
    $("fact-band").textContent = band.join(" to ");
    this.#gate = Date.parse(instrument.gate_closure);
    const gate = new Date(this.#gate);
    $("gate-time").textContent = `at ${hourMinute(gate)} UTC`;
    $("gate-time").dateTime = instrument.gate_closure;
    $("gate-time").title = localTime(gate);
  }

  /** Bring what moves up to date; a window that is gone from the board has closed. */
  show(instrument, decimals, now) {
    $("fact-state").textContent = instrument?.state ?? "closed";
    $("fact-state").dataset.state = instrument?.state ?? "closed";
    this.tick(now);
    if (!instrument) return;
    $("fact-last").textContent = price(instrument.last_price, decimals);
    showChange($("fact-change"), instrument);
    $("fact-traded").textContent = `${count(instrument.traded_quantity)} Mbps`;
    $("fact-reference").textContent = price(instrument.reference_price, decimals);
    $("fact-spread").textContent = spread(instrument, decimals);
  }

  tick(now) {
    $("fact-gate").textContent = countdown(this.#gate - now);
    $("fact-gate").toggleAttribute("data-soon", this.#gate - now < GATE_SOON_MS);
  }
}

function showChange(place, { last_price: last, reference_price: reference }) {
  const change = last ? (Number(last) / Number(reference) - 1) * PER_CENT : 0;
  place.dataset.move = change > 0 ? "up" : change < 0 ? "down" : "";
  place.textContent = last ? `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(2)} % on reference` : "no trade yet";
}

function spread({ best_bid: bid, best_ask: ask, price_step: step }, decimals) {
  if (!bid || !ask) return price(null, decimals);
  const gap = Number(ask) - Number(bid);
  const share = (BASIS_POINTS * gap * 2) / (Number(ask) + Number(bid));
  return `${gap.toFixed(Math.max(decimals, decimalsOf(step)))} · ${share.toFixed(0)} bp`;
}
