"""Peers that send slowly, endlessly or too much, and those that do not read: each costs a bounded time and memory."""

import asyncio
import gzip
import time
import zlib

import orjson
import pytest

from tests.gateway.doors import signed_headers
from tests.gateway.peer import connect
from tests.gateway.wire import HOST, close_code, dial, dial_socket, frame

TEXT, CONTINUATION = 1, 0
MEBI = 1024 * 1024


def head_of(key, method, path, payload, **more):
    headers = signed_headers(key, method, path, payload) | {"Content-Length": str(len(payload))} | more
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n".encode() + HOST + lines.encode() + b"\r\n"


async def test_a_head_that_comes_slowly_has_an_absolute_deadline(serve):
    async with serve(head_wait_s=0.5) as doors, dial(doors) as wire, dial(doors) as silent:
        sending = asyncio.create_task(wire.trickle(b"GET /v1/time HTTP/1.1\r\nX-A: " + b"a" * 1_000, 0.05))
        assert 0.3 < await wire.seconds_until_closed(5) < 2
        assert await silent.seconds_until_closed(5) < 2
        sending.cancel()


async def test_a_second_head_on_a_kept_connection_has_the_same_deadline(serve):
    async with serve(head_wait_s=0.5) as doors, dial(doors) as wire:
        wire.send(b"GET /v1/time HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await wire.answer())[0] == b"HTTP/1.1 200 OK"
        sending = asyncio.create_task(wire.trickle(b"GET /v1/time HTTP/1.1\r\nX-A: " + b"a" * 1_000, 0.05))
        assert await wire.seconds_until_closed(5) < 2
        sending.cancel()


async def test_a_body_that_comes_slowly_has_an_absolute_deadline(serve):
    async with serve(body_wait_s=0.4, close_wait_s=0.5) as doors, dial(doors) as wire:
        payload = b" " * 5_000
        wire.send(head_of(await doors.account("alice"), "POST", "/v1/orders", payload))
        sending = asyncio.create_task(wire.trickle(payload, 0.02))
        status, body = await wire.answer()
        assert status == b"HTTP/1.1 408 Request Timeout"
        assert b"too_slow" in body
        assert await wire.seconds_until_closed(5) < 2
        sending.cancel()


async def test_a_body_that_nobody_signed_is_not_waited_for(serve):
    async with serve(close_wait_s=0.5) as doors, dial(doors) as wire:
        wire.send(b"POST /v1/orders HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n")
        status, _ = await wire.answer()
        assert status == b"HTTP/1.1 401 Unauthorized"
        assert await wire.seconds_until_closed(5) < 2


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_of_a_thousand_to_one_is_refused_at_its_size_unpacked(doors, encoding):
    compress = gzip.compress if encoding == "gzip" else zlib.compress
    payload = compress(b" " * (32 * MEBI))
    assert len(payload) < 64 * 1024
    started_s = time.monotonic()
    headers = signed_headers(await doors.account("alice"), "POST", "/v1/orders", payload)
    async with doors.http.post(
        f"{doors.url}/v1/orders", data=payload, headers=headers | {"Content-Encoding": encoding}
    ) as response:
        answer = await response.json()
    assert (response.status, answer["error"]["code"]) == (413, "body_too_large")
    assert time.monotonic() - started_s < 2


async def test_a_head_without_end_is_refused_at_its_size(doors):
    async with dial(doors) as wire:
        wire.send(b"GET /v1/time HTTP/1.1\r\n" + HOST)
        for n in range(2_000):
            wire.send(f"X-{n}: {'a' * 64}\r\n".encode())
        answered = await wire.rest()
    assert answered == b"" or answered.split(b" ")[1] == b"400"


async def test_a_compressed_frame_is_a_breach_of_protocol_for_none_was_agreed_to(doors):
    packer = zlib.compressobj(wbits=-15)
    bomb = packer.compress(b" " * (8 * MEBI)) + packer.flush(zlib.Z_SYNC_FLUSH)
    async with dial_socket(doors) as wire:
        wire.send(frame(TEXT, bomb[:-4], reserved=4))
        assert close_code(await wire.rest(10)) == 1002


async def test_fragments_without_end_are_cut_off_at_a_size(doors):
    async with dial_socket(doors) as wire, connect(doors) as bystander:
        wire.send(frame(TEXT, b"{", is_last=False))
        piece = frame(CONTINUATION, b" " * 60_000, is_last=False)
        for _ in range(200):
            wire.send(piece)
        assert (await bystander.ask("ping"))["ok"]
        assert close_code(await wire.rest(10)) in (1009, None)


BROKEN = {
    "a continuation of nothing": frame(CONTINUATION, b"{}"),
    "a second beginning": frame(TEXT, b"{", is_last=False) + frame(TEXT, b"}"),
    "a ping that is too long": frame(9, b"x" * 126),
    "a ping in parts": frame(9, b"x", is_last=False),
    "an unknown kind": frame(3, b"x"),
    "a reserved bit": frame(TEXT, b"{}", reserved=2),
    "half a close code": frame(8, b"\x00"),
    "a close code that nobody may send": frame(8, (1006).to_bytes(2, "big")),
    "a length beyond all bounds": frame(TEXT, b"")[:1] + b"\xff" + b"\xff" * 8 + b"mask",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_frame_that_breaks_the_protocol_ends_its_connection_alone(doors, name):
    async with dial_socket(doors) as wire, connect(doors) as bystander:
        wire.send(BROKEN[name])
        assert close_code(await wire.rest(10)) in (1000, 1002, 1009, None)
        assert (await bystander.ask("ping"))["ok"]


async def test_a_subscriber_that_does_not_read_is_cut_off_and_costs_others_little(serve):
    limits = {"outbox_bytes_max": 64 * 1024, "close_wait_s": 0.2, "address_weight_burst": 1_000_000}
    async with serve(**limits) as doors, connect(doors, await doors.account("alice")) as trader:
        order = {"symbol": doors.symbol, "side": "buy", "quantity": "1"}
        for n in range(300):
            assert (await trader.ask("place", price=f"0.03{n:03d}0", **order))["ok"]
        ask_again = orjson.dumps({"op": "subscribe", "id": 1, "channel": "book", "symbol": doors.symbol})
        async with dial_socket(doors) as wire:
            wire.writer.transport.pause_reading()
            waits = []
            for _ in range(1_000):
                wire.send(frame(TEXT, ask_again) * 20)
                started_s = time.monotonic()
                assert (await trader.ask("place", price="0.030000", **order))["ok"]
                waits.append(time.monotonic() - started_s)
                if len(doors.gateway.sessions) == 1:
                    break
            assert len(doors.gateway.sessions) == 1
            assert max(waits) < 1
        assert (await trader.ask("ping"))["ok"]
