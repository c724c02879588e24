"""The margin ramp goes on, a step as it falls due."""

import numpy as np

from exchange.venue.agenda import RAMP_DUE, add_entry, drop_first
from exchange.venue.clearing.ramp import RAMP_STEPS, ramp_due_ns
from exchange.venue.state import slot_of
from exchange.venue.valuing import FORGET, value_again, value_all, write_parameters
from kernels.compile import inlined, outlined


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
