"""Volatility as an exponentially weighted mean of squared returns, as in RiskMetrics (1996), for uneven spacing.

    variance' = w * variance + (1 - w) * squared_speed        w = decay_factor ** (elapsed / decay_period)

A speed is a log return over the root of the time that it took, so a return over a gap counts for what it is. With one
return a period this is RiskMetrics' recursion, but for the start: the sum is divided by the weight that it has so
far, so the first return counts fully and no seed has to be guessed.
"""

import math
from dataclasses import dataclass

from exchange.parameters.settings import VolatilitySettings
from exchange.symbols import NANO_PER_S


@dataclass(frozen=True, slots=True)
class VarianceRate:
    """The variance of log price a second, as a sum of squared speeds and the weight of all that is in it."""

    weighted_sum: float
    weight: float
    time_ns: int

    @property
    def per_s(self) -> float:
        """Squared log return a second."""
        return self.weighted_sum / self.weight


def updated_rate(
    rate: VarianceRate | None, squared_speed: float, time_ns: int, settings: VolatilitySettings
) -> VarianceRate:
    """The rate with one more observation, a squared log return a second."""
    if rate is None:
        rate = VarianceRate(0.0, 0.0, time_ns - round(settings.sample_interval_s * NANO_PER_S))
    elapsed_s = min(max(0, time_ns - rate.time_ns) / NANO_PER_S, settings.gap_max_s)
    kept = settings.decay_factor ** (elapsed_s / settings.decay_period_s)
    return VarianceRate(
        kept * rate.weighted_sum + (1 - kept) * squared_speed,
        kept * rate.weight + (1 - kept),
        max(time_ns, rate.time_ns),
    )


def volatility(rate: VarianceRate | None, settings: VolatilitySettings) -> float:
    """The standard deviation of the log return over the horizon, by the root of time, between its floor and its cap."""
    measured = math.sqrt(rate.per_s * settings.horizon_s) if rate is not None else 0.0
    return min(max(measured, settings.volatility_min), settings.volatility_max)
