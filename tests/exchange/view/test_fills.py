"""What the view remembers of trades, by account."""

import pytest

from exchange.symbols import NANO_PER_S
from exchange.view import MarketView, fills
from exchange.view.columns.schema import Bounds
from tests.exchange.view.markets import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    SELL,
    Market,
    assert_agrees_with_venue,
    open_market,
)

MAKER_PPM, TAKER_PPM = -100, 500
OPENING_S = 60


@pytest.fixture
def market() -> Market:
    return traded_market()


def traded_market(bounds: Bounds = Bounds()) -> Market:  # noqa: B008
    """Alice offers, and takes as well; every trade costs the taker something and brings the maker something."""
    opened = open_market(fees_ppm=(MAKER_PPM, TAKER_PPM), bounds=bounds)
    opened.place(ALICE, SELL, 40_000, 3, client_id="offer")
    opened.place(BOB, BUY, 40_000, 2, client_id="take")
    opened.place(CAROL, SELL, 39_000, 1)
    opened.place(ALICE, BUY, 39_000, 1)
    return opened


def names_of(view: MarketView, account_id: int, after: tuple[int, int] = (0, 0)) -> list[tuple[int, int]]:
    return [(fill.trade.sequence, fill.trade.index) for fill in view.fills.of_account(account_id, after)]


def test_each_account_sees_its_own_side_of_a_trade(market: Market) -> None:
    made, took = market.view.fills.of_account(ALICE)
    assert (made.side, made.liquidity, made.client_id, made.trade.quantity_lots) == (SELL, "maker", "offer", 2)
    assert (took.side, took.liquidity, took.client_id, took.trade.price_ticks) == (BUY, "taker", "", 39_000)
    (bought,) = market.view.fills.of_account(BOB)
    assert (bought.side, bought.client_id, bought.trade.trade_id) == (BUY, "take", made.trade.trade_id)


def test_the_fees_of_fills_add_up_to_what_accounts_paid(market: Market) -> None:
    for account_id in (ALICE, BOB, CAROL):
        paid_nano = sum(fill.fee_nano for fill in market.view.fills.of_account(account_id))
        assert paid_nano == market.view.balances(account_id).fees_nano != 0


def test_an_account_that_trades_with_itself_has_two_fills_of_one_trade() -> None:
    market = open_market()
    market.place(ALICE, SELL, 40_000, 1)
    market.place(ALICE, BUY, 40_000, 1, self_trade=0)
    taken, made = market.view.fills.of_account(ALICE)
    assert taken.trade == made.trade
    assert [(fill.side, fill.liquidity) for fill in (taken, made)] == [(BUY, "taker"), (SELL, "maker")]


def test_both_sides_of_an_auction_only_waited() -> None:
    market = open_market(opening_auction_s=OPENING_S, fees_ppm=(MAKER_PPM, TAKER_PPM))
    market.place(ALICE, BUY, 41_000, 5, client_id="bought")
    market.place(BOB, SELL, 39_000, 3, client_id="sold")
    market.send(time_ns=market.time_ns + OPENING_S * NANO_PER_S)
    for account_id, side, client_id in ((ALICE, BUY, "bought"), (BOB, SELL, "sold")):
        (fill,) = market.view.fills.of_account(account_id)
        assert (fill.side, fill.liquidity, fill.client_id, fill.fee_nano) == (side, "auction", client_id, 0)


def test_fills_are_read_from_any_trade_on(market: Market) -> None:
    first, second = names_of(market.view, ALICE)
    assert names_of(market.view, ALICE, first) == [second]
    assert names_of(market.view, ALICE, second) == []
    assert names_of(market.view, ALICE, (first[0] - 1, 0)) == [first, second]


def test_what_is_forgotten_is_forgotten_by_name() -> None:
    market = traded_market(Bounds(trades=2, tape=2))
    first, second = names_of(market.view, ALICE)
    market.place(BOB, BUY, 40_000, 1)  # the third trade: the first one goes
    kept = market.view.fills
    assert len(kept) == 2
    assert names_of(market.view, ALICE)[0] == second
    assert kept.reaches_back_to(ALICE, first)
    assert not kept.reaches_back_to(ALICE, (first[0] - 1, 0))
    assert kept.reaches_back_to(CAROL, (0, 0))  # nothing of hers is missing


def test_fills_come_back_with_a_snapshot_of_the_view() -> None:
    market = traded_market(Bounds(trades=2, tape=2))
    assert_agrees_with_venue(market)
    market.place(BOB, BUY, 40_000, 1)
    loaded = MarketView.load(market.view.dump())
    assert loaded == market.view
    assert names_of(loaded, ALICE) == names_of(market.view, ALICE)
    assert [loaded.fills.forgotten(each) != (0, 0) for each in (ALICE, BOB, CAROL)] == [True, True, False]


def test_a_view_of_before_there_were_fills_says_from_where_it_has_them() -> None:
    kept = MarketView().fills
    kept.begins_after = (100, fills.INDEX_END)
    assert kept.reaches_back_to(ALICE, (100, fills.INDEX_END))
    assert not kept.reaches_back_to(ALICE, (100, 0))
    assert list(kept.of_account(ALICE)) == []
