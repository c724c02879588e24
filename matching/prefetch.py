"""Bringing near what the next commands will touch, so that the memory works while the kernel does.

A batch of commands is known ahead. The chain from an id to the cache lines behind it is walked in stages, each a few
commands later than the one before, when what it reads has arrived: the id's bucket and the side of the book;
then the order, or the best level of the other side and the leaf of the price; then the level and the neighbours in
the queue. A stage does the same for every kind of command, with NIL for what a kind does not need, because a branch
that nobody can guess costs more than a needless hint. All of this reads input before validation, so every index is
one that some record holds or is masked to its array, and none of it has an effect on any result: the slot that is
noted for a command spares its lookup only if the order there still has its id.
"""

import numpy as np

from kernels.bucket_table import home_bucket, likely_slot
from kernels.compile import inlined, outlined
from kernels.intrinsics import hash_tag, prefetch, rarely
from matching.arena import FANOUT, NOTED
from matching.prices import DIGIT_MASK, key_of, key_of_level, limit_key_of
from matching.schema import NIL, TREE_DIGIT_BITS, CommandKind
from matching.sides import book_side_of, instrument_side_of

STEP = 4
"""How many commands one stage is ahead of the next."""
STAGES = 4
assert STAGES * STEP < NOTED
SMALL_BOOK_ORDERS = 1 << 16
"""A book that never held more orders is left to the caches but for its ids and orders."""


@inlined
def look_ahead(book, batch, index):
    """Bring near what later commands touch. Call it before each command; the last of a batch do without."""
    if rarely(index + STAGES * STEP >= len(batch.orders)):
        return
    at = np.uint32(index)
    # Into all caches: each stage reads the command, and the first one long before its turn.
    prefetch(batch.orders, np.int64(at) + 2 * STAGES * STEP)
    if book.counters[0]["fresh_order"] <= SMALL_BOOK_ORDERS:
        ask_for_entry(book, batch.orders[at + np.uint32(3 * STEP)]["order_id"])
        ask_for_order(book, batch.orders, at + np.uint32(2 * STEP))
        ask_for_terms(book, batch.orders, at + np.uint32(STEP))
        ask_for_links(book, at + np.uint32(STEP))
    else:
        run_stages(book, batch, at)


@outlined
def run_stages(book, batch, at):
    """One command's turn in each stage."""
    commands = batch.orders
    ask_for_entry(book, commands[at + np.uint32(4 * STEP)]["order_id"])
    ask_for_sides(book, commands[at + np.uint32(4 * STEP)])
    ask_for_order(book, commands, at + np.uint32(3 * STEP))
    ask_for_levels(book, commands, at + np.uint32(3 * STEP))
    ask_for_neighbours(book, commands, at + np.uint32(2 * STEP))
    ask_for_queue(book, commands, at + np.uint32(STEP))


@inlined
def ask_for_entry(book, order_id):
    """The id's bucket."""
    prefetch(book.ids, home_bucket(book.ids, hash_tag(order_id)))


@inlined
def ask_for_sides(book, command):
    """The instrument, and both sides of its book."""
    slot = likely_side(book, command) >> 1
    prefetch(book.instruments, slot)
    prefetch(book.sides, 2 * slot)


@inlined
def ask_for_order(book, commands, at):
    """The order that a change names, whose slot is noted."""
    slot = likely_slot(book.ids, hash_tag(commands[at]["order_id"]))
    is_new = np.int64(commands[at]["kind"] == CommandKind.PLACE)
    book.noted[note_of(at)] = slot | is_new
    prefetch(book.orders, slot)


@inlined
def ask_for_levels(book, commands, at):
    """What a new order may meet, which is noted, and where it may rest."""
    command = commands[at]
    own = likely_side(book, command)
    best = likely_best(book, command, own)
    book.met[note_of(at)] = best
    prefetch(book.levels, best)
    leaf = np.int64(book.sides[own]["recent_leaf"]) & may_meet(command)
    prefetch(book.nodes, leaf)
    prefetch(book.children, leaf * FANOUT + (key_of(own & 1, command["price_ticks"]) & DIGIT_MASK))


