"""The pages, as files that are read once, and who may see which.

The head that all pages share is put into each where it says so. A page that uses one of the libraries may do what that
library needs; nothing else may.
"""

from collections.abc import Callable
from importlib import resources
from mimetypes import guess_type

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from exchange.service import Exchange
from gateway.encoding.requests import Role
from gateway.handling import POLICY
from gateway.identity.session_cookie import visitor
from gateway.pages.first_look import FirstLook
from gateway.pages.libraries import add_library_routes

FRONT = "index.html"
SUFFIXES = (".html", ".css", ".js", ".svg")
INNER = frozenset({"shell.html", "refused.html"})
"""Parts of other pages, and what is told in place of one."""
PLACES = {"index.html": "/", "risk.html": "/risk", "deliveries.html": "/deliveries"}
"""Of pages that are not found under their own name."""
NAVIGATION = {"index.html": "Market", "risk.html": "Risk", "deliveries.html": "Deliveries"}
"""What the head of each page leads to, as far as it is there."""
WANTED_ROLES = {"risk.html": frozenset({Role.RISK, Role.ADMIN})}
"""Pages that are refused to whoever is signed in without such a role; what they show is refused by its own routes."""
USES_LIBRARIES = frozenset({"index.html", "risk.html"})
LIBRARY_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "worker-src 'self' blob:; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Perspective compiles what it brings and works beside the page; both libraries write styles into it."""
UNKNOWN, KNOWN = b"<html ", b"<html data-signed-in "
"""How a page tells its scripts that it is worth asking who is signed in."""
FORBIDDEN = 403


def add_page_routes(router: web.UrlDispatcher, exchange: Exchange) -> None:
    """Enter the handlers of this page: the files are few and small."""
    look = FirstLook(exchange)
    folder = resources.files("gateway") / "pages"
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(SUFFIXES)}
    for name in sorted(files.keys() - INNER):
        page = _whole(files, name) if name.endswith(".html") else files[name]
        handler = _file(name, page, look.fill if name == FRONT else _as_it_is)
        if name in WANTED_ROLES:
            handler = _for_roles(WANTED_ROLES[name], handler, _file("refused.html", _whole(files, "refused.html")))
        router.add_get(PLACES.get(name, f"/{name}"), handler)
    add_library_routes(router)


def _whole(files: dict[str, bytes], name: str) -> bytes:
    """A page with the head that all share, in which its own place is marked."""
    links = (_link(each, text, is_here=each == name) for each, text in NAVIGATION.items() if each in files)
    shell = files["shell.html"].replace(b"<!-- places -->", "".join(links).encode())
    return files[name].replace(b"<!-- shell -->", shell)


def _link(name: str, text: str, *, is_here: bool) -> str:
    current = ' aria-current="page"' if is_here else ""
    return f'<a href="{PLACES[name]}"{current}>{text}</a>'


def _as_it_is(body: bytes) -> bytes:
    return body


def _file(name: str, body: bytes, fill: Callable[[bytes], bytes] = _as_it_is) -> Handler:
    content_type = guess_type(name)[0] or "application/octet-stream"
    headers = {hdrs.CACHE_CONTROL: "no-cache"} | ({POLICY: LIBRARY_POLICY} if name in USES_LIBRARIES else {})

    async def get_page(request: web.Request) -> web.Response:
        page = fill(body)
        told = page if visitor(request) is None else page.replace(UNKNOWN, KNOWN, 1)
        return web.Response(body=told, content_type=content_type, charset="utf-8", headers=headers)

    return get_page


def _for_roles(roles: frozenset[Role], allowed: Handler, refused: Handler) -> Handler:
    """Who is not signed in gets the page, which asks to sign in."""

    async def get_page(request: web.Request) -> web.StreamResponse:
        sign_in = visitor(request)
        if sign_in is None or not sign_in.key.roles.isdisjoint(roles):
            return await allowed(request)
        response = await refused(request)
        response.set_status(FORBIDDEN)
        return response

    return get_page
