"""What an order may cost and what a trade does to holds and positions, to the nano-USD."""

import pytest

from exchange import commands
from exchange.venue.schema import Event, Reason, Reject
from matching.schema import ChangeFlag, OrderFlag, SelfTrade, Side, TimeInForce
from risk.schema import AMOUNT_NANO_MAX
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    CASH_NANO,
    LIMITS,
    SELL,
    TICK_VALUE_NANO,
    Market,
    open_market,
)

LOT_NANO = 1_000 * TICK_VALUE_NANO
"""One lot at the reference price."""
LOTS_MAX = CASH_NANO // LOT_NANO
"""What the cash of one account pays for."""


@pytest.fixture
def market() -> Market:
    return open_market()


@pytest.mark.parametrize("side", Side)
def test_a_resting_order_holds_its_notional_until_it_is_cancelled(market: Market, side: Side) -> None:
    order_id = market.place(ALICE, side, 1_000, 7)["order_id"]
    assert market.available_nano(ALICE) == CASH_NANO - 7 * LOT_NANO
    market.ask(commands.cancel(ALICE, order_id=order_id))
    assert market.available_nano(ALICE) == CASH_NANO


@pytest.mark.parametrize("side", Side)
def test_an_order_may_cost_all_that_is_available_and_not_a_nano_more(market: Market, side: Side) -> None:
    market.ask(commands.withdraw(ALICE, 1))
    assert market.place(ALICE, side, 1_000, LOTS_MAX)["reason"] == Reject.INSUFFICIENT_FUNDS
    market.ask(commands.deposit(ALICE, 1))
    assert market.place(ALICE, side, 1_000, LOTS_MAX)["kind"] == Event.RESTED
    assert market.available_nano(ALICE) == 0


def test_a_sell_is_checked_at_the_best_bid_where_it_would_trade(market: Market) -> None:
    market.place(BOB, BUY, 1_250, 100)
    assert market.place(ALICE, SELL, 600, 161)["reason"] == Reject.INSUFFICIENT_FUNDS
    assert market.place(ALICE, SELL, 600, 160)["kind"] == Event.RESTED


def test_a_market_order_is_checked_at_the_edge_of_the_band(market: Market) -> None:
    terms = {"time_in_force": TimeInForce.IOC, "flags": OrderFlag.MARKET}
    lots = CASH_NANO // (1_500 * TICK_VALUE_NANO)
    assert market.place(ALICE, BUY, 0, lots + 1, **terms)["reason"] == Reject.INSUFFICIENT_FUNDS
    assert market.place(ALICE, BUY, 0, lots, **terms)["reason"] == Reason.IMMEDIATE_REMAINDER


def test_a_slid_order_is_checked_at_the_price_where_it_rests(market: Market) -> None:
    market.place(BOB, SELL, 500, 1)
    slid = market.place(ALICE, BUY, 1_000, LOTS_MAX + 1, flags=OrderFlag.POST_ONLY_SLIDE)
    assert (slid["kind"], slid["price_ticks"]) == (Event.RESTED, 499)


def test_a_notional_out_of_range_is_refused_before_any_money_is_looked_at() -> None:
    market = open_market(quantity_max_lots=1 << 40, reference_ticks=1 << 29)
    lots = AMOUNT_NANO_MAX // ((1 << 29) * TICK_VALUE_NANO)
    assert market.place(ALICE, BUY, 1 << 29, lots)["reason"] == Reject.INSUFFICIENT_FUNDS
    assert market.place(ALICE, BUY, 1 << 29, lots + 1)["reason"] == Reject.NOTIONAL_OUT_OF_RANGE
    assert market.place(ALICE, BUY, 1 << 29, 1 << 40)["reason"] == Reject.NOTIONAL_OUT_OF_RANGE


def test_a_trade_turns_the_makers_hold_and_the_takers_money_into_positions(market: Market) -> None:
    market.place(ALICE, SELL, 1_000, 5)
    market.place(BOB, BUY, 1_100, 3)
    assert market.available_nano(ALICE) == CASH_NANO - 5 * LOT_NANO
    assert market.available_nano(BOB) == CASH_NANO - 3 * LOT_NANO
    assert market.cash_nano(ALICE) == market.cash_nano(BOB) == CASH_NANO


