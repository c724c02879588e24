"""Positions: lots and their exact cost, and what is open to buy and to sell, one for each account and instrument.

Over all accounts the lots of an instrument add up to zero, and so do the costs, always. No averages, no rounding. A
position that only stands for open orders goes with the last of them. Once it held lots it is chained, and stays until
its instrument is settled: behind the others of the instrument in the order in which they came, so that settling walks
them in an order that has nothing to do with memory, and to the others of its account.
"""

import numpy as np

from kernels.bucket_table import entries_of, first_slot, home_bucket, insert_slot, is_passed, next_bucket, remove_slot
from kernels.compile import inlined, outlined
from kernels.intrinsics import hash_tag, rarely
from kernels.table import following, home, insert_entry, remove_entry
from risk.schema import RECENT, SCENARIOS

NIL = 0


@inlined
def pair_tag(first, second):
    """The hash of two ids."""
    return hash_tag(np.uint64(first) << np.uint64(32) | np.uint64(second))


@inlined
def find_position(ledger, account_id, instrument_id):
    """The slot of a position, or NIL.

    Most likely it is the one that look-ahead found for the command at work, else the one that the account used last.
    """
    noted = np.int64(ledger.near[0])
    if is_position(ledger.positions[noted], account_id, instrument_id):
        return noted
    recent = ledger.recent[recent_place(account_id)]
    if is_position(recent, account_id, instrument_id):
        return np.int64(recent["slot"])
    return look_up_position(ledger, account_id, instrument_id)


@inlined
def is_position(position, account_id, instrument_id):
    """Whether a position, or what is noted of one, is that of an account in an instrument."""
    return (position["account_id"] == account_id) & (position["instrument_id"] == instrument_id)


@inlined
def look_up_position(ledger, account_id, instrument_id):
    """The same by the table."""
    tag = pair_tag(account_id, instrument_id)
    table = ledger.position_table
    bucket = home_bucket(table, tag)
    while True:
        found = entries_of(table, bucket, tag)
        while found != 0:
            # That of a free entry is NIL, which is nobody's.
            slot = first_slot(table, bucket, found)
            if is_position(ledger.positions[slot], account_id, instrument_id):
                note_recent(ledger, slot)
                return slot
            found &= found - np.uint64(1)
        if not rarely(is_passed(table, bucket)):
            return np.int64(NIL)
        bucket = next_bucket(table, bucket)


@inlined
def recent_place(account_id):
    """Where the position stands that an account used last."""
    return np.int64(account_id) & np.int64(RECENT - 1)


@inlined
def note_recent(ledger, slot):
    """A position is the one that its account uses."""
    position = ledger.positions[slot]
    recent = ledger.recent[recent_place(position["account_id"])]
    recent["account_id"] = position["account_id"]
    recent["instrument_id"] = position["instrument_id"]
    recent["slot"] = slot
    recent["class_slot"] = position["class_slot"]


@inlined
def forget_recent(ledger, slot):
    """A position is about to be freed: nobody is taken to it any more, not even who asks for instrument 0."""
    position = ledger.positions[slot]
    recent = ledger.recent[recent_place(position["account_id"])]
    if np.int64(recent["slot"]) == slot:
        recent["account_id"] = 0
        recent["instrument_id"] = 0
        recent["slot"] = NIL


@inlined
def gross_nano(contract, position):
    """What a position counts for in the gross of its account: its lots and all that is open, at the highest price."""
    return (abs(position["lots"]) + position["buy_lots"] + position["sell_lots"]) * contract["gross_nano"]


@inlined
def has_room(ledger, more):
    """Whether so many positions more can be opened."""
    return ledger.totals[0]["live_positions"] + more < len(ledger.positions)


@inlined
def position_of(ledger, account_id, instrument_id, region_id):
    """The slot of a position, opened if there is none. The caller has seen that there is room."""
    slot = find_position(ledger, account_id, instrument_id)
    if slot == NIL:
        slot = open_position(ledger, account_id, instrument_id, region_id)
    return slot


@outlined
def open_position(ledger, account_id, instrument_id, region_id):
    """A new position of no lots and no orders. Since when it is long or short is entered with its first lots."""
    totals = ledger.totals[0]
    slot = np.int64(totals["free_position"])
    if slot != NIL:
        totals["free_position"] = ledger.positions[slot]["next"]
    else:
        slot = np.int64(totals["fresh_position"])
        assert slot < len(ledger.positions), "no position slot is left"
        totals["fresh_position"] = slot + 1
    totals["live_positions"] += 1
    position = ledger.positions[slot]
    position["account_id"] = account_id
    position["instrument_id"] = instrument_id
    position["lots"] = 0
    position["cost_nano"] = 0
    position["buy_lots"] = 0
    position["sell_lots"] = 0
    position["class_slot"] = join_class(ledger, account_id, region_id)
    position["next"] = NIL
    position["older"] = NIL
    position["newer"] = NIL
    position["reduce_only_sides"] = 0
    position["is_chained"] = 0
    insert_slot(ledger.position_table, pair_tag(account_id, instrument_id), slot)
    note_recent(ledger, slot)
    return slot


