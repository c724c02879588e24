"""The order book again, slow and obvious: what the compiled one is compared with, event by event.

It shares nothing with the kernels but the records. An order is an object, a side maps prices to lists of
orders, oldest first, and every question is answered by walking in priority order. The only memory limit that it
knows is the number of orders, so it never answers TOO_MANY_PRICE_LEVELS.

Here are the methods and the commands that name one order; `twin_matching` works it, `twin_rules` says what is accepted,
`twin_state` holds what rests. Auctions, mass cancels, mass quotes and baskets have files of their own.
"""

from types import SimpleNamespace

import numpy as np

from matching.schema import (
    CHANGE_COMMAND,
    EXTRA,
    LEG,
    MASS_CANCEL_COMMAND,
    ORDER_EVENT,
    PRICE_TICKS_MAX,
    QUANTITY_LOTS_MAX,
    QUOTE,
    RESTING,
    ChangeFlag,
    CommandKind,
    EventKind,
    OrderFlag,
    OrderReason,
    OrderReject,
    Phase,
    Side,
    TimeInForce,
)
from matching.twin_auction import price_auction, uncross
from matching.twin_basket import basket
from matching.twin_mass_cancel import mass_cancel
from matching.twin_mass_quote import mass_quote
from matching.twin_matching import is_fillable, limit_after_post_only, trim, work
from matching.twin_rules import Instrument, Order, check_change, check_new, leading, new_order, plain
from matching.twin_state import Refusal, TwinState, as_records


