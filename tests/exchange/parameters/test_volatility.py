import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.parameters.settings import VolatilitySettings
from exchange.parameters.volatility import VarianceRate, updated_rate, volatility
from tests.exchange.parameters.tranches import NOW_NS, NS

DAY_S = 86_400
DAILY = VolatilitySettings(decay_period_s=DAY_S, sample_interval_s=DAY_S, gap_max_s=DAY_S, horizon_s=DAY_S)


def daily_rates(daily_returns, settings=DAILY, rate=None):
    for day, daily_return in enumerate(daily_returns, start=1):
        rate = updated_rate(rate, daily_return**2 / DAY_S, NOW_NS + day * DAY_S * NS, settings)
    return rate


def test_one_return_a_period_is_the_recursion_of_riskmetrics():
    seed = VarianceRate(0.018**2 / DAY_S, 1.0, NOW_NS)
    rate = daily_rates([-0.023], rate=seed)
    assert rate.per_s * DAY_S == pytest.approx(0.94 * 0.018**2 + 0.06 * 0.023**2)
    assert volatility(rate, DAILY) == pytest.approx(0.01834, abs=5e-6)


def test_riskmetrics_keeps_99_per_cent_of_the_weight_in_458_days_at_a_decay_of_0_99():
    settings = DAILY.model_copy(update={"decay_factor": 0.99})
    old = VarianceRate(1.0, 1.0, NOW_NS)
    assert daily_rates([0] * 458, settings, old).per_s == pytest.approx(0.01, rel=0.005)


def test_half_of_the_weight_is_on_the_last_eleven_hours():
    rate = VarianceRate(1.0, 1.0, NOW_NS)
    for minute in range(1, 672):
        rate = updated_rate(rate, 0.0, NOW_NS + minute * 60 * NS, VolatilitySettings())
    assert rate.per_s == pytest.approx(0.5, abs=0.001)


@given(st.floats(1e-4, 0.1), st.lists(st.integers(60, 14_400), min_size=1, max_size=20))
def test_equal_returns_give_their_size_back_however_they_are_spaced(hourly_return, gaps_s):
    rate, time_ns = None, NOW_NS
    for gap_s in gaps_s:
        time_ns += gap_s * NS
        rate = updated_rate(rate, hourly_return**2 / 3_600, time_ns, VolatilitySettings())
    assert math.sqrt(rate.per_s * 3_600) == pytest.approx(hourly_return)


def test_the_first_return_counts_fully():
    assert daily_rates([0.04]).per_s * DAY_S == pytest.approx(0.04**2)


def test_volatility_grows_with_the_root_of_the_horizon():
    rate = daily_rates([0.02])
    four_days = DAILY.model_copy(update={"horizon_s": 4.0 * DAY_S})
    assert volatility(rate, four_days) == pytest.approx(2 * volatility(rate, DAILY))


def test_volatility_has_a_floor_and_a_cap():
    assert volatility(None, DAILY) == DAILY.volatility_min
    assert volatility(daily_rates([0.0]), DAILY) == DAILY.volatility_min
    assert volatility(daily_rates([5.0]), DAILY) == DAILY.volatility_max


def test_a_long_silence_does_not_wipe_out_what_was_known():
    settings = VolatilitySettings()
    rate = updated_rate(VarianceRate(1.0, 1.0, NOW_NS), 0.0, NOW_NS + 30 * DAY_S * NS, settings)
    assert rate.per_s == pytest.approx(0.94**4)


def test_time_that_goes_back_takes_no_weight_away():
    rate = updated_rate(VarianceRate(1.0, 1.0, NOW_NS), 9.0, NOW_NS - NS, VolatilitySettings())
    assert rate == VarianceRate(1.0, 1.0, NOW_NS)
