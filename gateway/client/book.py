"""A book that a client keeps by itself, out of a snapshot and the deltas after it."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from operator import neg
from typing import Any

from sortedcontainers import SortedDict

from gateway.client.errors import StreamClosedError

Levels = Iterable[tuple[str, str]]


class LocalBook:
    """Both sides of one book, best first: price -> quantity."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.sequence = 0
        """Of the last change that is in it."""
        self.bids = SortedDict(neg)
        self.asks = SortedDict()
        self.is_whole = False
        """Whether it shows the market; not before the first snapshot, nor between a gap and the next one."""
        self.resyncs = 0
        """How often a gap in the deltas made it start again."""
        self._changed = asyncio.Event()
        self._ending: StreamClosedError | None = None

    @property
    def best_bid(self) -> Decimal | None:
        """The highest price somebody would pay, or None."""
        return self.bids.peekitem(0)[0] if self.bids else None

    @property
    def best_ask(self) -> Decimal | None:
        """The lowest price somebody would take, or None."""
        return self.asks.peekitem(0)[0] if self.asks else None

    def levels(self, side: str, count: int | None = None) -> list[tuple[Decimal, int]]:
        """The best `count` levels of a side ("buy" or "sell"), or all of them."""
        return list(islice((self.bids if side == "buy" else self.asks).items(), count))

    async def changed(self) -> None:
        """Wait for the next change. Raises StreamClosedError when there will be none."""
        if self._ending is None:
            self._changed.clear()
            await self._changed.wait()
        if self._ending is not None:
            raise self._ending

    def restart(self, message: dict[str, Any]) -> None:
        """Start from a snapshot."""
        self.bids.clear()
        self.asks.clear()
        self.is_whole = True
        self._take(message)

    def advance(self, message: dict[str, Any]) -> bool:
        """Take a delta; false when it does not continue this book, which then stays as it was."""
        if message["previous_sequence"] != self.sequence:
            return False
        self._take(message)
        return True

    def resync(self) -> None:
        """Take no deltas until the next snapshot."""
        self.is_whole = False
        self.resyncs += 1

    def end(self, ending: StreamClosedError) -> None:
        """Nothing more will come."""
        self._ending = ending
        self._changed.set()

    def _take(self, message: dict[str, Any]) -> None:
        _set_levels(self.bids, message["bids"])
        _set_levels(self.asks, message["asks"])
        self.sequence = message["sequence"]
        self._changed.set()


def _set_levels(side: SortedDict, levels: Levels) -> None:
    for price_text, quantity_text in levels:
        price, quantity = Decimal(price_text), int(quantity_text)
        if quantity:
            side[price] = quantity
        else:
            side.pop(price, None)
