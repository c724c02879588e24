"""Candles in the slow, obvious way: a trade changes its minute alone, and minutes go into the longer ones."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from exchange.view.candles import INTERVALS_S, Candle

MINUTE_S, *LONGER_S = INTERVALS_S.values()
NANO_PER_MINUTE = 60_000_000_000


def take(candle: Candle, price_ticks: int, lots: int) -> None:
    """One more trade."""
    candle.high_ticks = max(candle.high_ticks, price_ticks)
    candle.low_ticks = min(candle.low_ticks, price_ticks)
    candle.close_ticks = price_ticks
    candle.lots += lots
    candle.notional += price_ticks * lots
    candle.trades += 1


def followed_by(earlier: Candle, later: Candle) -> Candle:
    """Both as one."""
    return Candle(
        earlier.start_s,
        earlier.open_ticks,
        max(earlier.high_ticks, later.high_ticks),
        min(earlier.low_ticks, later.low_ticks),
        later.close_ticks,
        earlier.lots + later.lots,
        earlier.notional + later.notional,
        earlier.trades + later.trades,
    )


class TwinCandles:
    """Those of one tranche, the newest last; the longer ones without the latest minute."""

    def __init__(self, kept: int) -> None:
        self.minutes: deque[Candle] = deque(maxlen=kept)
        self.longer: dict[int, deque[Candle]] = {each: deque(maxlen=kept) for each in LONGER_S}

    def add(self, time_ns: int, price_ticks: int, lots: int) -> None:
        """Enter a trade."""
        start_s = time_ns // NANO_PER_MINUTE * MINUTE_S
        if self.minutes and self.minutes[-1].start_s == start_s:
            take(self.minutes[-1], price_ticks, lots)
            return
        if self.minutes:  # it is over
            for interval_s, candles in self.longer.items():
                fold(candles, interval_s, self.minutes[-1])
        self.minutes.append(Candle(start_s, *(price_ticks,) * 4, lots, price_ticks * lots, 1))

    def latest(self, interval_s: int) -> list[Candle]:
        """All that are kept of an interval, the latest minute included."""
        if interval_s == MINUTE_S:
            return list(self.minutes)
        candles = self.longer[interval_s].copy()
        if self.minutes:
            fold(candles, interval_s, self.minutes[-1])
        return list(candles)


def fold(candles: deque[Candle], interval_s: int, minute: Candle) -> None:
    """Let a minute be the last part of the longer candle in which it lies."""
    start_s = minute.start_s - minute.start_s % interval_s
    if candles and candles[-1].start_s == start_s:
        candles[-1] = followed_by(candles[-1], minute)
    else:
        candles.append(replace(minute, start_s=start_s))
