"""Reconnect storms: many connections at once, each with a login and subscriptions, gone again a moment later."""

import asyncio

import aiohttp

from gateway.client import RefusedError, StreamClosedError
from load_tests.participants.participant import Participant
from load_tests.participants.timed import TimedClient, Timing

CONNECTIONS = 12
HELD_S = 0.3
PAUSE_S = 1.5
HELD_OFF = frozenset({"rate_limited", "too_many_connections", "handshake refused with 429"})
"""What the doors may say to a storm."""


class Reconnecter(Participant):
    """Comes with a dozen connections at once, and again."""

    who = "storm"

    async def act(self, client: TimedClient, timing: Timing) -> None:
        """One gust."""
        windows = await self.scene.windows()
        if windows:
            async with client.expecting(timing.expected | HELD_OFF) as gust:
                symbols = [windows[number % len(windows)].symbol for number in range(CONNECTIONS)]
                await asyncio.gather(*(self._come_and_go(gust, symbol) for symbol in symbols))
        await self.pause(PAUSE_S)

    async def _come_and_go(self, client: TimedClient, symbol: str) -> None:
        try:
            async with client.timed_stream() as stream:
                await stream.subscribe_book(symbol)
                await stream.subscribe_orders()
                await asyncio.sleep(HELD_S)
                await stream.ping()
        except (RefusedError, StreamClosedError, aiohttp.ClientError, TimeoutError, OSError):
            # It was noted where it happened; the rest of the gust goes on.
            return
