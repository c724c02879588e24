"""The book as logical records: what digests, snapshots and readers see, without slots, links or tables."""

import numpy as np

from kernels.compile import inlined, kernel
from kernels.records import record
from matching.arena import Book
from matching.icebergs import is_iceberg, total_leaves
from matching.layout import ACCOUNT_MASK
from matching.prices import next_level
from matching.queues import first_order, next_order
from matching.schema import NIL
from matching.sides import instrument_id_of_level, side_of_level

LEVEL_ROW = record(("price_ticks", "i8"), ("quantity_lots", "i8"), ("order_count", "i8"))


def level_rows(book: Book, instrument_id: int, side: int, depth: int | None = None) -> np.ndarray:
    """LEVEL_ROW records of one side, best first, at most `depth` of them."""
    book_side = 2 * (instrument_id & (len(book.instruments) - 1)) + int(side)
    count = int(book.sides[book_side]["level_count"])
    rows = np.zeros(count if depth is None else min(count, depth), LEVEL_ROW)
    copy_levels(book, book_side, rows)
    return rows


@kernel
def copy_levels(book, book_side, rows):
    """Fill rows from the best level on."""
    index = np.int64(book.sides[book_side]["best_level"])
    for at in range(len(rows)):
        level = book.levels[index]
        rows[at]["price_ticks"] = level["price_ticks"]
        rows[at]["quantity_lots"] = level["quantity_lots"]
        rows[at]["order_count"] = level["order_count"]
        index = next_level(book, index)


@kernel
def export_orders(book, rows):
    """Fill RESTING rows by instrument slot, side and priority; return how many there are."""
    count = np.int64(0)
    for book_side in range(len(book.sides)):
        slot = first_order(book, book_side)
        while slot != NIL:
            copy_order(book, slot, rows[count])
            count += 1
            slot = next_order(book, slot)
    return count


@inlined
def copy_order(book, slot, row):
    """One resting order, with its terms."""
    order = book.orders[slot]
    level = book.levels[order["level"]]
    terms = book.terms[slot]
    row["order_id"] = order["order_id"]
    row["leaves_lots"] = total_leaves(book, slot)
    row["visible_lots"] = order["leaves_lots"]
    row["display_lots"] = book.icebergs[slot]["display_lots"] if is_iceberg(order) else 0
    row["quantity_lots"] = terms["quantity_lots"]
    row["expires_ns"] = terms["expires_ns"]
    row["client_id_high"] = terms["client_id_high"]
    row["client_id_low"] = terms["client_id_low"]
    row["instrument_id"] = instrument_id_of_level(level)
    row["account_id"] = order["holder"] & ACCOUNT_MASK
    row["price_ticks"] = level["price_ticks"]
    row["label"] = terms["label"]
    row["session_id"] = terms["session_id"]
    row["side"] = side_of_level(level)
    row["time_in_force"] = terms["time_in_force"]
    row["flags"] = terms["flags"]
    row["self_trade"] = terms["self_trade"]
