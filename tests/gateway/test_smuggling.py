"""Requests that two programs in a row could read differently: refused, and the connection closed."""

import pytest

from tests.gateway.wire import HOST, UPGRADE, dial

POST = b"POST /v1/orders HTTP/1.1\r\n" + HOST
GET = b"GET /v1/time HTTP/1.1\r\n" + HOST
HIDDEN_ANSWER = b"utilisation_ppm"
HIDDEN = b"GET /v1/regions HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + HIDDEN,
        POST + b"Content-Length: 0, 44\r\n\r\n" + HIDDEN,
        POST + b"Content-Length: +5\r\n\r\n12345" + HIDDEN,
        POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
        POST + b"Content-Length: 0x5\r\n\r\n12345" + HIDDEN,
        POST + b"Content-Length: 1_0\r\n\r\n1234567890" + HIDDEN,
        POST + b"Content-Length : 5\r\n\r\n12345" + HIDDEN,
        POST + b"Transfer-Encoding: identity, chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345XX0\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + HIDDEN,
        GET + b"X-Header: a\r\n folded\r\n\r\n" + HIDDEN,
        GET + b"X-Header: a\x00b\r\n\r\n" + HIDDEN,
        GET + b"X-Header: a\nX-Other: b\r\n\r\n" + HIDDEN,
        GET + b": nameless\r\n\r\n" + HIDDEN,
        b"GET /v1/time HTTP/1.1\r\n" + HOST + b"Host: other\r\n\r\n" + HIDDEN,
        b"GET /v1/time HTTP/1.1 \r\n" + HOST + b"\r\n" + HIDDEN,
        b"GET /v1/time HTTP/2.0\r\n" + HOST + b"\r\n" + HIDDEN,
        b"GET /v1/time\r\n\r\n" + HIDDEN,
        b"G\x00T /v1/time HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
    ],
    ids=repr,
)
async def test_a_request_with_two_readings_is_refused_and_what_follows_is_not_read(doors, request_bytes):
    async with dial(doors) as wire:
        wire.send(request_bytes)
        answered = await wire.rest()
    if answered:
        assert answered.split(b" ")[1] in (b"400", b"401")
    assert b"200 OK" not in answered
    assert HIDDEN_ANSWER not in answered


async def test_a_well_formed_request_in_chunks_is_read_to_its_end_and_the_next_one_after_it(doors):
    async with dial(doors) as wire:
        wire.send(POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n" + GET + b"\r\n")
        first, second = await wire.answer(), await wire.answer()
    assert first[0] == b"HTTP/1.1 401 Unauthorized"
    assert second[0] == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    "request_bytes",
    [
        UPGRADE.replace(b"Version: 13", b"Version: 12") + b"\r\n",
        UPGRADE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short") + b"\r\n",
        UPGRADE.replace(b"GET", b"POST") + b"\r\n",
        UPGRADE.replace(b"websocket", b"h2c") + b"\r\n",
        UPGRADE.replace(b"/v1/ws", b"/v1/time") + b"\r\n",
    ],
    ids=repr,
)
async def test_an_upgrade_that_is_not_granted_leaves_no_tunnel(doors, request_bytes):
    """A proxy that took the upgrade for granted would pass on what follows as if it were frames of the socket."""
    async with dial(doors) as wire:
        wire.send(request_bytes + HIDDEN)
        answered = await wire.rest()
    assert answered.count(b"HTTP/1.") == 1
    assert b" 101 " not in answered
    assert HIDDEN_ANSWER not in answered


async def test_a_request_behind_an_upgrade_is_taken_for_frames_and_closes_the_connection(doors):
    async with dial(doors) as wire:
        wire.send(UPGRADE + b"\r\n" + HIDDEN)
        answered = await wire.rest()
    assert answered.startswith(b"HTTP/1.1 101")
    assert answered.count(b"HTTP/1.1") == 1
    assert HIDDEN_ANSWER not in answered


async def test_an_upgrade_with_a_body_is_refused(doors):
    body = b'\x81\x98\x00\x00\x00\x00{"op":"ping","id":"body"}'
    async with dial(doors) as wire:
        wire.send(UPGRADE + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answered = await wire.rest()
    assert answered.startswith(b"HTTP/1.1 400")
    assert b'"body"' not in answered


@pytest.mark.parametrize("name", ["BWX-KEY", "BWX-TIMESTAMP", "BWX-NONCE", "BWX-SIGNATURE"])
async def test_a_header_of_the_signature_that_comes_twice_is_refused(doors, name):
    names = ("BWX-KEY", "BWX-TIMESTAMP", "BWX-NONCE", "BWX-SIGNATURE")
    lines = b"".join(f"{each}: 1\r\n".encode() for each in (*names, name))
    async with dial(doors) as wire:
        wire.send(b"GET /v1/account HTTP/1.1\r\n" + HOST + lines + b"\r\n")
        status, body = await wire.answer()
    assert status == b"HTTP/1.1 400 Bad Request"
    assert b"duplicate_key" in body
