"""What each account holds of each tranche, in the order in which it was opened."""

import numpy as np

from exchange.view.columns.pools import give_back, take_row
from exchange.view.columns.schema import NIL, POSITIONS
from kernels.compile import inlined, outlined
from kernels.intrinsics import hash_tag
from kernels.table import following, home, remove_entry


@inlined
def position_key(account_id, instrument):
    """One number for an account and a tranche."""
    return np.uint64(instrument) << np.uint64(32) | np.uint64(account_id)


@inlined
def position_entry(columns, key, tag):
    """Where a position stands in the table, or the free place where it would."""
    at = home(columns.position_table, tag)
    while columns.position_table[at]["slot"] != NIL:
        row = np.int64(columns.position_table[at]["slot"])
        if columns.position_table[at]["tag"] == tag and columns.positions[row]["key"] == key:
            return at
        at = following(columns.position_table, at)
    return at


@inlined
def move_position(columns, account_id, instrument, lots, cost_nano):
    """An account gets lots of a tranche, or gives them when negative, at their signed cost."""
    key = position_key(account_id, instrument)
    tag = hash_tag(key)
    at = position_entry(columns, key, tag)
    row = np.int64(columns.position_table[at]["slot"])
    if row == NIL:
        row = take_row(columns.pools[POSITIONS], columns.positions)
        columns.position_table[at]["tag"] = tag
        columns.position_table[at]["slot"] = row
        begin_position(columns, row, key, account_id, instrument)
    columns.positions[row]["lots"] += lots
    columns.positions[row]["cost_nano"] += cost_nano


@outlined
def begin_position(columns, row, key, account_id, instrument):
    """A flat position, the newest of its account."""
    position, account = columns.positions[row], columns.accounts[np.int64(account_id)]
    position["key"] = key
    position["lots"] = 0
    position["cost_nano"] = 0
    position["account_id"] = account_id
    position["instrument"] = instrument
    position["previous"] = account["last_position"]
    position["next"] = NIL
    if account["last_position"] == NIL:
        account["first_position"] = row
    else:
        columns.positions[np.int64(account["last_position"])]["next"] = row
    account["last_position"] = row


@outlined
def settle_position(columns, account_id, instrument):
    """A position is gone."""
    key = position_key(account_id, instrument)
    tag = hash_tag(key)
    row = np.int64(columns.position_table[position_entry(columns, key, tag)]["slot"])
    assert row != NIL, "a position is settled that the view does not know"
    remove_entry(columns.position_table, tag, row)
    position, account = columns.positions[row], columns.accounts[np.int64(account_id)]
    if position["previous"] == NIL:
        account["first_position"] = position["next"]
    else:
        columns.positions[np.int64(position["previous"])]["next"] = position["next"]
    if position["next"] == NIL:
        account["last_position"] = position["previous"]
    else:
        columns.positions[np.int64(position["next"])]["previous"] = position["previous"]
    give_back(columns.pools[POSITIONS], columns.positions, row)
