"""Scopes: tranches that are meant by what they are and not by name, so that a subscription rolls with the calendar.

A scope has the tranches whose gate has not closed, the next to be delivered first; `windows` cuts it to so many.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from exchange.kinds import Kinds
from exchange.published import Published
from exchange.venue.lifecycle import AUCTION_STATES, LifeState
from exchange.venue.schema import Event, Reject, Tier
from exchange.view import MarketView, TrancheView
from gateway.encoding.requests import ScopeRequest
from gateway.encoding.rows import Row
from gateway.errors import ApiError, DoorError

_BEFORE_THE_GATE = AUCTION_STATES | {LifeState.LISTED, LifeState.OPEN, LifeState.HALTED}
_CALENDAR_KINDS = Kinds((Event.TRANCHE_LISTED, Event.STATE_CHANGED))


class Scope(NamedTuple):
    """Which tranches: of a region, a tier, a length of window, and how many of them; None is any."""

    region: str | None = None
    tier: Tier | None = None
    duration: str | None = None
    windows: int | None = None

    def as_row(self) -> Row:
        """As a request names it."""
        tier = None if self.tier is None else self.tier.name.lower()
        row = {"region": self.region, "tier": tier, "duration": self.duration, "windows": self.windows}
        return {name: value for name, value in row.items() if value is not None}


def scope_of(view: MarketView, request: ScopeRequest) -> Scope:
    """The scope that a request names. Raises ApiError."""
    if request.region is None and request.tier is None:
        raise ApiError(DoorError.MISSING_FIELD, "scope: name a region or a tier, or both", "scope")
    if request.region is not None and request.region not in view.regions.values():
        raise ApiError(Reject.UNKNOWN_REGION)
    tier = None if request.tier is None else Tier[request.tier.upper()]
    return Scope(request.region, tier, request.duration, request.windows)


def moves_calendar(batch: Published) -> bool:
    """Whether a batch may change what scopes have."""
    return not _CALENDAR_KINDS.isdisjoint(batch.event_kinds)


class Calendar:
    """The tranches whose gate has not closed, by region and tier, as they are when somebody first asks."""

    def __init__(self, view: MarketView) -> None:
        self._view = view

    def members(self, scope: Scope) -> list[TrancheView]:
        """What a scope has, the next to be delivered first."""
        return sorted(self._matching(scope), key=_by_delivery)[: scope.windows]

    @cached_property
    def _tranches(self) -> dict[tuple[str, Tier], list[TrancheView]]:
        tranches: defaultdict[tuple[str, Tier], list[TrancheView]] = defaultdict(list)
        for tranche in self._view.tranches.values():
            if tranche.state in _BEFORE_THE_GATE:
                tranches[tranche.region, tranche.tier].append(tranche)
        return tranches

    def _matching(self, scope: Scope) -> Iterator[TrancheView]:
        for (region, tier), tranches in self._tranches.items():
            if scope.region in (None, region) and scope.tier in (None, tier):
                yield from (each for each in tranches if scope.duration in (None, _duration_of(each)))


def _by_delivery(tranche: TrancheView) -> tuple[int, int, int]:
    return tranche.start_ns, tranche.duration_s, tranche.instrument_id


def _duration_of(tranche: TrancheView) -> str:
    return tranche.symbol.rpartition(".")[2]
