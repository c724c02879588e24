"""Providers: capacity with stake behind it, and whole schedules of offers, over REST."""

from datetime import UTC, datetime, timedelta
from typing import ClassVar

from exchange.venue.clearing.capacity_schema import SLOT_S
from gateway.client import Instrument
from gateway.client.providers import OfferTerms
from load_tests.participants.participant import Participant
from load_tests.participants.scene import price_near
from load_tests.participants.timed import TimedClient, Timing

CAPACITY_MBPS = 2_000
STAKE_USD = 1_000_000
LOTS_A_WINDOW = 20
MARGIN = 0.02
OFFERS_MOST = 64
PAUSE_S = 1.0
LIFE = timedelta(hours=6)


class Provider(Participant):
    """Takes its offers back and makes them anew, again and again."""

    who = "provider"
    roles: ClassVar[tuple[str, ...]] = ("provider",)

    async def act(self, client: TimedClient, timing: Timing) -> None:
        """Register what is not there yet, then offer for as long as windows are delivered in the same places."""
        places = {(window.region, window.tier) for window in await self._delivered()}
        if places:
            await self._register(client, places)
        while places == {(window.region, window.tier) for window in await self._delivered()}:
            await self.pause(PAUSE_S)
            windows = await self._delivered()
            if windows:
                await client.cancel_all()
                await client.post_offers([self._offer(window) for window in windows[:OFFERS_MOST]])

    async def _delivered(self) -> list[Instrument]:
        return [window for window in await self.scene.windows() if window.delivery is not None]

    async def _register(self, client: TimedClient, places: set[tuple[str, str]]) -> None:
        told = await client.capacity()
        if told.stake < STAKE_USD:
            await client.post_stake(STAKE_USD)
        now = datetime.now(UTC)
        start = now - timedelta(seconds=now.timestamp() % SLOT_S)
        for region, tier in sorted(places - {(each.region, each.tier) for each in told.capacities}):
            await client.register_capacity(region, tier, CAPACITY_MBPS, start, start + LIFE)

    def _offer(self, window: Instrument) -> OfferTerms:
        price = price_near(window, 1 + MARGIN * self.chance.uniform(0.5, 1.5))
        return {"symbol": window.symbol, "price": price, "quantity": self.chance.randint(1, LOTS_A_WINDOW)}
