"""Bringing near what risk will touch of the next commands, after what matching asked for has arrived.

An order's account and instrument lead to a position, through the few that were used last or through a table: first the
entry and the contract are asked for, then the position, then the losses of its margin class. Contracts and losses that
are few stay in the caches without it. None of it has an effect on any result.
"""

import numpy as np

from kernels.bucket_table import home_bucket, likely_slot
from kernels.compile import inlined
from kernels.intrinsics import prefetch, rarely
from matching.layout import ACCOUNT_MASK
from matching.prefetch import noted_slot
from matching.schema import CommandKind
from matching.sides import instrument_id_of_level
from risk.positions import pair_tag, recent_place
from risk.schema import NOTED, RECENT, SCENARIOS

ENTRY_AHEAD = 6
POSITION_AHEAD = 4
LOSSES_AHEAD = 2
"""How many commands ahead each stage is."""
NARROW_NODES = 1 << 13
"""Books with so few tree nodes are of a few thousand instruments at most."""
NARROW_CLASSES = 1 << 11
LOSSES_PER_LINE = 8
MAKERS_MAX = 16
"""Of a taker that meets more, the others are found when their turn comes."""
assert ENTRY_AHEAD < NOTED


@inlined
def look_ahead_of_risk(state, batch, index):
    """Bring near what later commands touch. Call it after that of matching; the last of a batch do without."""
    at = np.uint32(index)
    state.ledger.near[0] = state.ledger.noted[place_of(at)]
    if rarely(index + ENTRY_AHEAD >= len(batch.orders)):
        return
    if has_many_positions(state.ledger):
        ask_for_entry(state, batch, at + np.uint32(ENTRY_AHEAD))
        ask_for_position(state, at + np.uint32(POSITION_AHEAD))
        ask_for_losses(state, at + np.uint32(LOSSES_AHEAD))
    else:
        ask_for_recent(state, batch, at + np.uint32(POSITION_AHEAD))


@inlined
def has_many_positions(ledger):
    """Whether there are more positions than the caches hold beside all else, most of which no account used last."""
    return ledger.totals[0]["live_positions"] > RECENT


@inlined
def ask_for_recent(state, batch, at):
    """All of it at once, as far as it is what the account used last, where there are few positions."""
    ledger = state.ledger
    account_id = np.int64(batch.orders[at]["account_id"])
    recent = ledger.recent[recent_place(account_id)]
    ledger.noted[place_of(at)] = recent["slot"]
    prefetch(ledger.accounts, account_id)
    prefetch(ledger.positions, np.int64(recent["slot"]))
    bring_losses_near(ledger, np.int64(recent["class_slot"]))


@inlined
def ask_for_entry(state, batch, at):
    """The account, the entry of the position, whose place is noted, and the contract with its shocks."""
    ledger = state.ledger
    account_id, instrument_id = np.int64(batch.orders[at]["account_id"]), likely_instrument(state, batch, at)
    slot = instrument_id & np.int64(len(ledger.contracts) - 1)
    tag = pair_tag(account_id, instrument_id)
    ledger.tags[place_of(at)] = tag
    prefetch(ledger.accounts, account_id)
    prefetch(ledger.position_table, home_bucket(ledger.position_table, tag))
    if is_wide(state):
        prefetch(ledger.contracts, slot)
        prefetch(ledger.shocks, slot * SCENARIOS)


@inlined
def ask_for_position(state, at):
    """The position of the command, most likely, if there is one. It is noted."""
    ledger = state.ledger
    slot = likely_slot(ledger.position_table, np.int64(ledger.tags[place_of(at)]))
    ledger.noted[place_of(at)] = slot
    prefetch(ledger.positions, slot)


@inlined
def ask_for_losses(state, at):
    """The losses of its margin class."""
    ledger = state.ledger
    if is_wide(state):
        slot = np.int64(ledger.noted[place_of(at)])
        bring_losses_near(ledger, np.int64(ledger.positions[slot]["class_slot"]))


@inlined
def is_wide(state):
    """Whether there are more contracts or margin classes than stay near by themselves."""
    nodes, classes = state.book.counters[0]["live_nodes"], state.ledger.totals[0]["live_classes"]
    return (nodes > NARROW_NODES) | (classes > NARROW_CLASSES)


@inlined
def place_of(at):
    """Where notes of a command stand."""
    return at & np.uint32(NOTED - 1)


@inlined
def ask_for_maker(state, book_side):
    """Who a taker meets first on a side: the account, and the entry of its position."""
    book, ledger = state.book, state.ledger
    level = book.levels[book.sides[book_side]["best_level"]]
    account_id = np.int64(book.orders[level["head"]]["holder"] & ACCOUNT_MASK)
    prefetch(ledger.accounts, account_id)
    tag = pair_tag(account_id, np.int64(instrument_id_of_level(level)))
    prefetch(ledger.position_table, home_bucket(ledger.position_table, tag))


@inlined
def bring_makers_near(ledger, events, first, count):
    """The positions of the makers that a taker met, but for the entry of the first, which was asked for before."""
    end = min(first + MAKERS_MAX, count)
    for at in range(first + 1, end):
        prefetch(ledger.position_table, home_bucket(ledger.position_table, tag_of_maker(events, at)))
    for at in range(first, end):
        prefetch(ledger.positions, likely_slot(ledger.position_table, tag_of_maker(events, at)))


@inlined
def tag_of_maker(events, at):
    """The hash of the maker's position in a trade; some hash for another event."""
    event = events.orders[np.uint32(at)]
    return pair_tag(event["counter_account_id"], event["instrument_id"])


@inlined
def bring_losses_near(ledger, class_slot):
    """A margin class and its losses."""
    prefetch(ledger.classes, class_slot)
    prefetch(ledger.losses, class_slot * SCENARIOS)
    prefetch(ledger.losses, class_slot * SCENARIOS + LOSSES_PER_LINE)


@inlined
def likely_instrument(state, batch, at):
    """The instrument of a new order, or that of the order that a change names, if it was found.

    Put together from both, one of which is 0: a choice between them would be made a branch, which nobody can guess.
    """
    book, command = state.book, batch.orders[at]
    is_new = -np.int64(command["kind"] == CommandKind.PLACE)
    level = np.int64(book.orders[noted_slot(book, at)]["level"]) & ~is_new
    return np.int64(instrument_id_of_level(book.levels[level])) | np.int64(command["instrument_id"]) & is_new
