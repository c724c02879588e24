"""The rule book: what happens to an order, a cancel, a replace.

Read it from the top. `execute` runs one command to its outcome event, or until the event buffer has no room; the
command at work then waits in `book.taker`, and the next call goes on where it stopped, with the same events in the
end.
"""

import numpy as np

from kernels.compile import inlined, outlined
from matching.events import write_rejected, write_taker_event
from matching.icebergs import total_leaves
from matching.layout import Progress
from matching.meeting import work
from matching.probes import is_fillable
from matching.resting import reduce, remove, slot_of_account, withdraw
from matching.rules import (
    ICEBERG,
    MINIMUM,
    NAMES_REMAINING,
    NO_REJECT,
    REDUCE_ONLY,
    REJECTED,
    REQUEUE,
    check_nodes,
    check_place,
    check_reducible,
    check_replace,
    limit_after_post_only,
    limit_of,
)
from matching.schema import NIL, CommandKind, EventKind, OrderReason, OrderReject, TimeInForce
from matching.working import is_paused, load_order, load_resting


@inlined
def execute(book, batch, index, events, count):
    """Run the command whose head is at an index, and return the number of events in the buffer.

    The caller has seen that the buffer has room for one step. `is_paused` says whether the command must be run again.
    """
    if not is_paused(book):
        count = begin(book, batch, index, events, count)
    if book.taker[0]["progress"] != Progress.IDLE:
        count = work(book, events, count)
    return count


@inlined
def begin(book, batch, index, events, count):
    """Check a command, and do all of it but the matching, which is left to `work`."""
    begin_command(book)
    at = np.uint32(index)
    kind = batch.orders[at]["kind"]
    if kind == CommandKind.PLACE:
        return place(book, batch, at, events, count)
    change = batch.changes[at]
    slot = slot_of_account(book, change["order_id"], change["account_id"])
    if kind == CommandKind.CANCEL:
        return cancel(book, change, slot, events, count)
    return replace(book, change, slot, events, count)


@inlined
def begin_command(book):
    """Give the next command its sequence."""
    book.counters[0]["sequence"] += np.uint64(1)
    book.counters[0]["event_index"] = 0


@inlined
def place(book, batch, index, events, count):
    """Bring a new order: trade what crosses, then rest or give up the remainder."""
    command = batch.orders[index]
    reject = check_place(book, batch, index)
    if reject != NO_REJECT:
        return write_rejected(book, events, count, command, command["side"], reject)
    slot = np.int64(command["instrument_id"]) & np.int64(len(book.instruments) - 1)
    limit_ticks = limit_of(book.instruments[slot], command)
    limit_ticks = limit_after_post_only(book, slot, np.int64(command["side"]), limit_ticks, command["flags"])
    if limit_ticks == REJECTED:
        reject = np.int64(OrderReject.POST_ONLY_WOULD_TRADE)
        return write_rejected(book, events, count, command, command["side"], reject)
    load_order(book, command, limit_ticks)
    if command["flags"] != 0 or command["time_in_force"] == TimeInForce.FOK:
        return weigh(book, batch, index, events, count)
    return count


@outlined
def weigh(book, batch, index, events, count):
    """What an order at work asks for beyond its limit: how much it may take, must find, and shows."""
    taker = book.taker[0]
    flags = np.int64(book.working[0]["flags"])
    allowed_lots = taker["leaves_lots"]
    needed_lots = np.int64(0)
    if flags & REDUCE_ONLY:
        allowed_lots = min(allowed_lots, book.reducible[0])
    if flags & ICEBERG:
        taker["display_lots"] = batch.extras[index + 1]["display_lots"]
    if flags & MINIMUM:
        needed_lots = batch.extras[index + 1]["minimum_lots"]
    if book.working[0]["time_in_force"] == TimeInForce.FOK:
        needed_lots = taker["leaves_lots"]
    if needed_lots <= allowed_lots:
        count = trim(book, allowed_lots, events, count)
    if needed_lots > allowed_lots or not is_fillable(book, needed_lots):
        taker["reason"] = OrderReason.NOT_FILLABLE
    return count


@outlined
def trim(book, allowed_lots, events, count):
    """Give up what a reduce-only order at work may not take."""
    excess_lots = book.taker[0]["leaves_lots"] - allowed_lots
    if excess_lots <= 0:
        return count
    book.taker[0]["leaves_lots"] = allowed_lots
    book.working[0]["quantity_lots"] -= excess_lots
    count = write_taker_event(book, events, count, EventKind.TRIMMED, excess_lots, allowed_lots)
    events[count - 1]["reason"] = OrderReason.REDUCE_ONLY
    return count


@inlined
def cancel(book, command, slot, events, count):
    """Take a resting order of this account out of the book."""
    if slot == NIL:
        return write_rejected(book, events, count, command, 0, OrderReject.UNKNOWN_ORDER)
    return remove(book, slot, OrderReason.REQUESTED, events, count)


@outlined
def replace(book, command, slot, events, count):
    """Change an order. Fewer lots at the same price keep their place; anything else starts again at the back."""
    reject = check_replace(book, command, slot)
    if reject != NO_REJECT:
        return write_rejected(book, events, count, command, 0, reject)
    leaves_lots = total_leaves(book, slot)
    filled_lots = book.terms[slot]["quantity_lots"] - leaves_lots
    new_leaves_lots = np.int64(command["quantity_lots"])
    if command["flags"] & NAMES_REMAINING == 0:
        new_leaves_lots -= filled_lots
    if new_leaves_lots <= 0:
        return remove(book, slot, OrderReason.REPLACED_BELOW_FILLED, events, count)
    same_price = book.levels[book.orders[slot]["level"]]["price_ticks"] == command["price_ticks"]
    if same_price and new_leaves_lots <= leaves_lots and command["flags"] & REQUEUE == 0:
        return reduce(book, slot, leaves_lots - new_leaves_lots, OrderReason.REQUESTED, events, count)
    return requeue(book, command, slot, new_leaves_lots, filled_lots, events, count)


@inlined
def requeue(book, command, slot, new_leaves_lots, filled_lots, events, count):
    """Withdraw an order and bring it again with new terms, as if it had just arrived."""
    level = book.levels[book.orders[slot]["level"]]
    instrument_slot = np.int64(level["book_side"] >> 1)
    side = np.int64(level["book_side"] & 1)
    reject = check_nodes(book)
    if reject == NO_REJECT:
        reject = check_reducible(book, book.terms[slot]["flags"])
    limit_ticks = limit_after_post_only(
        book, instrument_slot, side, np.int64(command["price_ticks"]), book.terms[slot]["flags"]
    )
    if reject == NO_REJECT and limit_ticks == REJECTED:
        reject = np.int64(OrderReject.POST_ONLY_WOULD_TRADE)
    if reject != NO_REJECT:
        return write_rejected(book, events, count, command, 0, reject)
    load_resting(book, slot, limit_ticks, new_leaves_lots, filled_lots)
    count = withdraw(book, slot, events, count)
    if book.working[0]["flags"] & REDUCE_ONLY:
        count = trim(book, book.reducible[0], events, count)
    return count
