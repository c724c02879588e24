// The delivery board: what is delivered now and what came of it, for everybody; what is one's own; and disputes.

import { Connection } from "./connection.js";
import { correctionsTable, publicDisputes, staffDisputes } from "./delivery_disputes.js";
import { OwnDeliveries } from "./delivery_own.js";
import { providersTable } from "./delivery_providers.js";
import { SLOTS_SHOWN, Windows } from "./delivery_windows.js";
import { Poll } from "./risk_poll.js";
import { session } from "./session.js";
import { shell } from "./shell.js";

const WINDOWS = 50;
const DISPUTES = 50;
const CORRECTIONS = 50;
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

start();

async function start() {
  shell.addEventListener("retry", () => connection.retryNow());
  addEventListener("acted", () => poll.now());
  document.addEventListener("visibilitychange", () => document.hidden || poll.now());
  own.follow(await session.load());
  connection.open();
  session.addEventListener("change", onSession);
  poll.run(true);
}

// The link was opened with the sign-in that there was; another one needs another link.
function onSession() {
  own.follow(session.current);
  connection.reopen();
  poll.now();
}

/** Nobody asks while nobody looks. `isWanted` tells whether a later question has made this one idle. */
async function read(isWanted) {
  if (document.hidden) return;
  const isStaff = Boolean(session.current?.roles.some((role) => STAFF.includes(role)));
  const [summary, { providers }] = await Promise.all([
    session.get(`/v1/deliveries/summary?limit=${WINDOWS}&latest_slots=${SLOTS_SHOWN}`),
    session.get("/v1/providers"),
  ]);
  const staff = isStaff ? await readStaff() : null;
  if (!isWanted()) return;
  shell.complain("");
  shell.beat(summary);
  windows.show(summary.deliveries);
  draw("providers", providers, providersTable);
  $("corrections-card").hidden = !staff;
  if (staff) draw("corrections", staff.corrections, correctionsTable);
  if (staff) draw("disputes", staff.disputed, staffDisputes);
  else draw("disputes", summary.deliveries, publicDisputes);
}

async function readStaff() {
  const [{ deliveries: disputed }, { corrections }] = await Promise.all([
    session.get(`/v1/admin/deliveries?disputed=true&limit=${DISPUTES}`),
    session.get("/v1/admin/corrections"),
  ]);
  return { disputed, corrections: corrections.slice(0, CORRECTIONS) };
}

// What has not changed stays as it is, with what is pointed at or has the focus.
function draw(place, rows, make) {
  const drawn = `${make.name} ${JSON.stringify(rows)}`;
  if (shown.get(place) === drawn) return;
  shown.set(place, drawn);
  $(place).replaceChildren(make(rows));
}
