"""Moves of an allocation along its life: told one by one, in the order of ids."""

import numpy as np

from exchange.venue.clearing.deadlines import schedule_delivery
from exchange.venue.clearing.lifecycle import NEXT_ALLOCATION_STATE_ARRAY, AllocationState, AllocationTrigger
from exchange.venue.schema import Event
from kernels.compile import inlined, outlined
from matching.events import begin_event
from matching.schema import NIL


@outlined
def move_allocation(state, allocation, trigger, events, count):
    """Move an allocation on, and tell; the caller knows that the move exists."""
    previous = np.int64(allocation["state"])
    following = NEXT_ALLOCATION_STATE_ARRAY[previous, np.int64(trigger)]
    assert following != AllocationState.NONE, "a move that the table does not have"
    allocation["state"] = following
    return write_allocation(state, Event.ALLOCATION_CHANGED, allocation, previous, events, count)


@inlined
def write_allocation(state, kind, allocation, detail, events, count):
    """Tell of an allocation."""
    begin_event(state.book, events, count, kind)
    event = events.changes[count]
    event["state"] = allocation["state"]
    event["reason"] = 0
    event["instrument_id"] = allocation["instrument_id"]
    event["allocation_id"] = allocation["allocation_id"]
    event["lots"] = allocation["lots"]
    event["provider_id"] = allocation["provider_id"]
    event["buyer_id"] = allocation["buyer_id"]
    event["detail"] = detail
    event["bond_nano"] = allocation["bond_nano"]
    event["delivered"] = allocation["delivered"]
    return count + 1


@inlined
def next_to_start(state, tranche_slot):
    """The first allocation of a tranche that is not being delivered yet, or NIL."""
    cursor = np.int64(state.clearing.cursors[tranche_slot])
    if cursor != NIL:
        return cursor
    at = np.int64(state.clearing.deliveries[tranche_slot]["first_allocation"])
    if at == NIL or state.clearing.allocations[at]["state"] == AllocationState.DELIVERING:
        return np.int64(NIL)
    return at


@outlined
def start_allocation(state, tranche_slot, at, events, count):
    """The window begins for one allocation; with the last, the first slot falls due."""
    allocation = state.clearing.allocations[at]
    state.clearing.cursors[tranche_slot] = allocation["next"]
    count = move_allocation(state, allocation, np.int64(AllocationTrigger.START), events, count)
    if allocation["next"] == NIL:
        schedule_delivery(state, tranche_slot)
    return count
