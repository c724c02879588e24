"""Orders through the venue: risk before matching, and the ledger after it.

Every check comes before anything changes: the rules of the book, then what the order could cost. Then matching runs,
and each of its events moves a hold or a position. What a resting order holds is its notional at its own limit, so the
events of matching say exactly what is held and released; the incoming order holds nothing until it rests.
"""

import numpy as np

from exchange.venue.clients import target_order_id
from exchange.venue.reduce_only import REDUCE_ONLY, allow_reducing, make_room
from exchange.venue.schema import Command, Event, VenueReject
from kernels.compile import inlined, outlined
from kernels.intrinsics import rarely
from matching.events import write_rejected
from matching.execute import cancel, enter, enter_plain, replace
from matching.icebergs import total_leaves
from matching.meeting import work
from matching.probes import lots_to_come
from matching.resting import slot_of_account
from matching.rules import (
    NAMES_REMAINING,
    NO_REJECT,
    REJECTED,
    check_place,
    check_plain,
    check_replace,
    is_plain,
    limit_after_post_only,
    limit_of,
)
from matching.schema import NIL, Side
from matching.sides import instrument_slot_of_level, side_of_level
from matching.working import is_paused
from risk.accounts import add_hold, check_hold, uses_reduce_only
from risk.positions import fill_position, position_of


@inlined
def trade_order(state, batch, index, events, count):
    """Run an order, a cancel or a replace to its outcome, or until the buffer is full."""
    if is_paused(state.book):
        return work(state.book, events, count)
    return begin_order(state, batch, index, events, count)


@inlined
def begin_order(state, batch, index, events, count):
    """Check a command against the book and the ledger, and run it."""
    order = batch.orders[index]
    if order["kind"] != Command.PLACE:
        return begin_change(state, batch, index, events, count)
    if rarely(not is_ordinary(state, order)):
        return begin_unusual(state, batch, index, events, count)
    reject = check_plain(state.book, order)
    if reject == NO_REJECT:
        reject = check_cost_of_plain(state, order)
    if rarely(reject != NO_REJECT):
        return write_rejected(state.book, events, count, order, order["side"], reject)
    return enter_plain(state.book, order, events, count)


@inlined
def is_ordinary(state, order):
    """Whether a new order is nothing but a limit, of an account without reduce-only orders, in a market that runs."""
    if rarely(state.clock[0]["is_halted"] != 0) or rarely(uses_reduce_only(state.ledger, order["account_id"])):
        return False
    return is_plain(state.book, order)


@outlined
def begin_unusual(state, batch, index, events, count):
    """The same for a new order of any kind."""
    order = batch.orders[index]
    reject = check_new_order(state, batch, index)
    if reject != NO_REJECT:
        return write_rejected(state.book, events, count, order, order["side"], reject)
    if uses_reduce_only(state.ledger, order["account_id"]):
        count = make_room_for_order(state, batch, index, events, count)
        if state.clock[0]["is_paused"]:
            return count
    return enter(state.book, batch, index, events, count)


@inlined
def begin_change(state, batch, index, events, count):
    """The same for a cancel or a replace."""
    change = batch.changes[index]
    slot = slot_of_account(state.book, index, target_order_id(state, change), change["account_id"])
    if rarely(change["kind"] == Command.REPLACE):
        return begin_replace(state, change, slot, events, count)
    return cancel(state.book, change, slot, events, count)


@outlined
def begin_replace(state, change, slot, events, count):
    """The same for a replace of an order in the book, or of NIL."""
    reject = check_changed_order(state, change, slot)
    if reject != NO_REJECT:
        return write_rejected(state.book, events, count, change, 0, reject)
    if uses_reduce_only(state.ledger, change["account_id"]):
        count = make_room_for_change(state, change, slot, events, count)
        if state.clock[0]["is_paused"]:
            return count
    return replace(state.book, change, slot, events, count)


@inlined
def slot_of(state, instrument_id):
    """Where a tranche and its instrument stand."""
    return np.int64(instrument_id) & np.int64(len(state.tranches) - 1)


