"""The rule book: what happens to an order, a cancel, a replace.

Read it from the top. `execute` runs one command to its outcome event, or until the event buffer has no room; the
command at work then waits in `book.taker`, and the next call goes on where it stopped, with the same events in the
end.
"""

import numpy as np

from kernels.compile import inlined, outlined
from kernels.intrinsics import copy_record
from matching.arena import give_order_slot, take_order_slot
from matching.events import (
    EVENTS_PER_STEP_MAX,
    write_match_event,
    write_rejected,
    write_resting_event,
    write_taker_event,
)
from matching.icebergs import (
    drop_reserve,
    is_iceberg,
    reduce_reserve,
    refresh,
    show_clip,
    total_leaves,
    unmark,
)
from matching.identifiers import find_slot, insert_id, remove_id
from matching.prices import key_of, key_of_level, next_level
from matching.queues import is_newest, join, leave, leave_head, next_order, shorten
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
from matching.schema import (
    HOLDER_ICEBERG,
    HOLDER_TIMED,
    NIL,
    CommandKind,
    EventKind,
    OrderReason,
    OrderReject,
    Phase,
    Progress,
    SelfTrade,
    Side,
    TimeInForce,
)
from matching.timers import add_timer, due_slot, remove_timer

ACCOUNT_MASK = 0xFFFFFF


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
def is_paused(book):
    """Whether a command waits for room to write its next events."""
    return book.taker[0]["progress"] == Progress.PAUSED


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
def load_order(book, command, limit_ticks):
    """Put a new order to work."""
    copy_record(command, book.working[0])
    if limit_ticks != command["price_ticks"]:
        book.working[0]["price_ticks"] = limit_ticks
    start(book, NIL, command["quantity_lots"])


@inlined
def load_resting(book, slot, limit_ticks, leaves_lots, filled_lots):
    """Put a resting order to work again. It keeps its slot, its id and its terms meanwhile."""
    level = book.levels[book.orders[slot]["level"]]
    working = book.working[0]
    copy_record(book.terms[slot], working)
    working["kind"] = CommandKind.REPLACE
    working["instrument_id"] = book.instruments[level["book_side"] >> np.uint32(1)]["instrument_id"]
    working["price_ticks"] = limit_ticks
    working["quantity_lots"] = filled_lots + leaves_lots
    if is_iceberg(book.orders[slot]):
        book.taker[0]["display_lots"] = book.icebergs[slot]["display_lots"]
    start(book, slot, leaves_lots)


@inlined
def start(book, slot, leaves_lots):
    """So many lots are to be worked, of a new order or of one that keeps its slot."""
    taker = book.taker[0]
    taker["leaves_lots"] = leaves_lots
    taker["slot"] = slot
    taker["reason"] = OrderReason.NONE
    taker["progress"] = Progress.WORKING


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
def own_side(book):
    """The book side that the order at work would rest on."""
    working = book.working[0]
    return 2 * (np.int64(working["instrument_id"]) & np.int64(len(book.instruments) - 1)) + np.int64(working["side"])


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
        events[count - 1]["counter_order_id"] = working["order_id"]
        events[count - 1]["counter_account_id"] = working["account_id"]
    if mode != SelfTrade.CANCEL_OLDEST:
        book.taker[0]["reason"] = OrderReason.SELF_TRADE
    return count


