"""Messages of one channel on their way from the socket's reader to whoever iterates over them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from gateway.client.errors import StreamClosedError

Message = dict[str, Any]
UNREAD_MESSAGES_MAX = 100_000


class InboxFullError(Exception):
    """Nobody reads what comes in."""


class Inbox:
    """Filled by the reader without waiting; one consumer iterates until the stream ends, then gets its error."""

    def __init__(self, messages_max: int = UNREAD_MESSAGES_MAX) -> None:
        self._messages_max = messages_max
        self._messages: deque[Message] = deque()
        self._has_news = asyncio.Event()
        self._ending: StreamClosedError | None = None

    def put(self, message: Message) -> None:
        """Take a message. Raises InboxFullError."""
        if len(self._messages) >= self._messages_max:
            raise InboxFullError
        self._messages.append(message)
        self._has_news.set()

    def end(self, ending: StreamClosedError) -> None:
        """Nothing more will come."""
        self._ending = ending
        self._has_news.set()

    async def __aiter__(self) -> AsyncIterator[Message]:
        while True:
            while self._messages:
                yield self._messages.popleft()
            if self._ending is not None:
                raise self._ending
            self._has_news.clear()
            await self._has_news.wait()
