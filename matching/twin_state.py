"""What the twin of the book holds: the queues, how orders join and leave them, and the events that tell of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from matching.schema import LEGS_MAX, ORDER_CAPACITY, ORDER_EVENT, EventKind, OrderReason, OrderReject, SelfTrade, Side
from matching.twin_rules import Instrument, Order, reaches


class Refusal(NamedTuple):
    """The first rule that a command broke, and what its event repeats of the command."""

    reject: OrderReject
    instrument_id: int = 0
    order_id: int = 0
    side: int = 0
    price_ticks: int = 0


class TwinState:
    """The orders at rest and the events of the command at work."""

    def __init__(self, order_capacity: int = ORDER_CAPACITY) -> None:
        self.order_capacity = order_capacity
        self.instruments: dict[int, Instrument] = {}
        self.resting: dict[int, Order] = {}
        self.groups: dict[int, int] = {}
        self.reducible = [0] * (1 + LEGS_MAX)
        self.time_ns = 0
        self.sequence = 0
        self._events: list[dict[str, int]] = []

    def all_orders(self) -> list[Order]:
        """Every resting order, by instrument, side and priority."""
        return [
            order
            for _, instrument in sorted(self.instruments.items())
            for side in (Side.BUY, Side.SELL)
            for order in instrument.orders(side)
        ]

    def crossing(self, taker: Order) -> Iterator[Order]:
        """The orders of the other side that this one reaches, in the order in which it meets them."""
        for price_ticks, queue in self.instruments[taker.instrument_id].best_first(1 - taker.side):
            if not reaches(taker.side, taker.price_ticks, price_ticks):
                return
            yield from queue

    def must_not_trade(self, taker: Order, maker: Order) -> bool:
        """Whether self-trade prevention keeps these two apart."""
        if taker.self_trade == SelfTrade.NONE:
            return False
        group = self.groups.get(taker.account_id, 0)
        same_group = group != 0 and group == self.groups.get(maker.account_id, 0)
        return taker.account_id == maker.account_id or same_group

    def rest(self, order: Order) -> None:
        """Put an order at the back of the queue of its price; an iceberg shows a clip of itself."""
        order.visible_lots = min(order.display_lots or order.leaves_lots, order.leaves_lots)
        self.queue_of(order, make=True).append(order)
        self.resting[order.order_id] = order

    def unrest(self, order: Order) -> None:
        """Take an order out of its queue, and the queue out of the book when it is empty."""
        queue = self.queue_of(order)
        queue.remove(order)
        if not queue:
            del self.instruments[order.instrument_id].sides[order.side][order.price_ticks]
        del self.resting[order.order_id]

    def queue_of(self, order: Order, *, make: bool = False) -> list[Order]:
        """The queue in which an order stands, or is about to stand."""
        side = self.instruments[order.instrument_id].sides[order.side]
        return side.setdefault(order.price_ticks, []) if make else side[order.price_ticks]

    def shrink(self, order: Order, lots: int) -> None:
        """Lots that count as never ordered leave what is left of an order and its total."""
        order.leaves_lots -= lots
        order.quantity_lots -= lots

    def use_up(self, order: Order) -> None:
        """What an order showed is gone: the next clip goes to the back of the queue, or the order out of the book."""
        self.unrest(order)
        if order.leaves_lots > 0:
            self.rest(order)
            self.write(EventKind.REFRESHED, order, quantity_lots=order.visible_lots, leaves_lots=order.leaves_lots)

    def reduce(self, order: Order, lots: int, reason: OrderReason) -> None:
        """Shorten an order in its place in the queue, from its reserve as far as that goes."""
        from_reserve_lots = min(lots, order.reserve_lots)
        from_visible_lots = lots - from_reserve_lots
        self.shrink(order, from_reserve_lots)
        self.write_reserve_removed(order, from_reserve_lots, reason)
        self.shrink(order, from_visible_lots)
        order.visible_lots -= from_visible_lots
        self.write(
            EventKind.REDUCED,
            order,
            quantity_lots=from_visible_lots,
            leaves_lots=order.leaves_lots,
            reason=reason,
        )

    def leave(
        self,
        order: Order,
        reason: OrderReason,
        kind: EventKind = EventKind.CANCELLED,
        counter: Order | None = None,
    ) -> None:
        """Take an order out of the book with all its lots, and say so, of its reserve first."""
        self.unrest(order)
        reserve_lots = order.reserve_lots
        order.leaves_lots = order.visible_lots
        self.write_reserve_removed(order, reserve_lots, reason)
        self.write(kind, order, quantity_lots=order.visible_lots, leaves_lots=0, reason=reason, counter=counter)

    def kill(self, order: Order, reason: OrderReason) -> None:
        """Give up what is left of an order that is not in the book."""
        self.write(EventKind.KILLED, order, quantity_lots=order.leaves_lots, leaves_lots=0, reason=reason)

    def refuse(self, account_id: int, refusal: Refusal) -> None:
        """Say which rule a command broke."""
        self.append(
            kind=EventKind.REJECTED,
            side=refusal.side,
            reason=refusal.reject,
            instrument_id=refusal.instrument_id,
            order_id=refusal.order_id,
            account_id=account_id,
            price_ticks=refusal.price_ticks,
        )

    def summarise(self, kind: EventKind, account_id: int, orders: int, lots: int, **fields: int) -> None:
        """Say what became of a command that touched many orders; their count stands where a counter order would."""
        self.append(kind=kind, account_id=account_id, counter_order_id=orders, quantity_lots=lots, **fields)

    def write_reserve_removed(self, order: Order, lots: int, reason: OrderReason) -> None:
        """Say that lots which were not shown are gone, if there are any."""
        if lots:
            self.write(
                EventKind.RESERVE_REMOVED, order, quantity_lots=lots, leaves_lots=order.leaves_lots, reason=reason
            )

    def write(
        self,
        kind: EventKind,
        order: Order,
        *,
        quantity_lots: int,
        leaves_lots: int,
        reason: OrderReason = OrderReason.NONE,
        counter: Order | None = None,
        price_ticks: int | None = None,
    ) -> None:
        """Say what happened to an order, at its own price unless another one is given."""
        self.append(
            kind=kind,
            side=order.side,
            reason=reason,
            instrument_id=order.instrument_id,
            order_id=order.order_id,
            counter_order_id=counter.order_id if counter else 0,
            account_id=order.account_id,
            counter_account_id=counter.account_id if counter else 0,
            price_ticks=order.price_ticks if price_ticks is None else price_ticks,
            quantity_lots=quantity_lots,
            leaves_lots=leaves_lots,
        )

    def append(self, **fields: int) -> None:
        """Number an event within its command."""
        self._events.append({"sequence": self.sequence, "index": len(self._events), **fields})

    def take_events(self) -> np.ndarray:
        """The events of one command as records."""
        events = as_records(self._events, ORDER_EVENT)
        self._events.clear()
        return events


def as_records(rows: Sequence[Mapping[str, int]], dtype: np.dtype) -> np.ndarray:
    """Rows as records; a field that is not named is 0."""
    records = np.zeros(len(rows), dtype)
    for record, row in zip(records, rows, strict=True):
        for name, value in row.items():
            record[name] = value
    return records
