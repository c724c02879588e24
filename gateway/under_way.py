"""The requests of a connection that are not answered yet: a bounded number of them."""

import asyncio

from gateway.errors import ApiError, DoorError


class UnderWay:
    """Counts them, and tells when there are none."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    def check(self, more: int) -> None:
        """Raises ApiError when there is no room for so many more."""
        if self._count + more > self._most:
            raise ApiError(DoorError.TOO_MANY_IN_FLIGHT)

    def begin(self, count: int) -> None:
        """So many more are under way."""
        self._count += count
        if self._count:
            self._is_idle.clear()

    def end(self) -> None:
        """One of them is done."""
        self._count -= 1
        if not self._count:
            self._is_idle.set()

    async def ended(self) -> None:
        """Wait until there are none."""
        await self._is_idle.wait()
