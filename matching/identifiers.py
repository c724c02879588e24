"""From an order id to its slot: one hash table for all instruments.

The table is made of buckets of one cache line: seven entries, each of 32 bits of the id's hash and a slot, and a
count of the entries that found this bucket full and went on to the next. One comparison looks at all seven, so that a
lookup has no loop to guess and touches an order only when it is almost surely the right one; and an entry that leaves
takes one off the counts that it passed, so that nothing is ever shifted. Half of the table at most is in use: `grown`
doubles it between batches.
"""

from dataclasses import replace

import numpy as np

from kernels.compile import inlined, kernel
from kernels.intrinsics import equal_lanes, hash_tag, lowest_bit, rarely
from kernels.memory import aligned_zeros
from matching.arena import Book
from matching.layout import BUCKET_WORDS
from matching.schema import NIL

ENTRIES = np.uint64((1 << 7) - 1)
"""The lanes of a comparison that are entries."""
PASSED = 7
"""The word of a bucket that counts the entries that went on."""
SLOTS = 8
"""A bucket's slots stand so many words behind their tags."""


@inlined
def find_slot(book, order_id):
    """The slot of a resting order, or NIL."""
    tag = hash_tag(np.uint64(order_id))
    bucket = home_bucket(book, tag)
    while True:
        found = equal_lanes(book.ids, bucket, tag) & ENTRIES
        while found != 0:
            # A free entry may have the tag, but its slot is NIL, which never holds another id than 0.
            slot = np.int64(book.ids[bucket + SLOTS + lowest_bit(found)])
            if book.orders[slot]["order_id"] == order_id:
                return slot
            found &= found - np.uint64(1)
        if not rarely(book.ids[bucket + PASSED] != 0):
            return np.int64(NIL)
        bucket = next_bucket(book, bucket)


@inlined
def insert_id(book, order_id, slot):
    """Enter an id that is not in the table."""
    insert_tag(book, hash_tag(np.uint64(order_id)), slot)


@inlined
def insert_tag(book, tag, slot):
    """Put an entry into the first bucket with room."""
    bucket = home_bucket(book, tag)
    free = equal_lanes(book.ids, bucket + SLOTS, NIL) & ENTRIES
    while rarely(free == 0):
        book.ids[bucket + PASSED] += np.uint32(1)
        bucket = next_bucket(book, bucket)
        free = equal_lanes(book.ids, bucket + SLOTS, NIL) & ENTRIES
    entry = bucket + lowest_bit(free)
    book.ids[entry] = tag
    book.ids[entry + SLOTS] = slot


@inlined
def remove_id(book, order_id, slot):
    """Take out the entry of a slot."""
    bucket = home_bucket(book, hash_tag(np.uint64(order_id)))
    found = equal_lanes(book.ids, bucket + SLOTS, slot) & ENTRIES
    while rarely(found == 0):
        assert book.ids[bucket + PASSED] != 0, "an order is missing from the id table"
        book.ids[bucket + PASSED] -= np.uint32(1)
        bucket = next_bucket(book, bucket)
        found = equal_lanes(book.ids, bucket + SLOTS, slot) & ENTRIES
    entry = bucket + lowest_bit(found)
    book.ids[entry] = 0
    book.ids[entry + SLOTS] = NIL


@inlined
def home_bucket(book, tag):
    """The first word of the bucket where a tag belongs: its upper bits, by which ids in a row lie evenly apart."""
    word = np.uint64(tag) * np.uint64(len(book.ids)) >> np.uint64(32)
    return np.int64(word & np.uint64(-BUCKET_WORDS & (1 << 32) - 1))


@inlined
def next_bucket(book, bucket):
    """The bucket to try next."""
    # Through 32 bits, so that the compiler sees an index that is not negative.
    return np.int64(np.uint32(bucket + BUCKET_WORDS)) & np.int64(len(book.ids) - 1)


def grown(book: Book, additions: int) -> Book:
    """The same book with an id table that stays at most half full after so many more orders."""
    needed = 2 * (int(book.counters[0]["resting_orders"]) + additions)
    size = len(book.ids)
    while size // 2 < needed:
        size *= 2
    if size == len(book.ids):
        return book
    larger = replace(book, ids=aligned_zeros(size, np.uint32))
    copy_entries(larger, book.ids)
    return larger


@kernel
def copy_entries(book, words):
    """Enter every entry of an older table."""
    for bucket in range(0, len(words), BUCKET_WORDS):
        for entry in range(bucket, bucket + PASSED):
            if words[entry + SLOTS] != NIL:
                insert_tag(book, np.int64(words[entry]), np.int64(words[entry + SLOTS]))
