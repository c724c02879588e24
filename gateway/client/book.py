"""A book that a client keeps by itself, out of a snapshot and the deltas after it, each with a checksum of the best
levels as they should be then.
"""

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from operator import neg
from typing import Any, Literal

from sortedcontainers import SortedDict

from gateway.client.errors import StreamClosedError
from gateway.feeds.book_checksum import CHECKED_LEVELS, checksum

PRICE_DECIMALS = 6
"""With which messages write prices."""
Levels = Iterable[tuple[str, str]]
Depth = Literal[10, 25, 100, "all"]
Interval = Literal["raw", "100ms"]


class LocalBook:
    """Both sides of one book, best first: price -> quantity."""

    def __init__(self, symbol: str, depth: Depth = "all", interval: Interval = "raw") -> None:
        self.symbol = symbol
        self.depth: Depth = depth
        self.interval: Interval = interval
        self.sequence = 0
        """Of the last change that is in it."""
        self.bids = SortedDict(neg)
        self.asks = SortedDict()
        self.is_whole = False
        """Whether it shows the market; not before the first snapshot, nor between a gap and the next one."""
        self.resyncs = 0
        """How often it had to start again."""
        self.broken_by: Literal["gap", "checksum"] | None = None
        """Why it had to the last time: a delta was missing, or its levels were not those of the exchange."""
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

    def restart(self, message: dict[str, Any]) -> bool:
        """Start from a snapshot; false when it breaks on its own checksum."""
        self.bids.clear()
        self.asks.clear()
        self.is_whole = True
        return self._take(message)

    def advance(self, message: dict[str, Any]) -> bool:
        """Take a delta; false when it breaks the book, which takes no deltas then until the next snapshot."""
        if message["previous_sequence"] != self.sequence:
            return self._break("gap")
        return self._take(message)

    def has_reached(self, sequence: int) -> bool:
        """Whether the book has the last message that a heartbeat tells of; false breaks it."""
        return not self.is_whole or self.sequence >= sequence or self._break("gap")

    def end(self, ending: StreamClosedError) -> None:
        """Nothing more will come."""
        self._ending = ending
        self._changed.set()

    def _take(self, message: dict[str, Any]) -> bool:
        _set_levels(self.bids, message["bids"])
        _set_levels(self.asks, message["asks"])
        if checksum(_best_levels(self.asks), _best_levels(self.bids)) != message["checksum"]:
            return self._break("checksum")
        self.sequence = message["sequence"]
        self._changed.set()
        return True

    def _break(self, reason: Literal["gap", "checksum"]) -> bool:
        self.is_whole = False
        self.resyncs += 1
        self.broken_by = reason
        return False


def _best_levels(side: SortedDict) -> Iterable[tuple[str, str]]:
    """As messages write them."""
    return ((f"{price:.{PRICE_DECIMALS}f}", str(quantity)) for price, quantity in islice(side.items(), CHECKED_LEVELS))


def _set_levels(side: SortedDict, levels: Levels) -> None:
    for price_text, quantity_text in levels:
        price, quantity = Decimal(price_text), int(quantity_text)
        if quantity:
            side[price] = quantity
        else:
            side.pop(price, None)
