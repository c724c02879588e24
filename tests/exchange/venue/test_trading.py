"""What an order requires and what a trade does to requirements and positions, to the nano-USD."""

import numpy as np
import pytest

from exchange import commands
from exchange.venue.schema import Event, Reason, Reject
from matching.schema import PRICE_TICKS_MAX, ChangeFlag, OrderFlag, SelfTrade, Side, TimeInForce
from risk.schema import AMOUNT_NANO_MAX, GROSS_NANO_MAX
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    CASH_NANO,
    LIMITS,
    REFERENCE_TICKS,
    SELL,
    TICK_VALUE_NANO,
    Market,
    define_series,
    open_market,
)

LOT_NANO = (REFERENCE_TICKS + REFERENCE_TICKS // 5) * TICK_VALUE_NANO
"""What one lot at the mark requires before parameters come: the price may double or vanish, and there is the spread."""
LOTS_MAX = CASH_NANO // LOT_NANO
"""What the cash of one account covers."""
GIVEN_NANO = CASH_NANO - LOTS_MAX * LOT_NANO
"""What it has more than that."""
UP_AND_DOWN = [0, *[100, -100] * 7, 50]
"""Shocks of a tenth of the reference."""


@pytest.fixture
def market() -> Market:
    return open_market()


@pytest.mark.parametrize("side", Side)
def test_a_resting_order_requires_margin_until_it_is_cancelled(market: Market, side: Side) -> None:
    order_id = market.place(ALICE, side, 1_000, 7)["order_id"]
    assert market.free_nano(ALICE) == CASH_NANO - 7 * LOT_NANO
    market.ask(commands.cancel(ALICE, order_id=order_id))
    assert market.free_nano(ALICE) == CASH_NANO


@pytest.mark.parametrize("side", Side)
def test_an_order_may_require_all_that_is_free_and_not_a_nano_more(market: Market, side: Side) -> None:
    market.ask(commands.withdraw(ALICE, GIVEN_NANO + 1))
    assert market.place(ALICE, side, 1_000, LOTS_MAX)["reason"] == Reject.INSUFFICIENT_MARGIN
    market.ask(commands.deposit(ALICE, 1))
    assert market.place(ALICE, side, 1_000, LOTS_MAX)["kind"] == Event.RESTED
    assert market.free_nano(ALICE) == 0


@pytest.mark.parametrize(("side", "better_ticks", "worse_ticks"), [(Side.BUY, 900, 1_100), (Side.SELL, 1_100, 900)])
def test_a_limit_better_than_the_mark_earns_no_credit_and_a_worse_one_costs_the_difference(
    market: Market, side: Side, better_ticks: int, worse_ticks: int
) -> None:
    market.place(ALICE, side, better_ticks, 1)
    market.place(BOB, side, worse_ticks, 1, instrument_id=2)
    assert market.free_nano(ALICE) == CASH_NANO - LOT_NANO
    assert market.free_nano(BOB) == CASH_NANO - LOT_NANO - 100 * TICK_VALUE_NANO


def test_a_million_lots_bid_far_below_the_mark_require_what_they_risk() -> None:
    market = open_market(quantity_max_lots=1_000_000)
    assert market.place(ALICE, BUY, 1, 1_000_000)["reason"] == Reject.INSUFFICIENT_MARGIN
    assert market.place(ALICE, BUY, 1, LOTS_MAX)["kind"] == Event.RESTED


def test_orders_on_both_sides_require_no_more_than_the_worse_of_them(market: Market) -> None:
    """Each scenario takes just the orders that would hurt in it."""
    market.place(ALICE, BUY, 1_000, 7)
    market.place(ALICE, SELL, 1_010, 7)
    assert market.free_nano(ALICE) == CASH_NANO - 7 * LOT_NANO


def test_a_calendar_spread_requires_the_spread_of_each_of_its_lots(market: Market) -> None:
    """A thousand lots bought in one window and sold in the next: the moves cancel, the charge does not."""
    market.send(*(commands.deposit(account_id, 10**12) for account_id in (ALICE, BOB)))
    before_nano = market.free_nano(ALICE)
    for instrument_id, taker in ((1, BUY), (2, SELL)):
        market.place(BOB, Side(1 - taker), 1_000, 1_000, instrument_id=instrument_id)
        market.place(ALICE, taker, 1_000, 1_000, instrument_id=instrument_id)
    assert before_nano - market.free_nano(ALICE) == 2 * 1_000 * (REFERENCE_TICKS // 5) * TICK_VALUE_NANO


def test_there_is_no_credit_between_regions() -> None:
    market = open_market()
    market.send(commands.define_region(2, "us-nyc"), define_series(2, region_id=2))
    market.tick(1)
    other = next(each_id for each_id, tranche in market.twin.tranches.items() if tranche.scope[0] == 2)
    for instrument_id, side in ((1, BUY), (other, SELL)):
        market.place(BOB, Side(1 - side), 1_000, 5, instrument_id=instrument_id)
        market.place(ALICE, side, 1_000, 5, instrument_id=instrument_id)
    assert market.free_nano(ALICE) == CASH_NANO - 2 * 5 * LOT_NANO


def test_a_market_order_is_checked_at_the_edge_of_the_band(market: Market) -> None:
    terms = {"time_in_force": TimeInForce.IOC, "flags": OrderFlag.MARKET}
    lots = CASH_NANO // (LOT_NANO + 500 * TICK_VALUE_NANO)
    assert market.place(ALICE, BUY, 0, lots + 1, **terms)["reason"] == Reject.INSUFFICIENT_MARGIN
    assert market.place(ALICE, BUY, 0, lots, **terms)["reason"] == Reason.IMMEDIATE_REMAINDER


def test_a_slid_order_is_checked_at_the_price_where_it_rests(market: Market) -> None:
    market.place(BOB, SELL, 1_010, 1)
    slid = market.place(ALICE, BUY, 1_100, LOTS_MAX - 5, flags=OrderFlag.POST_ONLY_SLIDE)
    assert (slid["kind"], slid["price_ticks"]) == (Event.RESTED, 1_009)


def test_what_no_sum_could_hold_is_refused_before_any_money_is_looked_at() -> None:
    reference_ticks = 1 << 25
    market = open_market(quantity_max_lots=1 << 40, reference_ticks=reference_ticks)
    lots = GROSS_NANO_MAX // (PRICE_TICKS_MAX * TICK_VALUE_NANO)
    assert market.place(ALICE, BUY, reference_ticks, lots)["reason"] == Reject.INSUFFICIENT_MARGIN
    assert market.place(ALICE, BUY, reference_ticks, lots + 1)["reason"] == Reject.NOTIONAL_OUT_OF_RANGE
    assert market.place(ALICE, BUY, reference_ticks, 1 << 40)["reason"] == Reject.NOTIONAL_OUT_OF_RANGE


def test_the_largest_that_is_taken_wraps_no_sum() -> None:
    """Two accounts with all the cash and as many lots as there can be, at the highest and lowest price."""
    market = open_market(quantity_max_lots=1 << 40, reference_ticks=1 << 20, band_bps=999_999)
    price_max_ticks = market.twin.tranches[1].price_max_ticks
    market.send(*(commands.deposit(account_id, AMOUNT_NANO_MAX - CASH_NANO) for account_id in (ALICE, BOB)))
    shocks = [0, *[price_max_ticks, -price_max_ticks] * 7, 1]
    lots = GROSS_NANO_MAX // (price_max_ticks * TICK_VALUE_NANO) // 8
    for mark_ticks in (1, price_max_ticks):
        market.send(
            commands.set_parameters(1, mark_ticks=mark_ticks, shocks_ticks=shocks, spread_ticks=price_max_ticks)
        )
        assert market.place(ALICE, SELL, price_max_ticks, lots)["kind"] == Event.RESTED
        assert market.place(BOB, BUY, price_max_ticks, lots)["kind"] == Event.FILLED
    assert market.figures(ALICE).gross_nano > GROSS_NANO_MAX // 5


def test_a_price_above_the_highest_is_refused_by_name(market: Market) -> None:
    assert market.place(ALICE, SELL, 32 * REFERENCE_TICKS + 1, 1)["reason"] == Reject.PRICE_ABOVE_MAXIMUM
    assert market.place(ALICE, SELL, 32 * REFERENCE_TICKS, 1)["kind"] == Event.RESTED


def test_a_trade_turns_orders_into_positions_that_require_the_same(market: Market) -> None:
    market.place(ALICE, SELL, 1_000, 5)
    market.place(BOB, BUY, 1_100, 3)
    assert market.free_nano(ALICE) == CASH_NANO - 5 * LOT_NANO
    assert market.free_nano(BOB) == CASH_NANO - 3 * LOT_NANO
    assert market.cash_nano(ALICE) == market.cash_nano(BOB) == CASH_NANO


def test_a_position_that_is_closed_again_requires_nothing_and_its_gain_waits_for_the_gate(market: Market) -> None:
    market.place(ALICE, SELL, 1_000, 5)
    market.place(BOB, BUY, 1_000, 5)
    market.place(ALICE, BUY, 1_100, 5)
    market.place(BOB, SELL, 1_100, 5)
    gain_nano = 5 * 100 * TICK_VALUE_NANO
    assert market.figures(BOB).free_nano == CASH_NANO + gain_nano
    assert market.figures(ALICE).free_nano == CASH_NANO - gain_nano
    market.tick(120)
    assert (market.cash_nano(ALICE), market.cash_nano(BOB)) == (CASH_NANO - gain_nano, CASH_NANO + gain_nano)


def test_gains_that_are_not_settled_back_margin_but_cannot_be_withdrawn(market: Market) -> None:
    market.place(ALICE, SELL, 1_000, 10)
    market.place(BOB, BUY, 1_000, 10)
    market.send(commands.set_parameters(1, mark_ticks=2_000, shocks_ticks=UP_AND_DOWN))
    gain_nano = 10 * 1_000 * TICK_VALUE_NANO
    assert market.figures(BOB).equity_nano == CASH_NANO + gain_nano
    assert market.ask(commands.withdraw(BOB, CASH_NANO + 1))["reason"] == Reject.INSUFFICIENT_FUNDS
    assert market.ask(commands.withdraw(BOB, CASH_NANO))["kind"] == Event.WITHDREW
    assert market.place(BOB, BUY, 1_000, 1, instrument_id=2)["kind"] == Event.RESTED


def test_losses_that_are_not_settled_bind_cash(market: Market) -> None:
    market.place(ALICE, SELL, 1_000, 10)
    market.place(BOB, BUY, 1_000, 10)
    market.send(commands.set_parameters(1, mark_ticks=2_000, shocks_ticks=UP_AND_DOWN))
    free_nano = CASH_NANO - 10 * (1_000 + 100) * TICK_VALUE_NANO
    assert market.ask(commands.withdraw(ALICE, free_nano + 1))["reason"] == Reject.INSUFFICIENT_FUNDS
    assert market.ask(commands.withdraw(ALICE, free_nano))["kind"] == Event.WITHDREW


def mark(ticks: int) -> np.ndarray:
    return commands.set_parameters(1, mark_ticks=ticks, shocks_ticks=UP_AND_DOWN)


def under_water() -> Market:
    """Alice is long 100 lots, and was called: she has two thirds of what they require."""
    market = open_market()
    market.send(mark(1_000))
    market.place(BOB, SELL, 1_000, 100)
    market.place(ALICE, BUY, 1_000, 100)
    market.ask(commands.withdraw(ALICE, market.free_nano(ALICE)))
    market.send(mark(965))
    assert market.figures(ALICE).equity_nano == 100 * 65 * TICK_VALUE_NANO
    assert market.free_nano(ALICE) == -100 * 35 * TICK_VALUE_NANO
    return market


def test_who_is_under_water_may_close_at_a_fair_price_and_open_nothing() -> None:
    market = under_water()
    assert market.place(ALICE, BUY, 950, 1)["reason"] == Reject.INSUFFICIENT_MARGIN
    assert market.place(ALICE, SELL, 950, 101)["reason"] == Reject.INSUFFICIENT_MARGIN
    assert market.place(ALICE, SELL, 950, 40)["kind"] == Event.RESTED


def test_who_is_under_water_cannot_sell_for_less_than_leaves_it_solvent() -> None:
    """A give-away sale to a friend would leave a debt to everybody else."""
    market = under_water()
    assert market.place(BOB, BUY, 600, 100)["kind"] == Event.RESTED
    assert market.place(ALICE, SELL, 600, 100)["reason"] == Reject.INSUFFICIENT_MARGIN
    assert market.place(ALICE, SELL, 899, 100)["reason"] == Reject.INSUFFICIENT_MARGIN
    assert market.place(ALICE, SELL, 900, 100)["kind"] == Event.RESTED


def test_orders_that_close_together_no_more_than_there_is_are_all_that_is_exempt() -> None:
    market = under_water()
    assert market.place(ALICE, SELL, 950, 60)["kind"] == Event.RESTED
    assert market.place(ALICE, SELL, 950, 41)["reason"] == Reject.INSUFFICIENT_MARGIN
    assert market.place(ALICE, SELL, 950, 40)["kind"] == Event.RESTED


def test_a_replace_requires_only_what_is_more(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 1_000, LOTS_MAX)["order_id"]
    too_much = commands.replace(ALICE, 1_010, LOTS_MAX, order_id=order_id)
    assert market.ask(too_much)["reason"] == Reject.INSUFFICIENT_MARGIN
    assert market.ask(commands.replace(ALICE, 800, LOTS_MAX, order_id=order_id))["kind"] == Event.REPLACED
    assert market.ask(commands.replace(ALICE, 1_000, LOTS_MAX, order_id=order_id))["kind"] == Event.REPLACED
    assert market.ask(commands.replace(ALICE, 1_000, 1, order_id=order_id))["kind"] == Event.REDUCED
    assert market.free_nano(ALICE) == CASH_NANO - LOT_NANO


def test_an_order_shrinks_whatever_its_account_lacks() -> None:
    market = under_water()
    order_id = market.place(ALICE, SELL, 950, 60)["order_id"]
    market.send(mark(962))
    assert market.free_nano(ALICE) < 0
    assert market.ask(commands.replace(ALICE, 849, 60, order_id=order_id))["reason"] == Reject.INSUFFICIENT_MARGIN
    assert market.ask(commands.replace(ALICE, 950, 50, order_id=order_id))["kind"] == Event.REDUCED


def test_a_replace_that_names_the_remaining_pays_for_the_remaining(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 1_000, 100)["order_id"]
    market.place(BOB, SELL, 1_000, 60)
    change = commands.replace(ALICE, 1_000, 106, order_id=order_id, flags=ChangeFlag.NAMES_REMAINING)
    assert market.ask(change)["kind"] == Event.REPLACED
    assert market.free_nano(ALICE) == CASH_NANO - 166 * LOT_NANO
    change = commands.replace(ALICE, 1_000, 107, order_id=order_id, flags=ChangeFlag.NAMES_REMAINING)
    assert market.ask(change)["reason"] == Reject.INSUFFICIENT_MARGIN


def test_a_replaced_order_that_trades_settles_at_the_makers_price(market: Market) -> None:
    market.place(BOB, SELL, 900, 3)
    order_id = market.place(ALICE, BUY, 800, 5)["order_id"]
    events = market.send(commands.replace(ALICE, 950, 5, order_id=order_id))[0]
    assert [event["kind"] for event in events] == [Event.WITHDRAWN, Event.TRADE, Event.REPLACED]
    assert market.figures(ALICE).unsettled_nano == 3 * 100 * TICK_VALUE_NANO
    assert market.figures(ALICE).margin_nano == 5 * LOT_NANO


# Fees.


def market_with_fees(maker_ppm: int, taker_ppm: int, **series: int) -> Market:
    """The second window and those after it are listed with fees."""
    market = open_market(**series)
    market.send(commands.set_fees(1, maker_ppm, taker_ppm))
    market.tick(120)
    return market


def newest(market: Market) -> int:
    return max(market.twin.tranches)


def test_a_taker_pays_and_a_maker_is_paid_a_part_of_it() -> None:
    market = market_with_fees(-200, 500)
    market.place(ALICE, SELL, 1_000, 5, instrument_id=newest(market))
    market.place(BOB, BUY, 1_000, 5, instrument_id=newest(market))
    lot_nano = 1_000 * TICK_VALUE_NANO
    assert market.figures(BOB).fees_nano == 5 * lot_nano * 500 // 1_000_000
    assert market.figures(ALICE).fees_nano == -5 * lot_nano * 200 // 1_000_000


@pytest.mark.parametrize("maker_ppm", [7, -7])
def test_many_fills_cost_just_what_one_does(maker_ppm: int) -> None:
    """Fees are rounded to the disfavour of who pays, for each lot by itself."""
    market = market_with_fees(maker_ppm, 13)
    instrument_id = newest(market)
    market.place(ALICE, SELL, 1_003, 9, instrument_id=instrument_id)
    for lots in (1, 3, 5):
        market.place(BOB, BUY, 1_003, lots, instrument_id=instrument_id)
    many = [market.figures(account_id).fees_nano for account_id in (ALICE, BOB)]
    market.place(ALICE, SELL, 1_003, 9, instrument_id=instrument_id)
    market.place(BOB, BUY, 1_003, 9, instrument_id=instrument_id)
    assert [market.figures(account_id).fees_nano for account_id in (ALICE, BOB)] == [2 * fee_nano for fee_nano in many]
    taker_nano = -(-1_003 * TICK_VALUE_NANO * 13 // 1_000_000)
    assert many[1] == 9 * taker_nano


def test_both_sides_of_an_auction_pay_as_makers_but_are_paid_nothing() -> None:
    for maker_ppm, paid_ppm in ((100, 100), (-100, 0)):
        market = market_with_fees(maker_ppm, 500, opening_auction_s=20)
        instrument_id = newest(market)
        market.place(ALICE, SELL, 1_000, 5, instrument_id=instrument_id)
        market.place(BOB, BUY, 1_000, 5, instrument_id=instrument_id)
        market.tick(25)
        fee_nano = 5 * 1_000 * TICK_VALUE_NANO * paid_ppm // 1_000_000
        assert [market.figures(account_id).fees_nano for account_id in (ALICE, BOB)] == [fee_nano, fee_nano]


def test_an_order_requires_the_fee_that_it_may_come_to_pay() -> None:
    market = market_with_fees(100, 500)
    market.place(ALICE, BUY, 1_000, 5, instrument_id=newest(market))
    fee_nano = 5 * 1_000 * TICK_VALUE_NANO * 500 // 1_000_000
    assert market.free_nano(ALICE) == CASH_NANO - 5 * LOT_NANO - fee_nano


@pytest.mark.parametrize("mode", SelfTrade)
def test_self_trade_prevention_leaves_requirements_that_fit_the_book(market: Market, mode: SelfTrade) -> None:
    """Bob and Carol are one group; the twin compares after each command."""
    market.place(BOB, SELL, 1_000, 5)
    market.place(CAROL, BUY, 1_000, 3, self_trade=mode)
    orders = [order for order in market.twin.orders.values() if order.account_id in (BOB, CAROL)]
    lots = sum(order.leaves_lots for order in orders) + (6 if mode == SelfTrade.NONE else 0)
    assert market.free_nano(BOB) + market.free_nano(CAROL) == 2 * CASH_NANO - lots * LOT_NANO


def test_an_account_that_trades_with_itself_ends_where_it_was(market: Market) -> None:
    market.place(ALICE, SELL, 1_000, 5)
    market.place(ALICE, BUY, 1_000, 5)
    assert market.free_nano(ALICE) == market.cash_nano(ALICE) == CASH_NANO


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


def test_an_order_that_would_open_more_positions_than_there_is_room_for_is_refused_by_name() -> None:
    """Whoever has orders or lots in an instrument has a position there."""
    market = open_market(LIMITS._replace(positions=3))
    market.send(commands.open_account(4, "dave"), commands.deposit(4, CASH_NANO))
    ids = [market.place(account_id, SELL, 1_000, 1)["order_id"] for account_id in (ALICE, BOB, CAROL)]
    assert market.place(4, BUY, 1_000, 1)["reason"] == Reject.TOO_MANY_POSITIONS
    market.send(commands.cancel(CAROL, order_id=ids[2]))
    assert market.place(4, BUY, 1_000, 2)["kind"] == Event.FILLED
    assert market.place(4, BUY, 1_000, 1)["kind"] == Event.RESTED
    assert market.place(4, BUY, 1_000, 1, instrument_id=2)["reason"] == Reject.TOO_MANY_POSITIONS
    market.tick(120)
    assert market.place(4, BUY, 1_000, 1, instrument_id=2)["kind"] == Event.RESTED
