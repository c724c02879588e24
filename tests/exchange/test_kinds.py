"""Records are picked by their kind as a search would pick them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exchange.kinds import Kinds
from matching.schema import EventKind

BYTES = st.integers(0, 255)


@given(st.frozensets(BYTES), st.lists(BYTES))
def test_a_look_finds_what_a_search_finds(kinds, column):
    records = np.array(column, np.uint8)
    assert np.array_equal(Kinds(kinds).among(records), np.isin(records, list(kinds)))


def test_kinds_are_a_set_too():
    kinds = Kinds((EventKind.TRADE, EventKind.RESTED))
    assert EventKind.TRADE in kinds
    assert int(EventKind.FILLED) not in kinds
    assert kinds == {EventKind.TRADE, EventKind.RESTED}
