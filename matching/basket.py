"""A basket: up to LEGS_MAX orders of different instruments that are all filled in full at once, or not at all.

Every leg is first asked what it would get. No leg can take from another, because each has an instrument of its own, so
that what all of them find is there when they are worked.
"""

import numpy as np

from kernels.compile import inlined, outlined
from matching.events import write_entry_rejected, write_summary
from matching.groups import (
    check_entry_phase,
    count_entries,
    end_command,
    has_room,
    is_named_before,
    load_entry,
    start_entry,
    work_entry,
)
from matching.identifiers import find_slot
from matching.layout import Progress
from matching.probes import is_fillable
from matching.rules import NO_REJECT, check_band, check_price, check_quantity, instrument_of, is_listed
from matching.schema import (
    LEGS_MAX,
    NIL,
    CommandKind,
    EventKind,
    OrderFlag,
    OrderReason,
    OrderReject,
    SelfTrade,
    Side,
    TimeInForce,
)
from matching.working import is_paused

REDUCE_ONLY = int(OrderFlag.REDUCE_ONLY)
NO_LEG = 0
"""In place of a leg, which are counted from 1: none of them, or the whole basket."""
# The cursor's `stage` of a leg.
NOT_BEGUN = 0
AT_WORK = 1


@outlined
def check_basket(book, batch, index):
    """(0, 0), or the first rule that a basket breaks and the leg that breaks it, NO_LEG for the whole."""
    head = batch.orders[index]
    legs = count_entries(batch, index, CommandKind.LEG)
    if head["time_in_force"] != TimeInForce.FOK or head["flags"] != 0 or head["self_trade"] > SelfTrade.DECREMENT:
        return np.int64(OrderReject.INVALID_ORDER_TERMS), np.int64(NO_LEG)
    if legs == 0 or legs > LEGS_MAX:
        return np.int64(OrderReject.INVALID_ORDER_TERMS), np.int64(NO_LEG)
    for leg in range(1, legs + 1):
        reject = check_leg(book, batch, index, leg)
        if reject != NO_REJECT:
            return reject, np.int64(leg)
    return np.int64(NO_REJECT), np.int64(NO_LEG)


@inlined
def check_leg(book, batch, index, number):
    """One leg against all rules."""
    leg = batch.legs[index + number]
    if not is_listed(book, leg["instrument_id"]):
        return np.int64(OrderReject.UNKNOWN_INSTRUMENT)
    if is_named_before(batch, index, number):
        return np.int64(OrderReject.DUPLICATE_INSTRUMENT)
    instrument = instrument_of(book, leg["instrument_id"])
    reject = check_entry_phase(instrument, False)
    if reject == NO_REJECT and (
        leg["side"] > Side.SELL or np.int64(leg["flags"]) & ~REDUCE_ONLY or leg["order_id"] == 0
    ):
        return np.int64(OrderReject.INVALID_ORDER_TERMS)
    if reject == NO_REJECT:
        reject = check_price(instrument, leg["price_ticks"])
    if reject == NO_REJECT:
        reject = check_quantity(instrument, leg["quantity_lots"])
    if reject == NO_REJECT:
        reject = check_band(instrument, leg["side"], leg["price_ticks"])
    if reject == NO_REJECT and is_id_taken(book, batch, index, number):
        return np.int64(OrderReject.DUPLICATE_ORDER_ID)
    return reject


@inlined
def is_id_taken(book, batch, index, number):
    """Whether a resting order or an earlier leg has the id of a leg."""
    order_id = batch.legs[index + number]["order_id"]
    earlier = number - 1
    while earlier > 0 and batch.legs[index + earlier]["order_id"] != order_id:
        earlier -= 1
    return earlier > 0 or find_slot(book, order_id) != NIL


@outlined
def find_unfillable_leg(book, batch, index):
    """The first leg of a valid basket that cannot be filled in full now, or NO_LEG. Nothing else may be at work."""
    legs = count_entries(batch, index, CommandKind.LEG)
    number = np.int64(1)
    while number <= legs and is_leg_fillable(book, batch, index, number):
        number += 1
    book.taker[0]["progress"] = Progress.IDLE
    return number if number <= legs else np.int64(NO_LEG)


