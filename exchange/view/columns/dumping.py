"""The arrays in an order that equal views share, without links: what a dump holds, and how it is read again.

Open orders stand by account, oldest first, and finished ones behind them; trades by their numbers; instruments by their
ids. What links rows with each other, and the tables, follow from that.
"""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from exchange.view.columns.schema import (
    ACCOUNT,
    CANDLE,
    CANDLES,
    CHAIN,
    CLIENT,
    INSTRUMENT,
    INTERVAL_COUNT,
    LEVEL,
    LEVELS,
    ORDER,
    ORDERS,
    POSITION,
    POSITIONS,
    TEXT_BYTES,
    TRADE,
    TRADES,
)
from exchange.view.columns.store import POOLS, Columns, Store
from exchange.view.columns.storing import (
    Stored,
    load_candles,
    load_levels,
    load_orders,
    load_positions,
    load_trades,
    store_candles,
    store_orders,
    store_positions,
)
from kernels.memory import aligned_zeros, give_out

SECTIONS: dict[str, np.dtype] = {
    "account_ids": np.dtype(np.uint32),
    "accounts": ACCOUNT,
    "instruments": INSTRUMENT,
    "orders": ORDER,
    "clients": CLIENT,
    "texts": np.dtype(np.uint8),
    "levels": LEVEL,
    "positions": POSITION,
    "trades": TRADE,
    "trade_texts": np.dtype(np.uint8),
    "chains": CHAIN,
    "candles": CANDLE,
}
"""What a dump holds of the arrays, in order."""
Sections = dict[str, np.ndarray]

_LINKS_OF_ACCOUNTS = ("last_trade", "first_order", "last_order", "order_count", "first_position", "last_position")
_DERIVED_OF_INSTRUMENTS = ("references", "next", "touched", "oldest_trade", "newest_trade", "trade_count", "is_changed")
_DERIVED_OF_LEVELS = ("key", "previous", "next", "next_touched", "is_touched")
_LINKS_OF_TRADES = ("previous", "counter_previous", "next")


