"""Orders through the venue: risk before matching, and the ledger after it.

Every check comes before anything changes: the rules of the book, then whether the account's collateral covers every way
in which the order may fill. Then matching runs, and the ledger follows before the command ends.
"""

import numpy as np

from exchange.venue.absorbing import absorb_all, drop_order, enter_order_of
from exchange.venue.clearing.commitments import (
    check_collateral,
    check_sale,
    growth_lots,
    sells_capacity,
)
from exchange.venue.clients import target_order_id
from exchange.venue.limits import (
    check_limits,
    count_order,
    counts_orders,
    is_blocked,
    may_rest,
)
from exchange.venue.prefetch import ask_for_maker
from exchange.venue.reduce_only import REDUCE_ONLY, allow_reducing, make_room
from exchange.venue.schema import Command, VenueReject
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from kernels.intrinsics import rarely
from matching.events import write_rejected
from matching.execute import cancel, enter, enter_taking, own_side_of, replace, rest_plain, takes
from matching.icebergs import is_iceberg, total_leaves
from matching.identifiers import find_slot
from matching.layout import ACCOUNT_MASK
from matching.meeting import work
from matching.prefetch import looks_dead
from matching.probes import lots_to_come
from matching.resting import remove, slot_of_account
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
from matching.schema import NIL, OrderReason, OrderReject
from matching.sides import instrument_slot_of_level, side_of_level
from matching.working import is_paused
from risk.accounts import is_watched, uses_reduce_only
from risk.margin import certain_loss, check_order_of, is_surely_covered, move_order
from risk.positions import find_position
from risk.schema import RiskReject


@inlined
def trade_order(state, batch, index, events, count):
    """Run an order, a cancel or a replace to its outcome, or until the buffer is full."""
    if is_paused(state.book):
        first = count
        count = work(state.book, events, count)
        absorb_all(state, events, first, count)
        return count
    return begin_apart(state, batch, index, events, count)


@inlined
def begin_order(state, batch, index, events, count):
    """Check a command of one record against the book and the ledger, run it, and let the ledger follow."""
    index = np.uint32(index)
    if looks_dead(state.book, index):
        return begin_unnoted(state, batch, index, events, count)
    if batch.orders[index]["kind"] != Command.PLACE:
        return begin_change(state, batch, index, events, count)
    return begin_place(state, batch, index, events, count)


@inlined
def begin_unnoted(state, batch, index, events, count):
    """The same for a command for which look-ahead found nothing: a cancel that comes too late, nearly always."""
    change = batch.changes[index]
    if rarely(change["kind"] != Command.CANCEL):
        return begin_apart(state, batch, index, events, count)
    if rarely(find_slot(state.book, target_order_id(state, change)) != NIL):
        return begin_apart(state, batch, index, events, count)
    return write_rejected(state.book, events, count, change, 0, OrderReject.UNKNOWN_ORDER)


@outlined
def begin_apart(state, batch, index, events, count):
    """The same for a command on which look-ahead did not come by, and for one of several records."""
    if batch.orders[index]["kind"] != Command.PLACE:
        return begin_change(state, batch, index, events, count)
    return begin_place(state, batch, index, events, count)


@inlined
def begin_place(state, batch, index, events, count):
    """The same for a new order."""
    order = batch.orders[index]
    if rarely(not is_ordinary(state, order)):
        return begin_unusual(state, batch, index, events, count)
    slot, side, lots = slot_of(state, order["instrument_id"]), np.int64(order["side"]), order["quantity_lots"]
    base_nano = certain_loss(state.ledger.contracts[slot], side, order["price_ticks"])
    reject = check_plain(state.book, order)
    if reject == NO_REJECT:
        account_id, price_ticks = np.int64(order["account_id"]), np.int64(order["price_ticks"])
        reject = check_order_of(state.ledger, slot, account_id, side, price_ticks, lots, base_nano)
    if rarely(reject != NO_REJECT):
        return write_rejected(state.book, events, count, order, order["side"], reject)
    if rarely(takes(state.book, order)):
        return begin_taking(state, order, events, count)
    count = rest_plain(state.book, order, lots, events, count)
    enter_order_of(state, slot, order["account_id"], side, base_nano, lots)
    return count


@inlined
def is_ordinary(state, order):
    """Whether a new order is nothing but a limit, of an account that nothing is known of, in a market that runs."""
    if rarely(state.clock[0]["is_halted"] != 0) or rarely(is_watched(state.ledger, order["account_id"])):
        return False
    return is_plain(state.book, order)


@outlined
def begin_taking(state, order, events, count):
    """The same for a plain order that crosses, or does not rest."""
    ask_for_maker(state, own_side_of(state.book, order) ^ 1)
    first = count
    count = enter_taking(state.book, order, events, count)
    absorb_all(state, events, first, count)
    return count


