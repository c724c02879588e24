"""Books that are followed: one state for each tranche, depth and interval, and one encoding for all who share it.

    batch ─▶ touched prices ─▶ raw groups         told at once
                            └▶ conflated groups   told every 100 ms: the net change since their last message

A group remembers the levels that it told last. A delta is what became different since, and its chain goes from message
to message of the group. A conflated subscriber whose messages pile up is passed over; once it has caught up it gets the
net change since what it was told last, and goes on with the others.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from exchange.view import BookView, MarketView, TrancheView
from gateway.encoding.json_text import encode
from gateway.encoding.rows import Level, Row, book_levels, changed_levels, stamp
from gateway.feeds.book_checksum import CHECKED_LEVELS, checksum
from gateway.feeds.subscribers import Subscriber, offer_bytes, offer_to
from gateway.feeds.topics import ALL_LEVELS, RAW_MS, Topic, options_row
from matching.schema import Side

LATE_LEVELS_MAX = 4_096
"""Who has missed changes of more levels than this gets a snapshot."""

Changes = dict[tuple[int, int], int]
"""(side, price_ticks) -> lots."""


class BookFeed:
    """All books that somebody follows."""

    def __init__(self, view: MarketView) -> None:
        self._view = view
        self._groups: defaultdict[int, dict[Topic, BookGroup]] = defaultdict(dict)
        self._raw_groups = 0
        self._due: dict[Topic, BookGroup] = {}
        """Conflated groups that have something to tell, or somebody who is late."""

    @property
    def is_told_at_once(self) -> bool:
        """Whether anybody hears of every change when it happens."""
        return self._raw_groups > 0

    def subscribe(self, subscriber: Subscriber, topic: Topic, _: int | None = None) -> None:
        """Offer a snapshot, and every change from there on."""
        group = self._groups[topic.subject].get(topic)
        if group is None:
            group = self._groups[topic.subject][topic] = BookGroup(self._view.tranches[topic.subject], topic)
            self._raw_groups += topic.interval_ms == RAW_MS
        group.subscribers.add(subscriber)
        group.late.pop(subscriber, None)
        offer_bytes((subscriber,), group.snapshot(self._view))

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of a book."""
        group = self._groups[topic.subject].get(topic)
        if group is not None:
            group.subscribers.discard(subscriber)
            group.late.pop(subscriber, None)
            if not group.subscribers:
                del self._groups[topic.subject][topic]
                self._raw_groups -= topic.interval_ms == RAW_MS
                self._due.pop(topic, None)
        if not self._groups[topic.subject]:
            del self._groups[topic.subject]

    def sequence(self, subscriber: Subscriber, topic: Topic) -> int:
        """Of the last message that a subscriber was sent."""
        group = self._groups[topic.subject][topic]
        late = group.late.get(subscriber)
        return group.sequence if late is None else late.sequence

    def hear(self, tranche: TrancheView) -> None:
        """Levels of a tranche may have changed."""
        touched = tranche.book.take_changes()
        groups = self._groups.get(tranche.instrument_id)
        if not touched or groups is None:
            return
        for topic, group in groups.items():
            if topic.depth == ALL_LEVELS:
                group.touched.update(touched)
            if topic.interval_ms == RAW_MS:
                group.publish_raw(self._view)
            else:
                self._due[topic] = group

    def publish_conflated(self) -> None:
        """The time of conflated groups has come."""
        due, self._due = self._due, {}
        for topic, group in due.items():
            group.publish_conflated(self._view)
            if group.late:
                self._due[topic] = group


@dataclass(slots=True)
class Late:
    """What somebody who is passed over does not know: the levels that changed, as they were told last."""

    sequence: int
    before: Changes = field(default_factory=dict)


