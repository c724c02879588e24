"""Who hears what. One listener on the exchange has each message built once a batch, and offers it to all who asked.

    batch ─▶ books, trades, own affairs  at once, one message for each topic that has subscribers
          └▶ conflated books, tickers    collected, and sent every tenth, every quarter of a second
    venue ─▶ all accounts                 looked at every quarter of a second while risk staff listen

A subscriber never makes the feed wait: it takes a message, or is cut off. Messages are built on the loop's thread while
the view stands still, so a snapshot and the updates after it fit together without a gap. They are offered one turn of
the loop later, in the order in which they were built: the replies of the same batch are due before that, so that nobody
hears of an order in a channel before the answer to it.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import NamedTuple, NoReturn, Protocol

import orjson

from exchange.margin.watch import RiskWatch
from exchange.service import Exchange, Published
from gateway.encoding.json_text import encode
from gateway.feeds import messages
from gateway.feeds.account import AccountFeed
from gateway.feeds.book import BookFeed
from gateway.feeds.candles import CandleFeed
from gateway.feeds.cells import CellFeed
from gateway.feeds.events import EventFeed
from gateway.feeds.order_book import OrderBookFeed
from gateway.feeds.public import PUBLIC_CHANNELS, PublicFeed
from gateway.feeds.recent_batches import RecentBatches
from gateway.feeds.risk import STAFF_CHANNELS, RiskFeed
from gateway.feeds.scopes import Calendar, moves_calendar
from gateway.feeds.subscribers import Subscriber, offer_to
from gateway.feeds.topics import BINARY_CHANNELS, CONFLATED_MS, PRIVATE_CHANNELS, Topic, topic_row
from gateway.settings import GatewaySettings

MS_PER_S = 1_000
UNREAD_EVENTS_MAX = 2_048
"""So many events, and what they changed is taken up even though nobody has asked for it yet."""


class Member(NamedTuple):
    """A connection: the topics that it follows now, and what it does when the calendar moves."""

    topics: Collection[Topic]
    roll: Callable[[Calendar], None]


class Part(Protocol):
    """The part of the feed that tells some of the channels."""

    def subscribe(self, subscriber: Subscriber, topic: Topic, since_sequence: int | None) -> None:
        """Offer what a subscriber begins with, and then what happens. Raises ApiError, and then does neither."""

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of a topic."""

    def sequence(self, subscriber: Subscriber, topic: Topic) -> object:
        """Of the last message that a subscriber was sent."""


