"""Following what happens to an account over any number of connections: each thing is told once, in order, whatever
happens to the network.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, TypeVar

from aiohttp import ClientError as ConnectError

from gateway.client.errors import StreamClosedError
from gateway.client.models import OwnFill

if TYPE_CHECKING:
    from gateway.client.binary_feeds import OwnEvents
    from gateway.client.rest import Client
    from gateway.client.stream import Stream

RETRY_S_MIN = 0.05
RETRY_S_MAX = 5.0


class _Update(Protocol):
    @property
    def sequence(self) -> int: ...


UpdateT = TypeVar("UpdateT", bound=_Update)


async def follow_fills(client: "Client", since_sequence: int | None = None) -> AsyncIterator[OwnFill]:
    """Own fills after a sequence, or from now on. When a connection ends it goes on over another one.

    Raises RefusedError with the code `replay_not_kept` when fills may be missing: it was away for long, or the exchange
    was restarted.
    """
    async with aclosing(_follow(client, lambda stream, since: stream.subscribe_fills(since), since_sequence)) as told:
        async for update in told:
            for fill in update.fills:
                yield fill


async def follow_events(client: "Client", since_sequence: int | None = None) -> AsyncIterator["OwnEvents"]:
    """All that happens to own orders, as records of the engine. The same holds for it."""
    async with aclosing(_follow(client, lambda stream, since: stream.subscribe_events(since), since_sequence)) as told:
        async for frame in told:
            if len(frame.records):
                yield frame


async def _follow(
    client: "Client",
    subscribe: Callable[["Stream", int | None], Awaitable[AsyncIterator[UpdateT]]],
    since_sequence: int | None,
) -> AsyncGenerator[UpdateT, None]:
    wait_s = RETRY_S_MIN
    while True:
        try:
            async with client.stream() as stream:
                async for update in await subscribe(stream, since_sequence):
                    wait_s = RETRY_S_MIN
                    yield update
                    since_sequence = update.sequence
        except (StreamClosedError, ConnectError, TimeoutError, OSError):
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RETRY_S_MAX)
