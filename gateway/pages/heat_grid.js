// Which window stands where: a row for each region and tier, a column for each start, of one length.
//
// A large market is laid out in slices. Until that is done windows stand where they stood: `settle` moves all of them.

import { day, hourMinute, regionName } from "./format.js";
import { inSlices } from "./slices.js";

const TIERS = ["ef", "af", "be"];
const DAY_S = 86_400;

/** Count windows by their length, in seconds, the shortest first; null when `isWanted()` says no in between. */
export async function countLengths(cells, isWanted) {
  const counts = new Map();
  const count = ({ duration }) => counts.set(duration, (counts.get(duration) ?? 0) + 1);
  if (!(await inSlices(cells, count, isWanted))) return null;
  return new Map([...counts].sort(([one], [other]) => one - other));
}

/** Lay out the windows of a length whose region's name contains a text; null when `isWanted()` says no in between. */
export async function layOut(cells, { length, filter }, isWanted) {
  const wanted = [];
  const named = new Map();
  const starts = new Set();
  const choose = (cell) => {
    if (cell.duration !== length) return;
    if (!named.has(cell.line)) named.set(cell.line, isNamed(cell.region, filter));
    if (!named.get(cell.line)) return;
    wanted.push(cell);
    starts.add(cell.start.getTime());
  };
  if (!(await inSlices(cells, choose, isWanted))) return null;
  const columns = [...starts].sort((one, other) => one - other).map((start, at, all) => columnAt(start, all[at - 1], length));
  const columnOf = new Map(columns.map(({ start }, at) => [start, at]));
  const byLine = new Map();
  const place = (cell) => {
    let row = byLine.get(cell.line);
    if (!row) byLine.set(cell.line, (row = rowOf(cell, columns.length)));
    const at = columnOf.get(cell.start.getTime());
    row.cells[at] = cell;
    if (cell.gate < columns[at].gate) columns[at].gate = cell.gate;
  };
  if (!(await inSlices(wanted, place, isWanted))) return null;
  return new HeatGrid([...byLine.values()].sort(byPlace), columns);
}

export class HeatGrid {
  rows; // of { region, tier, cells, isFirst }, where `cells` has a place for each column
  columns; // of { start, text, dayText, gate, isFirstOfDay }

  constructor(rows, columns) {
    this.rows = rows;
    this.columns = columns;
    rows.forEach((row, at) => (row.isFirst = row.region !== rows[at - 1]?.region));
  }

  /** From now on windows stand here. */
  settle() {
    this.rows.forEach(({ cells }, row) => {
      cells.forEach((cell, column) => {
        cell.row = row;
        cell.column = column;
      });
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

function isNamed(region, filter) {
  return !filter || region.includes(filter) || regionName(region).includes(filter);
}

// `isStale`: what is worked out over the whole row is to be worked out anew.
function rowOf({ region, tier }, columns) {
  return { region, tier, cells: new Array(columns), isFirst: false, isStale: true, median: null };
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
