"""Commands that touch many orders, through the venue: each is checked as one before any of it happens.

Whether the account's collateral covers all orders of a command together is found by entering them into the ledger one
by one, in the place of the quotes that they replace, and taking them out again. Before the command begins, reduce-only
orders of the account make room.
"""

import numpy as np

from exchange.venue.absorbing import enter_order
from exchange.venue.clearing.commitments import check_bounds_of, check_sold, follow_provider, sells_capacity
from exchange.venue.limits import check_limits_of_legs, check_limits_of_quotes, is_blocked, resting_quote
from exchange.venue.reduce_only import allow_reducing, make_room
from exchange.venue.schema import Command, Reason, VenueReject
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from matching.basket import (
    check_basket,
    fill_legs,
    find_unfillable_leg,
    write_basket_killed,
    write_basket_rejected,
)
from matching.groups import count_entries
from matching.mass_cancel import cancel_matching, check_mass_cancel, write_mass_cancel_rejected
from matching.mass_quote import (
    check_mass_quote,
    quote_all,
    quote_slot,
    side_of_quote,
    write_mass_quote_rejected,
)
from matching.rules import NO_REJECT
from matching.schema import NIL, OrderFlag
from matching.working import is_paused
from risk.accounts import free_nano
from risk.margin import move_order
from risk.positions import drop_unused, find_position
from risk.schema import RiskReject

REDUCE_ONLY = int(OrderFlag.REDUCE_ONLY)
WHOLE = 0
"""Beside a refusal: the whole command is refused, not one of its entries."""


@outlined
def trade_group(state, batch, index, events, count):
    """Run a mass cancel, a mass quote or a basket to its outcome, or until the buffer is full."""
    kind = batch.orders[index]["kind"]
    if kind == Command.MASS_CANCEL:
        return mass_cancel(state, batch, index, events, count)
    if kind == Command.MASS_QUOTE:
        return mass_quote(state, batch, index, events, count)
    return basket(state, batch, index, events, count)


@inlined
def mass_cancel(state, batch, index, events, count):
    """Nothing but the book has a say in a cancel."""
    command = batch.mass_cancels[index]
    if not is_paused(state.book):
        reject = check_mass_cancel(state.book, command)
        if reject != NO_REJECT:
            return write_mass_cancel_rejected(state.book, command, reject, events, count)
    return cancel_matching(state.book, command, np.int64(Reason.MASS_CANCELLED), events, count)


@inlined
def mass_quote(state, batch, index, events, count):
    """Rules of the book, funds, room beside reduce-only orders; then all quotes."""
    if not is_paused(state.book):
        reject, entry = check_mass_quote(state.book, batch, index)
        if state.clock[0]["is_halted"]:
            reject, entry = np.int64(VenueReject.MARKET_HALTED), np.int64(WHOLE)
        elif is_blocked(state.ledger, batch.orders[index]["account_id"]):
            reject, entry = np.int64(RiskReject.ACCOUNT_BLOCKED), np.int64(WHOLE)
        if reject == NO_REJECT:
            reject = check_quotes_margin(state, batch, index)
            entry = np.int64(WHOLE)
        if reject != NO_REJECT:
            return write_mass_quote_rejected(state.book, batch, index, reject, entry, events, count)
        count = make_room_for_quotes(state, batch, index, events, count)
        if state.clock[0]["is_paused"]:
            return count
    return quote_all(state.book, batch, index, events, count)


@inlined
def basket(state, batch, index, events, count):
    """Rules of the book, funds, whether every leg can be filled, room beside reduce-only orders; then all legs."""
    if not is_paused(state.book):
        reject, leg = check_basket(state.book, batch, index)
        if state.clock[0]["is_halted"]:
            reject, leg = np.int64(VenueReject.MARKET_HALTED), np.int64(WHOLE)
        elif is_blocked(state.ledger, batch.orders[index]["account_id"]):
            reject, leg = np.int64(RiskReject.ACCOUNT_BLOCKED), np.int64(WHOLE)
        if reject == NO_REJECT:
            reject = check_legs_margin(state, batch, index)
            leg = np.int64(WHOLE)
        if reject != NO_REJECT:
            return write_basket_rejected(state.book, batch, index, reject, leg, events, count)
        allow_legs(state, batch, index)
        leg = find_unfillable_leg(state.book, batch, index)
        if leg != 0:
            return write_basket_killed(state.book, batch, index, leg, events, count)
        count = make_room_for_legs(state, batch, index, events, count)
        if state.clock[0]["is_paused"]:
            return count
    return fill_legs(state.book, batch, index, events, count)


