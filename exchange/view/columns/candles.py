"""What tranches traded at over minutes, 5 minutes and hours of venue time: one candle for each in which they did.

A trade changes the candle of each interval that it lies in, or begins one. Of each tranche and interval the latest are
kept.
"""

import numpy as np

from exchange.view.columns.pools import give_back, take_row
from exchange.view.columns.schema import (
    CANDLES,
    FIVE_MINUTES_S,
    HOUR_S,
    INTERVAL_COUNT,
    MINUTE_S,
    NANO_PER_MINUTE,
    NIL,
)
from kernels.compile import inlined, outlined


@inlined
def add_to_candles(columns, instrument, time_ns, price_ticks, lots):
    """Enter a trade."""
    minute_s = time_ns // NANO_PER_MINUTE * MINUTE_S
    first = INTERVAL_COUNT * instrument
    add_to_interval(columns, first, minute_s, price_ticks, lots)
    add_to_interval(columns, first + 1, minute_s - minute_s % FIVE_MINUTES_S, price_ticks, lots)
    add_to_interval(columns, first + 2, minute_s - minute_s % HOUR_S, price_ticks, lots)


@inlined
def add_to_interval(columns, chain, start_s, price_ticks, lots):
    """Change the newest candle of a chain, or begin one."""
    newest = np.int64(columns.chains[chain]["newest"])
    if newest == NIL or columns.candles[newest]["start_s"] != start_s:
        newest = begin_candle(columns, chain, start_s, price_ticks)
    candle = columns.candles[newest]
    candle["high_ticks"] = max(np.int64(candle["high_ticks"]), price_ticks)
    candle["low_ticks"] = min(np.int64(candle["low_ticks"]), price_ticks)
    candle["close_ticks"] = price_ticks
    candle["lots"] += lots
    candle["trades"] += np.uint32(1)
    notional = np.uint64(price_ticks * lots)
    low = candle["notional_low"] + notional
    if low < notional:
        candle["notional_high"] += np.uint64(1)
    candle["notional_low"] = low


@outlined
def begin_candle(columns, chain, start_s, price_ticks):
    """A candle without a trade yet, the newest of its chain; the oldest goes when there are too many."""
    row = link_candle(columns, chain)
    candle = columns.candles[row]
    candle["start_s"] = start_s
    candle["open_ticks"] = price_ticks
    candle["high_ticks"] = price_ticks
    candle["low_ticks"] = price_ticks
    candle["close_ticks"] = price_ticks
    candle["lots"] = 0
    candle["trades"] = 0
    candle["notional_low"] = 0
    candle["notional_high"] = 0
    return row


@inlined
def link_candle(columns, chain):
    """A row at the new end of a chain."""
    ends = columns.chains[chain]
    row = take_row(columns.pools[CANDLES], columns.candles)
    columns.candles[row]["next"] = NIL
    if ends["newest"] == NIL:
        ends["oldest"] = row
    else:
        columns.candles[np.int64(ends["newest"])]["next"] = row
    ends["newest"] = row
    ends["count"] += np.uint32(1)
    while ends["count"] > columns.counters[0]["candles_kept"]:
        drop_oldest_candle(columns, ends)
    return row


@inlined
def drop_oldest_candle(columns, ends):
    """Forget one."""
    row = np.int64(ends["oldest"])
    ends["oldest"] = columns.candles[row]["next"]
    if ends["oldest"] == NIL:
        ends["newest"] = NIL
    ends["count"] -= np.uint32(1)
    give_back(columns.pools[CANDLES], columns.candles, row)


@inlined
def drop_candles(columns, instrument):
    """Forget all of a tranche."""
    for chain in range(INTERVAL_COUNT * instrument, INTERVAL_COUNT * (instrument + 1)):
        ends = columns.chains[chain]
        while ends["count"] != 0:
            drop_oldest_candle(columns, ends)