@inlined
def check_new_order(state, batch, index):
    """0, or the first rule that a new order breaks."""
    order = batch.orders[index]
    if state.clock[0]["is_halted"]:
        return np.int64(VenueReject.MARKET_HALTED)
    slot = slot_of(state, order["instrument_id"])
    side = np.int64(order["side"])
    lots = order["quantity_lots"]
    if order["flags"] & REDUCE_ONLY:
        allow_reducing(state, 0, np.int64(order["account_id"]), slot, side & 1, np.int64(NIL))
        lots = min(lots, state.book.reducible[0])
    reject = check_place(state.book, batch, index)
    if reject != NO_REJECT:
        return reject
    limit_ticks = limit_of(state.book.instruments[slot], order)
    limit_ticks = limit_after_post_only(state.book, slot, side, limit_ticks, order["flags"])
    if limit_ticks == REJECTED:
        return np.int64(NO_REJECT)  # matching refuses it by name
    return check_cost(state, order["account_id"], slot, side, limit_ticks, lots, np.int64(0))


@inlined
def check_changed_order(state, change, slot):
    """0, or the first rule that a replace breaks."""
    if state.clock[0]["is_halted"]:
        return np.int64(VenueReject.MARKET_HALTED)
    reject = check_replace(state.book, change, slot)
    if reject != NO_REJECT:
        return reject
    order = state.book.orders[slot]
    level = state.book.levels[order["level"]]
    instrument_slot = instrument_slot_of_level(state.book, level)
    side = side_of_level(level)
    leaves_lots = changed_leaves(state, change, slot)
    if state.book.terms[slot]["flags"] & REDUCE_ONLY:
        allow_reducing(state, 0, np.int64(change["account_id"]), instrument_slot, side, slot)
        leaves_lots = min(leaves_lots, state.book.reducible[0])
    limit_ticks = limit_after_post_only(
        state.book, instrument_slot, side, np.int64(change["price_ticks"]), state.book.terms[slot]["flags"]
    )
    if leaves_lots <= 0 or limit_ticks == REJECTED:
        return np.int64(NO_REJECT)
    released_nano = notional(state, instrument_slot, level["price_ticks"], total_leaves(state.book, slot))
    return check_cost(state, change["account_id"], instrument_slot, side, limit_ticks, leaves_lots, released_nano)


@inlined
def changed_leaves(state, change, slot):
    """What an order is to have left after a replace."""
    leaves_lots = np.int64(change["quantity_lots"])
    if change["flags"] & NAMES_REMAINING == 0:
        leaves_lots -= state.book.terms[slot]["quantity_lots"] - total_leaves(state.book, slot)
    return leaves_lots


@outlined
def make_room_for_order(state, batch, index, events, count):
    """Let reduce-only orders of the account give way to what will trade or rest of a new order that is not one."""
    order = batch.orders[index]
    slot = slot_of(state, order["instrument_id"])
    side = np.int64(order["side"])
    limit_ticks = limit_of(state.book.instruments[slot], order)
    limit_ticks = limit_after_post_only(state.book, slot, side, limit_ticks, order["flags"])
    if order["flags"] & REDUCE_ONLY or limit_ticks == REJECTED:
        return count
    lots = lots_to_come(state.book, batch, index, limit_ticks)
    return make_room(state, np.int64(order["account_id"]), slot, side, lots, np.int64(NIL), events, count)


@outlined
def make_room_for_change(state, change, slot, events, count):
    """The same for a replace."""
    level = state.book.levels[state.book.orders[slot]["level"]]
    flags = state.book.terms[slot]["flags"]
    instrument_slot = instrument_slot_of_level(state.book, level)
    side = side_of_level(level)
    limit_ticks = np.int64(change["price_ticks"])
    limit_ticks = limit_after_post_only(state.book, instrument_slot, side, limit_ticks, flags)
    if flags & REDUCE_ONLY or limit_ticks == REJECTED:
        return count
    lots = max(changed_leaves(state, change, slot), np.int64(0))
    return make_room(state, np.int64(change["account_id"]), instrument_slot, side, lots, slot, events, count)


