"""Trades and tickers, for everybody."""

from collections.abc import Iterable

from exchange.published import Published
from exchange.view import MarketView, TrancheView
from gateway.messages import snapshot, ticker_update, trades_updates
from gateway.subscribers import Audience, Subscriber
from gateway.topics import Topic


class PublicFeed:
    """Trades at once; tickers collected, and told when `publish_tickers` is called."""

    def __init__(self, view: MarketView) -> None:
        self._view = view
        self._audience = Audience()
        self._changed: dict[int, TrancheView] = {}

    def subscribe(self, subscriber: Subscriber, topic: Topic, _: int | None = None) -> None:
        """Offer a snapshot now, and every change from here on."""
        self._audience.add(subscriber, topic, snapshot(self._view, topic))

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of a topic."""
        self._audience.discard(subscriber, topic)

    def sequence(self, subscriber: Subscriber, topic: Topic) -> object:
        """Of the last message."""
        return self._audience.sequence(subscriber, topic)

    def hear(self, batch: Published, changed: Iterable[TrancheView]) -> None:
        """A batch is durable, and the view has it."""
        self._changed.update((tranche.instrument_id, tranche) for tranche in changed)
        if self._audience.subjects("trades"):
            for subject, update in trades_updates(self._view, batch).items():
                self._audience.publish(Topic("trades", subject), update)

    def publish_tickers(self) -> None:
        """The time of tickers has come."""
        changed, self._changed = self._changed, {}
        if changed and self._audience.subjects("ticker"):
            self._audience.publish(Topic("ticker"), ticker_update(self._view, changed.values()))
            for instrument_id in self._audience.subjects("ticker") & changed.keys():
                tranche = changed[instrument_id]
                update = ticker_update(self._view, (tranche,)) | {"symbol": tranche.symbol}
                self._audience.publish(Topic("ticker", instrument_id), update)
