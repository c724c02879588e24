"""What an order would find, before it comes: for all or nothing, a minimum, and the legs of a basket."""

import numpy as np

from kernels.compile import inlined, outlined
from matching.icebergs import total_leaves
from matching.layout import Progress
from matching.prices import key_of, key_of_level, next_level
from matching.rules import MINIMUM
from matching.schema import NIL, SelfTrade, TimeInForce
from matching.working import is_self_trade, load_order, own_side


@outlined
def lots_to_come(book, batch, index, limit_ticks):
    """How many lots of a new order will trade or rest, at most: 0 if it asks for more than it would find.

    Nothing else may be at work. An order that loses lots to its own account's is taken for whole, and so is one that
    rests in an auction unless its own account's order stops it first.
    """
    command = batch.orders[index]
    quantity_lots = command["quantity_lots"]
    load_order(book, command, limit_ticks)
    missing_lots, is_stopped = find_missing(book, quantity_lots)
    book.taker[0]["progress"] = Progress.IDLE
    found_lots = quantity_lots - missing_lots
    if needed_lots(batch, index) > found_lots:
        return np.int64(0)
    rests = command["time_in_force"] == TimeInForce.GTC or command["time_in_force"] == TimeInForce.GTD
    if command["self_trade"] == SelfTrade.DECREMENT or (rests and not is_stopped):
        return quantity_lots
    return found_lots


@inlined
def needed_lots(batch, index):
    """How many lots a new order must find, or else is killed."""
    command = batch.orders[index]
    if command["time_in_force"] == TimeInForce.FOK:
        return command["quantity_lots"]
    if command["flags"] & MINIMUM:
        return batch.extras[index + 1]["minimum_lots"]
    return np.int64(0)


@outlined
def is_fillable(book, wanted_lots):
    """Whether the order at work would trade so many lots, less what self-trade prevention takes away."""
    missing_lots, _ = find_missing(book, wanted_lots)
    return missing_lots == 0


@inlined
def find_missing(book, wanted_lots):
    """How many of so many lots the order at work would not find, and whether an order of its own account stops it."""
    opposite = own_side(book) ^ 1
    limit_key = key_of(opposite & 1, book.working[0]["price_ticks"])
    missing_lots = np.int64(wanted_lots)
    goes_on = True
    totals_tell = book.working[0]["self_trade"] == SelfTrade.NONE and book.sides[opposite]["iceberg_count"] == 0
    level = np.int64(book.sides[opposite]["best_level"])
    while level != NIL and key_of_level(book.levels[level]) <= limit_key and missing_lots > 0:
        if totals_tell:
            missing_lots -= book.levels[level]["quantity_lots"]
        else:
            available_lots, goes_on = probe_level(book, level)
            missing_lots -= available_lots
            if not goes_on:
                break
        level = next_level(book, level)
    return max(missing_lots, np.int64(0)), not goes_on


@inlined
def probe_level(book, level):
    """How many lots of a level the order at work could take, and whether it gets past the level.

    An order that stops it stands before every next clip of the icebergs at its price.
    """
    mode = book.working[0]["self_trade"]
    newest = np.int64(book.levels[level]["newest"])
    shown_lots = np.int64(0)
    total_lots = np.int64(0)
    slot = np.int64(book.levels[level]["head"])
    while True:
        if mode == SelfTrade.NONE or not is_self_trade(book, slot):
            shown_lots += book.orders[slot]["leaves_lots"]
            total_lots += total_leaves(book, slot)
        elif mode != SelfTrade.CANCEL_OLDEST:
            return shown_lots, False
        if slot == newest:
            return total_lots, True
        slot = np.int64(book.orders[slot]["next"])
