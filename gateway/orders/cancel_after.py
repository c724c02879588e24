"""A sign of life: for how long an account's orders may stay if nothing more is heard of it. The core keeps the time."""

from aiohttp import web

from exchange import commands
from exchange.service import ExchangeStopped, Overloaded, Reply
from exchange.venue.cancel_schema import CANCEL_AFTER_EVENT
from exchange.venue.cancel_timers import timers_of
from exchange.venue.machine import Venue
from exchange.view import MarketView
from gateway.encoding import codec
from gateway.encoding.cancel_rows import timer_row
from gateway.encoding.requests import ReadQuery
from gateway.encoding.rows import Row, stamp
from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY
from gateway.handling import answer, read_query, signed_by
from gateway.orders.entry import OWNERS, Entry, OrderOperation, one_reply
from gateway.orders.requests import CancelAfterRequest


def cancel_after(view: MarketView, account_id: int, request: CancelAfterRequest) -> Entry:
    """One command, which begins the wait anew."""
    command = commands.set_cancel_after(account_id, request.cancel_after_ms, session_id=request.session)
    return Entry([command], one_reply(_told))


CANCEL_AFTER = OrderOperation(CancelAfterRequest, cancel_after, brings_orders=False)


async def get_cancel_after(request: web.Request) -> web.Response:
    """The account's timers, that of all its orders first."""
    account_id = (await signed_by(request, *OWNERS)).account_id
    await read_query(request, ReadQuery)
    exchange = request.app[GATEWAY].exchange

    def read(venue: Venue) -> list[Row]:
        timers = timers_of(venue.state, account_id)
        return [timer_row(session - 1 if session else None, due_ns) for session, due_ns in timers]

    try:
        return answer(await exchange.look(read, lambda rows: {"timers": rows} | stamp(exchange.view)))
    except Overloaded:
        raise ApiError(DoorError.OVERLOADED) from None
    except ExchangeStopped:
        raise ApiError(DoorError.EXCHANGE_STOPPED) from None


def _told(reply: Reply) -> Row:
    """Until when the orders stay. Raises ApiError when it was refused."""
    happened = codec.told(reply)
    event = reply.events.view(CANCEL_AFTER_EVENT)[-1]
    session = int(event["session_id"]) if event["by_session"] else None
    return {"cancel_after_ms": int(event["after_ms"])} | timer_row(session, int(event["due_ns"])) | happened
