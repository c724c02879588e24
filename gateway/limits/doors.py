"""Addresses pay for what nobody signed, before anything is done for it."""

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.gateway import GATEWAY
from gateway.handling import route_of
from gateway.limits.weights import ATTEMPT, Payer, operation_of_route


@web.middleware
async def charge_addresses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Charge the address of a request that needs no signature; the others are charged when theirs is proved."""
    operation = operation_of_route(request.method, route_of(request))
    rates = request.app[GATEWAY].rates
    if operation is ATTEMPT:
        rates.charge_attempt(request.remote or "")
    elif operation.payer is Payer.ADDRESS:
        rates.charge_address(request.remote or "", operation)
    return await handler(request)
