"""The pool of allocations: each stands at its id modulo the capacity, and hangs in the chain of its tranche."""

import numpy as np

from exchange.venue.clearing.commitments import move_sold_of_tranche
from exchange.venue.clearing.lifecycle import NEXT_ALLOCATION_STATE_ARRAY, AllocationState
from kernels.compile import inlined, outlined
from matching.schema import NIL


@outlined
def open_allocation(state, tranche_slot, buyer_id, provider_id, lots, escrow_nano, bond_nano):
    """A new allocation at the end of its tranche's chain; return its slot, or NIL if the pool is full.

    What it holds of escrow and bond is taken from the accounts by the caller. Its lots bind the provider's capacity
    until the window is over. Ids only rise; one whose place is taken is skipped.
    """
    allocations = state.clearing.allocations
    slot = free_place(state)
    if slot == NIL:
        return slot
    delivery = state.clearing.deliveries[tranche_slot]
    allocation = allocations[slot]
    allocation["allocation_id"] = state.clock[0]["next_allocation_id"]
    allocation["instrument_id"] = state.tranches[tranche_slot]["instrument_id"]
    allocation["buyer_id"] = buyer_id
    allocation["provider_id"] = provider_id
    allocation["next"] = NIL
    allocation["lots"] = lots
    allocation["escrow_nano"] = escrow_nano
    allocation["bond_nano"] = bond_nano
    allocation["delivered"] = 0
    allocation["measured_slots"] = 0
    allocation["flags"] = 0
    allocation["state"] = AllocationState.RESERVED
    allocation["interrupted_slots"] = 0
    if delivery["first_allocation"] == NIL:
        delivery["first_allocation"] = slot
    else:
        allocations[delivery["last_allocation"]]["next"] = slot
    delivery["last_allocation"] = slot
    state.clock[0]["next_allocation_id"] += 1
    move_sold_of_tranche(state, np.int64(provider_id), np.int64(tranche_slot), lots)
    return slot


@inlined
def free_place(state):
    """Where the next allocation goes, with its id made the next, or NIL when all places are taken."""
    clock = state.clock[0]
    allocations = state.clearing.allocations
    first_id = np.int64(clock["next_allocation_id"])
    for allocation_id in range(first_id, first_id + len(allocations)):
        slot = allocation_id & (len(allocations) - 1)
        if slot != NIL and allocations[slot]["state"] == AllocationState.NONE:
            clock["next_allocation_id"] = allocation_id
            return np.int64(slot)
    return np.int64(NIL)


@inlined
def find_allocation(state, allocation_id):
    """The slot of a live allocation, or NIL."""
    slot = np.int64(allocation_id & np.uint64(len(state.clearing.allocations) - 1))
    allocation = state.clearing.allocations[slot]
    if allocation["state"] == AllocationState.NONE or allocation["allocation_id"] != allocation_id:
        return np.int64(NIL)
    return slot


@inlined
def can_move(allocation, trigger):
    """Whether the table has a move from here."""
    return NEXT_ALLOCATION_STATE_ARRAY[np.int64(allocation["state"]), np.int64(trigger)] != AllocationState.NONE
