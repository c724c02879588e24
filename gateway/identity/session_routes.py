"""Signing in to the pages: one signed request, and from then on a cookie.

The secret of a key never leaves the browser: it signs `POST /v1/session` there. The answer is a cookie that stands for
the key, with its roles and scopes and no more, until the browser signs out or the sign-in ends by itself.
"""

from contextlib import suppress

from aiohttp import web
from pydantic import BaseModel

from gateway.encoding.fields import time_text
from gateway.encoding.requests import NoQuery, Role
from gateway.encoding.rows import Row
from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY, Gateway
from gateway.handling import answer, body_of, query_of, signed_by
from gateway.identity.origins import check_origin
from gateway.identity.session_cookie import COOKIE, give_cookie, is_by_cookie, signed_in, take_cookie
from gateway.identity.sign_ins import SignIn

CREATED = 201


class SignInRequest(BaseModel):
    """How long a browser keeps its cookie."""

    model_config = NoQuery.model_config

    remember: bool = False
    """Also when it is closed and opened again; the sign-in ends no later for it."""


def add_session_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_post("/v1/session", sign_in)
    router.add_get("/v1/session", get_session)
    router.add_delete("/v1/session", sign_out)


async def sign_in(request: web.Request) -> web.Response:
    """Sign a browser in by the key that signs. It must sign: a cookie does not prolong itself."""
    if is_by_cookie(request):
        raise ApiError(DoorError.NOT_SIGNED)
    check_origin(request)
    key = await signed_by(request, *Role)
    query_of(request, NoQuery)
    wanted = await body_of(request, SignInRequest)
    gateway = request.app[GATEWAY]
    _end_former(request, gateway)
    token, opened = gateway.sign_ins.open(key)
    response = answer(_session_row(gateway, opened), CREATED)
    give_cookie(request, response, token, int(gateway.settings.sign_in_s) if wanted.remember else None)
    return response


async def get_session(request: web.Request) -> web.Response:
    """Who is signed in, and the word that changes need."""
    query_of(request, NoQuery)
    return answer(_session_row(request.app[GATEWAY], signed_in(request)))


async def sign_out(request: web.Request) -> web.Response:
    """End the sign-in, and close the sockets that it opened."""
    query_of(request, NoQuery)
    request.app[GATEWAY].sign_ins.end(signed_in(request))
    response = answer({"signed_out": True})
    take_cookie(request, response)
    return response


def _end_former(request: web.Request, gateway: Gateway) -> None:
    """A browser that signs in again leaves no sign-in behind; whatever else its cookie says is never taken up."""
    with suppress(ApiError):
        gateway.sign_ins.end(gateway.sign_ins.find(request.cookies.get(COOKIE, ""), request.remote or ""))


def _session_row(gateway: Gateway, of: SignIn) -> Row:
    account = gateway.exchange.view.accounts.get(of.key.account_id)
    return {
        "account": account.name if account else None,
        "key_id": of.key.key_id,
        "roles": sorted(of.key.roles),
        "scopes": sorted(of.key.terms.scopes),
        "csrf": of.csrf,
        "expires": time_text(of.expires_ns),
        "idle_s": int(gateway.settings.sign_in_idle_s),
    }
