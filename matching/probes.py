"""What an order would find, before it comes: for all or nothing, a minimum, and the legs of a basket."""

import numpy as np

from kernels.compile import inlined, outlined
from matching.icebergs import total_leaves
from matching.prices import key_of, key_of_level, next_level
from matching.schema import NIL, SelfTrade
from matching.working import is_self_trade, own_side


@outlined
def is_fillable(book, needed_lots):
    """Whether the order at work would trade so many lots, less what self-trade prevention takes away."""
    opposite = own_side(book) ^ 1
    limit_key = key_of(opposite & 1, book.working[0]["price_ticks"])
    missing_lots = np.int64(needed_lots)
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
    return missing_lots <= 0


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
