"""The base of all participants: an account of its own, and a life that ends when it is cancelled."""

import asyncio
import random
from typing import ClassVar

import aiohttp

from gateway.client import RefusedError, StreamClosedError
from load_tests.participants.scene import Scene
from load_tests.participants.timed import PART_OF_THE_MARKET, TimedClient, Timing

RECONNECT_S = 0.5


class Participant:
    """Somebody who comes to the market. A kind says what it does in `act`."""

    who: ClassVar[str]
    roles: ClassVar[tuple[str, ...]] = ("trader",)

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.chance = random.Random(f"{self.who} {seed}")

    async def live(self) -> None:
        """Come in, and act until cancelled. A lost connection was counted where it was lost, and is made again."""
        credential = await self.scene.admit(self.who, self.roles)
        timing = await self.scene.timing(self.who)
        while True:
            try:
                async with TimedClient(self.scene.url, credential.key_id, credential.secret, timing) as client:
                    await self.act(client, timing)
            except RefusedError as refused:
                if refused.code not in PART_OF_THE_MARKET:
                    await asyncio.sleep(RECONNECT_S)
            except (aiohttp.ClientError, StreamClosedError, TimeoutError, OSError):
                await asyncio.sleep(RECONNECT_S)

    async def act(self, client: TimedClient, timing: Timing) -> None:
        """Do what this kind does; called again when it returns."""
        raise NotImplementedError

    async def pause(self, mean_s: float) -> None:
        """Wait as long as people do: now a little, now longer."""
        await asyncio.sleep(self.chance.uniform(0.4, 1.6) * mean_s)
