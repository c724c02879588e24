// What an order says beside side, price and quantity: how long it stays, and the further terms that most orders do
// without. Those are folded away; what of them is set stands in the line that unfolds them, so that nothing is hidden.

import { element } from "./dom.js";
import { count, hourMinute, day } from "./format.js";
import { shell } from "./shell.js";
import { lotsOf } from "./units.js";

const MINUTE_MS = 60_000;
const TO_MINUTE = 16; // characters of an ISO time up to its minutes, as a field has it
const LIFETIMES = { gtc: "", gtd: "until a time", ioc: "immediate or cancel", fok: "fill or kill" };
const PRESETS = [
  ["in 15 min", (now) => now + 15 * MINUTE_MS],
  ["in 1 h", (now) => now + 60 * MINUTE_MS],
  ["in 4 h", (now) => now + 240 * MINUTE_MS],
];
const USUAL = 1; // of these
const LOTS_FIELDS = { display: "displayLots", minimum: "minimumLots" };
const NO_LOTS = "a whole number of Mbps, or nothing";
const NO_TIME = "a date and time, UTC";
const USUAL_SELF_TRADE = "cancel_newest";
const $ = (id) => document.getElementById(id);

export class TicketTerms {
  #form;
  #instrument = null;

  /** The fields are those of the ticket's form, whose `input` events tell of them. */
  constructor(form) {
    this.#form = form;
    $("ticket-expires-presets").append(...PRESETS.map(([name, at]) => this.#preset(name, at)), this.#gatePreset());
    form.lifetime.addEventListener("input", () => this.#onLifetime());
  }

  /** Bring what is said of the window up to date. */
  show(instrument) {
    this.#instrument = instrument;
    const gate = new Date(instrument.gate_closure);
    $("ticket-expires-help").textContent = `at the latest at the gate, ${day(gate)} ${hourMinute(gate)}`;
    this.#paint();
  }

  /** Say what is set, in the line that unfolds the rest. */
  edited() {
    this.#paint();
  }

  /** The terms as values, or null where one is missing or none; `mark(field, text)` hears which. */
  read(mark) {
    const { lifetime, expires, post_only, reduce_only, self_trade } = this.#form;
    const terms = { lifetime: lifetime.value, expires: null, postOnly: post_only.value, isReduceOnly: reduce_only.checked };
    let isWhole = true;
    const complain = (field, text) => {
      isWhole = false;
      mark?.(field, text);
    };
    if (terms.lifetime === "gtd") {
      terms.expires = instantOf(expires.value);
      if (terms.expires === null) complain("expires", NO_TIME);
    }
    for (const [field, name] of Object.entries(LOTS_FIELDS)) {
      const text = this.#form[field].value.trim();
      terms[name] = text ? lotsOf(text) : 0;
      if (terms[name] === null) complain(field, NO_LOTS);
    }
    return isWhole ? { ...terms, selfTrade: self_trade.value } : null;
  }

  /** Unfold what holds a field. */
  reveal(field) {
    const fold = this.#form[field].closest?.("details");
    if (fold) fold.open = true;
  }

  #onLifetime() {
    const { lifetime, expires } = this.#form;
    if (lifetime.value === "gtd" && !expires.value) expires.value = this.#at(PRESETS[USUAL][1]);
    this.#paint();
  }

  #preset(name, at) {
    return this.#choice(name, () => this.#at(at));
  }

  #gatePreset() {
    return this.#choice("at gate closure", () => fieldText(Date.parse(this.#instrument.gate_closure)));
  }

  #choice(name, textOf) {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      this.#form.expires.value = textOf();
      this.#form.expires.dispatchEvent(new Event("input", { bubbles: true }));
    });
    return button;
  }

  // Fields have whole minutes: what is to come in an hour comes in no less.
  #at(at) {
    const wanted = Math.ceil(at(shell.now()) / MINUTE_MS) * MINUTE_MS;
    return fieldText(Math.min(wanted, Date.parse(this.#instrument.gate_closure)));
  }

  #paint() {
    $("ticket-expiry").hidden = this.#form.lifetime.value !== "gtd";
    const terms = this.read(null);
    $("ticket-set").textContent = terms ? furtherTerms(terms).join(", ") : "check these";
  }
}

/** The terms as the exchange takes them; what is usual is left out. */
export function termFields({ lifetime, expires, postOnly, displayLots, minimumLots, isReduceOnly, selfTrade }) {
  return {
    time_in_force: lifetime,
    ...(expires === null ? {} : { expires_time: new Date(expires).toISOString() }),
    ...(postOnly ? { post_only: postOnly } : {}),
    ...(displayLots ? { display_quantity: String(displayLots) } : {}),
    ...(minimumLots ? { minimum_quantity: String(minimumLots) } : {}),
    ...(isReduceOnly ? { reduce_only: true } : {}),
    ...(selfTrade === USUAL_SELF_TRADE ? {} : { self_trade: selfTrade }),
  };
}

/** What an order that is asked about says beside side, price and quantity, in words; nothing for the usual. */
export function termsInWords(order) {
  const until = order.expires === null ? LIFETIMES[order.lifetime] : `until ${instantText(order.expires)}`;
  return [until, ...furtherTerms(order)].filter(Boolean).join(", ");
}

/** 29 Nov 14:05 UTC, with its day. */
export function instantText(milliseconds) {
  const at = new Date(milliseconds);
  return `${day(at)} ${hourMinute(at)} UTC`;
}

function furtherTerms({ postOnly, displayLots, minimumLots, isReduceOnly, selfTrade }) {
  return [
    postOnly === "reject" && "post only",
    postOnly === "slide" && "post only, slides",
    displayLots && `shows ${count(displayLots)}`,
    minimumLots && `at least ${count(minimumLots)}`,
    isReduceOnly && "reduce only",
    selfTrade !== USUAL_SELF_TRADE && "self-trades",
  ].filter(Boolean);
}

function fieldText(milliseconds) {
  return new Date(milliseconds).toISOString().slice(0, TO_MINUTE);
}

function instantOf(text) {
  const at = Date.parse(`${text}Z`);
  return Number.isNaN(at) ? null : at;
}
