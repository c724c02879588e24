"""Market makers: both sides of some windows, quoted again whenever one of their books has moved."""

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import ClassVar, NamedTuple

from exchange import commands
from gateway.client import Instrument, Quote
from load_tests.participants.participant import Participant
from load_tests.participants.scene import price_near
from load_tests.participants.timed import TimedClient, TimedStream, Timing

WINDOWS_EACH = 8
HALF_SPREAD = 0.01
WALK = 0.001
REQUOTE_S_LEAST = 0.1
IDLE_S_MOST = 1.0
SHIFT_S = 20.0
"""How long a maker stays with its windows before it looks for those that are open then."""
LOTS_MOST = 40
TICKS_PER_USD = 1_000_000


class TwoSided(NamedTuple):
    """A bid and an ask in one window."""

    window: Instrument
    bid_price: Decimal
    bid_lots: int
    ask_price: Decimal
    ask_lots: int


class Maker(Participant):
    """Quotes both sides at one go; how they are sent is the kind's own."""

    roles: ClassVar[tuple[str, ...]] = ("trader", "market_maker")

    async def act(self, client: TimedClient, timing: Timing) -> None:
        """One shift over one connection."""
        open_windows = await self.scene.cash_windows()
        windows = self.chance.sample(open_windows, min(WINDOWS_EACH, len(open_windows)))
        if not windows:
            await self.pause(IDLE_S_MOST)
            return
        async with client.timed_stream() as stream:
            for window in windows:
                await stream.subscribe_book(window.symbol, 10)
            fair = 1.0
            until_s = asyncio.get_running_loop().time() + SHIFT_S
            while asyncio.get_running_loop().time() < until_s:
                fair = min(max(fair + self.chance.gauss(0.0, WALK), 0.9), 1.1)
                await self.send(stream, [self.quote(window, fair) for window in windows])
                await self._until_a_book_moves(stream)
            await stream.cancel_all()

    async def send(self, stream: TimedStream, quotes: list[TwoSided]) -> None:
        """Put quotes into the market."""
        raise NotImplementedError

    def quote(self, window: Instrument, fair: float) -> TwoSided:
        """Both sides around what the maker thinks is fair."""
        bid, ask = price_near(window, fair * (1 - HALF_SPREAD)), price_near(window, fair * (1 + HALF_SPREAD))
        lots = self.chance.randint(1, LOTS_MOST), self.chance.randint(1, LOTS_MOST)
        return TwoSided(window, bid, lots[0], max(ask, bid + window.price_step), lots[1])

    async def _until_a_book_moves(self, stream: TimedStream) -> None:
        """A quote moves books itself, so there is a least time between two; a quiet book is quoted again too."""
        await asyncio.sleep(REQUOTE_S_LEAST)
        with suppress(TimeoutError):
            # Not `wait_for`, which loses a cancellation that comes together with the event.
            async with asyncio.timeout(IDLE_S_MOST):
                await stream.book_moved.wait()
        stream.book_moved.clear()


class JsonMaker(Maker):
    """Mass quotes as JSON."""

    who = "maker"

    async def send(self, stream: TimedStream, quotes: list[TwoSided]) -> None:
        """One `quote`."""
        await stream.quote(
            Quote(each.window.symbol, each.bid_price, each.bid_lots, each.ask_price, each.ask_lots) for each in quotes
        )


class BinaryMaker(Maker):
    """Mass quotes as a frame of records."""

    who = "binary-maker"

    async def send(self, stream: TimedStream, quotes: list[TwoSided]) -> None:
        """One frame with one command, and a record behind it for each window."""
        records = [
            commands.Quote(
                each.window.instrument_id,
                int(each.bid_price * TICKS_PER_USD),
                each.bid_lots,
                int(each.ask_price * TICKS_PER_USD),
                each.ask_lots,
            )
            for each in quotes
        ]
        await stream.send_records(commands.mass_quote(0, records))
