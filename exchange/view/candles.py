"""What tranches traded at over minutes, 5 minutes and hours of venue time, made of the rows in which it is kept."""

from dataclasses import dataclass

import numpy as np

from exchange.view.columns.reading import list_candles
from exchange.view.columns.schema import FIVE_MINUTES_S, HOUR_S, INTERVAL_COUNT, MINUTE_S, NIL
from exchange.view.columns.store import Store

INTERVALS_S = {"1m": MINUTE_S, "5m": FIVE_MINUTES_S, "1h": HOUR_S}
_PLACES = {interval_s: place for place, interval_s in enumerate(INTERVALS_S.values())}
_NAMES = ("start_s", "open_ticks", "high_ticks", "low_ticks", "close_ticks", "lots")


@dataclass(slots=True)
class Candle:
    """One interval of a tranche in which something traded."""

    start_s: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    lots: int
    notional: int  # the sum of ticks x lots
    trades: int


class Candles:
    """Those of all tranches that have traded."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def latest(self, instrument_id: int, interval_s: int) -> list[Candle]:
        """All that are kept of a tranche, the oldest first."""
        row = self._store.row_of(instrument_id)
        if row == NIL:
            return []
        columns, chain = self._store.columns, INTERVAL_COUNT * row + _PLACES[interval_s]
        rows = np.zeros(int(columns.chains[chain]["count"]), np.uint32)
        list_candles(columns, chain, rows)
        kept = columns.candles[rows]
        words = zip(kept["notional_high"].tolist(), kept["notional_low"].tolist(), strict=True)
        notionals = [high << 64 | low for high, low in words]
        return list(map(Candle, *(kept[name].tolist() for name in _NAMES), notionals, kept["trades"].tolist()))
