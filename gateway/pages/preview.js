// What an order would come to before it is sent: its worth, what it would trade at once, fees, and margin as what-if has it.

import { element } from "./dom.js";
import { count, NOTHING, price } from "./format.js";
import { Refusal, session } from "./session.js";
import { averageTicks, feeNano, nanoOf, notionalNano, priceOf, usd } from "./units.js";

const WAIT_MS = 250;
const RENEW_MS = 1_000;
const RESTS = new Set(["gtc", "post_only"]);

export class Preview {
  #place;
  #book;
  #order = null;
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

  /** Show what an order of the ticket comes to, or nothing; what it would require is asked for the signed-in account. */
  show(order, instrument, { isSignedIn, decimals }) {
    this.#order = order;
    this.#instrument = instrument;
    this.#decimals = decimals;
    const question = order && isSignedIn ? JSON.stringify(order) : "";
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
    const answer = await ask(this.#order);
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
    const { side, ticks, lots, type } = order;
    const seconds = secondsOf(instrument);
    const matches = type === "post_only" ? [] : this.#book.matches(side, ticks, lots);
    const atOnce = matches.reduce((sum, match) => sum + match.lots, 0);
    const rests = RESTS.has(type) ? lots - atOnce : 0;
    const taken = total(matches, (match) => feeNano(match.ticks, match.lots, seconds, instrument.taker_fee_ppm));
    const made = feeNano(ticks, rests, seconds, instrument.maker_fee_ppm);
    return [
      row("Value", `${usd(notionalNano(ticks, lots, seconds))} USD`),
      ...(atOnce || !rests ? [row("Trades at once", matchesText(matches, atOnce, seconds, decimals))] : []),
      ...(rests ? [row("Rests", `${count(rests)} Mbps at ${price(priceOf(ticks), decimals)}`)] : []),
      row("Fee", feeText(taken, made, atOnce, rests)),
    ];
  }

  #marginRows() {
    if (!this.#question) return [];
    const { before, after, verdict = "asking what it would require", isPassing } = this.#answer ?? {};
    const change = (name) => (before ? `${usd(nanoOf(before[name]))} → ${usd(nanoOf(after[name]))} USD` : NOTHING);
    const state = isPassing === undefined ? "asking" : isPassing ? "passes" : "refused";
    return [
      row("Requirement", change("margin")),
      row("Free", change("free")),
      row("Check", verdict, { class: "verdict", "data-verdict": state }),
    ];
  }
}

/** Seconds of an instrument's window. */
export function secondsOf({ start, end }) {
  return Math.round((Date.parse(end) - Date.parse(start)) / 1_000);
}

async function ask({ symbol, side, ticks, lots }) {
  const order = { symbol, side, price: priceOf(ticks), quantity: String(lots) };
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

function row(name, text, attributes = {}) {
  return element("div", attributes, element("dt", {}, name), element("dd", {}, text));
}
