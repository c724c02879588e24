"""Books order by order: what of each resting order is shown, in the order of priority, and nothing of whose it is.

A book is read from the venue once, between two batches, when somebody first follows it; then events move it. An iceberg
is the clip that it shows: when that is used up it is removed, and the next one is added behind the others. The id of a
quote says whose it is, so quotes get numbers of their own here, new ones whenever they join the book.
"""

import asyncio
from collections.abc import Iterable
from functools import partial
from itertools import count
from typing import NamedTuple

import numpy as np
import structlog

from exchange.kinds import Kinds
from exchange.published import Published
from exchange.service import Exchange, ExchangeStopped, Overloaded
from exchange.units import format_ticks
from exchange.venue.machine import Venue
from exchange.view.batches import OrderEvent
from gateway.encoding.binary_frames import BOOK_RECORD, Action, FrameKind, write_frame
from gateway.encoding.json_text import encode
from gateway.encoding.rows import SIDE_NAMES, Row
from gateway.feeds.messages import message
from gateway.feeds.outbox import BinaryMessage
from gateway.feeds.subscribers import Subscriber, offer_bytes, offer_to
from gateway.feeds.topics import Topic
from kernels.records import picked
from matching.schema import LEVEL_EFFECT, QUOTE_ID_BIT, EventKind, Side

log = structlog.get_logger()
RETRY_S = 0.1
QUOTE_NUMBERS_FROM = 1 << 51
_KINDS = Kinds(LEVEL_EFFECT)
_ACTION_NAMES = {Action.ADDED: "added", Action.REDUCED: "changed", Action.REMOVED: "removed"}


class Shown(NamedTuple):
    """What is shown of an order."""

    number: int
    side: int
    price_ticks: int
    lots: int


class Change(NamedTuple):
    """What a command did to an order, and what is shown of it now."""

    action: Action
    shown: Shown
    sequence: int


class OrderBookFeed:
    """All books that somebody follows order by order."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._books: dict[int, OrderBook] = {}

    def subscribe(self, subscriber: Subscriber, topic: Topic, _: int | None = None) -> None:
        """Offer a snapshot as soon as there is one, and every change from there on."""
        book = self._books.get(topic.subject)
        if book is None:
            symbol = self._exchange.view.tranches[topic.subject].symbol
            book = self._books[topic.subject] = OrderBook(topic.subject, symbol)
            self._read(topic.subject, book)
        book.followers(topic.is_binary).add(subscriber)
        if book.is_read:
            offer_bytes((subscriber,), self._snapshot(book, topic.is_binary))

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of a book."""
        book = self._books.get(topic.subject)
        if book is not None:
            book.followers(topic.is_binary).discard(subscriber)
            if not (book.text_subscribers or book.binary_subscribers):
                del self._books[topic.subject]

    def sequence(self, _: Subscriber, topic: Topic) -> object:
        """Of the last message; None before the first."""
        book = self._books[topic.subject]
        return book.sequence if book.is_read else None

    def hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        if not self._books:
            return
        wanted = np.fromiter(self._books, np.uint32, len(self._books))
        events = picked(batch.events, _KINDS.among(batch.events["kind"]))
        for event in map(OrderEvent._make, picked(events, np.isin(events["instrument_id"], wanted)).tolist()):
            self._books[event.instrument_id].apply(event)
        for book in self._books.values():
            if book.changes:
                self._tell(book)

    def _tell(self, book: "OrderBook") -> None:
        view, changes, previous = self._exchange.view, book.changes, book.sequence
        book.changes, book.sequence = [], view.sequence
        book.snapshots.clear()
        if book.text_subscribers:
            row = message("book.l3", "update", view) | {"symbol": book.symbol, "previous_sequence": previous}
            offer_to(book.text_subscribers, row | {"orders": [_change_row(each) for each in changes]})
        if book.binary_subscribers:
            frame = changes_frame(book.instrument_id, changes, previous, view.sequence, view.time_ns)
            offer_bytes(book.binary_subscribers, frame)

    def _snapshot(self, book: "OrderBook", is_binary: bool) -> bytes:
        """All orders in one of two encodings, made once for all who begin at the same place."""
        snapshot = book.snapshots.get(is_binary)
        if snapshot is None:
            view, (bids, asks) = self._exchange.view, book.sides()
            if is_binary:
                snapshot = book_frame(book.instrument_id, (*bids, *asks), book.sequence, view.time_ns)
            else:
                row = message("book.l3", "snapshot", view) | {"symbol": book.symbol, "sequence": book.sequence}
                levels = {"bids": [_row(each) for each in bids], "asks": [_row(each) for each in asks]}
                snapshot = encode(row | levels)
            book.snapshots[is_binary] = snapshot
        return snapshot

    def _read(self, instrument_id: int, book: "OrderBook") -> None:
        """Read a book from the venue; if that is refused, again in a while, unless nobody follows it any more."""
        try:
            future = self._exchange.look(partial(read_orders, instrument_id=instrument_id), partial(self._take, book))
        except (Overloaded, ExchangeStopped) as error:
            self._read_later(instrument_id, book, error)
        else:
            future.add_done_callback(partial(self._is_read, instrument_id, book))

    def _take(self, book: "OrderBook", found: "RestingOrders") -> None:
        """The view is as old as what was found: events go on from here."""
        book.begin(found, self._exchange.view.sequence)
        for is_binary in (False, True):
            if book.followers(is_binary):
                offer_bytes(book.followers(is_binary), self._snapshot(book, is_binary))

    def _is_read(self, instrument_id: int, book: "OrderBook", future: asyncio.Future[None]) -> None:
        error = future.exception()
        if error is not None:
            self._read_later(instrument_id, book, error)

    def _read_later(self, instrument_id: int, book: "OrderBook", error: BaseException) -> None:
        if not isinstance(error, Overloaded):
            log.warning("book_not_read", symbol=book.symbol, reason=str(error))
        elif self._books.get(instrument_id) is book:
            asyncio.get_running_loop().call_later(RETRY_S, self._read, instrument_id, book)


