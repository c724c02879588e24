"""Bringing near what the next commands will touch, so that the memory works while the kernel does.

A batch of commands is known ahead. Each stage of the chain from an id to the cache lines behind it runs a few commands
before it is needed: first the id table or the side of the book, then the order, then its level and neighbours. All of this
reads input before validation, so every index is clamped to its array, and none of it has an effect on any result.
"""

import numpy as np

from matching.compile import kernel
from matching.intrinsics import hash_tag, prefetch
from matching.schema import NIL, CommandKind

IDS_AHEAD = 14
ORDERS_AHEAD = 9
LEVELS_AHEAD = 4


@kernel
def look_ahead(book, commands, index):
    """Run each stage for the command that is so many places ahead."""
    if index + IDS_AHEAD < len(commands):
        ask_for_entries(book, commands[index + IDS_AHEAD])
    if index + ORDERS_AHEAD < len(commands):
        ask_for_order(book, commands[index + ORDERS_AHEAD])
    if index + LEVELS_AHEAD < len(commands):
        ask_for_level(book, commands[index + LEVELS_AHEAD])


@kernel
def ask_for_entries(book, command):
    """The id's entry and, for a new order, its instrument."""
    prefetch(book.ids, hash_tag(command["order_id"]) & np.int64(len(book.ids) - 1))
    if command["kind"] == CommandKind.PLACE:
        slot = np.int64(command["instrument_id"]) & np.int64(len(book.instruments) - 1)
        prefetch(book.instruments, slot)
        prefetch(book.sides, 2 * slot)


@kernel
def ask_for_order(book, command):
    """The order behind the id, or what a new order meets: the best level of the other side and its own leaf."""
    if command["kind"] != CommandKind.PLACE:
        prefetch(book.orders, np.int64(likely_slot(book, command["order_id"])))
        return
    slot = np.int64(command["instrument_id"]) & np.int64(len(book.instruments) - 1)
    own = 2 * slot + np.int64(command["side"] & 1)
    prefetch(book.levels, np.int64(book.sides[own ^ 1]["best_level"]))
    leaf = np.int64(book.sides[own]["recent_leaf"])
    prefetch(book.nodes, leaf)
    prefetch(book.children, leaf * 64 + (np.int64(command["price_ticks"]) & 63))


@kernel
def ask_for_level(book, command):
    """The level of the order, and its neighbours in the queue."""
    if command["kind"] == CommandKind.PLACE:
        return
    order = book.orders[likely_slot(book, command["order_id"])]
    prefetch(book.levels, np.int64(order["level"]))
    prefetch(book.orders, np.int64(order["next"]))
    prefetch(book.orders, np.int64(order["previous"]))


@kernel
def likely_slot(book, order_id):
    """The slot in the first entry where the id may be; NIL is a harmless answer."""
    slot = np.int64(book.ids[hash_tag(order_id) & np.int64(len(book.ids) - 1)]["slot"])
    return slot if slot < len(book.orders) else np.int64(NIL)
