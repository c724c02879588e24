import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.parameters.ranges import Ranges, spread_charge_ticks
from exchange.parameters.scenarios import (
    SCENARIOS,
    exact_shock_ticks,
    outward_ticks,
    shocks,
    stepped_shocks,
    stepped_ticks,
)
from exchange.parameters.settings import RangeSettings
from matching.schema import PRICE_TICKS_MAX

SETTINGS = RangeSettings()
TIERS = (1.0, 0.0, -1.0)
MARKS = (64_000, 40_000, 16_000)
MARK = st.integers(1, PRICE_TICKS_MAX)
RANGE = st.floats(0.01, 1.0)
RANGES = st.builds(Ranges, RANGE, RANGE, RANGE, RANGE)
LOADING = st.floats(-1, 1)
NO_MOVE = 0


def shock_matrix(parallel, tilt, tiers, windows=2):
    """A row for each scenario, a column for each of some windows in three tiers."""
    return np.array(
        [
            shocks(mark_ticks, Ranges(range_, tilt, tiers, 0.02), tilt_loading, tier)
            for mark_ticks, range_, tier in zip(MARKS, parallel, TIERS, strict=True)
            for tilt_loading in np.linspace(1, -1, windows)
        ]
    ).T


def strictly_worst_somewhere(matrix, lots_max=3):
    """The scenarios that are the only worst one for some portfolio of at most so many lots a leg."""
    portfolios = np.array(list(itertools.product(range(-lots_max, lots_max + 1), repeat=matrix.shape[1])))
    profits = portfolios @ matrix.T
    two_worst = np.partition(profits, 1, axis=1)[:, :2]
    return set(profits.argmin(axis=1)[two_worst[:, 0] < two_worst[:, 1]])


@pytest.mark.parametrize("parallel", [(0.1, 0.1, 0.1), (0.1, 0.12, 0.15), (0.4, 0.3, 0.3)])
@pytest.mark.parametrize(("tilt", "tiers"), [(0.05, 0.05), (0.1, 0.03), (0.03, 0.1), (0.3, 0.3)])
def test_every_move_is_the_worst_for_some_portfolio_of_a_few_lots(parallel, tilt, tiers):
    matrix = shock_matrix(parallel, tilt, tiers)
    assert strictly_worst_somewhere(matrix) == set(range(1, len(SCENARIOS)))


def test_no_move_is_the_worst_for_who_gains_by_every_move():
    moves = shock_matrix((0.1, 0.12, 0.15), 0.05, 0.05, windows=3)[1:]
    portfolio = np.linalg.lstsq(moves, np.ones(len(moves)), rcond=None)[0]
    lots = np.rint(portfolio / np.abs(portfolio).max() * 10_000).astype(np.int64)
    assert (moves @ lots).min() > 0


