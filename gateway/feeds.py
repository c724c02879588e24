"""Who hears what. One listener on the exchange has each message built once a batch, and offers it to all who asked.

    batch ─▶ books, trades, own affairs  at once, one message for each topic that has subscribers
          └▶ conflated books, tickers    collected, and sent every tenth, every quarter of a second

A subscriber never makes the feed wait: it takes a message, or is cut off. Messages are built on the loop's thread while
the view stands still, so a snapshot and the updates after it fit together without a gap. They are offered one turn of
the loop later, in the order in which they were built: the replies of the same batch are due before that, so that nobody
hears of an order in a channel before the answer to it.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import NoReturn

from exchange.service import Exchange, Published
from exchange.view import TrancheView
from gateway import messages
from gateway.book_feed import BookFeed
from gateway.rows import Row
from gateway.settings import GatewaySettings
from gateway.subscribers import Subscriber, offer_to
from gateway.topics import CHANNELS, CONFLATED_MS, EVERYTHING, Topic

MS_PER_S = 1_000


class Feed:
    """Tells subscribers what changes. Call `start` before the first subscription, and `stop` in the end."""

    def __init__(self, exchange: Exchange, settings: GatewaySettings) -> None:
        self._exchange = exchange
        self._view = exchange.view
        self._settings = settings
        self._subscribers: dict[str, dict[int, set[Subscriber]]] = {channel: {} for channel in CHANNELS}
        self._everyone: set[Subscriber] = set()
        self._books = BookFeed(exchange.view)
        self._changed_tickers: dict[int, TrancheView] = {}
        self._readers = SequenceWaiters()
        self._stop_listening: Callable[[], None] | None = None
        self._timers: list[asyncio.Task[NoReturn]] = []

    def start(self) -> None:
        """Begin to listen to the exchange."""
        for tranche in self._view.take_changed():
            tranche.book.take_changes()
        self._stop_listening = self._exchange.subscribe(self._hear)
        self._timers = [
            asyncio.create_task(_every(CONFLATED_MS / MS_PER_S, self._books.publish_conflated)),
            asyncio.create_task(_every(self._settings.ticker_interval_s, self._publish_tickers)),
            asyncio.create_task(_every(self._settings.heartbeat_interval_s, self._publish_heartbeat)),
        ]

    def stop(self) -> None:
        """Listen no longer."""
        for timer in self._timers:
            timer.cancel()
        if self._stop_listening is not None:
            self._stop_listening()

    def join(self, subscriber: Subscriber) -> None:
        """Let somebody hear heartbeats."""
        self._everyone.add(subscriber)

    def leave(self, subscriber: Subscriber, topics: Iterable[Topic]) -> None:
        """Forget somebody who is gone, and the topics it had."""
        self._everyone.discard(subscriber)
        for topic in topics:
            self.unsubscribe(subscriber, topic)

    def subscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer a snapshot now and every change from here on; who is subscribed already gets a fresh snapshot."""
        if topic.channel == "book":
            self._books.subscribe(subscriber, topic)
            return
        self._subscribers[topic.channel].setdefault(topic.subject, set()).add(subscriber)
        offer_to((subscriber,), messages.snapshot(self._view, topic))

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of a topic."""
        if topic.channel == "book":
            self._books.unsubscribe(subscriber, topic)
            return
        subscribers = self._subscribers[topic.channel].get(topic.subject, set())
        subscribers.discard(subscriber)
        if not subscribers:
            self._subscribers[topic.channel].pop(topic.subject, None)

    async def reached(self, sequence: int) -> bool:
        """Wait until readers see a sequence, for a bounded time; whether they do."""
        if self._view.sequence >= sequence:
            return True
        return await self._readers.wait(sequence, self._settings.sequence_wait_s)

    def _hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        for tranche in self._view.take_changed():
            self._changed_tickers[tranche.instrument_id] = tranche
            self._books.hear(tranche)
        if self._subscribers["trades"]:
            self._publish_all("trades", messages.trades_updates(self._view, batch))
        accounts = self._subscribers["orders"]
        if accounts:
            self._publish_all("orders", messages.orders_updates(self._view, batch, accounts.keys()))
        accounts = self._subscribers["account"]
        if accounts:
            self._publish_all("account", messages.account_updates(self._view, batch, accounts.keys()))
        self._readers.wake(self._view.sequence)

    def _publish_tickers(self) -> None:
        tranches, self._changed_tickers = self._changed_tickers, {}
        if tranches and self._subscribers["ticker"]:
            self._publish("ticker", EVERYTHING, messages.ticker_update(self._view, tranches.values()))

    def _publish_heartbeat(self) -> None:
        offer_to(self._everyone, messages.heartbeat(self._view))

    def _publish_all(self, channel: str, updates: dict[int, Row]) -> None:
        for subject, message in updates.items():
            self._publish(channel, subject, message)

    def _publish(self, channel: str, subject: int, message: Row) -> None:
        subscribers = self._subscribers[channel].get(subject)
        if subscribers:
            offer_to(subscribers, message)


class SequenceWaiters:
    """Readers that wait for the market to come as far as an answer that they have seen."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], int] = {}

    async def wait(self, sequence: int, timeout_s: float) -> bool:
        """Whether `wake` was called with this sequence or a later one in time."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = sequence
        try:
            done, _ = await asyncio.wait([future], timeout=timeout_s)
        finally:
            del self._waiting[future]
        return bool(done)

    def wake(self, sequence: int) -> None:
        """Let go whoever waits for this sequence or an earlier one."""
        for future, wanted in self._waiting.items():
            if wanted <= sequence and not future.done():
                future.set_result(None)


async def _every(interval_s: float, publish: Callable[[], None]) -> NoReturn:
    while True:
        await asyncio.sleep(interval_s)
        publish()
