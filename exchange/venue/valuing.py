"""All that stands in an instrument is taken out of the requirements, and comes in again under other parameters.

What is kept is then what a recomputation would give, bit for bit.
"""

import numpy as np

from exchange.venue.clearing.commitments import value_bonds
from exchange.venue.listing import apply_strain
from exchange.venue.notes import note_if_short
from exchange.venue.schema import Event
from kernels.compile import inlined, outlined
from matching.events import begin_event
from matching.icebergs import total_leaves
from matching.layout import ACCOUNT_MASK
from matching.queues import first_order, next_order
from matching.schema import NIL
from risk.margin import add_position, move_order
from risk.positions import find_position

FORGET, TAKE_IN = -1, 1


@outlined
def value_again(state, slot):
    """All that stands in an instrument comes in again after FORGET: every new mark and shock ends here, and accounts
    may have less than they must afterwards."""
    apply_strain(state, slot)
    value_bonds(state, slot)
    value_all(state, slot, np.int64(TAKE_IN))


@outlined
def value_all(state, slot, sign):
    """Take all that stands in an instrument out of the requirements, or into them."""
    tranche = state.tranches[slot]
    if sign == FORGET:
        move_all_orders(state, slot, sign)
    at = np.int64(tranche["first_position"])
    while at != NIL:
        account_id = np.int64(state.ledger.positions[at]["account_id"])
        add_position(state.ledger, account_id, at, slot, sign)
        if sign == TAKE_IN:
            note_if_short(state, account_id)
        at = np.int64(state.ledger.positions[at]["next"])
    if sign == TAKE_IN:
        move_all_orders(state, slot, sign)


@inlined
def move_all_orders(state, slot, sign):
    """Every order that rests in an instrument."""
    book = state.book
    for side in range(2):
        order = first_order(book, 2 * slot + side)
        while order != NIL:
            account_id = np.int64(book.orders[order]["holder"] & ACCOUNT_MASK)
            position = find_position(state.ledger, account_id, state.tranches[slot]["instrument_id"])
            price_ticks = book.levels[book.orders[order]["level"]]["price_ticks"]
            lots = sign * total_leaves(book, order)
            move_order(state.ledger, account_id, position, slot, np.int64(side), price_ticks, lots)
            if sign == TAKE_IN:
                note_if_short(state, account_id)
            order = next_order(book, order)


@inlined
def write_parameters(state, slot, events, count):
    """Tell of a contract's parameters."""
    count = write_nothing_set(state, Event.PARAMETERS_SET, events, count)
    contract, event = state.ledger.contracts[slot], events.parameters[count - 1]
    event["instrument_id"] = contract["instrument_id"]
    event["concentration_lots"] = contract["concentration_lots"]
    event["mark_ticks"] = contract["mark_ticks"]
    event["spread_ticks"] = contract["spread_ticks"]
    event["worst_shock_ticks"] = contract["worst_shock_ticks"]
    event["concentration_ticks"] = contract["concentration_ticks"]
    event["ramp_step"] = contract["ramp_step"]
    return count


@inlined
def write_nothing_set(state, kind, events, count):
    """An event that names nothing yet."""
    begin_event(state.book, events, count, kind)
    event = events.parameters[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["instrument_id"] = 0
    event["concentration_lots"] = 0
    event["ramp_step"] = 0
    event["reserved_2"] = 0
    event["mark_ticks"] = 0
    event["spread_ticks"] = 0
    event["worst_shock_ticks"] = 0
    event["concentration_ticks"] = 0
    event["series_id"] = 0
    event["maker_fee_ppm"] = 0
    event["taker_fee_ppm"] = 0
    return count + 1
