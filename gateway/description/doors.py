"""Where the descriptions are read. They are made when they are first asked for."""

from collections.abc import Callable
from functools import cache

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.description.asyncapi import asyncapi
from gateway.description.openapi import openapi
from gateway.description.schemas import Schema
from gateway.encoding.json_text import encode
from gateway.encoding.requests import NoQuery
from gateway.handling import query_of


def add_description_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/openapi.json", _described("REST as OpenAPI, for programs.", lambda: openapi(router)))
    router.add_get("/v1/asyncapi.json", _described("The socket as AsyncAPI, for programs.", asyncapi))


def _described(what: str, make: Callable[[], Schema]) -> Handler:
    document = cache(lambda: encode(make()))

    async def get_document(request: web.Request) -> web.Response:
        query_of(request, NoQuery)
        return web.Response(body=document(), content_type="application/json")

    get_document.__doc__ = what
    return get_document
