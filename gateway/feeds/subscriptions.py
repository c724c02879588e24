"""What one connection follows: topics by name, and scopes that bring topics along and drop them again."""

from typing import NamedTuple

from exchange.view import MarketView
from gateway.encoding.rows import Row
from gateway.errors import ApiError, DoorError
from gateway.feeds.feed import Feed
from gateway.feeds.messages import message
from gateway.feeds.scopes import Calendar, Scope
from gateway.feeds.subscribers import Subscriber, offer_to
from gateway.feeds.topics import CHANNELS, Topic, options_row


class Following(NamedTuple):
    """A scope on a channel: `way` is the topic without its tranche."""

    way: Topic
    scope: Scope


class Subscriptions:
    """Topics and scopes of a connection, within one limit."""

    def __init__(self, feed: Feed, view: MarketView, subscriber: Subscriber, topics_max: int) -> None:
        self._feed = feed
        self._view = view
        self._subscriber = subscriber
        self._topics_max = topics_max
        self._named: set[Topic] = set()
        self._followed: dict[Following, set[Topic]] = {}
        self.topics: dict[Topic, None] = {}
        """All of them, those of scopes too."""

    def begin(self) -> None:
        """The connection is open."""
        self._feed.join(self._subscriber, self.topics, self.roll)

    def end(self) -> None:
        """The connection is gone."""
        self._feed.leave(self._subscriber)

    def subscribe(self, topic: Topic, since_sequence: int | None) -> None:
        """Follow a topic, or begin it anew. Raises ApiError."""
        self._check_room(0 if topic in self.topics else 1)
        self._feed.subscribe(self._subscriber, topic, since_sequence)
        self.topics[topic] = None
        self._named.add(topic)

    def unsubscribe(self, topic: Topic) -> None:
        """Follow a topic no longer, unless a scope has it. Raises ApiError."""
        if topic not in self._named:
            raise ApiError(DoorError.NOT_SUBSCRIBED)
        self._named.discard(topic)
        self._drop_unwanted(topic)

    def resync(self, topic: Topic) -> None:
        """Begin a topic anew. Raises ApiError."""
        if topic not in self.topics:
            raise ApiError(DoorError.NOT_SUBSCRIBED)
        self._feed.subscribe(self._subscriber, topic)

    def drop_private(self) -> None:
        """Follow nothing of the account any more."""
        for topic in [each for each in self._named if CHANNELS[each.channel].is_private]:
            self.unsubscribe(topic)

    def drop_of_staff(self) -> None:
        """Follow nothing that is for risk staff alone any more."""
        for topic in [each for each in self._named if CHANNELS[each.channel].is_of_staff]:
            self.unsubscribe(topic)

    def follow(self, following: Following) -> list[str]:
        """Follow the tranches of a scope from now on; the symbols that it has now. Raises ApiError."""
        tranches = Calendar(self._view).members(following.scope)
        topics = [following.way._replace(subject=each.instrument_id) for each in tranches]
        self._check_room(sum(topic not in self.topics for topic in topics))
        self._followed.setdefault(following, set())
        for topic in topics:
            self._join(following, topic)
        return [each.symbol for each in tranches]

    def unfollow(self, following: Following) -> None:
        """Follow the tranches of a scope no longer. Raises ApiError."""
        if following not in self._followed:
            raise ApiError(DoorError.NOT_SUBSCRIBED)
        for topic in self._followed.pop(following):
            self._drop_unwanted(topic)

    def roll(self, calendar: Calendar) -> None:
        """The calendar moved: drop what has left a scope, and take up what has come."""
        for following in self._followed:
            self._roll(following, calendar)

    def _roll(self, following: Following, calendar: Calendar) -> None:
        members = calendar.members(following.scope)
        symbols = {following.way._replace(subject=each.instrument_id): each.symbol for each in members}
        held = self._followed[following]
        left = [topic for topic in held if topic not in symbols]
        for topic in left:
            held.discard(topic)
            self._drop_unwanted(topic)
        wanted = [topic for topic in symbols if topic not in held]
        room = self._topics_max - len(self.topics)
        joined = wanted[: max(room, 0)]
        if left or joined:
            row = message("scope", "update", self._view) | _meant_by(following)
            told = {"joined": [symbols[topic] for topic in joined], "left": [self._symbol(topic) for topic in left]}
            offer_to((self._subscriber,), row | told | {"left_out": len(wanted) - len(joined)})
        for topic in joined:
            self._join(following, topic)

    def _join(self, following: Following, topic: Topic) -> None:
        """Begin a topic for a scope; it may be followed by name, and begins anew then."""
        self._feed.subscribe(self._subscriber, topic)
        self.topics[topic] = None
        self._followed[following].add(topic)

    def _drop_unwanted(self, topic: Topic) -> None:
        if topic not in self._named and not any(topic in topics for topics in self._followed.values()):
            self.topics.pop(topic, None)
            self._feed.unsubscribe(self._subscriber, topic)

    def _symbol(self, topic: Topic) -> str | None:
        tranche = self._view.tranches.get(topic.subject)
        return None if tranche is None else tranche.symbol

    def _check_room(self, more: int) -> None:
        if len(self.topics) + more > self._topics_max:
            raise ApiError(DoorError.TOO_MANY_SUBSCRIPTIONS)


def following_row(following: Following) -> Row:
    """A scope on a channel, as answers name it."""
    row = _meant_by(following)
    return {"channel": row.pop("of")} | row


def _meant_by(following: Following) -> Row:
    row: Row = {"of": following.way.channel, "scope": following.scope.as_row()}
    return row | options_row(following.way)
