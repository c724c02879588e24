"""The levels of all books as records, for snapshots: copied in no time, whatever is done with the copy."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from exchange.view.books import BookView
from exchange.view.records import TrancheView
from matching.schema import Side

PACKED_LEVEL = np.dtype(
    [("instrument_id", "u4"), ("side", "u4"), ("price_ticks", "i8"), ("quantity_lots", "i8"), ("order_count", "i8")]
)


class FrozenSide(NamedTuple):
    """The levels of one side of one book, in any order."""

    instrument_id: int
    side: Side
    prices_ticks: np.ndarray
    quantities_lots: np.ndarray
    order_counts: np.ndarray


def freeze_levels(tranches: Iterable[TrancheView]) -> list[FrozenSide]:
    """The sides that have levels, as they stand."""
    return [
        FrozenSide(tranche.instrument_id, side, *tranche.book.sides[side].columns())
        for tranche in tranches
        for side in Side
        if tranche.book.sides[side].lots
    ]


def pack_levels(sides: list[FrozenSide]) -> np.ndarray:
    """PACKED_LEVEL records by instrument, side and price."""
    rows = np.empty(sum(len(side.prices_ticks) for side in sides), PACKED_LEVEL)
    first = 0
    for side in sorted(sides, key=lambda side: side[:2]):
        part = rows[first : first + len(side.prices_ticks)]
        by_price = np.argsort(side.prices_ticks)
        part["instrument_id"], part["side"] = side.instrument_id, side.side
        part["price_ticks"] = side.prices_ticks[by_price]
        part["quantity_lots"] = side.quantities_lots[by_price]
        part["order_count"] = side.order_counts[by_price]
        first += len(part)
    return rows


def load_levels(rows: np.ndarray, books: dict[int, BookView]) -> None:
    """Enter all levels into empty books. Raises KeyError where there is no book for one."""
    key = rows["instrument_id"].astype(np.int64) << 1 | rows["side"]
    bounds = [0, *(np.flatnonzero(np.diff(key)) + 1).tolist(), len(rows)]
    for first, end in pairwise(bounds):
        if first < end:
            part = rows[first:end]
            levels = [part[name].tolist() for name in ("price_ticks", "quantity_lots", "order_count")]
            books[int(part["instrument_id"][0])].sides[int(part["side"][0])].restore(*levels)
