"""Bare bytes on a TCP connection to the doors."""

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from yarl import URL

from tests.gateway.doors import PATIENCE_S, Doors

MASKED = 0x80
HOST = b"Host: localhost\r\n"
UPGRADE = (
    b"GET /v1/ws HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    async def rest(self, patience_s: float = PATIENCE_S) -> bytes:
        """All that comes until the other side closes. Raises TimeoutError if it does not."""
        async with asyncio.timeout(patience_s):
            with suppress(ConnectionError):
                return await self.reader.read()
            return b""

    async def head(self) -> bytes:
        """The next head of an answer."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def answer(self) -> tuple[bytes, bytes]:
        """The next answer: status line and body."""
        head = await self.head()
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        async with asyncio.timeout(PATIENCE_S):
            return head.split(b"\r\n")[0], await self.reader.readexactly(int(lengths[0].split(b":")[1]))

    async def seconds_until_closed(self, patience_s: float) -> float:
        """How long the other side keeps the connection open, whatever it says."""
        started_s = time.monotonic()
        await self.rest(patience_s)
        return time.monotonic() - started_s

    async def trickle(self, data: bytes, pause_s: float) -> None:
        """Send a byte at a time, until the other side has enough."""
        with suppress(ConnectionError):
            for at in range(len(data)):
                self.writer.write(data[at : at + 1])
                await self.writer.drain()
                await asyncio.sleep(pause_s)


@asynccontextmanager
async def dial(doors: Doors) -> AsyncIterator[Wire]:
    """A connection to the doors."""
    url = URL(doors.url)
    assert url.host is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def dial_socket(doors: Doors) -> AsyncIterator[Wire]:
    """A connection that has become a WebSocket, and offers compression."""
    async with dial(doors) as wire:
        wire.send(UPGRADE + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
        head = await wire.head()
        assert head.startswith(b"HTTP/1.1 101")
        assert b"permessage-deflate" not in head
        yield wire


def frame(opcode: int, payload: bytes, *, is_last: bool = True, reserved: int = 0) -> bytes:
    """One frame of a WebSocket client, right or wrong."""
    first = (0x80 if is_last else 0) | reserved << 4 | opcode
    if len(payload) < 126:
        head = struct.pack(">BB", first, MASKED | len(payload))
    elif len(payload) < 65_536:
        head = struct.pack(">BBH", first, MASKED | 126, len(payload))
    else:
        head = struct.pack(">BBQ", first, MASKED | 127, len(payload))
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def close_code(data: bytes) -> int | None:
    """The code of the close frame among short frames of a server, or None without one."""
    while len(data) >= 2:
        opcode, length, start = data[0] & 15, data[1], 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        if opcode == 8:
            return int.from_bytes(data[start : start + 2], "big")
        data = data[start + length :]
    return None
