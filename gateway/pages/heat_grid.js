// Which window stands where: a row for each region and tier, a column for each start, of one length.

import { day, hourMinute, regionName } from "./format.js";

const TIERS = ["ef", "af", "be"];
const DAY_S = 86_400;

export class HeatGrid {
  rows = []; // of { region, tier, cells, isFirst }, where `cells` has a place for each column
  columns = []; // of { start, text, dayText, gate, isFirstOfDay }

  /** Lay out the windows of a length whose region's name contains a text. */
  constructor(cells, length, filter) {
    const wanted = [];
    for (const cell of cells) if (cell.duration === length && isNamed(cell.region, filter)) wanted.push(cell);
    const starts = [...new Set(wanted.map((cell) => cell.start.getTime()))].sort((one, other) => one - other);
    const columnOf = new Map(starts.map((start, index) => [start, index]));
    this.columns = starts.map((start, index) => columnAt(start, starts[index - 1], length));
    const byRow = new Map();
    for (const cell of wanted) {
      let row = byRow.get(cell.line);
      if (!row) byRow.set(cell.line, (row = rowOf(cell, starts.length)));
      cell.column = columnOf.get(cell.start.getTime());
      row.cells[cell.column] = cell;
      const column = this.columns[cell.column];
      if (cell.gate < column.gate) column.gate = cell.gate;
    }
    this.rows = [...byRow.values()].sort(byPlace);
    this.rows.forEach((row, index) => {
      row.isFirst = row.region !== this.rows[index - 1]?.region;
      for (const cell of row.cells) if (cell) cell.row = index;
    });
  }

  /** Where a window stands, { row, column }, or undefined: it may be of another length, or filtered out. */
  placeOf(cell) {
    return cell && this.at(cell.row, cell.column) === cell ? cell : undefined;
  }

  at(row, column) {
    return this.rows[row]?.cells[column];
  }

  /** The next window from a place on, in steps of rows and columns; a gap is passed over. */
  next({ row, column }, [down, right]) {
    let [at, across] = [row + down, column + right];
    while (this.rows[at] && across >= 0 && across < this.columns.length) {
      const cell = this.at(at, across);
      if (cell) return cell;
      at += down;
      across += right;
    }
    return undefined;
  }
}

/** The lengths of windows there are, in seconds, the shortest first. */
export function lengthsOf(cells) {
  const lengths = new Set();
  for (const cell of cells) lengths.add(cell.duration);
  return [...lengths].sort((one, other) => one - other);
}

function isNamed(region, filter) {
  return !filter || region.includes(filter) || regionName(region).includes(filter);
}

// `isStale`: what is worked out over the whole row is to be worked out anew.
function rowOf({ region, tier }, columns) {
  return { region, tier, cells: new Array(columns).fill(undefined), isFirst: false, isStale: true, median: null };
}

function columnAt(start, before, length) {
  const time = new Date(start);
  const isFirstOfDay = before === undefined || new Date(before).getUTCDate() !== time.getUTCDate();
  return { start, isFirstOfDay, gate: Infinity, dayText: day(time), text: length >= DAY_S ? day(time) : hourMinute(time) };
}

function byPlace(one, other) {
  return (
    one.region.includes("_") - other.region.includes("_") ||
    one.region.localeCompare(other.region) ||
    TIERS.indexOf(one.tier) - TIERS.indexOf(other.tier)
  );
}
