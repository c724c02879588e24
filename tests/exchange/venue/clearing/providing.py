"""Providers made by hand, for tests that are not about how one becomes a provider."""

from exchange.venue.clearing.capacity_schema import CAPACITY_LOTS_MAX, RING_SLOTS, SLOT_NS
from exchange.venue.clearing.coverage import holding_of
from exchange.venue.clearing.schema import MULTIPLIER_PPM_MAX
from exchange.venue.machine import Venue
from matching.schema import NIL
from tests.exchange.venue.market import START_NS


def provide(venue: Venue, account_id: int, multiplier_ppm: int = MULTIPLIER_PPM_MAX, region_id: int = 1) -> None:
    """An account has all the capacity there can be, from the opening on, and as good a name as is said."""
    state, capacity_id = venue.state, int(venue.state.clock[0]["last_capacity_id"]) + 1
    assert state.clearing.sellers["first_capacity"][account_id] == NIL, "it is a provider already"
    state.ledger.accounts["is_provider"][account_id] = 1
    state.clearing.providers["multiplier_ppm"][account_id] = multiplier_ppm
    state.clock["last_capacity_id"] = capacity_id
    terms = {"capacity_id": capacity_id, "account_id": account_id, "region_id": region_id, "lots": CAPACITY_LOTS_MAX}
    for name, value in (terms | {"first_ns": START_NS, "end_ns": START_NS + RING_SLOTS * SLOT_NS}).items():
        state.clearing.capacities[name][capacity_id] = value
    state.clearing.sellers["first_capacity"][account_id] = capacity_id
    holding_of(state, account_id, region_id)
