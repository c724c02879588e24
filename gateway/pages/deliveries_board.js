// The delivery board: what is delivered now and what came of it, for everybody; what is one's own; and disputes.

import { Connection } from "./connection.js";
import { allocationsTable, correctionsTable, publicDisputes, staffDisputes } from "./delivery_disputes.js";
import { SLOTS_SHOWN } from "./delivery_format.js";
import { OwnDeliveries } from "./delivery_own.js";
import { providersTable } from "./delivery_providers.js";
import { Windows } from "./delivery_windows.js";
import { symbolName } from "./format.js";
import { Poll } from "./risk_poll.js";
import { session } from "./session.js";
import { shell } from "./shell.js";

const WINDOWS = 50;
const DISPUTES = 50;
const CORRECTIONS = 50;
const ALLOCATIONS = 100;
const STAFF = ["risk", "admin"];
const $ = (id) => document.getElementById(id);

const windows = new Windows();
const connection = new Connection(`${location.origin.replace(/^http/, "ws")}/v1/ws`, {
  onState: (state, retryAt) => shell.showLink(state, retryAt),
  onHeartbeat: (message) => shell.beat(message),
});
const own = new OwnDeliveries(connection);
const poll = new Poll(read, (complaint) => shell.complain(complaint));
const shown = new Map(); // what was drawn last, by place
let chosen = ""; // the window of which risk staff see all allocations

start();

async function start() {
  shell.addEventListener("retry", () => connection.retryNow());
  addEventListener("acted", () => poll.now());
  windows.addEventListener("choose", ({ detail: symbol }) => choose(symbol));
  document.addEventListener("visibilitychange", () => document.hidden || poll.now());
  own.follow(await session.load());
  connection.open();
  session.addEventListener("change", onSession);
  poll.run(true);
}

// The link was opened with the sign-in that there was; another one needs another link.
function onSession() {
  own.follow(session.current);
  chosen = "";
  for (const place of ["chosen", "corrections", "disputes"]) forget(place);
  connection.reopen();
  poll.now();
}

function isStaff() {
  return Boolean(session.current?.roles.some((role) => STAFF.includes(role)));
}

// Others are told no more of a window than its row tells.
async function choose(symbol) {
  if (!isStaff()) return;
  chosen = symbol;
  await poll.now();
  $("chosen-card").scrollIntoView({ block: "nearest" });
}

/** Nobody asks while nobody looks. `isWanted` tells whether a later question has made this one idle. */
async function read(isWanted) {
  if (document.hidden) return;
  const [summary, { providers }] = await Promise.all([
    session.get(`/v1/deliveries/summary?limit=${WINDOWS}&latest_slots=${SLOTS_SHOWN}`),
    session.get("/v1/providers"),
  ]);
  const staff = isStaff() ? await readStaff() : null;
  if (!isWanted()) return;
  shell.complain("");
  shell.beat(summary);
  windows.show(summary.deliveries, isStaff());
  draw("providers", providers, providersTable);
  $("corrections-card").hidden = !staff;
  $("chosen-card").hidden = !staff;
  if (staff) draw("corrections", staff.corrections, correctionsTable);
  if (staff) draw("chosen", staff.allocations, allocationsTable);
  if (staff) $("chosen-name").textContent = staff.name;
  if (staff) draw("disputes", staff.disputed, staffDisputes);
  else draw("disputes", summary.deliveries, publicDisputes);
}

async function readStaff() {
  const symbol = chosen;
  const [{ deliveries: disputed }, { corrections }, ofWindow] = await Promise.all([
    session.get(`/v1/admin/deliveries?disputed=true&limit=${DISPUTES}`),
    session.get("/v1/admin/corrections"),
    symbol ? session.get(`/v1/admin/deliveries?${new URLSearchParams({ symbol, limit: ALLOCATIONS })}`) : null,
  ]);
  const isCut = Boolean(ofWindow?.next_cursor);
  const name = ofWindow ? `${symbolName(symbol)}${isCut ? `, the first ${ALLOCATIONS}` : ""}` : "";
  return { disputed, corrections: corrections.slice(0, CORRECTIONS), name, allocations: ofWindow?.deliveries ?? null };
}

// What staff saw is not for whoever sits here next.
function forget(place) {
  shown.delete(place);
  $(place).replaceChildren();
}

// What has not changed stays as it is, with what is pointed at or has the focus.
function draw(place, rows, make) {
  const drawn = `${make.name} ${JSON.stringify(rows)}`;
  if (shown.get(place) === drawn) return;
  shown.set(place, drawn);
  $(place).replaceChildren(make(rows));
}
