"""What a provider can deliver in a region, slot by slot: registered, sold, and what it may still offer.

What is sold is read from the venue between two batches, bytes as they lie; what is registered follows from the view.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from exchange.venue.clearing.capacity_schema import RING_SLOTS, SLOT_NS, SLOT_S, SLOTS_PER_DAY, TIERS
from exchange.venue.clearing.coverage import DAYS_PER_WEEK, THURSDAY
from exchange.venue.machine import Venue
from exchange.view import MarketView
from exchange.view.records import CapacityView


class Slots(NamedTuple):
    """A run of slots; each array is (slots, tiers), best tier first, in lots."""

    first_slot: int  # since 1970
    registered: np.ndarray
    sold: np.ndarray
    free: np.ndarray  # so many lots more can be sold of a tier, if none are of the others


def read_sold(venue: Venue, account_id: int, region_id: int) -> tuple[int, np.ndarray]:
    """The slot that is going on, and the lots that are sold from it on as far as can be sold ahead."""
    clearing, now_slot = venue.state.clearing, venue.time_ns // SLOT_NS
    sold = np.zeros((RING_SLOTS, TIERS), np.int64)
    at = int(clearing.sellers[account_id]["first_holding"])
    while at and clearing.holdings[at]["region_id"] != region_id:
        at = int(clearing.holdings[at]["next"])
    if at:
        ring = clearing.ring.reshape(-1, RING_SLOTS, TIERS)[at]
        known = max(int(clearing.holdings[at]["first_slot"]) + RING_SLOTS - now_slot, 0)
        places = np.arange(now_slot, now_slot + known) % RING_SLOTS
        sold[:known] = ring[places]
    return now_slot, sold


def slots_of(view: MarketView, account_id: int, region_id: int, read: tuple[int, np.ndarray]) -> Slots:
    """All slots that can be sold, given what was read when the view was of the same sequence."""
    now_slot, sold = read
    slots = now_slot + np.arange(len(sold))
    registered = np.zeros_like(sold)
    for capacity in capacities_of(view, account_id):
        if capacity.region_id == region_id:
            registered[spans(capacity, slots), capacity.tier] += capacity.lots
    left = np.cumsum(registered - sold, axis=1)
    free = np.minimum.accumulate(left[:, ::-1], axis=1)[:, ::-1]
    return Slots(now_slot, registered, sold, np.maximum(free, 0))


def capacities_of(view: MarketView, account_id: int) -> Iterable[CapacityView]:
    """The capacities of an account that are not over, in the order of ids."""
    return [each for each in view.capacities.values() if each.account_id == account_id and each.end_ns > view.time_ns]


def spans(capacity: CapacityView, slots: np.ndarray) -> np.ndarray:
    """In which slots a capacity is there, by the rule of `exchange.venue.clearing.coverage`."""
    is_there = (slots * SLOT_NS >= capacity.first_ns) & ((slots + 1) * SLOT_NS <= capacity.end_ns)
    if capacity.daily_length_s:
        weekdays = (slots // SLOTS_PER_DAY + THURSDAY) % DAYS_PER_WEEK
        from_s = slots % SLOTS_PER_DAY * SLOT_S - capacity.daily_from_s
        is_there &= (capacity.weekdays >> weekdays & 1 != 0) & (from_s >= 0)
        is_there &= from_s + SLOT_S <= capacity.daily_length_s
    return is_there
