"""How the order at work ends: by self-trade prevention, filled, given up, or at rest."""

import numpy as np

from kernels.compile import inlined, outlined
from matching.events import write_taker_event
from matching.resting import forget, remove, rest
from matching.schema import NIL, CommandKind, EventKind, OrderReason, SelfTrade, TimeInForce


@inlined
def finish(book, events, count):
    """Nothing more crosses: the order at work rests, is filled, or gives up what is left."""
    taker = book.taker[0]
    working = book.working[0]
    leaves_lots = taker["leaves_lots"]
    if taker["reason"] == OrderReason.NONE and leaves_lots > 0 and working["time_in_force"] <= TimeInForce.GTD:
        shown_lots = rest(book)
        kind = EventKind.RESTED if working["kind"] == CommandKind.PLACE else EventKind.REPLACED
        return write_taker_event(book, events, count, kind, shown_lots, leaves_lots)
    if taker["slot"] != NIL:
        forget(book, np.int64(taker["slot"]))
    if taker["reason"] == OrderReason.NONE and leaves_lots == 0:
        return write_taker_event(book, events, count, EventKind.FILLED, 0, 0)
    if taker["reason"] == OrderReason.NONE:
        taker["reason"] = OrderReason.IMMEDIATE_REMAINDER
    return write_taker_event(book, events, count, EventKind.KILLED, leaves_lots, 0)


@outlined
def forgo(book, maker, quantity_lots):
    """Lots that prevention took were never filled, so both totals shrink; without any left the taker is over."""
    book.working[0]["quantity_lots"] -= quantity_lots
    book.terms[maker]["quantity_lots"] -= quantity_lots
    if book.taker[0]["leaves_lots"] == 0:
        book.taker[0]["reason"] = OrderReason.SELF_TRADE


@outlined
def cancel_self_trade(book, maker, mode, events, count):
    """Cancel the resting order, the one at work, or both."""
    working = book.working[0]
    if mode != SelfTrade.CANCEL_NEWEST:
        count = remove(book, maker, OrderReason.SELF_TRADE, events, count)
        events.orders[count - 1]["counter_order_id"] = working["order_id"]
        events.orders[count - 1]["counter_account_id"] = working["account_id"]
    if mode != SelfTrade.CANCEL_OLDEST:
        book.taker[0]["reason"] = OrderReason.SELF_TRADE
    return count