@outlined
def check_quotes_margin(state, batch, index):
    """0, or why an account cannot have all its new quotes together. To shrink quotes is to cancel parts of them.

    Sides are counted through, two for each entry.
    """
    account_id = np.int64(batch.orders[index]["account_id"])
    first, end = index + 1, index + 1 + count_entries(batch, index, Command.QUOTE)
    for entry in range(first, end):
        move_resting_quotes(state, account_id, batch.quotes[entry], np.int64(-1))
    reject = np.int64(NO_REJECT)
    entered = 2 * first
    while entered < 2 * end and reject == NO_REJECT:
        quote = batch.quotes[entered >> 1]
        price_ticks, lots = side_of_quote(quote, entered & 1)
        reject = enter(state, account_id, quote["instrument_id"], entered & 1, price_ticks, lots)
        if reject == NO_REJECT:
            entered += 1
    if reject == NO_REJECT and sells_capacity(state.ledger, account_id):
        reject = check_capacity_of_quotes(state, batch, account_id, first, end)
    if reject == NO_REJECT:
        reject = check_limits_of_quotes(state, batch, account_id, first, end)
    is_short = reject == NO_REJECT and free_nano(state.ledger, account_id) < 0
    if is_short and not only_shrinks(state, account_id, batch, first, end):
        reject = np.int64(RiskReject.INSUFFICIENT_MARGIN)
    for each in range(2 * first, entered):
        quote = batch.quotes[each >> 1]
        price_ticks, lots = side_of_quote(quote, each & 1)
        leave(state, account_id, quote["instrument_id"], each & 1, price_ticks, lots)
    for entry in range(first, end):
        move_resting_quotes(state, account_id, batch.quotes[entry], np.int64(1))
        forget(state, account_id, batch.quotes[entry]["instrument_id"])
    return reject


@inlined
def move_resting_quotes(state, account_id, quote, sign):
    """Put what an account's quotes of an instrument hold now into the ledger, or take it out."""
    slot = slot_of(state, quote["instrument_id"])
    for side in range(2):
        price_ticks, lots = resting_quote(state, account_id, quote["instrument_id"], side)
        if lots > 0:
            position = find_position(state.ledger, account_id, quote["instrument_id"])
            move_order(state.ledger, account_id, position, slot, np.int64(side), price_ticks, sign * lots)
            follow_provider(state, account_id, position)


@inlined
def check_capacity_of_quotes(state, batch, account_id, first, end):
    """0, or CAPACITY_EXCEEDED when a provider would offer more with all its new quotes than it can deliver."""
    reject = np.int64(NO_REJECT)
    if only_shrinks(state, account_id, batch, first, end):
        return reject
    for entry in range(first, end):
        if reject == NO_REJECT:
            reject = check_sold(state, account_id, batch.quotes[entry]["instrument_id"])
    return reject


@inlined
def only_shrinks(state, account_id, batch, first, end):
    """Whether every side either goes or stays at its price with no more lots than it has."""
    for entry in range(first, end):
        quote = batch.quotes[entry]
        for side in range(2):
            price_ticks, lots = side_of_quote(quote, side)
            resting_ticks, resting_lots = resting_quote(state, account_id, quote["instrument_id"], side)
            if lots > 0 and (price_ticks != resting_ticks or lots > resting_lots):
                return False
    return True


