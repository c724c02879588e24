"""The tranches of a region are valued anew together, when its strain changes: by sweeps through the pools.

To walk from order to order costs a wait for memory each; a sweep reads what lies side by side, and brings near what it
points to a few records ahead. Of a strained region nothing moves but shocks, and with them losses, ramps and bonds.
"""

import numpy as np

from exchange.venue.clearing.commitments import value_bond
from exchange.venue.lifecycle import LifeState
from exchange.venue.listing import apply_strain
from exchange.venue.notes import note_if_short
from exchange.venue.prefetch import bring_losses_near
from exchange.venue.state import slot_of
from exchange.venue.valuing import FORGET, TAKE_IN
from kernels.compile import inlined, outlined
from kernels.intrinsics import prefetch, rarely
from kernels.table import home
from matching.icebergs import total_leaves
from matching.layout import ACCOUNT_MASK
from matching.sides import instrument_id_of_level, side_of_level
from risk.positions import find_class, pair_tag
from risk.revaluing import (
    add_losses_of_order,
    add_losses_of_position,
    clear_losses,
    likely_class,
    move_ramp,
    take_over_losses,
)
from risk.strain import would_strain

FAR, NEAR = 16, 8
"""How many records ahead what one points to is asked for, and then what that points to."""


@outlined
def value_region(state, region_id):
    """Value the tranches of a region anew whose shocks are others by now; return how many there are.

    Accounts may have less than they must afterwards.
    """
    tranches = np.int64(0)
    for slot in range(len(state.tranches)):
        tranches += np.int64(is_listed_in(state, slot, region_id) and is_strained_anew(state, slot))
    if tranches > 0:
        value_all_of(state, region_id)
    return tranches


@outlined
def value_all_of(state, region_id):
    """Work shocks out of the strain of a region, and all that follows from them."""
    has_ramps = is_ramped(state, region_id)
    if has_ramps:
        move_ramps(state, region_id, np.int64(FORGET))
    for slot in range(len(state.tranches)):
        if is_listed_in(state, slot, region_id) and is_strained_anew(state, slot):
            apply_strain(state, np.int64(slot))
    clear_classes(state, region_id)
    add_positions(state, region_id)
    add_orders(state, region_id)
    if has_ramps:
        move_ramps(state, region_id, np.int64(TAKE_IN))
    take_over_classes(state, region_id)


@inlined
def is_listed_in(state, slot, region_id):
    """Whether a slot holds a tranche of a region."""
    return state.tranches[slot]["region_id"] == region_id and state.tranches[slot]["state"] != LifeState.NONE


@inlined
def is_strained_anew(state, slot):
    """Whether a tranche's shocks are not what its region's use and caps make of them."""
    region = state.regions[state.tranches[slot]["region_id"]]
    low_ppm, high_ppm = np.int64(region["low_ppm"]), np.int64(region["high_ppm"])
    return would_strain(state.ledger, np.int64(slot), np.int64(region["utilisation_ppm"]), low_ppm, high_ppm)


@inlined
def is_ramped(state, region_id):
    """Whether any tranche of a region is near its gate."""
    for slot in range(len(state.tranches)):
        if is_listed_in(state, slot, region_id) and state.ledger.contracts[slot]["ramp_step"] != 0:
            return True
    return False


@outlined
def move_ramps(state, region_id, sign):
    """Put what all positions of a region require for ramps into the requirements, or take it out."""
    ledger = state.ledger
    for at in range(1, np.int64(ledger.totals[0]["fresh_position"])):
        if ledger.positions[at]["account_id"] != 0:
            slot = slot_of(state, ledger.positions[at]["instrument_id"])
            contract = ledger.contracts[slot]
            if contract["region_id"] == region_id and contract["ramp_step"] != 0:
                move_ramp(ledger, np.int64(at), slot, sign)


@outlined
def clear_classes(state, region_id):
    """Nothing is added up yet of any account in a region."""
    ledger = state.ledger
    for at in range(1, np.int64(ledger.totals[0]["fresh_class"])):
        if ledger.classes[at]["position_count"] > 0 and ledger.classes[at]["region_id"] == region_id:
            clear_losses(ledger, np.int64(at))


@outlined
def add_positions(state, region_id):
    """What all positions of a region lose; what providers have committed costs what failing costs now."""
    ledger = state.ledger
    end = np.int64(ledger.totals[0]["fresh_position"])
    for at in range(1, end):
        bring_losses_near(ledger, np.int64(ledger.positions[min(at + NEAR, end - 1)]["class_slot"]))
        position = ledger.positions[at]
        slot = slot_of(state, position["instrument_id"])
        if position["account_id"] == 0 or ledger.contracts[slot]["region_id"] != region_id:
            continue
        if position["lots"] != 0:
            add_losses_of_position(ledger, np.int64(at), slot)
        if rarely(state.clearing.commitments[at]["lots"] != 0):
            value_bond(state, np.int64(position["account_id"]), np.int64(at), slot)


@outlined
def add_orders(state, region_id):
    """What all orders that rest in a region lose where that hurts."""
    book, ledger = state.book, state.ledger
    end = np.int64(book.counters[0]["fresh_order"])
    for order in range(1, end):
        ask_for_entry(state, region_id, min(order + FAR, end - 1))
        bring_losses_near(ledger, likely_class(ledger, account_of(book, min(order + NEAR, end - 1)), region_id))
        if book.orders[order]["order_id"] == 0:
            continue
        level = book.levels[book.orders[order]["level"]]
        slot = slot_of(state, instrument_id_of_level(level))
        if ledger.contracts[slot]["region_id"] == region_id:
            class_slot = find_class(ledger, account_of(book, order), region_id)
            side, lots = np.int64(side_of_level(level)), total_leaves(book, np.int64(order))
            add_losses_of_order(ledger, class_slot, slot, side, level["price_ticks"], lots)


@outlined
def take_over_classes(state, region_id):
    """What was added up is what accounts must have; those that have less are noted."""
    ledger = state.ledger
    for at in range(1, np.int64(ledger.totals[0]["fresh_class"])):
        if ledger.classes[at]["position_count"] > 0 and ledger.classes[at]["region_id"] == region_id:
            take_over_losses(ledger, np.int64(at))
            note_if_short(state, np.int64(ledger.classes[at]["account_id"]))


@inlined
def ask_for_entry(state, region_id, order):
    """Bring an order's level and the entry of its account's class near."""
    book, ledger = state.book, state.ledger
    prefetch(book.levels, np.int64(book.orders[order]["level"]))
    prefetch(ledger.class_table, home(ledger.class_table, pair_tag(account_of(book, order), region_id)))


@inlined
def account_of(book, order):
    """Whose order it is."""
    return np.int64(book.orders[order]["holder"] & ACCOUNT_MASK)
