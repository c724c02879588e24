"""Orders for an auction: they rest without trading, after self-trade prevention with all that their limit reaches.

To find its own orders, an order looks at every one that its limit reaches, as it would when trading with them. Whose
orders stand in a queue is not indexed: that would cost each order that comes or goes while there is no auction, and a
summary that is only written in auctions would be wrong as soon as it is not.
"""

import numpy as np

from kernels.compile import inlined, outlined
from matching.events import EVENTS_PER_STEP_MAX, write_match_event
from matching.finishing import cancel_self_trade, finish, forgo
from matching.icebergs import refresh, total_leaves
from matching.layout import Progress
from matching.prices import key_of, key_of_level
from matching.queues import first_order, is_newest, next_order, shorten
from matching.resting import release
from matching.schema import NIL, EventKind, OrderReason, SelfTrade
from matching.working import is_self_trade


@outlined
def collect(book, opposite, events, count):
    """Let the order at work rest for an auction, after self-trade prevention with all that its limit reaches."""
    taker = book.taker[0]
    mode = np.int64(book.working[0]["self_trade"])
    limit_key = key_of(opposite & 1, book.working[0]["price_ticks"])
    slot = np.int64(NIL) if mode == SelfTrade.NONE else first_reached(book, opposite)
    while is_reached(book, slot, limit_key) and taker["leaves_lots"] > 0 and taker["reason"] == OrderReason.NONE:
        if count + EVENTS_PER_STEP_MAX > len(events.orders):
            taker["reached_slot"] = slot
            taker["progress"] = Progress.PAUSED
            return count
        if not is_self_trade(book, slot):
            slot = next_order(book, slot)
            continue
        following = order_after(book, slot, mode)
        count = keep_apart(book, slot, mode, events, count)
        slot = following
    taker["reached_slot"] = NIL
    taker["progress"] = Progress.IDLE
    return finish(book, events, count)


@inlined
def first_reached(book, opposite):
    """The order of the other side to look at first: the best one, or where the command paused."""
    slot = np.int64(book.taker[0]["reached_slot"])
    return slot if slot != NIL else first_order(book, opposite)


@inlined
def is_reached(book, slot, limit_key):
    """Whether there is such an order and a limit of the other side reaches it."""
    return slot != NIL and key_of_level(book.levels[book.orders[slot]["level"]]) <= limit_key


@inlined
def order_after(book, slot, mode):
    """The order to look at when this one has been kept apart: an iceberg may come again at once with its next clip."""
    if mode == SelfTrade.DECREMENT and is_newest(book, slot) and has_reserve(book, slot):
        return slot
    return next_order(book, slot)


@inlined
def keep_apart(book, slot, mode, events, count):
    """Self-trade prevention between the order at work and a resting one anywhere in its queue."""
    if mode != SelfTrade.DECREMENT:
        return cancel_self_trade(book, slot, mode, events, count)
    taker = book.taker[0]
    order = book.orders[slot]
    quantity_lots = min(taker["leaves_lots"], order["leaves_lots"])
    taker["leaves_lots"] -= quantity_lots
    forgo(book, slot, quantity_lots)
    count = write_match_event(
        book, events, count, EventKind.PREVENTED, book.working[0], slot, quantity_lots, taker["leaves_lots"]
    )
    if order["leaves_lots"] > quantity_lots:
        shorten(book, slot, quantity_lots)
    elif has_reserve(book, slot):
        count = refresh(book, slot, events, count)
    else:
        release(book, slot)
    return count


@inlined
def has_reserve(book, slot):
    """Whether another clip follows the one that an order shows."""
    return total_leaves(book, slot) > book.orders[slot]["leaves_lots"]
