"""What the risk desk looks at beside the list of accounts: the market as a whole, a move of forwards, events, CSV.

All of it is for risk staff, and changes nothing. It is of one moment, which `sequence` and `time` tell, looked at
between two batches and worked out in threads.
"""

import asyncio

from aiohttp import web

from exchange.margin.census import counts
from exchange.margin.exposure import exposure_by_window, exposure_of_accounts
from exchange.margin.shock import shock
from exchange.units import format_nano
from exchange.view import MarketView, RegionStrain
from gateway.encoding.codec import account_id_of, region_id_of
from gateway.encoding.fields import time_text
from gateway.encoding.requests import NoQuery, ReadQuery
from gateway.encoding.rows import Row, order_row, region_row, stamp
from gateway.errors import ApiError, DoorError
from gateway.feeds.risk_grid import grid_of
from gateway.handling import answer, body_of, query_of, read_query
from gateway.identity.staff import risk_staff
from gateway.risk.accounts import reading
from gateway.risk.desk_requests import AccountOrdersQuery, EventsQuery, ShockRequest
from gateway.risk.desk_rows import csv_of, labels_of, queue_rows, shocked_row, window_rows
from gateway.risk.rows import census_stamp

OVERVIEW_AGE_MS_MAX = 2_000


def add_risk_desk_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/risk/overview", get_overview)
    router.add_post("/v1/risk/shock", move_forwards)
    router.add_get("/v1/risk/accounts.csv", get_csv)
    router.add_get("/v1/risk/events", get_events)
    router.add_get("/v1/risk/orders", get_orders)


async def get_overview(request: web.Request) -> web.Response:
    """Regions with strain, the insurance fund, who is being closed, and what all accounts hold of each window."""
    gateway = await risk_staff(request)
    query = await read_query(request, ReadQuery)
    view = gateway.exchange.view
    census = await reading(gateway.risk.census(query.min_seq))
    book = await reading(gateway.risk.whole(OVERVIEW_AGE_MS_MAX))
    windows = await asyncio.to_thread(exposure_by_window, book)
    strains = ((code, view.strains.get(region_id, RegionStrain())) for region_id, code in sorted(view.regions.items()))
    row: Row = {
        "market_halted": view.market_halted,
        "fund": format_nano(view.fund_nano),
        "counts": counts(census),
        "regions": [region_row(code, strain) for code, strain in strains],
        "queue": queue_rows(view, census.rows, gateway.events),
        "windows": window_rows(view, windows),
    }
    return answer(row | census_stamp(census))


async def move_forwards(request: web.Request) -> web.Response:
    """Who would fall below what it must have if forwards moved, and what the insurance fund would face."""
    gateway = await risk_staff(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, ShockRequest)
    view = gateway.exchange.view
    moves_ppm = _moves_ppm(view, wanted)
    book = await reading(gateway.risk.whole())
    found = await asyncio.to_thread(shock, book, moves_ppm)
    moves: Row = {"moves": [each.model_dump() for each in wanted.moves]}
    of_when: Row = {"sequence": book.sequence, "time": time_text(book.time_ns), "time_ns": book.time_ns}
    return answer(moves | shocked_row(view, found, wanted.limit) | of_when)


async def get_csv(request: web.Request) -> web.Response:
    """All accounts with exact decimals, in the order of ids, to be opened by a spreadsheet."""
    gateway = await risk_staff(request)
    query = await read_query(request, ReadQuery)
    census = await reading(gateway.risk.census(query.min_seq))
    book = await reading(gateway.risk.whole(OVERVIEW_AGE_MS_MAX))
    exposure = await asyncio.to_thread(exposure_of_accounts, book)
    grid = await asyncio.to_thread(grid_of, census, exposure)
    labels = labels_of(gateway.exchange.view, grid)
    text = await asyncio.to_thread(csv_of, labels, census, grid)
    headers = {"Content-Disposition": f'attachment; filename="accounts-{census.sequence}.csv"'}
    return web.Response(text=text, content_type="text/csv", headers=headers)


async def get_events(request: web.Request) -> web.Response:
    """What happened lately to accounts that have too little: calls, forced orders, deleveraging, the fund."""
    gateway = await risk_staff(request)
    query = await read_query(request, EventsQuery)
    if query.account is not None:
        account_id_of(gateway.exchange.view, query.account)
    rows = gateway.events.latest(query.limit, query.account)
    return answer({"events": rows} | stamp(gateway.exchange.view))


async def get_orders(request: web.Request) -> web.Response:
    """An account's open orders, the oldest first, and how many there are."""
    gateway = await risk_staff(request)
    query = await read_query(request, AccountOrdersQuery)
    view = gateway.exchange.view
    orders = view.open_orders(account_id_of(view, query.account))
    rows = [order_row(each) for each in orders[: query.limit]]
    return answer({"account": query.account, "orders": rows, "open": len(orders)} | stamp(view))


def _moves_ppm(view: MarketView, wanted: ShockRequest) -> dict[int, int]:
    """By the ids of regions. Raises ApiError for one that is not defined, or is named twice."""
    moves_ppm: dict[int, int] = {}
    for at, each in enumerate(wanted.moves):
        region_id = region_id_of(view, each.region)
        if region_id in moves_ppm:
            param = f"moves[{at}].region"
            raise ApiError(DoorError.INVALID_VALUE, f"{param}: {each.region} is named twice", param)
        moves_ppm[region_id] = each.move_ppm
    return moves_ppm
