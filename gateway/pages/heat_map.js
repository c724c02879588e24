// The market as a heat map. One canvas of the size of its place draws what is in sight; the room around it scrolls.

import { describe } from "./cells.js";
import { element } from "./dom.js";
import { lengthName } from "./format.js";
import { countLengths, HeatGrid, layOut } from "./heat_grid.js";
import { showLegend } from "./heat_legend.js";
import { HEAD_HEIGHT, HeatPainter } from "./heat_paint.js";
import { SCALES, channelsOf, coloursOf, shadesOf } from "./heat_scale.js";
import { shell } from "./shell.js";

const ZOOMS = [
  [4, 7],
  [7, 10],
  [12, 14],
  [22, 18],
  [54, 24],
  [112, 38],
]; // width and height of a cell, at least
const FULL = ZOOMS.length - 1;
const WIDTH_MOST = 152;
const DIGIT_WIDTH = 7;
const FULL_MARGINS = 26; // around bid and ask
const NARROW = matchMedia("(max-width: 559px)");
const ONE_SIDED_SHARE = 0.1;
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const $ = (id) => document.getElementById(id);

export class HeatMap {
  #cells;
  #place;
  #onSelect;
  #canvas = element("canvas", { "aria-hidden": "true" });
  #room = element("div", { class: "heat-room" });
  #focus = element("button", { type: "button", class: "heat-focus", hidden: "" });
  #tip = element("p", { class: "heat-tip", hidden: "", "aria-hidden": "true" });
  #painter = new HeatPainter(this.#canvas);
  #grid = new HeatGrid([], []);
  #generation = -1;
  #length = 0;
  #filter = "";
  #scale = SCALES.price;
  #colours = [];
  #shades = []; // under text
  #empty = []; // of cells of which the scale knows nothing
  #theme = {};
  #zoom = null; // null: as large as fits
  #isFilled = true; // few windows share all the width there is, until somebody asks for smaller cells
  #chosen = "";
  #focused = "";
  #strains = new Map();
  #isDue = false;
  #isLoaded = false;
  #isLaid = false;
  #turn = 0; // of laying out
  #second = 0;

