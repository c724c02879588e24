"""Strain: leverage gets dearer as a region's capacity runs out.

Between two caps on a region's utilisation every shock that is not zero grows from what it is at ease to the whole mark:

    strained = sign(base) x (|base| + floor((max(mark, |base|) - |base|) x (utilisation - low) / (high - low)))

It is the base up to the low cap, and the whole from the high one on. In shares of the mark this is dYdX's initial
margin fraction, which grows with open interest in the same way. Without caps, which are then 0, there is no strain.
"""

import numpy as np

from kernels.compile import inlined, outlined
from risk.schema import SCENARIOS, UTILISATION_PPM_MAX, RiskReject


@outlined
def strain_contract(ledger, slot, utilisation_ppm, low_ppm, high_ppm):
    """Work a contract's shocks out of its base shocks. Nothing of it may be in any requirement meanwhile."""
    mark_ticks = np.int64(ledger.contracts[slot]["mark_ticks"])
    worst_ticks = np.int64(0)
    for at in range(slot * SCENARIOS, (slot + 1) * SCENARIOS):
        shock_ticks = strained_shock(np.int64(ledger.base_shocks[at]), mark_ticks, utilisation_ppm, low_ppm, high_ppm)
        ledger.shocks[at] = shock_ticks
        worst_ticks = max(worst_ticks, abs(shock_ticks))
    ledger.contracts[slot]["worst_shock_ticks"] = worst_ticks


@outlined
def would_strain(ledger, slot, utilisation_ppm, low_ppm, high_ppm):
    """Whether a contract's shocks would be others at this utilisation and these caps."""
    mark_ticks = np.int64(ledger.contracts[slot]["mark_ticks"])
    for at in range(slot * SCENARIOS, (slot + 1) * SCENARIOS):
        shock_ticks = strained_shock(np.int64(ledger.base_shocks[at]), mark_ticks, utilisation_ppm, low_ppm, high_ppm)
        if shock_ticks != ledger.shocks[at]:
            return True
    return False


@inlined
def strained_shock(base_ticks, mark_ticks, utilisation_ppm, low_ppm, high_ppm):
    """A shock as it is under strain; one that is zero stays so."""
    size_ticks = abs(base_ticks)
    if size_ticks == 0:
        return np.int64(0)
    grown_ticks = strained(size_ticks, max(mark_ticks, size_ticks), utilisation_ppm, low_ppm, high_ppm)
    return grown_ticks if base_ticks > 0 else -grown_ticks


@inlined
def strained(base, whole, amount, low, high):
    """What grows from `base` to `whole` while an amount grows from its low cap to its high one, rounded down."""
    if high == 0 or amount <= low:
        return base
    if amount >= high:
        return whole
    return base + (whole - base) * (amount - low) // (high - low)


@inlined
def check_utilisation(utilisation_ppm):
    """0, or why a region cannot be used so much."""
    if utilisation_ppm > UTILISATION_PPM_MAX:
        return np.int64(RiskReject.STRAIN_OUT_OF_RANGE)
    return np.int64(0)


@inlined
def check_caps(low_ppm, high_ppm):
    """0, or why strain cannot grow between these caps: both are 0, or the high one is above the low one."""
    if high_ppm > UTILISATION_PPM_MAX or (low_ppm >= high_ppm and (low_ppm != 0 or high_ppm != 0)):
        return np.int64(RiskReject.STRAIN_OUT_OF_RANGE)
    return np.int64(0)
