"""Orders that show a part of themselves: the clip that stands in the queue, and the reserve behind it.

`leaves_lots` of such an order is its clip, so that queues, levels and trades need not know. Only who uses a clip up,
takes an order out, or asks what is left in all looks at the reserve. The mark in `holder` stands exactly while the
order is in a queue, and each side counts its marked orders, so that a probe knows whether level totals tell all.
"""

import numpy as np

from kernels.compile import inlined, outlined
from matching.events import write_resting_event
from matching.layout import HOLDER_ICEBERG
from matching.queues import rejoin, shorten
from matching.schema import EventKind, OrderReason
from matching.sides import book_side_of

UNMARKED = 0xFFFFFFFF ^ HOLDER_ICEBERG


@inlined
def is_iceberg(order):
    """Whether a resting order has a reserve, or once had."""
    return order["holder"] & np.uint32(HOLDER_ICEBERG) != 0


@inlined
def total_leaves(book, slot):
    """What is left of a resting order, shown or not."""
    leaves_lots = book.orders[slot]["leaves_lots"]
    if is_iceberg(book.orders[slot]):
        leaves_lots += book.icebergs[slot]["reserve_lots"]
    return leaves_lots


@outlined
def show_clip(book, slot, book_side):
    """Split what is left of the order at work, which is about to rest, and return the clip that it shows."""
    taker = book.taker[0]
    clip_lots = min(taker["display_lots"], taker["leaves_lots"])
    book.icebergs[slot]["display_lots"] = taker["display_lots"]
    book.icebergs[slot]["reserve_lots"] = taker["leaves_lots"] - clip_lots
    book.orders[slot]["holder"] |= np.uint32(HOLDER_ICEBERG)
    book.sides[book_side]["iceberg_count"] += np.uint32(1)
    return clip_lots


@outlined
def narrow_clip(book, slot, quantity_lots):
    """Put lots of a clip back into the reserve, in the place of those that were traded before."""
    shorten(book, slot, quantity_lots)
    book.icebergs[slot]["reserve_lots"] += quantity_lots


@outlined
def unmark(book, slot):
    """An iceberg has left its queue; the level that it stood in still knows its side, even if it is closed."""
    order = book.orders[slot]
    order["holder"] &= np.uint32(UNMARKED)
    book_side = book_side_of(book, book.levels[order["level"]]["instrument_side"])
    book.sides[book_side]["iceberg_count"] -= np.uint32(1)


@outlined
def refresh(book, slot, events, count):
    """A clip is used up: show the next one at the back of the queue. The caller has seen that there is one."""
    iceberg = book.icebergs[slot]
    clip_lots = min(iceberg["display_lots"], iceberg["reserve_lots"])
    iceberg["reserve_lots"] -= clip_lots
    rejoin(book, slot, clip_lots)
    leaves_lots = clip_lots + iceberg["reserve_lots"]
    return write_resting_event(book, events, count, EventKind.REFRESHED, OrderReason.NONE, slot, clip_lots, leaves_lots)


@inlined
def drop_reserve(book, slot, reason, events, count):
    """Give up all of an iceberg's reserve, before what it shows leaves the book."""
    return reduce_reserve(book, slot, book.icebergs[slot]["reserve_lots"], reason, events, count)


@outlined
def reduce_reserve(book, slot, quantity_lots, reason, events, count):
    """Take lots off an iceberg's reserve; nothing is said of none."""
    if quantity_lots == 0:
        return count
    book.icebergs[slot]["reserve_lots"] -= quantity_lots
    leaves_lots = total_leaves(book, slot)
    return write_resting_event(book, events, count, EventKind.RESERVE_REMOVED, reason, slot, quantity_lots, leaves_lots)
