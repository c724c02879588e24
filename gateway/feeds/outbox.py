"""The messages that wait for one reader: a bounded number of them, so that a slow one costs little."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import perf_counter_ns

from aiohttp import WSMsgType

from exchange.stages import SAMPLED, Stage, Stages


class BinaryMessage(bytes):
    """A message that goes out as a binary frame."""


def frame_type(message: bytes) -> WSMsgType:
    """As which kind of frame a message goes out."""
    return WSMsgType.BINARY if type(message) is BinaryMessage else WSMsgType.TEXT


class Outbox:
    """Filled without waiting, emptied by one task."""

    def __init__(self, messages_max: int, bytes_max: int, behind_messages: int = 64) -> None:
        self._messages: deque[bytes] = deque()
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._behind_messages = behind_messages
        self._bytes = 0
        self._has_messages = asyncio.Event()
        self._is_sent = asyncio.Event()
        self._is_sent.set()

    @property
    def is_long(self) -> bool:
        """Whether so much waits that its reader is behind."""
        return len(self._messages) >= self._behind_messages or 4 * self._bytes >= self._bytes_max

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, and nothing is being sent."""
        return self._is_sent.is_set()

    def put(self, message: bytes) -> bool:
        """Take a message; false when there is no room. A single message of any size fits an empty outbox."""
        is_full = len(self._messages) >= self._messages_max or self._bytes + len(message) > self._bytes_max
        if is_full and self._messages:
            return False
        if not self._messages:
            self._has_messages.set()
            self._is_sent.clear()
        self._messages.append(message)
        self._bytes += len(message)
        return True

    async def send_all(self, send: Callable[[bytes, WSMsgType], Awaitable[None]], stages: Stages) -> None:
        """Send what comes, in order, until cancelled."""
        sent = 0
        while True:
            await self._has_messages.wait()
            while self._messages:
                message = self._messages.popleft()
                self._bytes -= len(message)
                sent += 1
                began_ns = perf_counter_ns() if sent % SAMPLED == 0 else 0
                await send(message, frame_type(message))
                if began_ns:
                    stages.note((Stage.SEND, perf_counter_ns() - began_ns))
            self._has_messages.clear()
            self._is_sent.set()

    async def sent(self) -> None:
        """Wait until nothing is left to send."""
        await self._is_sent.wait()
