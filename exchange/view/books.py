"""One tranche's book by price: lots and number of orders at each level, and which levels changed."""

from dataclasses import dataclass, field
from itertools import islice
from operator import neg
from typing import NamedTuple

import numpy as np
from sortedcontainers import SortedDict

from matching.schema import Side

UNREAD_LEVELS_MAX = 16_384
"""Changed levels kept for a reader that never comes; one that comes once a batch never meets this limit."""


class BookLevel(NamedTuple):
    """One price of one side."""

    price_ticks: int
    quantity_lots: int
    order_count: int


def _bids() -> SortedDict:
    return SortedDict(neg)


@dataclass(slots=True)
class BookView:
    """Both sides best first: iterating `bids` starts at the highest price, iterating `asks` at the lowest."""

    bids: SortedDict = field(default_factory=_bids)  # price_ticks -> lots
    asks: SortedDict = field(default_factory=SortedDict)
    bid_orders: dict[int, int] = field(default_factory=dict)  # price_ticks -> number of orders
    ask_orders: dict[int, int] = field(default_factory=dict)
    sequence: int = 0
    """Of the command that changed a level last."""
    touched: dict[tuple[int, int], int] = field(default_factory=dict, compare=False)
    """(side, price_ticks) -> lots now, 0 for a level that is gone; of everything since the last `take_changes`."""

    @property
    def best_bid_ticks(self) -> int | None:
        """The highest price somebody would pay, or None."""
        return self.bids.peekitem(0)[0] if self.bids else None

    @property
    def best_ask_ticks(self) -> int | None:
        """The lowest price somebody would take, or None."""
        return self.asks.peekitem(0)[0] if self.asks else None

    def levels(self, side: int, count: int | None = None) -> list[BookLevel]:
        """The best `count` levels of one side, or all of them, best first."""
        quantities, orders = self._side(side)
        return [BookLevel(price, lots, orders[price]) for price, lots in islice(quantities.items(), count)]

    def depth(self, count: int | None = None) -> tuple[list[BookLevel], list[BookLevel]]:
        """The best `count` levels of both sides, or all of them: bids, asks."""
        return self.levels(Side.BUY, count), self.levels(Side.SELL, count)

    def take_changes(self) -> dict[tuple[int, int], int]:
        """What `touched` holds, which starts anew."""
        changes, self.touched = self.touched, {}
        return changes

    def change(self, side: int, price_ticks: int, lots: int, orders: int) -> None:
        """Add lots and orders to a level, or take them off when negative. A level without orders is gone."""
        quantities, counts = self._side(side)
        count = counts.get(price_ticks, 0) + orders
        if count:
            left_lots = quantities.get(price_ticks, 0) + lots
            quantities[price_ticks] = left_lots
            counts[price_ticks] = count
        else:
            left_lots = 0
            del quantities[price_ticks]
            del counts[price_ticks]
        self.touched[side, price_ticks] = left_lots

    def has_levels(self, side: int) -> bool:
        """Whether anybody wants to trade on a side."""
        return bool(self._side(side)[0])

    def columns(self, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Prices, lots and numbers of orders of one side, each an array in the same order, which is any."""
        quantities, counts = self._side(side)
        prices = np.fromiter(dict.__iter__(quantities), np.int64, len(quantities))
        lots = np.fromiter(dict.values(quantities), np.int64, len(quantities))
        return prices, lots, np.fromiter(map(counts.__getitem__, dict.__iter__(quantities)), np.int64, len(quantities))

    def restore(self, side: int, prices_ticks: list[int], quantities_lots: list[int], order_counts: list[int]) -> None:
        """Enter whole levels into an empty side, without a trace in `touched`."""
        quantities, counts = self._side(side)
        quantities.update(zip(prices_ticks, quantities_lots, strict=True))
        counts.update(zip(prices_ticks, order_counts, strict=True))

    def forget_unread(self) -> None:
        """Drop the changes that nobody came for, when there are too many."""
        if len(self.touched) > UNREAD_LEVELS_MAX:
            self.touched.clear()

    def _side(self, side: int) -> tuple[SortedDict, dict[int, int]]:
        return (self.bids, self.bid_orders) if side == Side.BUY else (self.asks, self.ask_orders)
