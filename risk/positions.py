"""Positions: lots and their exact cost, one for each account that holds an instrument.

Over all accounts the lots of an instrument add up to zero, and so do the costs, always. No averages, no rounding. The
positions of an instrument are chained in the order in which they were opened, so that settling walks them in an order
that has nothing to do with memory.
"""

import numpy as np

from kernels.compile import inlined
from kernels.intrinsics import hash_tag
from kernels.table import following, home, insert_entry, remove_entry

NIL = 0


@inlined
def position_tag(account_id, instrument_id):
    """The hash of a position's key."""
    return hash_tag(np.uint64(account_id) << np.uint64(32) | np.uint64(instrument_id))


@inlined
def find_position(ledger, account_id, instrument_id):
    """The slot of a position, or NIL."""
    tag = position_tag(account_id, instrument_id)
    at = home(ledger.position_table, tag)
    while True:
        slot = np.int64(ledger.position_table[at]["slot"])
        if slot == NIL:
            return slot
        position = ledger.positions[slot]
        if position["account_id"] == account_id and position["instrument_id"] == instrument_id:
            return slot
        at = following(ledger.position_table, at)


@inlined
def position_of(ledger, tranche, account_id, instrument_id):
    """The slot of a position, opened as the last of its tranche if there is none."""
    slot = find_position(ledger, account_id, instrument_id)
    if slot == NIL:
        slot = open_position(ledger, account_id, instrument_id)
        append_position(ledger, tranche, slot)
    return slot


@inlined
def open_position(ledger, account_id, instrument_id):
    """A new position of no lots. The caller has seen that there is room."""
    totals = ledger.totals[0]
    slot = np.int64(totals["free_position"])
    if slot != NIL:
        totals["free_position"] = ledger.positions[slot]["next"]
    else:
        slot = np.int64(totals["fresh_position"])
        assert slot < len(ledger.positions), "no position slot is left"
        totals["fresh_position"] = slot + 1
    totals["live_positions"] += 1
    ledger.accounts[account_id]["position_count"] += 1
    position = ledger.positions[slot]
    position["account_id"] = account_id
    position["instrument_id"] = instrument_id
    position["lots"] = 0
    position["cost_nano"] = 0
    position["hold_nano"] = 0
    position["next"] = NIL
    position["reduce_only_sides"] = 0
    insert_entry(ledger.position_table, position_tag(account_id, instrument_id), slot)
    return slot


@inlined
def append_position(ledger, tranche, slot):
    """Chain a position behind the others of its tranche."""
    if tranche["first_position"] == NIL:
        tranche["first_position"] = slot
    else:
        ledger.positions[tranche["last_position"]]["next"] = slot
    tranche["last_position"] = slot


@inlined
def fill_position(ledger, slot, lots, cost_nano):
    """A trade: lots and cost, both negative for the seller; what the position holds follows."""
    position = ledger.positions[slot]
    position["lots"] += lots
    position["cost_nano"] += cost_nano
    hold_nano = position_hold(position["lots"], position["cost_nano"])
    ledger.accounts[position["account_id"]]["position_hold_nano"] += hold_nano - position["hold_nano"]
    position["hold_nano"] = hold_nano


@inlined
def position_hold(lots, cost_nano):
    """What a position could lose: its cost when long or flat, what it was sold for when short."""
    if lots < 0:
        return abs(cost_nano)
    return max(cost_nano, np.int64(0))


@inlined
def settle_first(ledger, tranche, final_ticks):
    """Turn the first position of a tranche into cash at the final price; return its account, lots and amount.

    `cash += lots x F - cost`: over all positions of the tranche exactly nothing is made or lost.
    """
    slot = np.int64(tranche["first_position"])
    position = ledger.positions[slot]
    account_id = np.int64(position["account_id"])
    lots = position["lots"]
    amount_nano = lots * np.int64(final_ticks) * tranche["tick_value_nano"] - position["cost_nano"]
    account = ledger.accounts[account_id]
    account["cash_nano"] += amount_nano
    account["position_hold_nano"] -= position["hold_nano"]
    account["position_count"] -= 1
    tranche["first_position"] = position["next"]
    if position["next"] == NIL:
        tranche["last_position"] = NIL
    close_position(ledger, slot)
    return account_id, lots, amount_nano


@inlined
def close_position(ledger, slot):
    """Free the slot of a position that was settled."""
    position = ledger.positions[slot]
    totals = ledger.totals[0]
    remove_entry(ledger.position_table, position_tag(position["account_id"], position["instrument_id"]), slot)
    position["next"] = totals["free_position"]
    totals["free_position"] = slot
    totals["live_positions"] -= 1
