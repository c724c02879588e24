"""The arrays of the read model under one address, and how they grow."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exchange.view.columns.schema import (
    ACCOUNT,
    CANDLE,
    CANDLES,
    CHAIN,
    CLIENT,
    COUNTERS,
    INSTRUMENT,
    INTERVAL_COUNT,
    LEVEL,
    LEVELS,
    NIL,
    ORDER,
    ORDERS,
    POOL,
    POSITION,
    POSITIONS,
    SIDE,
    TEXT_BYTES,
    TRADE,
    TRADES,
    Bounds,
)
from kernels.arrays import ArrayGroup
from kernels.memory import aligned_zeros, give_out
from kernels.table import ENTRY, grown_table
from matching.schema import INSTRUMENT_CAPACITY

ROWS_MIN = 256
TABLE_ENTRIES_MIN = 1 << 10
ROOM_AHEAD = 4_096
"""Pools have room for so many rows more than a batch may bring, so that a small batch need not look at them."""
LARGE_ROWS, RESERVED_ROWS = 1 << 15, 1 << 23
"""A pool that outgrows the first has room for the second at once."""
KINDS = 256


@dataclass(frozen=True, eq=False)
class Columns(ArrayGroup):
    """All of it."""

    counters: np.ndarray
    pools: np.ndarray
    orders: np.ndarray
    clients: np.ndarray  # of each order
    texts: np.ndarray  # TEXT_BYTES of each order
    order_table: np.ndarray
    client_table: np.ndarray
    finished: np.ndarray  # a ring of orders
    levels: np.ndarray
    level_table: np.ndarray
    positions: np.ndarray
    position_table: np.ndarray
    trades: np.ndarray
    trade_texts: np.ndarray  # twice TEXT_BYTES of each trade
    market_trades: np.ndarray  # a ring of trades
    candles: np.ndarray
    instruments: np.ndarray
    instrument_heads: np.ndarray  # by the low bits of the id
    sides: np.ndarray  # two of each instrument
    chains: np.ndarray  # INTERVAL_COUNT of each instrument
    changed: np.ndarray  # instruments
    accounts: np.ndarray  # by id
    begun_outside: np.ndarray  # by kind of command: whether Python begins it
    applied_outside: np.ndarray  # by kind of event: whether Python applies it


POOLS: tuple[tuple[int, tuple[tuple[str, int], ...], tuple[str, ...]], ...] = (
    (ORDERS, (("orders", 1), ("clients", 1), ("texts", TEXT_BYTES)), ("order_table", "client_table")),
    (LEVELS, (("levels", 1),), ("level_table",)),
    (POSITIONS, (("positions", 1),), ("position_table",)),
    (TRADES, (("trades", 1), ("trade_texts", 2 * TEXT_BYTES)), ()),
    (CANDLES, (("candles", 1),), ()),
)
"""Each pool with the arrays that have an item, or so many, for each row, and the tables that have one at most."""
_OF_INSTRUMENTS = (("instruments", 1), ("sides", 2), ("chains", INTERVAL_COUNT), ("changed", 1))


def _ring(kept: int) -> np.ndarray:
    """Room for one more than are kept."""
    return np.zeros(1 << kept.bit_length(), np.uint32)


def _allocate(bounds: Bounds) -> Columns:
    assert bounds.tape <= bounds.trades, "the tape is the end of all trades that are kept"
    counters = np.zeros(1, COUNTERS)
    counters["finished_kept"], counters["trades_kept"] = bounds.finished_orders, bounds.trades
    counters["tranche_trades_kept"], counters["candles_kept"] = bounds.tranche_trades, bounds.candles
    counters["trades_oldest"] = counters["trades_end"] = 1
    pools = np.zeros(CANDLES + 1, POOL)
    pools["fresh"] = 1
    return Columns(
        counters=counters,
        pools=pools,
        orders=aligned_zeros(ROWS_MIN, ORDER),
        clients=aligned_zeros(ROWS_MIN, CLIENT),
        texts=aligned_zeros(ROWS_MIN * TEXT_BYTES, np.uint8),
        order_table=aligned_zeros(TABLE_ENTRIES_MIN, ENTRY),
        client_table=aligned_zeros(TABLE_ENTRIES_MIN, ENTRY),
        finished=_ring(bounds.finished_orders),
        levels=aligned_zeros(ROWS_MIN, LEVEL),
        level_table=aligned_zeros(TABLE_ENTRIES_MIN, ENTRY),
        positions=aligned_zeros(ROWS_MIN, POSITION),
        position_table=aligned_zeros(TABLE_ENTRIES_MIN, ENTRY),
        trades=aligned_zeros(ROWS_MIN, TRADE),
        trade_texts=aligned_zeros(ROWS_MIN * 2 * TEXT_BYTES, np.uint8),
        market_trades=_ring(bounds.trades),
        candles=aligned_zeros(ROWS_MIN, CANDLE),
        instruments=aligned_zeros(ROWS_MIN, INSTRUMENT),
        instrument_heads=np.zeros(INSTRUMENT_CAPACITY, np.uint32),
        sides=aligned_zeros(ROWS_MIN * 2, SIDE),
        chains=aligned_zeros(ROWS_MIN * INTERVAL_COUNT, CHAIN),
        changed=aligned_zeros(ROWS_MIN, np.uint32),
        accounts=aligned_zeros(ROWS_MIN, ACCOUNT),
        begun_outside=np.zeros(KINDS, np.uint8),
        applied_outside=np.zeros(KINDS, np.uint8),
    )


class Store:
    """Owns the arrays, which are others after they have grown, and the symbols of instruments."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.columns = _allocate(bounds)
        self.symbols: list[str] = [""]
        """By row."""
        self._free_instruments: list[int] = []
        self._room = 0

    @property
    def counters(self) -> np.ndarray:
        """The one record of them."""
        return self.columns.counters[0]

    def make_room(self, additions: int) -> None:
        """Room for so many rows more in every pool."""
        if additions > self._room:
            self._room = additions + ROOM_AHEAD
            for pool, arrays, tables in POOLS:
                self._grow(pool, arrays, tables, self._room)
        self._room -= additions

    def give_out(self, rows: int) -> None:
        """Have memory given out for so many rows more in every pool, and for all of its tables."""
        for pool, arrays, tables in POOLS:
            fresh = int(self.columns.pools[pool]["fresh"])
            for name, items in arrays:
                give_out(getattr(self.columns, name), (fresh + rows) * items)
            for name in tables:
                give_out(getattr(self.columns, name))

    def reserve(self, pool: int, rows: int) -> None:
        """Room for so many rows more in one pool."""
        self._grow(*POOLS[pool], rows)

    def open_account(self, account_id: int) -> None:
        """A row for an account."""
        columns = self.columns
        if account_id >= len(columns.accounts):
            size = len(columns.accounts)
            self._replace((("accounts", 1),), _enlarged(size, account_id + 1), size)
        self.columns.accounts[account_id]["is_open"] = 1

    def list_instrument(self, instrument_id: int, symbol: str) -> int:
        """A row for a tranche, by which its id finds it."""
        row = self._take_instrument()
        self.symbols[row] = symbol
        columns = self.columns
        columns.instruments[row] = np.zeros((), INSTRUMENT)
        columns.sides[2 * row : 2 * row + 2] = np.zeros((), SIDE)
        columns.chains[INTERVAL_COUNT * row : INTERVAL_COUNT * (row + 1)] = np.zeros((), CHAIN)
        columns.instruments[row]["instrument_id"] = instrument_id
        place = instrument_id % INSTRUMENT_CAPACITY
        columns.instruments[row]["next"] = columns.instrument_heads[place]
        columns.instrument_heads[place] = row
        return row

    def drop_instrument(self, row: int) -> None:
        """A tranche is not shown any more: its id finds nothing, and its row goes when nothing refers to it."""
        columns, counters = self.columns, self.counters
        if columns.instruments[row]["is_changed"]:
            kept = columns.changed[: counters["changed"]]
            kept = kept[kept != row]
            columns.changed[: len(kept)] = kept
            counters["changed"] = len(kept)
            columns.instruments[row]["is_changed"] = 0
        columns.instruments[row]["is_dropped"] = 1
        place = int(columns.instruments[row]["instrument_id"]) % INSTRUMENT_CAPACITY
        at = int(columns.instrument_heads[place])
        if at == row:
            columns.instrument_heads[place] = columns.instruments[row]["next"]
            return
        while int(columns.instruments[at]["next"]) != row:
            at = int(columns.instruments[at]["next"])
            assert at != NIL, "an instrument is not found by its id"
        columns.instruments[at]["next"] = columns.instruments[row]["next"]

    def row_of(self, instrument_id: int) -> int:
        """The row of a tranche that is shown, or NIL."""
        columns = self.columns
        row = int(columns.instrument_heads[instrument_id % INSTRUMENT_CAPACITY])
        while row != NIL and int(columns.instruments[row]["instrument_id"]) != instrument_id:
            row = int(columns.instruments[row]["next"])
        return row

    def mark_changed(self, row: int) -> None:
        """Readers have to hear of a tranche."""
        columns, counters = self.columns, self.counters
        if not columns.instruments[row]["is_changed"]:
            columns.instruments[row]["is_changed"] = 1
            columns.changed[counters["changed"]] = row
            counters["changed"] += 1

    def take_changed(self) -> list[int]:
        """The rows of the tranches that changed, in the order in which they did; from now on none did."""
        columns, counters = self.columns, self.counters
        rows = columns.changed[: counters["changed"]].tolist()
        columns.instruments["is_changed"][rows] = 0
        counters["changed"] = 0
        return rows

    def _take_instrument(self) -> int:
        if not self._free_instruments and len(self.symbols) == len(self.columns.instruments):
            self._find_free_instruments()
        if self._free_instruments:
            return self._free_instruments.pop()
        self.symbols.append("")
        row = len(self.symbols) - 1
        if row == len(self.columns.instruments):
            self._replace(_OF_INSTRUMENTS, 2 * row, row)
        return row

    def _find_free_instruments(self) -> None:
        """Those that were dropped and to which nothing refers."""
        rows = self.columns.instruments
        is_free = (rows["is_dropped"] != 0) & (rows["references"] == 0)
        self._free_instruments = np.flatnonzero(is_free).tolist()

    def _grow(self, pool: int, arrays: tuple[tuple[str, int], ...], tables: tuple[str, ...], additions: int) -> None:
        live = int(self.columns.pools[pool]["live"])
        size = _enlarged(len(getattr(self.columns, arrays[0][0])), live + additions + 1, RESERVED_ROWS)
        if size != len(getattr(self.columns, arrays[0][0])):
            self._replace(arrays, size, int(self.columns.pools[pool]["fresh"]))
        grown = {name: grown_table(getattr(self.columns, name), live, additions) for name in tables}
        if any(grown[name] is not getattr(self.columns, name) for name in tables):
            self.columns = replace(self.columns, **grown)

    def _replace(self, arrays: tuple[tuple[str, int], ...], rows: int, used_rows: int) -> None:
        """Larger arrays with the same in them: behind the rows that were used so far there is nothing."""
        larger: dict[str, Any] = {}
        for name, items in arrays:
            old = getattr(self.columns, name)
            larger[name] = aligned_zeros(rows * items, old.dtype)
            used_bytes = used_rows * items * old.itemsize
            larger[name].view(np.uint8)[:used_bytes] = old.view(np.uint8)[:used_bytes]
        self.columns = replace(self.columns, **larger)


def _enlarged(size: int, needed: int, reserved: int = 0) -> int:
    """Rows for so many, in steps of the double.

    What nobody has touched of large arrays takes no memory, and to copy what is there takes long: those that are never
    read as a whole may have so many rows reserved as soon as they are large.
    """
    while size < needed:
        size = 2 * size if size < LARGE_ROWS else max(2 * size, reserved)
    return size
