"""The orders at one price: a list from the oldest, its head, to the newest.

The links past the two ends are never looked at and never mended, so that whoever takes the head or joins behind the
newest touches no other order. Index NIL takes the writes of an unlinking that have no order to go to.
"""

import numpy as np

from kernels.compile import inlined
from kernels.intrinsics import prefetch
from matching.prices import close_level, level_at, next_level
from matching.schema import NIL


@inlined
def best_order(book, side):
    """The oldest order at the best price of a side that is not empty."""
    return np.int64(book.levels[side["best_level"]]["head"])


@inlined
def join(book, slot, instrument_side, price_ticks, leaves_lots):
    """Put an order with so many lots at the back of the queue at its price."""
    index = level_at(book, instrument_side, price_ticks)
    level = book.levels[index]
    order = book.orders[slot]
    order["level"] = index
    order["leaves_lots"] = leaves_lots
    newest = np.int64(level["newest"])
    if newest == NIL:
        level["head"] = slot
    else:
        order["previous"] = newest
        book.orders[newest]["next"] = slot
    level["newest"] = slot
    level["order_count"] += np.uint32(1)
    level["quantity_lots"] += leaves_lots


@inlined
def leave(book, slot):
    """Take an order out of its queue, and close the level that it leaves empty."""
    order = book.orders[slot]
    level = book.levels[order["level"]]
    if level["head"] == level["newest"]:
        close_level(book, np.int64(order["level"]))
        return
    is_head = np.int64(level["head"]) == slot
    is_newest = np.int64(level["newest"]) == slot
    level["order_count"] -= np.uint32(1)
    level["quantity_lots"] -= order["leaves_lots"]
    following = np.int64(order["next"])
    previous = np.int64(order["previous"])
    book.orders[NIL if is_head else previous]["next"] = following
    book.orders[NIL if is_newest else following]["previous"] = previous
    level["head"] = following if is_head else np.int64(level["head"])
    level["newest"] = previous if is_newest else np.int64(level["newest"])


@inlined
def leave_head(book, slot):
    """The same for the oldest order of a level."""
    order = book.orders[slot]
    level = book.levels[order["level"]]
    if np.int64(level["newest"]) == slot:
        close_level(book, np.int64(order["level"]))
        return
    level["order_count"] -= np.uint32(1)
    level["quantity_lots"] -= order["leaves_lots"]
    level["head"] = order["next"]
    prefetch(book.orders, np.int64(order["next"]))


@inlined
def rejoin(book, slot, leaves_lots):
    """Move an order to the back of the queue that it stands in, with other lots than it had."""
    order = book.orders[slot]
    level = book.levels[order["level"]]
    level["quantity_lots"] += leaves_lots - order["leaves_lots"]
    order["leaves_lots"] = leaves_lots
    newest = np.int64(level["newest"])
    if newest == slot:
        return
    following = order["next"]
    if np.int64(level["head"]) == slot:
        level["head"] = following
    else:
        book.orders[order["previous"]]["next"] = following
        book.orders[following]["previous"] = order["previous"]
    book.orders[newest]["next"] = slot
    order["previous"] = newest
    level["newest"] = slot


@inlined
def shorten(book, slot, quantity_lots):
    """Take lots off an order that keeps its place."""
    order = book.orders[slot]
    order["leaves_lots"] -= quantity_lots
    book.levels[order["level"]]["quantity_lots"] -= quantity_lots


@inlined
def is_newest(book, slot):
    """Whether an order is the last in its queue."""
    return np.int64(book.levels[book.orders[slot]["level"]]["newest"]) == slot


@inlined
def first_order(book, book_side):
    """The oldest order at the best price of a side, or NIL."""
    side = book.sides[book_side]
    return best_order(book, side) if side["best_level"] != NIL else np.int64(NIL)


@inlined
def next_order(book, slot):
    """The order that comes after this one on its side, by price and then by time, or NIL."""
    if not is_newest(book, slot):
        return np.int64(book.orders[slot]["next"])
    level = next_level(book, np.int64(book.orders[slot]["level"]))
    return np.int64(book.levels[level]["head"]) if level != NIL else np.int64(NIL)
