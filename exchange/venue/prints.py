"""The last trades of each tranche that may speak for its final price.

A trade counts if nobody was forced into it, and two persons made it: an account of no group is one by itself, the
accounts of a group are one together. A tranche keeps the last few, in a ring of its own.
"""

import numpy as np

from exchange.venue.layout import PRINT, PRINTS_KEPT
from exchange.venue.lifecycle import LifeState
from exchange.venue.state import State, slot_of
from kernels.compile import inlined, kernel
from kernels.intrinsics import rarely

FORCED_ID_SHIFT = 51
"""Ids of forced orders have this bit, and none above: apart from sequences and from quotes, and exact in JSON."""


@inlined
def note_trade(state, slot, event):
    """What a tranche remembers of its trades."""
    tranche = state.tranches[slot]
    tranche["traded_lots"] += event["quantity_lots"]
    if rarely(not is_countable(state, event)):
        return
    kept = state.prints[place_of(slot, tranche["prints"])]
    kept["lots"] = event["quantity_lots"]
    kept["instrument_id"] = event["instrument_id"]
    kept["account_id"] = event["account_id"]
    kept["counter_account_id"] = event["counter_account_id"]
    kept["price_ticks"] = event["price_ticks"]
    tranche["prints"] += 1


@inlined
def is_countable(state, event):
    """Whether a trade says anything of a price. In an auction either side may be forced to it, or both."""
    is_free = (event["order_id"] >> np.uint64(FORCED_ID_SHIFT) != 1) & (
        event["counter_order_id"] >> np.uint64(FORCED_ID_SHIFT) != 1
    )
    account_id, counter_id = event["account_id"], event["counter_account_id"]
    group = state.book.groups[account_id]
    is_one_person = (account_id == counter_id) | ((group != 0) & (group == state.book.groups[counter_id]))
    return is_free & (not is_one_person)


@inlined
def place_of(slot, number):
    """Where the print of a number stands, counted from the tranche's first."""
    return np.int64(slot) * PRINTS_KEPT + (np.int64(number) & (PRINTS_KEPT - 1))


@inlined
def kept_prints(tranche):
    """How many prints a tranche has kept."""
    return min(tranche["prints"], np.int64(PRINTS_KEPT))


@inlined
def oldest_print(tranche):
    """The number of the oldest print that a tranche has kept."""
    return tranche["prints"] - kept_prints(tranche)


def export_prints(state: State) -> np.ndarray:
    """PRINT rows of live tranches, by tranche slot and from the oldest on."""
    live = np.flatnonzero(state.tranches["state"] != LifeState.NONE)
    noted = state.tranches["prints"][live]
    kept = np.minimum(noted, PRINTS_KEPT)
    ages = np.arange(PRINTS_KEPT)
    places = live[:, None] * PRINTS_KEPT + ((noted - kept)[:, None] + ages) % PRINTS_KEPT
    return state.prints[places[ages < kept[:, None]]]


@kernel
def restore_prints(state, rows):
    """Put the prints of every tranche back where they stood."""
    first = 0
    for at in range(len(rows)):
        if rows[at]["instrument_id"] != rows[first]["instrument_id"]:
            first = at
        slot = slot_of(state, rows[at]["instrument_id"])
        tranche = state.tranches[slot]
        state.prints[place_of(slot, oldest_print(tranche) + (at - first))] = rows[at]


assert PRINTS_KEPT & (PRINTS_KEPT - 1) == 0, "a ring is as long as a power of two"
assert PRINT.itemsize == 24
