"""What a contract is listed with, and what trading it costs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.schema import PRICE_TICKS_MAX
from risk.contracts import UNKNOWN_SHOCKS_PERMILLE, check_fees, fee_per_lot, list_contract
from risk.schema import CONTRACT, FEE_PPM_MAX, GROSS_NANO_MAX, SCENARIOS, RiskReject
from tests.risk.books import REFERENCE_TICKS, TICK_VALUE_NANO, Books


def test_a_contract_without_parameters_is_margined_as_if_its_price_could_double_or_vanish() -> None:
    books = Books()
    assert books.shocks_ticks[0].tolist() == [int(permille) for permille in UNKNOWN_SHOCKS_PERMILLE]
    assert (books.shocks_ticks[0].max(), books.shocks_ticks[0].min()) == (REFERENCE_TICKS, -REFERENCE_TICKS)
    assert books.contract(0)["worst_shock_ticks"] == REFERENCE_TICKS
    assert books.contract(0)["spread_ticks"] == REFERENCE_TICKS // 5


def test_shocks_and_charges_are_rounded_to_the_safe_side() -> None:
    books = Books()
    list_contract(books.ledger, 0, 4, 1, np.int64(TICK_VALUE_NANO), np.int64(3), np.int64(PRICE_TICKS_MAX))
    assert books.ledger.shocks[:SCENARIOS].tolist()[:7] == [0, 1, -1, 3, -3, 3, -3]
    assert books.ledger.contracts[0]["spread_ticks"] == 1


@pytest.mark.parametrize(("reference_ticks", "price_max_ticks"), [(10, 320), (1 << 29, PRICE_TICKS_MAX)])
def test_prices_may_rise_so_far_and_lots_become_so_many(reference_ticks: int, price_max_ticks: int) -> None:
    books = Books()
    terms = np.int64(TICK_VALUE_NANO), np.int64(reference_ticks), np.int64(PRICE_TICKS_MAX)
    list_contract(books.ledger, 0, 4, 1, *terms)
    contract = books.ledger.contracts[0]
    assert contract["price_max_ticks"] == price_max_ticks
    gross_nano = price_max_ticks * TICK_VALUE_NANO
    assert contract["lots_max"] * gross_nano <= GROSS_NANO_MAX < (contract["lots_max"] + 1) * gross_nano


@given(st.integers(1, PRICE_TICKS_MAX), st.integers(-FEE_PPM_MAX, FEE_PPM_MAX), st.integers(1, 480))
def test_a_fee_is_rounded_up_and_a_rebate_towards_nothing(price_ticks: int, fee_ppm: int, steps: int) -> None:
    contract = np.zeros(1, CONTRACT)
    contract["tick_value_nano"] = 50 * steps
    exact_millionths = price_ticks * 50 * steps * fee_ppm
    fee_nano = int(fee_per_lot(contract[0], np.int64(price_ticks), fee_ppm))
    assert 0 <= fee_nano * 1_000_000 - exact_millionths < 1_000_000


@given(st.integers(1, PRICE_TICKS_MAX), st.integers(-FEE_PPM_MAX, FEE_PPM_MAX), st.integers(0, FEE_PPM_MAX))
def test_a_rebate_is_never_more_than_what_the_taker_pays(price_ticks: int, maker_ppm: int, taker_ppm: int) -> None:
    contract = np.zeros(1, CONTRACT)
    contract["tick_value_nano"] = 1_000
    if check_fees(maker_ppm, taker_ppm) == 0:
        fees_nano = [int(fee_per_lot(contract[0], np.int64(price_ticks), ppm)) for ppm in (maker_ppm, taker_ppm)]
        assert sum(fees_nano) >= 0


@pytest.mark.parametrize(
    ("maker_ppm", "taker_ppm", "is_sound"),
    [
        (0, 0, True),
        (-500, 500, True),
        (-501, 500, False),
        (0, -1, False),
        (FEE_PPM_MAX, FEE_PPM_MAX, True),
        (FEE_PPM_MAX + 1, 0, False),
        (0, FEE_PPM_MAX + 1, False),
    ],
)
def test_fees_that_would_pay_from_nothing_are_refused(maker_ppm: int, taker_ppm: int, is_sound: bool) -> None:
    assert check_fees(maker_ppm, taker_ppm) == (0 if is_sound else RiskReject.FEES_OUT_OF_RANGE)
