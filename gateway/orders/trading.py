"""What an account does with its own key: place, change and read its orders, and see its money."""

from functools import partial

from aiohttp import web

from exchange.venue.schema import Reject
from exchange.view import MarketView, OrderView
from gateway.encoding import codec
from gateway.encoding.fields import order_id_of
from gateway.encoding.requests import (
    CancelTerms,
    NoQuery,
    OrdersQuery,
    PlaceRequest,
    ReadQuery,
    ReplaceTerms,
    Role,
    Target,
    parse,
)
from gateway.encoding.rows import account_row, order_row, stamp
from gateway.errors import ApiError
from gateway.gateway import GATEWAY
from gateway.handling import answer, body_of, page_of, query_of, read_query, signed_by
from gateway.limits.weights import ANALYSIS
from gateway.orders.alternatives import with_alternatives
from gateway.submission import run

ACCEPTED = 201
BY_ID = "/v1/orders/{order_id}"
BY_CLIENT_ID = "/v1/orders/by-client-id/{client_id:.+}"


def add_trading_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_post("/v1/orders", place_order)
    router.add_get("/v1/orders", get_orders)
    for path in (BY_CLIENT_ID, BY_ID):
        router.add_get(path, get_order)
        router.add_delete(path, cancel_order)
        router.add_patch(path, replace_order)
    router.add_get("/v1/account", get_account)


async def place_order(request: web.Request) -> web.Response:
    """A new order; the answer comes when its outcome is durable."""
    key = await signed_by(request, Role.TRADER, Role.PROVIDER)
    account_id = key.account_id
    query_of(request, NoQuery)
    order = await body_of(request, PlaceRequest)
    gateway = request.app[GATEWAY]
    if order.alternatives:
        gateway.rates.charge(key, ANALYSIS)
    view = gateway.exchange.view
    reply = await run(gateway.exchange, codec.place_command(view, account_id, order))
    tell = partial(codec.place_answer, view, order, reply)
    return answer(await with_alternatives(gateway, account_id, order, tell), ACCEPTED)


async def cancel_order(request: web.Request) -> web.Response:
    """Take an order off the book."""
    account_id = await _trader(request)
    terms = query_of(request, CancelTerms)
    exchange = request.app[GATEWAY].exchange
    reply = await run(exchange, codec.cancel_command(account_id, _target(request), terms))
    return answer(codec.change_answer(exchange.view, reply))


async def replace_order(request: web.Request) -> web.Response:
    """Change price or quantity of an order under the same id."""
    account_id = await _trader(request)
    query_of(request, NoQuery)
    terms = await body_of(request, ReplaceTerms)
    exchange = request.app[GATEWAY].exchange
    reply = await run(exchange, codec.replace_command(account_id, _target(request), terms))
    return answer(codec.change_answer(exchange.view, reply))


async def get_order(request: web.Request) -> web.Response:
    """One own order, open or finished lately."""
    account_id = await _trader(request)
    await read_query(request, ReadQuery)
    view = request.app[GATEWAY].exchange.view
    order = _own_order(view, account_id, _target(request))
    if order is None:
        raise ApiError(Reject.UNKNOWN_ORDER, "you have no such order, or it finished long ago")
    return answer(order_row(order))


async def get_orders(request: web.Request) -> web.Response:
    """The account's open orders, oldest first, a page at a time."""
    account_id = await _trader(request)
    query = await read_query(request, OrdersQuery)
    view = request.app[GATEWAY].exchange.view
    matching = (
        order
        for order in sorted(view.open_orders(account_id), key=lambda order: order.order_id)
        if order.order_id > query.cursor
        and query.symbol in (None, order.symbol)
        and query.label in (None, order.label)
        and query.session in (None, order.session_id)
    )
    page, next_cursor = page_of(matching, query.limit, lambda each: each.order_id)
    rows = [order_row(order) for order in page]
    return answer({"orders": rows, "next_cursor": next_cursor} | stamp(view))


async def get_account(request: web.Request) -> web.Response:
    """The account's name, standing, money and positions."""
    account_id = (await signed_by(request, Role.TRADER, Role.PROVIDER, Role.REPORTER)).account_id
    await read_query(request, ReadQuery)
    view = request.app[GATEWAY].exchange.view
    if account_id not in view.accounts:
        raise ApiError(Reject.UNKNOWN_ACCOUNT)
    return answer(account_row(view, account_id) | stamp(view))


async def _trader(request: web.Request) -> int:
    """The account whose key signed this."""
    return (await signed_by(request, Role.TRADER, Role.PROVIDER)).account_id


def _target(request: web.Request) -> Target:
    """The order that the path names. Raises ApiError when it can name none."""
    client_id = request.match_info.get("client_id")
    if client_id is not None:
        return parse(Target, {"client_id": client_id})
    order_id = order_id_of(request.match_info["order_id"])
    if order_id is None:
        raise ApiError(Reject.UNKNOWN_ORDER)
    return parse(Target, {"order_id": order_id})


def _own_order(view: MarketView, account_id: int, target: Target) -> OrderView | None:
    if target.client_id is not None:
        return view.order_by_client_id(account_id, target.client_id)
    order = view.order(target.order_id or 0)
    return order if order is not None and order.account_id == account_id else None
