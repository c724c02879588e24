"""A market whose tranches have auctions, and what is read from its events."""

from typing import Any

from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Event
from tests.exchange.venue.market import LIMITS, NANO_PER_S, START_NS, Market, open_market
from tests.exchange.venue.told import Told

OPENING_S, CLOSING_S = 20, 25
OPENING_END_NS = START_NS + OPENING_S * NANO_PER_S
GATE_NS = START_NS + 120 * NANO_PER_S
LAST_CALL_NS = GATE_NS - CLOSING_S * NANO_PER_S
AUCTION, CLOSING_AUCTION = LifeState.AUCTION, LifeState.CLOSING_AUCTION


def auction_market(**terms: Any) -> Market:
    """A market whose first tranche is in its opening auction; nothing else happens at its deadlines."""
    series = {"opening_auction_s": OPENING_S, "closing_auction_s": CLOSING_S, "horizon_s": 590}
    limits = terms.pop("limits", LIMITS)
    return open_market(limits, terms.pop("event_capacity", 4_096), **series | terms)


def of_first(events: list[Told]) -> list[Told]:
    """The events of the first tranche."""
    return [event for event in events if event.get("instrument_id") == 1]


def states(events: list[Told]) -> list[LifeState]:
    return [LifeState(event["state"]) for event in of_first(events) if event["kind"] == Event.STATE_CHANGED]


def trades(events: list[Told]) -> list[tuple[int, int, int, int]]:
    """(buyer, seller, price, lots) of each trade of an auction."""
    names = ("account_id", "counter_account_id", "price_ticks", "quantity_lots")
    return [tuple(event[name] for name in names) for event in events if event["kind"] == Event.AUCTION_TRADE]


def uncrossed(events: list[Told]) -> list[tuple[int, int, int]]:
    names = ("price_ticks", "quantity_lots", "leaves_lots")
    return [tuple(event[name] for name in names) for event in of_first(events) if event["kind"] == Event.UNCROSSED]
