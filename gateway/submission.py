"""Handing commands to the exchange, with its failures under the names that the doors use."""

import asyncio
from collections.abc import Callable, Sequence

import numpy as np

from exchange.service import Exchange, ExchangeStopped, Overloaded, Reply, StorageFull, Ticket
from gateway.errors import ApiError, DoorError

_NAMES: dict[type[Exception], DoorError] = {
    StorageFull: DoorError.STORAGE_FULL,
    ExchangeStopped: DoorError.EXCHANGE_STOPPED,
    Overloaded: DoorError.OVERLOADED,
}
_FAILURES = tuple(_NAMES)


async def run_many(exchange: Exchange, groups: Sequence[np.ndarray]) -> list[Reply]:
    """Run commands that are queued side by side, and return once all are durable. Raises ApiError."""
    return [reply_of(future) for future in await run_all(exchange, groups)]


async def run_all(exchange: Exchange, groups: Sequence[np.ndarray]) -> list[asyncio.Future[Reply]]:
    """Run commands, and return once each is done, whatever came of it. Raises ApiError when they are not taken."""
    futures = submit_many(exchange, groups) if groups else []
    if futures:
        await asyncio.wait(futures)
    return futures


async def run(exchange: Exchange, group: np.ndarray) -> Reply:
    """Run a command, and return once it is durable. Raises ApiError."""
    (future,) = submit_many(exchange, [group])
    try:
        return await future
    except _FAILURES as error:
        raise ApiError(_NAMES[type(error)]) from None


class Pending:
    """A reply to come, for one who wants to be told of it in the same turn of the loop: a future tells a turn later.

    The view may not have followed yet: `Exchange.follow` lets it.
    """

    __slots__ = ("_reply", "_tell", "prepare")

    def __init__(self, tell: Callable[["Pending"], None], prepare: Callable[[Reply], None] = lambda _: None) -> None:
        """`tell` must not raise. `prepare` may be called before, with the reply to come unless the disk fails:
        it changes nothing that others see, and does not read the view, which is behind."""
        self._tell = tell
        self.prepare = prepare
        self._reply: Reply | Exception | None = None

    def done(self) -> bool:
        """Whether the reply, or why there is none, is there."""
        return self._reply is not None

    def set_result(self, reply: Reply, /) -> None:
        """The command is durable."""
        self._reply = reply
        self._tell(self)

    def set_exception(self, error: Exception, /) -> None:
        """It was not taken, or the exchange stopped."""
        self._reply = error
        self._tell(self)

    def result(self) -> Reply:
        """The reply. Raises what the exchange raised."""
        assert self._reply is not None, "nobody has told yet"
        if isinstance(self._reply, Exception):
            raise self._reply
        return self._reply


Replied = asyncio.Future[Reply] | Pending


def reply_of(future: Replied) -> Reply:
    """The reply of a command that is done. Raises ApiError when the exchange did not run it, or stopped before."""
    try:
        return future.result()
    except _FAILURES as error:
        raise ApiError(_NAMES[type(error)]) from None


def submit_many(exchange: Exchange, groups: Sequence[np.ndarray]) -> list[asyncio.Future[Reply]]:
    """Queue commands, all or none; `reply_of` reads a future. Raises ApiError when they are not taken."""
    futures = [asyncio.get_running_loop().create_future() for _ in groups]
    enter(exchange, groups, futures)
    return futures


def enter(exchange: Exchange, groups: Sequence[np.ndarray], tickets: Sequence[Ticket], *, wakes: bool = True) -> None:
    """Queue commands, all or none, each with who waits for it; for `wakes` see `Exchange.enter`.

    Raises ApiError when they are not taken.
    """
    try:
        exchange.enter(groups, tickets, wakes=wakes)
    except _FAILURES as error:
        raise ApiError(_NAMES[type(error)]) from None
