"""The order book again, slow and obvious: what the compiled one is compared with, event by event.

It shares nothing with the kernels but the records. An order is an object, a side maps prices to lists of
orders, oldest first, and every question is answered by walking in priority order. The only memory limit that it
knows is the number of orders, so it never answers TOO_MANY_PRICE_LEVELS.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace

import numpy as np

from matching.schema import (
    CHANGE_COMMAND,
    ORDER_CAPACITY,
    ORDER_EVENT,
    PRICE_TICKS_MAX,
    QUANTITY_LOTS_MAX,
    RESTING,
    ChangeFlag,
    CommandKind,
    EventKind,
    OrderFlag,
    OrderReason,
    OrderReject,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
)
from matching.twin_rules import (
    POST_ONLY_FLAGS,
    Instrument,
    Order,
    check_change,
    check_new,
    new_order,
    plain,
    reaches,
)


class TwinBook:
    """The books of all instruments, with the methods of the compiled `OrderBook`."""

    def __init__(self, order_capacity: int = ORDER_CAPACITY) -> None:
        self.order_capacity = order_capacity
        self.instruments: dict[int, Instrument] = {}
        self.resting: dict[int, Order] = {}
        self.groups: dict[int, int] = {}
        self.time_ns = 0
        self.sequence = 0
        self._events: list[dict[str, int]] = []

    def list_instrument(
        self,
        instrument_id: int,
        *,
        price_step_ticks: int = 1,
        quantity_step_lots: int = 1,
        quantity_max_lots: int = QUANTITY_LOTS_MAX,
        band_low_ticks: int = 1,
        band_high_ticks: int = PRICE_TICKS_MAX,
        phase: Phase = Phase.OPEN,
    ) -> None:
        """Begin to trade an instrument."""
        self.instruments[instrument_id] = Instrument(
            price_step_ticks, quantity_step_lots, quantity_max_lots, band_low_ticks, band_high_ticks, phase
        )

    def set_phase(self, instrument_id: int, phase: Phase) -> None:
        """Open, halt or close an instrument's book. Raises KeyError for one that is not listed."""
        self.instruments[instrument_id].phase = phase

    def set_time(self, time_ns: int) -> None:
        """Tell the time, in nanoseconds since 1970, by which orders expire."""
        self.time_ns = time_ns

    def set_group(self, account_id: int, group: int) -> None:
        """Put an account into a self-trade group; 0 is none."""
        self.groups[account_id] = group

    def execute(self, commands: np.ndarray) -> np.ndarray:
        """Run commands (ORDER_COMMAND records, changes among them) and return all their events."""
        all_events = [np.zeros(0, ORDER_EVENT)]
        for place, change in zip(commands, commands.view(CHANGE_COMMAND), strict=True):
            self.sequence += 1
            if place["kind"] == CommandKind.PLACE:
                self._place(plain(place))
            elif place["kind"] == CommandKind.CANCEL:
                self._cancel(plain(change))
            else:
                self._replace(plain(change))
            all_events.append(self._take_events())
        return np.concatenate(all_events)

    def expire_due(self) -> np.ndarray:
        """Cancel every order that has expired by now, and return the events."""
        due = [
            order
            for order in self.resting.values()
            if order.time_in_force == TimeInForce.GTD and order.expires_ns <= self.time_ns
        ]
        for order in sorted(due, key=lambda order: (order.expires_ns, order.order_id)):
            self._leave(order, OrderReason.EXPIRED)
        return self._take_events()

    def cancel_book(self, instrument_id: int, reason: OrderReason) -> np.ndarray:
        """Cancel every order of an instrument, and return the events."""
        for side in (Side.BUY, Side.SELL):
            for order in self.instruments[instrument_id].orders(side):
                self._leave(order, reason)
        return self._take_events()

    def levels(self, instrument_id: int, side: Side) -> list[tuple[int, int, int]]:
        """(price_ticks, quantity_lots, order_count) of one side, best first."""
        return [
            (price_ticks, sum(order.leaves_lots for order in queue), len(queue))
            for price_ticks, queue in self.instruments[instrument_id].best_first(side)
        ]

    def orders(self) -> np.ndarray:
        """Every resting order as RESTING records, by instrument, side and priority."""
        orders = [
            order
            for _, instrument in sorted(self.instruments.items())
            for side in (Side.BUY, Side.SELL)
            for order in instrument.orders(side)
        ]
        return as_records([vars(order) | {"visible_lots": order.leaves_lots} for order in orders], RESTING)

    def _place(self, command: SimpleNamespace) -> None:
        """Bring a new order: trade what crosses, then rest or give up the remainder."""
        reject = self._check_place(command)
        if reject:
            return self._refuse(command, command.side, reject)
        order = new_order(command, self.instruments[command.instrument_id])
        limit_ticks = self._limit_after_post_only(order, order.price_ticks)
        if limit_ticks is None:
            return self._refuse(command, command.side, OrderReject.POST_ONLY_WOULD_TRADE)
        order.price_ticks = limit_ticks
        if order.time_in_force == TimeInForce.FOK and not self._is_fillable(order):
            return self._kill(order, OrderReason.NOT_FILLABLE)
        return self._work(order, EventKind.RESTED)

    def _check_place(self, command: SimpleNamespace) -> OrderReject | None:
        """The first rule that a new order breaks, post-only aside."""
        if reject := check_new(command, self.instruments.get(command.instrument_id)):
            return reject
        if command.time_in_force == TimeInForce.GTD and command.expires_ns <= self.time_ns:
            return OrderReject.ALREADY_EXPIRED
        if command.order_id in self.resting:
            return OrderReject.DUPLICATE_ORDER_ID
        may_rest = command.time_in_force in (TimeInForce.GTC, TimeInForce.GTD)
        if may_rest and len(self.resting) >= self.order_capacity:
            return OrderReject.TOO_MANY_ORDERS
        return None

    def _cancel(self, command: SimpleNamespace) -> None:
        """Take an order of this account out of the book."""
        order = self._order_of_account(command)
        if order is None:
            return self._refuse(command, 0, OrderReject.UNKNOWN_ORDER)
        return self._leave(order, OrderReason.REQUESTED)

    def _replace(self, command: SimpleNamespace) -> None:
        """Change an order: fewer lots at the same price keep their place, anything else loses it."""
        order = self._order_of_account(command)
        if order is None:
            return self._refuse(command, 0, OrderReject.UNKNOWN_ORDER)
        if reject := check_change(command, order, self.instruments[order.instrument_id]):
            return self._refuse(command, 0, reject)
        filled_lots = order.quantity_lots - order.leaves_lots
        names_remaining = command.flags & ChangeFlag.NAMES_REMAINING
        new_leaves_lots = command.quantity_lots if names_remaining else command.quantity_lots - filled_lots
        if new_leaves_lots <= 0:
            return self._leave(order, OrderReason.REPLACED_BELOW_FILLED)
        keeps_its_place = command.price_ticks == order.price_ticks and new_leaves_lots <= order.leaves_lots
        if keeps_its_place and not command.flags & ChangeFlag.REQUEUE:
            return self._reduce(order, order.leaves_lots - new_leaves_lots)
        limit_ticks = self._limit_after_post_only(order, command.price_ticks)
        if limit_ticks is None:
            return self._refuse(command, 0, OrderReject.POST_ONLY_WOULD_TRADE)
        self._leave(order, OrderReason.REQUESTED, kind=EventKind.WITHDRAWN)
        order.price_ticks = limit_ticks
        order.quantity_lots = filled_lots + new_leaves_lots
        order.leaves_lots = new_leaves_lots
        return self._work(order, EventKind.REPLACED)

    def _order_of_account(self, command: SimpleNamespace) -> Order | None:
        """The resting order that a change names, unless it belongs to another account."""
        order = self.resting.get(command.order_id)
        return order if order and order.account_id == command.account_id else None

    def _limit_after_post_only(self, order: Order, price_ticks: int) -> int | None:
        """The limit of an order that must not take: as it is, a step away from the other side, or none."""
        instrument = self.instruments[order.instrument_id]
        opposite = instrument.best_first(1 - order.side)
        if not order.flags & POST_ONLY_FLAGS or not opposite:
            return price_ticks
        best_ticks, _ = opposite[0]
        if not reaches(order.side, price_ticks, best_ticks):
            return price_ticks
        if order.flags & OrderFlag.POST_ONLY:
            return None
        step_ticks = instrument.price_step_ticks
        slid_ticks = best_ticks - step_ticks if order.side == Side.BUY else best_ticks + step_ticks
        return slid_ticks if 1 <= slid_ticks <= PRICE_TICKS_MAX else None

    def _is_fillable(self, taker: Order) -> bool:
        """Whether an all-or-nothing order would trade in full, less what self-trade prevention takes away."""
        missing_lots = taker.leaves_lots
        for maker in self._crossing(taker):
            if not self._must_not_trade(taker, maker):
                missing_lots -= maker.leaves_lots
            elif taker.self_trade != SelfTrade.CANCEL_OLDEST:
                return False
            if missing_lots <= 0:
                return True
        return False

    def _work(self, taker: Order, kind_at_rest: EventKind) -> None:
        """Match an order and say what became of it."""
        if not self._match(taker):
            self._kill(taker, OrderReason.SELF_TRADE)
        elif taker.leaves_lots == 0:
            self._write(EventKind.FILLED, taker, quantity_lots=0, leaves_lots=0)
        elif taker.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            self._kill(taker, OrderReason.IMMEDIATE_REMAINDER)
        else:
            self._rest(taker)
            lots = taker.leaves_lots
            self._write(kind_at_rest, taker, quantity_lots=lots, leaves_lots=lots)

    def _match(self, taker: Order) -> bool:
        """Meet makers while lots and makers are left; False when self-trade prevention ended it."""
        while taker.leaves_lots > 0:
            maker = next(self._crossing(taker), None)
            if maker is None:
                return True
            if not self._must_not_trade(taker, maker):
                self._trade(taker, maker)
            elif not self._prevent(taker, maker):
                return False
        return True

    def _crossing(self, taker: Order) -> Iterator[Order]:
        """The orders of the other side that this one reaches, in the order in which it meets them."""
        for price_ticks, queue in self.instruments[taker.instrument_id].best_first(1 - taker.side):
            if not reaches(taker.side, taker.price_ticks, price_ticks):
                return
            yield from queue

    def _must_not_trade(self, taker: Order, maker: Order) -> bool:
        """Whether self-trade prevention keeps these two apart."""
        if taker.self_trade == SelfTrade.NONE:
            return False
        group = self.groups.get(taker.account_id, 0)
        same_group = group != 0 and group == self.groups.get(maker.account_id, 0)
        return taker.account_id == maker.account_id or same_group

    def _trade(self, taker: Order, maker: Order) -> None:
        """Fill an order against a maker, at the maker's price."""
        lots = min(taker.leaves_lots, maker.leaves_lots)
        taker.leaves_lots -= lots
        maker.leaves_lots -= lots
        self._write_match(EventKind.TRADE, taker, maker, lots)

    def _prevent(self, taker: Order, maker: Order) -> bool:
        """Do what the taker's mode says instead of a trade; False when that ends it."""
        if taker.self_trade == SelfTrade.CANCEL_NEWEST:
            return False
        if taker.self_trade == SelfTrade.DECREMENT:
            self._decrement(taker, maker)
            return taker.leaves_lots > 0
        self._leave(maker, OrderReason.SELF_TRADE, counter=taker)
        return taker.self_trade == SelfTrade.CANCEL_OLDEST

    def _decrement(self, taker: Order, maker: Order) -> None:
        """Take the smaller of two quantities off both orders and their totals."""
        lots = min(taker.leaves_lots, maker.leaves_lots)
        for order in (taker, maker):
            order.leaves_lots -= lots
            order.quantity_lots -= lots
        self._write_match(EventKind.PREVENTED, taker, maker, lots)

    def _reduce(self, order: Order, quantity_lots: int) -> None:
        """Shorten an order without touching its place in the queue."""
        order.leaves_lots -= quantity_lots
        order.quantity_lots -= quantity_lots
        self._write(
            EventKind.REDUCED,
            order,
            quantity_lots=quantity_lots,
            leaves_lots=order.leaves_lots,
            reason=OrderReason.REQUESTED,
        )

    def _rest(self, order: Order) -> None:
        """Put an order at the back of the queue of its price."""
        side = self.instruments[order.instrument_id].sides[order.side]
        side.setdefault(order.price_ticks, []).append(order)
        self.resting[order.order_id] = order

    def _unrest(self, order: Order) -> None:
        """Take an order out of its queue, and the queue out of the book when it is empty."""
        side = self.instruments[order.instrument_id].sides[order.side]
        side[order.price_ticks].remove(order)
        if not side[order.price_ticks]:
            del side[order.price_ticks]
        del self.resting[order.order_id]

    def _leave(
        self,
        order: Order,
        reason: OrderReason,
        kind: EventKind = EventKind.CANCELLED,
        counter: Order | None = None,
    ) -> None:
        """Take an order out of the book with all its lots, and say so."""
        self._unrest(order)
        self._write(kind, order, quantity_lots=order.leaves_lots, leaves_lots=0, reason=reason, counter=counter)

    def _kill(self, order: Order, reason: OrderReason) -> None:
        """Give up what is left of an order that is not in the book."""
        self._write(EventKind.KILLED, order, quantity_lots=order.leaves_lots, leaves_lots=0, reason=reason)

    def _write_match(self, kind: EventKind, taker: Order, maker: Order, lots: int) -> None:
        """Say that two orders met, and let the maker go when nothing of it is left."""
        reason = OrderReason.SELF_TRADE if kind == EventKind.PREVENTED else OrderReason.NONE
        leaves_lots = taker.leaves_lots
        self._write(kind, taker, quantity_lots=lots, leaves_lots=leaves_lots, reason=reason, counter=maker)
        self._events[-1]["price_ticks"] = maker.price_ticks
        if maker.leaves_lots == 0:
            self._unrest(maker)

    def _refuse(self, command: SimpleNamespace, side: int, reject: OrderReject) -> None:
        """Say which rule a command broke."""
        self._append(
            kind=EventKind.REJECTED,
            side=side,
            reason=reject,
            instrument_id=command.instrument_id,
            order_id=command.order_id,
            account_id=command.account_id,
            price_ticks=command.price_ticks,
        )

    def _write(
        self,
        kind: EventKind,
        order: Order,
        *,
        quantity_lots: int,
        leaves_lots: int,
        reason: OrderReason = OrderReason.NONE,
        counter: Order | None = None,
    ) -> None:
        """Say what happened to an order."""
        self._append(
            kind=kind,
            side=order.side,
            reason=reason,
            instrument_id=order.instrument_id,
            order_id=order.order_id,
            counter_order_id=counter.order_id if counter else 0,
            account_id=order.account_id,
            counter_account_id=counter.account_id if counter else 0,
            price_ticks=order.price_ticks,
            quantity_lots=quantity_lots,
            leaves_lots=leaves_lots,
        )

    def _append(self, **fields: int) -> None:
        """Number an event within its command."""
        self._events.append({"sequence": self.sequence, "index": len(self._events), **fields})

    def _take_events(self) -> np.ndarray:
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
