"""What tranches traded at over minutes, 5 minutes and hours of venue time: one candle for each in which they did.

Of each tranche and interval the latest are kept. A trade changes the candle of its minute alone; a minute that is over
goes into the longer ones, and the one that is not is added to them when they are read.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

NANO_PER_MINUTE = 60_000_000_000
CANDLES_KEPT = 300
MINUTE_S = 60
LONGER_S = (300, 3_600)
INTERVALS_S = dict(zip(("1m", "5m", "1h"), (MINUTE_S, *LONGER_S), strict=True))


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
        if price_ticks > self.high_ticks:
            self.high_ticks = price_ticks
        elif price_ticks < self.low_ticks:
            self.low_ticks = price_ticks
        self.close_ticks = price_ticks
        self.lots += lots
        self.notional += price_ticks * lots
        self.trades += 1

    def followed_by(self, later: Candle) -> Candle:
        """Both as one."""
        return Candle(
            self.start_s,
            self.open_ticks,
            max(self.high_ticks, later.high_ticks),
            min(self.low_ticks, later.low_ticks),
            later.close_ticks,
            self.lots + later.lots,
            self.notional + later.notional,
            self.trades + later.trades,
        )


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


def _no_candles() -> deque[Candle]:
    return deque(maxlen=CANDLES_KEPT)


@dataclass(slots=True)
class TrancheCandles:
    """Those of one tranche, the newest last; the longer ones without the latest minute."""

    minutes: deque[Candle] = field(default_factory=_no_candles)
    longer: dict[int, deque[Candle]] = field(default_factory=lambda: {each: _no_candles() for each in LONGER_S})

    def begin_minute(self, start_s: int, price_ticks: int, lots: int) -> None:
        """The first trade of a minute: the one before is over."""
        if self.minutes:
            for interval_s, candles in self.longer.items():
                _fold(candles, interval_s, self.minutes[-1])
        prices_ticks = (price_ticks,) * 4
        self.minutes.append(Candle(start_s, *prices_ticks, lots, price_ticks * lots, 1))

    def latest(self, interval_s: int) -> list[Candle]:
        """All that are kept of an interval, the latest minute included."""
        if interval_s == MINUTE_S:
            return list(self.minutes)
        candles = self.longer[interval_s].copy()
        if self.minutes:
            _fold(candles, interval_s, self.minutes[-1])
        return list(candles)

    def rows(self, instrument_id: int) -> list[CandleRow]:
        """All of them as they are kept."""
        by_interval = ((MINUTE_S, self.minutes), *self.longer.items())
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
            for interval_s, candles in by_interval
            for each in candles
        ]


@dataclass(slots=True)
class Candles:
    """Those of all tranches that have traded."""

    of_tranches: dict[int, TrancheCandles] = field(default_factory=dict)

    def add(self, instrument_id: int, time_ns: int, price_ticks: int, lots: int) -> None:
        """Enter a trade."""
        own = self.of_tranches.get(instrument_id)
        if own is None:
            own = self.of_tranches[instrument_id] = TrancheCandles()
        start_s = time_ns // NANO_PER_MINUTE * MINUTE_S
        if own.minutes and own.minutes[-1].start_s == start_s:
            own.minutes[-1].take(price_ticks, lots)
        else:
            own.begin_minute(start_s, price_ticks, lots)

    def latest(self, instrument_id: int, interval_s: int) -> list[Candle]:
        """All that are kept, the oldest first."""
        own = self.of_tranches.get(instrument_id)
        return own.latest(interval_s) if own else []

    def drop_tranche(self, instrument_id: int) -> None:
        """Forget those of a tranche."""
        self.of_tranches.pop(instrument_id, None)

    def dump(self) -> list[CandleRow]:
        """All of them as plain values that do not change, in an order that equal ones share."""
        return [row for instrument_id, own in self.of_tranches.items() for row in own.rows(instrument_id)]

    def load(self, rows: list[Any]) -> None:
        """Fill empty ones with what was dumped."""
        for instrument_id, interval_s, *values in rows:
            own = self.of_tranches.setdefault(instrument_id, TrancheCandles())
            (own.minutes if interval_s == MINUTE_S else own.longer[interval_s]).append(Candle(*values))


def _fold(candles: deque[Candle], interval_s: int, minute: Candle) -> None:
    """Let a minute be the last part of the longer candle in which it lies."""
    start_s = minute.start_s - minute.start_s % interval_s
    if candles and candles[-1].start_s == start_s:
        candles[-1] = candles[-1].followed_by(minute)
    else:
        candles.append(replace(minute, start_s=start_s))
