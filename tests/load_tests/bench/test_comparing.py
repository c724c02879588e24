"""Faster and slower are said only where rounds lie apart; what machines differ in is told."""

import pytest

from load_tests.bench.comparing import Verdict, changes, verdict_of, warnings
from load_tests.bench.results import Figure, Results, is_less_better

MACHINE = {"cpu": "one", "cores": 2, "python": "3.11", "numba": "0.68"}
ASKED = {"rounds": 3, "size": "full", "parts": []}


def results(machine: dict[str, object] = MACHINE, size: str = "full", **figures: tuple[float, ...]) -> Results:
    return Results(machine, ASKED | {"size": size}, {name: Figure(samples) for name, samples in figures.items()})


@pytest.mark.parametrize(
    ("before", "now", "times", "verdict"),
    [
        ((100, 101, 102), (120, 121, 125), 1.2, "faster"),
        ((120, 121, 125), (100, 101, 102), 0.83, "slower"),
        ((100, 110, 120), (115, 125, 130), 1.13, "noise"),
        ((100, 100, 100), (101, 101, 101), 1.01, "noise"),
        ((100,), (200,), 2.0, "faster"),
    ],
)
def test_a_verdict_needs_rounds_that_lie_apart(
    before: tuple[float, ...], now: tuple[float, ...], times: float, verdict: Verdict
) -> None:
    assert verdict_of(Figure(before), Figure(now), times) == verdict


def test_less_is_better_of_times_and_memory_and_more_of_rates_and_ratios() -> None:
    before = results(ack_us_p50=(100.0,), json_per_second=(100.0,), rest_ratio=(0.1,), gone=(1.0,))
    now = results(ack_us_p50=(50.0,), json_per_second=(50.0,), rest_ratio=(0.2,), new=(1.0,))
    assert [(each.name, each.times, each.verdict) for each in changes(before, now)] == [
        ("ack_us_p50", 2.0, "faster"),
        ("json_per_second", 0.5, "slower"),
        ("rest_ratio", 2.0, "faster"),
    ]


@pytest.mark.parametrize(
    ("name", "less"),
    [
        ("gateway_p99_ms_at_half", True),
        ("recover_restart_s", True),
        ("feed_bytes_per_idle_connection", True),
        ("match_1_per_second", False),
        ("journal_ratio", False),
        ("match_1_times_the_twin", False),
        ("recover_replay_times_bare_reading", True),
        ("neighbours_push_p99_times_without", True),
        ("neighbours_order_p99_attacked_ms", True),
    ],
)
def test_which_way_is_better_follows_from_the_name(name: str, less: bool) -> None:
    assert is_less_better(name) is less


def test_another_machine_or_size_is_told() -> None:
    assert warnings(results(), results()) == []
    other = results(MACHINE | {"cpu": "other"}, "quick")
    assert warnings(results(), other) == ["cpu was one, and is other", "another amount was measured"]
