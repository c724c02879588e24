// The exchange in figures, under the head of the page.

import { count } from "./format.js";
import { shell } from "./shell.js";

const $ = (id) => document.getElementById(id);

/** A message that carries the sequence and the venue time. */
export function showBeat(message) {
  shell.beat(message);
  if (message.sequence !== undefined) $("sequence").textContent = count(message.sequence);
}

export function showStatus(status, latency) {
  shell.beat(status);
  shell.showLatency(latency);
  const isHalted = status.market_halted || status.phase === "halted";
  shell.showHalt(isHalted);
  $("phase").textContent = isHalted ? "halted" : status.phase;
  $("phase").dataset.phase = isHalted ? "halted" : status.phase;
  $("phase").title = `version ${status.version}`;
  $("sequence").textContent = count(status.sequence);
  $("commands").textContent = count(status.commands);
  $("trades").textContent = count(status.trades);
  $("resting-orders").textContent = count(status.resting_orders);
  $("open-windows").textContent = count(status.open_instruments);
}