@inlined
def chain_position(ledger, tranche, slot):
    """Chain a position that is about to hold lots behind the others of its tranche, and before those of its account."""
    position = ledger.positions[slot]
    position["is_chained"] = 1
    if tranche["first_position"] == NIL:
        tranche["first_position"] = slot
    else:
        ledger.positions[tranche["last_position"]]["next"] = slot
    tranche["last_position"] = slot
    account = ledger.accounts[position["account_id"]]
    position["older"] = account["first_position"]
    ledger.positions[account["first_position"]]["newer"] = slot
    account["first_position"] = slot
    account["position_count"] += 1


@inlined
def turns(before_lots, lots):
    """Whether a position became net long or short by a change."""
    return (lots != 0) & ((before_lots == 0) | ((before_lots < 0) != (lots < 0)))


@inlined
def drop_unused(ledger, slot):
    """Free a position that stood for orders alone, when the last of them is gone."""
    position = ledger.positions[slot]
    if position["is_chained"] == 0 and position["buy_lots"] == 0 and position["sell_lots"] == 0:
        close_position(ledger, slot)


@inlined
def unchain_first(ledger, tranche):
    """Take the first position of a tranche, whose lots are settled, out of both chains and free it."""
    slot = np.int64(tranche["first_position"])
    position = ledger.positions[slot]
    tranche["first_position"] = position["next"]
    if position["next"] == NIL:
        tranche["last_position"] = NIL
    account = ledger.accounts[position["account_id"]]
    account["position_count"] -= 1
    if position["newer"] == NIL:
        account["first_position"] = position["older"]
    else:
        ledger.positions[position["newer"]]["older"] = position["older"]
    ledger.positions[position["older"]]["newer"] = position["newer"]
    close_position(ledger, slot)


@outlined
def close_position(ledger, slot):
    """Free the slot of a position."""
    position = ledger.positions[slot]
    totals = ledger.totals[0]
    forget_recent(ledger, slot)
    remove_slot(ledger.position_table, pair_tag(position["account_id"], position["instrument_id"]), slot)
    leave_class(ledger, np.int64(position["class_slot"]))
    position["account_id"] = 0
    position["instrument_id"] = 0
    position["next"] = totals["free_position"]
    totals["free_position"] = slot
    totals["live_positions"] -= 1


@inlined
def join_class(ledger, account_id, region_id):
    """The slot of an account in a margin class, for one position more."""
    slot = find_class(ledger, account_id, region_id)
    if slot == NIL:
        slot = open_class(ledger, account_id, region_id)
    ledger.classes[slot]["position_count"] += 1
    return slot


@inlined
def find_class(ledger, account_id, region_id):
    """The slot of an account in a margin class, or NIL. Most likely it is that of the position that it used last."""
    slot = np.int64(ledger.recent[recent_place(account_id)]["class_slot"])
    if is_class(ledger.classes[slot], account_id, region_id):
        return slot
    return look_up_class(ledger, account_id, region_id)


@inlined
def look_up_class(ledger, account_id, region_id):
    """The same by the table."""
    tag = pair_tag(account_id, region_id)
    at = home(ledger.class_table, tag)
    while True:
        slot = np.int64(ledger.class_table[at]["slot"])
        if slot == NIL:
            return slot
        has_tag = np.int64(ledger.class_table[at]["tag"]) == tag
        if has_tag and is_class(ledger.classes[slot], account_id, region_id):
            return slot
        at = following(ledger.class_table, at)


@inlined
def is_class(margin_class, account_id, region_id):
    """Whether a margin class is that of an account in a region."""
    return (margin_class["account_id"] == account_id) & (margin_class["region_id"] == region_id)


@inlined
def open_class(ledger, account_id, region_id):
    """An account's first position in a region. There are never more of these than positions."""
    totals = ledger.totals[0]
    slot = np.int64(totals["free_class"])
    if slot != NIL:
        totals["free_class"] = ledger.classes[slot]["next_free"]
    else:
        slot = np.int64(totals["fresh_class"])
        totals["fresh_class"] = slot + 1
    totals["live_classes"] += 1
    opened = ledger.classes[slot]
    opened["account_id"] = account_id
    opened["region_id"] = region_id
    opened["margin_nano"] = 0
    opened["worst_lots"] = 0
    opened["position_count"] = 0
    opened["next_free"] = NIL
    for scenario in range(SCENARIOS):
        ledger.losses[slot * SCENARIOS + scenario] = 0
    insert_entry(ledger.class_table, pair_tag(account_id, region_id), slot)
    return slot


@inlined
def leave_class(ledger, slot):
    """One position less; with the last of them the class goes."""
    left = ledger.classes[slot]
    left["position_count"] -= 1
    if left["position_count"] == 0:
        assert left["margin_nano"] == 0, "a margin class without positions needs margin"
        assert left["worst_lots"] == 0, "a margin class without positions has lots"
        totals = ledger.totals[0]
        remove_entry(ledger.class_table, pair_tag(left["account_id"], left["region_id"]), slot)
        left["account_id"] = 0
        left["next_free"] = totals["free_class"]
        totals["free_class"] = slot
        totals["live_classes"] -= 1
