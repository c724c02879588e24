"""What is held for lots between gate closure and settlement: a buyer's escrow, a provider's bond."""

import numpy as np

from exchange.venue.clearing import bonds
from kernels.compile import inlined, outlined


@outlined
def held_for_one(state, slot, account_id, lots):
    """What is held for one lot of an account in nano-USD: of a buyer its price, of a seller the bond."""
    contract, delivery = state.ledger.contracts[slot], state.clearing.deliveries[slot]
    if lots > 0:
        return np.int64(delivery["final_ticks"]) * np.int64(contract["tick_value_nano"])
    failure = bonds.failure_nano(contract, delivery, delivery["final_ticks"], delivery["replacement_ticks"])
    return bonds.bond_nano(failure, np.int64(1), state.clearing.providers[account_id]["multiplier_ppm"])


@inlined
def move_held(state, account_id, lots, amount_nano):
    """Money goes from the cash of a buyer into escrow, or of a seller into bonds; back when negative."""
    state.ledger.accounts[account_id]["cash_nano"] -= amount_nano
    if lots > 0:
        state.ledger.totals[0]["escrow_nano"] += amount_nano
    else:
        state.ledger.totals[0]["bonds_nano"] += amount_nano
        state.clearing.providers[account_id]["bond_held_nano"] += amount_nano
