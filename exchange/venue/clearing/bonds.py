"""What failing costs, and the bond that covers it. All of it is whole for each lot, so that sums leave no remainder.

    replacement price R = min(highest price, max(F, mark) + worst shock)
    failure of one lot  = shortfall fee x F + (R - F)
    bond of one lot     = failure x the provider's multiplier

Before the gate F is the mark.
"""

import numpy as np

from kernels.compile import inlined
from risk.shares import millionths_up


@inlined
def replacement_ticks(contract, final_ticks):
    """What a missing lot costs elsewhere in a bad hour, and never less than the final price."""
    dearest_ticks = max(np.int64(final_ticks), np.int64(contract["mark_ticks"]))
    return min(dearest_ticks + np.int64(contract["worst_shock_ticks"]), np.int64(contract["price_max_ticks"]))


@inlined
def failure_nano(contract, terms, final_ticks, replacement_ticks):
    """What it costs to deliver one lot never, over the whole window."""
    value_nano = np.int64(contract["tick_value_nano"])
    fee_nano = millionths_up(np.int64(final_ticks) * value_nano, np.int64(terms["shortfall_fee_ppm"]))
    return fee_nano + max(np.int64(replacement_ticks) - np.int64(final_ticks), np.int64(0)) * value_nano


@inlined
def bond_nano(failure, lots, multiplier_ppm):
    """The bond of so many lots."""
    return lots * millionths_up(failure, np.int64(multiplier_ppm))
