"""The levels of a book, and which of them changed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import commands
from exchange.view.columns.schema import Bounds
from matching.schema import Side
from tests.exchange.view.markets import ALICE, BOB, BUY, SELL, WINDOW, Market, open_market


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


def test_changes_that_nobody_reads_do_not_pile_up() -> None:
    market = open_market(bounds=Bounds(unread_events=2))  # a batch has two, one for its time
    market.view.take_changed()
    for price_ticks in (39_000, 39_100, 39_200, 39_300):
        market.place(ALICE, BUY, price_ticks, 1)
    assert market.view.tranches[WINDOW].book.take_changes() == {(BUY, 39_200): 1, (BUY, 39_300): 1}


@settings(max_examples=20)
@given(st.sampled_from([BUY, SELL]), st.lists(st.lists(st.integers(1, 30), max_size=12), max_size=5))
def test_prices_are_best_first_whatever_came_and_went_since_somebody_asked(side: Side, rounds: list[list[int]]) -> None:
    """Each price of a round brings an order to its level, or takes the level's last one away."""
    market = open_market()
    ids: dict[int, int] = {}
    shown = market.view.tranches[WINDOW].book.sides[side]
    for prices in rounds:
        for place in prices:
            price_ticks = 40_000 + 100 * place
            if price_ticks in ids:
                market.send(commands.cancel(ALICE, order_id=ids.pop(price_ticks)))
            else:
                ids[price_ticks] = market.place(ALICE, side, price_ticks, 7)
        assert list(shown.best_first()) == sorted(ids, reverse=side == BUY)
        assert shown.best_ticks() == next(shown.best_first(), None)
        assert dict(shown.lots) == dict.fromkeys(ids, 7)
        assert [shown.lots.get(price_ticks) for price_ticks in (-1, 1, 1 << 40)] == [None] * 3
