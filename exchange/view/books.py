"""One tranche's book by price: lots and number of orders at each level, and which levels changed.

Levels stand in the arrays in any order, because orders come and go far more often than anybody reads. Prices are
brought into their order for whoever asks, when one appeared or went since the last time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from exchange.view.columns.levels import count_touched, forget_touched, level_of, list_side, list_touched
from exchange.view.columns.schema import NIL
from exchange.view.columns.store import Store
from matching.schema import PRICE_TICKS_MAX, Side

NOT_SORTED = -1


class BookLevel(NamedTuple):
    """One price of one side."""

    price_ticks: int
    quantity_lots: int
    order_count: int


class LotsByPrice(Mapping[int, int]):
    """The lots of one side's levels, in any order."""

    def __init__(self, side: "BookSide") -> None:
        self._side = side

    def __getitem__(self, price_ticks: int) -> int:
        """Of one level."""
        lots = self._side.lots_at(price_ticks)
        if lots is None:
            raise KeyError(price_ticks)
        return lots

    def __iter__(self) -> Iterator[int]:
        """All prices."""
        return self._side.best_first()

    def __len__(self) -> int:
        """How many levels there are."""
        return self._side.count


class BookSide:
    """One side's levels."""

    def __init__(self, store: Store, row: int, side: Side) -> None:
        self._store = store
        self._row = row
        self._side = side
        self._rows = np.zeros(0, np.uint32)
        """Of the levels, best first, as of the last time that somebody asked."""
        self._moves = NOT_SORTED
        """How many levels had appeared or gone by then."""

    @property
    def lots(self) -> LotsByPrice:
        """By price."""
        return LotsByPrice(self)

    @property
    def count(self) -> int:
        """How many levels there are."""
        return int(self._record["count"])

    def lots_at(self, price_ticks: int) -> int | None:
        """Of one level, if it is there."""
        if not 0 <= price_ticks <= PRICE_TICKS_MAX:
            return None
        columns = self._store.columns
        row = level_of(columns, self._row, int(self._side), price_ticks)
        return None if row == NIL else int(columns.levels["quantity_lots"][row])

    def best_ticks(self) -> int | None:
        """The best price, or None."""
        rows = self._sorted()
        return int(self._store.columns.levels["price_ticks"][rows[0]]) if len(rows) else None

    def best_first(self) -> Iterator[int]:
        """All prices, the best one first."""
        return iter(self._store.columns.levels["price_ticks"][self._sorted()].tolist())

    def best(self, count: int | None) -> list[BookLevel]:
        """The best `count` levels, or all of them, best first."""
        return self._levels(self._sorted()[:count])

    @property
    def _record(self) -> np.void:
        return self._store.columns.sides[2 * self._row + self._side]

    def _levels(self, rows: np.ndarray) -> list[BookLevel]:
        levels = self._store.columns.levels
        names = ("price_ticks", "quantity_lots", "order_count")
        return list(map(BookLevel, *(levels[name][rows].tolist() for name in names)))

    def _sorted(self) -> np.ndarray:
        moves = int(self._record["moves"])
        if moves != self._moves:
            columns, rows = self._store.columns, np.zeros(self.count, np.uint32)
            list_side(columns, 2 * self._row + int(self._side), rows)
            order = np.argsort(columns.levels["price_ticks"][rows])
            self._rows = rows[order[::-1] if self._side == Side.BUY else order]
            self._moves = moves
        return self._rows


@dataclass(slots=True, init=False)
class BookView:
    """Both sides of a book."""

    sides: tuple[BookSide, BookSide]
    """At their `Side`."""
    _store: Store
    _row: int

    def __init__(self, store: Store, row: int) -> None:
        self._store = store
        self._row = row
        self.sides = BookSide(store, row, Side.BUY), BookSide(store, row, Side.SELL)

    @property
    def sequence(self) -> int:
        """Of the command that changed a level last."""
        return int(self._store.columns.instruments[self._row]["book_sequence"])

    @property
    def bids(self) -> LotsByPrice:
        """Lots by price, in any order."""
        return self.sides[Side.BUY].lots

    @property
    def asks(self) -> LotsByPrice:
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
        return self.sides[side].best(count)

    def depth(self, count: int | None = None) -> tuple[list[BookLevel], list[BookLevel]]:
        """The best `count` levels of both sides, or all of them: bids, asks."""
        return self.levels(Side.BUY, count), self.levels(Side.SELL, count)

    def take_changes(self) -> dict[tuple[int, int], int]:
        """What changed since the last call: (side, price_ticks) -> lots now, 0 for a level that is gone."""
        columns = self._store.columns
        rows = np.zeros(count_touched(columns, self._row), np.uint32)
        if not len(rows):
            return {}
        list_touched(columns, self._row, rows)
        names = ("side", "price_ticks", "quantity_lots")
        sides, prices_ticks, lots = (columns.levels[name][rows].tolist() for name in names)
        forget_touched(columns, self._row)
        return dict(zip(zip(sides, prices_ticks, strict=True), lots, strict=True))
