"""A hash table that is looked at a cache line at a time, for what is looked for most: orders by id, and positions.

It is made of buckets of one cache line, as words of 32 bits: seven entries, each of 32 bits of a key's hash and a slot
of the caller's pool, and a count of the entries that found this bucket full and went on to the next. One comparison
looks at all seven, so that a lookup has no loop to guess and touches the pool only when it is almost surely right; and
an entry that leaves takes one off the counts that it passed, so that nothing is ever shifted. Callers compare the keys:

    bucket = home_bucket(table, tag)
    while True:
        found = entries_of(table, bucket, tag)
        while found != 0:
            if <the slot at first_slot(table, bucket, found) has the key>: ...
            found &= found - np.uint64(1)
        if not rarely(is_passed(table, bucket)): <there is none>
        bucket = next_bucket(table, bucket)

A free entry may have the tag that is looked for, but its slot is 0, which no pool uses. Four entries in seven are in
use at most: `grown_bucket_table` doubles a table between batches.
"""

import numpy as np

from kernels.compile import inlined, kernel
from kernels.intrinsics import equal_lanes, lowest_bit, rarely
from kernels.memory import aligned_zeros

BUCKET_WORDS = 16
PASSED = 7
"""The word of a bucket that counts the entries that went on."""
SLOTS = 8
"""A bucket's slots stand so many words behind their tags."""
ENTRIES = np.uint64((1 << PASSED) - 1)
"""The lanes of a comparison that are entries."""
BESIDE_ENTRIES = np.uint64(1 << PASSED)
"""The lane after them, where the slot is always 0."""
TABLE_WORDS_MIN = BUCKET_WORDS << 9
WORDS_PER_ENTRY = 4
"""As many as a table has at least: then one bucket in nine is full, and one in twenty sends an entry on."""


@inlined
def home_bucket(table, tag):
    """The first word of the bucket where a tag belongs: its upper bits, by which keys in a row lie evenly apart."""
    word = np.uint64(tag) * np.uint64(len(table)) >> np.uint64(32)
    return np.int64(word & np.uint64(-BUCKET_WORDS & (1 << 32) - 1))


@inlined
def next_bucket(table, bucket):
    """The bucket to try next."""
    # Through 32 bits, so that the compiler sees an index that is not negative.
    return np.int64(np.uint32(bucket + BUCKET_WORDS)) & np.int64(len(table) - 1)


@inlined
def entries_of(table, bucket, tag):
    """The entries of a bucket that have a tag, as a bitmap."""
    return equal_lanes(table, bucket, tag) & ENTRIES


@inlined
def first_slot(table, bucket, found):
    """The slot of the first entry of a bitmap that is not empty."""
    return np.int64(table[bucket + SLOTS + lowest_bit(found)])


@inlined
def is_passed(table, bucket):
    """Whether entries that belong to a bucket, or to one before it, may stand in the next."""
    return table[bucket + PASSED] != 0


@inlined
def likely_slot(table, tag):
    """The slot behind a tag, or 0: to have the hash of a key in its own bucket is enough for a hint."""
    bucket = home_bucket(table, tag)
    return first_slot(table, bucket, equal_lanes(table, bucket, tag) | BESIDE_ENTRIES)


@inlined
def insert_slot(table, tag, slot):
    """Put a slot under the tag of its key, which is not in the table, into the first bucket with room."""
    bucket = home_bucket(table, tag)
    free = entries_with_slot(table, bucket, np.uint32(0))
    while rarely(free == 0):
        table[bucket + PASSED] += np.uint32(1)
        bucket = next_bucket(table, bucket)
        free = entries_with_slot(table, bucket, np.uint32(0))
    entry = bucket + lowest_bit(free)
    table[entry] = tag
    table[entry + SLOTS] = slot


@inlined
def remove_slot(table, tag, slot):
    """Take out a slot that was put in under a tag."""
    bucket = home_bucket(table, tag)
    found = entries_with_slot(table, bucket, np.uint32(slot))
    while rarely(found == 0):
        assert table[bucket + PASSED] != 0, "an entry is missing from a table"
        table[bucket + PASSED] -= np.uint32(1)
        bucket = next_bucket(table, bucket)
        found = entries_with_slot(table, bucket, np.uint32(slot))
    entry = bucket + lowest_bit(found)
    table[entry] = 0
    table[entry + SLOTS] = 0


@inlined
def entries_with_slot(table, bucket, slot):
    """The entries of a bucket that hold a slot, or are free for 0, as a bitmap."""
    return equal_lanes(table, bucket + SLOTS, slot) & ENTRIES


def grown_bucket_table(table: np.ndarray, live: int, additions: int) -> np.ndarray:
    """The same table, or a larger copy that has room for so many entries more."""
    needed = WORDS_PER_ENTRY * (live + additions)
    size = len(table)
    while size < needed:
        size *= 2
    if size == len(table):
        return table
    larger = aligned_zeros(size, np.uint32)
    copy_bucket_table(larger, table)
    return larger


@kernel
def copy_bucket_table(larger, table):
    """Enter every entry of one table into another."""
    for bucket in range(0, len(table), BUCKET_WORDS):
        for entry in range(bucket, bucket + PASSED):
            if table[entry + SLOTS] != 0:
                insert_slot(larger, np.int64(table[entry]), np.int64(table[entry + SLOTS]))
