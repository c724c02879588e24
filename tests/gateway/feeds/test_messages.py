"""What channels and rows tell of auctions, icebergs and orders that only reduce a position."""

import pytest

from exchange import commands
from exchange.symbols import NANO_PER_S
from gateway.encoding.rows import instrument_row, order_row
from gateway.feeds.messages import snapshot, trades_updates
from gateway.feeds.own_orders import orders_updates
from gateway.feeds.topics import Topic
from matching.schema import OrderFlag, quote_order_id
from tests.exchange.view.markets import ALICE, BOB, BUY, SELL, WINDOW, Market, open_market

OPENING_S = 60


@pytest.fixture
def auction() -> Market:
    """A market whose first window collects a crossed pair of orders, and has told what they would give."""
    market = open_market(opening_auction_s=OPENING_S)
    market.place(ALICE, BUY, 41_000, 5, client_id="bought")
    market.place(BOB, SELL, 39_000, 3)
    market.send(time_ns=market.time_ns + NANO_PER_S)
    return market


def test_an_instrument_in_an_auction_tells_what_it_would_give(auction: Market) -> None:
    row = instrument_row(auction.view.tranches[WINDOW])
    assert (row["state"], row["best_bid"], row["best_ask"]) == ("auction", "0.041000", "0.039000")
    assert (row["indicative_price"], row["indicative_quantity"], row["imbalance"]) == ("0.040000", "3", "2")


def test_outside_of_auctions_there_is_nothing_indicative() -> None:
    row = instrument_row(open_market().view.tranches[WINDOW])
    assert [row[name] for name in ("indicative_price", "indicative_quantity", "imbalance")] == [None, None, None]


def test_tranches_in_an_auction_are_among_the_tickers(auction: Market) -> None:
    symbols = [row["symbol"] for row in snapshot(auction.view, Topic("ticker"))["tickers"]]
    assert auction.view.tranches[WINDOW].symbol in symbols


def test_a_trade_of_an_auction_has_two_sides_and_no_taker(auction: Market) -> None:
    batch = auction.send(time_ns=auction.time_ns + OPENING_S * NANO_PER_S)
    (trade,) = trades_updates(auction.view, batch)[WINDOW]["trades"]
    assert (trade["taker_side"], trade["price"], trade["quantity"]) == (None, "0.040000", "3")
    updates = orders_updates(auction.view, batch, [ALICE, BOB])
    (bought,), (sold,) = (updates[account_id]["fills"] for account_id in (ALICE, BOB))
    assert (bought["side"], bought["liquidity"], bought["client_id"]) == ("buy", "auction", "bought")
    assert (sold["side"], sold["liquidity"], sold["id"]) == ("sell", "auction", trade["id"])
    statuses = [updates[account_id]["orders"][0]["status"] for account_id in (ALICE, BOB)]
    assert statuses == ["open", "filled"]


def test_a_fill_of_a_maker_has_the_makers_side() -> None:
    market = open_market()
    market.place(BOB, SELL, 40_000, 3)
    batch = market.send(commands.place(ALICE, WINDOW, BUY, 40_000, 1))
    updates = orders_updates(market.view, batch, [ALICE, BOB])
    fills = [updates[account_id]["fills"][0] for account_id in (ALICE, BOB)]
    assert [(fill["side"], fill["liquidity"]) for fill in fills] == [("buy", "taker"), ("sell", "maker")]
    assert [fill["fee"] for fill in fills] == ["0.000000000", "0.000000000"]


@pytest.mark.parametrize(
    ("maker_ppm", "auction_s", "fees"),
    [
        (-20, 0, ["0.000006000", "-0.000002400"]),
        (20, 0, ["0.000006000", "0.000002400"]),
        (-20, OPENING_S, ["0.000000000", "0.000000000"]),
        (20, OPENING_S, ["0.000002400", "0.000002400"]),
    ],
)
def test_a_fill_tells_what_it_cost_its_side(maker_ppm: int, auction_s: int, fees: list[str]) -> None:
    market = open_market(fees_ppm=(maker_ppm, 50), opening_auction_s=auction_s)
    market.place(BOB, SELL, 40_000, 3)
    batch = market.send(commands.place(ALICE, WINDOW, BUY, 40_000, 3))
    if auction_s:
        batch = market.send(time_ns=market.time_ns + auction_s * NANO_PER_S)
    updates = orders_updates(market.view, batch, [ALICE, BOB])
    assert [updates[account_id]["fills"][0]["fee"] for account_id in (ALICE, BOB)] == fees


def test_an_order_tells_what_it_asked_for() -> None:
    market = open_market()
    order_id = market.place(ALICE, BUY, 39_000, 9, display_lots=2, minimum_lots=0, label=7)
    row = order_row(market.view.order(order_id))
    asked = [row[name] for name in ("display_quantity", "minimum_quantity", "reduce_only", "label")]
    assert asked == ["2", None, False, 7]
    market.place(BOB, SELL, 39_000, 2)
    order_id = market.place(ALICE, SELL, 41_000, 9, flags=OrderFlag.REDUCE_ONLY)
    row = order_row(market.view.order(order_id))
    assert (row["reduce_only"], row["quantity"], row["remaining_quantity"]) == (True, "2", "2")


def test_a_mass_quote_tells_its_account_of_both_sides() -> None:
    market = open_market()
    batch = market.send(commands.mass_quote(ALICE, [commands.Quote(WINDOW, 39_900, 5, 40_100, 6)]))
    rows = orders_updates(market.view, batch, [ALICE])[ALICE]["orders"]
    assert [row["order_id"] for row in rows] == [quote_order_id(ALICE, WINDOW, side) for side in (BUY, SELL)]
    assert [(row["status"], row["remaining_quantity"]) for row in rows] == [("open", "5"), ("open", "6")]


def test_a_mass_cancel_tells_everybody_whose_orders_went() -> None:
    market = open_market()
    market.place(ALICE, BUY, 39_000, 5, display_lots=2)
    market.place(BOB, BUY, 39_000, 1)
    updates = orders_updates(market.view, market.send(commands.mass_cancel(None)), [ALICE, BOB])
    rows = [updates[account_id]["orders"][0] for account_id in (ALICE, BOB)]
    assert [(row["status"], row["reason"]) for row in rows] == [("cancelled", "mass_cancelled")] * 2
