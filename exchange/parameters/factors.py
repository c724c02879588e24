"""Where a tranche stands on the two axes, beside the level, along which prices of a region move apart."""

from collections.abc import Sequence

from exchange.parameters.inputs import TrancheInput
from exchange.venue.schema import Tier

TIER_LOADINGS = {int(Tier.EF): 1.0, int(Tier.AF): 0.0, int(Tier.BE): -1.0}
"""When tiers move apart by one unit, the guaranteed one gains it, the interruptible one loses it."""


def tilt_loadings(inputs: Sequence[TrancheInput]) -> dict[int, float]:
    """By instrument: +1 for the window whose middle comes first in its region, -1 for the last, linear in between."""
    middles_ns: dict[str, list[int]] = {}
    for tranche in inputs:
        middles_ns.setdefault(tranche.region, []).append(tranche.middle_ns)
    spans_ns = {region: (min(middles), max(middles)) for region, middles in middles_ns.items()}
    return {tranche.instrument_id: _loading(tranche.middle_ns, *spans_ns[tranche.region]) for tranche in inputs}


def _loading(middle_ns: int, first_ns: int, last_ns: int) -> float:
    return 1 - 2 * (middle_ns - first_ns) / (last_ns - first_ns) if last_ns > first_ns else 0.0
