"""The 16 scenarios: what one long lot gains or loses in each.

SPAN pairs every price move with volatility up and down (McMillan, ch. 34). A forward has no volatility of its own; what
can hurt beside its level is that prices move apart: front against back, tier against tier. So these take that place:

    +-1 range                    alone
    +-2/3 range                  with a tilt, front up or front down
    +-1/3 range                  with tiers apart, or tiers together
    no level                     a tilt alone, either way; front and guaranteed tier together, as in a shortage
    +-2 ranges of everything     at 35 per cent

A loss is convex in the shocks, so a scenario between others can never be the worst: a third of a range alone would be
for show, since the range itself always costs more. These are the corners of a convex body, and a third or two thirds
alone lies between two of them. Only `no move` lies inside, to first order; it keeps a requirement from
falling below zero, and is the worst for who holds so much convexity that every move is a gain.

A move is made in the log of price, so no price falls below zero and a rise is larger than the fall of the same range.
"""

import math
from typing import NamedTuple

from exchange.parameters.ranges import Ranges
from exchange.parameters.settings import RangeSettings
from matching.schema import PRICE_TICKS_MAX

EXTREME_MULTIPLE = 2.0
EXTREME_COVER = 0.35
"""SPAN's cover of its extreme scenarios, of twice the range (McMillan; NSE)."""
TILT_BESIDE_MOVE = 0.75
"""Beside two thirds of a range: the corner of a right angle has the hypotenuse 1."""


class Scenario(NamedTuple):
    """A move in units of the ranges, and the fraction of it that counts."""

    name: str
    parallel: float = 0.0
    tilt: float = 0.0
    tiers: float = 0.0
    cover: float = 1.0


SCENARIOS = (
    Scenario("no move"),
    Scenario("up", 1.0),
    Scenario("down", -1.0),
    Scenario("up, front leads", 2 / 3, TILT_BESIDE_MOVE),
    Scenario("up, back leads", 2 / 3, -TILT_BESIDE_MOVE),
    Scenario("down, front holds", -2 / 3, TILT_BESIDE_MOVE),
    Scenario("down, back holds", -2 / 3, -TILT_BESIDE_MOVE),
    Scenario("up, tiers apart", 1 / 3, tiers=1.0),
    Scenario("up, tiers together", 1 / 3, tiers=-1.0),
    Scenario("down, tiers apart", -1 / 3, tiers=1.0),
    Scenario("down, tiers together", -1 / 3, tiers=-1.0),
    Scenario("front up", tilt=1.0),
    Scenario("front down", tilt=-1.0),
    Scenario("front and guaranteed tier up", tilt=TILT_BESIDE_MOVE, tiers=TILT_BESIDE_MOVE),
    Scenario("extreme up", EXTREME_MULTIPLE, EXTREME_MULTIPLE, EXTREME_MULTIPLE, EXTREME_COVER),
    Scenario("extreme down", -EXTREME_MULTIPLE, -EXTREME_MULTIPLE, -EXTREME_MULTIPLE, EXTREME_COVER),
)


def shocks(
    mark_ticks: int, ranges: Ranges, tilt_loading: float, tier_loading: float, multiplier: float = 1.0
) -> tuple[int, ...]:
    """The profit of one long lot in each scenario, in ticks per Mbps-hour, rounded away from zero.

    A down shock is never more than the mark. `multiplier` scales the shocks themselves.
    """
    return tuple(
        outward_ticks(
            multiplier * exact_shock_ticks(scenario, mark_ticks, ranges, tilt_loading, tier_loading), mark_ticks
        )
        for scenario in SCENARIOS
    )


def exact_shock_ticks(
    scenario: Scenario, mark_ticks: int, ranges: Ranges, tilt_loading: float, tier_loading: float
) -> float:
    """The shock before it is rounded."""
    log_move = (
        scenario.parallel * ranges.parallel
        + scenario.tilt * ranges.tilt * tilt_loading
        + scenario.tiers * ranges.tiers * tier_loading
    )
    return scenario.cover * mark_ticks * math.expm1(log_move)


def outward_ticks(shock_ticks: float, mark_ticks: int) -> int:
    """Away from zero to a whole tick, within what a price can do."""
    whole = math.ceil(shock_ticks) if shock_ticks > 0 else math.floor(shock_ticks)
    return min(max(whole, -mark_ticks), PRICE_TICKS_MAX)


def stepped_shocks(
    target_ticks: tuple[int, ...], last_ticks: tuple[int, ...], mark_ticks: int, settings: RangeSettings
) -> tuple[int, ...]:
    """As near to the target as one step from the last shocks comes: a fraction of their largest, or a tick."""
    largest_ticks = max(map(abs, last_ticks))
    return tuple(
        max(stepped_ticks(target, last, largest_ticks, settings), -mark_ticks)
        for target, last in zip(target_ticks, last_ticks, strict=True)
    )


def stepped_ticks(target_ticks: int, last_ticks: int, measure_ticks: int, settings: RangeSettings) -> int:
    """One number of it. What grows or changes its sign may step further than what shrinks."""
    grows = abs(target_ticks) > abs(last_ticks) or target_ticks * last_ticks < 0
    fraction = settings.shock_rise_fraction if grows else settings.shock_fall_fraction
    step_ticks = max(1, math.floor(fraction * measure_ticks))
    return min(max(target_ticks, last_ticks - step_ticks), last_ticks + step_ticks)
