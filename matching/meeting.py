"""Continuous trading: the order at work meets resting ones, best price and oldest first, and then finishes.

When the event buffer has no room the order at work waits in `book.taker`, and the next call goes on where it stopped,
with the same events in the end.
"""

import numpy as np

from kernels.compile import inlined, outlined
from kernels.intrinsics import rarely
from matching.collecting import collect
from matching.events import EVENTS_PER_STEP_MAX, write_match_event
from matching.finishing import cancel_self_trade, finish, forgo
from matching.layout import Progress
from matching.prefetch import ask_for_entry
from matching.prices import key_of
from matching.queues import best_order
from matching.resting import take_from
from matching.schema import EventKind, OrderReason, Phase, SelfTrade
from matching.working import is_self_trade, own_side


@outlined
def work(book, events, count):
    """Match the order at work until it is done, meets no more, or the buffer is full; then finish it."""
    taker = book.taker[0]
    opposite = own_side(book) ^ 1
    if book.instruments[opposite >> 1]["phase"] == Phase.AUCTION:
        return collect(book, opposite, events, count)
    limit_key = key_of(opposite & 1, book.working[0]["price_ticks"])
    taker["progress"] = Progress.IDLE
    if taker["reason"] == OrderReason.NONE:
        if book.working[0]["self_trade"] == SelfTrade.NONE:
            count = trade(book, book.working[0], opposite, limit_key, taker["leaves_lots"], events, count)
        else:
            count = trade_apart(book, book.sides[opposite], limit_key, events, count)
    if taker["progress"] == Progress.PAUSED:
        return count
    return finish(book, events, count)


@inlined
def trade(book, order, opposite, limit_key, leaves_lots, events, count):
    """Trade an order, given as the command that brought it, with whoever stands at its limit or better.

    What is left of it then is in `book.taker`, and whether it paused for want of room.
    """
    resting_side = book.sides[opposite]
    while leaves_lots > 0 and resting_side["best_key"] <= limit_key:
        if rarely(count + EVENTS_PER_STEP_MAX > len(events.orders)):
            book.taker[0]["progress"] = Progress.PAUSED
            break
        maker = best_order(book, resting_side)
        ask_for_entry(book, book.orders[maker]["order_id"])
        quantity_lots = min(leaves_lots, book.orders[maker]["leaves_lots"])
        leaves_lots -= quantity_lots
        book.counters[0]["trades"] += 1
        count = write_match_event(book, events, count, EventKind.TRADE, order, maker, quantity_lots, leaves_lots)
        count = take_from(book, maker, quantity_lots, events, count)
    book.taker[0]["leaves_lots"] = leaves_lots
    return count


@outlined
def trade_apart(book, resting_side, limit_key, events, count):
    """The same, but not with the own account or group: there self-trade prevention does what its mode says."""
    taker = book.taker[0]
    mode = np.int64(book.working[0]["self_trade"])
    while taker["leaves_lots"] > 0 and taker["reason"] == OrderReason.NONE and resting_side["best_key"] <= limit_key:
        if count + EVENTS_PER_STEP_MAX > len(events.orders):
            taker["progress"] = Progress.PAUSED
            break
        maker = best_order(book, resting_side)
        is_own = is_self_trade(book, maker)
        if is_own and mode != SelfTrade.DECREMENT:
            count = cancel_self_trade(book, maker, mode, events, count)
        else:
            count = meet(book, maker, is_own, events, count)
    return count


@inlined
def meet(book, maker, is_own, events, count):
    """Take what two orders have in common off both: a trade at the resting order's price, or one that is prevented."""
    taker = book.taker[0]
    quantity_lots = min(taker["leaves_lots"], book.orders[maker]["leaves_lots"])
    taker["leaves_lots"] -= quantity_lots
    if is_own:
        forgo(book, maker, quantity_lots)
    else:
        book.counters[0]["trades"] += 1
    kind = EventKind.PREVENTED if is_own else EventKind.TRADE
    count = write_match_event(book, events, count, kind, book.working[0], maker, quantity_lots, taker["leaves_lots"])
    return take_from(book, maker, quantity_lots, events, count)
