"""The margin ramp: in the half hour before its gate, what lots of a delivered tranche require grows step by step.

    a long lot    towards its full price
    a short lot   towards what it costs to buy in, R x (1 + penalty) - the mark; nothing for who has capacity of its own

What shocks and charges require of a lot counts as a part of that. A tranche that is listed later begins at the step
that has been reached. The number of the step is kept with the contract; what it comes to follows from the rest.
"""

import numpy as np

from exchange.venue.clearing import bonds
from exchange.venue.schema import NANO_PER_S
from kernels.compile import inlined, outlined
from risk.contracts import parts_of
from risk.schema import PPM
from risk.shares import millionths_up

RAMP_STEPS = 10
STEP_NS = 180 * NANO_PER_S


@inlined
def ramp_due_ns(tranche, step):
    """When a step is due, counted from 1; the last is due three minutes before the gate."""
    return tranche["gate_ns"] - (RAMP_STEPS + 1 - np.int64(step)) * STEP_NS


@inlined
def step_reached(tranche, time_ns):
    """The step at which a tranche is at a time; 0 before the first."""
    steps = (time_ns - ramp_due_ns(tranche, np.int64(0))) // STEP_NS
    return min(max(steps, np.int64(0)), np.int64(RAMP_STEPS))


@outlined
def work_out_ramp(state, slot):
    """What the step at which a contract is requires of a lot, under the mark, shocks and charges that it has now."""
    contract, ramp = state.ledger.contracts[slot], state.ledger.ramps[slot]
    step = np.int64(contract["ramp_step"])
    ramp["long_ticks"] = 0
    ramp["short_ticks"] = 0
    if step == 0:
        return
    mark_ticks = np.int64(contract["mark_ticks"])
    required_ticks = np.int64(contract["worst_shock_ticks"]) + np.int64(contract["spread_ticks"])
    required_ticks += np.int64(contract["concentration_ticks"])
    buy_in_ticks = millionths_up(
        bonds.replacement_ticks(contract, mark_ticks), PPM + np.int64(state.clearing.deliveries[slot]["penalty_ppm"])
    )
    ramp["long_ticks"] = asked_ticks(mark_ticks - required_ticks, step)
    ramp["short_ticks"] = asked_ticks(buy_in_ticks - mark_ticks - required_ticks, step)


@inlined
def asked_ticks(lacking_ticks, step):
    """What of that which is lacking a step asks for."""
    return parts_of(max(lacking_ticks, np.int64(0)), step, np.int64(RAMP_STEPS))
