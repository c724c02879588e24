"""A result beside an earlier one: of each figure whether it is faster, slower, or told apart from nothing by noise."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from load_tests.bench.results import Figure, Results, is_less_better

Verdict = Literal["faster", "slower", "noise"]
LEAST_CHANGE = 0.03
"""A change that is smaller is none, however little the rounds differ."""


class Change(NamedTuple):
    """One figure then and now; `times` is how much better it is now."""

    name: str
    before: Figure
    now: Figure
    times: float
    verdict: Verdict


def changes(before: Results, now: Results) -> Iterator[Change]:
    """Every figure that both have."""
    for name, figure in now.figures.items():
        earlier = before.figures.get(name)
        if earlier is not None and earlier.median > 0 and figure.median > 0:
            ratio = figure.median / earlier.median
            times = 1 / ratio if is_less_better(name) else ratio
            yield Change(name, earlier, figure, times, verdict_of(earlier, figure, times))


def verdict_of(before: Figure, now: Figure, times: float) -> Verdict:
    """Noise where the change is small, or where some round then and some round now could have changed places."""
    overlap = max(min(before.samples), min(now.samples)) <= min(max(before.samples), max(now.samples))
    if overlap or abs(times - 1) < LEAST_CHANGE:
        return "noise"
    return "faster" if times > 1 else "slower"


def warnings(before: Results, now: Results) -> list[str]:
    """What makes two results incomparable: only ratios to baselines mean something then."""
    told = [
        f"{name} was {before.machine.get(name)}, and is {now.machine.get(name)}"
        for name in ("cpu", "cores", "python", "numba")
        if before.machine.get(name) != now.machine.get(name)
    ]
    return told + (["another amount was measured"] if before.asked.get("size") != now.asked.get("size") else [])
