// What if the forward of a region moved: who would fall, by how much, and what the insurance fund would face.

import { element } from "./dom.js";
import { count } from "./format.js";
import { stateText } from "./risk_columns.js";
import { STANDINGS, usd } from "./risk_format.js";
import { accountLink, moment, section, table } from "./risk_table.js";
import { Refusal, session } from "./session.js";

const MOST = 60;
const PPM_PER_PERCENT = 10_000;
const ACCOUNTS = 1_000;
const LISTED = 100;
const EVERYWHERE = "";

export class ShockPanel {
  #mark;
  #open;
  #region = element("select", { id: "shock-region" }, element("option", { value: EVERYWHERE }, "all regions"));
  #slider = element("input", { type: "range", id: "shock-move", min: -MOST, max: MOST, step: 1, value: 0, list: "shock-ticks" });
  #move = element("output", { for: "shock-move", id: "shock-percent" }, "0 %");
  #run = element("button", { type: "submit", class: "main" }, "Run");
  #clear = element("button", { type: "button", class: "button" }, "Clear");
  #complaint = element("p", { class: "complaint", role: "alert" });
  #found = element("div", { id: "shock-found", "aria-live": "polite" });

  /** `mark` hears of the accounts that would fall, to be marked in the grid. */
  constructor(place, mark, open) {
    this.#mark = mark;
    this.#open = open;
    const ticks = [-60, -40, -20, 0, 20, 40, 60].map((value) => element("option", { value }));
    const form = element(
      "form",
      { class: "shock", id: "shock" },
      element("label", { for: "shock-region" }, "Forward of"),
      this.#region,
      element("label", { for: "shock-move" }, "moves by"),
      element("div", { class: "slide" }, this.#slider, this.#move),
      element("datalist", { id: "shock-ticks" }, ...ticks),
      element("div", { class: "buttons" }, this.#clear, this.#run),
    );
    const hint = "Marks move; shocks and charges stay. Nothing is changed: it is worked out on a copy of the book.";
    place.replaceChildren(section("What if forwards moved", form, element("p", { class: "soft small" }, hint), this.#complaint), this.#found);
    this.#slider.addEventListener("input", () => this.#showMove());
    this.#slider.addEventListener("change", () => this.#ask());
    this.#region.addEventListener("change", () => Number(this.#slider.value) && this.#ask());
    this.#clear.addEventListener("click", () => this.#forget());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask();
    });
  }

  showRegions(names) {
    const known = [...this.#region.options].slice(1).map(({ value }) => value);
    if (known.join() === names.join()) return;
    const chosen = this.#region.value;
    this.#region.replaceChildren(this.#region.options[0], ...names.map((name) => element("option", { value: name }, name)));
    this.#region.value = names.includes(chosen) ? chosen : EVERYWHERE;
  }

  #showMove() {
    const percent = Number(this.#slider.value);
    this.#move.textContent = `${percent > 0 ? "+" : ""}${percent} %`;
  }

  #forget() {
    this.#slider.value = 0;
    this.#showMove();
    this.#found.replaceChildren();
    this.#mark([]);
  }

  async #ask() {
    const names = [...this.#region.options].slice(1).map(({ value }) => value);
    const regions = this.#region.value === EVERYWHERE ? names : [this.#region.value];
    const move_ppm = Number(this.#slider.value) * PPM_PER_PERCENT;
    this.#complaint.textContent = "";
    this.#run.disabled = true;
    try {
      const moves = regions.map((region) => ({ region, move_ppm }));
      const found = await session.send("POST", "/v1/risk/shock", { moves, limit: ACCOUNTS });
      this.#mark(found.accounts);
      this.#show(found);
    } catch (error) {
      this.#complaint.textContent = error instanceof Refusal ? error.message : "The exchange cannot be reached.";
    }
    this.#run.disabled = false;
  }

  #show(found) {
    const states = STANDINGS.map((standing) => [
      stateText(standing),
      count(found.before[standing]),
      count(found.after[standing]),
      change(found.after[standing] - found.before[standing]),
    ]);
    const amount = (label, text, isBad) =>
      element("div", {}, element("dt", {}, label), element("dd", { title: text, class: isBad ? "below" : "" }, usd(text)));
    const accounts = found.accounts.slice(0, LISTED).map((each) => [
      accountLink(each.name, this.#open),
      `${stateText(each.standing)} → ${stateText(each.standing_after)}`,
      usd(each.equity_after),
      usd(each.distance_after),
    ]);
    this.#found.replaceChildren(
      section(
        `${count(found.fallen)} account${found.fallen === 1 ? "" : "s"} would fall`,
        table([["State", true], ["Now"], ["After"], ["Change"]], states, ""),
        element(
          "dl",
          { class: "sums" },
          amount("Below requirement, USD", found.called, Number(found.called) > 0),
          amount("Below maintenance, USD", found.shortfall, Number(found.shortfall) > 0),
          amount("The fund would face, USD", found.debt, Number(found.debt) > 0),
          amount("The fund has, USD", found.fund, false),
          amount("Uncovered, USD", found.uncovered, Number(found.uncovered) > 0),
        ),
        element("p", { class: "soft small" }, "As of ", moment(found.time), ` UTC, sequence ${count(found.sequence)}.`),
      ),
      section("Who would not be sound", table([["Account", true], ["State", true], ["Equity, USD"], ["Above maintenance, USD"]], accounts, "Nobody.")),
    );
  }
}

function change(number) {
  return number > 0 ? `+${count(number)}` : count(number);
}
