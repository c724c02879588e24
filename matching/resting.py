"""Orders that rest: how they come to rest, shrink, and leave."""

import numpy as np

from kernels.compile import inlined, outlined
from kernels.intrinsics import rarely, stream_record
from matching.arena import give_order_slot, take_order_slot
from matching.events import write_resting_event
from matching.icebergs import drop_reserve, is_iceberg, reduce_reserve, refresh, show_clip, total_leaves, unmark
from matching.identifiers import find_slot, insert_id, remove_id
from matching.layout import ACCOUNT_MASK, HOLDER_ICEBERG, HOLDER_TIMED
from matching.prefetch import noted_slot
from matching.queues import first_order, join, leave, leave_head, shorten
from matching.rules import ICEBERG
from matching.schema import NIL, EventKind, OrderReason, Side, TimeInForce
from matching.timers import add_timer, due_slot, remove_timer
from matching.working import own_instrument_side, own_side


@inlined
def slot_of_account(book, index, order_id, account_id):
    """The slot of a resting order if it belongs to the account, else NIL: nobody learns of other people's orders.

    `index` is that of the command in its batch, because look-ahead may have found the order already.
    """
    slot = noted_slot(book, index)
    # A free slot has the id 0, which a command has that names no order.
    if book.orders[slot]["order_id"] != order_id or rarely(order_id == 0):
        slot = find_slot(book, order_id)
    if slot != NIL and np.int64(book.orders[slot]["holder"] & ACCOUNT_MASK) != np.int64(account_id):
        return np.int64(NIL)
    return slot


@outlined
def trim_resting(book, slot, quantity_lots, events, count):
    """Take lots that a position no longer covers off a resting order, which keeps its place if any are left."""
    if quantity_lots >= total_leaves(book, slot):
        return remove(book, slot, OrderReason.REDUCE_ONLY, events, count)
    return reduce(book, slot, quantity_lots, OrderReason.REDUCE_ONLY, events, count)


@inlined
def reduce(book, slot, quantity_lots, reason, events, count):
    """Shorten an order without touching its place in the queue; an iceberg loses of its reserve first."""
    book.terms[slot]["quantity_lots"] -= quantity_lots
    if is_iceberg(book.orders[slot]):
        hidden_lots = min(quantity_lots, book.icebergs[slot]["reserve_lots"])
        count = reduce_reserve(book, slot, hidden_lots, reason, events, count)
        quantity_lots -= hidden_lots
    shorten(book, slot, quantity_lots)
    leaves_lots = total_leaves(book, slot)
    return write_resting_event(book, events, count, EventKind.REDUCED, reason, slot, quantity_lots, leaves_lots)


@inlined
def withdraw(book, slot, events, count):
    """Take an order out of its queue, but not out of all that knows it."""
    if is_iceberg(book.orders[slot]):
        count = drop_reserve(book, slot, OrderReason.REQUESTED, events, count)
    leaves_lots = book.orders[slot]["leaves_lots"]
    count = write_resting_event(book, events, count, EventKind.WITHDRAWN, OrderReason.REQUESTED, slot, leaves_lots, 0)
    if is_iceberg(book.orders[slot]):
        unmark(book, slot)
    leave(book, slot)
    return count


@inlined
def remove(book, slot, reason, events, count):
    """Cancel a resting order, an iceberg's reserve before what it shows."""
    if rarely(is_iceberg(book.orders[slot])):
        count = drop_reserve(book, slot, reason, events, count)
    leaves_lots = book.orders[slot]["leaves_lots"]
    count = write_resting_event(book, events, count, EventKind.CANCELLED, reason, slot, leaves_lots, 0)
    release(book, slot)
    return count


@inlined
def release(book, slot):
    """Let a resting order go: out of its queue, and out of all that knows it."""
    leave(book, slot)
    forget(book, slot)


@inlined
def forget(book, slot):
    """Free the slot of an order that has left its queue."""
    order = book.orders[slot]
    if rarely(order["holder"] & np.uint32(HOLDER_TIMED | HOLDER_ICEBERG) != 0):
        forget_marks(book, slot)
    remove_id(book, order["order_id"], slot)
    give_order_slot(book, slot)
    book.counters[0]["resting_orders"] -= 1


@outlined
def forget_marks(book, slot):
    """What an order with an expiry or a reserve has beyond others."""
    if book.orders[slot]["holder"] & np.uint32(HOLDER_TIMED):
        remove_timer(book, slot)
    if is_iceberg(book.orders[slot]):
        unmark(book, slot)


@inlined
def take_from(book, maker, quantity_lots, events, count):
    """Shorten the oldest order at its price, and let it go when nothing is left."""
    order = book.orders[maker]
    if order["leaves_lots"] > quantity_lots:
        shorten(book, maker, quantity_lots)
        return count
    if rarely(is_iceberg(order)) and book.icebergs[maker]["reserve_lots"] > 0:
        return refresh(book, maker, events, count)
    leave_head(book, maker)
    forget(book, maker)
    return count


@inlined
def rest(book):
    """Put what is left of the order at work into the book; return how much of it is shown."""
    working = book.working[0]
    slot = np.int64(book.taker[0]["slot"])
    if slot == NIL:
        slot = admit(book, working)
        if working["time_in_force"] == TimeInForce.GTD:
            book.orders[slot]["holder"] |= np.uint32(HOLDER_TIMED)
            add_timer(book, slot)
    else:
        book.terms[slot]["quantity_lots"] = working["quantity_lots"]
    shown_lots = book.taker[0]["leaves_lots"]
    if working["flags"] & ICEBERG:
        shown_lots = show_clip(book, slot, own_side(book))
    join(book, slot, own_instrument_side(book), np.int64(working["price_ticks"]), shown_lots)
    return shown_lots


@inlined
def admit(book, order):
    """Give a new order, in the form of the command that brought it, its slot, its id entry and its terms."""
    slot = take_order_slot(book)
    book.counters[0]["resting_orders"] += 1
    book.orders[slot]["order_id"] = order["order_id"]
    book.orders[slot]["holder"] = order["account_id"]
    insert_id(book, order["order_id"], slot)
    stream_record(order, book.terms[slot])
    return slot


@inlined
def expire_next(book, events, count):
    """Cancel the next order that is due at the book's time. The caller has seen that there is one, and room."""
    return remove(book, due_slot(book), OrderReason.EXPIRED, events, count)


@inlined
def cancel_next(book, instrument_id, reason, events, count):
    """Cancel the first order of an instrument, bids before asks; the number of events stays when there is none."""
    instrument_slot = np.int64(instrument_id) & np.int64(len(book.instruments) - 1)
    for side in (Side.BUY, Side.SELL):
        slot = first_order(book, 2 * instrument_slot + np.int64(side))
        if slot != NIL:
            return remove(book, slot, reason, events, count)
    return count
