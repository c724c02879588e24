// The charts of the chosen window, one at a time: candles, depth, forward curve.

import { element } from "./dom.js";
import { Candles } from "./candles.js";
import { depthFigure } from "./depth.js";
import { curveFigure, readCurves } from "./forward_curve.js";
import { colours, draw, loadPlotly } from "./plotting.js";
import { shell } from "./shell.js";

const TABS = ["candles", "depth", "curve"];
const INTERVALS = ["1m", "5m", "1h"];
const DRAW_MS = 400; // at most so often: drawing takes tens of milliseconds
const CURVE_MS = 15_000;
const NOTHING_YET = {
  candles: "Nothing has traded here yet.",
  depth: "Nobody bids or asks here now.",
  curve: "No window of this length is ahead.",
};
const $ = (id) => document.getElementById(id);

export class Charts {
  #connection;
  #book;
  #candles = new Candles();
  #curves = [];
  #instrument = null;
  #decimals = 0;
  #tab = "candles";
  #interval = "1m";
  #timer = 0;
  #drawnAt = 0;

  constructor(connection, book) {
    this.#connection = connection;
    this.#book = book;
    for (const tab of TABS) $(`chart-${tab}`).addEventListener("click", () => this.#choose(tab));
    for (const interval of INTERVALS) {
      $(`candles-${interval}`).addEventListener("click", () => this.#follow(interval));
    }
    shell.addEventListener("theme", () => this.#drawSoon());
    setInterval(() => this.#readCurves(), CURVE_MS);
  }

  /** Show another window, or none. */
  open(instrument, decimals) {
    if (this.#instrument) this.#connection.unsubscribe("candles", this.#instrument.symbol);
    this.#instrument = instrument ?? null;
    this.#decimals = decimals;
    this.#curves = [];
    this.#candles.clear();
    if (!instrument) return;
    this.#subscribe();
    this.#readCurves();
    this.#say("Loading");
    this.#drawSoon();
  }

  /** The book is different. */
  showBook() {
    if (this.#tab === "depth") this.#drawSoon();
  }

  #choose(tab) {
    this.#tab = tab;
    for (const each of TABS) $(`chart-${each}`).setAttribute("aria-pressed", each === tab);
    $("intervals").hidden = tab !== "candles";
    this.#readCurves();
    this.#drawSoon();
  }

  #follow(interval) {
    if (this.#instrument) this.#connection.unsubscribe("candles", this.#instrument.symbol);
    this.#interval = interval;
    for (const each of INTERVALS) $(`candles-${each}`).setAttribute("aria-pressed", each === interval);
    this.#candles.clear();
    if (this.#instrument) this.#subscribe();
  }

  #subscribe() {
    const interval = this.#interval;
    const take = (message) => this.#onCandles(message);
    this.#connection.subscribe("candles", this.#instrument.symbol, take, () => ({ interval }));
  }

  #onCandles(message) {
    if (message.error) return this.#say(message.error.message);
    if (message.interval !== this.#interval) return undefined;
    this.#candles.take(message);
    return this.#drawSoon();
  }

  async #readCurves() {
    if (this.#tab !== "curve" || !this.#instrument || document.hidden) return;
    const { symbol } = this.#instrument;
    try {
      const curves = await readCurves(this.#instrument);
      if (symbol !== this.#instrument?.symbol) return;
      this.#curves = curves;
      this.#drawSoon();
    } catch {
      if (!this.#curves.length) this.#say("The curve cannot be read; trying again.");
    }
  }

  #drawSoon() {
    if (this.#timer) return;
    const wait = Math.max(0, this.#drawnAt + DRAW_MS - performance.now());
    this.#timer = setTimeout(() => this.#draw(), wait);
  }

  async #draw() {
    try {
      const Plotly = await loadPlotly();
      const figure = this.#figure();
      $("chart").hidden = !figure;
      this.#say(figure ? "" : NOTHING_YET[this.#tab]);
      if (figure) {
        const view = `${this.#instrument.symbol} ${this.#tab} ${this.#interval}`;
        await draw(Plotly, $("chart"), { ...figure, view });
        $("chart").setAttribute("aria-label", figure.label);
      }
    } catch (error) {
      this.#complain(error);
    }
    this.#drawnAt = performance.now();
    this.#timer = 0;
  }

  #figure() {
    if (!this.#instrument) return null;
    const colour = colours();
    if (this.#tab === "depth") return depthFigure(this.#book, colour, this.#decimals);
    if (this.#tab === "curve") return curveFigure(this.#curves, this.#instrument.symbol, colour, this.#decimals);
    return this.#candles.figure(this.#interval, colour, this.#decimals);
  }

  #complain(error) {
    $("chart").hidden = true;
    const again = element("button", { type: "button", class: "link-button" }, "Try again");
    again.addEventListener("click", () => this.#drawSoon());
    $("chart-note").hidden = false;
    $("chart-note").replaceChildren(`The chart cannot be drawn: ${error.message}. `, again);
  }

  #say(text) {
    $("chart-note").hidden = !text;
    $("chart-note").textContent = text;
  }
}
