"""The orders at one price: a circular list, oldest at the head, so that unlinking needs no special ends."""

import numpy as np

from matching.compile import kernel
from matching.prices import close_level, level_at
from matching.schema import NIL


@kernel
def join(book, slot, book_side, price_ticks):
    """Put an order at the back of the queue at its price."""
    index = level_at(book, book_side, price_ticks)
    level = book.levels[index]
    order = book.orders[slot]
    order["level"] = index
    head = np.int64(level["head"])
    if head == NIL:
        level["head"] = slot
        order["next"] = slot
        order["previous"] = slot
    else:
        newest = np.int64(book.orders[head]["previous"])
        order["next"] = head
        order["previous"] = newest
        book.orders[newest]["next"] = slot
        book.orders[head]["previous"] = slot
    level["order_count"] += 1
    level["quantity_lots"] += order["leaves_lots"]


@kernel
def leave(book, slot):
    """Take an order out of its queue, and close the level that it leaves empty."""
    order = book.orders[slot]
    index = np.int64(order["level"])
    level = book.levels[index]
    level["quantity_lots"] -= order["leaves_lots"]
    level["order_count"] -= 1
    following = np.int64(order["next"])
    if following == slot:
        close_level(book, index)
        return
    previous = np.int64(order["previous"])
    book.orders[previous]["next"] = following
    book.orders[following]["previous"] = previous
    if np.int64(level["head"]) == slot:
        level["head"] = following


@kernel
def shorten(book, slot, quantity_lots):
    """Take lots off an order that keeps its place."""
    book.orders[slot]["leaves_lots"] -= quantity_lots
    book.levels[book.orders[slot]["level"]]["quantity_lots"] -= quantity_lots
