"""The money of accounts: what the venue left of it, and what readers make of that."""

import numpy as np
import pytest

from exchange import commands
from exchange.published import Published
from exchange.venue.figures_schema import FIGURES
from exchange.view import MarketView
from exchange.view.fees import auction_fee_nano, maker_fee_nano, taker_fee_nano
from risk.schema import Standing
from tests.exchange.view.markets import (
    ALICE,
    BOB,
    BUY,
    CASH_NANO,
    FIRST_GATE_NS,
    MARGIN_PER_LOT_NANO,
    SELL,
    SHOCKS_TICKS,
    TICK_VALUE_NANO,
    WINDOW,
    Market,
    assert_agrees_with_venue,
    open_market,
)


def test_a_resting_order_is_margined_until_it_leaves(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 10)
    margin_nano = 10 * MARGIN_PER_LOT_NANO
    left_nano = CASH_NANO - margin_nano
    assert market.view.balances(ALICE) == (CASH_NANO, CASH_NANO, margin_nano, left_nano, left_nano, 0, 0)
    market.send(commands.cancel(ALICE, order_id=order_id))
    assert market.view.balances(ALICE) == (CASH_NANO, CASH_NANO, 0, CASH_NANO, CASH_NANO, 0, 0)


def test_both_sides_of_a_trade_are_margined_alike(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 10)
    market.place(ALICE, BUY, 40_000, 10)
    for account_id in (ALICE, BOB):
        balances = market.view.balances(account_id)
        assert (balances.equity_nano, balances.margin_nano) == (CASH_NANO, 10 * MARGIN_PER_LOT_NANO)


def test_a_new_mark_moves_equity_and_no_cash(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 10)
    market.place(ALICE, BUY, 40_000, 10)
    market.send(commands.set_parameters(WINDOW, mark_ticks=43_000, shocks_ticks=SHOCKS_TICKS))
    gain_nano, required_nano = 3_000 * 10 * TICK_VALUE_NANO, 7_000 * 10 * TICK_VALUE_NANO
    (long,), (short,) = market.view.positions(ALICE), market.view.positions(BOB)
    assert (long.mark_ticks, long.unsettled_nano) == (43_000, gain_nano)
    assert (short.mark_ticks, short.unsettled_nano) == (43_000, -gain_nano)
    for account_id, moved_nano in ((ALICE, gain_nano), (BOB, -gain_nano)):
        balances = market.view.balances(account_id)
        assert (balances.cash_nano, balances.equity_nano) == (CASH_NANO, CASH_NANO + moved_nano)
        assert balances.margin_nano == required_nano


@pytest.mark.parametrize(
    ("cash_nano", "unsettled_nano", "margin_nano", "free_nano", "withdrawable_nano"),
    [
        (100, 0, 30, 70, 70),
        (100, 50, 30, 120, 100),  # gains that are not settled back margin, and stay
        (100, -50, 30, 20, 20),
        (100, -90, 30, -20, 0),
        (-10, 60, 30, 20, 0),
    ],
)
def test_only_free_cash_is_withdrawable(
    cash_nano: int, unsettled_nano: int, margin_nano: int, free_nano: int, withdrawable_nano: int
) -> None:
    market = open_market()
    figures = np.array([(ALICE, Standing.SOUND, cash_nano, unsettled_nano, margin_nano, 0, 0, 0)], FIGURES)
    market.view.set_figures(figures)
    balances = market.view.balances(ALICE)
    assert (balances.equity_nano, balances.margin_nano) == (cash_nano + unsettled_nano, margin_nano)
    assert (balances.free_nano, balances.withdrawable_nano) == (free_nano, withdrawable_nano)


def test_what_trades_cost_is_told_by_trade_and_adds_up_on_the_account() -> None:
    market = with_fees(-20, 50)
    market.place(BOB, SELL, 40_001, 7)
    market.place(ALICE, BUY, 40_001, 7)
    tranche = market.view.tranches[WINDOW]
    paid_nano, rebate_nano = 7 * 2_001, 7 * -800  # 40,001,000 nano-USD a lot: 2000.05 up, -800.02 towards nothing
    assert taker_fee_nano(tranche, 40_001, 7) == paid_nano == market.view.balances(ALICE).fees_nano
    assert maker_fee_nano(tranche, 40_001, 7) == rebate_nano == market.view.balances(BOB).fees_nano
    assert market.view.balances(ALICE).cash_nano == CASH_NANO - paid_nano
    assert market.view.balances(BOB).cash_nano == CASH_NANO - rebate_nano


@pytest.mark.parametrize(("maker_ppm", "fee_nano"), [(-20, 0), (20, 3 * 801)])
def test_an_auction_costs_both_sides_the_makers_rate_and_pays_none(maker_ppm: int, fee_nano: int) -> None:
    market = with_fees(maker_ppm, 50, closing_auction_s=6_600)
    market.place(BOB, SELL, 40_001, 3)
    market.place(ALICE, BUY, 40_001, 3)
    market.send(time_ns=FIRST_GATE_NS)
    assert auction_fee_nano(market.view.tranches[WINDOW], 40_001, 3) == fee_nano
    assert market.view.balances(ALICE).fees_nano == market.view.balances(BOB).fees_nano == fee_nano


def test_rows_that_are_replayed_bring_no_figures_until_all_are_set(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 10)
    market.place(ALICE, BUY, 40_000, 4)
    replayed = MarketView()
    for batch in market.published:
        replayed.apply(Published(*batch[:4]))
    assert replayed.balances(ALICE) == (0, 0, 0, 0, 0, 0, 0)
    assert replayed != market.view
    replayed.set_figures(market.venue.figures_of_all())
    assert replayed == market.view
    assert replayed.dump() == market.view.dump()


def test_a_refusal_of_an_account_that_is_not_open_is_no_matter(market: Market) -> None:
    market.send(commands.place(9, WINDOW, BUY, 40_000, 1))
    assert 9 not in market.view.accounts
    assert_agrees_with_venue(market)


def with_fees(maker_ppm: int, taker_ppm: int, **auctions: int) -> Market:
    """A market whose first window has these rates."""
    market = open_market(fees_ppm=(maker_ppm, taker_ppm), price_step_ticks=1, **auctions)
    tranche = market.view.tranches[WINDOW]
    assert (tranche.maker_fee_ppm, tranche.taker_fee_ppm) == (maker_ppm, taker_ppm)
    return market
