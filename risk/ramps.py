"""The ramp of a contract that is delivered: what a lot requires beside all else as its gate comes near.

Who bought must soon pay for it, and who sold what it does not have must buy it elsewhere. A long lot counts with all
that may be bought, a short one with all that may be sold; whoever has capacity of its own pays nothing for short lots.
"""

import numpy as np

from kernels.compile import inlined, outlined

BUY = 0


@inlined
def ramp_nano(ledger, contract_slot, account_id, lots, buy_lots, sell_lots):
    """What a position with so much open on each side requires for the ramp."""
    ramp, account = ledger.ramps[contract_slot], ledger.accounts[account_id]
    ticks = max(lots + buy_lots, np.int64(0)) * np.int64(ramp["long_ticks"])
    if account["is_provider"] == 0:
        ticks += max(sell_lots - lots, np.int64(0)) * np.int64(ramp["short_ticks"])
    return ticks * ledger.contracts[contract_slot]["tick_value_nano"]


@outlined
def ramp_change_nano(ledger, contract_slot, account_id, position, side, order_lots, lots):
    """By how much that grew when open orders of a side changed by `order_lots` and the position by `lots`."""
    buy_lots = order_lots if side == BUY else np.int64(0)
    sell_lots = np.int64(0) if side == BUY else order_lots
    held_lots, held_buys, held_sells = position["lots"], position["buy_lots"], position["sell_lots"]
    after_nano = ramp_nano(ledger, contract_slot, account_id, held_lots, held_buys, held_sells)
    before_nano = ramp_nano(
        ledger, contract_slot, account_id, held_lots - lots, held_buys - buy_lots, held_sells - sell_lots
    )
    return after_nano - before_nano


@inlined
def most_ramp_ticks(ledger, contract_slot, side):
    """What one lot of an order can add to that at most."""
    ramp = ledger.ramps[contract_slot]
    return np.int64(ramp["long_ticks"] if side == BUY else ramp["short_ticks"])
