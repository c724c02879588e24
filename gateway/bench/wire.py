"""The client that measures: bytes made beforehand, written as they are, and answers that are told apart and no more.

A full client costs about as much for a message as a server does. It would be the slower one of two as often as not, and
hide what is measured. So this one frames and counts; what was in the answers is looked at when the time is taken.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Self, cast

from yarl import URL

_UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_SHORT, _LONG = 126, 127
"""The lengths that say that the length follows, in two bytes or eight."""
_FIN_TEXT, _MASKED = 0x81, 0x80
_NO_MASK = bytes(4)
"""A mask that changes nothing is one: the server takes it off like any other."""


def frame_of(payload: bytes) -> bytes:
    """A message as one text frame of a client."""
    if len(payload) < _SHORT:
        length = bytes([_MASKED | len(payload)])
    else:
        assert len(payload) < 1 << 16, "a longer frame has another head"
        length = bytes([_MASKED | _SHORT]) + len(payload).to_bytes(2, "big")
    return bytes([_FIN_TEXT]) + length + _NO_MASK + payload


class Wire(asyncio.Protocol):
    """A connection of which `hear` is told each answer; a kind of it knows where an answer ends."""

    def __init__(self) -> None:
        self.hear: Callable[[bytes], None] = lambda _: None
        self._rest = b""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises ConnectionError when the server has closed."""

    @classmethod
    async def dial(cls, url: str) -> Self:
        """A connection to a server."""
        where = URL(url)
        assert where.host is not None
        assert where.port is not None
        _, wire = await asyncio.get_running_loop().create_connection(cls, where.host, where.port)
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _: Exception | None) -> None:
        """It has ended."""
        if not self.lost.done():
            self.lost.set_exception(ConnectionError("the server closed a connection"))
            # Whoever waits for an answer hears of it; nobody else needs to.
            self.lost.exception()

    def data_received(self, data: bytes) -> None:
        """Hand out the answers that are whole."""
        if self._rest:
            data = self._rest + data
        self._rest = self._take(data)

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._transport.write(data)

    async def answered(self, answer: asyncio.Future[bytes]) -> bytes:
        """Wait for an answer. Raises ConnectionError when there will be none."""
        ends: list[asyncio.Future[Any]] = [answer, self.lost]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            self.lost.result()
        return answer.result()

    async def ask(self, data: bytes) -> bytes:
        """Send one request, and return the next answer. Raises ConnectionError."""
        return (await self.ask_for(1, data))[0]

    async def ask_for(self, count: int, data: bytes) -> list[bytes]:
        """Send requests, and return so many answers. Raises ConnectionError."""
        answers: list[bytes] = []
        last: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def hear(payload: bytes) -> None:
            if not last.done():
                answers.append(payload)
                if len(answers) == count:
                    last.set_result(payload)

        self.hear = hear
        self.write(data)
        await self.answered(last)
        return answers

    def stop_reading(self) -> None:
        """Leave what comes to the system, as long as it has room."""
        self._transport.pause_reading()

    def read_on(self) -> None:
        """Take in what has come since, and what comes."""
        self._transport.resume_reading()

    def close(self) -> None:
        """End the connection."""
        self.lost.cancel()
        self._transport.abort()

    def _take(self, data: bytes) -> bytes:
        """Hear all whole answers; what is left of the bytes."""
        raise NotImplementedError


class HttpWire(Wire):
    """Requests over HTTP, one at a time; an answer is its head and its body."""

    def _take(self, data: bytes) -> bytes:
        while (head_end := data.find(_HEAD_END)) >= 0:
            at = data.lower().find(_LENGTH, 0, head_end)
            end = head_end + len(_HEAD_END)
            if at >= 0:
                end += int(data[at + len(_LENGTH) : data.index(b"\r\n", at)])
            if len(data) < end:
                break
            answer, data = data[:end], data[end:]
            self.hear(answer)
        return data


class SocketWire(Wire):
    """A WebSocket; an answer is the payload of a frame. The servers here send no message in parts."""

    def __init__(self) -> None:
        super().__init__()
        self._is_open = False

    @classmethod
    async def open(cls, url: str, path: str) -> Self:
        """A connection that has become a socket. Raises ConnectionError."""
        wire = await cls.dial(url)
        head = await wire.ask(_UPGRADE.format(path=path, host=URL(url).host).encode())
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(f"{path} was answered by {head[:64]!r}")
        return wire

    def _take(self, data: bytes) -> bytes:
        if not self._is_open:
            head, found, data = data.partition(_HEAD_END)
            if not found:
                return head
            self._is_open = True
            self.hear(head)
        at, end = 0, len(data)
        while end - at >= 2:
            length, start = data[at + 1], at + 2
            if length == _SHORT:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif length == _LONG:
                length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if start + length > end:
                break
            self.hear(data[start : start + length])
            at = start + length
        return data[at:]