def test_a_search_notices_a_scenario_that_is_dominated():
    matrix = shock_matrix((0.1, 0.1, 0.1), 0.05, 0.05)
    halves = np.vstack([matrix, matrix[1] // 2])
    assert len(SCENARIOS) not in strictly_worst_somewhere(halves, lots_max=2)


def test_a_lone_window_has_the_array_of_a_future_in_span():
    """McMillan, ch. 34: a range of 10,000. Published figures are rounded to tens; here a tick is 1e-5 of the mark."""
    published = [0, 0, 3330, 3330, -3330, -3330, 6670, 6670, -6670, -6670, 10000, 10000, -10000, -10000, 7000, -7000]
    array = shocks(10**9, Ranges(1e-5, 1e-5, 1e-5, 1e-5), tilt_loading=0, tier_loading=0)
    assert {round(ticks, -1) for ticks in array} == set(published)
    assert -min(array) == pytest.approx(10_000, abs=1)


def test_there_are_sixteen_and_the_first_is_no_move():
    assert len(SCENARIOS) == 16
    assert shocks(40_000, Ranges(1, 1, 1, 1), 1, 1)[NO_MOVE] == 0


@given(MARK, RANGES, LOADING, st.sampled_from(TIERS), st.floats(0.1, 10))
def test_no_price_falls_below_zero_and_no_shock_leaves_the_range_of_prices(mark, ranges, tilt, tier, multiplier):
    array = shocks(mark, ranges, tilt, tier, multiplier)
    assert all(isinstance(ticks, int) for ticks in array)
    assert -mark <= min(array) <= max(array) <= PRICE_TICKS_MAX


@given(MARK, RANGES, LOADING, st.sampled_from(TIERS))
def test_a_shock_is_rounded_away_from_zero_by_less_than_a_tick(mark, ranges, tilt, tier):
    for scenario, ticks in zip(SCENARIOS, shocks(mark, ranges, tilt, tier), strict=True):
        exact = exact_shock_ticks(scenario, mark, ranges, tilt, tier)
        if exact <= PRICE_TICKS_MAX:
            assert ticks * exact >= 0
            assert abs(ticks) - 1 < abs(exact) <= abs(ticks) or exact == ticks == 0


@pytest.mark.parametrize(("exact", "expected"), [(0.0, 0), (0.01, 1), (-0.01, -1), (7.0, 7), (-7.5, -8), (-11.0, -10)])
def test_outward_is_away_from_zero_but_not_below_the_price(exact, expected):
    assert outward_ticks(exact, mark_ticks=10) == expected


@given(st.lists(st.tuples(st.integers(-50, 50), MARK, LOADING, st.sampled_from(TIERS)), min_size=1, max_size=6), RANGES)
def test_rounding_never_lowers_a_requirement_with_its_spread_charge(legs, ranges):
    """A hedge's gains are rounded up too, by less than a tick a lot, and the charge is at least a tick a lot."""
    arrays = [shocks(mark, ranges, tilt, tier) for _, mark, tilt, tier in legs]
    charge = sum(abs(lots) * spread_charge_ticks(mark, ranges) for lots, mark, _, _ in legs)
    for number, scenario in enumerate(SCENARIOS):
        exact = [min(exact_shock_ticks(scenario, mark, ranges, *at), PRICE_TICKS_MAX) for _, mark, *at in legs]
        loss = -sum(lots * array[number] for (lots, *_), array in zip(legs, arrays, strict=True))
        exact_loss = -math.fsum(lots * ticks for (lots, *_), ticks in zip(legs, exact, strict=True))
        assert loss + charge >= exact_loss - 1e-3


@given(MARK, RANGES, LOADING, st.sampled_from(TIERS), st.floats(1, 3))
def test_a_larger_multiplier_never_shrinks_a_shock(mark, ranges, tilt, tier, multiplier):
    plain, scaled = shocks(mark, ranges, tilt, tier), shocks(mark, ranges, tilt, tier, multiplier)
    assert all(abs(small) <= abs(large) for small, large in zip(plain, scaled, strict=True))


def test_shocks_rise_sooner_than_they_fall():
    assert stepped_ticks(4_000, 1_000, 1_000, SETTINGS) == 1_250
    assert stepped_ticks(-4_000, -1_000, 1_000, SETTINGS) == -1_250
    assert stepped_ticks(0, 1_000, 1_000, SETTINGS) == 950
    assert stepped_ticks(1_010, 1_000, 1_000, SETTINGS) == 1_010


@given(MARK, RANGES, RANGES, LOADING, st.sampled_from(TIERS))
def test_steps_come_to_their_target_and_no_step_is_too_long(mark, before, after, tilt, tier):
    target, now = shocks(mark, after, tilt, tier), shocks(mark, before, tilt, tier)
    for _ in range(2_000):
        if now == target:
            break
        last, now = now, stepped_shocks(target, now, mark, SETTINGS)
        longest = max(1, 0.25 * max(map(abs, last)))
        assert all(abs(new - old) <= longest for new, old in zip(now, last, strict=True))
    assert now == target


def test_a_step_does_not_leave_a_down_shock_above_a_mark_that_fell():
    ranges = Ranges(0.10, 0.05, 0.05, 0.02)
    last, target = shocks(40_000, ranges, 0, 0), shocks(1_000, ranges, 0, 0)
    assert min(stepped_shocks(target, last, 1_000, SETTINGS)) == -1_000


def test_a_shock_that_changes_its_sign_takes_the_longer_steps():
    assert stepped_ticks(-1_000, 1_000, 1_000, SETTINGS) == 750
