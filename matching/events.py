"""What matching says: one leaf for each shape of event. Each returns the new number of events in the buffer."""

import numpy as np

from kernels.compile import inlined, outlined
from kernels.intrinsics import prefetch
from matching.layout import ACCOUNT_MASK
from matching.schema import EventKind, OrderReason, Side
from matching.sides import instrument_id_of_level, side_of_level

AHEAD = 6
"""So many events before its turn, a place in the buffer is asked for."""
EVENTS_PER_STEP_MAX = 4
"""Room that a command asks for before each step; without it the command pauses until the buffer is empty again."""


@inlined
def begin_event(book, events, count, kind):
    """Number an event within its command, and hand out its record with all that no event shares."""
    counters = book.counters[0]
    event = events.orders[np.uint32(count)]  # unsigned, which spares the case of an index from the end
    prefetch(events.orders, np.int64(np.uint32(count)) + AHEAD)
    event["kind"] = kind
    event["sequence"] = counters["sequence"]
    event["index"] = counters["event_index"]
    counters["event_index"] += 1
    return event


@inlined
def write_taker_event(book, events, count, kind, quantity_lots, leaves_lots):
    """An outcome of the order at work."""
    reason = book.taker[0]["reason"]
    return write_order_event(book, events, count, kind, reason, book.working[0], quantity_lots, leaves_lots)


@inlined
def write_order_event(book, events, count, kind, reason, order, quantity_lots, leaves_lots):
    """An outcome of a new order, given as the command that brought it."""
    event = begin_event(book, events, count, kind)
    event["side"] = order["side"]
    event["reason"] = reason
    event["instrument_id"] = order["instrument_id"]
    event["order_id"] = order["order_id"]
    event["counter_order_id"] = 0
    event["account_id"] = order["account_id"]
    event["counter_account_id"] = 0
    event["price_ticks"] = order["price_ticks"]
    event["quantity_lots"] = quantity_lots
    event["leaves_lots"] = leaves_lots
    return count + 1


@inlined
def write_match_event(book, events, count, kind, taker, maker, quantity_lots, leaves_lots):
    """A taker, given as its command, met a resting order that still has its lots; its own leaves are already less."""
    order = book.orders[maker]
    event = begin_event(book, events, count, kind)
    event["side"] = taker["side"]
    event["reason"] = OrderReason.SELF_TRADE if kind == EventKind.PREVENTED else OrderReason.NONE
    event["instrument_id"] = taker["instrument_id"]
    event["order_id"] = taker["order_id"]
    event["counter_order_id"] = order["order_id"]
    event["account_id"] = taker["account_id"]
    event["counter_account_id"] = order["holder"] & ACCOUNT_MASK
    event["price_ticks"] = book.levels[order["level"]]["price_ticks"]
    event["quantity_lots"] = quantity_lots
    event["leaves_lots"] = leaves_lots
    return count + 1


@inlined
def write_resting_event(book, events, count, kind, reason, slot, quantity_lots, leaves_lots):
    """Something happened to an order in the book; the caller adds who caused it, if not its owner."""
    order = book.orders[slot]
    level = book.levels[order["level"]]
    event = begin_event(book, events, count, kind)
    event["side"] = side_of_level(level)
    event["reason"] = reason
    event["instrument_id"] = instrument_id_of_level(level)
    event["order_id"] = order["order_id"]
    event["counter_order_id"] = 0
    event["account_id"] = order["holder"] & ACCOUNT_MASK
    event["counter_account_id"] = 0
    event["price_ticks"] = level["price_ticks"]
    event["quantity_lots"] = quantity_lots
    event["leaves_lots"] = leaves_lots
    return count + 1


@inlined
def write_auction_trade(book, events, count, buyer, seller, price_ticks, quantity_lots):
    """Two resting orders traded what they were allotted."""
    level = book.levels[book.orders[buyer]["level"]]
    event = begin_event(book, events, count, EventKind.AUCTION_TRADE)
    event["side"] = Side.BUY
    event["reason"] = OrderReason.NONE
    event["instrument_id"] = instrument_id_of_level(level)
    event["order_id"] = book.orders[buyer]["order_id"]
    event["counter_order_id"] = book.orders[seller]["order_id"]
    event["account_id"] = book.orders[buyer]["holder"] & ACCOUNT_MASK
    event["counter_account_id"] = book.orders[seller]["holder"] & ACCOUNT_MASK
    event["price_ticks"] = price_ticks
    event["quantity_lots"] = quantity_lots
    event["leaves_lots"] = 0
    return count + 1


@outlined
def write_auction(book, events, count, kind, instrument_id, price_ticks, volume_lots, imbalance_lots):
    """What an auction gave, or would give."""
    event = begin_event(book, events, count, kind)
    event["side"] = 0
    event["reason"] = OrderReason.NONE
    event["instrument_id"] = instrument_id
    event["order_id"] = 0
    event["counter_order_id"] = 0
    event["account_id"] = 0
    event["counter_account_id"] = 0
    event["price_ticks"] = price_ticks
    event["quantity_lots"] = volume_lots
    event["leaves_lots"] = imbalance_lots
    return count + 1


@inlined
def write_rejected(book, events, count, command, side, reject):
    """Nothing changed, and why."""
    event = begin_event(book, events, count, EventKind.REJECTED)
    event["side"] = side
    event["reason"] = reject
    event["instrument_id"] = command["instrument_id"]
    event["order_id"] = command["order_id"]
    event["counter_order_id"] = 0
    event["account_id"] = command["account_id"]
    event["counter_account_id"] = 0
    event["price_ticks"] = command["price_ticks"]
    event["quantity_lots"] = 0
    event["leaves_lots"] = 0
    return count + 1


@outlined
def write_entry_rejected(book, reject, account_id, instrument_id, side, events, count):
    """A command that touches many orders is refused; what it does not say of the broken entry is 0."""
    event = begin_event(book, events, count, EventKind.REJECTED)
    event["side"] = side
    event["reason"] = reject
    event["instrument_id"] = instrument_id
    event["order_id"] = 0
    event["counter_order_id"] = 0
    event["account_id"] = account_id
    event["counter_account_id"] = 0
    event["price_ticks"] = 0
    event["quantity_lots"] = 0
    event["leaves_lots"] = 0
    return count + 1


@outlined
def write_summary(book, kind, account_id, instrument_id, side, order_count, quantity_lots, events, count):
    """The outcome of a command that touched many orders: a SUMMARY_EVENT."""
    event = begin_event(book, events, count, kind)
    event["side"] = side
    event["reason"] = OrderReason.NONE
    event["instrument_id"] = instrument_id
    event["order_id"] = 0
    event["counter_order_id"] = order_count  # where a SUMMARY_EVENT has its order_count
    event["account_id"] = account_id
    event["counter_account_id"] = 0
    event["price_ticks"] = 0
    event["quantity_lots"] = quantity_lots
    event["leaves_lots"] = 0
    return count + 1
