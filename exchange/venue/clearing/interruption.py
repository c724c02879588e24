"""Interruptible allocations give way: in a region that cannot deliver all, the latest are cut first.

Who is cut gets the price of the slot back, and a compensation out of the bond; no replacement, no fee, and the provider
loses no reputation. The cut is of whole allocations, for the slot that runs, until so many lots are cut in all: to say
it again cuts nothing more.
"""

import numpy as np

from exchange.venue.administration import refuse
from exchange.venue.clearing.deadlines import slot_count
from exchange.venue.clearing.delivery_schema import REPORT_CAPACITY
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.clearing.reports import INTERRUPTION, enter_report, find_report
from exchange.venue.clearing.schema import ClearingReject
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import NANO_PER_S, Event, Tier, VenueReject
from exchange.venue.state import is_region, slot_of
from kernels.compile import inlined, outlined
from matching.events import EVENTS_PER_STEP_MAX, begin_event
from matching.rules import NO_REJECT
from matching.schema import NIL, OrderReject


@outlined
def interrupt(state, command, events, count):
    """Cut what must be cut, one allocation a step, each with an event; the last tells of all."""
    desk, region_id = state.clearing.desk[0], np.int64(command["region_id"])
    if state.clock[0]["is_paused"] == 0:
        reject = check_interruption(state, command)
        if reject != NO_REJECT:
            return refuse(state, reject, np.int64(0), events, count)
        desk["least_cut_id"] = find_least(state, region_id, command["lots"])
        desk["cut_lots"] = 0
        desk["next_place"] = 1
    state.clock[0]["is_paused"] = 0
    while True:
        if count + EVENTS_PER_STEP_MAX > len(events.orders):
            state.clock[0]["is_paused"] = 1
            return count
        at = next_to_cut(state, region_id)
        if at == NIL:
            break
        count = cut(state, at, region_id, events, count)
    begin_event(state.book, events, count, Event.INTERRUPTED)
    return write_interruption(events, count, 0, np.uint64(0), desk["cut_lots"], 0, 0, region_id)


@inlined
def check_interruption(state, command):
    """0, or why nothing is cut."""
    region_id = np.int64(command["region_id"])
    if not is_region(state, region_id):
        return np.int64(VenueReject.UNKNOWN_REGION)
    if command["lots"] <= 0:
        return np.int64(OrderReject.QUANTITY_OUT_OF_RANGE)
    candidates = np.int64(0)
    for at in range(1, pool_end(state)):
        if can_cut(state, at, region_id):
            candidates += 1
    if state.clearing.desk[0]["live_reports"] + candidates > REPORT_CAPACITY:
        return np.int64(ClearingReject.TOO_MANY_REPORTS)
    return np.int64(NO_REJECT)


@inlined
def pool_end(state):
    """Behind the last place of the pool that was ever used."""
    return min(np.int64(state.clock[0]["next_allocation_id"]), np.int64(len(state.clearing.allocations)))


@inlined
def can_cut(state, at, region_id):
    """Whether an allocation is interruptible, in the region, and being delivered."""
    allocation = state.clearing.allocations[at]
    if allocation["state"] != AllocationState.DELIVERING:
        return False
    tranche = state.tranches[slot_of(state, allocation["instrument_id"])]
    is_open = tranche["state"] == LifeState.DELIVERING and tranche["tier"] == Tier.BE
    return is_open and np.int64(tranche["region_id"]) == region_id


@inlined
def is_cut(state, at):
    """Whether an allocation is cut already in the slot that runs."""
    allocation = state.clearing.allocations[at]
    slot = running_slot(state, slot_of(state, allocation["instrument_id"]))
    return find_report(state, allocation["allocation_id"], slot, np.uint32(INTERRUPTION)) != NIL


@inlined
def running_slot(state, tranche_slot):
    """The slot in which a window is."""
    slot_ns = np.int64(state.clearing.deliveries[tranche_slot]["slot_s"]) * NANO_PER_S
    slot = (state.clock[0]["time_ns"] - state.tranches[tranche_slot]["start_ns"]) // slot_ns
    return min(slot, slot_count(state, tranche_slot) - 1)


@outlined
def find_least(state, region_id, lots):
    """The highest id from which on all that can be cut comes to so many lots; 1 if there are not so many."""
    low, high = np.int64(1), np.int64(state.clock[0]["next_allocation_id"])
    while low < high:
        middle = (low + high + 1) // 2
        if lots_from(state, region_id, middle) >= lots:
            low = middle
        else:
            high = middle - 1
    return low


@inlined
def lots_from(state, region_id, least_id):
    """How many lots can be cut under ids from one on."""
    lots = np.int64(0)
    for at in range(1, pool_end(state)):
        if np.int64(state.clearing.allocations[at]["allocation_id"]) >= least_id and can_cut(state, at, region_id):
            lots += state.clearing.allocations[at]["lots"]
    return lots


@inlined
def next_to_cut(state, region_id):
    """The next that is cut, by its place in the pool, or NIL; places follow from ids alone."""
    desk = state.clearing.desk[0]
    for at in range(np.int64(desk["next_place"]), pool_end(state)):
        is_chosen = state.clearing.allocations[at]["allocation_id"] >= desk["least_cut_id"]
        if is_chosen and can_cut(state, at, region_id) and not is_cut(state, at):
            desk["next_place"] = at + 1
            return np.int64(at)
    desk["next_place"] = pool_end(state)
    return np.int64(NIL)


@inlined
def cut(state, at, region_id, events, count):
    """Interrupt an allocation for the slot that runs, and tell."""
    allocation = state.clearing.allocations[at]
    slot = running_slot(state, slot_of(state, allocation["instrument_id"]))
    enter_report(state, allocation["allocation_id"], slot, np.uint32(INTERRUPTION), 0, 0, 0)
    state.clearing.desk[0]["cut_lots"] += allocation["lots"]
    begin_event(state.book, events, count, Event.INTERRUPTED)
    allocation_id, lots = allocation["allocation_id"], allocation["lots"]
    provider_id, buyer_id = allocation["provider_id"], allocation["buyer_id"]
    return write_interruption(events, count, slot, allocation_id, lots, provider_id, buyer_id, region_id)


@inlined
def write_interruption(events, count, slot, allocation_id, lots, provider_id, buyer_id, region_id):
    """Tell of an interruption, which has its number."""
    event = events.interruptions[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["slot"] = slot
    event["allocation_id"] = allocation_id
    event["lots"] = lots
    event["provider_id"] = provider_id
    event["buyer_id"] = buyer_id
    event["region_id"] = region_id
    event["reserved_2"] = 0
    event["reserved_3"] = 0
    return count + 1
