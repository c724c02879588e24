// What an order would come to before it is sent: its worth, what it would trade at once, fees, and margin as what-if has it.

import { element } from "./dom.js";
import { expectationOf, questionOf } from "./expectation.js";
import { count, NOTHING, price } from "./format.js";
import { Refusal, session } from "./session.js";
import { instantText } from "./ticket_terms.js";
import { averageTicks, feeNano, nanoOf, notionalNano, priceOf, usd } from "./units.js";

const WAIT_MS = 250;
const RENEW_MS = 1_000;

export class Preview {
  #place;
  #book;
  #order = null;
  #expected = null;
  #instrument = null;
  #decimals = 0;
  #question = "";
  #answer = null;
  #timer = 0;
  #turn = 0;

  constructor(place, book) {
    this.#place = place;
    this.#book = book;
  }

  /**
   * Show what an order of the ticket comes to, or nothing. `position` is what the signed-in account has in the window,
   * null without one; for the account it is asked what the order would require.
   */
  show(order, instrument, { position, decimals }) {
    this.#order = order;
    this.#expected = order && expectationOf(order, this.#book, instrument, position);
    this.#instrument = instrument;
    this.#decimals = decimals;
    const isAsked = order && position !== null && !this.#expected.refusal && !this.#expected.end;
    const question = isAsked ? JSON.stringify(questionOf(order, this.#expected)) : "";
    if (question !== this.#question) {
      this.#question = question;
      this.#answer = null;
      this.#turn += 1;
      clearTimeout(this.#timer);
      this.#timer = question ? setTimeout(() => this.#ask(), WAIT_MS) : 0;
    }
    this.#draw();
  }

  /** Something happened to the account: ask anew in a while, unless that is under way. */
  renew() {
    if (this.#question && !this.#timer) this.#timer = setTimeout(() => this.#ask(), RENEW_MS);
  }

  async #ask() {
    const mine = this.#turn;
    const answer = await ask(JSON.parse(this.#question));
    if (mine !== this.#turn) return;
    this.#timer = 0;
    this.#answer = answer;
    this.#draw();
  }

  #draw() {
    this.#place.hidden = !this.#order;
    if (!this.#order) return;
    const rows = this.#rows(this.#order, this.#instrument, this.#decimals);
    this.#place.replaceChildren(...rows, ...this.#marginRows());
  }

  #rows(order, instrument, decimals) {
    const { lots, ticks, matches, atOnce, rests } = this.#expected;
    const seconds = secondsOf(instrument);
    const taken = total(matches, (match) => feeNano(match.ticks, match.lots, seconds, instrument.taker_fee_ppm));
    const made = feeNano(ticks, rests, seconds, instrument.maker_fee_ppm);
    const until = order.expires === null ? "" : instantText(order.expires);
    return [
      ...(lots < order.lots ? [row("Reduces by", `${count(lots)} Mbps, no more than is held`)] : []),
      row("Value", `${usd(notionalNano(ticks, lots, seconds))} USD`),
      ...(atOnce || !rests ? [row("Trades at once", matchesText(matches, atOnce, seconds, decimals))] : []),
      ...(rests ? [row("Rests", restText(rests, order.displayLots, price(priceOf(ticks), decimals)))] : []),
      ...(rests && until ? [row("Until", until)] : []),
      row("Fee", feeText(taken, made, atOnce, rests)),
    ];
  }

  #marginRows() {
    const { refusal, end } = this.#expected;
    if (refusal) return [checkRow(`would be refused: ${refusal}`, "refused")];
    if (end) return [checkRow(`would come to nothing: ${end}`, "refused")];
    if (!this.#question) return [];
    const { before, after, verdict = "asking what it would require", isPassing } = this.#answer ?? {};
    const change = (name) => (before ? `${usd(nanoOf(before[name]))} → ${usd(nanoOf(after[name]))} USD` : NOTHING);
    const state = isPassing === undefined ? "asking" : isPassing ? "passes" : "refused";
    return [
      row("Requirement", change("margin")),
      row("Free", change("free")),
      checkRow(verdict, state),
    ];
  }
}

/** Seconds of an instrument's window. */
export function secondsOf({ start, end }) {
  return Math.round((Date.parse(end) - Date.parse(start)) / 1_000);
}

async function ask(order) {
  try {
    const { before, after, orders } = await session.send("POST", "/v1/margin/what-if", { orders: [order] });
    const [{ accepted, reason }] = orders;
    const verdict = accepted ? "would be accepted" : `would be refused: ${reason.replaceAll("_", " ")}`;
    return { before, after, verdict, isPassing: accepted };
  } catch (error) {
    const why = error instanceof Refusal ? error.message : "the exchange does not answer";
    return { verdict: `no preview: ${why}`, isPassing: false };
  }
}

function restText(lots, displayLots, at) {
  const shown = displayLots && displayLots < lots ? `, ${count(displayLots)} shown at a time` : "";
  return `${count(lots)} Mbps at ${at}${shown}`;
}

function matchesText(matches, lots, seconds, decimals) {
  if (!lots) return "none";
  if (matches.length === 1) return `${count(lots)} Mbps at ${price(priceOf(matches[0].ticks), decimals)}`;
  const worth = total(matches, (match) => notionalNano(match.ticks, match.lots, seconds));
  const average = Math.round(averageTicks(worth, lots, seconds));
  return `${count(lots)} Mbps at ${price(priceOf(average), decimals)} on average`;
}

function feeText(taken, made, atOnce, rests) {
  const now = atOnce ? `${usd(taken)} USD at once` : "";
  const later = rests ? `${usd(made)} USD if the rest trades` : "";
  if (atOnce && rests) return `${now}, ${later}`;
  return now || (rests ? `${usd(made)} USD when it trades` : "none");
}

function total(rows, amountOf) {
  return rows.reduce((sum, each) => sum + amountOf(each), 0n);
}

function checkRow(verdict, state) {
  return row("Check", verdict, { class: "verdict", "data-verdict": state });
}

function row(name, text, attributes = {}) {
  return element("div", attributes, element("dt", {}, name), element("dd", {}, text));
}
