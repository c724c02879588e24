"""Which side of which instrument's book: `instrument_side` is 2 x instrument id + side.

An instrument has its slot at its id modulo the number of slots, a power of two, so the low bits of an instrument side
are the book side: 2 x instrument slot + side. A level holds the whole number, and an event about an order of it names
the instrument without another look at memory.
"""

import numpy as np

from kernels.compile import inlined
from matching.schema import INSTRUMENT_ID_MAX, Side

assert (Side.BUY, Side.SELL) == (0, 1)
assert 2 * INSTRUMENT_ID_MAX + Side.SELL < 1 << 32


@inlined
def instrument_side_of(instrument_id, side):
    """The number of a side of an instrument."""
    return 2 * np.int64(instrument_id) + np.int64(side)


@inlined
def book_side_of(book, instrument_side):
    """The index of a side among `book.sides`."""
    return np.int64(instrument_side) & np.int64(len(book.sides) - 1)


@inlined
def side_of_level(level):
    """Whether a level is of bids or of asks."""
    return np.int64(level["instrument_side"] & np.uint32(1))


@inlined
def instrument_id_of_level(level):
    """The instrument in whose book a level is."""
    return level["instrument_side"] >> np.uint32(1)


@inlined
def instrument_slot_of_level(book, level):
    """The slot of the instrument in whose book a level is."""
    return book_side_of(book, level["instrument_side"]) >> 1
