"""The order at work: what it is, what becomes of it, and whom it must not trade with.

A command that brings or moves an order puts it here; meeting, collecting and resting go on from here.
"""

import numpy as np

from kernels.compile import inlined, outlined
from kernels.intrinsics import copy_record
from matching.icebergs import is_iceberg
from matching.layout import ACCOUNT_MASK, Progress
from matching.schema import NIL, CommandKind, OrderReason
from matching.sides import book_side_of, instrument_id_of_level, instrument_side_of


@inlined
def is_paused(book):
    """Whether a command waits for room to write its next events."""
    return book.taker[0]["progress"] == Progress.PAUSED


@inlined
def own_side(book):
    """The book side that the order at work would rest on."""
    return book_side_of(book, own_instrument_side(book))


@inlined
def own_instrument_side(book):
    """The same as a number that names the instrument."""
    return instrument_side_of(book.working[0]["instrument_id"], book.working[0]["side"])


@inlined
def load_order(book, command, limit_ticks):
    """Put a new order to work."""
    copy_record(command, book.working[0])
    if limit_ticks != command["price_ticks"]:
        book.working[0]["price_ticks"] = limit_ticks
    start(book, NIL, command["quantity_lots"])


@outlined
def load_paused(book, command, leaves_lots):
    """Keep a new order that was traded straight from its command, until there is room to go on."""
    load_order(book, command, np.int64(command["price_ticks"]))
    book.taker[0]["leaves_lots"] = leaves_lots
    book.taker[0]["progress"] = Progress.PAUSED


@inlined
def load_resting(book, slot, limit_ticks, leaves_lots, filled_lots):
    """Put a resting order to work again. It keeps its slot, its id and its terms meanwhile."""
    level = book.levels[book.orders[slot]["level"]]
    working = book.working[0]
    copy_record(book.terms[slot], working)
    working["kind"] = CommandKind.REPLACE
    working["instrument_id"] = instrument_id_of_level(level)
    working["price_ticks"] = limit_ticks
    working["quantity_lots"] = filled_lots + leaves_lots
    if is_iceberg(book.orders[slot]):
        book.taker[0]["display_lots"] = book.icebergs[slot]["display_lots"]
    start(book, slot, leaves_lots)


@inlined
def start(book, slot, leaves_lots):
    """So many lots are to be worked, of a new order or of one that keeps its slot."""
    taker = book.taker[0]
    taker["leaves_lots"] = leaves_lots
    taker["slot"] = slot
    taker["reason"] = OrderReason.NONE
    taker["progress"] = Progress.WORKING


@inlined
def is_self_trade(book, maker):
    """Whether a resting order belongs to the account at work or to its group."""
    taker_account = np.int64(book.working[0]["account_id"])
    maker_account = np.int64(book.orders[maker]["holder"] & ACCOUNT_MASK)
    if taker_account == maker_account:
        return True
    group = group_of(book, taker_account)
    return group != 0 and group == group_of(book, maker_account)


@inlined
def group_of(book, account_id):
    """The self-trade group of an account, 0 for none."""
    return book.groups[account_id] if account_id < len(book.groups) else np.uint32(0)