class CopyMemory:
    """Where the arrays are copied to, one copy at a time.

    It is kept between copies, because the market waits for one, and to get memory from the system takes many times as
    long as to copy.
    """

    def __init__(self) -> None:
        self._kept: dict[str, np.ndarray] = {}

    def copy_of(self, columns: Columns) -> Columns:
        """What a dump is made of; tables and unused rows are left out. It lasts until the next copy."""
        used: dict[str, Any] = {}
        for pool, arrays, tables in POOLS:
            rows = max(int(columns.pools[pool]["fresh"]), 1)
            used |= {name: self._copied(name, getattr(columns, name), items * rows) for name, items in arrays}
            used |= {name: self._copied(name, getattr(columns, name), 1) for name in tables}
        others = {each.name: getattr(columns, each.name) for each in fields(columns) if each.name not in used}
        return replace(columns, **used, **{name: self._copied(name, all_, len(all_)) for name, all_ in others.items()})

    def reserve(self, columns: Columns, rows: int) -> None:
        """Have memory for a copy with so many rows in each pool."""
        for _, arrays, _ in POOLS:
            for name, items in arrays:
                self._make_room(name, getattr(columns, name).dtype, rows * items)
                give_out(self._kept[name], rows * items)

    def _copied(self, name: str, array: np.ndarray, count: int) -> np.ndarray:
        self._make_room(name, array.dtype, count)
        copy = self._kept[name][:count]
        copy.view(np.uint8)[:] = array[:count].view(np.uint8)
        return copy

    def _make_room(self, name: str, dtype: np.dtype, count: int) -> None:
        if len(self._kept.get(name, ())) < count:
            # With some room, so that a market that grows slowly does not need more each time.
            self._kept[name] = aligned_zeros(count + count // 4, dtype)


def instruments_of(columns: Columns, rows_in_use: int) -> np.ndarray:
    """The rows of all instruments that are shown or referred to, by their ids."""
    instruments = columns.instruments[:rows_in_use]
    rows = 1 + np.flatnonzero((instruments["is_dropped"][1:] == 0) | (instruments["references"][1:] != 0))
    return rows[np.argsort(instruments["instrument_id"][rows])]


def sections_of(columns: Columns, instrument_rows: np.ndarray) -> Sections:
    """The arrays for a dump; an instrument is told by its place among them, from 1."""
    places = np.zeros(len(columns.instruments), np.uint32)
    places[instrument_rows] = np.arange(1, len(instrument_rows) + 1)
    account_ids = np.flatnonzero(columns.accounts["is_open"]).astype(np.uint32)
    accounts = columns.accounts[account_ids]
    instruments = columns.instruments[instrument_rows]
    for rows, names in ((accounts, _LINKS_OF_ACCOUNTS), (instruments, _DERIVED_OF_INSTRUMENTS)):
        for name in names:
            rows[name] = 0
    return {
        "account_ids": account_ids,
        "accounts": accounts,
        "instruments": instruments,
        **_stored_orders(columns, account_ids, places),
        "levels": _stored_levels(columns, places),
        "positions": _stored_positions(columns, account_ids, places),
        **_stored_trades(columns, places),
        **_stored_candles(columns, instrument_rows),
    }


def _stored_orders(columns: Columns, account_ids: np.ndarray, places: np.ndarray) -> Sections:
    live = int(columns.pools[ORDERS]["live"])
    orders, clients = np.zeros(live + 1, ORDER), np.zeros(live + 1, CLIENT)
    texts = np.zeros((live + 1) * TEXT_BYTES, np.uint8)
    count, clients_end, texts_end = store_orders(columns, account_ids, places, orders, clients, texts)
    assert count == live, "an order is neither open nor finished"
    return {"orders": orders[:count], "clients": clients[:clients_end], "texts": texts[:texts_end]}


def _stored_levels(columns: Columns, places: np.ndarray) -> np.ndarray:
    levels = columns.levels[columns.levels["order_count"] != 0]
    levels["instrument"] = places[levels["instrument"]]
    for name in _DERIVED_OF_LEVELS:
        levels[name] = 0
    return levels[np.lexsort((levels["price_ticks"], levels["side"], levels["instrument"]))]


def _stored_positions(columns: Columns, account_ids: np.ndarray, places: np.ndarray) -> np.ndarray:
    live = int(columns.pools[POSITIONS]["live"])
    positions = np.zeros(live + 1, POSITION)
    count = store_positions(columns, account_ids, places, positions)
    assert count == live, "a position is nobody's"
    return positions[:count]


def _stored_trades(columns: Columns, places: np.ndarray) -> Sections:
    rows = np.flatnonzero(columns.trades["kept"])
    rows = rows[np.argsort(columns.trades["number"][rows])]
    trades = columns.trades[rows]
    trades["instrument"] = places[trades["instrument"]]
    for name in _LINKS_OF_TRADES:
        trades[name] = 0
    texts = columns.trade_texts.reshape(-1, 2, TEXT_BYTES)[rows]
    lengths = np.stack([trades["text_bytes"], trades["counter_text_bytes"]], axis=1)
    return {"trades": trades, "trade_texts": texts[np.arange(TEXT_BYTES) < lengths[:, :, None]]}


def _stored_candles(columns: Columns, instrument_rows: np.ndarray) -> Sections:
    chains = columns.chains.reshape(-1, INTERVAL_COUNT)[instrument_rows].reshape(-1)
    candles = np.zeros(int(columns.pools[CANDLES]["live"]) + 1, CANDLE)
    if len(chains):
        store_candles(columns, chains, candles)
    chains["oldest"] = chains["newest"] = 0
    return {"chains": chains, "candles": candles[:-1]}


def load_sections(store: Store, sections: Sections, instrument_rows: np.ndarray) -> None:
    """Fill a store that has the accounts and instruments of these sections, at rows by place, and nothing else."""
    for pool, name in ((ORDERS, "orders"), (LEVELS, "levels"), (POSITIONS, "positions"), (TRADES, "trades")):
        store.reserve(pool, len(sections[name]))
    store.reserve(CANDLES, len(sections["candles"]) + 1)
    columns = store.columns
    stored = Stored(**{each.name: _not_empty(sections[each.name]) for each in fields(Stored)})
    columns.accounts[sections["account_ids"]] = sections["accounts"]
    kept = columns.instruments[instrument_rows[1:]]
    for name in INSTRUMENT.names or ():
        if name not in _DERIVED_OF_INSTRUMENTS:
            kept[name] = sections["instruments"][name]
    columns.instruments[instrument_rows[1:]] = kept
    load_levels(columns, stored, instrument_rows, len(sections["levels"]))
    load_orders(columns, stored, instrument_rows, len(sections["orders"]))
    load_positions(columns, stored, instrument_rows, len(sections["positions"]))
    load_trades(columns, stored, instrument_rows, len(sections["trades"]))
    load_candles(columns, stored, instrument_rows, len(sections["chains"]))


def _not_empty(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array) if len(array) else np.zeros(1, array.dtype)