class OrderBook:
    """The orders of one book, and what a batch did to them that is not told yet."""

    def __init__(self, instrument_id: int, symbol: str) -> None:
        self.instrument_id = instrument_id
        self.symbol = symbol
        self.text_subscribers: set[Subscriber] = set()
        self.binary_subscribers: set[Subscriber] = set()
        self.is_read = False
        self.sequence = 0
        self.snapshots: dict[bool, bytes] = {}
        """As text, and in binary, as far as somebody asked since the last change."""
        self.changes: list[Change] = []
        self._orders: dict[int, Shown] = {}
        """By order id; those of one price in the order of priority."""
        self._quote_numbers = count(QUOTE_NUMBERS_FROM)

    def followers(self, is_binary: bool) -> set[Subscriber]:
        """Who is told in one of the two encodings."""
        return self.binary_subscribers if is_binary else self.text_subscribers

    def begin(self, found: "RestingOrders", sequence: int) -> None:
        """Start from what rests."""
        for order_id, side, price_ticks, lots in found.in_priority():
            self._orders[order_id] = Shown(self._number(order_id), side, price_ticks, lots)
        self.is_read, self.sequence = True, sequence

    def apply(self, event: OrderEvent) -> None:
        """Move what is shown of one order, as the event moved its level."""
        if not self.is_read or not event.quantity_lots:
            return
        sign, whose = LEVEL_EFFECT[EventKind(event.kind)]
        order_id, side = event.order_id, event.side
        if whose == "other":
            order_id, side = event.counter_order_id, Side.SELL - event.side
        before = self._orders.get(order_id)
        if before is None:
            shown = Shown(self._number(order_id), side, event.price_ticks, event.quantity_lots)
            self.changes.append(Change(Action.ADDED, shown, event.sequence))
        else:
            shown = before._replace(lots=before.lots + sign * event.quantity_lots)
            self.changes.append(Change(Action.REDUCED if shown.lots else Action.REMOVED, shown, event.sequence))
        if shown.lots:
            self._orders[order_id] = shown
        else:
            del self._orders[order_id]

    def sides(self) -> tuple[list[Shown], list[Shown]]:
        """All bids and all asks, the best price first, and the oldest of each."""
        bids = [each for each in self._orders.values() if each.side == Side.BUY]
        asks = [each for each in self._orders.values() if each.side == Side.SELL]
        bids.sort(key=lambda each: -each.price_ticks)
        asks.sort(key=lambda each: each.price_ticks)
        return bids, asks

    def _number(self, order_id: int) -> int:
        return next(self._quote_numbers) if order_id & QUOTE_ID_BIT else order_id


