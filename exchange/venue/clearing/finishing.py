"""The end of allocations: when disputes are over, each is finished in the order of ids, and its place is free again.

One that is disputed stays until somebody decides, or until the longest time for that is over.
"""

import numpy as np

from exchange.venue.agenda import DISPUTE_DUE, drop_first, move_entry
from exchange.venue.clearing.deadlines import (
    are_slots_settled,
    delivery_due_ns,
    dispute_limit_ns,
    schedule_delivery,
)
from exchange.venue.clearing.delivery_schema import AllocationFlag
from exchange.venue.clearing.lifecycle import AllocationState, AllocationTrigger
from exchange.venue.clearing.moves import move_allocation
from exchange.venue.clearing.reputation import learn
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from matching.schema import NIL


@outlined
def step_finishing(state, instrument_id, events, count):
    """Finish one allocation of a tranche that has some, or pass one by; behind the last, what stays falls due later."""
    tranche_slot = slot_of(state, instrument_id)
    previous = np.int64(state.clearing.cursors[tranche_slot])
    at = behind(state, tranche_slot, previous)
    if at == NIL:
        state.clearing.cursors[tranche_slot] = NIL
        drop_first(state)
        schedule_delivery(state, tranche_slot)
        return count
    allocation = state.clearing.allocations[at]
    is_disputed = allocation["flags"] & np.uint32(AllocationFlag.DISPUTED) != 0
    if is_disputed and state.clock[0]["time_ns"] < dispute_limit_ns(state, tranche_slot):
        state.clearing.cursors[tranche_slot] = at
        return count
    count = learn(state, allocation, events, count)
    count = move_allocation(state, allocation, np.int64(AllocationTrigger.FINISH), events, count)
    drop_behind(state, tranche_slot, previous)
    return count


@inlined
def behind(state, tranche_slot, previous):
    """The allocation behind one of a tranche, or its first."""
    if previous == NIL:
        return np.int64(state.clearing.deliveries[tranche_slot]["first_allocation"])
    return np.int64(state.clearing.allocations[previous]["next"])


@inlined
def drop_behind(state, tranche_slot, previous):
    """Take the allocation behind one, or the first, out of its tranche's chain, and free its place."""
    delivery = state.clearing.deliveries[tranche_slot]
    at = behind(state, tranche_slot, previous)
    following = state.clearing.allocations[at]["next"]
    if previous == NIL:
        delivery["first_allocation"] = following
    else:
        state.clearing.allocations[previous]["next"] = following
    if following == NIL:
        delivery["last_allocation"] = previous
    state.clearing.allocations[at]["state"] = AllocationState.NONE


@outlined
def decide(state, tranche_slot, allocation):
    """An allocation is disputed no more: after the time for disputes it finishes at once."""
    allocation["flags"] &= ~np.uint32(AllocationFlag.DISPUTED)
    if are_slots_settled(state, tranche_slot):
        due_ns = delivery_due_ns(state, tranche_slot)
        move_entry(state, due_ns, DISPUTE_DUE, state.tranches[tranche_slot]["instrument_id"])