@inlined
def check_cost(state, account_id, slot, side, limit_ticks, lots, released_nano):
    """Whether an account can hold an order at worst: a buy at its limit, a sell at the best bid if that is higher.

    Every order that rests, wherever it does, may open a position in a trade to come: an uncrossing asks nobody.
    """
    ticks = worst_ticks(state, slot, side, np.int64(limit_ticks))
    tick_value_nano = state.tranches[slot]["tick_value_nano"]
    makers_max = state.book.counters[0]["resting_orders"]
    return check_hold(state.ledger, account_id, ticks, lots, tick_value_nano, released_nano, makers_max)


@inlined
def check_cost_of_plain(state, order):
    """The same for an order that is nothing but a limit."""
    slot = slot_of(state, order["instrument_id"])
    side = np.int64(order["side"])
    return check_cost(state, order["account_id"], slot, side, order["price_ticks"], order["quantity_lots"], np.int64(0))


@inlined
def worst_ticks(state, slot, side, limit_ticks):
    """The price that costs an order most: a buy's limit; for a sell the best bid, if that is higher than its limit."""
    if side == Side.BUY or state.book.sides[2 * slot]["best_level"] == NIL:
        return limit_ticks
    return max(limit_ticks, np.int64(state.book.levels[state.book.sides[2 * slot]["best_level"]]["price_ticks"]))


@inlined
def notional(state, slot, price_ticks, lots):
    """Price times lots over the window, in nano-USD."""
    return np.int64(price_ticks) * np.int64(lots) * state.tranches[slot]["tick_value_nano"]


@inlined
def absorb_all(state, events, first, count):
    """Carry the events of matching from one position to another into the ledger."""
    for at in range(first, count):
        absorb(state, events.orders[at])


@inlined
def absorb(state, event):
    """Carry an event of matching into the ledger."""
    kind = event["kind"]
    if moves_nothing(kind):
        return
    slot = slot_of(state, event["instrument_id"])
    if kind == Event.RESTED or kind == Event.REPLACED:
        held_nano = notional(state, slot, event["price_ticks"], event["leaves_lots"])
        add_hold(state.ledger, event["account_id"], held_nano)
        return
    moved_nano = notional(state, slot, event["price_ticks"], event["quantity_lots"])
    if kind == Event.AUCTION_TRADE:
        settle_trade(state, event, slot, moved_nano)
    elif kind == Event.TRADE:
        add_hold(state.ledger, event["counter_account_id"], -moved_nano)
        settle_trade(state, event, slot, moved_nano)
    elif kind == Event.PREVENTED:
        add_hold(state.ledger, event["counter_account_id"], -moved_nano)
    else:
        add_hold(state.ledger, event["account_id"], -moved_nano)


@inlined
def moves_nothing(kind):
    """Whether an event of matching leaves holds and positions as they are."""
    return (
        (kind == Event.FILLED)
        | (kind == Event.KILLED)
        | (kind == Event.REJECTED)
        | (kind == Event.REFRESHED)
        | (kind == Event.TRIMMED)
        | (kind >= Event.UNCROSSED)
    )


@inlined
def settle_trade(state, event, slot, cost_nano):
    """Both positions of a trade, equal and opposite."""
    tranche = state.tranches[slot]
    tranche["last_trade_ticks"] = event["price_ticks"]
    tranche["traded_lots"] += event["quantity_lots"]
    sign = np.int64(1) if event["side"] == Side.BUY else np.int64(-1)
    lots = sign * event["quantity_lots"]
    taker = position_of(state.ledger, tranche, event["account_id"], event["instrument_id"])
    fill_position(state.ledger, taker, lots, sign * cost_nano)
    maker = position_of(state.ledger, tranche, event["counter_account_id"], event["instrument_id"])
    fill_position(state.ledger, maker, -lots, -sign * cost_nano)
