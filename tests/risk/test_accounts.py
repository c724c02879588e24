"""The balance check, at its edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.accounts import (
    Ledger,
    add_hold,
    allocate,
    available_nano,
    check_deposit,
    check_hold,
    check_withdrawal,
    is_account,
    move_cash,
)
from risk.schema import AMOUNT_NANO_MAX, TOTAL_NANO_MAX, RiskReject

ALICE, NOBODY = 1, 2
CASH_NANO = 1_000
ACCEPTED = 0
POSITIONS = 4


@pytest.fixture
def ledger() -> Ledger:
    """One account with some cash."""
    ledger = allocate(accounts=4, positions=POSITIONS)
    ledger.accounts[ALICE]["is_open"] = 1
    move_cash(ledger, ALICE, np.int64(CASH_NANO))
    return ledger


def hold(ledger: Ledger, price_ticks: int, lots: int, released_nano: int = 0, makers_max: int = 0) -> int:
    """What the check says to an order whose tick is worth ten nano-USD."""
    return check_hold(
        ledger,
        ALICE,
        np.int64(price_ticks),
        np.int64(lots),
        np.int64(10),
        np.int64(released_nano),
        np.int64(makers_max),
    )


@pytest.mark.parametrize(("account_id", "known"), [(ALICE, True), (NOBODY, False), (0, False), (4, False)])
def test_only_an_open_account_is_an_account(ledger: Ledger, account_id: int, known: bool) -> None:
    assert bool(is_account(ledger, np.int64(account_id))) is known


def test_what_is_available_is_cash_less_both_holds(ledger: Ledger) -> None:
    add_hold(ledger, ALICE, np.int64(300))
    ledger.accounts[ALICE]["position_hold_nano"] = 150
    assert available_nano(ledger, ALICE) == CASH_NANO - 450


@pytest.mark.parametrize(
    ("lots", "released_nano", "reject"),
    [
        (10, 0, ACCEPTED),
        (11, 0, RiskReject.INSUFFICIENT_FUNDS),
        (11, 99, RiskReject.INSUFFICIENT_FUNDS),
        (11, 100, ACCEPTED),
        (AMOUNT_NANO_MAX // 100, 0, RiskReject.INSUFFICIENT_FUNDS),
        (AMOUNT_NANO_MAX // 100 + 1, 0, RiskReject.NOTIONAL_OUT_OF_RANGE),
        ((1 << 63) - 1, 0, RiskReject.NOTIONAL_OUT_OF_RANGE),
    ],
)
def test_an_order_is_covered_by_what_is_available_and_released(
    ledger: Ledger, lots: int, released_nano: int, reject: int
) -> None:
    assert hold(ledger, 10, lots, released_nano) == reject


@given(st.integers(1, (1 << 31) - 1), st.integers(0, 62).flatmap(lambda bits: st.integers(1, 1 << bits)))
def test_a_notional_out_of_range_is_told_whatever_its_factors(price_ticks: int, lots: int) -> None:
    ledger = allocate(accounts=2, positions=POSITIONS)
    is_out = price_ticks * 10 * lots > AMOUNT_NANO_MAX
    assert (hold(ledger, price_ticks, lots) == RiskReject.NOTIONAL_OUT_OF_RANGE) is is_out


@pytest.mark.parametrize(
    ("released_nano", "reject"), [(100, ACCEPTED), (101, ACCEPTED), (99, RiskReject.INSUFFICIENT_FUNDS)]
)
def test_holding_no_more_than_before_is_allowed_though_less_than_nothing_is_available(
    ledger: Ledger, released_nano: int, reject: int
) -> None:
    ledger.accounts[ALICE]["position_hold_nano"] = CASH_NANO + 500
    assert hold(ledger, 10, 1, released_nano) == reject


@pytest.mark.parametrize(
    ("live_positions", "makers_max", "reject"),
    [
        (0, POSITIONS - 1, ACCEPTED),
        (0, POSITIONS, RiskReject.TOO_MANY_POSITIONS),
        (POSITIONS - 1, 0, ACCEPTED),
        (POSITIONS - 1, 1, RiskReject.TOO_MANY_POSITIONS),
        (POSITIONS, 0, RiskReject.TOO_MANY_POSITIONS),
    ],
)
def test_a_trade_needs_a_position_for_the_account_and_for_every_maker(
    ledger: Ledger, live_positions: int, makers_max: int, reject: int
) -> None:
    ledger.totals[0]["live_positions"] = live_positions
    assert hold(ledger, 1, 1, 0, makers_max) == reject


def test_want_of_money_is_told_before_want_of_room(ledger: Ledger) -> None:
    ledger.totals[0]["live_positions"] = POSITIONS
    assert hold(ledger, 10, 11) == RiskReject.INSUFFICIENT_FUNDS


def test_releasing_more_than_was_held_is_a_bug(ledger: Ledger) -> None:
    add_hold(ledger, ALICE, np.int64(5))
    with pytest.raises(AssertionError, match="more was released than was held"):
        add_hold(ledger, ALICE, np.int64(-6))


@pytest.mark.parametrize(
    ("amount_nano", "deposits_nano", "reject"),
    [
        (1, CASH_NANO, ACCEPTED),
        (0, CASH_NANO, RiskReject.AMOUNT_OUT_OF_RANGE),
        (-1, CASH_NANO, RiskReject.AMOUNT_OUT_OF_RANGE),
        (AMOUNT_NANO_MAX - CASH_NANO, CASH_NANO, ACCEPTED),
        (AMOUNT_NANO_MAX - CASH_NANO + 1, CASH_NANO, RiskReject.AMOUNT_OUT_OF_RANGE),
        (1, TOTAL_NANO_MAX - 1, ACCEPTED),
        (2, TOTAL_NANO_MAX - 1, RiskReject.AMOUNT_OUT_OF_RANGE),
        ((1 << 63) - 1, CASH_NANO, RiskReject.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_a_deposit_stays_within_the_range_of_an_account_and_of_all(
    ledger: Ledger, amount_nano: int, deposits_nano: int, reject: int
) -> None:
    ledger.totals[0]["deposits_nano"] = deposits_nano
    assert check_deposit(ledger, ALICE, np.int64(amount_nano)) == reject


@pytest.mark.parametrize(
    ("amount_nano", "reject"),
    [
        (1, ACCEPTED),
        (CASH_NANO - 400, ACCEPTED),
        (CASH_NANO - 399, RiskReject.INSUFFICIENT_FUNDS),
        (0, RiskReject.AMOUNT_OUT_OF_RANGE),
        (-(1 << 63), RiskReject.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_a_withdrawal_takes_only_what_is_available(ledger: Ledger, amount_nano: int, reject: int) -> None:
    add_hold(ledger, ALICE, np.int64(400))
    assert check_withdrawal(ledger, ALICE, np.int64(amount_nano)) == reject


def test_the_totals_know_all_money_that_came_and_went(ledger: Ledger) -> None:
    move_cash(ledger, ALICE, np.int64(50))
    move_cash(ledger, ALICE, np.int64(-20))
    totals = ledger.totals[0]
    assert (totals["deposits_nano"], totals["withdrawals_nano"]) == (CASH_NANO + 50, 20)
    assert ledger.accounts[ALICE]["cash_nano"] == totals["deposits_nano"] - totals["withdrawals_nano"]


def test_every_sum_of_two_balances_fits_its_integer() -> None:
    assert 2 * TOTAL_NANO_MAX <= 1 << 63
    assert AMOUNT_NANO_MAX <= TOTAL_NANO_MAX
