"""Risk for people: whoever asks has it read between two batches, and worked out in threads of the reader.

    who asks ─▶ Exchange.look ─▶ sequencer: copy, between two batches ─▶ loop, while the view is as old ─▶ a thread

Nothing is read while nobody asks. All who ask for the list within a tenth of a second share one copy; those who ask for
all positions and orders say how old a copy may be.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from time import perf_counter_ns

import numpy as np

from exchange.margin.census import SLICE, Census, members_of, read_members, touched_room
from exchange.margin.portfolio import Portfolio, instruments_of, take_portfolio
from exchange.margin.terms import read_venue
from exchange.margin.whole_book import WholeBook, read_whole
from exchange.service import Exchange, Overloaded

CENSUS_AGE_MS_MAX = 100
MEMBERS_AGE_NS_MAX = 1_000_000_000
READINGS_MAX = 32


class RiskWatch:
    """What risk looks like now. It belongs to the loop of its exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._census: Census | None = None
        self._members: list[np.ndarray] = []
        self._members_ns = 0
        self._whole: WholeBook | None = None
        self._taking = asyncio.Lock()
        self._taking_whole = asyncio.Lock()

    async def census(self, min_sequence: int = 0) -> Census:
        """All accounts, as they stood at most `CENSUS_AGE_MS_MAX` ago, and not before a sequence that is past.

        Raises ExchangeStopped or Overloaded.
        """
        async with self._taking:
            held = self._census
            if held is None or held.age_ms() >= CENSUS_AGE_MS_MAX or held.sequence < min_sequence:
                room = await asyncio.to_thread(touched_room, 0 if held is None else held.room_needed)
                self._census = held = await self._exchange.look(partial(Census, room=room), self._dated)
                await asyncio.to_thread(getattr, held, "rows")
        return held

    async def whole(self, age_ms_max: int = CENSUS_AGE_MS_MAX) -> WholeBook:
        """All positions and orders, as they stood at most so long ago.

        Raises ExchangeStopped, or Overloaded, which a market that is too large is too.
        """
        async with self._taking_whole:
            held = self._whole
            if held is None or held.age_ms() >= age_ms_max:
                rooms = {} if held is None else await asyncio.to_thread(held.touched_rooms)
                self._whole = held = await self._exchange.look(partial(read_whole, rooms=rooms), self._whole_dated)
        return held

    async def members(self, region_id: int) -> np.ndarray:
        """The accounts that were in a region at some time of the last second. Raises ExchangeStopped or Overloaded."""
        async with self._taking:
            if perf_counter_ns() - self._members_ns > MEMBERS_AGE_NS_MAX:
                self._members = await self._read_members()
                self._members_ns = perf_counter_ns()
        return await asyncio.to_thread(members_of, self._members, region_id)

    async def portfolio(self, account_id: int, also: Iterable[int] = ()) -> Portfolio:
        """An account that is open, and the terms of some instruments beside its own, as they stand.

        If it comes to one more instrument before it is its turn, it is read again. Raises ExchangeStopped or
        Overloaded.
        """
        view, wanted = self._exchange.view, set(also)
        for _ in range(READINGS_MAX):
            wanted |= instruments_of(view, account_id)
            read = partial(read_venue, account_id=account_id, instrument_ids=np.array(sorted(wanted), np.uint32))
            taken = await self._exchange.look(read, partial(take_portfolio, view))
            if taken is not None:
                return taken
        raise Overloaded(f"the account came to other tranches {READINGS_MAX} times while it was read")

    async def _read_members(self) -> list[np.ndarray]:
        slices: list[np.ndarray] = []
        first_slot = 1
        while not slices or len(slices[-1]) == SLICE:
            slices.append(await self._exchange.look(partial(read_members, first_slot=first_slot), lambda part: part))
            first_slot += SLICE
        return slices

    def _whole_dated(self, book: WholeBook) -> WholeBook:
        return replace(book, sequence=self._exchange.view.sequence)

    def _dated(self, census: Census) -> Census:
        census.sequence = self._exchange.view.sequence  # a view counts the records behind a command's head too
        return census