@outlined
def check_legs_margin(state, batch, index):
    """0, or why an account cannot have all legs together."""
    account_id = np.int64(batch.orders[index]["account_id"])
    first, end = index + 1, index + 1 + count_entries(batch, index, Command.LEG)
    reject = np.int64(NO_REJECT)
    entered = first
    while entered < end and reject == NO_REJECT:
        leg = batch.legs[entered]
        side, price_ticks = np.int64(leg["side"]), np.int64(leg["price_ticks"])
        reject = enter(state, account_id, leg["instrument_id"], side, price_ticks, leg["quantity_lots"])
        if reject == NO_REJECT:
            entered += 1
    if reject == NO_REJECT and sells_capacity(state.ledger, account_id):
        reject = check_capacity_of_legs(state, batch, account_id, first, end)
    if reject == NO_REJECT:
        reject = check_limits_of_legs(state, batch, account_id, first, end)
    if reject == NO_REJECT and free_nano(state.ledger, account_id) < 0:
        reject = np.int64(RiskReject.INSUFFICIENT_MARGIN)
    for entry in range(first, entered):
        leg = batch.legs[entry]
        side, price_ticks = np.int64(leg["side"]), np.int64(leg["price_ticks"])
        leave(state, account_id, leg["instrument_id"], side, price_ticks, leg["quantity_lots"])
        forget(state, account_id, leg["instrument_id"])
    return reject


@inlined
def check_capacity_of_legs(state, batch, account_id, first, end):
    """The same for all legs together."""
    reject = np.int64(NO_REJECT)
    for entry in range(first, end):
        if reject == NO_REJECT:
            reject = check_sold(state, account_id, batch.legs[entry]["instrument_id"])
    return reject


@inlined
def enter(state, account_id, instrument_id, side, price_ticks, lots):
    """0 when an order is entered into the ledger for a moment, or why it cannot be."""
    if lots <= 0:
        return np.int64(NO_REJECT)
    slot = slot_of(state, instrument_id)
    reject = check_bounds_of(state, slot, account_id, np.int64(price_ticks), lots)
    if reject == NO_REJECT:
        enter_order(state, slot, account_id, np.int64(side), price_ticks, lots)
    return reject


@inlined
def leave(state, account_id, instrument_id, side, price_ticks, lots):
    """Take such an order out again."""
    if lots > 0:
        position = find_position(state.ledger, account_id, instrument_id)
        slot = slot_of(state, instrument_id)
        move_order(state.ledger, account_id, position, slot, np.int64(side), price_ticks, -lots)
        follow_provider(state, account_id, position)


@inlined
def forget(state, account_id, instrument_id):
    """Close a position that was only opened for a moment."""
    position = find_position(state.ledger, account_id, instrument_id)
    if position != NIL:
        drop_unused(state.ledger, position)


@outlined
def make_room_for_quotes(state, batch, index, events, count):
    """Let reduce-only orders give way to every side that has lots."""
    account_id = np.int64(batch.orders[index]["account_id"])
    for entry in range(index + 1, index + 1 + count_entries(batch, index, Command.QUOTE)):
        quote = batch.quotes[entry]
        for side in range(2):
            _, lots = side_of_quote(quote, side)
            own = quote_slot(state.book, account_id, quote["instrument_id"], side)
            if lots > 0 and state.clock[0]["is_paused"] == 0:
                slot = slot_of(state, quote["instrument_id"])
                count = make_room(state, account_id, slot, np.int64(side), lots, own, events, count)
    return count


@outlined
def make_room_for_legs(state, batch, index, events, count):
    """Let reduce-only orders give way to every leg that is not one itself."""
    account_id = np.int64(batch.orders[index]["account_id"])
    for entry in range(index + 1, index + 1 + count_entries(batch, index, Command.LEG)):
        leg = batch.legs[entry]
        if leg["flags"] & REDUCE_ONLY == 0 and state.clock[0]["is_paused"] == 0:
            slot = slot_of(state, leg["instrument_id"])
            side, lots = np.int64(leg["side"]), leg["quantity_lots"]
            count = make_room(state, account_id, slot, side, lots, np.int64(NIL), events, count)
    return count


@outlined
def allow_legs(state, batch, index):
    """Tell matching what each reduce-only leg may take."""
    account_id = np.int64(batch.orders[index]["account_id"])
    for entry in range(1, 1 + count_entries(batch, index, Command.LEG)):
        leg = batch.legs[index + entry]
        if leg["flags"] & REDUCE_ONLY:
            slot = slot_of(state, leg["instrument_id"])
            allow_reducing(state, entry, account_id, slot, np.int64(leg["side"]), np.int64(NIL))
