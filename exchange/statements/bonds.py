"""What a slot gives back of a bond: no event tells it, because it follows from what was told before.

The rules are those of `exchange.venue.clearing.shares_of_slots`, in plain integers. That they are the same is what the
closing cash of every provider proves.
"""

from typing import NamedTuple

from exchange.statements.register import Tranche
from risk.schema import PPM


class Allocation(NamedTuple):
    """An allocation of the account, as a buyer or as its provider."""

    instrument_id: int
    lots: int
    bond_nano: int  # as far as it is still held


def released_nano(tranche: Tranche, allocation: Allocation, slot: int) -> int:
    """So much of the bond is held no more after a slot, whoever gets it."""
    slots = tranche.duration_s // tranche.terms.slot_s
    if slot == slots - 1:
        return allocation.bond_nano
    needed_nano = sum(_rest_after(total, slots, slot) for total in _failure_nano(tranche, allocation.lots))
    return max(min(allocation.bond_nano // (slots - slot), allocation.bond_nano - needed_nano), 0)


def _failure_nano(tranche: Tranche, lots: int) -> tuple[int, int]:
    """What replacing all lots costs beyond their price, and the fee for missing them, over the whole window."""
    final_nano = tranche.final_ticks * tranche.tick_value_nano
    gap_nano = max(tranche.replacement_ticks - tranche.final_ticks, 0) * tranche.tick_value_nano
    return lots * gap_nano, lots * -(-final_nano * tranche.terms.shortfall_fee_ppm // PPM)


def _rest_after(total: int, slots: int, slot: int) -> int:
    """What of a total falls on the slots behind one that is not the last."""
    return total - total // slots * (slot + 1)
