"""Messages are driven as they say, against the baseline on a real socket."""

import asyncio
import time
from collections.abc import AsyncIterator

import numpy as np
import orjson
import pytest
from aiohttp import web

from gateway.bench.bare_server import make_bare_app
from gateway.bench.driving import drive, drive_by_the_clock, drive_many
from gateway.bench.feed import Audience
from gateway.bench.processes import resident_bytes
from gateway.bench.wire import HttpWire, SocketWire, frame_of
from tests.gateway.bench.serving import served

STALL_S = 0.2


@pytest.fixture
async def bare() -> AsyncIterator[str]:
    async with served(make_bare_app()) as url:
        yield url


def messages(count: int) -> list[bytes]:
    return [frame_of(orjson.dumps({"id": number})) for number in range(count)]


@pytest.mark.parametrize("window", [1, 2, 7, 64])
async def test_every_message_is_answered_in_turn_with_so_many_under_way(bare, window):
    wire = await SocketWire.open(bare, "/v1/ws")
    driven = await drive(wire, messages(200), window)
    wire.close()
    assert [orjson.loads(answer)["id"] for answer in driven.answers] == list(range(200))
    for number in range(window, 200):
        assert driven.sent_ns[number] >= driven.answered_ns[number - window]
    assert (driven.latency_ns > 0).all()
    assert driven.rate > 0


async def test_by_the_clock_a_stall_counts_for_all_that_should_have_been_sent_meanwhile():
    async def stalling(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for number, message in _numbered(socket):
            if number == 50:
                time.sleep(STALL_S)  # noqa: ASYNC251 - everything stands still, the one who sends as well
            await socket.send_str(message.data)
        return socket

    app = web.Application()
    app.router.add_get("/v1/ws", stalling)
    async with served(app) as url:
        wire = await SocketWire.open(url, "/v1/ws")
        driven = await drive_by_the_clock(wire, messages(200), 500.0, 1_000)
        wire.close()
    assert np.allclose(np.diff(driven.sent_ns), 2_000_000, atol=2)
    late = driven.latency_ns > 0.25 * STALL_S * 1e9
    assert driven.latency_ns.max() >= 0.9 * STALL_S * 1e9
    assert late.sum() > 20, "whoever came while nobody could be sent has waited too"


async def test_by_the_clock_what_is_made_ready_before_makes_no_message_late(bare, monkeypatch):
    arange = np.arange

    def slow(count):
        time.sleep(STALL_S)
        return arange(count)

    monkeypatch.setattr(np, "arange", slow)
    wire = await SocketWire.open(bare, "/v1/ws")
    begun_ns = time.perf_counter_ns()
    driven = await drive_by_the_clock(wire, messages(20), 500.0, 1_000)
    wire.close()
    assert driven.sent_ns[0] - begun_ns >= 0.9 * STALL_S * 1e9
    assert driven.latency_ns[0] < 0.5 * STALL_S * 1e9


async def test_by_the_clock_no_more_are_under_way_than_the_other_side_takes_and_those_that_wait_have_waited():
    most, under_way, waiting, sending = 10, [], [], []

    async def holding(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            waiting.append(message.data)
            under_way.append(len(waiting))
            if len(waiting) == 1:
                asyncio.get_running_loop().call_later(0.02, release, socket)
        return socket

    def release(socket: web.WebSocketResponse) -> None:
        for message in waiting:
            sending.append(asyncio.ensure_future(socket.send_str(message)))
        waiting.clear()

    app = web.Application()
    app.router.add_get("/v1/ws", holding)
    async with served(app) as url:
        wire = await SocketWire.open(url, "/v1/ws")
        driven = await drive_by_the_clock(wire, messages(100), 5_000.0, most)
        wire.close()
    assert max(under_way) == most
    assert np.allclose(np.diff(driven.sent_ns), 200_000, atol=2)
    assert driven.latency_ns[-1] >= 0.15e9, "a hundred messages, ten at a time, take ten waits"


async def _numbered(socket: web.WebSocketResponse) -> AsyncIterator[tuple[int, object]]:
    number = 0
    async for message in socket:
        yield number, message
        number += 1


@pytest.mark.parametrize("count", [1, 2, 3, 9])
async def test_requests_are_shared_by_connections(bare, count):
    wires = [await HttpWire.dial(bare) for _ in range(3)]
    request = b"POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\n"
    driven = await drive_many(wires, [request + b'{"a":%d}' % number for number in range(count)])
    for wire in wires:
        wire.close()
    assert sorted(answer[-2:-1] for answer in driven.answers) == [b"%d" % number for number in range(count)]
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in driven.answers)


async def test_everybody_hears_what_is_published(bare):
    audience = await Audience.connect(bare, "/feed", 0, 5)
    publisher = await SocketWire.open(bare, "/publish")
    rate = await audience.tell(publisher, messages(10))
    assert audience.told == [b'{"id":%d}' % number for number in range(10)]
    assert rate > 0
    assert audience.bytes_each is None, "there is no such process"
    audience.close()
    publisher.close()


async def test_a_server_that_leaves_is_told_instead_of_waited_for():
    async def leave(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        request.transport.abort()
        return socket

    app = web.Application()
    app.router.add_get("/v1/ws", leave)
    async with served(app) as url:
        wire = await SocketWire.open(url, "/v1/ws")
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(5):
                await drive(wire, messages(3), 1)


def test_memory_of_no_process_is_not_told():
    assert resident_bytes(0) is None
