"""Takers: orders that trade at once, and now and then one that rests for a while and is moved and cancelled."""

from gateway.client.terms import Side
from load_tests.participants.participant import Participant
from load_tests.participants.scene import price_near
from load_tests.participants.timed import TimedClient, TimedStream, Timing

PAUSE_S = 0.15
ORDERS_EACH_SHIFT = 200
CROSSES_BY = 0.04
RESTS_BY = 0.05
RESTING_SHARE = 0.25
BUY_SHARE = 0.5
LOTS_MOST = 20
IDLE_S = 1.0


class Taker(Participant):
    """One connection, one order at a time, and its own orders pushed back to it."""

    who = "taker"

    async def act(self, client: TimedClient, timing: Timing) -> None:
        """One shift over one connection."""
        async with client.timed_stream() as stream:
            await stream.subscribe_orders()
            for _ in range(ORDERS_EACH_SHIFT):
                await self._order(stream)
                await self.pause(PAUSE_S)

    async def _order(self, stream: TimedStream) -> None:
        windows = await self.scene.cash_windows()
        if not windows:
            await self.pause(IDLE_S)
            return
        window = self.chance.choice(windows)
        side: Side = "buy" if self.chance.random() < BUY_SHARE else "sell"
        sign = 1 if side == "buy" else -1
        lots = self.chance.randint(1, LOTS_MOST)
        if self.chance.random() >= RESTING_SHARE:
            price = price_near(window, 1 + sign * CROSSES_BY)
            await stream.place(window.symbol, side, lots, price, time_in_force="ioc")
            return
        answer = await stream.place(window.symbol, side, lots, price_near(window, 1 - sign * RESTS_BY))
        await self.pause(PAUSE_S)
        nearer = price_near(window, 1 - sign * RESTS_BY / 2)
        await stream.replace(answer.order_id, price=nearer, quantity=lots + 1)
        await stream.cancel(answer.order_id)
