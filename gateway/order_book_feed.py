"""Books order by order: what of each resting order is shown, in the order of priority, and nothing of whose it is.

A book is read from the venue once, between two batches, when somebody first follows it; then events move it. An iceberg
is the clip that it shows: when that is used up it is removed, and the next one is added behind the others. The id of a
quote says whose it is, so quotes get numbers of their own here, new ones whenever they join the book.
"""

import asyncio
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
from gateway.json_text import encode
from gateway.messages import message
from gateway.rows import SIDE_NAMES, Row
from gateway.subscribers import Subscriber, offer_bytes, offer_to
from gateway.topics import Topic
from matching.schema import LEVEL_EFFECT, QUOTE_ID_BIT, EventKind, Side

log = structlog.get_logger()
RETRY_S = 0.1
QUOTE_NUMBERS_FROM = 1 << 51
_KINDS = Kinds(LEVEL_EFFECT)


class Shown(NamedTuple):
    """What is shown of an order."""

    number: int
    side: int
    price_ticks: int
    lots: int


class OrderBookFeed:
    """All books that somebody follows order by order."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._books: dict[int, OrderBook] = {}

    def subscribe(self, subscriber: Subscriber, topic: Topic, _: int | None = None) -> None:
        """Offer a snapshot as soon as there is one, and every change from there on."""
        book = self._books.get(topic.subject)
        if book is None:
            book = self._books[topic.subject] = OrderBook(self._exchange.view.tranches[topic.subject].symbol)
            self._read(topic.subject, book)
        book.subscribers.add(subscriber)
        if book.is_read:
            offer_bytes((subscriber,), self._snapshot(book))

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of a book."""
        book = self._books.get(topic.subject)
        if book is not None:
            book.subscribers.discard(subscriber)
            if not book.subscribers:
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
        events = batch.events[_KINDS.among(batch.events["kind"])]
        for event in map(OrderEvent._make, events[np.isin(events["instrument_id"], wanted)].tolist()):
            self._books[event.instrument_id].apply(event)
        for book in self._books.values():
            if book.changes:
                self._tell(book)

    def _tell(self, book: "OrderBook") -> None:
        view, changes, previous = self._exchange.view, book.changes, book.sequence
        book.changes, book.sequence, book.snapshot = [], view.sequence, None
        row = message("book.l3", "update", view) | {"symbol": book.symbol, "previous_sequence": previous}
        offer_to(book.subscribers, row | {"orders": changes})

    def _snapshot(self, book: "OrderBook") -> bytes:
        if book.snapshot is None:
            row = message("book.l3", "snapshot", self._exchange.view) | {"symbol": book.symbol}
            book.snapshot = encode(row | {"sequence": book.sequence} | book.levels())
        return book.snapshot

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
        offer_bytes(book.subscribers, self._snapshot(book))

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

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.subscribers: set[Subscriber] = set()
        self.is_read = False
        self.sequence = 0
        self.snapshot: bytes | None = None
        self.changes: list[Row] = []
        self._orders: dict[int, Shown] = {}
        """By order id; those of one price in the order of priority."""
        self._quote_numbers = count(QUOTE_NUMBERS_FROM)

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
            self._note("added", shown)
        else:
            shown = before._replace(lots=before.lots + sign * event.quantity_lots)
            self._note("changed" if shown.lots else "removed", shown)
        if shown.lots:
            self._orders[order_id] = shown
        else:
            del self._orders[order_id]

    def levels(self) -> Row:
        """All orders, the best price first, and the oldest of each."""
        orders = sorted(self._orders.values(), key=lambda each: each.price_ticks)
        asks = [each for each in orders if each.side == Side.SELL]
        best_first = sorted(self._orders.values(), key=lambda each: -each.price_ticks)
        bids = [each for each in best_first if each.side == Side.BUY]
        return {"bids": [_row(each) for each in bids], "asks": [_row(each) for each in asks]}

    def _note(self, action: str, shown: Shown) -> None:
        self.changes.append(
            {
                "action": action,
                "order_id": shown.number,
                "side": SIDE_NAMES[shown.side],
                "price": format_ticks(shown.price_ticks),
                "quantity": str(shown.lots),
            }
        )

    def _number(self, order_id: int) -> int:
        return next(self._quote_numbers) if order_id & QUOTE_ID_BIT else order_id


def _row(shown: Shown) -> list[object]:
    return [shown.number, format_ticks(shown.price_ticks), str(shown.lots)]


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
