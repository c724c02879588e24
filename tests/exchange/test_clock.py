"""Venue time: anchored once, doubted when it jumps, never going back."""

import time

import pytest

from exchange.clock import BACKWARD_NS_MAX, DOWNTIME_NS_MAX, Anchor, VenueClock, anchor

NANO_PER_S = 1_000_000_000
LAST_NS = 1_800_000_000 * NANO_PER_S


def test_a_new_venue_takes_the_wall_clock_as_it_is() -> None:
    assert anchor(0, LAST_NS) == Anchor(LAST_NS, None)


@pytest.mark.parametrize("ahead_ns", [0, 1, DOWNTIME_NS_MAX])
def test_a_plausible_downtime_goes_by_the_wall_clock(ahead_ns: int) -> None:
    assert anchor(LAST_NS, LAST_NS + ahead_ns) == Anchor(LAST_NS + ahead_ns, None, ahead_ns)


@pytest.mark.parametrize("behind_ns", [1, BACKWARD_NS_MAX])
def test_a_wall_clock_a_little_behind_waits_where_the_venue_stood(behind_ns: int) -> None:
    assert anchor(LAST_NS, LAST_NS - behind_ns) == Anchor(LAST_NS, None)


def test_a_wall_clock_far_behind_is_doubted() -> None:
    anchored = anchor(LAST_NS, LAST_NS - BACKWARD_NS_MAX - 1)
    assert anchored.time_ns == LAST_NS
    assert anchored.doubt == "the system clock is 5 s behind the time of the last command"


def test_a_wall_clock_far_ahead_is_doubted() -> None:
    anchored = anchor(LAST_NS, LAST_NS + DOWNTIME_NS_MAX + 1)
    assert anchored.time_ns == LAST_NS
    assert anchored.doubt == "the system clock is 7.0 days ahead of the last command"


def test_the_clock_counts_on_from_its_anchor_and_never_goes_back() -> None:
    """The anchor is far from the wall clock, which therefore has no say."""
    clock = VenueClock(Anchor(LAST_NS, None))
    readings = [clock.now_ns() for _ in range(100)]
    assert readings == sorted(readings)
    assert LAST_NS <= readings[0] <= readings[-1] < LAST_NS + 60 * NANO_PER_S


@pytest.mark.parametrize("ahead_s", [3_600, 0, -3_600])
def test_the_drift_tells_how_far_the_wall_clock_is_ahead(ahead_s: int) -> None:
    clock = VenueClock(Anchor(time.time_ns() - ahead_s * NANO_PER_S, None))
    assert abs(clock.drift_ns() - ahead_s * NANO_PER_S) < NANO_PER_S
