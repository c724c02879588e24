"""Capacity by slots of 15 minutes: what a provider can deliver in each, and what it may come to have sold.

    for every slot and every tier, best first:   sold of this tier and better ones <= registered of the same

A higher tier can stand in for a lower one, so this is all that it takes for nothing to be sold twice. What is sold is
kept in a ring for each provider and region, which forgets slots as they end; what is registered follows from the
capacities, so that a recurring one costs nothing as time passes.
"""

import numpy as np

from exchange.venue.clearing.capacity_schema import RING_SLOTS, SLOT_NS, SLOT_S, SLOTS_PER_DAY, TIERS
from kernels.compile import inlined, outlined
from matching.schema import NIL

THURSDAY = 3
"""The weekday of 1970-01-01, from Monday on."""
DAYS_PER_WEEK = 7


@outlined
def is_covered(state, account_id, region_id, tier, start_ns, end_ns, more_lots):
    """Whether a provider's capacity covers so many lots more of a tier in every slot that a window touches."""
    holding = find_holding(state.clearing, account_id, region_id)
    if holding == NIL:
        return False
    roll(state, holding)
    first_slot = state.clearing.holdings[holding]["first_slot"]
    end_slot = (end_ns - 1) // SLOT_NS + 1
    if end_slot > first_slot + RING_SLOTS:
        return False
    for slot in range(max(start_ns // SLOT_NS, first_slot), end_slot):
        if not is_slot_covered(state.clearing, holding, slot, tier, more_lots, np.int64(NIL)):
            return False
    return True


@outlined
def is_unsold(state, capacity_place):
    """Whether all that is sold is covered without a capacity too."""
    capacity = state.clearing.capacities[capacity_place]
    holding = find_holding(state.clearing, np.int64(capacity["account_id"]), np.int64(capacity["region_id"]))
    roll(state, holding)
    first_slot = state.clearing.holdings[holding]["first_slot"]
    end_slot = min(capacity["end_ns"] // SLOT_NS, first_slot + RING_SLOTS)
    tier = np.int64(capacity["tier"])
    for slot in range(max(capacity["first_ns"] // SLOT_NS, first_slot), end_slot):
        if spans(capacity, slot) and not is_slot_covered(
            state.clearing, holding, slot, tier, np.int64(0), np.int64(capacity_place)
        ):
            return False
    return True


@inlined
def is_slot_covered(clearing, holding, slot, tier, more_lots, left_out):
    """Whether the rule holds in a slot with so many lots more of a tier, and without one capacity, or NIL."""
    account_id, region_id = clearing.holdings[holding]["account_id"], clearing.holdings[holding]["region_id"]
    best_lots, middle_lots, least_lots = np.int64(0), np.int64(0), np.int64(0)
    at = np.int64(clearing.sellers[account_id]["first_capacity"])
    while at != NIL:
        capacity = clearing.capacities[at]
        if at != left_out and capacity["region_id"] == region_id and spans(capacity, slot):
            best_lots += capacity["lots"] if capacity["tier"] == 0 else np.int64(0)
            middle_lots += capacity["lots"] if capacity["tier"] == 1 else np.int64(0)
            least_lots += capacity["lots"] if capacity["tier"] > 1 else np.int64(0)
        at = np.int64(capacity["next"])
    place = ring_place(holding, slot)
    sold_lots = more_lots + clearing.ring[place]
    if tier == 0 and sold_lots > best_lots:
        return False
    sold_lots += clearing.ring[place + 1]
    if tier <= 1 and sold_lots > best_lots + middle_lots:
        return False
    return sold_lots + clearing.ring[place + 2] <= best_lots + middle_lots + least_lots


@inlined
def spans(capacity, slot):
    """Whether a capacity is there for the whole of a slot."""
    start_ns = slot * SLOT_NS
    if start_ns < capacity["first_ns"] or start_ns + SLOT_NS > capacity["end_ns"]:
        return False
    if capacity["daily_length_s"] == 0:
        return True
    if np.int64(capacity["weekdays"]) >> weekday_of(slot) & 1 == 0:
        return False
    from_s = slot % SLOTS_PER_DAY * SLOT_S
    daily_from_s = np.int64(capacity["daily_from_s"])
    return daily_from_s <= from_s and from_s + SLOT_S <= daily_from_s + np.int64(capacity["daily_length_s"])


@inlined
def weekday_of(slot):
    """The day of the week of a slot, from Monday on."""
    return (slot // SLOTS_PER_DAY + THURSDAY) % DAYS_PER_WEEK


# What is sold.


@outlined
def move_sold(state, account_id, region_id, tier, start_ns, end_ns, lots):
    """A provider may come to have sold so many lots more of a tier over a window, or less when negative.

    Where it never registered any capacity nothing is covered, and nothing kept.
    """
    holding = find_holding(state.clearing, account_id, region_id)
    if holding == NIL:
        return
    roll(state, holding)
    first_slot = state.clearing.holdings[holding]["first_slot"]
    end_slot = min((end_ns - 1) // SLOT_NS + 1, first_slot + RING_SLOTS)
    for slot in range(max(start_ns // SLOT_NS, first_slot), end_slot):
        state.clearing.ring[ring_place(holding, slot) + tier] += lots


@inlined
def ring_place(holding, slot):
    """Where the best tier of a slot stands in the rings; the others follow."""
    return (holding * RING_SLOTS + slot % RING_SLOTS) * TIERS


@inlined
def roll(state, holding):
    """Forget what was sold in slots that are over; their places are for those that have come into reach."""
    row = state.clearing.holdings[holding]
    now_slot = state.clock[0]["time_ns"] // SLOT_NS
    for slot in range(max(row["first_slot"], now_slot - RING_SLOTS), now_slot):
        place = ring_place(holding, slot)
        for tier in range(TIERS):
            state.clearing.ring[place + tier] = 0
    row["first_slot"] = max(row["first_slot"], now_slot)


# Holdings.


@inlined
def find_holding(clearing, account_id, region_id):
    """The place of a provider in a region, or NIL."""
    at = np.int64(clearing.sellers[account_id]["first_holding"])
    while at != NIL and clearing.holdings[at]["region_id"] != region_id:
        at = np.int64(clearing.holdings[at]["next"])
    return at


@outlined
def holding_of(state, account_id, region_id):
    """The same, made if there is none. The caller has seen that there is room."""
    at = find_holding(state.clearing, account_id, region_id)
    if at != NIL:
        return at
    at = free_holding(state.clearing)
    assert at != NIL, "no place is left for a provider in a region"
    holding = state.clearing.holdings[at]
    holding["account_id"] = account_id
    holding["region_id"] = region_id
    holding["first_slot"] = state.clock[0]["time_ns"] // SLOT_NS
    holding["next"] = state.clearing.sellers[account_id]["first_holding"]
    state.clearing.sellers[account_id]["first_holding"] = at
    return at


@outlined
def free_holding(clearing):
    """The first place that nobody has, or NIL."""
    for at in range(1, len(clearing.holdings)):
        if clearing.holdings[at]["account_id"] == 0:
            return np.int64(at)
    return np.int64(NIL)
