"""The levels of all books, and which of them somebody has to hear of."""

import numpy as np

from exchange.view.columns.compile import kernel
from exchange.view.columns.pools import give_back, take_row
from exchange.view.columns.schema import LEVELS, NIL
from kernels.compile import inlined, outlined
from kernels.intrinsics import hash_tag
from kernels.table import following, home, remove_entry


@inlined
def level_key(instrument, side, price_ticks):
    """One number for a price of one side of one book."""
    return np.uint64(instrument) << np.uint64(32) | np.uint64(side) << np.uint64(31) | np.uint64(price_ticks)


@inlined
def level_entry(columns, key, tag):
    """Where a level stands in the table, or the free place where it would."""
    at = home(columns.level_table, tag)
    while columns.level_table[at]["slot"] != NIL:
        row = np.int64(columns.level_table[at]["slot"])
        if columns.level_table[at]["tag"] == tag and columns.levels[row]["key"] == key:
            return at
        at = following(columns.level_table, at)
    return at


@inlined
def find_level(columns, instrument, side, price_ticks):
    """The row of a level, or NIL."""
    key = level_key(instrument, side, price_ticks)
    return np.int64(columns.level_table[level_entry(columns, key, hash_tag(key))]["slot"])


@inlined
def enter_level(columns, instrument, side, price_ticks):
    """The row of a level, which may have been there."""
    key = level_key(instrument, side, price_ticks)
    tag = hash_tag(key)
    at = level_entry(columns, key, tag)
    if columns.level_table[at]["slot"] != NIL:
        return np.int64(columns.level_table[at]["slot"])
    row = take_row(columns.pools[LEVELS], columns.levels)
    columns.level_table[at]["tag"] = tag
    columns.level_table[at]["slot"] = row
    level = columns.levels[row]
    level["key"] = key
    level["instrument"] = instrument
    level["side"] = side
    level["price_ticks"] = price_ticks
    level["quantity_lots"] = 0
    level["order_count"] = 0
    level["is_touched"] = 0
    return row


@inlined
def move_level(columns, row, lots, orders, sequence):
    """Add lots and orders to a level, or take them off when negative. A level without orders is gone."""
    level = columns.levels[row]
    before = np.int64(level["order_count"])
    level["quantity_lots"] += lots
    level["order_count"] = before + orders
    columns.counters[0]["resting_orders"] += orders
    if before == 0:
        appear(columns, row)
    elif before + orders == 0:
        disappear(columns, row)
    touch(columns, row, sequence)


@inlined
def side_of(columns, level):
    """The record of a level's side."""
    return columns.sides[2 * np.int64(level["instrument"]) + np.int64(level["side"])]


@inlined
def appear(columns, row):
    """A level joins its side."""
    level = columns.levels[row]
    side = side_of(columns, level)
    level["previous"] = NIL
    level["next"] = side["first"]
    if side["first"] != NIL:
        columns.levels[np.int64(side["first"])]["previous"] = row
    side["first"] = row
    side["count"] += np.uint32(1)
    side["moves"] += np.uint32(1)


@inlined
def disappear(columns, row):
    """A level leaves its side; whoever asks for what changed still finds it."""
    level = columns.levels[row]
    side = side_of(columns, level)
    if level["previous"] == NIL:
        side["first"] = level["next"]
    else:
        columns.levels[np.int64(level["previous"])]["next"] = level["next"]
    if level["next"] != NIL:
        columns.levels[np.int64(level["next"])]["previous"] = level["previous"]
    side["count"] -= np.uint32(1)
    side["moves"] += np.uint32(1)


@inlined
def touch(columns, row, sequence):
    """Somebody has to hear of a level and its tranche."""
    level = columns.levels[row]
    instrument_row = np.int64(level["instrument"])
    instrument = columns.instruments[instrument_row]
    instrument["book_sequence"] = sequence
    if level["is_touched"] == 0:
        level["is_touched"] = 1
        level["next_touched"] = instrument["touched"]
        instrument["touched"] = row
    mark_changed(columns, instrument_row)


@inlined
def mark_changed(columns, instrument_row):
    """Somebody has to hear of a tranche."""
    instrument, counters = columns.instruments[instrument_row], columns.counters[0]
    if instrument["is_changed"] == 0:
        instrument["is_changed"] = 1
        columns.changed[counters["changed"]] = instrument_row
        counters["changed"] += 1


@outlined
def release_touched(columns, instrument_row):
    """Everybody has heard of a tranche's levels, or nobody came; those that are gone can be used again."""
    instrument = columns.instruments[instrument_row]
    row = np.int64(instrument["touched"])
    instrument["touched"] = NIL
    while row != NIL:
        level = columns.levels[row]
        following_row = np.int64(level["next_touched"])
        level["is_touched"] = 0
        if level["order_count"] == 0:
            remove_entry(columns.level_table, hash_tag(level["key"]), row)
            give_back(columns.pools[LEVELS], columns.levels, row)
        row = following_row


@kernel
def forget_touched(columns, instrument_row):
    """Drop the changes of one tranche that nobody came for."""
    release_touched(columns, instrument_row)


@kernel
def forget_all_touched(columns):
    """Drop the changes of all tranches that nobody came for."""
    for at in range(columns.counters[0]["changed"]):
        release_touched(columns, np.int64(columns.changed[at]))


@kernel
def count_touched(columns, instrument_row):
    """How many levels of a tranche changed."""
    count = 0
    row = np.int64(columns.instruments[instrument_row]["touched"])
    while row != NIL:
        count += 1
        row = np.int64(columns.levels[row]["next_touched"])
    return count


@kernel
def list_touched(columns, instrument_row, rows):
    """The rows of these levels, newest change first."""
    row = np.int64(columns.instruments[instrument_row]["touched"])
    for at in range(len(rows)):
        rows[at] = row
        row = np.int64(columns.levels[row]["next_touched"])


@kernel
def list_side(columns, side, rows):
    """The rows of the levels of a side, in any order."""
    row = np.int64(columns.sides[side]["first"])
    for at in range(len(rows)):
        rows[at] = row
        row = np.int64(columns.levels[row]["next"])


@kernel
def level_of(columns, instrument, side, price_ticks):
    """The row of a level that has orders, or NIL."""
    row = find_level(columns, instrument, side, price_ticks)
    return row if columns.levels[row]["order_count"] != 0 else np.int64(NIL)
