"""The two libraries of the pages, as their installed wheels bring them, under addresses of our own host.

/libraries/plotly.js ─▶ /libraries/plotly-6.3.0.js, which browsers keep for good: another version has another address

Each is compressed once, when it is first asked for. Nothing else of the wheels can be reached.
"""

import asyncio
import gzip
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

FOR_GOOD = "public, max-age=31536000, immutable"
LEVEL = 6
"""Of compression: one more takes twice as long and saves a hundredth."""


class Library(NamedTuple):
    """A file that a wheel brings."""

    name: str
    distribution: str
    package: str
    file: str
    content_type: str

    @property
    def path(self) -> Path:
        """Where it lies. The package is not imported: pages need the file alone."""
        found = find_spec(self.package)
        assert found is not None, f"{self.distribution} is installed with the exchange"
        assert found.origin is not None, "a package with a file of its own"
        return Path(found.origin).parent / self.file

    @property
    def address(self) -> str:
        """Its place on our host, in its version."""
        stem, _, suffix = self.name.rpartition(".")
        return f"/libraries/{stem}-{version(self.distribution)}.{suffix}"


_PERSPECTIVE = ("perspective-python", "perspective")
LIBRARIES = (
    Library("plotly.js", "plotly", "plotly", "package_data/plotly.min.js", "text/javascript"),
    Library("perspective.js", *_PERSPECTIVE, "widget/static/perspective-anywidget.js", "text/javascript"),
    Library("perspective.css", *_PERSPECTIVE, "widget/static/perspective-anywidget.css", "text/css"),
)


def add_library_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    for library in LIBRARIES:
        router.add_get(f"/libraries/{library.name}", _now(library.address))
        router.add_get(library.address, _file(library))


def _now(address: str) -> Handler:
    """Which version it is now may change with any start, so browsers ask."""

    async def redirect(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={hdrs.LOCATION: address, hdrs.CACHE_CONTROL: "no-cache"})

    return redirect


def _file(library: Library) -> Handler:
    tag = f'"{library.address.rpartition("/")[2]}"'
    kept = {hdrs.CACHE_CONTROL: FOR_GOOD, hdrs.ETAG: tag, hdrs.VARY: hdrs.ACCEPT_ENCODING}

    async def get_library(request: web.Request) -> web.Response:
        if request.headers.get(hdrs.IF_NONE_MATCH) == tag:
            return web.Response(status=304, headers=kept)
        headers = dict(kept)
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            body = await asyncio.to_thread(_compressed, library.path)
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        else:
            body = await asyncio.to_thread(library.path.read_bytes)
        return web.Response(body=body, content_type=library.content_type, charset="utf-8", headers=headers)

    return get_library


@cache
def _compressed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), LEVEL)
