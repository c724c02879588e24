"""What tranches traded at, by the interval."""

import pytest

from exchange.symbols import NANO_PER_S
from exchange.view import MarketView, candles
from exchange.view.candles import Candle
from exchange.view.columns.reading import drop_tranche
from exchange.view.columns.schema import Bounds
from tests.exchange.view.markets import ALICE, BOB, BUY, SELL, START_NS, WINDOW, Market, open_market

MINUTE_S, FIVE_MINUTES_S, HOUR_S = candles.INTERVALS_S.values()
START_S = START_NS // NANO_PER_S


def trade(market: Market, after_s: int, price_ticks: int, lots: int) -> None:
    """One trade, so long after the market began."""
    market.send(time_ns=START_NS + after_s * NANO_PER_S)
    market.place(ALICE, SELL, price_ticks, lots)
    market.place(BOB, BUY, price_ticks, lots)


@pytest.fixture
def market() -> Market:
    """Three trades in the first minute, one in the third, one in the sixth."""
    opened = open_market()
    for after_s, price_ticks, lots in (
        (1, 40_000, 5),
        (2, 43_000, 1),
        (3, 39_000, 2),
        (125, 41_000, 4),
        (310, 42_000, 3),
    ):
        trade(opened, after_s, price_ticks, lots)
    return opened


def test_a_candle_holds_all_trades_of_its_interval(market: Market) -> None:
    first, *others = market.view.candles.latest(WINDOW, MINUTE_S)
    notional = 40_000 * 5 + 43_000 + 39_000 * 2
    assert first == Candle(START_S, 40_000, 43_000, 39_000, 39_000, 8, notional, 3)
    assert [(each.start_s - START_S, each.lots) for each in others] == [(120, 4), (300, 3)]


def test_longer_candles_hold_the_same_trades(market: Market) -> None:
    fives = market.view.candles.latest(WINDOW, FIVE_MINUTES_S)
    assert [(each.start_s - START_S, each.trades, each.close_ticks) for each in fives] == [
        (0, 4, 41_000),
        (300, 1, 42_000),
    ]
    (hour,) = market.view.candles.latest(WINDOW, HOUR_S)
    assert (hour.start_s % HOUR_S, hour.trades, hour.lots, hour.open_ticks) == (0, 5, 15, 40_000)


def test_the_latest_candles_are_kept() -> None:
    short = open_market(bounds=Bounds(candles=2))
    for minute in range(4):
        trade(short, 60 * minute + 1, 40_000, 1)
    starts = [each.start_s - START_S for each in short.view.candles.latest(WINDOW, MINUTE_S)]
    assert starts == [120, 180]


def test_candles_come_back_with_a_snapshot_of_the_view(market: Market) -> None:
    loaded = MarketView.load(market.view.dump())
    market.send(time_ns=START_NS + 311 * NANO_PER_S)
    market.place(ALICE, SELL, 44_000, 1)
    market.place(BOB, BUY, 44_000, 1)
    for batch in market.published[-3:]:
        loaded.apply(batch)
    assert loaded.candles.latest(WINDOW, MINUTE_S) == market.view.candles.latest(WINDOW, MINUTE_S)


def test_a_tranche_that_is_dropped_takes_its_candles_along(market: Market) -> None:
    drop_tranche(market.view.store.columns, market.view.store.row_of(WINDOW))
    assert market.view.candles.latest(WINDOW, MINUTE_S) == []
