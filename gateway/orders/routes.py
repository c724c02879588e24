"""Many orders at once, over both doors: the paths of REST, and the operations of a socket by name."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from gateway.encoding.json_text import decode_object
from gateway.encoding.requests import NoQuery
from gateway.gateway import GATEWAY
from gateway.handling import answer, query_of, signed_by
from gateway.orders.baskets import BASKET
from gateway.orders.cancel_after import CANCEL_AFTER, get_cancel_after
from gateway.orders.entry import OrderOperation, cancel_all, cancel_many, place_many
from gateway.orders.fills import get_fills
from gateway.orders.quotes import QUOTE, get_quotes
from gateway.orders.requests import BatchRequest, CancelAllQuery, CancelAllTerms
from gateway.submission import run_all

DONE = 200
ACCEPTED = 201
SOME_REFUSED = 207

PLACE_MANY = OrderOperation(BatchRequest, place_many)
CANCEL_MANY = OrderOperation(BatchRequest, cancel_many, brings_orders=False)
CANCEL_ALL = OrderOperation(CancelAllTerms, cancel_all, brings_orders=False)
ORDER_OPERATIONS: dict[str, OrderOperation] = {
    "place_many": PLACE_MANY,
    "cancel_many": CANCEL_MANY,
    "cancel_all": CANCEL_ALL,
    "quote": QUOTE,
    "basket": BASKET,
    "cancel_after": CANCEL_AFTER,
}
"""By the name that they have on a socket."""

Handler = Callable[[web.Request], Awaitable[web.Response]]


def add_order_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page, before those of single orders, whose paths begin alike."""
    router.add_post("/v1/orders/batch", _handler(PLACE_MANY, ACCEPTED))
    router.add_post("/v1/orders/cancel-batch", _handler(CANCEL_MANY, DONE))
    router.add_delete("/v1/orders", cancel_matching)
    router.add_post("/v1/orders/cancel-after", _handler(CANCEL_AFTER, DONE))
    router.add_get("/v1/orders/cancel-after", get_cancel_after)
    router.add_put("/v1/quotes", _handler(QUOTE, DONE))
    router.add_get("/v1/quotes", get_quotes)
    router.add_post("/v1/baskets", _handler(BASKET, ACCEPTED))
    router.add_get("/v1/fills", get_fills)


async def cancel_matching(request: web.Request) -> web.Response:
    """All own orders that match the query go."""
    account_id = (await signed_by(request, *CANCEL_ALL.roles)).account_id
    terms = query_of(request, CancelAllQuery).model_dump()
    return await _run(request, CANCEL_ALL, account_id, terms, DONE)


def _handler(operation: OrderOperation, status: int) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        account_id = (await signed_by(request, *operation.roles)).account_id
        query_of(request, NoQuery)
        return await _run(request, operation, account_id, decode_object(await request.read()), status)

    handle.__doc__ = operation.enter.__doc__
    return handle


async def _run(
    request: web.Request, operation: OrderOperation, account_id: int, fields: Mapping[str, Any], status: int
) -> web.Response:
    exchange = request.app[GATEWAY].exchange
    entry = operation.entry(exchange.view, account_id, fields)
    row = entry.answer(await run_all(exchange, entry.groups))
    return answer(row, SOME_REFUSED if row.get("refused") else status)
