"""The levels of a book, and which of them changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.view import market as market_module
from exchange.view.books import BookSide
from tests.exchange.view.markets import ALICE, BOB, BUY, SELL, WINDOW, Market


def test_resting_orders_add_up_at_their_level(market: Market) -> None:
    market.place(ALICE, BUY, 39_900, 5)
    market.place(BOB, BUY, 39_900, 7)
    market.place(ALICE, BUY, 40_000, 1)
    market.place(BOB, SELL, 40_200, 9)
    market.place(BOB, SELL, 40_100, 2)
    assert market.book() == ([(40_000, 1, 1), (39_900, 12, 2)], [(40_100, 2, 1), (40_200, 9, 1)])
    book = market.view.tranches[WINDOW].book
    assert (book.best_bid_ticks, book.best_ask_ticks) == (40_000, 40_100)
    assert book.sequence == market.venue.sequence


def test_an_empty_side_has_no_best_price(market: Market) -> None:
    book = market.view.tranches[WINDOW].book
    assert (book.best_bid_ticks, book.best_ask_ticks) == (None, None)


def test_depth_gives_no_more_levels_than_asked_for(market: Market) -> None:
    for price_ticks in (39_700, 39_900, 39_800):
        market.place(ALICE, BUY, price_ticks, 1)
    bids, asks = market.view.tranches[WINDOW].book.depth(2)
    assert ([level.price_ticks for level in bids], asks) == ([39_900, 39_800], [])


def test_a_replace_that_changes_nothing_touches_no_level(market: Market) -> None:
    order_id = market.place(ALICE, SELL, 41_000, 10)
    book = market.view.tranches[WINDOW].book
    book.take_changes()
    market.send(commands.replace(ALICE, 41_000, 10, order_id=order_id))
    assert book.take_changes() == {}


def test_touched_levels_tell_what_is_left_of_them(market: Market) -> None:
    market.view.take_changed()
    market.place(BOB, SELL, 40_000, 10)
    gone = market.place(BOB, SELL, 40_100, 10)
    market.send(commands.cancel(BOB, order_id=gone))
    market.place(ALICE, BUY, 40_000, 4)
    (tranche,) = market.view.take_changed()
    assert tranche.instrument_id == WINDOW
    assert tranche.book.take_changes() == {(SELL, 40_000): 6, (SELL, 40_100): 0}
    assert (tranche.book.take_changes(), market.view.take_changed()) == ({}, [])


def test_changes_that_nobody_reads_do_not_pile_up(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_module, "UNREAD_EVENTS_MAX", 2)  # a batch has two, one for its time
    for price_ticks in (39_000, 39_100, 39_200, 39_300):
        market.place(ALICE, BUY, price_ticks, 1)
    assert market.view.tranches[WINDOW].book.take_changes() == {(BUY, 39_200): 1, (BUY, 39_300): 1}


@given(st.sampled_from([-1, +1]), st.lists(st.lists(st.integers(1, 30), max_size=20), max_size=8))
def test_prices_are_best_first_whatever_came_and_went_since_somebody_asked(
    best_sign: int, rounds: list[list[int]]
) -> None:
    """Each price of a round brings an order to its level, or takes the level's last one away."""
    side = BookSide(best_sign)
    for prices in rounds:
        for price_ticks in prices:
            is_there = price_ticks in side.orders
            side.change(price_ticks, -7 if is_there else +7, -1 if is_there else +1)
        assert list(side.best_first()) == sorted(side.lots, reverse=best_sign < 0)
        assert side.best_ticks() == next(side.best_first(), None)
