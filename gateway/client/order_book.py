"""A book order by order that follows the market: every order that rests, by price and in its queue.

It is kept from binary frames. The layouts come with the compiled engine, which no other part of the client loads.
"""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from sortedcontainers import SortedDict

from gateway.client.errors import StreamClosedError
from gateway.client.terms import TICK, Side
from gateway.encoding.binary_frames import Action, Frame, FrameKind
from matching.schema import Side as SideNumber


class RestingOrder(NamedTuple):
    """What is shown of an order."""

    order_id: int
    price_ticks: int
    quantity: int

    @property
    def price(self) -> Decimal:
        """In USD per Mbps-hour."""
        return self.price_ticks * TICK


class LocalOrderBook:
    """All orders of a book. Between a gap and the next snapshot it is not whole, and shows what it had before."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.sequence = 0
        self.is_whole = False
        self.gaps = 0
        """How often it had to begin again."""
        self._sides: tuple[SortedDict, SortedDict] = (SortedDict(), SortedDict())
        """By price: the lots of each order, the oldest first."""
        self._prices: dict[int, tuple[int, int]] = {}
        """Side and price of each order."""
        self._news = asyncio.Event()
        self._ending: StreamClosedError | None = None

    def orders(self, side: Side, limit: int | None = None) -> list[RestingOrder]:
        """The orders of a side, the best price first, and the oldest of each."""
        return list(islice(self._in_priority(side), limit))

    def levels(self, side: Side, limit: int | None = None) -> list[tuple[int, int]]:
        """Prices in ticks with all that is shown at them, best first."""
        number = SideNumber[side.upper()]
        return [(ticks, sum(queue.values())) for ticks, queue in islice(self._best_first(number), limit)]

    def place_of(self, order_id: int) -> tuple[int, int] | None:
        """How many orders, and how many lots, stand before an order at its price; None of one that does not rest."""
        if order_id not in self._prices:
            return None
        side, price_ticks = self._prices[order_id]
        queue = self._sides[side][price_ticks]
        before = list(queue).index(order_id)
        return before, sum(islice(queue.values(), before))

    async def changed(self) -> None:
        """Wait for the next change. Raises StreamClosedError when there will be none."""
        if self._ending is None:
            self._news.clear()
            await self._news.wait()
        if self._ending is not None:
            raise self._ending

    def take(self, frame: Frame) -> bool:
        """Follow a frame; false if one is missing before it, so that a snapshot is needed."""
        if frame.kind == FrameKind.BOOK:
            self._begin(frame)
        elif not self.is_whole:
            return True
        elif frame.first_sequence != self.sequence:
            self.is_whole = False
            self.gaps += 1
            return False
        for action, side, _, price_ticks, order_id, quantity_lots, _ in frame.records.tolist():
            self._move(action, side, price_ticks, order_id, quantity_lots)
        self.sequence = frame.sequence
        self._news.set()
        return True

    def has_reached(self, sequence: int | None) -> bool:
        """Whether it has heard all that was told up to a sequence; a book that waits for a snapshot will."""
        return not self.is_whole or sequence is None or self.sequence >= sequence

    def lose_track(self) -> None:
        """A message is missing, as a heartbeat shows."""
        self.is_whole = False
        self.gaps += 1

    def end(self, ending: StreamClosedError) -> None:
        """Nothing more will come."""
        self._ending = ending
        self._news.set()

    def _begin(self, frame: Frame) -> None:
        for side in self._sides:
            side.clear()
        self._prices.clear()
        self.is_whole = True

    def _move(self, action: int, side: int, price_ticks: int, order_id: int, quantity_lots: int) -> None:
        prices = self._sides[side]
        if action == Action.REMOVED:
            queue = prices[price_ticks]
            del queue[order_id], self._prices[order_id]
            if not queue:
                del prices[price_ticks]
        else:
            prices.setdefault(price_ticks, {})[order_id] = quantity_lots
            self._prices[order_id] = side, price_ticks

    def _in_priority(self, side: Side) -> Iterator[RestingOrder]:
        for price_ticks, queue in self._best_first(SideNumber[side.upper()]):
            for order_id, quantity_lots in queue.items():
                yield RestingOrder(order_id, price_ticks, quantity_lots)

    def _best_first(self, side: int) -> Iterator[tuple[int, dict[int, int]]]:
        prices = self._sides[side]
        return ((ticks, prices[ticks]) for ticks in (reversed(prices) if side == SideNumber.BUY else iter(prices)))
