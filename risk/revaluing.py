"""The losses of margin classes worked out from nothing: cleared, added up anew, and taken over by the accounts.

That is for changes of shocks alone: with the same mark and the same charges, nothing else of a requirement moves but
ramps. Sums of integers do not depend on their order, so what comes out is what single steps would give, bit for bit.
"""

import numpy as np

from kernels.compile import inlined
from kernels.table import home
from risk.margin import add_losses_of_class, certain_loss
from risk.positions import pair_tag
from risk.ramps import ramp_nano
from risk.schema import SCENARIOS

BUY = 0


@inlined
def clear_losses(ledger, class_slot):
    """Nothing of a margin class is added up yet."""
    for at in range(class_slot * SCENARIOS, (class_slot + 1) * SCENARIOS):
        ledger.losses[at] = 0


@inlined
def add_losses_of_position(ledger, slot, contract_slot):
    """What the lots of a position lose in each scenario."""
    lots = ledger.positions[slot]["lots"]
    class_slot = np.int64(ledger.positions[slot]["class_slot"])
    add_losses_of_class(ledger, class_slot, contract_slot, np.int64(BUY), np.int64(0), np.int64(0), lots)


@inlined
def add_losses_of_order(ledger, class_slot, contract_slot, side, limit_ticks, lots):
    """What the open lots of an order lose where that hurts."""
    base_nano = certain_loss(ledger.contracts[contract_slot], side, limit_ticks)
    add_losses_of_class(ledger, class_slot, contract_slot, side, base_nano, lots, np.int64(0))


@inlined
def take_over_losses(ledger, class_slot):
    """The worst of the losses is what the class requires of its account from now on."""
    margin_class = ledger.classes[class_slot]
    worst_nano = np.int64(0)
    for at in range(class_slot * SCENARIOS, (class_slot + 1) * SCENARIOS):
        worst_nano = max(worst_nano, ledger.losses[at])
    ledger.accounts[margin_class["account_id"]]["margin_nano"] += worst_nano - margin_class["margin_nano"]
    margin_class["margin_nano"] = worst_nano


@inlined
def move_ramp(ledger, slot, contract_slot, sign):
    """Put what a position with its orders requires for a contract's ramp into the requirement, or take it out."""
    position = ledger.positions[slot]
    account_id = np.int64(position["account_id"])
    lots, buy_lots, sell_lots = position["lots"], position["buy_lots"], position["sell_lots"]
    required_nano = ramp_nano(ledger, contract_slot, account_id, lots, buy_lots, sell_lots)
    ledger.accounts[account_id]["margin_nano"] += sign * required_nano


@inlined
def likely_class(ledger, account_id, region_id):
    """The class that stands first where an account's class in a region should be; most likely it, or none."""
    return np.int64(ledger.class_table[home(ledger.class_table, pair_tag(account_id, region_id))]["slot"])
