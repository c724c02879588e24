// What all pages have at their top: where one is, how the link fares, venue time, colours, and who is signed in.

import { element } from "./dom.js";
import { clock, day, localTime } from "./format.js";
import { session } from "./session.js";

const TICK_MS = 250;
const LATENCIES_KEPT = 5;
const LINK_TEXT = { connecting: "Connecting", live: "Live", stale: "Stale", waiting: "Disconnected" };
const THEMES = ["auto", "dark", "light"];
const THEME_TEXT = { auto: "as the system", dark: "dark", light: "light" };
const THEME_SIGN = { auto: "◐", dark: "☾", light: "☀" };
const DARK = matchMedia("(prefers-color-scheme: dark)");
const $ = (id) => document.getElementById(id);

/** Tells `theme` when the colours change, and `retry` when the reader does not want to wait for the link. */
class Shell extends EventTarget {
  #offset = 0; // of venue time, to performance.now()
  #isTimeKnown = false;
  #state = "connecting";
  #retryAt = 0;
  #latencies = [];
  #lastHeard = "";
  #isHalted = false;
  #complaint = "";
  #probe = element("span", { hidden: "" });

  constructor() {
    super();
    document.body.append(this.#probe);
    $("theme").addEventListener("click", () => this.#nextTheme());
    $("retry").addEventListener("click", () => this.dispatchEvent(new Event("retry")));
    DARK.addEventListener("change", () => this.dispatchEvent(new Event("theme")));
    session.addEventListener("change", () => showWho());
    session.load().then(showWho);
    setInterval(() => this.tick(), TICK_MS);
    this.#showTheme();
  }

  /** Venue time in milliseconds since 1970, as far as it is known. */
  now() {
    return this.#isTimeKnown ? performance.now() + this.#offset : Date.now();
  }

  /** Hear venue time from a message that carries it. */
  beat({ time }) {
    this.#offset = Date.parse(time) - performance.now();
    this.#isTimeKnown = true;
    this.#lastHeard = clock(new Date(time));
  }

  /** How the link fares: "connecting", "live", "stale", or "waiting" for the next try. */
  showLink(state, retryAt = 0) {
    this.#state = state;
    this.#retryAt = retryAt;
    if (state !== "live") this.#latencies = [];
    document.body.dataset.link = state;
    $("link").dataset.state = state;
    this.tick();
  }

  /** How long the exchange took to answer. */
  showLatency(milliseconds) {
    this.#latencies = [...this.#latencies, milliseconds].slice(-LATENCIES_KEPT);
  }

  showHalt(isHalted) {
    this.#isHalted = isHalted;
    this.tick();
  }

  /** Something went wrong that the reader should know; an empty text takes it back. */
  complain(text) {
    this.#complaint = text;
    this.tick();
  }

  /** A colour of shell.css, such as "--bid", as it is now: for what draws by itself. */
  colour(name) {
    this.#probe.style.color = `var(${name})`;
    return getComputedStyle(this.#probe).color;
  }

  /** "dark" or "light", as shown. */
  get theme() {
    return document.documentElement.dataset.theme ?? (DARK.matches ? "dark" : "light");
  }

  /** Bring the clock and what counts down up to date. */
  tick() {
    if (this.#isTimeKnown && this.#state !== "waiting") {
      const now = new Date(this.now());
      $("clock").textContent = clock(now);
      $("clock-place").title = localTime(now);
      $("date").textContent = day(now);
    }
    $("link-text").textContent = this.#linkText();
    const notice = this.#notice();
    $("notice").hidden = !notice;
    if ($("notice-text").textContent !== notice) $("notice-text").textContent = notice;
    $("retry").hidden = this.#state !== "waiting";
  }

  #nextTheme() {
    const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % THEMES.length];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("bwx-theme", next);
    } catch {
      // A browser that keeps nothing goes back to the system's colours with the next page.
    }
    this.#showTheme();
    this.dispatchEvent(new Event("theme"));
  }

  #showTheme() {
    const theme = document.documentElement.dataset.theme ?? "auto";
    $("theme").textContent = THEME_SIGN[theme];
    $("theme").title = `Colours: ${THEME_TEXT[theme]}`;
    $("theme").setAttribute("aria-label", `Colours: ${THEME_TEXT[theme]}`);
  }

  #linkText() {
    if (this.#state !== "live" || !this.#latencies.length) return LINK_TEXT[this.#state];
    const sorted = [...this.#latencies].sort((one, other) => one - other);
    return `Live · ${sorted[Math.floor(sorted.length / 2)].toFixed(0)} ms`;
  }

  #notice() {
    const asOf = this.#lastHeard ? ` Figures are those of ${this.#lastHeard} UTC.` : "";
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

// Who is signed in

function showWho() {
  const current = session.current;
  $("who").replaceChildren(...(current ? chip(current) : [button("Sign in", "sign-in", () => session.ask())]));
}

function chip({ account, roles, key_id: keyId, expires }) {
  const title = `Key ${keyId}, ${roles.join(", ")}; signed in until ${clock(new Date(expires))} UTC at the latest`;
  return [
    element("span", { class: "account-chip", id: "account-chip", title }, account ?? roles.join(", ")),
    button("Sign out", "sign-out", leave),
  ];
}

async function leave() {
  try {
    await session.signOut();
  } catch {
    shell.complain("The exchange cannot be reached: you are still signed in.");
  }
}

function button(text, id, act) {
  const made = element("button", { type: "button", id, class: "button" }, text);
  made.addEventListener("click", act);
  return made;
}

export const shell = new Shell();
