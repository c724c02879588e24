"""The risk parameters that stand in a market when it opens, so that what comes next can be held back by them."""

from typing import Any, NamedTuple

import numpy as np

from exchange.venue.machine import Venue
from exchange.view.venue_flow import unknown_spread_ticks
from risk.schema import SCENARIOS


class Standing(NamedTuple):
    """What one tranche requires."""

    mark_ticks: int
    shock_ticks: tuple[int, ...]
    spread_ticks: int
    concentration_lots: int

    @property
    def is_as_listed(self) -> bool:
        """Whether nobody has set it yet: the price may double or vanish."""
        return bool(_are_as_listed(self.mark_ticks, np.array(self.shock_ticks), self.spread_ticks))


def standing_parameters(venue: Venue) -> dict[int, Standing]:
    """By instrument, as far as somebody has set them. The venue must be at rest."""
    ledger = venue.state.ledger
    shocks = ledger.base_shocks.reshape(-1, SCENARIOS)  # strain comes on top of whatever is set
    is_listed = ledger.contracts["instrument_id"] != 0
    is_set = ~_are_as_listed(ledger.contracts["mark_ticks"], shocks, ledger.contracts["spread_ticks"])
    return {
        int(ledger.contracts[slot]["instrument_id"]): Standing(
            int(ledger.contracts[slot]["mark_ticks"]),
            tuple(shocks[slot].tolist()),
            int(ledger.contracts[slot]["spread_ticks"]),
            int(ledger.contracts[slot]["concentration_lots"]),
        )
        for slot in np.flatnonzero(is_listed & is_set).tolist()
    }


def _are_as_listed(mark_ticks: Any, shocks_ticks: np.ndarray, spread_ticks: Any) -> Any:
    """Of one contract, or of each of many: whether its parameters are those that need no data."""
    may_vanish, may_double = shocks_ticks.min(axis=-1) == -mark_ticks, shocks_ticks.max(axis=-1) == mark_ticks
    return may_vanish & may_double & (spread_ticks == unknown_spread_ticks(mark_ticks))
