"""What is due for one slot: sums for the whole window, cut into slots. The remainder is in the last.

    escrow  = paid + refunded            of the slot's part of the price, exactly
    bond   >= what failing in every slot that remains would cost, at every moment

The second is why a slot gives no more of the bond back than its even part, and none that later slots may need: with
amounts that do not divide, even parts alone would fall short by a few nano-USD in the last slot.
"""

import numpy as np

from exchange.venue.clearing.bonds import failure_nano
from exchange.venue.clearing.delivery_schema import PPM
from kernels.compile import inlined
from risk.shares import share_of


@inlined
def part_of(total, slots, slot):
    """What of a total falls on a slot."""
    if slot == slots - 1:
        return total - total // slots * (slots - 1)
    return total // slots


@inlined
def rest_after(total, slots, slot):
    """What of a total falls on all slots behind one."""
    if slot == slots - 1:
        return np.int64(0)
    return total - total // slots * (slot + 1)


@inlined
def price_nano(contract, delivery, lots):
    """What so many lots cost at the final price, for the whole window."""
    return np.int64(lots) * np.int64(delivery["final_ticks"]) * contract["tick_value_nano"]


@inlined
def replacement_nano(contract, delivery, lots):
    """What replacing so many lots costs beyond that, for the whole window."""
    return np.int64(lots) * gap_nano(contract, delivery["final_ticks"], delivery["replacement_ticks"])


@inlined
def gap_nano(contract, final_ticks, replacement_ticks):
    """What a missing lot costs its buyer beyond the price that comes back from escrow."""
    return max(np.int64(replacement_ticks) - np.int64(final_ticks), np.int64(0)) * contract["tick_value_nano"]


@inlined
def shortfall_nano(contract, delivery, lots):
    """The fee for so many lots that are missing over the whole window."""
    final_ticks, replacement_ticks = delivery["final_ticks"], delivery["replacement_ticks"]
    failure = failure_nano(contract, delivery, final_ticks, replacement_ticks)
    return np.int64(lots) * (failure - gap_nano(contract, final_ticks, replacement_ticks))


@inlined
def delivered_part(amount, delivered_lots, lots):
    """What of a slot's amount falls on the lots that were delivered, rounded down: who bought gets the rest."""
    if delivered_lots == lots:
        return amount
    if delivered_lots == 0:
        return np.int64(0)
    share, _ = share_of(amount, np.int64(delivered_lots), np.int64(lots))
    return share


@inlined
def bond_part(bond_nano, needed_after_nano, slots, slot):
    """What a slot may take of a bond: its even part, unless later slots may need some of that."""
    if slot == slots - 1:
        return bond_nano
    return max(min(bond_nano // (slots - slot), bond_nano - needed_after_nano), np.int64(0))


@inlined
def millionths(amount, ppm):
    """So many millionths of an amount, rounded down."""
    return amount // PPM * ppm + amount % PPM * ppm // PPM
