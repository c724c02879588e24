"""The channel `events`: all that happens to an account's orders, as the records of the engine, one frame a batch.

Frames are chained: each names the sequence of the one before. The first one says where the chain begins.
"""

import numpy as np

from exchange.published import Published
from exchange.view import MarketView
from gateway.binary_frames import FrameKind, events_of_account, write_frame
from gateway.outbox import BinaryMessage
from gateway.own_orders import is_named
from gateway.subscribers import Subscriber, offer_bytes
from gateway.topics import Topic
from kernels.records import picked


class EventFeed:
    """Tells accounts what happens to their orders."""

    def __init__(self, view: MarketView) -> None:
        self._view = view
        self._subscribers: dict[int, set[Subscriber]] = {}
        self._sequences: dict[int, int] = {}
        """Of the last frame of each account that somebody follows."""

    def subscribe(self, subscriber: Subscriber, topic: Topic, _: int | None = None) -> None:
        """Offer the place from which on all is told, and then that."""
        sequence = self._sequences.setdefault(topic.subject, self._view.sequence)
        self._subscribers.setdefault(topic.subject, set()).add(subscriber)
        frame = write_frame(FrameKind.EVENTS, 0, sequence=sequence, time_ns=self._view.time_ns)
        offer_bytes((subscriber,), BinaryMessage(frame))

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of an account."""
        subscribers = self._subscribers.get(topic.subject, set())
        subscribers.discard(subscriber)
        if not subscribers:
            self._subscribers.pop(topic.subject, None)
            self._sequences.pop(topic.subject, None)

    def sequence(self, _: Subscriber, topic: Topic) -> object:
        """Of the last frame."""
        return self._sequences[topic.subject]

    def hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        if not self._subscribers:
            return
        events = picked(batch.events, is_named(batch.events, self._subscribers))
        named = np.union1d(events["account_id"], events["counter_account_id"]).tolist() if len(events) else []
        for account_id in self._subscribers.keys() & named:
            records = events_of_account(events, account_id)
            if len(records):
                self._tell(account_id, records, batch.time_ns)

    def _tell(self, account_id: int, records: np.ndarray, time_ns: int) -> None:
        previous, sequence = self._sequences[account_id], self._view.sequence
        self._sequences[account_id] = sequence
        frame = write_frame(FrameKind.EVENTS, 0, records, first_sequence=previous, time_ns=time_ns, sequence=sequence)
        offer_bytes(self._subscribers[account_id], BinaryMessage(frame))
