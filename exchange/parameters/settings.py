"""What an operator may set about the risk parameters, with the reason for each default.

Distances between prices are in the log of price: 0.4 is a factor of 1.49, whichever price is the higher one.
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from exchange.parameters.overrides import Override

Weight = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
LogDistance = Annotated[float, Field(gt=0, le=3, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=30 * 86_400, allow_inf_nan=False)]
Lots = Annotated[int, Field(gt=0)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ForwardSettings(_Settings):
    """Which prices count towards a forward, and how much."""

    # Trades cost money to fake, a book only nerve, and the reference says what somebody thought when the window was
    # listed: it stands in the quorum as a witness, and hardly moves the price.
    trade_weight: Weight = 0.6
    book_weight: Weight = 0.35
    reference_weight: Weight = 0.05
    # One source alone has nobody to contradict it.
    quorum_sources: Annotated[int, Field(ge=1, le=3)] = 2

    # Windows live for hours, so that a trade of half an hour ago is about another market.
    trade_half_life_s: Seconds = 300
    trade_age_max_s: Seconds = 1_800
    # Of those that the busiest pair of groups did not trade with each other.
    trade_lots_min: Lots = 10
    # Two who agree can print any price: a third must have been there.
    trade_groups_min: Annotated[int, Field(ge=2)] = 3
    # By weight, at each end of the prices.
    trade_trim_fraction: Annotated[float, Field(ge=0, lt=0.5)] = 0.1

    book_age_max_s: Seconds = 60
    book_lots_min: Lots = 5
    # Of the mid: twice the spread that a market maker would show in a quiet hour.
    book_spread_fraction_max: Fraction = 0.1

    # An older mark neither witnesses nor holds back its successor.
    mark_age_max_s: Seconds = 900

    # A factor of 1.5 from the median of what else is known of the window.
    distance_max: LogDistance = 0.4
    # A factor of 2 from the windows around it: hours of one day do differ.
    neighbour_distance_max: LogDistance = 0.7
    # How many windows away a neighbour may stand to fill a gap.
    neighbour_windows_max: Annotated[int, Field(ge=1, le=96)] = 4

    # 5 per cent an update: a false price that passed everything else still takes many updates to matter.
    mark_step_fraction: Fraction = 0.05


class VolatilitySettings(_Settings):
    """How returns become a volatility over the horizon."""

    # RiskMetrics takes 0.94 a day for markets that last years. Windows last hours, so an hour stands for the day:
    # half the weight is on the last 11 hours, 99 per cent on the last three days.
    decay_factor: Fraction = 0.94
    decay_period_s: Seconds = 3_600
    # More often, and the bounce between bid and ask would be taken for volatility.
    sample_interval_s: Seconds = 60
    # A return over a longer silence is not counted: it says little about an hour.
    gap_max_s: Seconds = 14_400
    # Time to close out a position while its book still trades.
    horizon_s: Seconds = 3_600
    # Over the horizon. The floor of each range is the one that binds; this one keeps a still market from reading 0.
    volatility_min: Fraction = 0.005
    volatility_max: Annotated[float, Field(gt=0, le=2, allow_inf_nan=False)] = 0.5

    @model_validator(mode="after")
    def _floors_are_below_caps(self) -> Self:
        if self.volatility_min > self.volatility_max or self.sample_interval_s > self.gap_max_s:
            raise ValueError("a floor is above its cap")
        return self


class RangeSettings(_Settings):
    """How volatilities become ranges, in the log of price."""

    # Three standard deviations: 99.7 per cent of normal returns, and at least 95 per cent of any unimodal ones
    # (Vysochanskij and Petunin).
    coverage: Annotated[float, Field(ge=1, le=10, allow_inf_nan=False)] = 3.0
    # Of a quiet market that has forgotten what it can do.
    parallel_min: LogDistance = 0.10
    tilt_min: LogDistance = 0.05
    tiers_min: LogDistance = 0.05
    neighbours_min: LogDistance = 0.02
    # A price that rises 2.7 times, or loses 63 per cent: beyond it a halt is the better answer.
    range_max: LogDistance = 1.0

    # Who is to be closed out may take part in so much of what is traded in the horizon.
    participation_fraction: Fraction = 0.25
    concentration_lots_min: Lots = 100

    # Of the largest shock, an update. Requirements rise soon and fall slowly, so that a calm spell does not invite
    # positions that the next storm closes.
    shock_rise_fraction: Fraction = 0.25
    shock_fall_fraction: Fraction = 0.05

    @model_validator(mode="after")
    def _floors_are_below_the_cap(self) -> Self:
        if max(self.parallel_min, self.tilt_min, self.tiers_min, self.neighbours_min) > self.range_max:
            raise ValueError("a floor is above the cap")
        return self


class ParameterSettings(_Settings):
    """All of it."""

    forward: ForwardSettings = ForwardSettings()
    volatility: VolatilitySettings = VolatilitySettings()
    ranges: RangeSettings = RangeSettings()
    overrides: tuple[Override, ...] = ()
