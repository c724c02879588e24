"""Interest on negative cash: the published curve, exact shares, and where what is paid goes."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.accounts import Ledger, allocate
from risk.financing import (
    HOURS_PER_YEAR,
    charge_interest,
    check_curve,
    interest_nano,
    next_debtor,
    rate_at,
    share_ppm,
    utilisation_of_cash,
)
from risk.schema import AMOUNT_NANO_MAX, PPM, RATE_PPM_MAX, TOTAL_NANO_MAX, RiskReject

DERIVE = 0, 48_000, 1_000_000, 800_000
AMOUNTS = st.integers(0, TOTAL_NANO_MAX)
RATES = st.integers(0, RATE_PPM_MAX // 3)


def rate(utilisation_ppm: int, *curve: int) -> int:
    return int(rate_at(*map(np.int64, (utilisation_ppm, *curve))))


@pytest.mark.parametrize(
    ("utilisation_ppm", "rate_ppm"),
    [(0, 0), (400_000, 24_000), (800_000, 48_000), (900_000, 548_000), (1_000_000, 1_048_000)],
)
def test_the_published_rates_come_out(utilisation_ppm: int, rate_ppm: int) -> None:
    assert rate(utilisation_ppm, *DERIVE) == rate_ppm


@given(st.integers(0, PPM), RATES, RATES, RATES, st.integers(1, PPM))
def test_a_rate_is_what_fractions_say(
    utilisation_ppm: int, base_ppm: int, slope_1_ppm: int, slope_2_ppm: int, optimum_ppm: int
) -> None:
    if utilisation_ppm <= optimum_ppm:
        expected = base_ppm + floor(Fraction(slope_1_ppm * utilisation_ppm, optimum_ppm))
    else:
        beyond = Fraction(utilisation_ppm - optimum_ppm, PPM - optimum_ppm)
        expected = base_ppm + slope_1_ppm + floor(slope_2_ppm * beyond)
    assert rate(utilisation_ppm, base_ppm, slope_1_ppm, slope_2_ppm, optimum_ppm) == expected


@given(AMOUNTS, AMOUNTS)
def test_a_share_is_exact_for_amounts_of_any_size(part: int, whole: int) -> None:
    expected = min(PPM * part // whole, PPM) if whole else (PPM if part else 0)
    assert share_ppm(np.int64(part), np.int64(whole)) == expected


@given(st.integers(0, AMOUNT_NANO_MAX), st.integers(0, RATE_PPM_MAX))
def test_interest_is_an_hour_of_a_year_rounded_up(debt_nano: int, rate_ppm: int) -> None:
    exact = Fraction(debt_nano * rate_ppm, PPM * HOURS_PER_YEAR)
    assert interest_nano(np.int64(debt_nano), np.int64(rate_ppm)) == ceil(exact)


def ledger_of(*cash_nano: int) -> Ledger:
    """Accounts from 1 on."""
    ledger = allocate(accounts=8, positions=1, contracts=2)
    ledger.accounts["cash_nano"][1 : len(cash_nano) + 1] = cash_nano
    ledger.totals["accounts_end"] = len(cash_nano) + 1
    return ledger


@pytest.mark.parametrize(
    ("cash_nano", "utilisation_ppm"),
    [
        ((), 0),
        ((0, 0), 0),
        ((100, 50), 0),
        ((100, -40), 400_000),
        ((60, -40, 40), 400_000),
        ((3, -1), 333_333),
        ((-1,), PPM),
        ((5, -6), PPM),
        ((1 << 60, -(1 << 59), 1 << 60, 1 << 60, 1 << 60, 1 << 60), 125_000),  # no sum is above the largest total
    ],
)
def test_cash_is_used_as_far_as_it_is_lent(cash_nano: tuple[int, ...], utilisation_ppm: int) -> None:
    assert utilisation_of_cash(ledger_of(*cash_nano)) == utilisation_ppm


def test_what_a_debtor_pays_goes_to_the_fund() -> None:
    ledger = ledger_of(10**9, -(10**9))
    paid_nano = charge_interest(ledger, np.int64(2), np.int64(48_000))
    assert paid_nano == ceil(Fraction(10**9 * 48_000, PPM * HOURS_PER_YEAR)) > 0
    assert ledger.accounts["cash_nano"].sum() + ledger.totals[0]["fund_nano"] == 0
    assert ledger.totals[0]["fund_nano"] == paid_nano


@pytest.mark.parametrize("debt_nano", [AMOUNT_NANO_MAX - 1, AMOUNT_NANO_MAX, AMOUNT_NANO_MAX + 5])
def test_no_debt_grows_past_the_largest_balance(debt_nano: int) -> None:
    ledger = ledger_of(-debt_nano)
    charge_interest(ledger, np.int64(1), np.int64(RATE_PPM_MAX))
    assert -ledger.accounts[1]["cash_nano"] == max(debt_nano, AMOUNT_NANO_MAX)


def test_debtors_are_found_in_the_order_of_ids() -> None:
    ledger = ledger_of(5, -1, 0, -7)
    assert [int(next_debtor(ledger, np.int64(first))) for first in (1, 2, 3, 4, 5)] == [2, 2, 4, 4, 0]


@pytest.mark.parametrize(
    ("curve", "is_sound"),
    [
        ((0, 0, 0, 0), True),
        (DERIVE, True),
        ((0, 1, 0, 1), True),
        ((RATE_PPM_MAX, 0, 0, PPM), True),
        ((0, 0, 0, 800_000), False),  # an optimum of nothing
        ((0, 48_000, 0, 0), False),
        ((0, 48_000, 0, PPM + 1), False),
        ((RATE_PPM_MAX, 0, 1, PPM), False),
        (((1 << 32) - 1, (1 << 32) - 1, (1 << 32) - 1, PPM), False),
    ],
)
def test_curves_that_cannot_be_are_refused(curve: tuple[int, ...], is_sound: bool) -> None:
    assert check_curve(*map(np.uint32, curve)) == (0 if is_sound else RiskReject.FINANCING_OUT_OF_RANGE)
