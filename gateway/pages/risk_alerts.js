// Thresholds that staff set, kept in this browser; a row that crosses one raises an alert, which stays until dismissed.

import { element } from "./dom.js";
import { clock } from "./format.js";
import { MEASURES } from "./risk_columns.js";
import { accountLink, actionButton, section, table } from "./risk_table.js";
import { shell } from "./shell.js";

const KEPT = "bwx-risk-thresholds";
const THRESHOLDS_MAX = 20;
const ALERTS_MAX = 20;
const SIDES = { below: (value, limit) => value < limit, above: (value, limit) => value > limit };
const NUMBER = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });

export class Alerts {
  #log;
  #accounts;
  #open;
  #thresholds = kept();
  #across = new Map();
  #list = element("div");
  #measure = element("select", { id: "threshold-measure" }, ...MEASURES.map((name) => element("option", { value: name }, name)));
  #side = element("select", { id: "threshold-side" }, ...Object.keys(SIDES).map((name) => element("option", { value: name }, name)));
  #limit = element("input", { type: "number", id: "threshold-limit", step: "any", required: "", value: 20 });

  /** Alerts go to `log`; `accounts` is what is known of each account, by its id. */
  constructor(place, log, accounts, open) {
    this.#log = log;
    this.#accounts = accounts;
    this.#open = open;
    const form = element(
      "form",
      { class: "threshold", id: "threshold" },
      element("label", { for: "threshold-measure" }, "Tell me when"),
      this.#measure,
      element("label", { for: "threshold-side", class: "unseen" }, "is below or above"),
      this.#side,
      element("label", { for: "threshold-limit", class: "unseen" }, "the limit"),
      this.#limit,
      element("button", { type: "submit", class: "main" }, "Set"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#set({ measure: this.#measure.value, side: this.#side.value, limit: Number(this.#limit.value) });
    });
    const hint = "Thresholds stay in this browser. An account that crosses one raises an alert; one that is across already does not.";
    place.replaceChildren(section("Alerts on thresholds", form, element("p", { class: "soft small" }, hint), this.#list));
    this.#show();
  }

  /** Look at accounts whose figures moved. Of a whole snapshot nobody knows when who crossed: no alert is raised. */
  look(ids, isWhole) {
    for (const threshold of this.#thresholds) {
      const across = this.#acrossOf(threshold);
      for (const id of ids) {
        const isAcross = crosses(threshold, this.#accounts.get(id));
        if (isAcross && !across.has(id) && !isWhole) this.#raise(threshold, this.#accounts.get(id));
        if (isAcross) across.add(id);
        else across.delete(id);
      }
    }
    this.#countAcross();
  }

  #set(threshold) {
    const isThere = this.#thresholds.some((each) => textOf(each) === textOf(threshold));
    if (isThere || this.#thresholds.length >= THRESHOLDS_MAX) return;
    this.#thresholds.push(threshold);
    this.#keep();
    this.look([...this.#accounts.keys()], true);
  }

  #remove(threshold) {
    this.#thresholds = this.#thresholds.filter((each) => each !== threshold);
    this.#across.delete(threshold);
    this.#keep();
  }

  #keep() {
    localStorage.setItem(KEPT, JSON.stringify(this.#thresholds));
    this.#show();
  }

  #acrossOf(threshold) {
    if (!this.#across.has(threshold)) this.#across.set(threshold, new Set());
    return this.#across.get(threshold);
  }

  #show() {
    const rows = this.#thresholds.map((threshold) => [
      textOf(threshold),
      element("span", { "data-threshold": textOf(threshold) }, "0"),
      actionButton("Remove", () => this.#remove(threshold)),
    ]);
    this.#list.replaceChildren(table([["Threshold", true], ["Across now"], ["", true]], rows, "No threshold is set."));
    this.#countAcross();
  }

  #countAcross() {
    const cells = [...this.#list.querySelectorAll("[data-threshold]")];
    this.#thresholds.forEach((threshold, at) => (cells[at].textContent = String(this.#acrossOf(threshold).size)));
  }

  #raise(threshold, account) {
    const dismiss = element("button", { type: "button", class: "dismiss", "aria-label": "Dismiss" }, "×");
    const value = NUMBER.format(account[threshold.measure]);
    const alert = element(
      "p",
      { class: "alert" },
      element("time", {}, clock(new Date(shell.now()))),
      accountLink(account.Account, this.#open),
      element("span", {}, `${threshold.measure} is ${value}, ${threshold.side} ${NUMBER.format(threshold.limit)}`),
      dismiss,
    );
    dismiss.addEventListener("click", () => alert.remove());
    this.#log.prepend(alert);
    while (this.#log.children.length > ALERTS_MAX) this.#log.lastChild.remove();
  }
}

function crosses({ measure, side, limit }, account) {
  const value = account?.[measure];
  return typeof value === "number" && SIDES[side](value, limit);
}

function textOf({ measure, side, limit }) {
  return `${measure} ${side} ${NUMBER.format(limit)}`;
}

function kept() {
  try {
    const thresholds = JSON.parse(localStorage.getItem(KEPT)) ?? [];
    return thresholds.filter(({ measure, side, limit }) => MEASURES.includes(measure) && side in SIDES && Number.isFinite(limit));
  } catch {
    return [];
  }
}
