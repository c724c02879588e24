"""An audience is asked when it heard of each order, however many of them a server tells in one change."""

import asyncio

import numpy as np
import orjson
import pytest
from aiohttp import web

from gateway.bench.driving import drive, drive_by_the_clock
from gateway.bench.feed import Audience
from gateway.bench.processes import BenchError
from gateway.bench.wire import SocketWire, frame_of
from tests.gateway.bench.serving import served

AUDIENCE: web.AppKey[list[web.WebSocketResponse]] = web.AppKey("audience")
SUBSCRIBERS = 3


def telling(every: int, pause_s: float = 0.0, **head: str) -> web.Application:
    """A server that answers every message, and tells of so many together, some time after it has answered."""

    async def hear(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        request.app[AUDIENCE].append(socket)
        async for _ in socket:
            pass
        return socket

    async def publish(request: web.Request) -> web.WebSocketResponse:
        socket, sequence = web.WebSocketResponse(), 0
        await socket.prepare(request)
        async for message in socket:
            sequence += 1
            name = orjson.loads(message.data)["id"]
            answer = {"id": name, "ok": name > 0, "result": {"sequence": sequence}, "error": {"message": "no"}}
            await socket.send_str(orjson.dumps(answer).decode())
            if sequence % every == 0:
                await asyncio.sleep(pause_s)
                for each in request.app[AUDIENCE]:
                    await each.send_str(orjson.dumps(head | {"sequence": sequence}).decode())
        return socket

    app = web.Application()
    app[AUDIENCE] = []
    app.router.add_get("/feed", hear)
    app.router.add_get("/publish", publish)
    return app


async def follow(app: web.Application, names: list[int], rate: float | None = None):
    """When who heard of which message, and what came of sending them."""
    async with served(app) as url:
        audience = await Audience.connect(url, "/feed", 0, SUBSCRIBERS)
        app[AUDIENCE][:] = app[AUDIENCE][-SUBSCRIBERS:]
        publisher = await SocketWire.open(url, "/publish")
        messages = [frame_of(orjson.dumps({"id": name})) for name in names]
        driving = drive_by_the_clock(publisher, messages, rate, 100) if rate else drive(publisher, messages, 1)
        try:
            return await audience.follow(driving)
        finally:
            audience.close()
            publisher.close()


@pytest.mark.parametrize("every", [1, 2, 3, 6])
async def test_an_order_is_heard_of_with_the_first_change_that_has_come_as_far(every):
    driven, heard_ns = await follow(telling(every, channel="book", type="delta"), list(range(1, 13)))
    assert heard_ns.shape == (SUBSCRIBERS, 12)
    assert (heard_ns > driven.sent_ns).all()
    together = heard_ns.reshape(SUBSCRIBERS, 12 // every, every)
    assert (together == together[:, :, :1]).all(), "those of one change are heard of at one time"
    assert (np.diff(together[:, :, 0], axis=1) > 0).all()


async def test_what_is_waited_for_counts_from_when_an_order_was_meant_to_be_sent():
    driven, heard_ns = await follow(telling(2, 0.05, channel="book", type="delta"), list(range(1, 9)), rate=1_000.0)
    assert ((heard_ns - driven.sent_ns)[:, -1] >= 0.15e9).all(), "four pauses before it, and it was due at seven ms"


async def test_what_is_no_change_of_a_book_is_told():
    with pytest.raises(BenchError, match="something else than a change"):
        await follow(telling(1, channel="heartbeat"), [1, 2])


async def test_a_refused_order_is_told():
    with pytest.raises(BenchError, match="a request was refused: no"):
        await follow(telling(1, channel="book", type="delta"), [1, -2])
