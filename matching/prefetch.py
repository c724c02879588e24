"""Bringing near what the next commands will touch, so that the memory works while the kernel does.

A batch of commands is known ahead. The chain from an id to the cache lines behind it is walked in stages, each a
block of commands later than the one before, when what it reads has arrived: the id's bucket and the side of the book;
then the order, or the best level of the other side and the leaf of the price; then the level and the neighbours in
the queue. A stage does the same for every kind of command, with NIL for what a kind does not have, because a branch
that nobody can guess costs more than a needless hint. All of this reads input before validation, so every index is
one that some record holds or is masked to its array, and none of it has an effect on any result.
"""

import numpy as np

from kernels.compile import inlined, outlined
from kernels.intrinsics import equal_lanes, hash_tag, lowest_bit, prefetch
from matching.arena import FANOUT
from matching.identifiers import SLOTS, home_bucket
from matching.prices import DIGIT_MASK, key_of
from matching.schema import TREE_DIGIT_BITS

BLOCK = 4
"""Commands that a stage takes at a time."""
SMALL_BOOK_ORDERS = 1 << 16
"""A book that never held more orders is left to the caches but for its ids and orders."""
BESIDE_ENTRIES = np.uint64(1 << 7)
"""The lane after the entries of a bucket, where the slot is always NIL."""


@inlined
def look_ahead(book, commands, index):
    """Bring near what later commands touch. Call it before each command; it works at the first of each block."""
    if index % BLOCK == 0:
        run_stages(book, commands, index)


@outlined
def run_stages(book, commands, index):
    """Run each stage for the block that it has come to; at the beginning of a batch, for all up to there."""
    for at in range(stage_start(index, 4), min(index + 5 * BLOCK, len(commands))):
        prefetch(commands, at + BLOCK)
        ask_for_entries(book, commands[at])
    for at in range(stage_start(index, 3), min(index + 4 * BLOCK, len(commands))):
        ask_for_orders(book, commands[at])
    if book.counters[0]["fresh_order"] <= SMALL_BOOK_ORDERS:
        return  # What is left to ask for stays in the cache by itself.
    for at in range(stage_start(index, 2), min(index + 3 * BLOCK, len(commands))):
        ask_for_neighbours(book, commands[at])
    for at in range(stage_start(index, 1), min(index + 2 * BLOCK, len(commands))):
        ask_for_queue(book, commands[at])


@inlined
def stage_start(index, blocks):
    """Where a stage that runs so many blocks ahead goes on."""
    return index + blocks * BLOCK if index != 0 else 0


@inlined
def ask_for_entries(book, command):
    """The id's bucket, the instrument, and both sides of its book."""
    prefetch(book.ids, home_bucket(book, hash_tag(command["order_id"])))
    slot = np.int64(command["instrument_id"]) & np.int64(len(book.instruments) - 1)
    prefetch(book.instruments, slot)
    prefetch(book.sides, 2 * slot)


@inlined
def ask_for_orders(book, command):
    """The order that a change names; what a new order may meet, and where it may rest."""
    prefetch(book.orders, likely_slot(book, command))
    own = likely_side(book, command)
    prefetch(book.levels, np.int64(book.sides[own ^ 1]["best_level"]))
    leaf = np.int64(book.sides[own]["recent_leaf"])
    prefetch(book.nodes, leaf)
    prefetch(book.children, leaf * FANOUT + (key_of(own & 1, command["price_ticks"]) & DIGIT_MASK))


@inlined
def ask_for_neighbours(book, command):
    """The level and neighbours of an order that a change names; the order that a new one meets, its own level."""
    order = book.orders[likely_slot(book, command)]
    prefetch(book.levels, np.int64(order["level"]))
    prefetch(book.orders, np.int64(order["next"]))
    prefetch(book.orders, np.int64(order["previous"]))
    own = likely_side(book, command)
    prefetch(book.orders, np.int64(book.levels[book.sides[own ^ 1]["best_level"]]["head"]))
    prefetch(book.levels, likely_level(book, own, key_of(own & 1, command["price_ticks"])))


@inlined
def ask_for_queue(book, command):
    """The order that a new one joins; the id's bucket of one that it meets."""
    own = likely_side(book, command)
    level = likely_level(book, own, key_of(own & 1, command["price_ticks"]))
    prefetch(book.orders, np.int64(book.levels[level]["newest"]))
    maker = book.levels[book.sides[own ^ 1]["best_level"]]["head"]
    prefetch(book.ids, home_bucket(book, hash_tag(book.orders[maker]["order_id"])))


@inlined
def likely_slot(book, command):
    """The slot behind a command's id, or NIL: one that has the id's hash is enough for a hint."""
    tag = hash_tag(command["order_id"])
    bucket = home_bucket(book, tag)
    found = equal_lanes(book.ids, bucket, tag) | BESIDE_ENTRIES
    return np.int64(book.ids[bucket + SLOTS + lowest_bit(found)])


@inlined
def likely_side(book, command):
    """The book side of a new order; for others, some side."""
    slot = np.int64(command["instrument_id"]) & np.int64(len(book.instruments) - 1)
    return 2 * slot + np.int64(command["side"] & np.uint8(1))


@inlined
def likely_level(book, book_side, key):
    """The level at a key if it is near the last one used, else NIL."""
    side = book.sides[book_side]
    is_near = np.int64(side["recent_prefix"]) == key >> TREE_DIGIT_BITS
    leaf = np.int64(side["recent_leaf"]) if is_near else np.int64(0)
    return np.int64(book.children[leaf * FANOUT + (key & DIGIT_MASK)])