class BookGroup:
    """All who follow one book in the same way, and what they know of it."""

    def __init__(self, tranche: TrancheView, topic: Topic) -> None:
        self.subscribers: set[Subscriber] = set()
        self.late: dict[Subscriber, Late] = {}
        self.touched: set[tuple[int, int]] = set()
        """Levels that may have changed, of a group of all levels."""
        self.sequence = tranche.book.sequence
        self._tranche = tranche
        self._topic = topic
        self._told: Changes = dict(_levels(tranche.book, topic.depth))
        self._checksum = book_checksum(tranche.book)
        self._snapshot: bytes | None = None

    def snapshot(self, view: MarketView) -> bytes:
        """All that the group knows, encoded once until something changes."""
        if self._snapshot is None:
            levels = _sorted_levels(self._told)
            self._snapshot = encode(self._message(view, "snapshot") | {"sequence": self.sequence} | levels)
        return self._snapshot

    def publish_raw(self, view: MarketView) -> None:
        """Tell what changed. Of a whole book every touch is told, so that its sequence is that of the tranche."""
        previous, before = self.sequence, self._take()
        if before or self._topic.depth == ALL_LEVELS:
            self._go_on()
            offer_to(self.subscribers, self._delta(view, previous, before))

    def publish_conflated(self, view: MarketView) -> None:
        """Tell the net change to all who keep up, and to those who have caught up what they missed."""
        previous, before = self.sequence, self._take()
        if before:
            self._note_late(previous, before)
            self._go_on()
            in_time = [each for each in self.subscribers if each not in self.late]
            if in_time:
                offer_to(in_time, self._delta(view, previous, before))
        for subscriber in [each for each in self.late if not each.is_behind]:
            self._catch_up(view, subscriber, self.late.pop(subscriber))

    def _take(self) -> Changes:
        """Bring what is told up to the book; the levels that became different, as they were before."""
        now = self._now()
        before = {level: self._told.get(level, 0) for level, lots in now if self._told.get(level, 0) != lots}
        for level, lots in now:
            if lots:
                self._told[level] = lots
            else:
                self._told.pop(level, None)
        return before

    def _now(self) -> list[tuple[tuple[int, int], int]]:
        """The levels that may have changed, as they are; of a cut book those it shows, and those it showed."""
        book = self._tranche.book
        if self._topic.depth == ALL_LEVELS:
            touched, self.touched = self.touched, set()
            return [((side, price), book.sides[side].lots.get(price, 0)) for side, price in touched]
        shown = dict(_levels(book, self._topic.depth))
        return [*shown.items(), *((level, 0) for level in self._told if level not in shown)]

    def _go_on(self) -> None:
        self.sequence = self._tranche.book.sequence
        self._checksum = book_checksum(self._tranche.book)
        self._snapshot = None

    def _note_late(self, previous: int, before: Changes) -> None:
        """Pass over who is behind, and remember for all who are what they knew."""
        for subscriber in self.subscribers:
            if subscriber not in self.late and subscriber.is_behind:
                self.late[subscriber] = Late(previous)
        for late in self.late.values():
            if len(late.before) <= LATE_LEVELS_MAX:
                late.before.update((level, lots) for level, lots in before.items() if level not in late.before)

    def _catch_up(self, view: MarketView, subscriber: Subscriber, late: Late) -> None:
        if len(late.before) > LATE_LEVELS_MAX:
            offer_bytes((subscriber,), self.snapshot(view))
            return
        changed = {level: lots for level, lots in late.before.items() if self._told.get(level, 0) != lots}
        if changed:
            offer_to((subscriber,), self._delta(view, late.sequence, changed))
        elif late.sequence != self.sequence:
            offer_to((subscriber,), self._delta(view, late.sequence, {}))

    def _delta(self, view: MarketView, previous: int, levels: Iterable[tuple[int, int]]) -> Row:
        chain = {"previous_sequence": previous, "sequence": self.sequence}
        return self._message(view, "delta") | chain | changed_levels({each: self._told.get(each, 0) for each in levels})

    def _message(self, view: MarketView, kind: str) -> Row:
        head = {"channel": "book", "type": kind} | stamp(view)
        return head | {"symbol": self._tranche.symbol} | options_row(self._topic) | {"checksum": self._checksum}


def book_checksum(book: BookView) -> int:
    """That of the best levels as they stand."""
    levels = book_levels(book, CHECKED_LEVELS)
    return checksum(levels["asks"], levels["bids"])


def _levels(book: BookView, depth: int) -> Iterator[tuple[tuple[int, int], int]]:
    for side in Side:
        for level in book.levels(side, depth or None):
            yield (int(side), level.price_ticks), level.quantity_lots


def _sorted_levels(levels: Changes) -> dict[str, list[Level]]:
    """Both sides, best first, in the form of messages."""
    return changed_levels(dict(sorted(levels.items(), key=_best_first)))


def _best_first(entry: tuple[tuple[int, int], int]) -> tuple[int, int]:
    (side, price_ticks), _ = entry
    return side, -price_ticks if side == Side.BUY else price_ticks
