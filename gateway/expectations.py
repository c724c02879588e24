"""Expectations of requests, which are met or refused before anything else of a request is looked at."""

from functools import partial

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from gateway.errors import ApiError, DoorError
from gateway.handling import HEADERS, POLICY, STRICT_POLICY, refusal

CONTINUE = "100-continue"


class DoorsRunner(web.AppRunner):
    """Serves an application behind a look at what requests expect.

    The library answers expectations before any middleware runs, and trips over one that is not ASCII.
    """

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.request_handler = partial(_expecting, server.request_handler)
        return server


async def _expecting(handler: Handler, request: web.Request) -> web.StreamResponse:
    if request.headers.get(hdrs.EXPECT, CONTINUE).lower() == CONTINUE:
        return await handler(request)
    response = refusal(ApiError(DoorError.EXPECTATION_FAILED))
    response.headers.update(HEADERS)
    response.headers.update({POLICY: STRICT_POLICY, "Cache-Control": "no-store"})
    response.force_close()  # a body may follow, which nobody reads
    return response
