// The risk desk: all accounts in a grid, what is known of one, the market as a whole, what-if, alerts, and the log.

import { Connection } from "./connection.js";
import { element } from "./dom.js";
import { count } from "./format.js";
import { AccountPanel } from "./risk_account.js";
import { act, actions } from "./risk_actions.js";
import { Alerts } from "./risk_alerts.js";
import { AuditPanel } from "./risk_audit.js";
import { recolourCharts } from "./risk_charts.js";
import { saveCsv } from "./risk_csv.js";
import { STANDINGS, usd } from "./risk_format.js";
import { AccountGrid, LAYOUTS } from "./risk_grid.js";
import { MarketPanel } from "./risk_market.js";
import { Poll } from "./risk_poll.js";
import { ShockPanel } from "./risk_shock.js";
import { session } from "./session.js";
import { shell } from "./shell.js";

const STAFF = ["risk", "admin"];
const KEPT_LAYOUT = "bwx-risk-layout";
const OWN = "Kept";
const FIRST_LAYOUT = "Nearest to liquidation";
const $ = (id) => document.getElementById(id);

const grid = new AccountGrid($("grid"));
const account = new AccountPanel($("panel-account"), openAccount);
const market = new MarketPanel($("panel-market"), openAccount);
const shock = new ShockPanel($("panel-shock"), (accounts) => grid.shock(accounts), openAccount);
const alerts = new Alerts($("panel-thresholds"), $("alerts"), grid.accounts, openAccount);
const audit = new AuditPanel($("panel-audit"));
const overview = new Poll(async () => showOverview(await session.get("/v1/risk/overview")), (error) => shell.complain(error));
const connection = new Connection(`${location.origin.replace(/^http/, "ws")}/v1/ws`, {
  onState: (state, retryAt) => shell.showLink(state, retryAt),
  onHeartbeat: (message) => shell.beat(message),
});
let isOpen = false;
let isShown = false;
let accounts = null;

start();

async function start() {
  $("enter").addEventListener("click", () => session.ask("With a key of risk staff or an administrator."));
  $("csv").addEventListener("click", () => saveCsv(grid).catch((error) => shell.complain(error.message)));
  $("arrange").addEventListener("click", arrange);
  $("save-layout").addEventListener("click", keepLayout);
  $("halt").addEventListener("click", () => act(market.isHalted ? actions.resumeMarket() : actions.haltMarket()));
  $("kill-all").addEventListener("click", () => act(actions.killAll()));
  $("find").addEventListener("change", () => findAccount());
  grid.addEventListener("choose", ({ detail }) => openAccount(detail));
  addEventListener("acted", () => Promise.all([overview.now(), account.refresh(), audit.refresh()]));
  addEventListener("keydown", onKey);
  shell.addEventListener("retry", () => connection.retryNow());
  shell.addEventListener("theme", () => Promise.all([grid.recolour(shell.theme), recolourCharts()]));
  session.addEventListener("change", admit);
  showLayouts();
  wirePanels();
  await session.load();
  admit();
}

// Who is signed in

function admit() {
  const current = session.current;
  if (current && !current.roles.some((role) => STAFF.includes(role))) return location.reload(); // told why it is refused
  $("entry").hidden = Boolean(current);
  $("desk").hidden = !current;
  overview.run(Boolean(current));
  if (!current) {
    account.choose("");
    shell.showLink("none");
    return;
  }
  open();
}

async function open() {
  if (isOpen) return connection.reopen();
  isOpen = true;
  connection.subscribe("risk", undefined, hear);
  connection.open();
  try {
    await grid.start(FIRST_LAYOUT, shell.theme);
    pressLayout(FIRST_LAYOUT);
    isShown = true;
    uncover();
  } catch (error) {
    cover(`The grid cannot be shown: ${error.message}`);
    throw error;
  }
}

// What comes

