"""Settling: positions become cash at a final price, and nothing is made or lost by it."""

import numpy as np

from kernels.compile import inlined
from risk.margin import move_position
from risk.positions import unchain_first


@inlined
def settle_first(ledger, tranche, contract_slot, final_ticks, moved_nano):
    """Turn the first position of a tranche into cash at the final price; return its account, lots and amount.

    `cash += lots x F - cost`: over all positions of the tranche exactly nothing is made or lost. Where somebody cannot
    pay, `moved_nano` is what the account is let off, or goes without. The orders of the tranche are gone by then.
    """
    slot = np.int64(tranche["first_position"])
    position = ledger.positions[slot]
    account_id = np.int64(position["account_id"])
    lots, cost_nano = position["lots"], position["cost_nano"]
    value_nano = lots * np.int64(final_ticks) * ledger.contracts[contract_slot]["tick_value_nano"]
    move_position(ledger, account_id, slot, contract_slot, -lots, -cost_nano)
    amount_nano = value_nano - cost_nano + moved_nano
    ledger.accounts[account_id]["cash_nano"] += amount_nano
    unchain_first(ledger, tranche)
    return account_id, lots, amount_nano
