"""The requests of a connection that are not answered yet: a bounded number of orders, and of cancels beside them."""

import asyncio

from gateway.errors import ApiError, DoorError
from gateway.limits.weights import Operation


class UnderWay:
    """Counts them, each kind in a room of its own, and tells when there are none."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: dict[Operation, int] = {}
        self._total = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    def room_for(self, room: Operation) -> int:
        """How many more may be under way."""
        return self._most - self._counts.get(room, 0)

    def check(self, room: Operation, more: int) -> None:
        """Raises ApiError when there is no room for so many more."""
        if more > self.room_for(room):
            raise ApiError(DoorError.TOO_MANY_IN_FLIGHT)

    def begin(self, room: Operation, count: int) -> None:
        """So many more are under way."""
        self._counts[room] = self._counts.get(room, 0) + count
        if not self._total and count:
            self._is_idle.clear()
        self._total += count

    def end(self, room: Operation, count: int = 1) -> None:
        """So many of them are done."""
        self._counts[room] -= count
        self._total -= count
        if not self._total:
            self._is_idle.set()

    async def ended(self) -> None:
        """Wait until there are none."""
        await self._is_idle.wait()
