// Find a window by typing: parts of its region, tier, day, hour or symbol, in any order.

import { priceOfTicks } from "./cells.js";
import { element } from "./dom.js";
import { day, hourMinute, lengthName, regionName, tierName } from "./format.js";
import { inSlices } from "./slices.js";

const FOUND_MOST = 30;

export class Search {
  #cells;
  #onSelect;
  #dialog = document.getElementById("search");
  #input = document.getElementById("search-text");
  #list = document.getElementById("search-found");
  #note = document.getElementById("search-note");
  #generation = -1;
  #texts = new Map(); // of regions with their tiers, and of starts: there are few
  #text = "";
  #called = [];
  #found = []; // the soonest of them
  #turn = 0;
  #due = 0;
  #at = 0;

  constructor(cells, onSelect) {
    this.#cells = cells;
    this.#onSelect = onSelect;
    this.#input.addEventListener("input", () => this.#lookSoon());
    this.#input.addEventListener("keydown", (event) => this.#press(event));
    this.#list.addEventListener("click", (event) => this.#choose(event.target.closest("li")?.dataset.symbol));
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
    document.getElementById("find").addEventListener("click", () => this.open());
    addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
      event.preventDefault();
      this.open();
    });
  }

  open() {
    if (document.querySelector("dialog[open]")) return;
    this.#input.value = "";
    this.#look();
    this.#dialog.showModal();
    this.#input.focus();
  }

  // Whoever types fast is answered once.
  #lookSoon() {
    cancelAnimationFrame(this.#due);
    this.#due = requestAnimationFrame(() => this.#look());
  }

  // What is called by more is among what is called by less. Of a large market it is looked for in slices, until
  // something else is.
  async #look() {
    const turn = ++this.#turn;
    const text = this.#input.value.toLowerCase();
    const words = text.split(/\s+/).filter(Boolean);
    const isNarrower = this.#text && text.startsWith(this.#text) && this.#generation === this.#cells.generation;
    const generation = this.#cells.generation;
    const [called, found] = [[], []];
    const take = (cell) => {
      if (!this.#isCalled(cell, words)) return;
      called.push(cell);
      keepSoonest(found, cell);
    };
    if (!(await inSlices(isNarrower ? this.#called : this.#cells.all(), take, () => turn === this.#turn))) return;
    [this.#text, this.#called, this.#found, this.#generation] = [text, called, found, generation];
    this.#list.replaceChildren(...found.map((cell, index) => this.#row(cell, index)));
    this.#note.textContent = noteOn(called.length, this.#cells.size);
    this.#move(0);
  }

  #isCalled(cell, words) {
    if (!words.length) return true;
    cell.text ??= `${cell.symbol.toLowerCase()} ${this.#lineText(cell)} ${this.#startText(cell)}`;
    return words.every((word) => cell.text.includes(word));
  }

  #lineText({ line, region, tier }) {
    if (!this.#texts.has(line)) this.#texts.set(line, `${regionName(region)} ${tierName(tier)}`.toLowerCase());
    return this.#texts.get(line);
  }

  #startText({ start, duration }) {
    const key = start.getTime() + duration;
    if (!this.#texts.has(key)) {
      this.#texts.set(key, `${day(start)} ${hourMinute(start)} ${lengthName(duration)}`.toLowerCase());
    }
    return this.#texts.get(key);
  }

  #row(cell, index) {
    const price = priceOfTicks(cell.last ?? cell.mid, this.#cells.decimals);
    const when = `${day(cell.start)} ${hourMinute(cell.start)} UTC · ${lengthName(cell.duration)}`;
    return element(
      "li",
      { role: "option", id: `search-${index}`, "data-symbol": cell.symbol, "aria-selected": false },
      element("b", {}, regionName(cell.region)),
      element("abbr", { class: `tier ${cell.tier}`, title: tierName(cell.tier) }, cell.tier.toUpperCase()),
      element("span", { class: "when" }, when),
      element("span", {}, price),
    );
  }

  #press(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (step) {
      event.preventDefault();
      this.#move(this.#at + step);
    } else if (event.key === "Enter") {
      event.preventDefault();
      cancelAnimationFrame(this.#due);
      this.#chooseFound();
    }
  }

  // Whoever presses Enter means what was typed, even if it is still looked for.
  async #chooseFound() {
    if (this.#input.value.toLowerCase() !== this.#text) await this.#look();
    this.#choose(this.#found[this.#at]?.symbol);
  }

  #move(to) {
    this.#list.children[this.#at]?.setAttribute("aria-selected", false);
    this.#at = Math.max(0, Math.min(to, this.#found.length - 1));
    const row = this.#list.children[this.#at];
    row?.setAttribute("aria-selected", true);
    row?.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", row?.id ?? "");
  }

  #choose(symbol) {
    if (!symbol) return;
    this.#dialog.close();
    this.#onSelect(symbol);
  }
}

/** Whether keys write something where they are pressed. */
function isWriting(place) {
  return place instanceof Element && place.closest("input, select, textarea, [contenteditable], dialog") !== null;
}

// The soonest of all that were offered, in order and no more than are shown.
function keepSoonest(found, cell) {
  if (found.length === FOUND_MOST && bySoonest(cell, found.at(-1)) >= 0) return;
  let at = found.length;
  while (at && bySoonest(cell, found[at - 1]) < 0) at -= 1;
  found.splice(at, 0, cell);
  if (found.length > FOUND_MOST) found.pop();
}

function bySoonest(one, other) {
  return one.start - other.start || isRoute(one) - isRoute(other) || (one.symbol < other.symbol ? -1 : 1);
}

function isRoute({ region }) {
  return region.includes("_");
}

function noteOn(count, all) {
  if (!all) return "The market is being loaded, or nothing is open.";
  if (!count) return "No open window is called so. Try a region, a tier, a day or an hour.";
  const shown = count > FOUND_MOST ? `; the next ${FOUND_MOST} of them` : "";
  return `${count} of ${all} open windows${shown}. ↑ ↓ choose, Enter opens, Esc closes.`;
}
