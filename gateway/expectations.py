"""Expectations of requests, which are met or refused before anything else of a request is looked at."""

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from gateway.errors import ApiError, DoorError
from gateway.handling import HEADERS, UNLESS_SAID, refusal

CONTINUE = "100-continue"


async def expecting(handler: Handler, request: web.Request) -> web.StreamResponse:
    """Handle a request whose expectations can be met.

    The library answers expectations before any middleware runs, and trips over one that is not ASCII.
    """
    if request.headers.get(hdrs.EXPECT, CONTINUE).lower() == CONTINUE:
        return await handler(request)
    response = refusal(ApiError(DoorError.EXPECTATION_FAILED))
    response.headers.update(HEADERS)
    response.headers.update(UNLESS_SAID)
    response.force_close()  # a body may follow, which nobody reads
    return response
