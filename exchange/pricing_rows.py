"""Rows of the risk parameters on their way into the market: what holds them back, and the command that sets them."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from exchange import commands
from exchange.parameters import Explanation, Override, TrancheInput, TrancheParameters
from exchange.parameters.filling import Fill
from exchange.parameters.forward import Forward
from exchange.parameters.inputs import Price
from exchange.parameters.ranges import Ranges
from exchange.standing import Standing
from risk.schema import PRICE_HEADROOM

FILLED_BY_ITSELF = frozenset({Fill.OWN, Fill.REFERENCE, Fill.MARK})
"""Prices that no other window stands behind."""


class Manual(NamedTuple):
    """What a person set for one tranche: the library's override of the mark, and the rest of the row."""

    override: Override
    shock_ticks: tuple[int, ...]
    spread_ticks: int
    concentration_lots: int


class Due(NamedTuple):
    """A row, and the command that sets it."""

    row: TrancheParameters
    command: np.ndarray

    @property
    def instrument_id(self) -> int:
        """Of the tranche."""
        return self.row.instrument_id


def is_without_quorum(row: TrancheParameters) -> bool:
    """Whether too little stands behind a price for its mark to move: neither sources, nor other windows, nor people."""
    is_overridden = any(override.mark_ticks is not None for override in row.explanation.overrides)
    return not row.quorum_met and not is_overridden and row.explanation.forward.filled_from in FILLED_BY_ITSELF


def with_mark(row: TrancheParameters, mark_ticks: Price) -> TrancheParameters:
    """The same with another mark, below which no price can fall by more than all of it."""
    whole_ticks = row.mark_ticks if mark_ticks is None else int(mark_ticks)
    shock_ticks = tuple(max(shock, -whole_ticks) for shock in row.shock_ticks)
    return replace(row, mark_ticks=whole_ticks, shock_ticks=shock_ticks)


def by_hand(row: TrancheParameters, manual: Manual) -> TrancheParameters:
    """What stands where a person set it; the mark is that of the override already."""
    return replace(
        row,
        shock_ticks=manual.shock_ticks,
        spread_charge_ticks=manual.spread_ticks,
        concentration_threshold_lots=manual.concentration_lots,
    )


def row_of(instrument_id: int, standing: Standing) -> TrancheParameters:
    """What stood when the market opened, as the row that the next one is held back by."""
    forward = Forward(instrument_id, None, (), (), Fill.NOTHING, quorum_met=False)
    explanation = Explanation(forward, Ranges(0, 0, 0, 0), False, False, ())
    return TrancheParameters(
        instrument_id,
        standing.mark_ticks,
        standing.shock_ticks,
        standing.spread_ticks,
        standing.concentration_lots,
        False,
        explanation,
    )


def command_of(row: TrancheParameters, tranche: TrancheInput, concentration_fraction: float) -> np.ndarray:
    """A row as the core takes it: no number beyond the largest price that a contract can have.

    A lot beyond what can be closed out within the horizon costs a fraction of the largest shock more.
    """
    most_ticks = int(tranche.reference_ticks or row.mark_ticks) * PRICE_HEADROOM
    spread_ticks = min(row.spread_charge_ticks, most_ticks)
    concentration_ticks = math.ceil(max(map(abs, row.shock_ticks)) * concentration_fraction)
    return commands.set_parameters(
        row.instrument_id,
        mark_ticks=min(row.mark_ticks, most_ticks),
        shocks_ticks=[max(min(shock, most_ticks), -most_ticks) for shock in row.shock_ticks],
        spread_ticks=spread_ticks,
        concentration_ticks=min(concentration_ticks, most_ticks - spread_ticks),
        concentration_lots=two_digits(row.concentration_threshold_lots),
    )


def two_digits(lots: int) -> int:
    """Rounded down, so that not every trade makes new parameters."""
    step_lots: int = 10 ** max(0, len(str(lots)) - 2)
    return lots // step_lots * step_lots
