"""How far prices may move within the horizon: volatilities times the coverage, between their floors and the cap."""

import math
from dataclasses import dataclass

from exchange.parameters.history import History
from exchange.parameters.inputs import Series, TradeInput
from exchange.parameters.settings import ParameterSettings
from exchange.parameters.volatility import VarianceRate, volatility
from matching.schema import PRICE_TICKS_MAX, QUANTITY_LOTS_MAX


@dataclass(frozen=True, slots=True)
class Ranges:
    """Moves in the log of price, all positive."""

    parallel: float
    """Of a whole series: SPAN's price scan range."""
    tilt: float
    """Of the front against the middle of the curve, and of the middle against the back."""
    tiers: float
    """Of a tier against the one below it."""
    neighbours: float
    """Of a window against the one before it."""


def ranges_of(history: History, series: Series, settings: ParameterSettings) -> Ranges:
    """The ranges of one series; what was never measured stands at its floor."""
    limits = settings.ranges

    def covered(rate: VarianceRate | None, least: float) -> float:
        return min(max(limits.coverage * volatility(rate, settings.volatility), least), limits.range_max)

    return Ranges(
        parallel=covered(history.outright.get(series), limits.parallel_min),
        tilt=covered(history.slope.get(series), limits.tilt_min),
        tiers=covered(history.tiers.get(series.region), limits.tiers_min),
        neighbours=covered(history.neighbours.get(series), limits.neighbours_min),
    )


def spread_charge_ticks(mark_ticks: int, ranges: Ranges) -> int:
    """What each leg of a calendar spread pays a lot, in ticks, rounded up: half of what neighbours can diverge by.

    At least 1, which also covers what rounding the gains of a hedge up could hide.
    """
    return min(max(1, math.ceil(mark_ticks * math.expm1(ranges.neighbours) / 2)), PRICE_TICKS_MAX)


def concentration_threshold_lots(trades: list[TradeInput], settings: ParameterSettings) -> int:
    """The position that can be closed out within the horizon by taking part in a fraction of what is traded.

    ECC's liquidation period, position over market capacity, equals the horizon at this size; rounded down.
    `trades` are those of the last `trade_age_max_s` that count.
    """
    traded_lots = sum(trade.quantity_lots for trade in trades)
    horizons = settings.volatility.horizon_s / settings.forward.trade_age_max_s
    lots = math.floor(settings.ranges.participation_fraction * traded_lots * horizons)
    return min(max(lots, settings.ranges.concentration_lots_min), QUANTITY_LOTS_MAX)
