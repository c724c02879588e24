"""Dashboards: they follow everything, and read more slowly than it comes. Nobody else may notice."""

import asyncio
from typing import ClassVar

from gateway.client.inbox import Message
from load_tests.participants.participant import Participant
from load_tests.participants.timed import Kind, TimedClient, TimedStream, Timing

READING_S = 0.004
"""For each message, which is slower than a busy market tells."""
BOOKS_EACH = 6
LOOK_S = 1.0
LOOKS = 20
CUT_OFF = "slow_consumer"
IDLE_S = 1.0


class SlowStream(TimedStream):
    """A socket whose reader takes its time, so that what comes piles up in front of it.

    How late it is, is its own doing: that is no push latency of the exchange.
    """

    push_kind: ClassVar[Kind] = "slow"

    async def _take(self, message: Message) -> None:
        await asyncio.sleep(READING_S)
        await super()._take(message)


class SlowDashboard(Participant):
    """All tickers and trades, and some books; its books must come out right all the same."""

    who = "dashboard"

    async def act(self, client: TimedClient, timing: Timing) -> None:
        """Look for a while. To be cut off by name for being far behind is an answer as good as another."""
        windows = await self.scene.windows()
        if not windows:
            await self.pause(IDLE_S)
            return
        patient = client.expecting(timing.expected | {CUT_OFF})
        async with patient, patient.timed_stream(SlowStream) as stream:
            await stream.subscribe_tickers()
            await stream.subscribe_trades()
            chosen = self.chance.sample(windows, min(BOOKS_EACH, len(windows)))
            books = [await stream.subscribe_book(window.symbol, "all", "100ms") for window in chosen]
            for _ in range(LOOKS):
                await self.pause(LOOK_S)
                broken = [book for book in books if book.broken_by == "checksum"]
                timing.recorder.note("slow", f"{self.who}: books right", 0, "checksum" if broken else None)
