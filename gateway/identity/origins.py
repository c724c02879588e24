"""Which pages may ask: browsers name the site of the page that asks, and only our own may."""

from urllib.parse import urlsplit

from aiohttp import web

from gateway.errors import ApiError, DoorError


def check_origin(request: web.Request) -> None:
    """Raises ApiError when a page of another site asks. Programs that are no browsers send no origin."""
    if "Origin" in request.headers and not is_from_own_page(request):
        raise ApiError(DoorError.FOREIGN_ORIGIN)


def is_from_own_page(request: web.Request) -> bool:
    """Whether a browser says that one of our pages asks."""
    origin = request.headers.get("Origin")
    return origin is not None and _site_of(origin) == request.host.lower()


def _site_of(origin: str) -> str | None:
    """Host and port of an origin, or None of what is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
