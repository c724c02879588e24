"""What accounts send beside what they trade, over the last hour; and orders that traded get their weight back.

Counted from the journaled batches, so that it makes no difference through which door an order came. An order's weight
is given back once, with the batch of its first trade. The count begins anew with the process.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from exchange.published import Published
from exchange.venue.schema import Command
from exchange.view import MarketView
from gateway.rows import Row
from matching.schema import EventKind

SLICE_NS = 60_000_000_000
SLICES = 60
WINDOW_S = SLICES * SLICE_NS // 1_000_000_000

_TRADES = (EventKind.TRADE, EventKind.AUCTION_TRADE)
_COUNTED = {
    Command.PLACE: "orders",
    Command.LEG: "orders",
    Command.QUOTE: "orders",
    Command.REPLACE: "replaces",
    Command.CANCEL: "cancels",
    Command.MASS_CANCEL: "cancels",
}
"""Commands of one account's orders, and records behind the head of a group that bring an order each."""
_HEADS = np.array(sorted({*_COUNTED, Command.BASKET, Command.MASS_QUOTE} - {Command.LEG, Command.QUOTE}), np.uint8)


class Activity(NamedTuple):
    """How often an account did what."""

    orders: int = 0
    replaces: int = 0
    cancels: int = 0
    fills: int = 0

    def plus(self, other: "Activity") -> "Activity":
        """Both together."""
        return Activity(*map(sum, zip(self, other, strict=True)))


class OrderActivity:
    """Counts by account, in slices of a minute."""

    def __init__(self, view: MarketView, give_back: Callable[[int], None]) -> None:
        """`give_back` is called with the account of an order when it trades for the first time."""
        self._view = view
        self._give_back = give_back
        self._by_account: dict[int, deque[tuple[int, Activity]]] = {}

    def hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        at = batch.time_ns // SLICE_NS
        commands = batch.commands
        is_head = np.isin(commands["kind"], _HEADS)
        if is_head.any():
            # A record behind a head has no account of its own.
            heads = np.maximum.accumulate(np.where(is_head, np.arange(len(commands)), 0))
            account_ids = commands["account_id"][heads]
            for kind, name in _COUNTED.items():
                self._count(account_ids[commands["kind"] == kind], name, at)
        trades = batch.events[np.isin(batch.events["kind"], _TRADES)]
        if len(trades):
            self._count(np.concatenate([trades["account_id"], trades["counter_account_id"]]), "fills", at)
            self._refund(trades)

    def of_account(self, account_id: int) -> Activity:
        """What an account did in the last hour."""
        total = Activity()
        for at, counted in self._by_account.get(account_id, ()):
            if at > self._view.time_ns // SLICE_NS - SLICES:
                total = total.plus(counted)
        return total

    def _count(self, account_ids: np.ndarray, name: str, at: int) -> None:
        if not len(account_ids):
            return
        for account_id, count in zip(*map(np.ndarray.tolist, np.unique(account_ids, return_counts=True)), strict=True):
            slices = self._by_account.setdefault(account_id, deque(maxlen=SLICES))
            counted = slices.pop()[1] if slices and slices[-1][0] == at else Activity()
            slices.append((at, counted._replace(**{name: getattr(counted, name) + count})))

    def _refund(self, trades: np.ndarray) -> None:
        order_ids = np.concatenate([trades["order_id"], trades["counter_order_id"]])
        lots = np.tile(trades["quantity_lots"], 2)
        unique, places = np.unique(order_ids, return_inverse=True)
        traded = np.zeros(len(unique), np.int64)
        np.add.at(traded, places, lots)
        for order_id, traded_lots in zip(unique.tolist(), traded.tolist(), strict=True):
            order = self._view.order(order_id)
            if order is not None and not order.is_forced and order.filled_lots == traded_lots:
                self._give_back(order.account_id)


def activity_row(activity: Activity) -> Row:
    """The counts of an hour, and messages for each fill; null without a fill."""
    sent = activity.orders + activity.replaces + activity.cancels
    hundredths = sent * 100 // activity.fills if activity.fills else None
    return {
        "window_s": WINDOW_S,
        **activity._asdict(),
        "order_to_trade": None if hundredths is None else f"{hundredths // 100}.{hundredths % 100:02d}",
    }
