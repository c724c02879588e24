"""Commands that touch many orders, through the venue: each is checked as one before any of it happens.

A mass quote may cost what all its sides could cost together, less what the quotes that it replaces hold; a basket what
all its legs could cost. Before they begin, reduce-only orders of the account make room.
"""

import numpy as np

from exchange.venue.reduce_only import allow_reducing, make_room
from exchange.venue.schema import Command, VenueReject
from exchange.venue.trading import notional, slot_of, worst_ticks
from kernels.compile import inlined, outlined
from matching.basket import (
    check_basket,
    fill_legs,
    find_unfillable_leg,
    write_basket_killed,
    write_basket_rejected,
)
from matching.groups import count_entries
from matching.icebergs import total_leaves
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
from risk.accounts import check_amount
from risk.schema import AMOUNT_NANO_MAX, RiskReject

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
    return cancel_matching(state.book, command, events, count)


@inlined
def mass_quote(state, batch, index, events, count):
    """Rules of the book, funds, room beside reduce-only orders; then all quotes."""
    if not is_paused(state.book):
        reject, entry = check_mass_quote(state.book, batch, index)
        if state.clock[0]["is_halted"]:
            reject, entry = np.int64(VenueReject.MARKET_HALTED), np.int64(WHOLE)
        if reject == NO_REJECT:
            reject = check_quotes_cost(state, batch, index)
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
        if reject == NO_REJECT:
            reject = check_legs_cost(state, batch, index)
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
def check_quotes_cost(state, batch, index):
    """0, or why an account cannot hold all its new quotes together."""
    account_id = np.int64(batch.orders[index]["account_id"])
    cost_nano = np.int64(0)
    released_nano = np.int64(0)
    entries = count_entries(batch, index, Command.QUOTE)
    for entry in range(index + 1, index + 1 + entries):
        quote = batch.quotes[entry]
        slot = slot_of(state, quote["instrument_id"])
        for side in range(2):
            price_ticks, lots = side_of_quote(quote, side)
            released_nano += quote_hold(state, account_id, quote["instrument_id"], slot, side)
            cost_nano = add_cost(state, cost_nano, slot, side, price_ticks, lots)
            if cost_nano > AMOUNT_NANO_MAX:
                return np.int64(RiskReject.NOTIONAL_OUT_OF_RANGE)
    return check_sum(state, account_id, cost_nano - released_nano, entries)


@outlined
def check_legs_cost(state, batch, index):
    """0, or why an account cannot hold all legs together."""
    account_id = np.int64(batch.orders[index]["account_id"])
    cost_nano = np.int64(0)
    entries = count_entries(batch, index, Command.LEG)
    for entry in range(index + 1, index + 1 + entries):
        leg = batch.legs[entry]
        slot = slot_of(state, leg["instrument_id"])
        side, lots = np.int64(leg["side"]), leg["quantity_lots"]
        cost_nano = add_cost(state, cost_nano, slot, side, np.int64(leg["price_ticks"]), lots)
        if cost_nano > AMOUNT_NANO_MAX:
            return np.int64(RiskReject.NOTIONAL_OUT_OF_RANGE)
    return check_sum(state, account_id, cost_nano, entries)


@inlined
def add_cost(state, cost_nano, slot, side, price_ticks, lots):
    """What an order could cost at worst beside others: more than AMOUNT_NANO_MAX if it cannot be said."""
    if lots <= 0:
        return cost_nano
    ticks = worst_ticks(state, slot, side, np.int64(price_ticks))
    tick_nano = max(ticks * state.tranches[slot]["tick_value_nano"], np.int64(1))
    if lots > AMOUNT_NANO_MAX // tick_nano:
        return np.int64(AMOUNT_NANO_MAX) + 1
    return cost_nano + tick_nano * lots


@inlined
def check_sum(state, account_id, more_nano, entries):
    """Whether an account can hold so much more. Each entry may open a position, and so may each order that rests."""
    makers_max = state.book.counters[0]["resting_orders"]
    return check_amount(state.ledger, account_id, more_nano, makers_max + entries)


@inlined
def quote_hold(state, account_id, instrument_id, slot, side):
    """What the quote that now rests on a side holds."""
    resting = quote_slot(state.book, account_id, instrument_id, side)
    if resting == NIL:
        return np.int64(0)
    price_ticks = state.book.levels[state.book.orders[resting]["level"]]["price_ticks"]
    return notional(state, slot, price_ticks, total_leaves(state.book, resting))


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
