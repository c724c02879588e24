"""What comes over a socket: heard where it is read, or queued for the task that reads what is too much for one turn.

    the library's parser ─┬▶ heard, in the turn of the loop in which it was read
                          └▶ the library's queue ─▶ task: what is of the protocol, and what is too much for a turn

The parser is the library's, and so is everything about the protocol. Only where it would wake a task for a frame is the
frame handed over at once: a task comes to it a turn of the loop later.
"""

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any, Literal

import structlog
from aiohttp import WSMessage, WSMsgType, web
from aiohttp._websocket.models import WSMessageTextBytes
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import WebSocketReader, WebSocketWriter
from aiohttp.web_request import BaseRequest

log = structlog.get_logger()
Message = WSMessage | WSMessageTextBytes
_TEXT, _BINARY, _PING, _PONG = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG
QUEUED_BYTES_MAX = 64 * 1024
"""With twice as much in its queue, the library reads no more."""


class Arriving(WebSocketDataQueue):
    """The library's queue of a connection, with a way around it."""

    def __init__(self, protocol: BaseProtocol, loop: AbstractEventLoop, hear: Callable[[Message], bool]) -> None:
        super().__init__(protocol, QUEUED_BYTES_MAX, loop=loop)
        self._hear = hear
        self._is_open = True
        """Whether frames may still be heard where they are read."""
        self._unheard = 0
        """Frames that were queued, and not heard yet: none overtakes them."""
        self._is_enough = False
        """Whether this turn of the loop has heard as much as it should."""

    def feed_data(self, data: Message, size: int) -> None:
        """Take in what the parser read. It must not raise: the parser would go on without it."""
        kind = data.type
        if kind is not _TEXT and kind is not _BINARY:
            if kind is not _PING and kind is not _PONG:
                self._is_open = False
            super().feed_data(data, size)
        elif self._is_open and not self._unheard and not self._is_enough:
            try:
                self._is_enough = self._hear(data)
            except Exception as error:
                log.exception("frame_failed")
                self._is_open = False
                self.set_exception(error)
        elif self.exception() is None:
            self._unheard += 1
            super().feed_data(data, size)

    def heard(self) -> None:
        """A frame that was queued is heard."""
        self._unheard -= 1
        self._is_enough = False

    def close(self) -> None:
        """Hear no more: what comes is left in the queue."""
        self._is_open = False


class SocketResponse(web.WebSocketResponse[Literal[False]]):
    """The library's WebSocket, on such a queue."""

    def __init__(self, hear: Callable[[Message], bool], **options: Any) -> None:
        super().__init__(compress=False, decode_text=False, **options)
        self._hear = hear
        self.arriving: Arriving

    def _post_start(self, request: BaseRequest, protocol: str | None, writer: WebSocketWriter) -> None:
        """Begin to read, as the library does, which has no other place to say into which queue."""
        self._ws_protocol, self._writer = protocol, writer
        self._reset_heartbeat()
        self._reader = self.arriving = Arriving(request.protocol, asyncio.get_running_loop(), self._hear)
        self._parser = WebSocketReader(self._reader, self._max_msg_size, compress=False, decode_text=False)
        request.protocol.set_parser(self._parser, data_received_cb=self._on_data_received)
        request.protocol.keep_alive(False)
