"""Each course has the form that its name says, never nobody, and never more than it was given."""

import pytest

from load_tests.courses import BURST_S, HOURS, day_factors, gate_burst, ramp, trading_day

USERS, LENGTH_S = 50, 100.0


def test_a_ramp_rises_evenly_and_then_all_stay() -> None:
    counts = [ramp(second, LENGTH_S, USERS) for second in range(101)]
    assert counts == sorted(counts)
    assert (counts[0], counts[40], counts[80], counts[100]) == (1, 25, USERS, USERS)


def test_everybody_comes_just_before_a_gate_and_leaves_after_it() -> None:
    gates_s = [1_000.0, 1_180.0]
    calm = gate_burst(900, gates_s, USERS)
    assert [gate_burst(now_s, gates_s, USERS) for now_s in (1_000 - BURST_S, 1_000, 1_180)] == [USERS] * 3
    assert gate_burst(1_001, gates_s, USERS) == gate_burst(900, [], USERS) == calm < USERS / 2


def test_a_day_follows_the_measured_demand_and_is_fullest_at_its_busiest_hour() -> None:
    factors = day_factors()
    assert len(factors) == HOURS + 1
    counts = [trading_day(LENGTH_S * hour / HOURS, LENGTH_S, USERS, factors) for hour in range(HOURS + 1)]
    assert max(counts) == USERS == counts[factors.index(max(factors))]
    assert min(counts) == counts[factors.index(min(factors))] < USERS / 2
    between = trading_day(LENGTH_S * 8.5 / HOURS, LENGTH_S, 10_000, factors)
    assert between == pytest.approx(10_000 * (factors[8] + factors[9]) / 2 / max(factors), abs=1)


@pytest.mark.parametrize("elapsed_s", [0.0, 1e9])
def test_there_is_always_somebody(elapsed_s: float) -> None:
    assert 1 <= ramp(elapsed_s, LENGTH_S, 3) <= 3
    assert 1 <= gate_burst(elapsed_s, [], 3) <= 3
    assert 1 <= trading_day(elapsed_s, LENGTH_S, 3, day_factors()) <= 3