@outlined
def collect(book, opposite, events, count):
    """Let the order at work rest for an auction, after self-trade prevention with all that its limit reaches."""
    taker = book.taker[0]
    mode = np.int64(book.working[0]["self_trade"])
    limit_key = key_of(opposite & 1, book.working[0]["price_ticks"])
    slot = np.int64(NIL) if mode == SelfTrade.NONE else first_reached(book, opposite)
    while is_reached(book, slot, limit_key) and taker["leaves_lots"] > 0 and taker["reason"] == OrderReason.NONE:
        if count + EVENTS_PER_STEP_MAX > len(events):
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
    level = np.int64(book.sides[opposite]["best_level"])
    if slot == NIL and level != NIL:
        slot = np.int64(book.levels[level]["head"])
    return slot


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
    price_ticks = book.levels[order["level"]]["price_ticks"]
    account_id = order["holder"] & ACCOUNT_MASK
    count = write_match_event(
        book, events, count, EventKind.PREVENTED, order["order_id"], account_id, price_ticks, quantity_lots
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


@inlined
def take_from(book, maker, quantity_lots, events, count):
    """Shorten the oldest order at its price, and let it go when nothing is left."""
    order = book.orders[maker]
    if order["leaves_lots"] > quantity_lots:
        shorten(book, maker, quantity_lots)
        return count
    if is_iceberg(order) and book.icebergs[maker]["reserve_lots"] > 0:
        return refresh(book, maker, events, count)
    leave_head(book, maker)
    forget(book, maker)
    return count


@inlined
def is_self_trade(book, maker):
    """Whether a resting order belongs to the account at work or to its group."""
    taker_account = np.int64(book.working[0]["account_id"])
    maker_account = np.int64(book.orders[maker]["holder"] & ACCOUNT_MASK)
    if taker_account == maker_account:
        return True
    group = group_of(book, taker_account)
    return group != 0 and group == group_of(book, maker_account)


@inlined
def group_of(book, account_id):
    """The self-trade group of an account, 0 for none."""
    return book.groups[account_id] if account_id < len(book.groups) else np.uint32(0)


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


@inlined
def rest(book):
    """Put what is left of the order at work into the book; return how much of it is shown."""
    working = book.working[0]
    slot = np.int64(book.taker[0]["slot"])
    if slot == NIL:
        slot = admit(book)
    else:
        book.terms[slot]["quantity_lots"] = working["quantity_lots"]
    shown_lots = book.taker[0]["leaves_lots"]
    if working["flags"] & ICEBERG:
        shown_lots = show_clip(book, slot, own_side(book))
    join(book, slot, own_side(book), np.int64(working["price_ticks"]), shown_lots)
    return shown_lots


@inlined
def admit(book):
    """Give a new order its slot, its id entry, its terms, and its timer if it has an expiry."""
    working = book.working[0]
    slot = take_order_slot(book)
    book.counters[0]["resting_orders"] += 1
    order = book.orders[slot]
    order["order_id"] = working["order_id"]
    order["holder"] = working["account_id"]
    insert_id(book, working["order_id"], slot)
    copy_record(working, book.terms[slot])
    if working["time_in_force"] == TimeInForce.GTD:
        order["holder"] = working["account_id"] | np.uint32(HOLDER_TIMED)
        add_timer(book, slot)
    return slot


@inlined
def slot_of_account(book, order_id, account_id):
    """The slot of a resting order if it belongs to the account, else NIL: nobody learns of other people's orders."""
    slot = find_slot(book, order_id)
    if slot != NIL and np.int64(book.orders[slot]["holder"] & ACCOUNT_MASK) != np.int64(account_id):
        return np.int64(NIL)
    return slot


@inlined
def remove(book, slot, reason, events, count):
    """Cancel a resting order, an iceberg's reserve before what it shows."""
    if is_iceberg(book.orders[slot]):
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
    if order["holder"] & np.uint32(HOLDER_TIMED | HOLDER_ICEBERG):
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


@outlined
def is_fillable(book, needed_lots):
    """Whether the order at work would trade so many lots, less what self-trade prevention takes away."""
    opposite = own_side(book) ^ 1
    limit_key = key_of(opposite & 1, book.working[0]["price_ticks"])
    missing_lots = np.int64(needed_lots)
    totals_tell = book.working[0]["self_trade"] == SelfTrade.NONE and book.sides[opposite]["iceberg_count"] == 0
    level = np.int64(book.sides[opposite]["best_level"])
    while level != NIL and key_of_level(book.levels[level]) <= limit_key and missing_lots > 0:
        if totals_tell:
            missing_lots -= book.levels[level]["quantity_lots"]
        else:
            available_lots, goes_on = probe_level(book, level)
            missing_lots -= available_lots
            if not goes_on:
                break
        level = next_level(book, level)
    return missing_lots <= 0


@inlined
def probe_level(book, level):
    """How many lots of a level the order at work could take, and whether it gets past the level.

    An order that stops it stands before every next clip of the icebergs at its price.
    """
    mode = book.working[0]["self_trade"]
    newest = np.int64(book.levels[level]["newest"])
    shown_lots = np.int64(0)
    total_lots = np.int64(0)
    slot = np.int64(book.levels[level]["head"])
    while True:
        if mode == SelfTrade.NONE or not is_self_trade(book, slot):
            shown_lots += book.orders[slot]["leaves_lots"]
            total_lots += total_leaves(book, slot)
        elif mode != SelfTrade.CANCEL_OLDEST:
            return shown_lots, False
        if slot == newest:
            return total_lots, True
        slot = np.int64(book.orders[slot]["next"])


@inlined
def expire_next(book, events, count):
    """Cancel the next order that is due at the book's time. The caller has seen that there is one, and room."""
    return remove(book, due_slot(book), OrderReason.EXPIRED, events, count)


@inlined
def cancel_next(book, instrument_id, reason, events, count):
    """Cancel the first order of an instrument, bids before asks; the number of events stays when there is none."""
    instrument_slot = np.int64(instrument_id) & np.int64(len(book.instruments) - 1)
    for side in (Side.BUY, Side.SELL):
        level = np.int64(book.sides[2 * instrument_slot + np.int64(side)]["best_level"])
        if level != NIL:
            return remove(book, np.int64(book.levels[level]["head"]), reason, events, count)
    return count