  /** Draws `cells` into `place`; `onSelect(symbol)` hears which window was opened. */
  constructor(cells, place, onSelect) {
    this.#cells = cells;
    this.#place = place;
    this.#onSelect = onSelect;
    this.#room.append(this.#canvas, this.#focus);
    place.addEventListener("scroll", () => this.#draw(), { passive: true });
    place.addEventListener("keydown", (event) => this.#walk(event));
    place.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#canvas.addEventListener("click", (event) => this.#click(event));
    this.#canvas.addEventListener("pointermove", (event) => this.#hover(event));
    this.#canvas.addEventListener("pointerleave", () => (this.#tip.hidden = true));
    this.#focus.addEventListener("click", () => this.#onSelect(this.#focused));
    document.body.append(this.#tip);
    new ResizeObserver(() => this.#draw()).observe(place);
    shell.addEventListener("theme", () => this.#dress());
    this.#showScales();
    $("zoom-out").addEventListener("click", () => this.#zoomBy(-1));
    $("zoom-in").addEventListener("click", () => this.#zoomBy(1));
    this.#dress();
  }

  /**
   * The market is there, or what there is to it has changed; of cells, those alone, or all for null. Resolves to whether
   * there is something to choose from.
   */
  async update(changed) {
    this.#isLoaded = true;
    if (changed === null || this.#generation !== this.#cells.generation) {
      await this.#lay();
    } else {
      for (const cell of changed) {
        const place = this.#grid.placeOf(cell);
        if (place) this.#grid.rows[place.row].isStale = true;
        if (cell.symbol === this.#focused) this.#name(cell);
      }
      this.#draw();
    }
    return this.#isLaid;
  }

  /** How strained regions are, in parts of a million. */
  updateStrains(regions) {
    for (const { region, strain_ppm: strain } of regions) this.#strains.set(region, strain);
    for (const row of this.#grid.rows) row.strain = this.#strains.get(row.region);
    this.#explain();
    this.#draw();
  }

  /** Show the regions whose name contains a text. */
  showRegions(text) {
    this.#filter = text.trim().toLowerCase();
    this.#lay();
  }

  /** Mark a window as the chosen one and bring it into view; its length is shown with it. */
  async select(symbol) {
    this.#chosen = symbol;
    const cell = this.#cells.get(symbol);
    if (cell && cell.duration !== this.#length) await this.#showLength(cell.duration);
    if (cell && this.#chosen === symbol) this.#moveFocus(cell);
    this.#draw();
  }

  /** Put the focus on a window. */
  focus(symbol) {
    const cell = this.#cells.get(symbol);
    if (!cell) return;
    this.#moveFocus(cell);
    this.#focus.focus({ preventScroll: true });
  }

  /** The window where most is traded and both sides are quoted: what to show first. */
  liveliest() {
    let best = { score: -1, symbol: "" };
    for (const row of this.#grid.rows) {
      for (const cell of row.cells) {
        if (!cell || !this.#cells.isShown(cell)) continue;
        const score = (cell.traded + 0.5) * (cell.bid !== null && cell.ask !== null ? 1 : ONE_SIDED_SHARE);
        if (score > best.score) best = { score, symbol: cell.symbol };
      }
    }
    return best.symbol;
  }

  /** Bring the countdowns to the gate up to date. */
  tick() {
    const second = Math.floor(shell.now() / 1000);
    if (this.#isLoaded && second !== this.#second) this.#draw();
    this.#second = second;
  }

  // What stands where

  // In slices; whoever asks for something else meanwhile has it laid out in place of this.
  async #lay() {
    const turn = ++this.#turn;
    const isWanted = () => turn === this.#turn;
    this.#generation = this.#cells.generation;
    const lengths = await countLengths(this.#cells.all(), isWanted);
    if (!lengths) return;
    if (!lengths.has(this.#length)) this.#length = mostUsual(lengths);
    const grid = await layOut(this.#cells.all(), { length: this.#length, filter: this.#filter }, isWanted);
    if (grid) this.#settle(grid, [...lengths.keys()]);
  }

  #settle(grid, lengths) {
    this.#grid = grid;
    this.#isLaid = true;
    grid.settle();
    for (const row of grid.rows) row.strain = this.#strains.get(row.region);
    this.#showLengths(lengths);
    this.#place.setAttribute("aria-busy", "false");
    if (!grid.rows.length) {
      const text = this.#filter ? "No region of that name has an open window." : "No window is open for trading now.";
      this.#place.replaceChildren(element("p", { class: "empty" }, text));
    } else if (this.#room.parentNode !== this.#place) {
      this.#place.replaceChildren(this.#room);
    }
    if (!grid.placeOf(this.#cells.get(this.#focused))) this.#focused = "";
    if (!this.#focused && grid.rows.length) this.#moveFocus(this.#first(), false);
    this.#draw();
  }

  #first() {
    return this.#grid.rows[0].cells.find((cell) => cell !== undefined);
  }

  #showLength(seconds) {
    this.#length = seconds;
    return this.#lay();
  }

  #showLengths(lengths) {
    const buttons = lengths.map((length) => {
      const isShown = length === this.#length;
      const button = element("button", { type: "button", "aria-pressed": isShown }, lengthName(length));
      button.addEventListener("click", () => this.#showLength(length));
      return button;
    });
    $("lengths").replaceChildren(...(lengths.length > 1 ? buttons : []));
  }

  // What is in sight

  /** The width and height of a cell; bid and ask stand side by side in the largest. */
  #size(zoom) {
    const [width, height] = ZOOMS[zoom];
    return [zoom === FULL ? Math.max(width, FULL_MARGINS + 2 * (this.#cells.decimals + 2) * DIGIT_WIDTH) : width, height];
  }

  #view() {
    const { clientWidth: width, clientHeight: height, scrollLeft, scrollTop } = this.#place;
    const headWidth = NARROW.matches ? 104 : 156;
    const { rows, columns } = this.#grid;
    const zoom = this.#zoom ?? this.#fitting(width - headWidth, height - HEAD_HEIGHT);
    const [least, cellHeight] = this.#size(zoom);
    const even = Math.floor((width - headWidth) / Math.max(columns.length, 1));
    const cellWidth = this.#isFilled || zoom === FULL ? Math.max(least, Math.min(even, WIDTH_MOST)) : least;
    const firstColumn = Math.min(Math.floor(scrollLeft / cellWidth), columns.length);
    const firstRow = Math.min(Math.floor(scrollTop / cellHeight), rows.length);
    return {
      ...{ width, height, headWidth, zoom, cellWidth, cellHeight, firstColumn, firstRow },
      endColumn: Math.min(firstColumn + Math.ceil((width - headWidth) / cellWidth) + 1, columns.length),
      endRow: Math.min(firstRow + Math.ceil((height - HEAD_HEIGHT) / cellHeight) + 1, rows.length),
      xOf: (column) => headWidth + column * cellWidth - scrollLeft,
      yOf: (row) => HEAD_HEIGHT + row * cellHeight - scrollTop,
    };
  }

  // The largest cells with which the whole market is in sight; where prices cannot be read in it, colours alone.
  #fitting(width, height) {
    const { rows, columns } = this.#grid;
    if (NARROW.matches) return FULL;
    for (let zoom = FULL; zoom > 0; zoom--) {
      const [cellWidth, cellHeight] = this.#size(zoom);
      if (cellWidth * columns.length <= width && cellHeight * rows.length <= height) return zoom;
    }
    return 1;
  }

  #draw() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#drawNow();
    });
  }

  #drawNow() {
    if (!this.#grid.rows.length || !this.#place.clientWidth) return;
    const view = this.#view();
    this.#room.style.width = `${view.headWidth + view.cellWidth * this.#grid.columns.length}px`;
    this.#room.style.height = `${HEAD_HEIGHT + view.cellHeight * this.#grid.rows.length}px`;
    const size = `${view.width} ${view.height} ${devicePixelRatio}`;
    if (this.#canvas.dataset.size !== size) {
      this.#painter.resize(view.width, view.height);
      this.#canvas.dataset.size = size;
    }
    const drawn = this.#painter.paint({
      ...{ view, grid: this.#grid, scale: this.#scale, colours: this.#colours, theme: this.#theme },
      ...{ shades: this.#shades, empty: this.#empty },
      ...{ chosen: this.#chosen, decimals: this.#cells.decimals, now: shell.now() },
    });
    this.#place.dataset.drawn = drawn;
    this.#place.dataset.windows = this.#cells.size;
    this.#placeFocus(view);
    $("zoom-out").disabled = view.zoom === 0;
    $("zoom-in").disabled = view.zoom === FULL;
  }

  #zoomBy(step) {
    const { zoom, cellWidth, cellHeight } = this.#view();
    const next = Math.max(0, Math.min(FULL, zoom + step));
    if (next === zoom) return;
    const { scrollLeft, scrollTop } = this.#place;
    this.#zoom = next;
    if (step < 0) this.#isFilled = false;
    this.#drawNow();
    const now = this.#view();
    const place = this.#grid.placeOf(this.#cells.get(this.#focused));
    if (place && document.activeElement === this.#focus) return this.#reveal(place);
    this.#place.scrollLeft = (scrollLeft * now.cellWidth) / cellWidth;
    this.#place.scrollTop = (scrollTop * now.cellHeight) / cellHeight;
  }

  #wheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.#zoomBy(event.deltaY < 0 ? 1 : -1);
  }

  // Colours

  #showScales() {
    const buttons = Object.values(SCALES).map((scale) => {
      const button = element("button", { type: "button", title: scale.hint }, scale.name);
      button.addEventListener("click", () => {
        this.#scale = scale;
        this.#dress();
      });
      return button;
    });
    $("scales").replaceChildren(...buttons);
  }

  #dress() {
    const names = ["ground", "panel", "line", "text", "soft", "faint", "bid", "ask", "warn", "accent"];
    this.#theme = Object.fromEntries(names.map((name) => [name, shell.colour(`--${name}`)]));
    const family = getComputedStyle(document.body).fontFamily;
    Object.assign(this.#theme, { font: `12px ${family}`, small: `11px ${family}`, bold: `600 12px ${family}` });
    this.#colours = coloursOf(this.#scale);
    this.#empty = channelsOf(this.#theme.panel);
    this.#shades = shadesOf(this.#colours, this.#empty);
    [...$("scales").children].forEach((each) => each.setAttribute("aria-pressed", each.textContent === this.#scale.name));
    this.#explain();
    this.#draw();
  }

  #explain() {
    showLegend(this.#scale, this.#colours, this.#scale.note?.([...this.#strains.values()]) ?? "");
    const focused = this.#cells.get(this.#focused);
    if (focused) this.#name(focused);
  }

  // The window in focus is a button over its cell: it is read aloud, pressed, and outlined like any other.

  #moveFocus(cell, isRevealed = true) {
    this.#focused = cell.symbol;
    this.#name(cell);
    const place = this.#grid.placeOf(cell);
    if (isRevealed && place) this.#reveal(place);
    this.#draw();
  }

  #name(cell) {
    this.#focus.dataset.symbol = cell.symbol;
    this.#focus.setAttribute("aria-label", this.#wordsOn(cell));
    this.#focus.setAttribute("aria-pressed", cell.symbol === this.#chosen);
  }

  #wordsOn(cell) {
    const row = this.#grid.rows[cell.row];
    const said = row && this.#scale.say?.(row);
    return `${describe(cell, this.#cells.decimals)}${said ? `, ${this.#scale.name.toLowerCase()} ${said}` : ""}`;
  }

  #placeFocus(view) {
    const place = this.#grid.placeOf(this.#cells.get(this.#focused));
    this.#focus.hidden = !place;
    if (!place) return;
    const [x, y] = [view.xOf(place.column), view.yOf(place.row)];
    this.#focus.classList.toggle("covered", x < view.headWidth || y < HEAD_HEIGHT);
    this.#focus.style.left = `${view.headWidth + place.column * view.cellWidth}px`;
    this.#focus.style.top = `${HEAD_HEIGHT + place.row * view.cellHeight}px`;
    this.#focus.style.width = `${view.cellWidth}px`;
    this.#focus.style.height = `${view.cellHeight}px`;
  }

  #reveal({ row, column }) {
    const view = this.#view();
    const [x, y] = [column * view.cellWidth, row * view.cellHeight];
    const across = view.width - view.headWidth - view.cellWidth;
    const down = view.height - HEAD_HEIGHT - view.cellHeight;
    this.#place.scrollLeft = Math.min(x, Math.max(this.#place.scrollLeft, x - across));
    this.#place.scrollTop = Math.min(y, Math.max(this.#place.scrollTop, y - down));
  }

  #walk(event) {
    const step = STEPS[event.key];
    const place = this.#grid.placeOf(this.#cells.get(this.#focused));
    if (!step || !place || event.target !== this.#focus) return;
    event.preventDefault();
    const next = this.#grid.next(place, step);
    if (next) this.#moveFocus(next);
  }

  #hit(event) {
    const view = this.#view();
    const { left, top } = this.#canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    if (x < view.headWidth || y < HEAD_HEIGHT) return undefined;
    const column = Math.floor((x - view.xOf(0)) / view.cellWidth);
    return this.#grid.at(Math.floor((y - view.yOf(0)) / view.cellHeight), column);
  }

  #click(event) {
    const cell = this.#hit(event);
    if (!cell) return;
    this.#moveFocus(cell, false);
    this.#onSelect(cell.symbol);
  }

  #hover(event) {
    const cell = event.pointerType === "touch" ? undefined : this.#hit(event);
    this.#canvas.style.cursor = cell ? "pointer" : "";
    this.#tip.hidden = !cell;
    if (!cell) return;
    this.#tip.textContent = this.#wordsOn(cell);
    const { offsetWidth, offsetHeight } = this.#tip;
    this.#tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - offsetWidth - 8))}px`;
    this.#tip.style.top = `${Math.min(event.clientY + 18, innerHeight - offsetHeight - 8)}px`;
  }
}

// Of the lengths there are the one that most windows have.
function mostUsual(counts) {
  const lengths = [...counts.keys()];
  return lengths.reduce((best, length) => (counts.get(length) > counts.get(best) ? length : best), lengths[0]);
}
