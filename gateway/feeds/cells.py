"""The whole market in little: a short row for each tranche that is traded, for readers that draw all of them.

A row is encoded when it is first asked for, and again when its tranche has changed. What a new reader begins with is
sent in parts, one for each turn of the loop, so that nobody waits for it: each row is true when its part is made, and
what changes it later is told as for everybody. Changes are collected, and told when `publish` is called.
"""

import asyncio
from collections.abc import Iterable, Iterator

import orjson

from exchange.symbols import NANO_PER_S
from exchange.venue.lifecycle import AUCTION_STATES, LifeState
from exchange.view import MarketView, TrancheView
from gateway.encoding.json_text import encode
from gateway.encoding.rows import Row
from gateway.feeds.messages import message
from gateway.feeds.subscribers import Audience, Subscriber
from gateway.feeds.topics import Topic

CELLS = Topic("cells")
SHOWN_STATES = AUCTION_STATES | {LifeState.OPEN, LifeState.HALTED}
PART_ROWS = 1_000
FIELDS = (
    *("symbol", "state", "bid", "bid_quantity", "ask", "ask_quantity", "last", "traded"),
    *("gate", "price_step", "is_delivered"),
)
"""Of a row, in this order. Prices are in ticks of 0.000001 USD, or null; the gate is in seconds since 1970."""


class CellFeed:
    """Tells of all tranches that are traded, and what changes; whoever is behind is told later, and once."""

    def __init__(self, view: MarketView) -> None:
        self._view = view
        self._audience = Audience()
        self._rows: dict[int, orjson.Fragment] = {}
        """Of tranches that are shown and have not changed since."""
        self._changed: set[int] = set()
        self._late: dict[Subscriber, set[int]] = {}
        self._beginnings: dict[Subscriber, list[set[int]]] = {}
        """What those are sent who have just begun."""

    def subscribe(self, subscriber: Subscriber, topic: Topic, _: int | None = None) -> None:
        """Offer all rows from now on, and every change from here on."""
        shown = [each.instrument_id for each in self._view.tranches.values() if each.state in SHOWN_STATES]
        parts = [set(shown[start : start + PART_ROWS]) for start in range(0, len(shown), PART_ROWS)] or [set()]
        self._late.pop(subscriber, None)
        self._beginnings[subscriber] = parts
        self._audience.add(subscriber, topic, self._part(parts, 0))
        self._go_on(subscriber, parts, 1)

    def _part(self, parts: list[set[int]], number: int) -> Row:
        told: Row = {"fields": FIELDS, "part": number + 1, "parts": len(parts)}
        return message("cells", "snapshot", self._view) | told | {"cells": list(self._living(parts[number]))}

    def _go_on(self, subscriber: Subscriber, parts: list[set[int]], number: int) -> None:
        """The next part in the next turn, unless the subscriber is gone or has begun anew."""
        if number == len(parts):
            self._beginnings.pop(subscriber, None)
        else:
            asyncio.get_running_loop().call_soon(self._offer_part, subscriber, parts, number)

    def _offer_part(self, subscriber: Subscriber, parts: list[set[int]], number: int) -> None:
        if self._beginnings.get(subscriber) is parts:
            self._audience.publish_to((subscriber,), CELLS, self._part(parts, number))
            self._go_on(subscriber, parts, number + 1)

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more."""
        self._audience.discard(subscriber, topic)
        self._beginnings.pop(subscriber, None)
        self._late.pop(subscriber, None)

    def sequence(self, subscriber: Subscriber, topic: Topic) -> object:
        """Of the last message."""
        return self._audience.sequence(subscriber, topic)

    def take_up(self, changed: Iterable[TrancheView]) -> None:
        """These tranches changed."""
        for tranche in changed:
            self._rows.pop(tranche.instrument_id, None)
            self._changed.add(tranche.instrument_id)

    def publish(self) -> None:
        """The time of rows has come."""
        changed, self._changed = self._changed, set()
        everyone = set(self._audience.followers(CELLS))
        behind = {each for each in everyone if each.is_behind}
        for subscriber in behind:
            self._late.setdefault(subscriber, set()).update(changed)
        for subscriber in self._late.keys() - behind:
            self._tell((subscriber,), self._late.pop(subscriber) | changed)
            everyone.discard(subscriber)
        if changed and everyone - behind:
            self._tell(everyone - behind, changed)

    def _tell(self, subscribers: Iterable[Subscriber], instrument_ids: set[int]) -> None:
        rows = list(self._living(instrument_ids))
        self._audience.publish_to(subscribers, CELLS, message("cells", "update", self._view) | {"cells": rows})

    def _living(self, instrument_ids: set[int]) -> Iterator[orjson.Fragment]:
        for instrument_id in instrument_ids & self._view.tranches.keys():
            yield self._row(self._view.tranches[instrument_id])

    def _row(self, tranche: TrancheView) -> orjson.Fragment:
        row = self._rows.get(tranche.instrument_id)
        if row is None:
            row = orjson.Fragment(encode(cell_row(tranche)))
            if tranche.state in SHOWN_STATES:
                self._rows[tranche.instrument_id] = row
        return row


def cell_row(tranche: TrancheView) -> list[object]:
    """What is drawn of a tranche: see FIELDS."""
    book = tranche.book
    bid_ticks, ask_ticks = book.best_bid_ticks, book.best_ask_ticks
    return [
        tranche.symbol,
        tranche.state.name.lower(),
        bid_ticks,
        book.bids.get(bid_ticks or 0),
        ask_ticks,
        book.asks.get(ask_ticks or 0),
        tranche.last_trade_ticks or None,
        tranche.traded_lots,
        tranche.gate_ns // NANO_PER_S,
        tranche.price_step_ticks,
        int(bool(tranche.slot_s)),
    ]
