"""Margin calls by risk staff: an account must have more than its positions and orders require."""

import numpy as np
from aiohttp import web

from exchange import staff_commands
from exchange.venue.schema import ADD_ON_EVENT
from gateway.encoding.codec import account_id_of, told
from gateway.encoding.requests import NoQuery
from gateway.encoding.rows import Row
from gateway.errors import ApiError, DoorError
from gateway.feeds.account_events import add_on_row
from gateway.handling import answer, body_of, query_of
from gateway.identity.staff import risk_staff
from gateway.risk.requests import MarginCallRequest
from gateway.submission import run


def add_margin_call_routes(router: web.UrlDispatcher) -> None:
    """Enter the handler of this page."""
    router.add_post("/v1/admin/margin-calls", call_margin)


async def call_margin(request: web.Request) -> web.Response:
    """Call an account for an amount, by what is added to its requirement; or set outright what is added, 0 for nothing.

    Who has too little for it is called as ever: only what closes positions is open to it, and nobody is closed for it.
    """
    gateway = await risk_staff(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, MarginCallRequest)
    command = _command(account_id_of(gateway.exchange.view, wanted.account), wanted)
    reply = await run(gateway.exchange, command)
    outcome = told(reply)
    event = reply.events[-1:].view(ADD_ON_EVENT)
    row: Row = {"account": wanted.account}
    return answer(row | add_on_row(dict(zip(ADD_ON_EVENT.names or (), event[0].item(), strict=True))) | outcome)


def _command(account_id: int, wanted: MarginCallRequest) -> np.ndarray:
    """Raises ApiError unless just one of what may be said is said."""
    if wanted.amount is not None and wanted.add_on is None:
        return staff_commands.call_margin(account_id, wanted.amount)
    if wanted.add_on is not None and wanted.amount is None:
        return staff_commands.set_add_on(account_id, wanted.add_on)
    error = DoorError.MISSING_FIELD if wanted.amount is None else DoorError.INVALID_VALUE
    raise ApiError(error, "amount: name what is called for, or add_on, and not both", "amount")
