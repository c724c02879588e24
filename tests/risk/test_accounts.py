"""Money of accounts: what is free, what may come and go."""

import numpy as np
import pytest

from risk.accounts import (
    Ledger,
    allocate,
    charge_fee,
    check_deposit,
    check_withdrawal,
    free_nano,
    is_account,
    move_cash,
    own_margin_nano,
    payable_nano,
    set_add_on,
    withdrawable_nano,
)
from risk.schema import ADD_ON_NANO_MAX, AMOUNT_NANO_MAX, GROSS_NANO_MAX, TOTAL_NANO_MAX, RiskReject

ALICE, NOBODY = 1, 2
CASH_NANO = 1_000
ACCEPTED = 0


@pytest.fixture
def ledger() -> Ledger:
    """One account with some cash."""
    ledger = allocate(accounts=4, positions=4, contracts=4)
    ledger.accounts[ALICE]["is_open"] = 1
    move_cash(ledger, ALICE, np.int64(CASH_NANO))
    return ledger


@pytest.mark.parametrize(("account_id", "known"), [(ALICE, True), (NOBODY, False), (0, False), (4, False)])
def test_only_an_open_account_is_an_account(ledger: Ledger, account_id: int, known: bool) -> None:
    assert bool(is_account(ledger, np.int64(account_id))) is known


@pytest.mark.parametrize(
    ("unsettled_nano", "margin_nano", "free", "withdrawable"),
    [
        (0, 0, 1_000, 1_000),
        (0, 300, 700, 700),
        (500, 300, 1_200, 1_000),
        (-500, 300, 200, 200),
        (-900, 300, -200, -200),
    ],
)
def test_gains_that_are_not_settled_are_free_but_stay(
    ledger: Ledger, unsettled_nano: int, margin_nano: int, free: int, withdrawable: int
) -> None:
    ledger.accounts[ALICE]["unsettled_nano"] = unsettled_nano
    ledger.accounts[ALICE]["margin_nano"] = margin_nano
    assert (free_nano(ledger, ALICE), withdrawable_nano(ledger, ALICE)) == (free, withdrawable)


def test_what_risk_staff_add_binds_all_but_what_pays_at_a_gate(ledger: Ledger) -> None:
    ledger.accounts[ALICE]["margin_nano"] = 300
    set_add_on(ledger, ALICE, np.int64(500))
    set_add_on(ledger, ALICE, np.int64(600))
    assert (ledger.accounts[ALICE]["margin_nano"], own_margin_nano(ledger, ALICE)) == (900, 300)
    assert (free_nano(ledger, ALICE), withdrawable_nano(ledger, ALICE)) == (100, 100)
    assert payable_nano(ledger, ALICE) == 700
    ledger.accounts[ALICE]["unsettled_nano"] = 5_000
    assert payable_nano(ledger, ALICE) == CASH_NANO
    set_add_on(ledger, ALICE, np.int64(0))
    assert ledger.accounts[ALICE]["margin_nano"] == 300


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
def test_a_withdrawal_takes_only_what_is_free(ledger: Ledger, amount_nano: int, reject: int) -> None:
    ledger.accounts[ALICE]["margin_nano"] = 400
    assert check_withdrawal(ledger, ALICE, np.int64(amount_nano)) == reject


@pytest.mark.parametrize("fee_nano", [7, -7])
def test_what_an_account_pays_the_exchange_has(ledger: Ledger, fee_nano: int) -> None:
    charge_fee(ledger, ALICE, np.int64(fee_nano))
    assert ledger.accounts[ALICE]["cash_nano"] == CASH_NANO - fee_nano
    assert ledger.accounts[ALICE]["fees_nano"] == ledger.totals[0]["fees_nano"] == fee_nano


def test_the_totals_know_all_money_that_came_and_went(ledger: Ledger) -> None:
    move_cash(ledger, ALICE, np.int64(50))
    move_cash(ledger, ALICE, np.int64(-20))
    totals = ledger.totals[0]
    assert (totals["deposits_nano"], totals["withdrawals_nano"]) == (CASH_NANO + 50, 20)
    assert ledger.accounts[ALICE]["cash_nano"] == totals["deposits_nano"] - totals["withdrawals_nano"]


def test_every_sum_of_two_balances_fits_its_integer() -> None:
    assert 2 * TOTAL_NANO_MAX <= 1 << 63
    assert AMOUNT_NANO_MAX <= TOTAL_NANO_MAX
    # Three times the gross in losses, once in charges; twice in gains, and cash: see the schema.
    assert 4 * GROSS_NANO_MAX + AMOUNT_NANO_MAX < 1 << 63
    assert 2 * GROSS_NANO_MAX + 4 * GROSS_NANO_MAX + AMOUNT_NANO_MAX + ADD_ON_NANO_MAX < 1 << 63