class Feed:
    """Tells subscribers what changes. Call `start` before the first subscription, and `stop` in the end."""

    def __init__(self, exchange: Exchange, settings: GatewaySettings, watch: RiskWatch) -> None:
        self._exchange = exchange
        self._view = exchange.view
        self._settings = settings
        self._everyone: dict[Subscriber, Member] = {}
        self._books = BookFeed(exchange.view)
        self._recent = RecentBatches(exchange.view)
        self._accounts = AccountFeed(exchange.view, self._recent)
        self._public = PublicFeed(exchange.view)
        self._order_books = OrderBookFeed(exchange)
        self._candles = CandleFeed(exchange.view)
        self._events = EventFeed(exchange.view, self._recent)
        self._cells = CellFeed(exchange.view)
        self._risk = RiskFeed(exchange.view, watch)
        self._parts: dict[str, Part] = {"book": self._books, "book.l3": self._order_books, "candles": self._candles}
        self._parts["cells"] = self._cells
        self._parts |= dict.fromkeys(PUBLIC_CHANNELS, self._public)
        self._parts |= dict.fromkeys(PRIVATE_CHANNELS, self._accounts)
        self._parts |= dict.fromkeys(BINARY_CHANNELS, self._events)
        self._parts |= dict.fromkeys(STAFF_CHANNELS, self._risk)
        self._readers = SequenceWaiters()
        self._unread_events = 0
        """Since changes were taken up last."""
        self._stop_listening: Callable[[], None] | None = None
        self._timers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen to the exchange."""
        for tranche in self._view.take_changed():
            tranche.book.take_changes()
        self._recent.start()
        self._public.start()
        self._stop_listening = self._exchange.subscribe(self._hear)
        self._timers = [
            asyncio.create_task(_every(CONFLATED_MS / MS_PER_S, self._publish_books)),
            asyncio.create_task(_every(self._settings.ticker_interval_s, self._publish_tickers)),
            asyncio.create_task(_every(self._settings.heartbeat_interval_s, self._publish_heartbeats)),
            asyncio.create_task(self._risk.run()),
        ]

    def stop(self) -> None:
        """Listen no longer."""
        for timer in self._timers:
            timer.cancel()
        if self._stop_listening is not None:
            self._stop_listening()

    def join(self, subscriber: Subscriber, topics: Collection[Topic], roll: Callable[[Calendar], None]) -> None:
        """Let somebody hear heartbeats, which tell of the topics in a collection that lives as long as it does.

        `roll` is called when the calendar has moved.
        """
        self._everyone[subscriber] = Member(topics, roll)

    def leave(self, subscriber: Subscriber) -> None:
        """Forget somebody who is gone, and the topics it had."""
        member = self._everyone.pop(subscriber, None)
        for topic in member.topics if member is not None else ():
            self.unsubscribe(subscriber, topic)

    def subscribe(self, subscriber: Subscriber, topic: Topic, since_sequence: int | None = None) -> None:
        """Offer a snapshot now, or what happened after a sequence, and every change from here on.

        Who is subscribed already gets a fresh one. Raises ApiError.
        """
        # What the view has already is in the snapshot, and not told again.
        self._exchange.tell()
        self._take_up()
        self._parts[topic.channel].subscribe(subscriber, topic, since_sequence)

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of a topic."""
        self._parts[topic.channel].unsubscribe(subscriber, topic)

    async def reached(self, sequence: int) -> bool:
        """Wait until readers see a sequence, for a bounded time; whether they do."""
        if self._view.sequence >= sequence:
            return True
        return await self._readers.wait(sequence, self._settings.sequence_wait_s)

    def _hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        is_calendar_moved = moves_calendar(batch)
        self._unread_events += len(batch.events)
        if self._books.is_told_at_once or is_calendar_moved or self._unread_events > UNREAD_EVENTS_MAX:
            self._take_up()
        self._order_books.hear(batch)
        self._public.hear(batch)
        self._candles.hear(batch)
        self._recent.note(batch)
        self._accounts.hear(batch)
        self._events.hear(batch)
        if self._everyone and is_calendar_moved:
            calendar = Calendar(self._view)
            for member in self._everyone.values():
                member.roll(calendar)
        self._readers.wake(self._view.sequence)

    def _take_up(self) -> None:
        """Look which tranches changed; of many batches together where nobody hears of each change at once."""
        self._unread_events = 0
        changed = self._view.take_changed()
        for tranche in changed:
            self._books.hear(tranche)
        self._public.take_up(changed)
        self._cells.take_up(changed)

    def _publish_books(self) -> None:
        self._exchange.tell()
        self._take_up()
        self._books.publish_conflated()

    def _publish_tickers(self) -> None:
        self._exchange.tell()
        self._take_up()
        self._public.publish_tickers()
        self._cells.publish()

    def _publish_heartbeats(self) -> None:
        """Tell every connection how far each of its topics has come. Each topic is encoded once."""
        self._exchange.tell()
        encoded: dict[tuple[Topic, object], orjson.Fragment] = {}
        for subscriber, member in self._everyone.items():
            rows = []
            for topic in member.topics:
                sequence = self._parts[topic.channel].sequence(subscriber, topic)
                if (topic, sequence) not in encoded:
                    encoded[topic, sequence] = orjson.Fragment(
                        encode(topic_row(self._view, topic) | {"sequence": sequence})
                    )
                rows.append(encoded[topic, sequence])
            offer_to((subscriber,), messages.heartbeat(self._view) | {"topics": rows})


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