@inlined
def ask_for_neighbours(book, commands, at):
    """The level of an order that a change names, and its terms for a replace; the order that a new one meets, its own
    level, which is noted."""
    command = commands[at]
    prefetch(book.levels, np.int64(book.orders[noted_slot(book, at)]["level"]))
    ask_for_terms(book, commands, at)
    prefetch(book.orders, np.int64(book.levels[book.met[note_of(at)]]["head"]))
    level = likely_level(book, command, likely_side(book, command))
    book.joined[note_of(at)] = level
    prefetch(book.levels, level)


@inlined
def ask_for_terms(book, commands, at):
    """What only a replace looks at."""
    prefetch(book.terms, noted_slot(book, at) & -np.int64(commands[at]["kind"] == CommandKind.REPLACE))


@inlined
def ask_for_links(book, at):
    """The orders on both sides of one that a change names, if there are any."""
    slot = noted_slot(book, at)
    order = book.orders[slot]
    level = book.levels[order["level"]]
    prefetch(book.orders, np.int64(order["next"]) & -np.int64(np.int64(level["newest"]) != slot))
    prefetch(book.orders, np.int64(order["previous"]) & -np.int64(np.int64(level["head"]) != slot))


@inlined
def ask_for_queue(book, commands, at):
    """The order that a new one joins; the id's bucket of one that it meets; the neighbours of one that leaves, and
    where its level hangs if it is alone there."""
    prefetch(book.orders, np.int64(book.levels[book.joined[note_of(at)]]["newest"]))
    best = np.int64(book.met[note_of(at)])
    ask_for_entry(book, book.orders[book.levels[best]["head"]]["order_id"])
    ask_for_links(book, at)
    named = np.int64(book.orders[noted_slot(book, at)]["level"])
    leaving = book.levels[best if commands[at]["kind"] == CommandKind.PLACE else named]
    leaf = np.int64(leaving["leaf"]) & -np.int64(leaving["head"] == leaving["newest"])
    prefetch(book.nodes, leaf)
    prefetch(book.children, leaf * FANOUT + (key_of_level(leaving) & DIGIT_MASK))


@inlined
def noted_slot(book, at):
    """The slot that was found for a command on the way to it, or some other one, or NIL."""
    return np.int64(book.noted[note_of(at)])


@inlined
def note_of(at):
    """Where notes of a command stand."""
    return np.uint32(at) & np.uint32(NOTED - 1)


@inlined
def looks_dead(book, at):
    """Whether nothing was found for a change: most likely it names an order that is gone."""
    return noted_slot(book, at) == NIL


@inlined
def likely_side(book, command):
    """The book side of a new order; for others, some side."""
    return book_side_of(book, instrument_side_of(command["instrument_id"], command["side"] & np.uint8(1)))


@inlined
def may_meet(command):
    """All bits for a command that may trade and rest, none for a cancel: whatever they mask is then NIL."""
    return -np.int64(command["kind"] != CommandKind.CANCEL)


@inlined
def likely_best(book, command, own):
    """The best level of the other side if an order would trade with it, else NIL."""
    side = book.sides[own ^ 1]
    is_crossing = np.int64(side["best_key"]) <= limit_key_of(own, command)
    return np.int64(side["best_level"]) & may_meet(command) & -np.int64(is_crossing)


@inlined
def likely_level(book, command, own):
    """The level where an order may rest, if that is near the last one used, else NIL."""
    side = book.sides[own]
    key = key_of(own & 1, command["price_ticks"])
    is_near = np.int64(side["recent_prefix"]) == key >> TREE_DIGIT_BITS
    leaf = np.int64(side["recent_leaf"]) & may_meet(command) & -np.int64(is_near)
    return np.int64(book.children[leaf * FANOUT + (key & DIGIT_MASK)])