def _change_row(change: Change) -> Row:
    return {
        "action": _ACTION_NAMES[change.action],
        "order_id": change.shown.number,
        "side": SIDE_NAMES[change.shown.side],
        "price": format_ticks(change.shown.price_ticks),
        "quantity": str(change.shown.lots),
    }


def _row(shown: Shown) -> list[object]:
    return [shown.number, format_ticks(shown.price_ticks), str(shown.lots)]


def book_frame(instrument_id: int, orders: Iterable[Shown], sequence: int, time_ns: int) -> bytes:
    """All orders of a book as one frame."""
    records = np.array(
        [(Action.ADDED, each.side, 0, each.price_ticks, each.number, each.lots, 0) for each in orders], BOOK_RECORD
    )
    return BinaryMessage(write_frame(FrameKind.BOOK, instrument_id, records, sequence=sequence, time_ns=time_ns))


def changes_frame(instrument_id: int, changes: Iterable[Change], previous: int, sequence: int, time_ns: int) -> bytes:
    """What a batch did to the orders of a book as one frame."""
    records = np.array(
        [(action, shown.side, 0, shown.price_ticks, shown.number, shown.lots, at) for action, shown, at in changes],
        BOOK_RECORD,
    )
    frame = write_frame(
        FrameKind.BOOK_CHANGES, instrument_id, records, first_sequence=previous, sequence=sequence, time_ns=time_ns
    )
    return BinaryMessage(frame)


class RestingOrders(NamedTuple):
    """The orders of a book as the venue links them: columns of levels and of orders, copied."""

    level_columns: list[list[int]]  # level, instrument side, price, first slot
    order_columns: list[list[int]]  # slot, order id, slot that follows, lots shown
    counts: list[int]  # orders of each level

    def in_priority(self) -> list[tuple[int, int, int, int]]:
        """(order id, side, price, lots), the oldest of each price first."""
        by_slot = {slot: rest for slot, *rest in zip(*self.order_columns, strict=True)}
        found = []
        for (_, instrument_side, price_ticks, slot), orders in zip(
            zip(*self.level_columns, strict=True), self.counts, strict=True
        ):
            for _ in range(orders):
                order_id, following, lots = by_slot[slot]
                found.append((order_id, instrument_side & 1, price_ticks, lots))
                slot = following
        return found


def read_orders(venue: Venue, instrument_id: int) -> RestingOrders:
    """Copy the orders of a book, in a few passes over all."""
    book = venue.state.book
    counters = book.counters[0]
    all_levels, all_orders = book.levels[: counters["fresh_level"]], book.orders[: counters["fresh_order"]]
    is_of_book = (all_levels["instrument_side"] >> 1 == instrument_id) & (all_levels["order_count"] > 0)
    is_resting = is_of_book[all_orders["level"]] & (all_orders["order_id"] != 0)
    at, slots = np.flatnonzero(is_of_book), np.flatnonzero(is_resting)
    levels, orders = all_levels[at], all_orders[slots]
    level_columns = [at, levels["instrument_side"], levels["price_ticks"], levels["head"]]
    order_columns = [slots, orders["order_id"], orders["next"], orders["leaves_lots"]]
    return RestingOrders(
        [column.tolist() for column in level_columns],
        [column.tolist() for column in order_columns],
        levels["order_count"].tolist(),
    )
