"""Own fills, again from any point on: what a program reads after a connection broke."""

import re

from aiohttp import web

from exchange.venue.schema import Reject
from exchange.view.fills import INDEX_END, THE_FIRST, TradeName
from gateway.encoding.requests import Role
from gateway.encoding.rows import fill_row, stamp
from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY
from gateway.handling import answer, page_of, read_query, signed_by
from gateway.orders.entry import OWNERS
from gateway.orders.requests import FillsQuery

_CURSOR = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,10}))?")


async def get_fills(request: web.Request) -> web.Response:
    """The account's fills behind a trade or a sequence, oldest first, a page at a time; without one, all there are."""
    account_id = (await signed_by(request, *OWNERS, Role.MARKET_MAKER)).account_id
    query = await read_query(request, FillsQuery)
    view = request.app[GATEWAY].exchange.view
    if account_id not in view.accounts:
        raise ApiError(Reject.UNKNOWN_ACCOUNT)
    after = THE_FIRST
    if query.cursor is not None:
        after = _place_of(query.cursor)
        if not view.fills.reaches_back_to(account_id, after):
            raise ApiError(DoorError.FILLS_NOT_KEPT)
    matching = (
        fill
        for fill in view.fills.of_account(account_id, after)
        if query.symbol in (None, fill.trade.symbol) and query.order_id in (None, fill.order_id)
    )
    page, next_cursor = page_of(matching, query.limit, lambda each: each.trade.trade_id)
    return answer({"fills": [fill_row(fill) for fill in page], "next_cursor": next_cursor} | stamp(view))


def _place_of(cursor: str) -> TradeName:
    """The trade that a cursor names; behind all trades of a command when it names a sequence. Raises ApiError."""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise ApiError(DoorError.MALFORMED_CURSOR)
    return int(match[1]), INDEX_END if match[2] is None else int(match[2])
