"""The process that serves the baselines: aiohttp and orjson with nothing behind them, at the same paths.

POST /v1/orders   the body, decoded and encoded again
GET  /v1/ws       every message, decoded and encoded again
GET  /feed        a socket that hears what is published
GET  /publish     a socket whose every message is acknowledged, and sent to all who hear
"""

from multiprocessing.connection import Connection

import orjson
from aiohttp import WSMsgType, web

from gateway.bench.processes import HOST, until_closed

ACKNOWLEDGED = b"{}"
AUDIENCE: web.AppKey[set[web.WebSocketResponse]] = web.AppKey("audience")


async def serve_bare(pipe: Connection) -> None:
    """Serve until the pipe is closed."""
    runner = web.AppRunner(make_bare_app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    pipe.send(f"http://{HOST}:{runner.addresses[0][1]}")
    await until_closed(pipe)
    await runner.cleanup()


def make_bare_app() -> web.Application:
    """The baselines as an application."""
    app = web.Application()
    app[AUDIENCE] = set()
    app.router.add_post("/v1/orders", echo)
    app.router.add_get("/v1/ws", echo_messages)
    app.router.add_get("/feed", hear)
    app.router.add_get("/publish", publish)
    return app


async def echo(request: web.Request) -> web.Response:
    """The body as it was understood."""
    return web.Response(body=orjson.dumps(orjson.loads(await request.read())), content_type="application/json")


async def echo_messages(request: web.Request) -> web.WebSocketResponse:
    """Each message as it was understood."""
    socket = await _opened(request)
    async for message in socket:
        await socket.send_frame(orjson.dumps(orjson.loads(message.data)), WSMsgType.TEXT)
    return socket


async def hear(request: web.Request) -> web.WebSocketResponse:
    """Hear what is published until the peer leaves."""
    socket = await _opened(request)
    request.app[AUDIENCE].add(socket)
    try:
        async for _ in socket:
            pass
    finally:
        request.app[AUDIENCE].discard(socket)
    return socket


async def publish(request: web.Request) -> web.WebSocketResponse:
    """Send each message on."""
    socket, audience = await _opened(request), request.app[AUDIENCE]
    async for message in socket:
        await socket.send_frame(ACKNOWLEDGED, WSMsgType.TEXT)
        for each in tuple(audience):
            await each.send_frame(message.data, WSMsgType.TEXT)
    return socket


async def _opened(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False, decode_text=False)
    await socket.prepare(request)
    return socket
