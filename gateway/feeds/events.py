"""The channel `events`: all that happens to an account's orders, as the records of the engine, one frame a batch.

Frames are chained: each names the sequence of the one before. The first one says where the chain begins, and has what
was missed, for whoever asks for that.
"""

import numpy as np

from exchange.published import Published
from exchange.view import MarketView
from gateway.encoding.binary_frames import FrameKind, events_of_account, write_frame
from gateway.feeds.event_history import EventHistories
from gateway.feeds.outbox import BinaryMessage
from gateway.feeds.own_orders import is_named
from gateway.feeds.recent_batches import RecentBatches
from gateway.feeds.subscribers import Subscriber, offer_bytes
from gateway.feeds.topics import Topic
from kernels.records import picked


class EventFeed:
    """Tells accounts what happens to their orders."""

    def __init__(self, view: MarketView, recent: RecentBatches) -> None:
        self._view = view
        self._subscribers: dict[int, set[Subscriber]] = {}
        self._histories = EventHistories(view, recent)

    def subscribe(self, subscriber: Subscriber, topic: Topic, since_sequence: int | None) -> None:
        """Offer the place from which on all is told, or all that happened after a sequence, and then what happens.

        Raises ApiError where that is not known any more.
        """
        account_id = topic.subject
        self._histories.follow(account_id, self._subscribers.keys())
        missed = None if since_sequence is None else self._histories.since(account_id, since_sequence)
        self._subscribers.setdefault(account_id, set()).add(subscriber)
        sequence = self._histories.last_sequence(account_id)
        continued = sequence if since_sequence is None else min(since_sequence, sequence)
        offer_bytes((subscriber,), self._frame(continued, sequence, self._view.time_ns, missed))

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of an account."""
        subscribers = self._subscribers.get(topic.subject, set())
        subscribers.discard(subscriber)
        if not subscribers:
            self._subscribers.pop(topic.subject, None)

    def sequence(self, _: Subscriber, topic: Topic) -> object:
        """Of the last frame."""
        return self._histories.last_sequence(topic.subject)

    def hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        listening = self._histories.account_ids
        if not listening:
            return
        events = picked(batch.events, is_named(batch.events, listening))
        named = np.union1d(events["account_id"], events["counter_account_id"]).tolist() if len(events) else []
        for account_id in listening & named:
            records = events_of_account(events, account_id)
            if len(records):
                self._tell(account_id, records, batch.time_ns)

    def _tell(self, account_id: int, records: np.ndarray, time_ns: int) -> None:
        previous, sequence = self._histories.last_sequence(account_id), self._view.sequence
        self._histories.add(account_id, records, sequence)
        subscribers = self._subscribers.get(account_id)
        if subscribers:
            offer_bytes(subscribers, self._frame(previous, sequence, time_ns, records))

    def _frame(self, previous: int, sequence: int, time_ns: int, records: np.ndarray | None) -> BinaryMessage:
        frame = write_frame(FrameKind.EVENTS, 0, records, first_sequence=previous, time_ns=time_ns, sequence=sequence)
        return BinaryMessage(frame)
