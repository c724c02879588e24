// The live market: one WebSocket for everything that moves, and the status now and then for the figures.

import { Board } from "./board.js";
import { Connection } from "./connection.js";
import { Curve } from "./curve.js";
import { Deliveries } from "./deliveries.js";
import { Detail } from "./detail.js";
import { showBeat, showStatus } from "./head.js";
import { Ladder } from "./ladder.js";
import { session } from "./session.js";
import { shell } from "./shell.js";
import { Tape } from "./tape.js";

const STATUS_MS = 2_000;
const STATUS_TIMEOUT_MS = 8_000;
const CLOCK_MS = 250;

const WIDE = matchMedia("(min-width: 960px)");
const $ = (id) => document.getElementById(id);

const board = new Board($("board"), $("lengths"), chooseByHand);
const detail = new Detail();
const curve = new Curve($("curve"), $("curve-range"));
const ladder = new Ladder($("ladder"));
const tape = new Tape($("tape"));
const deliveries = new Deliveries($("deliveries-panel"), $("deliveries"), $("deliveries-sum"), () =>
  board.instruments.values(),
);
const connection = new Connection(`${location.origin.replace(/^http/, "ws")}/v1/ws`, {
  onState: (state, retryAt) => shell.showLink(state, retryAt),
  onHeartbeat: showBeat,
});

let chosen = "";
let tapeSymbol;
let isTapeOpen = false;
let isMarketShown = false;
let isChosenByHand = false;

start();

function start() {
  connection.subscribe("ticker", undefined, onTicker);
  connection.open();
  pollStatus();
  deliveries.poll();
  setInterval(onClock, CLOCK_MS);
  shell.addEventListener("retry", () => connection.retryNow());
  // The link was opened with the sign-in that there is; another one needs another link.
  session.load().then(() => session.addEventListener("change", () => connection.reopen()));
  $("filter").addEventListener("input", (event) => board.showRegions(event.target.value));
  $("tape-one").addEventListener("click", () => showTape(chosen));
  $("tape-all").addEventListener("click", () => showTape(undefined));
  $("close").addEventListener("click", closeDetail);
  addEventListener("keydown", (event) => event.key === "Escape" && closeDetail());
  addEventListener("hashchange", followAddress);
}

// What the board shows

function onTicker(message) {
  if (message.error) return shell.complain(message.error.message);
  showBeat(message);
  if (message.type === "snapshot") return showMarket(message.tickers);
  board.update(message.tickers);
  chooseAtFirst();
  if (message.tickers.some(({ symbol }) => symbol === chosen)) showDetail();
}

function showMarket(instruments) {
  board.load(instruments);
  board.tick(shell.now());
  $("hint").textContent = "Choose a window to see its book and its trades.";
  chooseAtFirst();
  showDetail();
}

// The address names a window; without one, a wide screen shows where most is traded.
function chooseAtFirst() {
  if (isMarketShown || !board.instruments.size) return;
  isMarketShown = true;
  followAddress();
  if (!chosen && WIDE.matches) choose(board.liveliest());
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
  if (chosen) connection.unsubscribe("book", chosen);
  chosen = symbol;
  board.select(symbol);
  detail.open(board.instruments.get(symbol), board.decimals);
  if (!symbol) return;
  ladder.clear(board.decimals);
  connection.subscribe("book", symbol, onBook);
  showTape(isTapeOpen && tapeSymbol === undefined ? undefined : symbol);
  showDetail();
}

function closeDetail() {
  if (!chosen) return;
  const last = chosen;
  chooseByHand("");
  board.focus(last);
}

function showDetail() {
  if (!chosen) return;
  const instrument = board.instruments.get(chosen);
  if (!instrument && !isChosenByHand && board.instruments.size) return choose(board.liveliest());
  detail.show(instrument, board.decimals, shell.now());
  if (instrument) curve.show(board.curve(instrument), chosen, board.decimals);
}

function onBook(message) {
  if (message.error) return ladder.say(message.error.message);
  if (!ladder.take(message)) connection.resubscribe("book", chosen);
}

function showTape(symbol) {
  if (isTapeOpen) connection.unsubscribe("trades", tapeSymbol);
  isTapeOpen = true;
  tapeSymbol = symbol;
  $("tape-one").setAttribute("aria-pressed", symbol !== undefined);
  $("tape-all").setAttribute("aria-pressed", symbol === undefined);
  tape.clear(board.decimals, symbol === undefined);
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
  board.tick(shell.now());
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