@outlined
def begin_unusual(state, batch, index, events, count):
    """The same for a new order of any kind."""
    first = count
    count = run_unusual(state, batch, index, events, count)
    absorb_all(state, events, first, count)
    return count


@outlined
def run_unusual(state, batch, index, events, count):
    """Check a new order of any kind, and let it meet the book once reduce-only orders have made room."""
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
    if slot == NIL or rarely(is_iceberg(state.book.orders[slot])):
        return begin_cancel(state, change, slot, events, count)
    return cancel_plain(state, slot, events, count)


@inlined
def cancel_plain(state, slot, events, count):
    """Take an order out of the book and out of the ledger."""
    order = state.book.orders[slot]
    level = state.book.levels[order["level"]]
    account_id, lots = order["holder"] & ACCOUNT_MASK, order["leaves_lots"]
    instrument_slot, side = instrument_slot_of_level(state.book, level), side_of_level(level)
    price_ticks = level["price_ticks"]
    count = remove(state.book, slot, OrderReason.REQUESTED, events, count)
    drop_order(state, instrument_slot, account_id, side, price_ticks, lots)
    if rarely(counts_orders(state.ledger, account_id)):
        count_order(state, account_id, np.int64(-1))
    return count


@outlined
def begin_cancel(state, change, slot, events, count):
    """Cancel any order in the book, or NIL."""
    first = count
    count = cancel(state.book, change, slot, events, count)
    absorb_all(state, events, first, count)
    return count


@outlined
def begin_replace(state, change, slot, events, count):
    """The same for a replace of an order in the book, or of NIL."""
    first = count
    count = run_replace(state, change, slot, events, count)
    absorb_all(state, events, first, count)
    return count


@outlined
def run_replace(state, change, slot, events, count):
    """Check a replace, and carry it out once reduce-only orders have made room."""
    reject = check_changed_order(state, change, slot)
    if reject != NO_REJECT:
        return write_rejected(state.book, events, count, change, 0, reject)
    if uses_reduce_only(state.ledger, change["account_id"]):
        count = make_room_for_change(state, change, slot, events, count)
        if state.clock[0]["is_paused"]:
            return count
    return replace(state.book, change, slot, events, count)


@inlined
def check_new_order(state, batch, index):
    """0, or the first rule that a new order breaks."""
    order = batch.orders[index]
    if state.clock[0]["is_halted"]:
        return np.int64(VenueReject.MARKET_HALTED)
    if is_blocked(state.ledger, order["account_id"]):
        return np.int64(RiskReject.ACCOUNT_BLOCKED)
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
    account_id = np.int64(order["account_id"])
    reject = check_sale(state, slot, account_id, side, lots)
    if reject != NO_REJECT:
        return reject
    reject = check_limits(state, slot, account_id, side, limit_ticks, lots, np.int64(0), may_rest(order))
    if reject != NO_REJECT:
        return reject
    grown_lots = growth_lots(state, slot, account_id, side, np.int64(0), lots)
    return check_collateral(state, slot, account_id, side, np.int64(limit_ticks), lots, grown_lots)


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
    return check_margin_of_change(state, slot, instrument_slot, side, level["price_ticks"], limit_ticks, leaves_lots)


@outlined
def check_margin_of_change(state, slot, instrument_slot, side, price_ticks, limit_ticks, leaves_lots):
    """0, or why the account cannot have a new order in the place of this one; to shrink one is to cancel a part."""
    resting_lots = total_leaves(state.book, slot)
    if limit_ticks == price_ticks and leaves_lots <= resting_lots:
        return np.int64(NO_REJECT)
    account_id = np.int64(state.book.orders[slot]["holder"] & ACCOUNT_MASK)
    if is_blocked(state.ledger, account_id):
        return np.int64(RiskReject.ACCOUNT_BLOCKED)
    reject = check_sale(state, instrument_slot, account_id, side, leaves_lots - resting_lots)
    if reject != NO_REJECT:
        return reject
    reject = check_limits(state, instrument_slot, account_id, side, limit_ticks, leaves_lots, resting_lots, False)
    if reject != NO_REJECT:
        return reject
    # Most accounts could have the new order beside the old one: then the old one need not be taken out to see it.
    if not sells_capacity(state.ledger, account_id) and is_surely_covered(
        state.ledger, instrument_slot, account_id, side, limit_ticks, leaves_lots
    ):
        return np.int64(NO_REJECT)
    grown_lots = growth_lots(state, instrument_slot, account_id, side, np.int64(0), leaves_lots - resting_lots)
    position = find_position(state.ledger, account_id, state.ledger.contracts[instrument_slot]["instrument_id"])
    move_order(state.ledger, account_id, position, instrument_slot, side, price_ticks, -resting_lots)
    reject = check_collateral(state, instrument_slot, account_id, side, np.int64(limit_ticks), leaves_lots, grown_lots)
    move_order(state.ledger, account_id, position, instrument_slot, side, price_ticks, resting_lots)
    return reject


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
