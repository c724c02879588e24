"""Candles of the tranches that somebody follows: what was traded in each minute, five minutes or hour."""

from collections import defaultdict

from exchange.kinds import TRADE_KINDS
from exchange.published import Published
from exchange.symbols import NANO_PER_S
from exchange.units import format_ticks
from exchange.view import MarketView
from exchange.view.candles import Candle
from gateway.encoding.codec import average_text
from gateway.encoding.fields import time_text
from gateway.encoding.rows import Row
from gateway.feeds.messages import message
from gateway.feeds.subscribers import Audience, Subscriber
from gateway.feeds.topics import Topic, options_row

MS_PER_S = 1_000


class CandleFeed:
    """Tells the candles of each topic that a batch changed: the one at work, and those before it that it ended."""

    def __init__(self, view: MarketView) -> None:
        self._view = view
        self._audiences: defaultdict[int, Audience] = defaultdict(Audience)
        """By interval."""
        self._told_s: dict[Topic, int] = {}
        """Of each topic that is followed, where the latest candle began that was told."""

    def subscribe(self, subscriber: Subscriber, topic: Topic, _: int | None = None) -> None:
        """Offer the candles that are kept, and then those that change."""
        self._told_s.setdefault(topic, 0)
        first = self._message(topic, "snapshot", self._candles(topic))
        self._audiences[topic.interval_ms].add(subscriber, topic, first)

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of a topic."""
        if self._audiences[topic.interval_ms].discard(subscriber, topic):
            self._told_s.pop(topic, None)

    def sequence(self, subscriber: Subscriber, topic: Topic) -> object:
        """Of the last message."""
        return self._audiences[topic.interval_ms].sequence(subscriber, topic)

    def hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        if not self._told_s:
            return
        traded = set(batch.events["instrument_id"][TRADE_KINDS.among(batch.events["kind"])].tolist())
        for topic, told_s in self._told_s.items():
            if topic.subject in traded:
                changed = [each for each in self._candles(topic) if each.start_s >= told_s]
                self._audiences[topic.interval_ms].publish(topic, self._message(topic, "update", changed))

    def _candles(self, topic: Topic) -> list[Candle]:
        return self._view.candles.latest(topic.subject, topic.interval_ms // MS_PER_S)

    def _message(self, topic: Topic, kind: str, candles: list[Candle]) -> Row:
        """Candles of a topic; the latest of them was told."""
        if candles:
            self._told_s[topic] = candles[-1].start_s
        symbol: Row = {"symbol": self._view.tranches[topic.subject].symbol}
        rows = [candle_row(candle) for candle in candles]
        return message("candles", kind, self._view) | symbol | options_row(topic) | {"candles": rows}


def candle_row(candle: Candle) -> Row:
    """What a tranche traded at in an interval."""
    return {
        "start": time_text(candle.start_s * NANO_PER_S).replace(".000000Z", "Z"),
        "open": format_ticks(candle.open_ticks),
        "high": format_ticks(candle.high_ticks),
        "low": format_ticks(candle.low_ticks),
        "close": format_ticks(candle.close_ticks),
        "quantity": str(candle.lots),
        "average_price": average_text(candle.notional, candle.lots),
        "trades": candle.trades,
    }
