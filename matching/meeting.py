"""Continuous trading: the order at work meets resting ones, best price and oldest first, and then finishes.

When the event buffer has no room the order at work waits in `book.taker`, and the next call goes on where it stopped,
with the same events in the end.
"""

import numpy as np

from kernels.compile import inlined
from matching.collecting import collect
from matching.events import EVENTS_PER_STEP_MAX, write_match_event
from matching.finishing import cancel_self_trade, finish, forgo
from matching.layout import ACCOUNT_MASK, Progress
from matching.prices import key_of
from matching.resting import take_from
from matching.schema import EventKind, OrderReason, Phase, SelfTrade
from matching.working import is_self_trade, own_side


@inlined
def work(book, events, count):
    """Match the order at work until it is done, meets no more, or the buffer is full; then finish it."""
    taker = book.taker[0]
    opposite = own_side(book) ^ 1
    if book.instruments[opposite >> 1]["phase"] == Phase.AUCTION:
        return collect(book, opposite, events, count)
    resting_side = book.sides[opposite]
    limit_key = key_of(opposite & 1, book.working[0]["price_ticks"])
    while taker["leaves_lots"] > 0 and taker["reason"] == OrderReason.NONE and resting_side["best_key"] <= limit_key:
        if count + EVENTS_PER_STEP_MAX > len(events):
            taker["progress"] = Progress.PAUSED
            return count
        maker = np.int64(book.levels[resting_side["best_level"]]["head"])
        mode = np.int64(book.working[0]["self_trade"])
        if mode == SelfTrade.NONE or not is_self_trade(book, maker):
            count = meet(book, maker, EventKind.TRADE, events, count)
        elif mode == SelfTrade.DECREMENT:
            count = meet(book, maker, EventKind.PREVENTED, events, count)
        else:
            count = cancel_self_trade(book, maker, mode, events, count)
    taker["progress"] = Progress.IDLE
    return finish(book, events, count)


@inlined
def meet(book, maker, kind, events, count):
    """Take what two orders have in common off both: a trade at the resting order's price, or one that is prevented."""
    taker = book.taker[0]
    order = book.orders[maker]
    quantity_lots = min(taker["leaves_lots"], order["leaves_lots"])
    taker["leaves_lots"] -= quantity_lots
    if kind == EventKind.TRADE:
        book.counters[0]["trades"] += 1
    else:
        forgo(book, maker, quantity_lots)
    price_ticks = book.levels[order["level"]]["price_ticks"]
    maker_account_id = order["holder"] & ACCOUNT_MASK
    count = write_match_event(
        book, events, count, kind, order["order_id"], maker_account_id, price_ticks, quantity_lots
    )
    return take_from(book, maker, quantity_lots, events, count)
