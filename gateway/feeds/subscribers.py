"""Whoever listens, and how messages reach them: built at once, while the view stands still, and offered one turn of the
loop later, in the order in which they were built, so that the replies of the same batch are out before.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, KeysView
from typing import Protocol

from gateway.encoding.json_text import encode
from gateway.encoding.rows import Row
from gateway.feeds.topics import Topic


class Subscriber(Protocol):
    """Whoever listens."""

    @property
    def is_behind(self) -> bool:
        """Whether much of what was offered has not gone out: what can be summed up should wait."""

    def offer(self, message: bytes) -> None:
        """Take a message without waiting, or be cut off."""


def offer_to(subscribers: Iterable[Subscriber], message: Row) -> None:
    """Encode once, for those who listen now."""
    offer_bytes(subscribers, encode(message))


def offer_bytes(subscribers: Iterable[Subscriber], payload: bytes) -> None:
    """The same with a message that is encoded already."""
    asyncio.get_running_loop().call_soon(_deliver, tuple(subscribers), payload)


def _deliver(subscribers: tuple[Subscriber, ...], payload: bytes) -> None:
    for subscriber in subscribers:
        subscriber.offer(payload)


class Audience:
    """Who follows which topics, and the sequence of the last message of each."""

    def __init__(self) -> None:
        self._subscribers: defaultdict[str, dict[int, set[Subscriber]]] = defaultdict(dict)
        self._sequences: dict[Topic, object] = {}

    def add(self, subscriber: Subscriber, topic: Topic, first: Row) -> None:
        """Let somebody hear a topic, beginning with a message for it alone."""
        self._subscribers[topic.channel].setdefault(topic.subject, set()).add(subscriber)
        self._sequences.setdefault(topic, first["sequence"])
        offer_to((subscriber,), first)

    def discard(self, subscriber: Subscriber, topic: Topic) -> bool:
        """Offer nothing more of a topic; whether nobody follows it any more."""
        subscribers = self._subscribers[topic.channel].get(topic.subject, set())
        subscribers.discard(subscriber)
        if not subscribers:
            self._subscribers[topic.channel].pop(topic.subject, None)
            self._sequences.pop(topic, None)
        return not subscribers

    @property
    def is_empty(self) -> bool:
        """Whether nobody follows anything."""
        return not self._sequences

    def subjects(self, channel: str) -> KeysView[int]:
        """Of whom somebody hears on a channel."""
        return self._subscribers[channel].keys()

    def followers(self, topic: Topic) -> Collection[Subscriber]:
        """Who hears a topic."""
        return self._subscribers[topic.channel].get(topic.subject, ())

    def publish(self, topic: Topic, message: Row) -> None:
        """Tell all who follow a topic, if anybody does."""
        subscribers = self.followers(topic)
        if subscribers:
            self.publish_to(subscribers, topic, message)

    def publish_to(self, subscribers: Iterable[Subscriber], topic: Topic, message: Row) -> None:
        """Tell some of them."""
        self._sequences[topic] = message["sequence"]
        offer_to(subscribers, message)

    def sequence(self, _: Subscriber, topic: Topic) -> object:
        """Of the last message of a topic."""
        return self._sequences[topic]
