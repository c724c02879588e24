"""Candles of the tranches that somebody follows: what was traded in each minute, five minutes or hour of UTC."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from exchange.published import Published
from exchange.units import format_ticks
from exchange.view import MarketView, TradeView
from exchange.view.batches import OrderEvent
from exchange.view.records import TRADES_KEPT
from gateway.fields import time_text
from gateway.messages import TRADE_KINDS, message, trade_of
from gateway.rows import Row
from gateway.subscribers import Audience, Subscriber
from gateway.topics import Topic, options_row

NANO_PER_MS = 1_000_000


@dataclass(slots=True)
class Candle:
    """What was traded in one interval."""

    start_ns: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    lots: int = 0
    trades: int = 0
    is_whole: bool = True  # or its first trades are forgotten

    def add(self, trade: TradeView) -> None:
        """Take in a trade, the latest so far."""
        self.high_ticks = max(self.high_ticks, trade.price_ticks)
        self.low_ticks = min(self.low_ticks, trade.price_ticks)
        self.close_ticks = trade.price_ticks
        self.lots += trade.quantity_lots
        self.trades += 1

    def as_row(self) -> Row:
        """As messages tell it."""
        return {
            "start": time_text(self.start_ns),
            "open": format_ticks(self.open_ticks),
            "high": format_ticks(self.high_ticks),
            "low": format_ticks(self.low_ticks),
            "close": format_ticks(self.close_ticks),
            "quantity": str(self.lots),
            "trades": self.trades,
            "is_whole": self.is_whole,
        }


class CandleFeed:
    """Tells the candle at work of each topic after every batch that traded."""

    def __init__(self, view: MarketView) -> None:
        self._view = view
        self._audiences: defaultdict[int, Audience] = defaultdict(Audience)
        """By interval."""
        self._latest: dict[Topic, Candle | None] = {}
        """Of each topic that is followed, the candle at work."""

    def subscribe(self, subscriber: Subscriber, topic: Topic, _: int | None = None) -> None:
        """Offer the candles of the trades that are remembered, and then those that change."""
        candles = self._remembered(topic)
        self._latest[topic] = candles[-1] if candles else None
        first = self._message(topic, "snapshot", candles)
        self._audiences[topic.interval_ms].add(subscriber, topic, first)

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of a topic."""
        if self._audiences[topic.interval_ms].discard(subscriber, topic):
            self._latest.pop(topic, None)

    def sequence(self, subscriber: Subscriber, topic: Topic) -> object:
        """Of the last message."""
        return self._audiences[topic.interval_ms].sequence(subscriber, topic)

    def hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        if not self._latest:
            return
        events = batch.events[np.isin(batch.events["kind"], TRADE_KINDS)]
        trades: defaultdict[int, list[TradeView]] = defaultdict(list)
        for event in map(OrderEvent._make, events.tolist()):
            trades[event.instrument_id].append(trade_of(self._view, event, batch.time_ns))
        for topic in [each for each in self._latest if each.subject in trades]:
            candles = _candles(trades[topic.subject], topic.interval_ms, self._latest[topic])
            self._latest[topic] = candles[-1]
            self._audiences[topic.interval_ms].publish(topic, self._message(topic, "update", candles))

    def _remembered(self, topic: Topic) -> list[Candle]:
        """Of the oldest, trades may be forgotten; the one at work is known best if somebody follows it."""
        trades = self._view.tranches[topic.subject].trades
        candles = _candles(trades, topic.interval_ms, None)
        if len(trades) == TRADES_KEPT:
            candles[0].is_whole = False
        latest = self._latest.get(topic)
        return candles if latest is None else [*(each for each in candles if each.start_ns < latest.start_ns), latest]

    def _message(self, topic: Topic, kind: str, candles: list[Candle]) -> Row:
        symbol: Row = {"symbol": self._view.tranches[topic.subject].symbol}
        rows = [candle.as_row() for candle in candles]
        return message("candles", kind, self._view) | symbol | options_row(topic) | {"candles": rows}


def _candles(trades: Iterable[TradeView], interval_ms: int, latest: Candle | None) -> list[Candle]:
    """The candles of some trades, the first of which may go on with the latest before."""
    interval_ns = interval_ms * NANO_PER_MS
    candles: list[Candle] = []
    for trade in trades:
        start_ns = trade.time_ns // interval_ns * interval_ns
        if latest is None or latest.start_ns != start_ns:
            latest = Candle(start_ns, *(trade.price_ticks,) * 4)
        latest.add(trade)
        if not candles or candles[-1] is not latest:
            candles.append(latest)
    return candles
