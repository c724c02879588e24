"""Connections of the doors: HTTP as the library speaks it, with a road beside it for signed orders.

                                   ┌▶ plain order ─▶ exchange ─▶ answer, in the turn in which the reply arrives
    bytes ─▶ the library's parser ─┤
                                   └▶ anything else ─▶ the library's task ─▶ router ─▶ handler ─▶ response

Nothing but the library's own parser reads bytes, so both roads see the same requests. While a plain order is under way
the library takes its connection for one at work on a request: what comes in waits, and a shutdown waits for the answer.
"""

import asyncio
from functools import partial
from typing import Any, TypeGuard

import structlog
from aiohttp import HttpVersion11, StreamReader, hdrs, web
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler, _ErrInfo
from multidict import istr

from gateway.encoding.plain.schema import FRAME_BYTES_MAX
from gateway.expectations import expecting
from gateway.identity.signing import SIGNATURE_HEADER
from gateway.orders.plain_requests import METHOD, PATH, PlainRequests

log = structlog.get_logger()
BODY_WAIT_S = 0.05
"""Many clients send a short body right behind its head. One that comes later has the library's patience."""
SIGNED = istr(SIGNATURE_HEADER)


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

    __slots__ = ("_kept", "_late", "_plain")

    def __init__(self, manager: web.Server, plain: PlainRequests, **options: Any) -> None:
        super().__init__(manager, **options)
        self._plain = plain
        self._kept: asyncio.Future[None] | None = None
        """What the task waits for, while a plain order is under way."""
        self._late: asyncio.TimerHandle | None = None
        """Until when the body of a plain order is waited for."""

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
        if waiter.done():
            return
        message, payload = self._messages[0]
        if len(self._messages) > 1 or self._paused or not _is_plain(message):
            self._wait_no_more()
            waiter.set_result(None)
        elif not payload.is_eof():
            self._wait_for_body()
        else:
            self._wait_no_more()
            if self._is_taken(message, payload):
                self._begin(waiter)
            else:
                waiter.set_result(None)

    def _is_taken(self, message: RawRequestMessage, payload: StreamReader) -> bool:
        """Whether it is an order that the plain road takes. A fault there is looked at on the other one."""
        try:
            return self._plain.take(self, message.headers, b"".join(payload._buffer))
        except Exception:
            log.exception("plain_road_failed")
            return False

    def _begin(self, waiter: asyncio.Future[None]) -> None:
        """A plain order is under way."""
        assert self._parser is not None
        assert self._manager is not None
        self._messages.clear()
        self._parser.message_consumed()
        self._manager.requests_count += 1
        self._waiter, self._kept = None, waiter
        self._request_in_progress = True

    def _wait_for_body(self) -> None:
        if self._late is None:
            self._late = self._loop.call_later(BODY_WAIT_S, self._give_up_waiting)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up_waiting(self) -> None:
        """The body is late: the library waits for it, or for as much of it as it likes."""
        self._late = None
        if self._waiter is not None and not self._waiter.done() and self._messages:
            self._waiter.set_result(None)

    def _keep_alive_anew(self) -> None:
        """The peer has as long for the next request as it had for this one."""
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)


def _is_plain(message: RawRequestMessage | _ErrInfo) -> TypeGuard[RawRequestMessage]:
    """Whether it may be a plain order by its head, and asks nothing of the connection but to be kept."""
    if not isinstance(message, RawRequestMessage) or message.method != METHOD or message.path != PATH:
        return False
    headers = message.headers
    return (
        message.version == HttpVersion11
        and not (message.should_close or message.upgrade or message.chunked or message.compression)
        and hdrs.EXPECT not in headers
        and hdrs.UPGRADE not in headers
        and SIGNED in headers
        and 0 < int(headers.get(hdrs.CONTENT_LENGTH, 0)) <= FRAME_BYTES_MAX
    )