@inlined
def is_leg_fillable(book, batch, index, number):
    """Whether a leg would trade in full, and may."""
    leg = batch.legs[index + number]
    if leg["flags"] & REDUCE_ONLY and leg["quantity_lots"] > book.reducible[number]:
        return False
    enter(book, batch.orders[index], leg)
    return is_fillable(book, leg["quantity_lots"])


@outlined
def write_basket_rejected(book, batch, index, reject, number, events, count):
    """A basket is refused, for the sake of a leg or as a whole."""
    if number == NO_LEG:
        account_id = np.int64(batch.orders[index]["account_id"])
        return write_entry_rejected(book, reject, account_id, np.int64(0), np.int64(0), events, count)
    return write_leg_event(book, batch, index, number, EventKind.REJECTED, reject, np.int64(0), events, count)


@outlined
def write_basket_killed(book, batch, index, number, events, count):
    """Nothing happened, because a leg cannot be filled."""
    quantity_lots = batch.legs[index + number]["quantity_lots"]
    reason = np.int64(OrderReason.NOT_FILLABLE)
    return write_leg_event(book, batch, index, number, EventKind.BASKET_KILLED, reason, quantity_lots, events, count)


@inlined
def write_leg_event(book, batch, index, number, kind, reason, quantity_lots, events, count):
    """What became of a whole basket, by one of its legs."""
    leg = batch.legs[index + number]
    count = write_entry_rejected(
        book,
        reason,
        np.int64(batch.orders[index]["account_id"]),
        np.int64(leg["instrument_id"]),
        np.int64(leg["side"]),
        events,
        count,
    )
    event = events.orders[count - 1]
    event["kind"] = kind
    event["order_id"] = leg["order_id"]
    event["price_ticks"] = leg["price_ticks"]
    event["quantity_lots"] = quantity_lots
    return count


@outlined
def fill_legs(book, batch, index, events, count):
    """Carry a basket whose legs can all be filled on, to its outcome or until the buffer is full."""
    cursor = book.cursor[0]
    legs = count_entries(batch, index, CommandKind.LEG)
    cursor["entry"] = max(np.int64(cursor["entry"]), 1)
    while cursor["entry"] <= legs:
        if not has_room(book, events, count):
            return count
        count = fill_leg(book, batch.orders[index], batch.legs[index + np.int64(cursor["entry"])], events, count)
    if not has_room(book, events, count):
        return count
    return finish_basket(book, batch, index, legs, events, count)


@inlined
def fill_leg(book, head, leg, events, count):
    """Carry one leg on, to its outcome or until the buffer is full."""
    cursor = book.cursor[0]
    if cursor["stage"] == NOT_BEGUN:
        cursor["stage"] = AT_WORK
        enter(book, head, leg)
    count = work_entry(book, events, count)
    if is_paused(book):
        return count
    assert events.orders[count - 1]["kind"] == EventKind.FILLED, "a leg of a basket was not filled"
    cursor["stage"] = NOT_BEGUN
    cursor["entry"] += np.uint32(1)
    return count


@inlined
def enter(book, head, leg):
    """Put a leg to work."""
    load_entry(book, head, CommandKind.PLACE, TimeInForce.FOK, leg["flags"])
    order_id, instrument_id, side = leg["order_id"], leg["instrument_id"], leg["side"]
    start_entry(book, order_id, instrument_id, side, leg["price_ticks"], leg["quantity_lots"])


@outlined
def finish_basket(book, batch, index, legs, events, count):
    """All legs are filled."""
    account_id = np.int64(batch.orders[index]["account_id"])
    quantity_lots = np.int64(0)
    for at in range(index + 1, index + legs + 1):
        quantity_lots += batch.legs[at]["quantity_lots"]
    end_command(book)
    none = np.int64(0)
    return write_summary(book, EventKind.BASKET_FILLED, account_id, none, none, legs, quantity_lots, events, count)
