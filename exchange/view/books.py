"""One tranche's book by price: lots and number of orders at each level, and which levels changed.

Levels stand in dictionaries, because orders come and go far more often than anybody reads. Prices are brought into
their order for whoever asks, and only those that appeared or went since the last time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
from sortedcontainers import SortedList

from matching.schema import Side

SORTED_ANEW_PART = 8
"""Prices are sorted anew, not one by one, where more than one in so many appeared or went."""


class BookLevel(NamedTuple):
    """One price of one side."""

    price_ticks: int
    quantity_lots: int
    order_count: int


@dataclass(slots=True)
class BookSide:
    """One side's levels. `best_sign` times a price is smallest for the best one."""

    best_sign: int
    lots: dict[int, int] = field(default_factory=dict)  # by price_ticks, in any order
    orders: dict[int, int] = field(default_factory=dict)  # price_ticks -> number of orders
    touched: set[int] = field(default_factory=set, compare=False)
    """Prices of the levels that changed since the book's last `take_changes`."""
    _sorted: SortedList | None = field(default=None, compare=False)
    """Prices times `best_sign`, as of the last time that somebody asked."""
    _unsorted: set[int] = field(default_factory=set, compare=False)
    """Prices that appeared or went since then."""

    def change(self, price_ticks: int, lots: int, orders: int) -> None:
        """Add lots and orders to a level, or take them off when negative. A level without orders is gone."""
        count_before = self.orders.get(price_ticks, 0)
        count = count_before + orders
        if not count:
            del self.lots[price_ticks], self.orders[price_ticks]
            self._unsorted.add(price_ticks)
        elif count_before:
            self.lots[price_ticks] += lots
            self.orders[price_ticks] = count
        else:
            self.lots[price_ticks] = lots
            self.orders[price_ticks] = count
            self._unsorted.add(price_ticks)
        self.touched.add(price_ticks)

    def restore(self, prices_ticks: list[int], quantities_lots: list[int], order_counts: list[int]) -> None:
        """Enter whole levels into an empty side, without a trace in `touched`."""
        self.lots.update(zip(prices_ticks, quantities_lots, strict=True))
        self.orders.update(zip(prices_ticks, order_counts, strict=True))
        self._sorted = None

    def best_ticks(self) -> int | None:
        """The best price, or None."""
        return next(self.best_first(), None)

    def best_first(self) -> Iterator[int]:
        """All prices, the best one first."""
        return (self.best_sign * key for key in self._brought_up_to_date())

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Prices, lots and numbers of orders, each an array in the same order, which is any."""
        count = len(self.lots)
        lots = np.fromiter(self.lots.values(), np.int64, count)
        orders = np.fromiter(map(self.orders.__getitem__, self.lots), np.int64, count)
        return np.fromiter(self.lots, np.int64, count), lots, orders

    def _brought_up_to_date(self) -> SortedList:
        if self._sorted is None or SORTED_ANEW_PART * len(self._unsorted) > len(self.lots):
            self._sorted = SortedList(self.best_sign * price_ticks for price_ticks in self.lots)
        else:
            for price_ticks in self._unsorted:
                self._sorted.discard(self.best_sign * price_ticks)
                if price_ticks in self.lots:
                    self._sorted.add(self.best_sign * price_ticks)
        self._unsorted.clear()
        return self._sorted


def _sides() -> tuple[BookSide, BookSide]:
    return BookSide(-1), BookSide(+1)


@dataclass(slots=True)
class BookView:
    """Both sides of a book."""

    sides: tuple[BookSide, BookSide] = field(default_factory=_sides)
    """At their `Side`."""
    sequence: int = 0
    """Of the command that changed a level last."""

    @property
    def bids(self) -> dict[int, int]:
        """Lots by price, in any order."""
        return self.sides[Side.BUY].lots

    @property
    def asks(self) -> dict[int, int]:
        """Lots by price, in any order."""
        return self.sides[Side.SELL].lots

    @property
    def best_bid_ticks(self) -> int | None:
        """The highest price somebody would pay, or None."""
        return self.sides[Side.BUY].best_ticks()

    @property
    def best_ask_ticks(self) -> int | None:
        """The lowest price somebody would take, or None."""
        return self.sides[Side.SELL].best_ticks()

    def levels(self, side: int, count: int | None = None) -> list[BookLevel]:
        """The best `count` levels of one side, or all of them, best first."""
        lots, orders = self.sides[side].lots, self.sides[side].orders
        return [BookLevel(price, lots[price], orders[price]) for price in islice(self.sides[side].best_first(), count)]

    def depth(self, count: int | None = None) -> tuple[list[BookLevel], list[BookLevel]]:
        """The best `count` levels of both sides, or all of them: bids, asks."""
        return self.levels(Side.BUY, count), self.levels(Side.SELL, count)

    def take_changes(self) -> dict[tuple[int, int], int]:
        """What changed since the last call: (side, price_ticks) -> lots now, 0 for a level that is gone."""
        changes = {
            (int(side), price_ticks): self.sides[side].lots.get(price_ticks, 0)
            for side in Side
            for price_ticks in self.sides[side].touched
        }
        self.forget_unread()
        return changes

    def forget_unread(self) -> None:
        """Drop the changes that nobody came for."""
        for each in self.sides:
            each.touched.clear()
