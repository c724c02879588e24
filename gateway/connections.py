"""Connections of the doors: HTTP as the library speaks it, with a road beside it for signed orders.

                                   ┌▶ plain order ─▶ exchange ─▶ answer, in the turn in which the reply arrives
    bytes ─▶ the library's parser ─┤
                                   └▶ anything else ─▶ the library's task ─▶ router ─▶ handler ─▶ response

Nothing but the library's own parser reads bytes, so both roads see the same requests. While a plain order is under way
the library takes its connection for one at work on a request: what comes in waits, and a shutdown waits for the answer.
"""

import asyncio
from functools import partial
from typing import Any

import structlog
from aiohttp import HttpVersion11, hdrs, web
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from gateway.expectations import expecting
from gateway.plain_requests import METHOD, PATH, PlainRequests

log = structlog.get_logger()


class DoorsRunner(web.AppRunner):
    """Serves an application on connections of ours."""

    def __init__(self, app: web.Application, plain: PlainRequests, **options: Any) -> None:
        super().__init__(app, **options)
        self._plain = plain

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self._plain)


class _Server(web.Server):
    """Makes the connections; handlers are called behind a look at what requests expect."""

    def __init__(self, served: web.Server, plain: PlainRequests) -> None:
        handler = partial(expecting, served.request_handler)
        super().__init__(handler, request_factory=served.request_factory, **served._kwargs)
        self._plain = plain

    def __call__(self) -> RequestHandler:
        return DoorConnection(self, self._plain, loop=self._loop, **self._kwargs)


class DoorConnection(RequestHandler):
    """One connection. Its task waits for requests by a future, which is kept from the library while that must wait."""

    __slots__ = ("_kept", "_plain")

    def __init__(self, manager: web.Server, plain: PlainRequests, **options: Any) -> None:
        super().__init__(manager, **options)
        self._plain = plain
        self._kept: asyncio.Future[None] | None = None
        """What the task waits for, while a plain order is under way."""

    @property
    def address(self) -> str:
        """From where it comes."""
        peer = self.peername
        return str(peer[0] if isinstance(peer, list | tuple) else peer)

    @property
    def is_secure(self) -> bool:
        """Whether it is by TLS."""
        return self.ssl_context is not None

    def data_received(self, data: bytes) -> None:
        """Let the library read; the task is told of requests that are not taken here."""
        waiter, self._waiter = self._waiter, None
        try:
            super().data_received(data)
        finally:
            self._waiter = waiter
        if waiter is not None and self._messages:
            self._begin_next(waiter)

    def answer(self, data: bytes) -> None:
        """Send the answer to the order that is under way, and go on with what came meanwhile."""
        waiter, self._kept = self._kept, None
        if waiter is None or self.transport is None:
            return  # the peer has left
        self.transport.write(data)
        self._waiter = waiter
        self._request_in_progress = False
        if self._handler_waiter is not None:
            self._handler_waiter.set_result(None)
        if self._close or self._force_close:
            self.force_close()
            return
        self._keep_alive_anew()
        if self._messages:
            self._begin_next(waiter)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The task ends with its connection, whatever is under way."""
        if self._kept is not None:
            self._waiter, self._kept = self._kept, None
        super().connection_lost(exc)

    def _begin_next(self, waiter: asyncio.Future[None]) -> None:
        """Take the next request, or tell the task of it."""
        if not waiter.done() and not self._take(waiter):
            waiter.set_result(None)

    def _take(self, waiter: asyncio.Future[None]) -> bool:
        """Enter a plain order that is alone, on a connection whose peer reads its answers."""
        message, payload = self._messages[0]
        if len(self._messages) > 1 or self._paused or not isinstance(message, RawRequestMessage):
            return False
        if message.method != METHOD or message.path != PATH or not _is_plain(message):
            return False
        if not payload.total_bytes or not payload.is_eof() or len(payload._buffer) > 1:
            return False
        try:
            is_taken = self._plain.take(self, message.headers, payload._buffer[0])
        except Exception:
            log.exception("plain_road_failed")
            return False
        if is_taken:
            self._messages.clear()
            assert self._parser is not None
            assert self._manager is not None
            self._parser.message_consumed()
            self._manager.requests_count += 1
            self._waiter, self._kept = None, waiter
            self._request_in_progress = True
        return is_taken

    def _keep_alive_anew(self) -> None:
        """The peer has as long for the next request as it had for this one."""
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)


def _is_plain(message: RawRequestMessage) -> bool:
    """Whether nothing is asked of the connection but to be kept, and the body is as long as is said."""
    return (
        message.version == HttpVersion11
        and not (message.should_close or message.upgrade or message.chunked or message.compression)
        and hdrs.EXPECT not in message.headers
        and hdrs.UPGRADE not in message.headers
    )
