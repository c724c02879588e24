"""The risk parameters of all tranches at a moment, as a function of what is known and of the update before.

inputs -> forward curves -> history -> ranges -> mark, shocks, spread charge -> overrides by hand
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exchange.parameters.factors import TIER_LOADINGS, tilt_loadings
from exchange.parameters.forward import Forward, bounded_mark_ticks, forward_curves
from exchange.parameters.history import History, updated_history
from exchange.parameters.inputs import TrancheInput
from exchange.parameters.overrides import InForce, Override, overrides_in_force
from exchange.parameters.ranges import Ranges, concentration_threshold_lots, ranges_of, spread_charge_ticks
from exchange.parameters.scenarios import shocks, stepped_shocks, stepped_ticks
from exchange.parameters.settings import ParameterSettings
from exchange.parameters.sources import LeftOut, eligible_trades, mark_so_far
from matching.schema import PRICE_TICKS_MAX


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a row is what it is."""

    forward: Forward
    ranges: Ranges
    mark_was_held_back: bool
    """It is a step towards the forward, not the forward."""
    shocks_were_held_back: bool
    overrides: tuple[Override, ...]
    """Those in force; they were not held back."""


@dataclass(frozen=True, slots=True)
class TrancheParameters:
    """The row of one tranche."""

    instrument_id: int
    mark_ticks: int
    shock_ticks: tuple[int, ...]
    """The profit of one long lot in each scenario, in ticks per Mbps-hour; the first is 0."""
    spread_charge_ticks: int
    concentration_threshold_lots: int
    quorum_met: bool
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Parameters:
    """The whole table, and what the next one needs of it."""

    time_ns: int
    rows: tuple[TrancheParameters, ...] = ()
    unpriced: tuple[Forward, ...] = ()
    """Tranches of which no price at all is known: without a row, so that nobody takes a guess for a mark."""
    history: History = field(default_factory=History)


def compute(
    inputs: Sequence[TrancheInput], previous: Parameters | None, settings: ParameterSettings, time_ns: int
) -> Parameters:
    """The parameters at `time_ns`, rows in the order of `inputs`. Raises ValueError if a tranche is there twice."""
    if len({tranche.instrument_id for tranche in inputs}) < len(inputs):
        raise ValueError("a tranche is there twice")
    previous = previous or Parameters(time_ns)
    curves = forward_curves(inputs, previous.history.tier_log_spreads, settings.forward, time_ns)
    update = _Update(
        settings,
        time_ns,
        updated_history(previous.history, inputs, curves, settings.volatility, time_ns),
        tilt_loadings(inputs),
        {row.instrument_id: row for row in previous.rows},
    )
    found = [update.row(*pair) for pair in zip(inputs, curves.forwards, strict=True)]
    rows = tuple(row for row in found if row is not None)
    unpriced = tuple(forward for row, forward in zip(found, curves.forwards, strict=True) if row is None)
    return Parameters(time_ns, rows, unpriced, update.history)


@dataclass(frozen=True, slots=True)
class _Update:
    """What all rows of one update share."""

    settings: ParameterSettings
    time_ns: int
    history: History
    tilt_loadings: Mapping[int, float]
    last_rows: Mapping[int, TrancheParameters]

    def row(self, tranche: TrancheInput, forward: Forward) -> TrancheParameters | None:
        in_force = overrides_in_force(self.settings.overrides, tranche, self.time_ns)
        goal_ticks = _goal_ticks(forward, in_force)
        if goal_ticks is None:
            return None
        mark_ticks = self._mark_ticks(tranche, goal_ticks, in_force)
        ranges = ranges_of(self.history, tranche.series, self.settings)
        goal_shocks = self._goal_shocks(tranche, mark_ticks, ranges, in_force)
        shock_ticks = self._shock_ticks(tranche, mark_ticks, goal_shocks, in_force)
        trades, _ = eligible_trades(tranche, self.settings.forward, self.time_ns)
        return TrancheParameters(
            tranche.instrument_id,
            mark_ticks,
            shock_ticks,
            self._spread_charge_ticks(tranche, spread_charge_ticks(mark_ticks, ranges), in_force),
            concentration_threshold_lots(trades, self.settings),
            forward.quorum_met,
            Explanation(forward, ranges, mark_ticks != goal_ticks, shock_ticks != goal_shocks, in_force.all),
        )

    def _mark_ticks(self, tranche: TrancheInput, goal_ticks: int, in_force: InForce) -> int:
        so_far = mark_so_far(tranche, self.settings.forward)
        if in_force.mark is not None or isinstance(so_far, LeftOut):
            return goal_ticks
        return bounded_mark_ticks(goal_ticks, round(so_far.price_ticks), self.settings.forward)

    def _goal_shocks(
        self, tranche: TrancheInput, mark_ticks: int, ranges: Ranges, in_force: InForce
    ) -> tuple[int, ...]:
        tilt_loading = self.tilt_loadings[tranche.instrument_id]
        multiplier = (in_force.shocks and in_force.shocks.shock_multiplier) or 1.0
        return shocks(mark_ticks, ranges, tilt_loading, TIER_LOADINGS[tranche.tier], multiplier)

    def _shock_ticks(
        self, tranche: TrancheInput, mark_ticks: int, goal_shocks: tuple[int, ...], in_force: InForce
    ) -> tuple[int, ...]:
        last = self.last_rows.get(tranche.instrument_id)
        if last is None or in_force.all:
            return goal_shocks
        return stepped_shocks(goal_shocks, last.shock_ticks, mark_ticks, self.settings.ranges)

    def _spread_charge_ticks(self, tranche: TrancheInput, goal_ticks: int, in_force: InForce) -> int:
        last = self.last_rows.get(tranche.instrument_id)
        if last is None or in_force.all:
            return goal_ticks
        return stepped_ticks(goal_ticks, last.spread_charge_ticks, last.spread_charge_ticks, self.settings.ranges)


def _goal_ticks(forward: Forward, in_force: InForce) -> int | None:
    """The whole price that the mark moves towards."""
    if in_force.mark is not None:
        return in_force.mark.mark_ticks
    if forward.price_ticks is None:
        return None
    return min(max(1, round(forward.price_ticks)), PRICE_TICKS_MAX)
