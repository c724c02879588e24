"""Dumps of the read model."""

import pytest

from exchange.view import MarketView
from tests.exchange.view.markets import ALICE, BOB, BUY, SELL, Market


def test_a_loaded_view_goes_on_like_the_one_that_was_dumped(market: Market) -> None:
    market.place(ALICE, BUY, 39_000, 4, client_id="kept")
    market.place(BOB, SELL, 39_000, 3)
    loaded = MarketView.load(market.view.dump())
    assert loaded == market.view
    market.place(BOB, SELL, 39_000, 3)
    assert loaded != market.view
    loaded.apply(market.published[-1])
    assert loaded == market.view
    assert loaded.dump() == market.view.dump()


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"format": 0}', b'{"format": 1}', b"\xff"])
def test_what_is_no_dump_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="no dump of a market view"):
        MarketView.load(payload)
