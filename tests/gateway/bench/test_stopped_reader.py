"""One who has stopped reading keeps a server waiting until there is no more room, and then reads how it was closed."""

import asyncio

import orjson
import pytest
from aiohttp import web

from gateway.bench import stopped_reader
from gateway.bench.exchange_server import Door
from gateway.bench.feed import Audience
from gateway.bench.orders import Orders
from gateway.bench.processes import BenchError
from gateway.bench.stopped_reader import UNREAD_BYTES, Closed, NarrowWire, Turns, how_closed, word_of_closing
from gateway.bench.wire import SocketWire
from tests.gateway.bench.serving import served
from tests.gateway.bench.test_feed import AUDIENCE, telling


def sending(size: int, code: int | None, reason: bytes = b"", *, is_lost: bool = False) -> web.Application:
    """A server that sends a message of so many bytes, then closes, or waits for somebody to leave."""

    async def send(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(timeout=1.0)
        await socket.prepare(request)
        await socket.send_str("{" + " " * size + "}")
        if code is not None:
            await socket.close(code=code, message=reason, drain=False)
        if is_lost:
            request.transport.abort()
        await socket.receive()
        return socket

    app = web.Application()
    app.router.add_get("/v1/ws", send)
    return app


async def test_more_is_sent_than_the_system_keeps_of_one_who_does_not_read():
    waiting_bytes: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def send(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await asyncio.sleep(0.05)
        request.transport.write(bytes(UNREAD_BYTES))
        await asyncio.sleep(0.3)
        waiting_bytes.set_result(request.transport.get_write_buffer_size())
        return socket

    app = web.Application()
    app.router.add_get("/v1/ws", send)
    async with served(app) as url:
        wire = await NarrowWire.open(url, "/v1/ws")
        wire.stop_reading()
        async with asyncio.timeout(5):
            assert await waiting_bytes > UNREAD_BYTES / 8
        wire.close()


async def test_a_round_goes_on_until_more_was_told_than_a_reader_may_leave_waiting(monkeypatch):
    for name, value in {"OUTBOX_MESSAGES_MAX": 6, "LEAST_CHANGES": 4, "CHANGES_PER_S": 2_000, "SETTLING_S": 0}.items():
        monkeypatch.setattr(stopped_reader, name, value)
    app = telling(4, channel="book", type="delta")
    async with served(app) as url:
        audience = await Audience.connect(url, "/feed", 0, 2)
        app[AUDIENCE][:] = app[AUDIENCE][-2:]
        publisher = await SocketWire.open(url, "/publish")
        waits = await Turns(Orders(Door(url, "", "", "", 0)), publisher, audience, 0.001)._tell()
        audience.close()
        publisher.close()
    assert 0 < waits.p50_ms <= waits.p99_ms
    (last,) = audience.told
    assert orjson.loads(last)["sequence"] == 16, "four orders are told in one change of two messages, four times"


async def test_how_it_was_closed_is_read_behind_what_was_not():
    async with served(sending(200_000, 4008, b"slow_consumer")) as url:
        wire = await NarrowWire.open(url, "/v1/ws")
        wire.stop_reading()
        word = word_of_closing(wire)
        await asyncio.sleep(0.1)
        assert not word.done(), "nothing is read by one who has stopped"
        assert await how_closed(wire) == Closed(4008, "slow_consumer")
        wire.close()


async def test_one_who_is_not_closed_is_told(monkeypatch):
    monkeypatch.setattr(stopped_reader, "CLOSED_S", 0.1)
    async with served(sending(10, None)) as url:
        wire = await NarrowWire.open(url, "/v1/ws")
        with pytest.raises(BenchError, match="that had stopped was not closed"):
            await how_closed(wire)
        wire.close()


async def test_one_who_is_cut_off_without_a_word_is_told():
    async with served(sending(10, None, is_lost=True)) as url:
        wire = await NarrowWire.open(url, "/v1/ws")
        with pytest.raises(ConnectionError):
            await how_closed(wire)
        wire.close()
