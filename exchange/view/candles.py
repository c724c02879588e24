"""What tranches traded at over minutes, 5 minutes and hours of venue time: one candle for each in which they did.

Of each tranche and interval the latest are kept. A trade is entered once for each interval, whatever it came from.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

NANO_PER_S = 1_000_000_000
CANDLES_KEPT = 300
INTERVALS_S = {"1m": 60, "5m": 300, "1h": 3_600}


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

    def take(self, price_ticks: int, lots: int) -> None:
        """One more trade."""
        self.high_ticks = max(self.high_ticks, price_ticks)
        self.low_ticks = min(self.low_ticks, price_ticks)
        self.close_ticks = price_ticks
        self.lots += lots
        self.notional += price_ticks * lots
        self.trades += 1


class CandleRow(NamedTuple):
    """A candle in a dump."""

    instrument_id: int
    interval_s: int
    start_s: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    lots: int
    notional: int
    trades: int


@dataclass(slots=True)
class Candles:
    """Those of all tranches that have traded."""

    of_tranches: dict[int, dict[int, deque[Candle]]] = field(default_factory=dict)
    """By instrument and seconds of the interval, the newest last."""

    def add(self, instrument_id: int, time_ns: int, price_ticks: int, lots: int) -> None:
        """Enter a trade."""
        time_s = time_ns // NANO_PER_S
        if instrument_id not in self.of_tranches:
            self.of_tranches[instrument_id] = _no_candles()
        for interval_s, candles in self.of_tranches[instrument_id].items():
            start_s = time_s - time_s % interval_s
            if candles and candles[-1].start_s == start_s:
                candles[-1].take(price_ticks, lots)
            else:
                prices_ticks = (price_ticks,) * 4
                candles.append(Candle(start_s, *prices_ticks, lots, price_ticks * lots, 1))

    def latest(self, instrument_id: int, interval_s: int) -> list[Candle]:
        """All that are kept, the oldest first."""
        return list(self.of_tranches.get(instrument_id, {}).get(interval_s, ()))

    def drop_tranche(self, instrument_id: int) -> None:
        """Forget those of a tranche."""
        self.of_tranches.pop(instrument_id, None)

    def dump(self) -> list[CandleRow]:
        """All of them as plain values that do not change, in an order that equal ones share."""
        return [
            CandleRow(
                instrument_id,
                interval_s,
                each.start_s,
                each.open_ticks,
                each.high_ticks,
                each.low_ticks,
                each.close_ticks,
                each.lots,
                each.notional,
                each.trades,
            )
            for instrument_id, intervals in self.of_tranches.items()
            for interval_s, candles in intervals.items()
            for each in candles
        ]

    def load(self, rows: list[Any]) -> None:
        """Fill empty ones with what was dumped."""
        for instrument_id, interval_s, *values in rows:
            intervals = self.of_tranches.setdefault(instrument_id, _no_candles())
            intervals[interval_s].append(Candle(*values))


def _no_candles() -> dict[int, deque[Candle]]:
    return {interval_s: deque(maxlen=CANDLES_KEPT) for interval_s in INTERVALS_S.values()}