function hear(message) {
  if (message.error) return shell.complain(message.error.message);
  shell.beat(message);
  for (const standing of STANDINGS) showCount(`count-${standing}`, message.counts[standing], standing !== "sound");
  showCount("count-all", message.accounts, false);
  const moved = grid.take(message);
  alerts.look(moved, message.type === "snapshot");
  if (message.columns.names) {
    $("names").replaceChildren(...[...grid.accounts.values()].map(({ Account }) => element("option", { value: Account })));
  }
  accounts = message.accounts;
  uncover();
}

function showCount(id, number, isTrouble) {
  $(id).textContent = count(number);
  $(id).classList.toggle("trouble", isTrouble && number > 0);
}

function showOverview(told) {
  shell.complain("");
  shell.showHalt(told.market_halted);
  $("fund").textContent = usd(told.fund);
  $("fund").title = told.fund;
  $("halt").textContent = told.market_halted ? "Resume market…" : "Halt market…";
  market.show(told);
  shock.showRegions(told.regions.map(({ region }) => region));
}

/** The grid is there once it is arranged and the first rows have come. */
function uncover() {
  if (isShown && accounts !== null) cover(accounts ? "" : "There is no account yet.");
}

function cover(text) {
  $("cover").textContent = text;
  $("cover").hidden = !text;
}

// The grid's arrangement

function showLayouts() {
  const names = [...Object.keys(LAYOUTS), ...(localStorage.getItem(KEPT_LAYOUT) ? [OWN] : [])];
  $("layouts").replaceChildren(
    ...names.map((name) => {
      const button = element("button", { type: "button", "aria-pressed": false }, name);
      button.addEventListener("click", async () => {
        await grid.show(name, name === OWN ? JSON.parse(localStorage.getItem(KEPT_LAYOUT)) : LAYOUTS[name]);
        pressLayout(name);
      });
      return button;
    }),
  );
}

function pressLayout(name) {
  for (const button of $("layouts").children) button.setAttribute("aria-pressed", button.textContent === name);
}

async function keepLayout() {
  localStorage.setItem(KEPT_LAYOUT, JSON.stringify(await grid.save()));
  showLayouts();
  pressLayout(OWN);
}

async function arrange() {
  await grid.arrange();
  $("arrange").setAttribute("aria-pressed", $("arrange").getAttribute("aria-pressed") !== "true");
}

// Panels and keys

function openAccount(name) {
  account.choose(name);
  showPanel("account");
  $("panels").scrollIntoView({ block: "nearest" });
}

function findAccount() {
  const wanted = $("find").value.trim();
  if (wanted && [...grid.accounts.values()].some(({ Account }) => Account === wanted)) {
    $("find").value = "";
    openAccount(wanted);
  }
}

function wirePanels() {
  const tabs = [...$("panels").children];
  for (const [at, tab] of tabs.entries()) {
    tab.id = `tab-${tab.dataset.panel}`;
    tab.setAttribute("aria-controls", `panel-${tab.dataset.panel}`);
    tab.addEventListener("click", () => showPanel(tab.dataset.panel));
    tab.addEventListener("keydown", ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (step) tabs[(at + step + tabs.length) % tabs.length].focus();
    });
  }
  showPanel("market");
}

function showPanel(name) {
  for (const tab of $("panels").children) {
    const isShown = tab.dataset.panel === name;
    tab.setAttribute("aria-selected", isShown);
    $(`panel-${tab.dataset.panel}`).hidden = !isShown;
  }
  if (name === "audit" && session.current) audit.refresh();
  if (name === "market") market.draw();
}

function onKey(event) {
  const isTyping = event.composedPath()[0].closest?.("input, select, textarea, dialog, [contenteditable]");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !isShown) return;
  if (event.key === "/") {
    event.preventDefault();
    $("find").focus();
  } else if (event.key === "Escape") {
    account.choose("");
    showPanel("market");
  } else if (/^[1-5]$/.test(event.key)) {
    showPanel($("panels").children[event.key - 1].dataset.panel);
  }
}
