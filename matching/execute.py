"""The rule book: what happens to an order, a cancel, a replace.

Read it from the top. `execute` runs one command to its outcome event, or until the event buffer has no room; the
command at work then waits in `book.taker`, and `work` goes on where it stopped, with the same events in the end.
"""

import numpy as np

from kernels.compile import inlined, outlined
from kernels.intrinsics import rarely
from matching.events import write_order_event, write_rejected, write_taker_event
from matching.icebergs import total_leaves
from matching.identifiers import find_slot
from matching.meeting import trade, work
from matching.prefetch import looks_dead
from matching.prices import limit_key_of
from matching.probes import is_fillable, needed_lots
from matching.queues import join
from matching.resting import admit, reduce, remove, slot_of_account, withdraw
from matching.rules import (
    ICEBERG,
    NAMES_REMAINING,
    NO_REJECT,
    REDUCE_ONLY,
    REJECTED,
    REQUEUE,
    check_nodes,
    check_plain,
    check_reducible,
    check_replace,
    check_unusual,
    is_plain,
    limit_after_post_only,
    limit_of,
)
from matching.schema import NIL, CommandKind, EventKind, OrderReason, OrderReject, SelfTrade, TimeInForce
from matching.sides import book_side_of, instrument_side_of, instrument_slot_of_level, side_of_level
from matching.working import is_paused, load_order, load_paused, load_resting


@inlined
def execute(book, batch, index, events, count):
    """Run the command whose head is at an index, and return the number of events in the buffer.

    The caller has seen that the buffer has room for one step. `is_paused` says whether the command must go on.
    """
    begin_command(book)
    at = np.uint32(index)
    if looks_dead(book, at):
        return execute_unnoted(book, batch, at, events, count)
    kind = batch.orders[at]["kind"]
    if kind == CommandKind.PLACE:
        return place(book, batch, at, events, count)
    change = batch.changes[at]
    slot = slot_of_account(book, at, change["order_id"], change["account_id"])
    if rarely(kind == CommandKind.REPLACE):
        return replace(book, change, slot, events, count)
    return cancel(book, change, slot, events, count)


@inlined
def execute_unnoted(book, batch, index, events, count):
    """The same for a command for which look-ahead found nothing: a change that comes too late, nearly always.

    Asked first, it costs one wrong guess of the processor in place of two.
    """
    command = batch.orders[index]
    if rarely(command["kind"] == CommandKind.PLACE):
        return place_late(book, batch, index, events, count)
    slot = find_slot(book, command["order_id"])
    if rarely(slot != NIL):
        return change_late(book, batch, index, events, count)
    return write_rejected(book, events, count, command, 0, OrderReject.UNKNOWN_ORDER)


@outlined
def place_late(book, batch, index, events, count):
    """A new order on which look-ahead did not come by."""
    return place(book, batch, index, events, count)


@outlined
def change_late(book, batch, index, events, count):
    """A cancel or replace on which look-ahead did not come by."""
    change = batch.changes[index]
    slot = slot_of_account(book, index, change["order_id"], change["account_id"])
    if batch.orders[index]["kind"] == CommandKind.REPLACE:
        return replace(book, change, slot, events, count)
    return cancel(book, change, slot, events, count)


@inlined
def begin_command(book):
    """Give the next command its sequence."""
    book.counters[0]["sequence"] += np.uint64(1)
    book.counters[0]["event_index"] = 0


@inlined
def place(book, batch, index, events, count):
    """Bring a new order, if it breaks no rule."""
    command = batch.orders[index]
    if rarely(not is_plain(book, command)):
        return place_unusual(book, batch, index, events, count)
    reject = check_plain(book, command)
    if rarely(reject != NO_REJECT):
        return write_rejected(book, events, count, command, command["side"], reject)
    return enter_plain(book, command, events, count)


@outlined
def place_unusual(book, batch, index, events, count):
    """The same for an order of any kind."""
    reject = check_unusual(book, batch, index)
    if reject != NO_REJECT:
        command = batch.orders[index]
        return write_rejected(book, events, count, command, command["side"], reject)
    return enter_unusual(book, batch, index, events, count)


