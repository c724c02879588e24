// Risk: accounts by nearness to liquidation, read anew each second, and one of them in full.

import { element } from "./dom.js";
import { count } from "./format.js";
import { AccountDetail } from "./risk_account.js";
import { showList } from "./risk_list.js";
import { CAN_SIGN, Refusal, SignedReader, readJson } from "./signed.js";

const REFRESH_MS = 1_000;
const AGE_MS = 100;
const STALE_MS = 5_000;
const FIRST_ROWS = 100;
const ROWS_MAX = 1_000;
const STANDINGS = ["sound", "margin_call", "liquidation", "bankrupt"];
const KEY_REFUSALS = ["unknown_key", "bad_signature", "role_missing", "not_signed"];
const $ = (id) => document.getElementById(id);

const detail = new AccountDetail();
const wanted = { standing: "", region: "", limit: FIRST_ROWS, account: "" };
let reader = null;
let takenAt = 0;
let turn = 0;

start();

function start() {
  $("entry").addEventListener("submit", enter);
  $("leave").addEventListener("click", () => leave(""));
  $("close").addEventListener("click", () => choose(""));
  $("more").addEventListener("click", () => change({ limit: Math.min(wanted.limit * 2, ROWS_MAX) }));
  $("region").addEventListener("change", (event) => change({ region: event.target.value, limit: FIRST_ROWS }));
  for (const button of $("standings").children) {
    button.addEventListener("click", () => change({ standing: button.dataset.standing, limit: FIRST_ROWS }));
  }
  addEventListener("keydown", (event) => event.key === "Escape" && choose(""));
  setInterval(showAge, AGE_MS);
  if (!CAN_SIGN) complain("This page signs in the browser, which needs https or the address 127.0.0.1.");
}

// The key

function enter(event) {
  event.preventDefault();
  if (!CAN_SIGN) return;
  reader = new SignedReader($("key-id").value.trim(), $("secret").value.trim());
  $("secret").value = "";
  complain("");
  listRegions();
  refresh();
}

function leave(why) {
  reader = null;
  takenAt = 0;
  turn += 1;
  choose("");
  $("list").replaceChildren();
  $("room").hidden = $("leave").hidden = true;
  $("entry").hidden = false;
  complain(why);
}

// What is wanted, and what comes

function change(wishes) {
  Object.assign(wanted, wishes);
  for (const button of $("standings").children) button.setAttribute("aria-pressed", button.dataset.standing === wanted.standing);
  refresh();
}

function choose(name) {
  wanted.account = name;
  detail.clear();
  for (const row of $("list").querySelectorAll("tr[data-name]")) {
    row.setAttribute("aria-selected", row.dataset.name === name);
  }
  if (name) refresh();
}

/** Read all that is shown; the newest turn alone goes on, so that a slow answer never overwrites a later one. */
async function refresh() {
  const mine = ++turn;
  const now = reader;
  if (!now) return;
  try {
    const [list, account] = await Promise.all([now.get(listPath()), wanted.account && now.get(accountPath())]);
    if (mine !== turn) return;
    show(list, account);
  } catch (error) {
    if (mine !== turn) return;
    if (error instanceof Refusal && KEY_REFUSALS.includes(error.code)) return leave(error.message);
    complain(error instanceof Refusal ? error.message : "The exchange cannot be reached; trying again.");
  }
  setTimeout(() => mine === turn && refresh(), REFRESH_MS);
}

function listPath() {
  const query = new URLSearchParams({ limit: wanted.limit });
  if (wanted.standing) query.set("standing", wanted.standing);
  if (wanted.region) query.set("region", wanted.region);
  return `/v1/admin/risk?${query}`;
}

function accountPath() {
  return `/v1/admin/risk/${encodeURIComponent(wanted.account)}`;
}

function show(list, account) {
  takenAt = performance.now() - list.age_ms;
  $("entry").hidden = true;
  $("room").hidden = $("leave").hidden = false;
  complain("");
  $("sequence").textContent = count(list.sequence);
  for (const standing of STANDINGS) {
    $(`count-${standing}`).textContent = count(list.counts[standing]);
    $(`count-${standing}`).toggleAttribute("data-none", !list.counts[standing]);
  }
  showList($("list"), list.accounts, wanted.account, choose);
  $("more").hidden = !list.next_cursor || wanted.limit === ROWS_MAX;
  if (account) detail.show(account);
  showAge();
}

async function listRegions() {
  const { instruments } = await readJson("/v1/instruments?limit=1000");
  const regions = [...new Set(instruments.map(({ region }) => region))].sort();
  const all = $("region").options[0];
  $("region").replaceChildren(all, ...regions.map((region) => element("option", { value: region }, region)));
}

function showAge() {
  const age = performance.now() - takenAt;
  const state = !takenAt ? "waiting" : age > STALE_MS ? "stale" : "live";
  $("link").dataset.state = state;
  document.body.dataset.link = takenAt ? state : "";
  $("age").textContent = takenAt ? `${(age / 1000).toFixed(1)} s old` : "Signed out";
}

function complain(text) {
  $("notice-text").textContent = text;
  $("notice").hidden = !text;
}
