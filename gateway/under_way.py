"""The requests of a connection that are not answered yet: a bounded number of orders, and of cancels beside them."""

import asyncio
from collections import Counter

from gateway.errors import ApiError, DoorError
from gateway.limits.weights import Operation


class UnderWay:
    """Counts them, each kind in a room of its own, and tells when there are none."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: Counter[Operation] = Counter()
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    def check(self, room: Operation, more: int) -> None:
        """Raises ApiError when there is no room for so many more."""
        if self._counts[room] + more > self._most:
            raise ApiError(DoorError.TOO_MANY_IN_FLIGHT)

    def begin(self, room: Operation, count: int) -> None:
        """So many more are under way."""
        self._counts[room] += count
        if self._counts.total():
            self._is_idle.clear()

    def end(self, room: Operation) -> None:
        """One of them is done."""
        self._counts[room] -= 1
        if not self._counts.total():
            self._is_idle.set()

    async def ended(self) -> None:
        """Wait until there are none."""
        await self._is_idle.wait()