@inlined
def enter(book, batch, index, events, count):
    """Bring a new order that `check_place` has let pass."""
    if is_plain(book, batch.orders[index]):
        return enter_plain(book, batch.orders[index], events, count)
    return enter_unusual(book, batch, index, events, count)


@inlined
def enter_plain(book, command, events, count):
    """Trade what crosses, then rest or give up the remainder, straight from the command if nothing holds it up."""
    if rarely(takes(book, command)):
        return enter_taking(book, command, events, count)
    return rest_plain(book, command, command["quantity_lots"], events, count)


@inlined
def takes(book, command):
    """Whether a plain order crosses, or does not rest."""
    book_side = own_side_of(book, command)
    is_crossing = book.sides[book_side ^ 1]["best_key"] <= limit_key_of(book_side, command)
    return is_crossing or command["time_in_force"] != TimeInForce.GTC


@inlined
def own_side_of(book, command):
    """The book side that a new order would rest on."""
    return book_side_of(book, instrument_side_of(command["instrument_id"], command["side"]))


@outlined
def enter_taking(book, command, events, count):
    """The same for an order that crosses, or does not rest."""
    if rarely(command["self_trade"] != SelfTrade.NONE):
        load_order(book, command, np.int64(command["price_ticks"]))
        return work(book, events, count)
    book_side = own_side_of(book, command)
    limit_key = limit_key_of(book_side, command)
    count = trade(book, command, book_side ^ 1, limit_key, command["quantity_lots"], events, count)
    leaves_lots = book.taker[0]["leaves_lots"]
    if rarely(is_paused(book)):
        load_paused(book, command, leaves_lots)
        return count
    if leaves_lots == 0:
        return write_order_event(book, events, count, EventKind.FILLED, OrderReason.NONE, command, 0, 0)
    if command["time_in_force"] != TimeInForce.GTC:
        reason = OrderReason.IMMEDIATE_REMAINDER
        return write_order_event(book, events, count, EventKind.KILLED, reason, command, leaves_lots, 0)
    return rest_plain(book, command, leaves_lots, events, count)


@inlined
def rest_plain(book, command, leaves_lots, events, count):
    """Let what is left of a plain order rest."""
    slot = admit(book, command)
    instrument_side = instrument_side_of(command["instrument_id"], command["side"])
    join(book, slot, instrument_side, np.int64(command["price_ticks"]), leaves_lots)
    return write_order_event(book, events, count, EventKind.RESTED, OrderReason.NONE, command, leaves_lots, leaves_lots)


@outlined
def enter_unusual(book, batch, index, events, count):
    """Put a new order of any kind to work: trade what crosses, then rest or give up the remainder."""
    command = batch.orders[index]
    slot = np.int64(command["instrument_id"]) & np.int64(len(book.instruments) - 1)
    limit_ticks = limit_of(book.instruments[slot], command)
    limit_ticks = limit_after_post_only(book, slot, np.int64(command["side"]), limit_ticks, command["flags"])
    if limit_ticks == REJECTED:
        reject = np.int64(OrderReject.POST_ONLY_WOULD_TRADE)
        return write_rejected(book, events, count, command, command["side"], reject)
    load_order(book, command, limit_ticks)
    if command["flags"] != 0 or command["time_in_force"] == TimeInForce.FOK:
        count = weigh(book, batch, index, events, count)
    return work(book, events, count)


@outlined
def weigh(book, batch, index, events, count):
    """What an order at work asks for beyond its limit: how much it may take, must find, and shows."""
    taker = book.taker[0]
    flags = np.int64(book.working[0]["flags"])
    allowed_lots = taker["leaves_lots"]
    minimum_lots = needed_lots(batch, index)
    if flags & REDUCE_ONLY:
        allowed_lots = min(allowed_lots, book.reducible[0])
    if flags & ICEBERG:
        taker["display_lots"] = batch.extras[index + 1]["display_lots"]
    if minimum_lots <= allowed_lots:
        count = trim(book, allowed_lots, events, count)
    if minimum_lots > allowed_lots or not is_fillable(book, minimum_lots):
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
    events.orders[count - 1]["reason"] = OrderReason.REDUCE_ONLY
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
    instrument_slot = instrument_slot_of_level(book, level)
    side = side_of_level(level)
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
    return work(book, events, count)
