"""What it costs when a provider fails to deliver, and the bond that stands for it.

    failure of one lot = shortfall fee of the final price + what replacing costs beyond that price
    bond               = failure x lots x multiplier, rounded up

Before the gate both prices are reckoned with the mark.
"""

import numpy as np

from kernels.compile import inlined
from risk.shares import millionths_up


@inlined
def replacement_ticks(contract, final_ticks):
    """What a missing lot costs elsewhere: the largest shock beyond the price, as far as prices can go."""
    stressed_ticks = max(np.int64(final_ticks), np.int64(contract["mark_ticks"]))
    stressed_ticks += np.int64(contract["worst_shock_ticks"])
    return min(np.int64(contract["price_max_ticks"]), stressed_ticks)


@inlined
def failure_nano(contract, terms, final_ticks, replacement_ticks):
    """What failing costs for one lot and the whole window; nothing where nothing is delivered."""
    if terms["slot_s"] == 0:
        return np.int64(0)
    tick_value_nano = contract["tick_value_nano"]
    fee_nano = millionths_up(np.int64(final_ticks) * tick_value_nano, np.int64(terms["shortfall_fee_ppm"]))
    beyond_ticks = max(np.int64(replacement_ticks) - np.int64(final_ticks), np.int64(0))
    return fee_nano + beyond_ticks * tick_value_nano


@inlined
def bond_nano(failure, lots, multiplier_ppm):
    """The bond for so many lots, failure of each of which costs so much."""
    return millionths_up(failure * lots, np.int64(multiplier_ppm))
