"""What one update remembers for the next: the last forwards, and how they have moved so far.

Four ways to move are told apart. Each window for itself: what an outright position must stand. The slope from front to
back: what a calendar spread must. The difference of neighbours: what no curve explains. The difference of tiers.
Windows are followed one by one, so that the roll from an ended window to the next is no return. Forwards without a
quorum are not followed: what was filled in moves with what it was filled from.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import NamedTuple, TypeVar

from exchange.parameters.factors import tilt_loadings
from exchange.parameters.filling import TierPair
from exchange.parameters.forward import ForwardCurves
from exchange.parameters.inputs import Calendar, Series, TrancheInput, Window
from exchange.parameters.settings import VolatilitySettings
from exchange.parameters.volatility import VarianceRate, updated_rate
from exchange.symbols import NANO_PER_S

SLOPE_WINDOWS_MIN = 3
"""Two windows always lie on a line."""

Key = TypeVar("Key")


class Sample(NamedTuple):
    """A forward that the next one is compared with."""

    log_price: float
    time_ns: int


@dataclass(frozen=True, slots=True)
class History:
    """Values only, to be kept between two updates."""

    samples: Mapping[int, Sample] = field(default_factory=dict)
    outright: Mapping[Series, VarianceRate] = field(default_factory=dict)
    slope: Mapping[Series, VarianceRate] = field(default_factory=dict)
    neighbours: Mapping[Series, VarianceRate] = field(default_factory=dict)
    tiers: Mapping[str, VarianceRate] = field(default_factory=dict)
    tier_log_spreads: Mapping[TierPair, float] = field(default_factory=dict)


def updated_history(
    history: History, inputs: Sequence[TrancheInput], curves: ForwardCurves, settings: VolatilitySettings, time_ns: int
) -> History:
    """What is known with this update's forwards."""
    fresh = {
        forward.instrument_id: math.log(forward.price_ticks)
        for forward in curves.forwards
        if forward.quorum_met and forward.price_ticks is not None
    }
    speeds = _speeds(history.samples, fresh, settings, time_ns)
    moved = [tranche for tranche in inputs if tranche.instrument_id in speeds]

    def with_observed(rates: Mapping[Key, VarianceRate], observed: Mapping[Key, float]) -> dict[Key, VarianceRate]:
        new = {key: updated_rate(rates.get(key), squared, time_ns, settings) for key, squared in observed.items()}
        return {**rates, **new}

    return History(
        samples=_samples(history.samples, fresh, speeds, [t.instrument_id for t in inputs], settings, time_ns),
        outright=with_observed(history.outright, squared_outright_speeds(moved, speeds)),
        slope=with_observed(history.slope, squared_slope_speeds(moved, speeds, tilt_loadings(inputs))),
        neighbours=with_observed(history.neighbours, squared_neighbour_speeds(moved, speeds)),
        tiers=with_observed(history.tiers, squared_tier_speeds(moved, speeds)),
        tier_log_spreads=curves.tier_log_spreads,
    )


def squared_outright_speeds(moved: Iterable[TrancheInput], speeds: Mapping[int, float]) -> dict[Series, float]:
    """The mean square of all windows of a series."""
    found: dict[Series, list[float]] = {}
    for tranche in moved:
        found.setdefault(tranche.series, []).append(speeds[tranche.instrument_id] ** 2)
    return {series: fmean(squares) for series, squares in found.items()}


def squared_slope_speeds(
    moved: Iterable[TrancheInput], speeds: Mapping[int, float], loadings: Mapping[int, float]
) -> dict[Series, float]:
    """The square of the least-squares slope of speed over the tilt loading: how fast the front leaves the middle."""
    found: dict[Series, list[tuple[float, float]]] = {}
    for tranche in moved:
        id_ = tranche.instrument_id
        found.setdefault(tranche.series, []).append((loadings[id_], speeds[id_]))
    return {
        series: _slope(points) ** 2
        for series, points in found.items()
        if len({loading for loading, _ in points}) >= SLOPE_WINDOWS_MIN
    }


def squared_neighbour_speeds(moved: Iterable[TrancheInput], speeds: Mapping[int, float]) -> dict[Series, float]:
    """The mean square of how fast a window leaves the one before it."""
    found: dict[Series, list[float]] = {}
    last: dict[Calendar, TrancheInput] = {}
    for tranche in sorted(moved, key=lambda tranche: tranche.start_ns):
        before = last.get(tranche.calendar)
        if before is not None and tranche.start_ns - before.start_ns == tranche.duration_s * NANO_PER_S:
            difference = speeds[tranche.instrument_id] - speeds[before.instrument_id]
            found.setdefault(tranche.series, []).append(difference**2)
        last[tranche.calendar] = tranche
    return {series: fmean(squares) for series, squares in found.items()}


def squared_tier_speeds(moved: Iterable[TrancheInput], speeds: Mapping[int, float]) -> dict[str, float]:
    """By region, the mean square of how fast a tier leaves the one below it, over all windows that they share."""
    by_window: dict[tuple[Window, int], float] = {
        (tranche.window, tranche.tier): speeds[tranche.instrument_id] for tranche in moved
    }
    found: dict[str, list[float]] = {}
    for (window, tier), speed in by_window.items():
        lower = by_window.get((window, tier + 1))
        if lower is not None:
            found.setdefault(window.region, []).append((speed - lower) ** 2)
    return {region: fmean(squares) for region, squares in found.items()}


def _speeds(
    samples: Mapping[int, Sample], fresh: Mapping[int, float], settings: VolatilitySettings, time_ns: int
) -> dict[int, float]:
    """Log return over the root of its seconds, for those whose last sample is neither too new nor too old."""
    speeds = {}
    for id_, log_price in fresh.items():
        if (sample := samples.get(id_)) is not None:
            elapsed_s = (time_ns - sample.time_ns) / NANO_PER_S
            if settings.sample_interval_s <= elapsed_s <= settings.gap_max_s:
                speeds[id_] = (log_price - sample.log_price) / math.sqrt(elapsed_s)
    return speeds


def _samples(
    samples: Mapping[int, Sample],
    fresh: Mapping[int, float],
    speeds: Mapping[int, float],
    listed: Iterable[int],
    settings: VolatilitySettings,
    time_ns: int,
) -> dict[int, Sample]:
    """A sample stays until a return was measured from it, or it is too old for one."""
    kept = {}
    for id_ in listed:
        sample = samples.get(id_)
        too_old = sample is not None and (time_ns - sample.time_ns) / NANO_PER_S > settings.gap_max_s
        if sample is not None and id_ not in speeds and not too_old:
            kept[id_] = sample
        elif id_ in fresh:
            kept[id_] = Sample(fresh[id_], time_ns)
    return kept


def _slope(points: list[tuple[float, float]]) -> float:
    mean_loading = fmean(loading for loading, _ in points)
    covariance = math.fsum((loading - mean_loading) * speed for loading, speed in points)
    return covariance / math.fsum((loading - mean_loading) ** 2 for loading, _ in points)
