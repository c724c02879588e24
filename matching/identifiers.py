"""From an order id to its slot: one table for all instruments."""

from dataclasses import replace

import numpy as np

from kernels.bucket_table import (
    entries_of,
    first_slot,
    grown_bucket_table,
    home_bucket,
    insert_slot,
    is_passed,
    next_bucket,
    remove_slot,
)
from kernels.compile import inlined
from kernels.intrinsics import hash_tag, rarely
from matching.arena import Book
from matching.schema import NIL


@inlined
def find_slot(book, order_id):
    """The slot of a resting order, or NIL."""
    tag = hash_tag(np.uint64(order_id))
    bucket = home_bucket(book.ids, tag)
    while True:
        found = entries_of(book.ids, bucket, tag)
        while found != 0:
            # That of a free entry is NIL, which never holds another id than 0.
            slot = first_slot(book.ids, bucket, found)
            if book.orders[slot]["order_id"] == order_id:
                return slot
            found &= found - np.uint64(1)
        if not rarely(is_passed(book.ids, bucket)):
            return np.int64(NIL)
        bucket = next_bucket(book.ids, bucket)


@inlined
def insert_id(book, order_id, slot):
    """Enter an id that is not in the table."""
    insert_slot(book.ids, hash_tag(np.uint64(order_id)), slot)


@inlined
def remove_id(book, order_id, slot):
    """Take out the entry of a slot."""
    remove_slot(book.ids, hash_tag(np.uint64(order_id)), slot)


def grown(book: Book, additions: int) -> Book:
    """The same book with an id table that has room for so many orders more."""
    ids = grown_bucket_table(book.ids, int(book.counters[0]["resting_orders"]), additions)
    return book if ids is book.ids else replace(book, ids=ids)