def test_a_position_that_is_closed_again_holds_nothing_and_its_gain_waits_for_the_gate(market: Market) -> None:
    market.place(ALICE, SELL, 1_000, 5)
    market.place(BOB, BUY, 1_000, 5)
    market.place(ALICE, BUY, 1_100, 5)
    market.place(BOB, SELL, 1_100, 5)
    gain_nano = 5 * 100 * TICK_VALUE_NANO
    assert market.available_nano(BOB) == CASH_NANO
    assert market.available_nano(ALICE) == CASH_NANO - gain_nano
    market.tick(120)
    assert (market.cash_nano(ALICE), market.cash_nano(BOB)) == (CASH_NANO - gain_nano, CASH_NANO + gain_nano)


def test_who_goes_short_after_a_gain_has_the_gain_held_as_well_and_can_still_reduce(market: Market) -> None:
    """The rule holds what a short was sold for, and a gain makes that more: less than nothing may be available."""
    market.place(ALICE, SELL, 1_000, 60)
    market.place(BOB, BUY, 1_000, 60)
    market.place(CAROL, BUY, 1_400, 60)
    market.place(BOB, SELL, 1_400, 60)
    market.ask(commands.withdraw(BOB, CASH_NANO - 2 * LOT_NANO))
    order_id = market.place(BOB, SELL, 1_000, 2)["order_id"]
    market.place(CAROL, BUY, 1_000, 1)
    assert market.available_nano(BOB) == -60 * 400 * TICK_VALUE_NANO
    assert market.place(BOB, BUY, 1, 1)["reason"] == Reject.INSUFFICIENT_FUNDS
    assert market.ask(commands.withdraw(BOB, 1))["reason"] == Reject.INSUFFICIENT_FUNDS
    assert market.ask(commands.replace(BOB, 1_000, 2, order_id=order_id))["kind"] == Event.REDUCED
    assert market.ask(commands.cancel(BOB, order_id=order_id))["kind"] == Event.CANCELLED


def test_a_replace_pays_only_for_what_is_more(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 1_000, LOTS_MAX)["order_id"]
    too_much = commands.replace(ALICE, 1_001, LOTS_MAX, order_id=order_id)
    assert market.ask(too_much)["reason"] == Reject.INSUFFICIENT_FUNDS
    assert market.ask(commands.replace(ALICE, 800, LOTS_MAX, order_id=order_id))["kind"] == Event.REPLACED
    assert market.ask(commands.replace(ALICE, 1_000, LOTS_MAX, order_id=order_id))["kind"] == Event.REPLACED
    assert market.ask(commands.replace(ALICE, 1_000, 1, order_id=order_id))["kind"] == Event.REDUCED
    assert market.available_nano(ALICE) == CASH_NANO - LOT_NANO


def test_a_replace_that_names_the_remaining_pays_for_the_remaining(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 1_000, 100)["order_id"]
    market.place(BOB, SELL, 1_000, 60)
    change = commands.replace(ALICE, 1_000, 140, order_id=order_id, flags=ChangeFlag.NAMES_REMAINING)
    assert market.ask(change)["kind"] == Event.REPLACED
    assert market.available_nano(ALICE) == CASH_NANO - 200 * LOT_NANO
    change = commands.replace(ALICE, 1_000, 141, order_id=order_id, flags=ChangeFlag.NAMES_REMAINING)
    assert market.ask(change)["reason"] == Reject.INSUFFICIENT_FUNDS


def test_a_replaced_order_that_trades_settles_at_the_makers_price(market: Market) -> None:
    market.place(BOB, SELL, 900, 3)
    order_id = market.place(ALICE, BUY, 800, 5)["order_id"]
    events = market.send(commands.replace(ALICE, 950, 5, order_id=order_id))[0]
    assert [event["kind"] for event in events] == [Event.WITHDRAWN, Event.TRADE, Event.REPLACED]
    assert market.available_nano(ALICE) == CASH_NANO - (3 * 900 + 2 * 950) * TICK_VALUE_NANO


