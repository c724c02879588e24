"""What readers see of who must join a closing auction: own orders that go, a forced one that waits and trades."""

import pytest

from exchange import commands
from exchange.symbols import NANO_PER_S
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Event, Reason
from exchange.view import OrderView
from exchange.view.records import CANCELLED, FILLED
from gateway.feeds.account_events import account_events
from gateway.feeds.own_orders import orders_updates
from matching.schema import TimeInForce
from tests.exchange.view.markets import (
    ALICE,
    BOB,
    BUY,
    CASH_NANO,
    FIRST_GATE_NS,
    SELL,
    WINDOW,
    Market,
    assert_agrees_with_venue,
    open_market,
)
from tests.exchange.view.test_forced_flow import assert_the_same_when_replayed

AUCTION_S = 60
DAVE = 4
SOLD_LOTS = 10
LIMIT_TICKS = 60_000
"""The edge of the band; to buy in elsewhere would cost 80,000 and a tenth of it."""
TERMS = {"slot_s": 900, "shortfall_fee_ppm": 200_000, "penalty_ppm": 100_000, "grace_s": 60, "dispute_s": 600}


@pytest.fixture
def market() -> Market:
    """Bob sold ten lots that he does not have to Alice."""
    market = open_market(closing_auction_s=AUCTION_S, terms=TERMS)
    market.send(commands.open_account(DAVE, "dave"), commands.deposit(DAVE, CASH_NANO))
    market.place(BOB, SELL, 40_000, SOLD_LOTS)
    market.place(ALICE, BUY, 40_000, SOLD_LOTS)
    return market


def come_to_auction(market: Market) -> None:
    market.send(time_ns=FIRST_GATE_NS - 10 * NANO_PER_S)
    assert market.view.tranches[WINDOW].state == LifeState.CLOSING_AUCTION


def forced_order(market: Market) -> OrderView:
    (forced,) = [order for order in market.view.finished_orders() if order.is_forced]
    return forced


@pytest.mark.parametrize(("offered_lots", "status", "reason"), [(6, CANCELLED, Reason.GATE_CLOSED), (12, FILLED, 0)])
def test_a_forced_order_of_an_auction_waits_like_any_other_and_trades_or_goes_at_the_gate(
    market: Market, offered_lots: int, status: str, reason: int
) -> None:
    come_to_auction(market)
    market.place(DAVE, SELL, 41_000, offered_lots)
    market.send(time_ns=FIRST_GATE_NS)
    forced = forced_order(market)
    assert (forced.account_id, forced.side, forced.price_ticks) == (BOB, BUY, LIMIT_TICKS)
    assert (forced.quantity_lots, forced.filled_lots) == (SOLD_LOTS, min(offered_lots, SOLD_LOTS))
    assert (forced.status, forced.reason, forced.leaves_lots) == (status, reason, 0)
    assert forced.time_in_force == TimeInForce.GTC
    assert market.view.tape[-1].quantity_lots == min(offered_lots, SOLD_LOTS)
    assert market.book() == ([], [])
    assert_agrees_with_venue(market)
    assert_the_same_when_replayed(market)


def test_own_orders_that_go_before_tell_why(market: Market) -> None:
    come_to_auction(market)
    own = market.place(BOB, BUY, 39_000, 2)
    market.send(time_ns=FIRST_GATE_NS)
    order = market.view.order(own)
    assert (order.status, order.reason) == (CANCELLED, Reason.MARGIN_CALL)
    assert_agrees_with_venue(market)


def test_a_late_tick_over_the_whole_auction_shows_the_same_order(market: Market) -> None:
    batch = market.send(time_ns=FIRST_GATE_NS + 1)
    assert Event.FORCED_ORDER in batch.events["kind"]
    forced = forced_order(market)
    assert (forced.status, forced.filled_lots, forced.time_in_force) == (CANCELLED, 0, TimeInForce.GTC)
    assert_agrees_with_venue(market)


def test_the_owner_is_told_of_the_order_of_its_fill_and_of_its_end_and_nobody_else(market: Market) -> None:
    come_to_auction(market)
    market.place(DAVE, SELL, 41_000, 6)
    batch = market.send(time_ns=FIRST_GATE_NS)
    forced = forced_order(market)
    events = account_events(market.view, batch, (ALICE, BOB, DAVE))
    (told,) = [row for row in events[BOB] if row["kind"] == "forced_order"]
    assert (told["order_id"], told["side"], told["quantity"]) == (forced.order_id, "buy", str(SOLD_LOTS))
    assert not any(row["kind"] == "forced_order" for each in (ALICE, DAVE) for row in events[each])
    orders = orders_updates(market.view, batch, (ALICE, BOB, DAVE))
    (row,) = orders[BOB]["orders"]
    assert (row["forced"], row["status"], row["reason"]) == (True, "cancelled", "gate_closed")
    assert row["filled_quantity"] == "6"
    assert [(fill["side"], fill["quantity"]) for fill in orders[BOB]["fills"]] == [("buy", "6")]
    (row,) = orders[DAVE]["orders"]
    assert (row["forced"], row["status"]) == (False, "filled")
    assert [(fill["side"], fill["quantity"]) for fill in orders[DAVE]["fills"]] == [("sell", "6")]
