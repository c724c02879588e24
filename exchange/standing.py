"""The risk parameters that stand in a market when it opens, so that what comes next can be held back by them."""

from typing import NamedTuple

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
        worst_ticks = (min(self.shock_ticks), max(self.shock_ticks))
        is_unknown = worst_ticks == (-self.mark_ticks, self.mark_ticks)
        return is_unknown and self.spread_ticks == unknown_spread_ticks(self.mark_ticks)


def standing_parameters(venue: Venue) -> dict[int, Standing]:
    """By instrument, as far as somebody has set them. The venue must be at rest."""
    ledger = venue.state.ledger
    found = {}
    for slot in np.flatnonzero(ledger.contracts["instrument_id"]).tolist():
        contract = ledger.contracts[slot]
        standing = Standing(
            int(contract["mark_ticks"]),
            tuple(ledger.shocks[slot * SCENARIOS : (slot + 1) * SCENARIOS].tolist()),
            int(contract["spread_ticks"]),
            int(contract["concentration_lots"]),
        )
        if not standing.is_as_listed:
            found[int(contract["instrument_id"])] = standing
    return found
