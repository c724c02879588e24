"""Following own fills over any number of connections: each is told once, in order, whatever happens to the network."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aiohttp import ClientError as ConnectError

from gateway.client.errors import StreamClosedError
from gateway.client.models import OwnFill

if TYPE_CHECKING:
    from gateway.client.rest import Client

RETRY_S_MIN = 0.05
RETRY_S_MAX = 5.0


async def follow_fills(client: "Client", since_sequence: int | None = None) -> AsyncIterator[OwnFill]:
    """Own fills after a sequence, or from now on. When a connection ends it goes on over another one.

    Raises RefusedError with the code `replay_not_kept` when fills may be missing: it was away for long, or the exchange
    was restarted.
    """
    wait_s = RETRY_S_MIN
    while True:
        try:
            async with client.stream() as stream:
                async for update in await stream.subscribe_fills(since_sequence):
                    wait_s = RETRY_S_MIN
                    for fill in update.fills:
                        yield fill
                    since_sequence = update.sequence
        except (StreamClosedError, ConnectError, TimeoutError, OSError):
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RETRY_S_MAX)
