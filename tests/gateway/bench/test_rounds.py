"""Rounds are compared with those that they follow."""

import numpy as np
import pytest

from gateway.bench.rounds import Pair, Waits, compared


def test_waits_are_percentiles_in_milliseconds():
    waits = Waits.of(np.arange(101) * 1_000_000)
    assert waits == pytest.approx((50.0, 99.0))


def test_a_ratio_is_the_median_of_those_of_rounds_that_follow_each_other():
    pairs = [Pair(Waits(1, 10), Waits(2, 10)), Pair(Waits(1, 20), Waits(4, 60)), Pair(Waits(1, 30), Waits(6, 60))]
    assert compared("push", "reading", "stopped", pairs) == {
        "push_p50_reading_ms": 1,
        "push_p99_reading_ms": 20,
        "push_p50_stopped_ms": 4,
        "push_p99_stopped_ms": 60,
        "push_p99_times_without": 2,
    }
