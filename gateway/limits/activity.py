"""What accounts send beside what they trade, over the last hour; and orders that traded get their weight back.

Counted from the journaled batches, so that it makes no difference through which door an order came. An order's weight
is given back once, with the batch of its first trade. The count begins anew with the process.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from exchange.kinds import Kinds
from exchange.published import Published
from exchange.venue.closing import FORCED_ID_BIT
from exchange.venue.schema import Command
from exchange.view import MarketView
from exchange.view.records import FORCED_ID_MASK
from gateway.encoding.rows import Row
from kernels.records import picked
from matching.schema import EventKind

SLICE_NS = 60_000_000_000
SLICES = 60
COUNTED_AT_ONCE = 4_096
"""Records."""
WINDOW_S = SLICES * SLICE_NS // 1_000_000_000

_TRADES = Kinds((EventKind.TRADE, EventKind.AUCTION_TRADE))
_COUNTED = {
    Command.PLACE: "orders",
    Command.LEG: "orders",
    Command.QUOTE: "orders",
    Command.REPLACE: "replaces",
    Command.CANCEL: "cancels",
    Command.MASS_CANCEL: "cancels",
}
"""Commands of one account's orders, and records behind the head of a group that bring an order each."""
_FORCED_MASK, _FORCED = np.uint64(FORCED_ID_MASK), np.uint64(FORCED_ID_BIT)
_KIND_BITS, _KINDS_MAX = 8, 255
_HEADS = Kinds({*_COUNTED, Command.BASKET, Command.MASS_QUOTE} - {Command.LEG, Command.QUOTE})


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

    def __init__(self, view: MarketView, give_back: Callable[[int, int], None]) -> None:
        """`give_back` is called with an account, and how many of its orders trade for the first time."""
        self._view = view
        self._give_back = give_back
        self._by_account: dict[int, deque[tuple[int, Activity]]] = {}
        self._at = 0
        """The slice of the latest batch."""
        self._uncounted: list[np.ndarray] = []
        """Commands of the latest batches, all of that slice."""
        self._uncounted_records = 0

    def hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        at = batch.time_ns // SLICE_NS
        if at != self._at or self._uncounted_records >= COUNTED_AT_ONCE:
            self._count_sent()
            self._at = at
        self._uncounted.append(batch.commands)
        self._uncounted_records += len(batch.commands)
        if not _TRADES.isdisjoint(batch.event_kinds):
            trades = picked(batch.events, _TRADES.among(batch.events["kind"]))
            parties = np.concatenate([trades["account_id"], trades["counter_account_id"]])
            account_ids, counts = np.unique(parties, return_counts=True)
            for account_id, count in zip(account_ids.tolist(), counts.tolist(), strict=True):
                self._count(account_id, "fills", count)
            self._refund(trades)

    def of_account(self, account_id: int) -> Activity:
        """What an account did in the last hour."""
        self._count_sent()
        total = Activity()
        for at, counted in self._by_account.get(account_id, ()):
            if at > self._view.time_ns // SLICE_NS - SLICES:
                total = total.plus(counted)
        return total

    def _count_sent(self) -> None:
        """Count what was sent in the batches since the last time: for each alone it would take many times as long."""
        if not self._uncounted:
            return
        kinds, accounts = (np.concatenate([each[name] for each in self._uncounted]) for name in ("kind", "account_id"))
        self._uncounted, self._uncounted_records = [], 0
        # A record behind a head has no account of its own.
        heads = np.maximum.accumulate(np.where(_HEADS.among(kinds), np.arange(len(kinds)), 0))
        account_ids = accounts[heads].astype(np.uint64)
        sent, counts = np.unique(account_ids << _KIND_BITS | kinds, return_counts=True)
        for key, count in zip(sent.tolist(), counts.tolist(), strict=True):
            name = _COUNTED.get(key & _KINDS_MAX)
            if name is not None:
                self._count(key >> _KIND_BITS, name, count)

    def _count(self, account_id: int, name: str, count: int) -> None:
        at = self._at
        slices = self._by_account.setdefault(account_id, deque(maxlen=SLICES))
        counted = slices.pop()[1] if slices and slices[-1][0] == at else Activity()
        slices.append((at, counted._replace(**{name: getattr(counted, name) + count})))

    def _refund(self, trades: np.ndarray) -> None:
        """By columns, since a frame of records may trade hundreds of times."""
        named = np.concatenate([trades["order_id"], trades["counter_order_id"]])
        order_ids, places = np.unique(named, return_inverse=True)
        traded_lots = np.zeros(len(order_ids), np.int64)
        np.add.at(traded_lots, places, np.tile(trades["quantity_lots"], 2))
        orders = self._view.orders_by_id(order_ids)
        is_first = (orders["filled_lots"] == traded_lots) & (order_ids & _FORCED_MASK != _FORCED)
        account_ids, counts = np.unique(orders["account_id"][is_first], return_counts=True)
        for account_id, count in zip(account_ids.tolist(), counts.tolist(), strict=True):
            self._give_back(account_id, count)


def activity_row(activity: Activity) -> Row:
    """The counts of an hour, and messages for each fill; null without a fill."""
    sent = activity.orders + activity.replaces + activity.cancels
    hundredths = sent * 100 // activity.fills if activity.fills else None
    return {
        "window_s": WINDOW_S,
        **activity._asdict(),
        "order_to_trade": None if hundredths is None else f"{hundredths // 100}.{hundredths % 100:02d}",
    }
