"""The cookie of a browser that has signed in, and what must come with it.

A page of another site can make a browser send requests, and with them what the browser keeps. So the cookie goes with
requests of our own pages alone (SameSite=Strict), and whatever changes something needs, beside it, a word that only our
own pages can read. No script reads the cookie.
"""

from aiohttp import web

from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY
from gateway.identity.auth import FIELD_OF_HEADER
from gateway.identity.origins import check_origin, is_from_own_page
from gateway.identity.sign_ins import SignIn

COOKIE = "bwx_session"
CSRF_HEADER = "BWX-CSRF"
READS = ("GET", "HEAD")


def is_by_cookie(request: web.Request) -> bool:
    """Whether a request relies on its cookie: one that carries any part of a signature does not."""
    return COOKIE in request.cookies and not any(name in request.headers for name in FIELD_OF_HEADER)


def signed_in(request: web.Request) -> SignIn:
    """The sign-in that a request comes from, if it may do what it asks. Raises ApiError."""
    sign_in = request.app[GATEWAY].sign_ins.find(request.cookies.get(COOKIE, ""), request.remote or "")
    if request.method not in READS:
        check_origin(request)
        if not sign_in.is_known_by(request.headers.get(CSRF_HEADER, "")):
            raise ApiError(DoorError.CSRF_REFUSED)
    return sign_in


def visitor(request: web.Request) -> SignIn | None:
    """Who looks at a page, if that is known."""
    try:
        return signed_in(request)
    except ApiError:
        return None


def opener(request: web.Request) -> SignIn | None:
    """Who opens a socket: only a browser on a page of ours is known by its cookie."""
    return visitor(request) if is_from_own_page(request) else None


def give_cookie(request: web.Request, response: web.Response, token: str, max_age_s: int | None) -> None:
    """Let the browser keep the sign-in: until it is closed, or for so long."""
    response.set_cookie(
        COOKIE, token, max_age=max_age_s, path="/", secure=request.secure, httponly=True, samesite="Strict"
    )


def take_cookie(request: web.Request, response: web.Response) -> None:
    """Let the browser forget the sign-in."""
    response.del_cookie(COOKIE, path="/", secure=request.secure, httponly=True, samesite="Strict")
