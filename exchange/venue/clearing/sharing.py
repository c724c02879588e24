"""Shares of the rows of a gate closure by their weights, rounded by largest remainder; and rows in order.

Of equal remainders the lowest account comes first.
"""

import numpy as np

from kernels.compile import inlined, outlined
from risk.shares import share_of


@outlined
def share_out(state, amount, whole):
    """Give each row its share of an amount, by weights that come to `whole`; the shares come to the amount."""
    gate, rows = state.clearing.gate[0], state.clearing.gate_rows
    missing = amount
    for place in range(gate["rows"]):
        row = rows[place]
        row["share"] = 0
        row["key"] = np.iinfo(np.int64).max
        if row["weight"] > 0 and amount > 0:
            share, remainder = share_of(amount, row["weight"], whole)
            row["share"] = share
            row["key"] = np.uint64(whole - remainder)
            missing -= share
    if missing == 0:
        return
    sort_rows(rows, np.int64(gate["rows"]))
    for place in range(missing):
        rows[rows[place]["order"]]["share"] += 1


@outlined
def sort_rows(rows, count):
    """Find the order of rows by (key, account), by a heap."""
    for place in range(count):
        rows[place]["order"] = place
    for top in range(count // 2 - 1, -1, -1):
        sink(rows, np.int64(top), count)
    for end in range(count - 1, 0, -1):
        last = rows[end]["order"]
        rows[end]["order"] = rows[0]["order"]
        rows[0]["order"] = last
        sink(rows, np.int64(0), np.int64(end))


@inlined
def sink(rows, at, count):
    """Move the row at a place of a heap of so many down until none below it comes later."""
    moved = rows[at]["order"]
    while True:
        below = 2 * at + 1
        if below >= count:
            break
        if below + 1 < count and comes_before(rows, rows[below]["order"], rows[below + 1]["order"]):
            below += 1
        if not comes_before(rows, moved, rows[below]["order"]):
            break
        rows[at]["order"] = rows[below]["order"]
        at = below
    rows[at]["order"] = moved


@inlined
def comes_before(rows, a, b):
    """Whether row a comes before row b."""
    if rows[a]["key"] != rows[b]["key"]:
        return rows[a]["key"] < rows[b]["key"]
    return rows[a]["account_id"] < rows[b]["account_id"]
