// The live market: one WebSocket for everything that moves, and the status now and then for the figures.

import { Cells } from "./cells.js";
import { Connection } from "./connection.js";
import { Deliveries } from "./deliveries.js";
import { Desk } from "./desk.js";
import { Detail } from "./detail.js";
import { decimalsOf } from "./format.js";
import { showBeat, showStatus } from "./head.js";
import { HeatMap } from "./heat_map.js";
import { Search } from "./search.js";
import { session } from "./session.js";
import { shell } from "./shell.js";
import { Tape } from "./tape.js";

const STATUS_MS = 2_000;
const STATUS_TIMEOUT_MS = 8_000;
const CLOCK_MS = 250;

const WIDE = matchMedia("(min-width: 960px)");
const $ = (id) => document.getElementById(id);

const cells = new Cells();
const map = new HeatMap(cells, $("board"), chooseByHand);
new Search(cells, chooseByHand);
const detail = new Detail();
const tape = new Tape($("tape"));
const deliveries = new Deliveries($("deliveries-panel"), $("deliveries-sum"), () => cells.nextDeliveryGate());
const connection = new Connection(`${location.origin.replace(/^http/, "ws")}/v1/ws`, {
  onState: (state, retryAt) => shell.showLink(state, retryAt),
  onHeartbeat: showBeat,
});
const desk = new Desk(connection, chooseByHand);

let chosen = "";
let instrument = null; // the chosen window as its ticker tells it; undefined once it is closed
let tapeSymbol;
let isTapeOpen = false;
let isMarketShown = false;
let isChosenByHand = false;

start();

function start() {
  connection.subscribe("cells", undefined, onCells);
  connection.subscribe("strain", undefined, onStrain);
  connection.open();
  pollStatus();
  deliveries.poll();
  setInterval(onClock, CLOCK_MS);
  shell.addEventListener("retry", () => connection.retryNow());
  // The link was opened with the sign-in that there is; another one needs another link.
  session.load().then(() => session.addEventListener("change", () => connection.reopen()));
  $("filter").addEventListener("input", (event) => map.showRegions(event.target.value));
  $("tape-one").addEventListener("click", () => showTape(chosen));
  $("tape-all").addEventListener("click", () => showTape(undefined));
  $("close").addEventListener("click", closeDetail);
  addEventListener("keydown", onEscape);
  addEventListener("hashchange", followAddress);
}

// What the map shows

async function onCells(message) {
  if (message.error) return shell.complain(message.error.message);
  showBeat(message);
  const changed = cells.take(message);
  if (changed === undefined) return;
  const isLaid = await map.update(changed);
  if (changed === null) $("hint").textContent = "Choose a window to see its book and its trades.";
  if (isLaid) chooseAtFirst();
  if (isOver()) choose(map.liveliest());
}

function onStrain(message) {
  if (!message.error) map.updateStrains(message.regions);
}

// The address names a window; without one, a wide screen shows where most is traded.
function chooseAtFirst() {
  if (isMarketShown || !cells.size) return;
  isMarketShown = true;
  followAddress();
  if (!chosen && WIDE.matches) choose(map.liveliest());
}

// The chosen window

function followAddress() {
  const symbol = location.hash.slice(1);
  if (symbol !== chosen) chooseByHand(symbol);
}

function chooseByHand(symbol) {
  isChosenByHand = true;
  history.replaceState(null, "", symbol ? `#${symbol}` : location.pathname);
  choose(symbol);
}

function choose(symbol) {
  if (chosen) connection.unsubscribe("ticker", chosen);
  chosen = symbol;
  instrument = null;
  map.select(symbol);
  desk.open(symbol, cells.decimals);
  if (!symbol) return detail.open(undefined, 0);
  connection.subscribe("ticker", symbol, onTicker);
  showTape(isTapeOpen && tapeSymbol === undefined ? undefined : symbol);
}

function onTicker(message) {
  if (message.error && isChosenByHand) return shell.complain(message.error.message);
  const row = message.tickers?.[0];
  const isFirst = instrument === null;
  instrument = row && cells.isShown(row) ? row : undefined;
  if (isFirst && row) detail.open(row, decimals());
  showDetail();
}

function decimals() {
  return instrument ? Math.max(cells.decimals, decimalsOf(instrument.price_step)) : cells.decimals;
}

// A question that is open is what Escape closes.
function onEscape(event) {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) closeDetail();
}

function closeDetail() {
  if (!chosen) return;
  const last = chosen;
  chooseByHand("");
  map.focus(last);
}

function showDetail() {
  if (!chosen || instrument === null) return;
  if (isOver()) return choose(map.liveliest());
  detail.show(instrument, decimals(), shell.now());
  desk.show(instrument, decimals());
}

// A window that nobody asked for makes room when it closes: once the map knows as well, or it would be chosen again.
function isOver() {
  return instrument === undefined && !isChosenByHand && cells.size > 0 && !cells.get(chosen);
}

function showTape(symbol) {
  if (isTapeOpen) connection.unsubscribe("trades", tapeSymbol);
  isTapeOpen = true;
  tapeSymbol = symbol;
  $("tape-one").setAttribute("aria-pressed", symbol !== undefined);
  $("tape-all").setAttribute("aria-pressed", symbol === undefined);
  tape.clear(cells.decimals, symbol === undefined);
  connection.subscribe("trades", symbol, onTrades);
}

function onTrades(message) {
  if (message.error) return tape.say(message.error.message);
  tape.take(message);
}

// The figures and the clock

async function pollStatus() {
  const sent = performance.now();
  const status = document.hidden ? null : await readStatus();
  if (status) showStatus(status, performance.now() - sent);
  setTimeout(pollStatus, STATUS_MS);
}

function onClock() {
  map.tick();
  detail.tick(shell.now());
}

async function readStatus() {
  try {
    const reply = await fetch("/v1/status", { signal: AbortSignal.timeout(STATUS_TIMEOUT_MS), cache: "no-store" });
    return reply.ok ? await reply.json() : null;
  } catch {
    return null; // the link tells that the exchange is away
  }
}
