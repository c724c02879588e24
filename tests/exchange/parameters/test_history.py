import math
import random

import pytest

from exchange.parameters.factors import tilt_loadings
from exchange.parameters.forward import forward_curves
from exchange.parameters.history import (
    History,
    squared_neighbour_speeds,
    squared_outright_speeds,
    squared_slope_speeds,
    squared_tier_speeds,
    updated_history,
)
from exchange.parameters.inputs import Series
from exchange.parameters.settings import ForwardSettings, VolatilitySettings
from tests.exchange.parameters.tranches import NOW_NS, NS, PRICE, quoted, tranche

FORWARD = ForwardSettings()
SETTINGS = VolatilitySettings()
AF = Series("eu-fra", 1)


def observe(history, inputs, seconds):
    time_ns = NOW_NS + seconds * NS
    fresh = [quoted(t.instrument_id - 100 * t.tier, t.reference_ticks, t.tier, book_ns=time_ns) for t in inputs]
    curves = forward_curves(fresh, history.tier_log_spreads, FORWARD, time_ns)
    return updated_history(history, fresh, curves, SETTINGS, time_ns)


def test_a_return_is_divided_by_the_root_of_its_time():
    history = observe(observe(History(), [quoted(0)], 0), [quoted(0, PRICE * 1.02)], 120)
    assert history.outright[AF].per_s == pytest.approx(math.log(1.02) ** 2 / 120)


def test_a_return_over_too_short_a_time_waits_and_one_over_too_long_a_time_is_dropped():
    first = observe(History(), [quoted(0)], 0)
    soon = observe(first, [quoted(0, PRICE * 1.02)], 59)
    assert soon.outright == {}
    assert soon.samples == first.samples
    late = observe(soon, [quoted(0, PRICE * 1.1)], 14_401)
    assert late.outright == {}
    assert late.samples[100].log_price == pytest.approx(math.log(PRICE * 1.1))


def test_a_forward_without_a_quorum_is_no_observation():
    first = observe(History(), [quoted(0), quoted(1)], 0)
    inputs = [quoted(0, PRICE, book_ns=NOW_NS + 60 * NS), tranche(1, reference_ticks=2 * PRICE)]
    curves = forward_curves(inputs, {}, FORWARD, NOW_NS + 60 * NS)
    second = updated_history(first, inputs, curves, SETTINGS, NOW_NS + 60 * NS)
    assert second.outright[AF].per_s == pytest.approx(0)
    assert second.samples[101] == first.samples[101]


def test_the_roll_to_the_next_window_is_no_return():
    first = observe(History(), [quoted(0)], 0)
    second = observe(first, [quoted(1, 10 * PRICE)], 60)
    assert second.outright == {}
    assert list(second.samples) == [101]


def test_volatility_of_a_series_outlives_its_windows():
    first = observe(observe(History(), [quoted(0)], 0), [quoted(0, PRICE * 1.1)], 60)
    assert observe(first, [quoted(5)], 120).outright == first.outright


def test_a_move_of_everything_is_no_slope_and_parts_no_neighbours_and_no_tiers():
    windows = [tranche(number, tier) for tier in (0, 1) for number in range(4)]
    speeds = {each.instrument_id: 0.01 for each in windows}
    assert squared_outright_speeds(windows, speeds)[AF] == pytest.approx(1e-4)
    assert squared_slope_speeds(windows, speeds, tilt_loadings(windows))[AF] == pytest.approx(0)
    assert squared_neighbour_speeds(windows, speeds)[AF] == pytest.approx(0)
    assert squared_tier_speeds(windows, speeds)["eu-fra"] == pytest.approx(0)


def test_a_tilt_of_the_curve_is_told_by_its_size_at_the_front():
    windows = [tranche(number) for number in range(5)]
    loadings = tilt_loadings(windows)
    speeds = {each.instrument_id: 0.5 + 0.02 * loadings[each.instrument_id] for each in windows}
    assert squared_slope_speeds(windows, speeds, loadings)[AF] == pytest.approx(0.02**2)
    assert squared_neighbour_speeds(windows, speeds)[AF] == pytest.approx(0.01**2)


def test_two_windows_say_nothing_about_a_slope():
    windows = [tranche(0), tranche(1)]
    assert squared_slope_speeds(windows, {100: 1.0, 101: -1.0}, tilt_loadings(windows)) == {}


def test_windows_with_a_hole_between_them_are_no_neighbours():
    assert squared_neighbour_speeds([tranche(0), tranche(2)], {100: 1.0, 102: -1.0}) == {}


def test_tiers_are_compared_within_a_window_and_with_the_next_tier_only():
    windows = [tranche(0, 0), tranche(0, 2), tranche(1, 1)]
    assert squared_tier_speeds(windows, {0: 1.0, 200: 5.0, 101: 9.0}) == {}
    windows.append(tranche(0, 1))
    found = squared_tier_speeds(windows, {0: 1.0, 100: 2.0, 200: 5.0, 101: 9.0})
    assert found == {"eu-fra": pytest.approx((1 + 9) / 2)}


def test_the_volatility_of_a_random_walk_is_found():
    chance, history, log_price = random.Random(7), History(), math.log(PRICE)
    for minute in range(2_000):
        history = observe(history, [quoted(0, math.exp(log_price))], 60 * minute)
        log_price += chance.gauss(0, 0.04 / math.sqrt(60))
    assert math.sqrt(history.outright[AF].per_s * 3_600) == pytest.approx(0.04, rel=0.1)
