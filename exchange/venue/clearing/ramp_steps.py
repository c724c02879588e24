"""The margin ramp goes on: a step as it falls due, and an account that comes to have capacity of its own."""

import numpy as np

from exchange.venue.agenda import RAMP_DUE, add_entry, drop_first
from exchange.venue.clearing.ramp import RAMP_STEPS, ramp_due_ns
from exchange.venue.notes import note_if_short
from exchange.venue.state import slot_of
from exchange.venue.valuing import FORGET, value_again, value_all, write_parameters
from kernels.compile import inlined, outlined
from matching.schema import NIL
from risk.positions import find_position
from risk.ramps import ramp_nano


@outlined
def step_ramp(state, instrument_id, events, count):
    """One step of a tranche: everybody's lots are margined anew, and whoever is short is noted."""
    slot = slot_of(state, instrument_id)
    drop_first(state)
    value_all(state, slot, np.int64(FORGET))
    state.ledger.contracts[slot]["ramp_step"] += 1
    value_again(state, slot)
    schedule_ramp(state, slot)
    return write_parameters(state, slot, events, count)


@inlined
def schedule_ramp(state, slot):
    """Enter the next step of a tranche that is delivered, if there is one."""
    step = np.int64(state.ledger.contracts[slot]["ramp_step"]) + 1
    if state.clearing.deliveries[slot]["slot_s"] != 0 and step <= RAMP_STEPS:
        tranche = state.tranches[slot]
        add_entry(state, ramp_due_ns(tranche, step), RAMP_DUE, tranche["instrument_id"])


@outlined
def become_provider(state, account_id):
    """An account has capacity of its own from now on: its short lots are on no ramp any more."""
    ledger, account = state.ledger, state.ledger.accounts[account_id]
    for slot in range(len(state.tranches)):
        if ledger.contracts[slot]["ramp_step"] != 0:
            at = find_position(ledger, account_id, ledger.contracts[slot]["instrument_id"])
            if at != NIL:
                account["margin_nano"] -= lifted_nano(ledger, np.int64(slot), account_id, at)
    account["is_provider"] = 1
    note_if_short(state, account_id)


@inlined
def lifted_nano(ledger, slot, account_id, at):
    """What the ramp requires for the short lots of a position."""
    position = ledger.positions[at]
    lots, buy_lots, sell_lots = position["lots"], position["buy_lots"], position["sell_lots"]
    whole_nano = ramp_nano(ledger, slot, account_id, lots, buy_lots, sell_lots)
    ledger.accounts[account_id]["is_provider"] = 1
    left_nano = ramp_nano(ledger, slot, account_id, lots, buy_lots, sell_lots)
    ledger.accounts[account_id]["is_provider"] = 0
    return whole_nano - left_nano
