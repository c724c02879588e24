"""What REST handlers have in common: reading a request, knowing who signed it, waiting for a sequence, answering."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_exceptions import HTTPException
from pydantic import BaseModel

from gateway.encoding.json_text import decode_object, encode
from gateway.encoding.requests import TEXT_LENGTH_MAX, ReadQuery, Role, parse
from gateway.encoding.rows import Row
from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY
from gateway.identity.auth import Credentials, require_role
from gateway.identity.key_terms import require_scope, scope_of_route
from gateway.identity.keys import ApiKey
from gateway.identity.session_cookie import is_by_cookie, signed_in
from gateway.limits.buckets import NANO_PER_S, Remaining
from gateway.limits.weights import operation_of_route

log = structlog.get_logger()
ModelT = TypeVar("ModelT", bound=BaseModel)
ReadT = TypeVar("ReadT", bound=ReadQuery)

RowT = TypeVar("RowT")

MS_PER_S = 1_000
TLS_ONLY = "max-age=31536000"
"""What tells browsers to come by TLS alone for a year."""
SIGNER: web.RequestKey[ApiKey] = web.RequestKey("signer", ApiKey)
"""The key that signed a request, once that is proved."""

POLICY = "Content-Security-Policy"
STRICT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Server": "bwx",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
UNLESS_SAID = {POLICY: STRICT_POLICY, "Cache-Control": "no-store"}
"""Headers of every answer that says nothing else."""


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every refusal and every fault the one form that errors have."""
    response = await _answered(request, handler)
    if "Upgrade" in request.headers and not isinstance(response, web.WebSocketResponse):
        # A proxy that takes the upgrade for granted would pass on what follows unseen: there is nothing behind it.
        response.force_close()
    return response


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return refusal(error)
    except HTTPException as error:
        return _named(error)
    except web.RequestPayloadError:
        return refusal(ApiError(DoorError.BAD_REQUEST, "the body broke off or was not encoded as its headers say"))
    except Exception:
        log.exception("request_failed", method=request.method, path=request.path)
        return refusal(ApiError(DoorError.INTERNAL_ERROR))


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Tell browsers what our pages may load, caches to keep nothing without asking, and who signed what is left."""
    response.headers.update(HEADERS)
    if request.secure:
        response.headers["Strict-Transport-Security"] = TLS_ONLY
    if SIGNER in request:
        response.headers.update(budget_headers(request.app[GATEWAY].rates.remaining(request[SIGNER])))
    for name, value in UNLESS_SAID.items():
        response.headers.setdefault(name, value)


def answer(row: Row, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=encode(row), status=status, content_type="application/json")


def query_of(request: web.Request, model: type[ModelT]) -> ModelT:
    """The query of a request, each name once. Raises ApiError."""
    fields: dict[str, str] = {}
    for name, value in request.query.items():
        if name in fields:
            raise ApiError(DoorError.DUPLICATE_KEY, param=name[:TEXT_LENGTH_MAX])
        fields[name] = value
    return parse(model, fields)


async def read_query(request: web.Request, model: type[ReadT]) -> ReadT:
    """The query of a read, once the market has come as far as it asks for. Raises ApiError."""
    query = query_of(request, model)
    if not await request.app[GATEWAY].feed.reached(query.min_seq):
        raise ApiError(DoorError.SEQUENCE_NOT_REACHED)
    return query


async def body_of(request: web.Request, model: type[ModelT]) -> ModelT:
    """The JSON body of a request. Raises ApiError."""
    return parse(model, decode_object(await _read_body(request)))


async def signed_by(request: web.Request, *roles: Role) -> ApiKey:
    """The key that signed a request, or by which its browser is signed in, with one of these roles. Raises ApiError."""
    rates = request.app[GATEWAY].rates
    try:
        key = signed_in(request).key if is_by_cookie(request) else await _verified(request)
    except ApiError:
        rates.charge_attempt(request.remote or "")
        raise
    request[SIGNER] = key
    route = route_of(request)
    rates.charge(key, operation_of_route(request.method, route))
    try:
        require_scope(key.terms, scope_of_route(request.method, route))
        require_role(key, *roles)
    except ApiError:
        rates.charge_attempt(request.remote or "")
        raise
    return key


async def _verified(request: web.Request) -> ApiKey:
    """The key whose signature a request carries. Raises ApiError."""
    credentials = Credentials.from_headers(request.headers)
    body = await _read_body(request)
    authenticator = request.app[GATEWAY].authenticator
    return authenticator.verify(credentials, request.method, request.raw_path, body, request.remote or "")


async def _read_body(request: web.Request) -> bytes:
    """All of the body, however slowly it is sent, up to a deadline. Raises ApiError."""
    if request.content.is_eof():
        return await request.read()  # it is there already: nothing is waited for
    try:
        async with asyncio.timeout(request.app[GATEWAY].settings.body_wait_s):
            return await request.read()
    except TimeoutError:
        raise ApiError(DoorError.TOO_SLOW) from None


def route_of(request: web.Request) -> str | None:
    """The path of the route that a request leads to, with the names of its parts; None where it leads nowhere."""
    resource = request.match_info.route.resource
    return None if resource is None else resource.canonical


def _named(error: HTTPException) -> web.Response:
    """What aiohttp refuses by itself, in our words."""
    if isinstance(error, web.HTTPNotFound):
        return refusal(ApiError(DoorError.NOT_FOUND))
    if isinstance(error, web.HTTPMethodNotAllowed):
        response = refusal(ApiError(DoorError.METHOD_NOT_ALLOWED))
        response.headers["Allow"] = error.headers["Allow"]
        return response
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return refusal(ApiError(DoorError.BODY_TOO_LARGE))
    return refusal(ApiError(DoorError.BAD_REQUEST))


def refusal(error: ApiError) -> web.Response:
    """A refusal in the one form that errors have."""
    response = answer(refusal_row(error), error.status)
    if error.retry_after_ms is not None:
        response.headers["Retry-After"] = str(-(-error.retry_after_ms // MS_PER_S))
    return response


def refusal_row(error: ApiError) -> Row:
    """What a refusal says."""
    row: Row = {"error": error.as_json()}
    if error.is_repeated:
        row["repeated"] = True
    return row


def budget_headers(remaining: Remaining) -> dict[str, str]:
    """What is left of the budget of whoever signed."""
    return {
        "BWX-RateLimit-Limit": str(remaining.limit),
        "BWX-RateLimit-Remaining": str(remaining.remaining),
        "BWX-RateLimit-Reset": str(-(-remaining.reset_ns // NANO_PER_S)),
    }


def page_of(found: Iterable[RowT], limit: int, cursor_of: Callable[[RowT], object]) -> tuple[list[RowT], str | None]:
    """The first so many of what was found, and the cursor behind which more of it begins, if there is more."""
    page = list(islice(found, limit + 1))
    return page[:limit], str(cursor_of(page[limit - 1])) if len(page) > limit else None
