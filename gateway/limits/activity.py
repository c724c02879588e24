"""What accounts send beside what they trade, over the last hour; and orders that traded get their weight back.

Counted from the journaled batches, so that it makes no difference through which door an order came. An order's weight
is given back once, with the batch of its first trade. The count begins anew with the process.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from exchange.published import Published
from exchange.view import MarketView
from exchange.view.activity import ActivityCounts
from gateway.encoding.rows import Row

SLICE_NS = 60_000_000_000
SLICES = 60
WINDOW_S = SLICES * SLICE_NS // 1_000_000_000


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
        """The slices that are over in which an account did anything."""
        self._at = 0
        """The slice of the latest batch."""
        self._counts = ActivityCounts(view)
        """Of that slice."""

    def hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        at = batch.time_ns // SLICE_NS
        if at != self._at:
            self._begin_slice(at)
        for account_id, orders in self._counts.note(batch).items():
            self._give_back(account_id, orders)

    def of_account(self, account_id: int) -> Activity:
        """What an account did in the last hour."""
        total = Activity(*self._counts.of_account(account_id))
        for at, counted in self._by_account.get(account_id, ()):
            if at > self._view.time_ns // SLICE_NS - SLICES:
                total = total.plus(counted)
        return total

    def _begin_slice(self, at: int) -> None:
        for account_id, counts in self._counts.take().items():
            self._by_account.setdefault(account_id, deque(maxlen=SLICES)).append((self._at, Activity(*counts)))
        self._at = at


def activity_row(activity: Activity) -> Row:
    """The counts of an hour, and messages for each fill; null without a fill."""
    sent = activity.orders + activity.replaces + activity.cancels
    hundredths = sent * 100 // activity.fills if activity.fills else None
    return {
        "window_s": WINDOW_S,
        **activity._asdict(),
        "order_to_trade": None if hundredths is None else f"{hundredths // 100}.{hundredths % 100:02d}",
    }
