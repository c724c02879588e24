"""All positions and orders at one moment."""

import pytest

from exchange import commands
from exchange.margin import whole_book
from exchange.margin.whole_book import TooLarge, read_whole
from exchange.service import Overloaded
from tests.exchange.venue.market import ALICE, BOB, BUY, CAROL, SELL, Market, open_market


def traded() -> Market:
    """Two accounts trade three lots, and an iceberg rests behind."""
    market = open_market()
    market.place(ALICE, SELL, 1_000, 3)
    market.place(BOB, BUY, 1_000, 3)
    market.send(commands.place(CAROL, 2, BUY, 900, 50, display_lots=10))
    return market


def test_it_has_what_is_held_and_all_that_is_left_of_orders() -> None:
    book = read_whole(traded().venue, {})
    held = dict(zip(book.holdings.account_id.tolist(), book.holdings.lots.tolist(), strict=True))
    assert held == {ALICE: -3, BOB: 3, CAROL: 0}
    orders = book.open_orders
    assert (orders.account_id.tolist(), orders.lots.tolist(), orders.limit_ticks.tolist()) == ([CAROL], [50], [900])
    assert orders.is_sell.tolist() == [False]


def test_it_stays_as_it_was_taken_whatever_memory_the_next_one_gets() -> None:
    market = traded()
    first = read_whole(market.venue, {})
    market.place(BOB, SELL, 1_100, 1)
    second = read_whole(market.venue, first.touched_rooms())
    third = read_whole(market.venue, second.touched_rooms())
    assert first.open_orders.account_id.tolist() == [CAROL]
    assert (
        sorted(second.open_orders.account_id.tolist()) == sorted(third.open_orders.account_id.tolist()) == [BOB, CAROL]
    )


def test_what_is_gone_is_not_told() -> None:
    market = traded()
    market.send(commands.mass_cancel(CAROL))
    book = read_whole(market.venue, {})
    assert book.open_orders.account_id.tolist() == []
    assert sorted(book.holdings.account_id.tolist()) == [ALICE, BOB]


def test_a_market_that_is_too_large_is_not_looked_at_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_book, "ROWS_MAX", 2)
    with pytest.raises(TooLarge, match="more than 2"):
        read_whole(traded().venue, {})
    assert issubclass(TooLarge, Overloaded), "readers meet it as what they know"
