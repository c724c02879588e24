"""Open addressing from 64-bit keys to slots of a pool, for callers who compare the keys themselves.

An entry holds 32 bits of a key's hash beside the slot, so that a probe touches the pool only when it is almost surely
right, and a removal can shift later entries back without looking at their keys. A caller walks the entries like this:

    at = home(table, tag)
    while table[at]["slot"] != 0:
        if table[at]["tag"] == tag and <the slot has the key>: ...
        at = following(table, at)

Tables are kept at most half full by `grown_table`, between batches.
"""

import numpy as np

from kernels.compile import inlined, kernel
from kernels.memory import aligned_zeros
from kernels.records import record

ENTRY = record(("tag", "u4"), ("slot", "u4"))
TABLE_SIZE_MIN = 1 << 12


@inlined
def home(table, tag):
    """Where the entry of a tag stands, if nothing was in its way."""
    return tag & np.int64(len(table) - 1)


@inlined
def following(table, at):
    """The entry to look at next."""
    return (at + 1) & np.int64(len(table) - 1)


@inlined
def insert_entry(table, tag, slot):
    """Enter a slot under the tag of its key, which is not in the table."""
    at = home(table, tag)
    while table[at]["slot"] != 0:
        at = following(table, at)
    table[at]["tag"] = tag
    table[at]["slot"] = slot


@inlined
def remove_entry(table, tag, slot):
    """Take out the entry of a slot, and shift back those that were pushed past it."""
    mask = np.int64(len(table) - 1)
    hole = home(table, tag)
    while np.int64(table[hole]["slot"]) != slot:
        assert table[hole]["slot"] != 0, "an entry is missing from a table"
        hole = following(table, hole)
    at = following(table, hole)
    while table[at]["slot"] != 0:
        entry_home = home(table, np.int64(table[at]["tag"]))
        if ((at - entry_home) & mask) >= ((at - hole) & mask):
            table[hole]["tag"] = table[at]["tag"]
            table[hole]["slot"] = table[at]["slot"]
            hole = at
        at = following(table, at)
    table[hole]["slot"] = 0


@kernel
def copy_entries(source, target):
    """Enter every entry of one table into another."""
    for at in range(len(source)):
        if source[at]["slot"] != 0:
            insert_entry(target, np.int64(source[at]["tag"]), np.int64(source[at]["slot"]))


def grown_table(table: np.ndarray, live: int, additions: int) -> np.ndarray:
    """The same table, or a larger copy that stays at most half full after so many more entries."""
    needed = 2 * (live + additions)
    size = len(table)
    if needed <= size:
        return table
    while size < needed:
        size *= 2
    larger = aligned_zeros(size, ENTRY)
    copy_entries(table, larger)
    return larger
