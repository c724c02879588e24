"""Bringing near what risk will touch of the next commands, after what matching asked for has arrived.

An order's account and instrument lead to a position through a table: first the entry and the contract are asked for,
then the position, then the losses of its margin class. None of it has an effect on any result.
"""

import numpy as np

from kernels.compile import inlined
from kernels.intrinsics import prefetch, rarely
from kernels.table import home
from matching.prefetch import noted_slot
from matching.schema import CommandKind
from matching.sides import instrument_id_of_level
from risk.positions import pair_tag
from risk.schema import SCENARIOS

ENTRY_AHEAD = 6
POSITION_AHEAD = 4
LOSSES_AHEAD = 2
"""How many commands ahead each stage is."""
LOSSES_PER_LINE = 8
SMALL_LEDGER_POSITIONS = 1 << 12


@inlined
def look_ahead_of_risk(state, batch, index):
    """Bring near what later commands touch. Call it after that of matching; the last of a batch do without.

    A few positions are left to the caches.
    """
    if rarely(index + ENTRY_AHEAD >= len(batch.orders)):
        return
    if state.ledger.totals[0]["live_positions"] > SMALL_LEDGER_POSITIONS:
        ask_for_entry(state, batch, index + ENTRY_AHEAD)
        ask_for_position(state, batch, index + POSITION_AHEAD)
        ask_for_losses(state, batch, index + LOSSES_AHEAD)


@inlined
def ask_for_entry(state, batch, at):
    """The contract with its shocks, the account, and the entry of the position."""
    ledger = state.ledger
    instrument_id = likely_instrument(state, batch, at)
    slot = instrument_id & np.int64(len(ledger.contracts) - 1)
    prefetch(ledger.contracts, slot)
    prefetch(ledger.shocks, slot * SCENARIOS)
    account_id = np.int64(batch.orders[at]["account_id"])
    prefetch(ledger.accounts, account_id)
    prefetch(ledger.position_table, home(ledger.position_table, pair_tag(account_id, instrument_id)))


@inlined
def ask_for_position(state, batch, at):
    """The position that the entry names, and the entry of its margin class."""
    prefetch(state.ledger.positions, likely_position(state, batch, at))
    prefetch(state.ledger.class_table, home_of_class(state, batch, at))


@inlined
def ask_for_losses(state, batch, at):
    """The margin class and its losses, whether or not there is a position yet."""
    ledger = state.ledger
    bring_losses_near(ledger, np.int64(ledger.class_table[home_of_class(state, batch, at)]["slot"]))


@inlined
def bring_losses_near(ledger, class_slot):
    """A margin class and its losses."""
    prefetch(ledger.classes, class_slot)
    prefetch(ledger.losses, class_slot * SCENARIOS)
    prefetch(ledger.losses, class_slot * SCENARIOS + LOSSES_PER_LINE)


@inlined
def likely_position(state, batch, at):
    """The slot that stands first where the position's entry should be; most likely the position's, or none."""
    table = state.ledger.position_table
    tag = pair_tag(np.int64(batch.orders[at]["account_id"]), likely_instrument(state, batch, at))
    return np.int64(table[home(table, tag)]["slot"])


@inlined
def home_of_class(state, batch, at):
    """Where the entry of the margin class should be."""
    ledger = state.ledger
    slot = likely_instrument(state, batch, at) & np.int64(len(ledger.contracts) - 1)
    tag = pair_tag(np.int64(batch.orders[at]["account_id"]), np.int64(ledger.contracts[slot]["region_id"]))
    return home(ledger.class_table, tag)


@inlined
def likely_instrument(state, batch, at):
    """The instrument of a new order, or that of the order that a change names, if it was found."""
    book, command = state.book, batch.orders[at]
    level = np.int64(book.orders[noted_slot(book, at)]["level"])
    named = np.int64(command["instrument_id"])
    return named if command["kind"] == CommandKind.PLACE else np.int64(instrument_id_of_level(book.levels[level]))
