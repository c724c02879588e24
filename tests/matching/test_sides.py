"""One number for a side of an instrument, and what is read from it."""

import numpy as np
import pytest

from matching.book import Limits, OrderBook
from matching.layout import LEVEL
from matching.schema import INSTRUMENT_ID_MAX, Side
from matching.sides import (
    book_side_of,
    instrument_id_of_level,
    instrument_side_of,
    instrument_slot_of_level,
    side_of_level,
)

SLOTS = 8


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("instrument_id", [0, 1, SLOTS - 1, SLOTS, 5 * SLOTS + 3, INSTRUMENT_ID_MAX])
def test_a_level_tells_its_instrument_its_side_and_where_both_are(instrument_id: int, side: Side) -> None:
    book = OrderBook(Limits(instruments=SLOTS, orders=8, nodes=64, accounts=4)).book
    number = instrument_side_of(instrument_id, side)
    level = np.zeros(1, LEVEL)[0]
    level["instrument_side"] = number
    slot = instrument_id % SLOTS
    assert (instrument_id_of_level(level), side_of_level(level)) == (instrument_id, side)
    assert instrument_slot_of_level(book, level) == slot
    assert book_side_of(book, number) == 2 * slot + side


def test_an_instrument_id_past_the_largest_is_not_listed() -> None:
    book = OrderBook(Limits(instruments=SLOTS, orders=8, nodes=64, accounts=4))
    with pytest.raises(ValueError, match="instrument id"):
        book.list_instrument(INSTRUMENT_ID_MAX + 1)