@pytest.mark.parametrize("mode", SelfTrade)
def test_self_trade_prevention_leaves_holds_that_fit_the_book(market: Market, mode: SelfTrade) -> None:
    """Bob and Carol are one group; the twin compares after each command."""
    market.place(BOB, SELL, 1_000, 5)
    market.place(CAROL, BUY, 1_000, 3, self_trade=mode)
    resting_nano = sum(order.leaves_lots * order.price_ticks * TICK_VALUE_NANO for order in market.twin.orders.values())
    available_nano = market.available_nano(BOB) + market.available_nano(CAROL)
    positions_nano = 2 * 3 * LOT_NANO if mode == SelfTrade.NONE else 0
    assert available_nano == 2 * CASH_NANO - resting_nano - positions_nano


def test_an_account_that_trades_with_itself_ends_where_it_was(market: Market) -> None:
    market.place(ALICE, SELL, 1_000, 5)
    market.place(ALICE, BUY, 1_000, 5)
    assert market.available_nano(ALICE) == market.cash_nano(ALICE) == CASH_NANO


def test_a_halted_market_takes_cancels_alone(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 1_000, 1)["order_id"]
    market.send(commands.halt_market())
    assert market.place(ALICE, BUY, 1_000, 1)["reason"] == Reject.MARKET_HALTED
    assert market.ask(commands.replace(ALICE, 990, 1, order_id=order_id))["reason"] == Reject.MARKET_HALTED
    assert market.ask(commands.deposit(ALICE, 1))["kind"] == Event.DEPOSITED
    assert market.ask(commands.cancel(ALICE, order_id=order_id))["kind"] == Event.CANCELLED
    market.send(commands.resume_market())
    assert market.place(ALICE, BUY, 1_000, 1)["kind"] == Event.RESTED


def test_a_halted_tranche_takes_cancels_alone(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 1_000, 1)["order_id"]
    market.send(commands.halt(1))
    assert market.place(ALICE, BUY, 1_000, 1)["reason"] == Reject.INSTRUMENT_HALTED
    assert market.ask(commands.replace(ALICE, 990, 1, order_id=order_id))["reason"] == Reject.INSTRUMENT_HALTED
    assert market.place(ALICE, BUY, 1_000, 1, instrument_id=2)["kind"] == Event.RESTED
    assert market.ask(commands.cancel(ALICE, order_id=order_id))["kind"] == Event.CANCELLED


def test_nobody_changes_the_order_of_another_account(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 1_000, 1)["order_id"]
    assert market.ask(commands.cancel(BOB, order_id=order_id))["reason"] == Reject.UNKNOWN_ORDER
    assert market.ask(commands.replace(BOB, 990, 1, order_id=order_id))["reason"] == Reject.UNKNOWN_ORDER
    assert order_id in market.twin.orders


def test_an_order_that_could_open_more_positions_than_there_is_room_for_is_refused_by_name() -> None:
    """Each order that rests may need a position too: here three of them and the taker, in a ledger of three."""
    market = open_market(LIMITS._replace(positions=3))
    market.send(commands.open_account(4, "dave"), commands.deposit(4, CASH_NANO))
    ids = [market.place(account_id, SELL, 1_000, 1)["order_id"] for account_id in (ALICE, BOB, CAROL)]
    assert market.place(4, BUY, 1_000, 1)["reason"] == Reject.TOO_MANY_POSITIONS
    market.send(commands.cancel(CAROL, order_id=ids[2]))
    assert market.place(4, BUY, 1_000, 2)["kind"] == Event.FILLED
    assert market.place(4, BUY, 1_000, 1)["reason"] == Reject.TOO_MANY_POSITIONS
    market.tick(120)
    assert market.place(4, BUY, 1_000, 1, instrument_id=2)["kind"] == Event.RESTED


def test_an_order_is_replaced_away_though_no_position_is_left() -> None:
    market = open_market(LIMITS._replace(positions=2))
    order_id = market.place(ALICE, SELL, 1_000, 5)["order_id"]
    market.place(BOB, BUY, 1_000, 3)
    assert market.ask(commands.replace(ALICE, 1_000, 8, order_id=order_id))["reason"] == Reject.TOO_MANY_POSITIONS
    outcome = market.ask(commands.replace(ALICE, 1_000, 3, order_id=order_id))
    assert (outcome["kind"], outcome["reason"]) == (Event.CANCELLED, Reason.REPLACED_BELOW_FILLED)
