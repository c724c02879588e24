"""One WebSocket: frames in, messages out, and every way in which it can end.

Three things run side by side: a reader that hands each frame to the session, a writer that empties the outbox, and the
request's own task, which waits for whichever end comes first and then closes in good order. Closing keeps reading until
the peer has answered: a socket closed over unread bytes resets, and the peer would never learn the reason.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter_ns
from typing import Any, NamedTuple

from aiohttp import ClientConnectionResetError, WSCloseCode, WSMsgType, web

from exchange.stages import SAMPLED, Stage, Stages
from gateway.encoding.socket_frames import HEAD_BYTES_MAX, frame, messages_of
from gateway.feeds.outbox import Outbox, frame_type
from gateway.settings import GatewaySettings
from gateway.sockets.arriving import Message, SocketResponse

_TEXT = WSMsgType.TEXT
SLOW_CONSUMER_CODE = 4008
KEY_ENDED_CODE = 4003
UNSENT_BYTES_PAUSED, UNSENT_BYTES_RESUMED = 256 * 1024, 192 * 1024
"""With more in the transport it makes its writer wait, until there is less again. With less it never does: messages
need not go through the outbox."""
HELD_S_MAX = 0.02
"""No peer is left unread for longer, whatever the disk does."""
FRAME_BYTES_READ_MAX = 4 * 1024 * 1024
"""A frame up to this long is read, to be refused by name if it is over the limit; a longer one ends the connection."""


class Ending(NamedTuple):
    """Why a connection ends, as the close frame tells it."""

    code: int
    reason: str
    is_flushed: bool = True
    """Whether what is in the outbox goes out first."""


SLOW_CONSUMER = Ending(SLOW_CONSUMER_CODE, "slow_consumer", is_flushed=False)
SHUTDOWN = Ending(WSCloseCode.GOING_AWAY, "shutdown")
FRAME_TOO_LARGE = Ending(WSCloseCode.MESSAGE_TOO_BIG, "frame_too_large")
KEY_REVOKED = Ending(KEY_ENDED_CODE, "key_revoked", is_flushed=False)
KEY_EXPIRED = Ending(KEY_ENDED_CODE, "key_expired", is_flushed=False)
SIGN_IN_ENDED = Ending(KEY_ENDED_CODE, "signed_out", is_flushed=False)
PEER_LEFT = Ending(WSCloseCode.OK, "", is_flushed=False)


class Socket:
    """A connection to one peer. `run` serves it to its end; `offer` and `end` are for anyone, and never wait."""

    def __init__(self, settings: GatewaySettings, stages: Stages) -> None:
        self._close_wait_s = settings.close_wait_s
        self._frames_per_turn = settings.frames_per_turn
        self._response = SocketResponse(
            self._take,
            timeout=settings.close_wait_s,
            heartbeat=settings.ping_interval_s,
            max_msg_size=FRAME_BYTES_READ_MAX,
        )
        self._hear: Callable[[bytes], bool]
        self._hear_binary: Callable[[bytes], None]
        self._binary_frames = 0
        self._outbox = Outbox(settings.outbox_messages_max, settings.outbox_bytes_max, settings.outbox_behind_messages)
        self._stages = stages
        self._transport: asyncio.Transport | None = None
        self._reading_on: asyncio.TimerHandle | None = None
        """When a peer that is held is read again at the latest."""
        self._written = 0
        self._ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    @property
    def is_behind(self) -> bool:
        """Whether the peer has much to read."""
        return self._outbox.is_long

    def offer(self, message: bytes) -> None:
        """Send a message, now or when the peer reads; a peer that does not keep up is cut off."""
        if self._ending.done():
            return
        if len(message) + HEAD_BYTES_MAX <= self._room():
            self._write(frame(message, frame_type(message)))
        elif not self._outbox.put(message):
            self.end(SLOW_CONSUMER)

    def offer_frames(self, frames: bytes) -> None:
        """The same for messages of text that are frames already, one behind the other."""
        if len(frames) <= self._room() and not self._ending.done():
            self._write(frames)
        else:
            for message in messages_of(frames):
                self.offer(message)

    def hold(self) -> None:
        """Leave to the system what comes, until `read_on`, or for a moment."""
        transport = self._transport
        # One that is not read at all has so much to be heard that the library waits until it is.
        if transport is not None and transport.is_reading():
            transport.pause_reading()
            self._reading_on = asyncio.get_running_loop().call_later(HELD_S_MAX, self.read_on)

    def read_on(self) -> None:
        """Read a peer again that was held."""
        if self._reading_on is None:
            return
        self._reading_on.cancel()
        self._reading_on = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def end(self, ending: Ending) -> None:
        """Close the connection soon; the first reason given is the one told."""
        if not self._ending.done():
            self._ending.set_result(ending)

    async def run(
        self, request: web.Request, hear: Callable[[bytes], bool], hear_binary: Callable[[bytes], None]
    ) -> web.StreamResponse:
        """Serve the connection: `hear` is called with each text frame, `hear_binary` with each binary one.

        `hear` tells whether it has heard enough for this turn of the loop.
        """
        self._hear, self._hear_binary = hear, hear_binary
        await self._response.prepare(request)
        if request.transport is not None:
            request.transport.set_write_buffer_limits(UNSENT_BYTES_PAUSED, UNSENT_BYTES_RESUMED)
        self._transport = request.transport
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._outbox.send_all(self._response.send_frame, self._stages))
        try:
            ends: list[asyncio.Future[Any]] = [reader, writer, self._ending]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            self.end(PEER_LEFT)
            if self._ending.result().is_flushed:
                await self._flush(writer)
        finally:
            self._response.arriving.close()
            await _stop(reader, writer)
            self.read_on()
            self._transport = None
            await self._close(request, self._ending.result() if self._ending.done() else SHUTDOWN)
        return self._response

    def _room(self) -> int:
        """How many bytes can go out in this turn of the loop, if nothing is before them and the peer keeps up."""
        if self._transport is None or not self._outbox.is_idle:
            return 0
        return UNSENT_BYTES_RESUMED - self._transport.get_write_buffer_size()

    def _write(self, frames: bytes) -> None:
        """Send without a task: what has room in the transport never waits."""
        assert self._transport is not None, "there is no room before a connection is open"
        if self._transport.is_closing():
            # The peer has left, and the reader has not heard of it yet. A write would raise, and whoever offers to many
            # would offer nothing to those behind this one.
            return
        self._written += 1
        began_ns = perf_counter_ns() if self._written % SAMPLED == 0 else 0
        self._transport.write(frames)
        if began_ns:
            self._stages.note((Stage.SEND, perf_counter_ns() - began_ns))

    async def _read(self) -> None:
        """Hear what was not heard where it was read, and keep to the protocol."""
        while True:
            received = await self._response.receive()
            if received.type is not WSMsgType.TEXT and received.type is not WSMsgType.BINARY:
                return
            is_enough = self._take(received)
            self._response.arriving.heard()
            if is_enough:
                await asyncio.sleep(0)

    def _take(self, received: Message) -> bool:
        """Hear one frame. Returns whether that is enough for this turn of the loop."""
        if received.type is _TEXT:
            return self._hear(received.data)
        self._binary_frames += 1
        began_ns = perf_counter_ns() if self._binary_frames % SAMPLED == 0 else 0
        self._hear_binary(received.data)
        if began_ns:
            self._stages.note((Stage.DECODE, perf_counter_ns() - began_ns))
        return self._binary_frames % self._frames_per_turn == 0

    async def _flush(self, writer: asyncio.Task[None]) -> None:
        sent = asyncio.create_task(self._outbox.sent())
        await asyncio.wait([sent, writer], timeout=self._close_wait_s, return_when=asyncio.FIRST_COMPLETED)
        await _stop(sent)

    async def _close(self, request: web.Request, ending: Ending) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._close_wait_s):
                await self._response.close(code=ending.code, message=ending.reason.encode(), drain=False)
        if request.transport is not None and request.transport.get_write_buffer_size():
            request.transport.abort()


async def _stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, ClientConnectionResetError):
            await task