class TwinBook(TwinState):
    """The books of all instruments, with the methods of the compiled `OrderBook`."""

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
        scope: int = 0,
    ) -> None:
        """Begin to trade an instrument."""
        self.instruments[instrument_id] = Instrument(
            price_step_ticks, quantity_step_lots, quantity_max_lots, band_low_ticks, band_high_ticks, phase, scope
        )

    def set_phase(self, instrument_id: int, phase: Phase) -> None:
        """Change what an instrument's book accepts. Raises KeyError for one that is not listed."""
        self.instruments[instrument_id].phase = phase

    def set_time(self, time_ns: int) -> None:
        """Tell the time, in nanoseconds since 1970, by which orders expire."""
        self.time_ns = time_ns

    def set_group(self, account_id: int, group: int) -> None:
        """Put an account into a self-trade group; 0 is none."""
        self.groups[account_id] = group

    def set_reducible(self, lots: int) -> None:
        """Tell how many lots a reduce-only order, or each such leg of a basket, may take from now on."""
        self.reducible = [lots] * len(self.reducible)

    def execute(self, commands: np.ndarray) -> np.ndarray:
        """Run commands (ORDER_COMMAND records, any others and what is behind them among them); return all events."""
        all_events = [np.zeros(0, ORDER_EVENT)]
        index = 0
        while index < len(commands):
            end = index + 1 + int(commands[index]["continuations"])
            self.sequence += 1
            self._execute(commands[index:end])
            all_events.append(self.take_events())
            index = end
        return np.concatenate(all_events)

    def expire_due(self) -> np.ndarray:
        """Cancel every order that has expired by now, and return the events."""
        due = [
            order
            for order in self.resting.values()
            if order.time_in_force == TimeInForce.GTD and order.expires_ns <= self.time_ns
        ]
        for order in sorted(due, key=lambda order: (order.expires_ns, order.order_id)):
            self.leave(order, OrderReason.EXPIRED)
        return self.take_events()

    def cancel_book(self, instrument_id: int, reason: OrderReason) -> np.ndarray:
        """Cancel every order of an instrument, and return the events."""
        for side in (Side.BUY, Side.SELL):
            for order in self.instruments[instrument_id].orders(side):
                self.leave(order, reason)
        return self.take_events()

    def trim_resting(self, order_id: int, lots: int) -> np.ndarray:
        """Take lots off a resting order, which keeps its place, or cancel it, and return the events."""
        order = self.resting.get(order_id)
        if order and order.leaves_lots <= lots:
            self.leave(order, OrderReason.REDUCE_ONLY)
        elif order:
            self.reduce(order, lots, OrderReason.REDUCE_ONLY)
        return self.take_events()

    def indicative(self, instrument_id: int, reference_ticks: int) -> tuple[int, int, int]:
        """(price_ticks, volume_lots, imbalance_lots) that an uncrossing would give now."""
        return price_auction(self.instruments[instrument_id], reference_ticks)

    def uncross(self, instrument_id: int, reference_ticks: int) -> np.ndarray:
        """Trade all that an auction collected at one price, and return the events. The phase stays as it is."""
        uncross(self, instrument_id, reference_ticks)
        return self.take_events()

    def levels(self, instrument_id: int, side: Side) -> list[tuple[int, int, int]]:
        """(price_ticks, quantity_lots that are shown, order_count) of one side, best first."""
        return [
            (price_ticks, sum(order.visible_lots for order in queue), len(queue))
            for price_ticks, queue in self.instruments[instrument_id].best_first(side)
        ]

    def orders(self) -> np.ndarray:
        """Every resting order as RESTING records, by instrument, side and priority."""
        return as_records([vars(order) for order in self.all_orders()], RESTING)

    def _execute(self, group: np.ndarray) -> None:
        """Run one command with the records behind it."""
        head, kind = group[0], group[0]["kind"]
        if kind == CommandKind.PLACE:
            extras = leading(group[:2], CommandKind.EXTRA, EXTRA)
            self._place(plain(head), extras[0] if extras else None)
        elif kind == CommandKind.MASS_CANCEL:
            mass_cancel(self, plain(group[:1].view(MASS_CANCEL_COMMAND)[0]))
        elif kind == CommandKind.MASS_QUOTE:
            mass_quote(self, plain(head), leading(group, CommandKind.QUOTE, QUOTE))
        elif kind == CommandKind.BASKET:
            basket(self, plain(head), leading(group, CommandKind.LEG, LEG))
        elif kind == CommandKind.CANCEL:
            self._cancel(plain(group[:1].view(CHANGE_COMMAND)[0]))
        else:
            self._replace(plain(group[:1].view(CHANGE_COMMAND)[0]))

    def _place(self, command: SimpleNamespace, extra: SimpleNamespace | None) -> None:
        """Bring a new order: trade what crosses, then rest or give up the remainder."""
        reject = self._check_place(command, extra)
        if reject:
            return self._refuse(command, command.side, reject)
        order = new_order(command, extra, self.instruments[command.instrument_id])
        limit_ticks = limit_after_post_only(self, order, order.price_ticks)
        if limit_ticks is None:
            return self._refuse(command, command.side, OrderReject.POST_ONLY_WOULD_TRADE)
        order.price_ticks = limit_ticks
        wanted_lots = self._wanted_lots(order, extra)
        allowed_lots = self.reducible[0] if order.flags & OrderFlag.REDUCE_ONLY else order.leaves_lots
        if wanted_lots > allowed_lots:
            return self.kill(order, OrderReason.NOT_FILLABLE)
        trim(self, order, allowed_lots)
        if wanted_lots and not is_fillable(self, order, wanted_lots):
            return self.kill(order, OrderReason.NOT_FILLABLE)
        return work(self, order, EventKind.RESTED)

    def _check_place(self, command: SimpleNamespace, extra: SimpleNamespace | None) -> OrderReject | None:
        """The first rule that a new order breaks, post-only aside."""
        if reject := check_new(command, extra, self.instruments.get(command.instrument_id)):
            return reject
        if command.time_in_force == TimeInForce.GTD and command.expires_ns <= self.time_ns:
            return OrderReject.ALREADY_EXPIRED
        if command.order_id in self.resting:
            return OrderReject.DUPLICATE_ORDER_ID
        may_rest = command.time_in_force in (TimeInForce.GTC, TimeInForce.GTD)
        if may_rest and len(self.resting) >= self.order_capacity:
            return OrderReject.TOO_MANY_ORDERS
        return self._check_position(command.flags)

    def _check_position(self, flags: int) -> OrderReject | None:
        """A reduce-only order needs something to reduce."""
        has_nothing = flags & OrderFlag.REDUCE_ONLY and self.reducible[0] <= 0
        return OrderReject.REDUCE_ONLY_WITHOUT_POSITION if has_nothing else None

    def _wanted_lots(self, order: Order, extra: SimpleNamespace | None) -> int:
        """How many lots must trade at once, or nothing happens."""
        if order.time_in_force == TimeInForce.FOK:
            return order.leaves_lots
        return extra.minimum_lots if extra and order.flags & OrderFlag.MINIMUM else 0

    def _cancel(self, command: SimpleNamespace) -> None:
        """Take an order of this account out of the book."""
        order = self._order_of_account(command)
        if order is None:
            return self._refuse(command, 0, OrderReject.UNKNOWN_ORDER)
        return self.leave(order, OrderReason.REQUESTED)

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
            return self.leave(order, OrderReason.REPLACED_BELOW_FILLED)
        keeps_its_place = command.price_ticks == order.price_ticks and new_leaves_lots <= order.leaves_lots
        if keeps_its_place and not command.flags & ChangeFlag.REQUEUE:
            return self.reduce(order, order.leaves_lots - new_leaves_lots, OrderReason.REQUESTED)
        if reject := self._check_position(order.flags):
            return self._refuse(command, 0, reject)
        limit_ticks = limit_after_post_only(self, order, command.price_ticks)
        if limit_ticks is None:
            return self._refuse(command, 0, OrderReject.POST_ONLY_WOULD_TRADE)
        self.leave(order, OrderReason.REQUESTED, EventKind.WITHDRAWN)
        order.price_ticks = limit_ticks
        order.quantity_lots = filled_lots + new_leaves_lots
        order.leaves_lots = new_leaves_lots
        trim(self, order, self.reducible[0])
        return work(self, order, EventKind.REPLACED)

    def _order_of_account(self, command: SimpleNamespace) -> Order | None:
        """The resting order that a change names, unless it belongs to another account."""
        order = self.resting.get(command.order_id)
        return order if order and order.account_id == command.account_id else None

    def _refuse(self, command: SimpleNamespace, side: int, reject: OrderReject) -> None:
        """Say which rule a command about one order broke."""
        self.refuse(
            command.account_id,
            Refusal(reject, command.instrument_id, command.order_id, side, command.price_ticks),
        )
