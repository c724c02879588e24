"""Trades as readers see them, made of the rows in which they are kept."""

import numpy as np

from exchange.view.columns.reading import list_trades
from exchange.view.columns.schema import TRADE
from exchange.view.columns.store import Store
from exchange.view.records import TradeView
from kernels.records import names_of

_NAMES = names_of(TRADE)
_AT = {name: _NAMES.index(name) for name in _NAMES}
_SEQUENCE, _INDEX, _INSTRUMENT = _AT["sequence"], _AT["index"], _AT["instrument"]
_PRICE, _LOTS, _TIME = _AT["price_ticks"], _AT["quantity_lots"], _AT["time_ns"]
_SIDE, _IS_AUCTION = _AT["side"], _AT["is_auction"]


def trade_of(store: Store, fields: tuple[int, ...], instrument_id: int) -> TradeView:
    """One trade, of the fields of its row."""
    return TradeView(
        fields[_SEQUENCE],
        fields[_INDEX],
        instrument_id,
        store.symbols[fields[_INSTRUMENT]],
        fields[_PRICE],
        fields[_LOTS],
        None if fields[_IS_AUCTION] else fields[_SIDE],
        fields[_TIME],
    )


def trades_of(store: Store, rows: np.ndarray) -> list[TradeView]:
    """The trades of some rows."""
    columns = store.columns
    instrument_ids = columns.instruments["instrument_id"][columns.trades["instrument"][rows]].tolist()
    fields = columns.trades[rows].tolist()
    return [trade_of(store, each, instrument_id) for each, instrument_id in zip(fields, instrument_ids, strict=True)]


def tranche_trades(store: Store, row: int) -> list[TradeView]:
    """The latest trades of a tranche, the newest last."""
    rows = np.zeros(int(store.columns.instruments[row]["trade_count"]), np.uint32)
    list_trades(store.columns, row, rows)
    return trades_of(store, rows)


def tape(store: Store) -> list[TradeView]:
    """The latest trades of all tranches, the newest last."""
    counters, ring = store.counters, store.columns.market_trades
    first = max(int(counters["trades_oldest"]), int(counters["trades_end"]) - store.bounds.tape)
    numbers = np.arange(first, int(counters["trades_end"]))
    return trades_of(store, ring[numbers & len(ring) - 1])
