"""Reservations at the doors: the public keys, and the token that proves an allocation to its provider's equipment."""

from datetime import UTC, datetime

import numpy as np
from aiohttp import web

from exchange.capacity import capacities_of, spans
from exchange.symbols import NANO_PER_S
from exchange.venue.clearing.capacity_schema import SLOT_NS
from exchange.venue.schema import Reject, Tier
from exchange.view import AllocationView, CapacityView, MarketView, TrancheView
from gateway.clearing.deliveries import allocation_id_of
from gateway.clearing.reservation_token import Reservation
from gateway.encoding.requests import NoQuery, ReadQuery, Role
from gateway.encoding.rows import stamp
from gateway.errors import ApiError
from gateway.gateway import GATEWAY
from gateway.handling import answer, query_of, read_query, signed_by

NO_ENDPOINT = ""
"""The provider has named none for the whole window."""


def add_reservation_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/reservation-keys", get_keys)
    router.add_get("/v1/allocations/{allocation_id}/reservation", get_reservation)


async def get_keys(request: web.Request) -> web.Response:
    """The public keys of tokens, as a JSON Web Key Set and nothing else."""
    query_of(request, NoQuery)
    return answer(request.app[GATEWAY].reservation_key.key_set())


async def get_reservation(request: web.Request) -> web.Response:
    """The token of an allocation, for its buyer or its provider."""
    account_id = (await signed_by(request, Role.TRADER, Role.PROVIDER)).account_id
    await read_query(request, ReadQuery)
    gateway = request.app[GATEWAY]
    view = gateway.exchange.view
    allocation = view.deliveries.of_accounts.get(account_id, {}).get(allocation_id_of(request))
    if allocation is None:
        raise ApiError(Reject.UNKNOWN_ALLOCATION)
    reservation = reservation_of(view, allocation)
    head = {"allocation": allocation.allocation_id, "endpoint": reservation.endpoint}
    return answer(head | {"token": gateway.reservation_key.sign(reservation)} | stamp(view))


def reservation_of(view: MarketView, allocation: AllocationView) -> Reservation:
    """What an allocation gives a right to."""
    tranche = view.tranches[allocation.instrument_id]
    return Reservation(
        allocation_id=allocation.allocation_id,
        buyer=view.accounts[allocation.buyer_id].name,
        provider=view.accounts[allocation.provider_id].name,
        endpoint=endpoint_of(view, allocation.provider_id, tranche),
        symbol=tranche.symbol,
        region=tranche.region,
        tier=Tier(tranche.tier).name.lower(),
        mbps=allocation.lots,
        start=_instant(tranche.start_ns),
        end=_instant(tranche.end_ns),
    )


def endpoint_of(view: MarketView, provider_id: int, tranche: TrancheView) -> str:
    """That of a capacity which covers the window: of its own tier, else of the next better one; the oldest first."""
    covering = [each for each in capacities_of(view, provider_id) if each.endpoint and _covers(view, each, tranche)]
    chosen = max(covering, key=lambda each: (each.tier, -each.capacity_id), default=None)
    return NO_ENDPOINT if chosen is None else chosen.endpoint


def _covers(view: MarketView, capacity: CapacityView, tranche: TrancheView) -> bool:
    """Whether a capacity is there in all slots that a window touches, in a tier that can stand in for it."""
    if view.regions[capacity.region_id] != tranche.region or capacity.tier > tranche.tier:
        return False
    slots = np.arange(tranche.start_ns // SLOT_NS, -(-tranche.end_ns // SLOT_NS))
    return bool(spans(capacity, slots).all())


def _instant(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns // NANO_PER_S, UTC)
