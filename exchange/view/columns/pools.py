"""Taking rows from a pool and giving them back."""

import numpy as np

from exchange.view.columns.schema import NIL
from kernels.compile import inlined


@inlined
def take_row(pool, rows):
    """A row that nobody uses, with whatever is left in it. The caller has seen to it that there is one."""
    row = np.int64(pool["free"])
    if row == NIL:
        row = np.int64(pool["fresh"])
        assert row < len(rows), "a pool of the view is full"
        pool["fresh"] += 1
    else:
        pool["free"] = np.int64(rows[row]["next"])
    pool["live"] += 1
    return row


@inlined
def give_back(pool, rows, row):
    """Nobody uses a row any more."""
    rows[row]["next"] = pool["free"]
    pool["free"] = row
    pool["live"] -= 1
