"""What becomes of bought and sold lots, at the doors: terms of delivery, and who owes what to whom."""

from collections.abc import Iterable

from aiohttp import web

from exchange import clearing_commands
from exchange.units import format_nano, format_ticks
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.clearing.schema import TERM_NAMES
from exchange.view import AllocationView, MarketView
from gateway.clearing.requests import AllocationsQuery, DeliveryTermsRequest
from gateway.encoding.codec import instrument_id_of, told
from gateway.encoding.fields import time_text
from gateway.encoding.requests import NoQuery, Role
from gateway.encoding.rows import Row, stamp
from gateway.encoding.series import series_ids_of
from gateway.gateway import GATEWAY
from gateway.handling import answer, body_of, page_of, query_of, read_query, signed_by
from gateway.submission import run


def add_clearing_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/allocations", get_own_allocations)
    router.add_get("/v1/admin/allocations", get_all_allocations)
    router.add_post("/v1/admin/delivery-terms", set_delivery_terms)


async def get_own_allocations(request: web.Request) -> web.Response:
    """What the account is owed as a buyer, and owes as a provider, in the order of ids, a page at a time."""
    account_id = (await signed_by(request, Role.TRADER, Role.PROVIDER)).account_id
    query = await read_query(request, AllocationsQuery)
    view = request.app[GATEWAY].exchange.view
    return _page(view, view.deliveries.of_account(account_id), query)


async def get_all_allocations(request: web.Request) -> web.Response:
    """The same of everybody."""
    await signed_by(request, Role.ADMIN)
    query = await read_query(request, AllocationsQuery)
    view = request.app[GATEWAY].exchange.view
    return _page(view, view.deliveries.by_id.values(), query)


async def set_delivery_terms(request: web.Request) -> web.Response:
    """How windows that are listed from now on are delivered; those that are listed keep their terms."""
    await signed_by(request, Role.ADMIN)
    gateway = request.app[GATEWAY]
    query_of(request, NoQuery)
    wanted = await body_of(request, DeliveryTermsRequest)
    terms = {name: getattr(wanted, name) for name in TERM_NAMES}
    series_ids = series_ids_of(gateway.exchange.view, wanted.series, wanted.region, wanted.tier)
    row: Row = {}
    for series_id in series_ids:
        row = told(await run(gateway.exchange, clearing_commands.set_delivery_terms(series_id, **terms)))
    return answer({"series": series_ids, **terms} | row)


def allocation_row(view: MarketView, allocation: AllocationView) -> Row:
    """One allocation, as its two accounts and administrators may see it."""
    return {
        "id": str(allocation.allocation_id),
        "symbol": allocation.symbol,
        "buyer": view.accounts[allocation.buyer_id].name,
        "provider": view.accounts[allocation.provider_id].name,
        "quantity": str(allocation.lots),
        "price": format_ticks(allocation.price_ticks),
        "escrow": format_nano(allocation.escrow_nano),
        "bond": format_nano(allocation.bond_nano),
        "state": AllocationState(allocation.state).name.lower(),
        "created": time_text(allocation.created_ns),
        "created_ns": allocation.created_ns,
    }


def _page(view: MarketView, allocations: Iterable[AllocationView], query: AllocationsQuery) -> web.Response:
    instrument_id = None if query.symbol is None else instrument_id_of(view, query.symbol)
    matching = (
        each
        for each in allocations
        if each.allocation_id > query.cursor and instrument_id in (None, each.instrument_id)
    )
    page, next_cursor = page_of(matching, query.limit, lambda each: each.allocation_id)
    rows = [allocation_row(view, each) for each in page]
    return answer({"allocations": rows, "next_cursor": next_cursor} | stamp(view))
