"""From an order id to its slot: one open-addressing table for all instruments.

An entry holds 32 bits of the id's hash beside the slot, so that a probe touches the order itself only when it is almost
surely the right one, and a deletion can shift later entries back without looking at their orders. Half of the table
at most is in use: `grown` doubles it between batches.
"""

import numpy as np

from matching import schema
from matching.arena import Book
from matching.compile import kernel
from matching.intrinsics import hash_tag
from matching.schema import NIL


@kernel
def find_slot(book, order_id):
    """The slot of a resting order, or NIL."""
    mask = np.int64(len(book.ids) - 1)
    tag = hash_tag(np.uint64(order_id))
    at = tag & mask
    while True:
        slot = np.int64(book.ids[at]["slot"])
        if slot == NIL:
            return slot
        if np.int64(book.ids[at]["tag"]) == tag and book.orders[slot]["order_id"] == order_id:
            return slot
        at = (at + 1) & mask


@kernel
def insert_id(book, order_id, slot):
    """Enter an id that is not in the table."""
    mask = np.int64(len(book.ids) - 1)
    tag = hash_tag(np.uint64(order_id))
    at = tag & mask
    while book.ids[at]["slot"] != NIL:
        at = (at + 1) & mask
    book.ids[at]["tag"] = tag
    book.ids[at]["slot"] = slot


@kernel
def remove_id(book, order_id, slot):
    """Take out the entry of a slot, and shift back those that were pushed past it."""
    mask = np.int64(len(book.ids) - 1)
    hole = hash_tag(np.uint64(order_id)) & mask
    while np.int64(book.ids[hole]["slot"]) != slot:
        assert book.ids[hole]["slot"] != NIL, "an order is missing from the id table"
        hole = (hole + 1) & mask
    at = hole
    while True:
        at = (at + 1) & mask
        if book.ids[at]["slot"] == NIL:
            break
        home = np.int64(book.ids[at]["tag"]) & mask
        if ((at - home) & mask) >= ((at - hole) & mask):
            book.ids[hole]["tag"] = book.ids[at]["tag"]
            book.ids[hole]["slot"] = book.ids[at]["slot"]
            hole = at
    book.ids[hole]["slot"] = NIL


def grown(book: Book, additions: int) -> Book:
    """The same book with an id table that stays at most half full after so many more orders."""
    needed = 2 * (int(book.counters[0]["resting_orders"]) + additions)
    size = len(book.ids)
    if needed <= size:
        return book
    while size < needed:
        size *= 2
    larger = book._replace(ids=np.zeros(size, schema.ID_ENTRY))
    copy_entries(larger, book.ids)
    return larger


@kernel
def copy_entries(book, entries):
    """Enter every entry of an older table."""
    mask = np.int64(len(book.ids) - 1)
    for entry in range(len(entries)):
        if entries[entry]["slot"] != NIL:
            at = np.int64(entries[entry]["tag"]) & mask
            while book.ids[at]["slot"] != NIL:
                at = (at + 1) & mask
            book.ids[at]["tag"] = entries[entry]["tag"]
            book.ids[at]["slot"] = entries[entry]["slot"]
