"""The libraries of the pages: served from their wheels under our own address, and nothing else of the wheels."""

import gzip

import pytest

from gateway.pages.libraries import LIBRARIES


async def get(doors, path, **headers):
    request = doors.http.get(doors.url + path, headers=headers, allow_redirects=False, auto_decompress=False)
    async with request as response:
        return response.status, response.headers, await response.read()


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
async def test_a_library_has_an_address_of_its_version_that_browsers_keep_for_good(doors, library):
    status, headers, _ = await get(doors, f"/libraries/{library.name}")
    assert (status, headers["Location"], headers["Cache-Control"]) == (307, library.address, "no-cache")
    status, headers, body = await get(doors, library.address, **{"Accept-Encoding": "gzip"})
    assert (status, headers["Content-Encoding"], headers["Vary"]) == (200, "gzip", "Accept-Encoding")
    assert headers["Content-Type"] == f"{library.content_type}; charset=utf-8"
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert gzip.decompress(body) == library.path.read_bytes()
    again = {"If-None-Match": headers["ETag"]}
    assert (await get(doors, library.address, **again))[0::2] == (304, b"")


async def test_who_takes_no_compression_gets_none(doors):
    library = LIBRARIES[-1]
    _, headers, body = await get(doors, library.address, **{"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in headers
    assert body == library.path.read_bytes()


@pytest.mark.parametrize("path", ["", "__init__.py", "..%2fapp.py", "plotly-0.0.js", "%2e%2e/%2e%2e/keys.py"])
async def test_nothing_else_of_the_wheels_is_reached(doors, path):
    assert (await get(doors, f"/libraries/{path}"))[0] == 404
