"""Books of a scope: those of the windows that it has now, as the calendar moves on."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from gateway.client.book import LocalBook
from gateway.client.errors import StreamClosedError


class ScopedBooks:
    """The books of a scope by symbol. What joins and leaves is told by `rolled`."""

    def __init__(self, fields: dict[str, Any], open_book: Callable[[str], LocalBook]) -> None:
        self.books: dict[str, LocalBook] = {}
        self._fields = fields
        self._open_book = open_book
        self._rolled = asyncio.Event()
        self._ending: StreamClosedError | None = None

    async def rolled(self) -> None:
        """Wait until books have joined or left. Raises StreamClosedError when none will any more."""
        if self._ending is None:
            self._rolled.clear()
            await self._rolled.wait()
        if self._ending is not None:
            raise self._ending

    def is_meant(self, message: dict[str, Any]) -> bool:
        """Whether a message is about this scope, followed in this way."""
        return all(message.get(name) == value for name, value in self._fields.items())

    def roll(self, joined: Iterable[str], left: Iterable[str]) -> None:
        """Take up books, and drop others."""
        for symbol in left:
            self.books.pop(symbol, None)
        for symbol in joined:
            self.books[symbol] = self._open_book(symbol)
        self._rolled.set()

    def end(self, ending: StreamClosedError) -> None:
        """Nothing more will come."""
        self._ending = ending
        self._rolled.set()
