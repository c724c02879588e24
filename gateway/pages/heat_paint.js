// Draws the part of the heat map that is in sight: the heads of rows and columns, and as much in a cell as has room.

import { priceOfTicks } from "./cells.js";
import { countdown, regionName, shortCount } from "./format.js";
import { colourNumber, medianOf } from "./heat_scale.js";

const GATE_SOON_MS = 5 * 60_000;
const FULL_WIDTH = 104; // bid, ask, last and lots
const SHORT_WIDTH = 50; // one price
const TEXT_HEIGHT = 13;
const GAP_MIN = 5; // smaller cells touch each other
const LABEL_WIDTH = 44;
const DAY_WIDTH = 84;
const NAME_MIDDLE = 8; // of a name that is higher than its row
export const HEAD_HEIGHT = 48;

export class HeatPainter {
  #canvas;
  #context;
  #small = document.createElement("canvas");
  #ground = "";

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
  }

  /** Fit the canvas to its place, in pixels of the screen. */
  resize(width, height) {
    const ratio = devicePixelRatio;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${height}px`;
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  /** Draw what a look of { grid, view, scale, colours, shades, empty, theme, chosen, decimals, now } shows; how many cells that were. */
  paint(look) {
    const { view, theme } = look;
    const context = this.#context;
    this.#ground = theme.ground;
    context.fillStyle = theme.ground;
    context.fillRect(0, 0, view.width, view.height);
    context.textBaseline = "middle";
    const drawn = this.#cells(look);
    this.#rowHeads(look);
    this.#columnHeads(look);
    return drawn;
  }

  // One pixel for each cell in sight, drawn as large as cells are: that costs the same for ten cells and for ten thousand.
  #cells(look) {
    const { grid, view } = look;
    const hasText = view.cellWidth >= SHORT_WIDTH && view.cellHeight >= TEXT_HEIGHT;
    const columns = view.endColumn - view.firstColumn;
    const pixels = new ImageData(Math.max(columns, 1), Math.max(view.endRow - view.firstRow, 1));
    const seen = [];
    for (let at = view.firstRow; at < view.endRow; at++) {
      const row = grid.rows[at];
      if (row.isStale) {
        row.median = medianOf(row);
        row.isStale = false;
      }
      for (let across = view.firstColumn; across < view.endColumn; across++) {
        const cell = row.cells[across];
        if (!cell) continue;
        const pixel = (at - view.firstRow) * columns + across - view.firstColumn;
        pixels.data.set(this.#colour(look, cell, row, hasText), 4 * pixel);
        seen.push(cell);
      }
    }
    this.#enlarge(view, pixels);
    for (const cell of seen) {
      if (hasText || cell.state !== "open" || cell.symbol === look.chosen) this.#cell(look, cell, hasText);
    }
    return seen.length;
  }

  #colour({ scale, colours, shades, empty }, cell, row, hasText) {
    const value = scale.at(cell, row);
    return value === null ? empty : (hasText ? shades : colours)[colourNumber(scale, colours, value)];
  }

  #enlarge(view, pixels) {
    const context = this.#context;
    const [left, top] = [view.xOf(view.firstColumn), view.yOf(view.firstRow)];
    const [width, height] = [pixels.width * view.cellWidth, pixels.height * view.cellHeight];
    this.#small.width = pixels.width;
    this.#small.height = pixels.height;
    this.#small.getContext("2d").putImageData(pixels, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.#small, left, top, width, height);
    if (view.cellWidth < GAP_MIN) return;
    context.fillStyle = this.#ground;
    for (let each = 1; each <= pixels.width; each++) context.fillRect(left + each * view.cellWidth - 1, top, 1, height);
    for (let each = 1; each <= pixels.height; each++) context.fillRect(left, top + each * view.cellHeight - 1, width, 1);
  }

  #cell(look, cell, hasText) {
    const { view, theme } = look;
    const gap = view.cellWidth >= GAP_MIN ? 1 : 0;
    const [x, y, width, height] = [view.xOf(cell.column), view.yOf(cell.row), view.cellWidth - gap, view.cellHeight - gap];
    if (cell.state !== "open") this.#mark(theme, x, y, width, height);
    if (view.cellWidth >= FULL_WIDTH && height >= 2 * TEXT_HEIGHT) this.#full(look, cell, x, y, width, height);
    else if (hasText) this.#short(look, cell, x, y, width, height);
    if (cell.symbol === look.chosen) this.#outline(theme, x, y, width, height);
  }

  #outline(theme, x, y, width, height) {
    this.#context.strokeStyle = theme.accent;
    this.#context.lineWidth = 2;
    this.#context.strokeRect(x + 1, y + 1, Math.max(width - 2, 2), Math.max(height - 2, 2));
  }

  // A window that is not open for trading.
  #mark(theme, x, y, width, height) {
    this.#context.fillStyle = theme.warn;
    this.#context.fillRect(x, y + height - 2, width, 2);
  }

  #full({ theme, decimals }, cell, x, y, width, height) {
    const middle = y + height / 2;
    this.#text(priceOfTicks(cell.bid, decimals), x + 7, middle - 8, cell.bid === null ? theme.faint : theme.bid, theme.font);
    this.#text(priceOfTicks(cell.ask, decimals), x + width - 7, middle - 8, cell.ask === null ? theme.faint : theme.ask, theme.font, "right");
    const last = cell.state === "open" ? priceOfTicks(cell.last, decimals) : cell.state.replace("_", " ");
    this.#text(last, x + 7, middle + 8, cell.state === "open" ? theme.text : theme.warn, theme.small);
    if (cell.traded) this.#text(shortCount(cell.traded), x + width - 7, middle + 8, theme.soft, theme.small, "right");
  }

  // One price, or what the colour says where it is not about prices.
  #short({ grid, scale, theme, decimals }, cell, x, y, width, height) {
    const said = scale.say?.(grid.rows[cell.row]) || priceOfTicks(cell.mid, decimals);
    const text = cell.state === "open" ? said : cell.state.slice(0, 6);
    this.#text(text, x + width / 2, y + height / 2 + 0.5, theme.text, theme.small, "center", width);
  }

  #rowHeads({ grid, view, theme }) {
    const context = this.#context;
    context.fillStyle = theme.ground;
    context.fillRect(0, HEAD_HEIGHT, view.headWidth, view.height);
    context.save();
    context.beginPath();
    context.rect(0, HEAD_HEIGHT, view.headWidth, view.height);
    context.clip();
    let named = Infinity; // where the row stands that was named last
    for (let at = view.endRow - 1; at >= view.firstRow; at--) {
      const row = grid.rows[at];
      const y = view.yOf(at);
      const middle = y + view.cellHeight / 2;
      if (view.cellHeight >= TEXT_HEIGHT) this.#text(row.tier.toUpperCase(), view.headWidth - 26, middle, theme.soft, theme.small);
      const isTop = row.isFirst || at === view.firstRow;
      if (row.isFirst && at > 0) this.#line(theme, 0, y - 0.5, view.width, y - 0.5);
      if (!isTop) continue;
      const place = Math.max(y + Math.max(view.cellHeight / 2, NAME_MIDDLE), HEAD_HEIGHT + NAME_MIDDLE);
      if (named - place < TEXT_HEIGHT) continue;
      named = place;
      this.#region(row.region, view, place, theme);
    }
    context.restore();
    this.#line(theme, view.headWidth - 0.5, HEAD_HEIGHT, view.headWidth - 0.5, view.height);
  }

  // A route that is too long for one line has two.
  #region(region, view, y, theme) {
    const most = view.headWidth - 42;
    const name = regionName(region);
    this.#context.font = theme.bold;
    const [from, to] = name.split(" → ");
    if (to && view.cellHeight > 2 * TEXT_HEIGHT && this.#context.measureText(name).width > most) {
      this.#text(`${from} →`, 12, y - 7, theme.text, theme.bold, "left", most);
      this.#text(to, 12, y + 7, theme.text, theme.bold, "left", most);
    } else {
      this.#text(name, 12, y, theme.text, theme.bold, "left", most);
    }
  }

  #columnHeads({ grid, view, theme, now }) {
    const context = this.#context;
    context.fillStyle = theme.ground;
    context.fillRect(0, 0, view.width, HEAD_HEIGHT);
    context.save();
    context.beginPath();
    context.rect(view.headWidth, 0, view.width, HEAD_HEIGHT);
    context.clip();
    let free = view.headWidth;
    for (let across = view.firstColumn; across < view.endColumn; across++) {
      const column = grid.columns[across];
      const x = view.xOf(across);
      if (column.isFirstOfDay && across > 0) this.#line(theme, x - 0.5, 0, x - 0.5, HEAD_HEIGHT);
      if (x < free - 1 || x < view.headWidth) continue;
      this.#text(column.text, x + 6, 25, theme.text, theme.bold);
      if (view.cellWidth >= FULL_WIDTH) this.#gate(column, x, now, theme);
      free = x + Math.max(LABEL_WIDTH, column.text.length * 7 + 10);
    }
    this.#days(grid, view, theme);
    context.restore();
    this.#text("Start, UTC", 12, 25, theme.soft, theme.small);
    this.#line(theme, 0, HEAD_HEIGHT - 0.5, view.width, HEAD_HEIGHT - 0.5);
  }

  // From right to left: the end of a day that has no room for its name gives way to the next day.
  #days({ columns }, view, theme) {
    let next = Infinity;
    for (let across = view.endColumn - 1; across >= view.firstColumn; across--) {
      if (!columns[across].isFirstOfDay && across > view.firstColumn) continue;
      const x = Math.max(view.xOf(across), view.headWidth);
      if (next - x >= DAY_WIDTH) this.#text(columns[across].dayText, x + 6, 10, theme.soft, theme.small);
      next = x;
    }
  }

  #gate({ gate }, x, now, theme) {
    const left = gate * 1000 - now;
    const text = left > 0 ? `gate ${countdown(left)}` : "gate closed";
    this.#text(text, x + 6, 39, left < GATE_SOON_MS ? theme.warn : theme.soft, theme.small);
  }

  #text(text, x, y, colour, font, align = "left", most = undefined) {
    const context = this.#context;
    context.font = font;
    context.fillStyle = colour;
    context.textAlign = align;
    context.fillText(text, x, y, most);
  }

  #line(theme, fromX, fromY, toX, toY) {
    const context = this.#context;
    context.strokeStyle = theme.line;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
    context.stroke();
  }
}
