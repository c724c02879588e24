"""Risk at the doors: all accounts for administrators, each account for its owner, and what-if for both."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from aiohttp import web

from exchange.margin.census import counts, select
from exchange.margin.condition import Condition
from exchange.margin.detail import detail_of
from exchange.margin.portfolio import Portfolio
from exchange.margin.what_if import Entry, Impossible, Outcome, what_if
from exchange.service import ExchangeStopped, Overloaded
from exchange.venue.schema import Reject
from exchange.view import MarketView
from gateway.encoding.codec import account_id_of
from gateway.encoding.requests import NoQuery, Role
from gateway.encoding.rows import Row
from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY, Gateway
from gateway.handling import answer, body_of, query_of, read_query, signed_by
from gateway.identity.staff import risk_staff
from gateway.limits.activity import activity_row
from gateway.risk.requests import (
    ENTRIES_MAX,
    MarginQuery,
    RiskQuery,
    ThoughtOrder,
    ThoughtPosition,
    WhatIfRequest,
)
from gateway.risk.rows import account_row, census_rows, census_stamp, cursor_of, place_of, what_if_row
from matching.schema import Side

FoundT = TypeVar("FoundT")
Thought = ThoughtOrder | ThoughtPosition


def add_risk_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/margin", get_margin)
    router.add_post("/v1/margin/what-if", think)
    router.add_get("/v1/admin/risk", get_accounts)
    router.add_get("/v1/admin/risk/{name}", get_account)
    router.add_post("/v1/admin/risk/{name}/what-if", think_for)


async def get_margin(request: web.Request) -> web.Response:
    """Why the account must have what it must have."""
    return await _detail(request, await _owner(request))


async def get_account(request: web.Request) -> web.Response:
    """The same of any account."""
    return await _detail(request, await _named_account(request))


async def think(request: web.Request) -> web.Response:
    """What the account would have to have with other positions and orders."""
    return await _what_if(request, await _owner(request))


async def think_for(request: web.Request) -> web.Response:
    """The same of any account."""
    return await _what_if(request, await _named_account(request))


async def get_accounts(request: web.Request) -> web.Response:
    """All accounts, the nearest to liquidation first, a page at a time."""
    gateway = await risk_staff(request)
    query = await read_query(request, RiskQuery)
    place = None if query.cursor is None else place_of(query.cursor)
    if query.cursor is not None and place is None:
        raise ApiError(DoorError.MALFORMED_CURSOR)
    members = None if query.region is None else await _members(gateway, query.region)
    census = await reading(gateway.risk.census(query.min_seq))
    condition = None if query.standing is None else Condition(query.standing)
    found = await asyncio.to_thread(select, census, condition, members, place)
    page = found.first(query.limit)
    is_last = len(found.account_id) <= query.limit
    row: Row = {
        "accounts": list(census_rows(gateway.exchange.view, page)),
        "counts": counts(census),
        "next_cursor": None if is_last else cursor_of(page, query.limit - 1),
    }
    return answer(row | census_stamp(census))


async def _detail(request: web.Request, account_id: int) -> web.Response:
    query = await read_query(request, MarginQuery)
    gateway = request.app[GATEWAY]
    portfolio = await reading(gateway.risk.portfolio(account_id))
    detail = await asyncio.to_thread(detail_of, portfolio, query.contributors)
    activity = activity_row(gateway.activity.of_account(account_id))
    return answer(account_row(gateway.exchange.view, portfolio, detail) | {"activity": activity})


async def _what_if(request: web.Request, account_id: int) -> web.Response:
    query_of(request, NoQuery)
    wanted = await body_of(request, WhatIfRequest)
    if len(wanted.positions) + len(wanted.orders) > ENTRIES_MAX:
        message = f"orders: send up to {ENTRIES_MAX} positions and orders together"
        raise ApiError(DoorError.INVALID_VALUE, message, "orders")
    gateway = request.app[GATEWAY]
    view = gateway.exchange.view
    named = _instruments(view, wanted)
    portfolio = await reading(gateway.risk.portfolio(account_id, set(named.values())))
    orders, outcome = await asyncio.to_thread(_outcome, portfolio, named, wanted)
    if isinstance(outcome, Impossible):
        raise ApiError(Reject(outcome.reject), param=f"positions[{outcome.index}]")
    return answer({"mode": wanted.mode} | what_if_row(view, portfolio, orders, outcome))


def _outcome(
    portfolio: Portfolio, named: dict[str, int], wanted: WhatIfRequest
) -> tuple[list[Entry], Outcome | Impossible]:
    positions = [_entry(portfolio, named[each.symbol], each) for each in wanted.positions]
    orders = [_entry(portfolio, named[each.symbol], each) for each in wanted.orders]
    return orders, what_if(portfolio, positions, orders, replaces=wanted.mode == "replace")


def _instruments(view: MarketView, wanted: WhatIfRequest) -> dict[str, int]:
    """The tranches that are named, by symbol. Raises ApiError."""
    return dict([*_named(view, "positions", wanted.positions), *_named(view, "orders", wanted.orders)])


def _named(view: MarketView, field: str, entries: Sequence[Thought]) -> Iterator[tuple[str, int]]:
    for at, each in enumerate(entries):
        instrument_id = view.tranche_by_symbol.get(each.symbol)
        if instrument_id is None:
            raise ApiError(Reject.UNKNOWN_INSTRUMENT, param=f"{field}[{at}].symbol")
        yield each.symbol, instrument_id


def _entry(portfolio: Portfolio, instrument_id: int, thought: Thought) -> Entry:
    """A position that names no price is valued at the mark; in a tranche that is gone, what-if refuses it."""
    terms = portfolio.terms.get(instrument_id)
    price_ticks = thought.price or (terms.mark_ticks if terms is not None else 0)
    return Entry(instrument_id, Side[thought.side.upper()], price_ticks, thought.quantity)


async def _owner(request: web.Request) -> int:
    """The account whose key signed this."""
    account_id = (await signed_by(request, Role.TRADER, Role.PROVIDER)).account_id
    if account_id not in request.app[GATEWAY].exchange.view.accounts:
        raise ApiError(Reject.UNKNOWN_ACCOUNT)
    return account_id


async def _named_account(request: web.Request) -> int:
    """The account that the path names, for risk staff."""
    gateway = await risk_staff(request)
    return account_id_of(gateway.exchange.view, request.match_info["name"])


async def _members(gateway: Gateway, region: str) -> np.ndarray:
    """The accounts that have positions or orders in a region."""
    for region_id, code in gateway.exchange.view.regions.items():
        if code == region:
            return await reading(gateway.risk.members(region_id))
    raise ApiError(Reject.UNKNOWN_REGION)


async def reading(found: Awaitable[FoundT]) -> FoundT:
    """What a reading found. Raises ApiError when it was not taken."""
    try:
        return await found
    except Overloaded:
        raise ApiError(DoorError.OVERLOADED) from None
    except ExchangeStopped:
        raise ApiError(DoorError.EXCHANGE_STOPPED) from None
