"""What happened to accounts that have too little, for risk staff: the latest of it over all accounts, in the order in
which it happened. It is kept since the doors opened, and what is older is in the journal.
"""

from collections import deque
from itertools import islice

import numpy as np

from exchange.kinds import Kinds
from exchange.published import Published
from exchange.venue.schema import Event
from exchange.view import MarketView
from gateway.encoding.fields import time_text
from gateway.encoding.rows import Row
from gateway.feeds.account_events import account_events

EVENTS_KEPT = 5_000
_KINDS = Kinds((Event.STANDING_CHANGED, Event.FORCED_ORDER, Event.DELEVERAGED, Event.FUND_MOVED, Event.ADD_ON_SET))
_NAMES = frozenset({"standing", "forced_order", "deleveraging", "fund", "add_on"})


class RiskEvents:
    """Listens to the batches; it belongs to the loop of its exchange."""

    def __init__(self, view: MarketView) -> None:
        self._view = view
        self._latest: deque[Row] = deque(maxlen=EVENTS_KEPT)

    @property
    def kept(self) -> int:
        """How many there are."""
        return len(self._latest)

    def hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        if _KINDS.isdisjoint(batch.event_kinds):
            return
        events = batch.events[_KINDS.among(batch.events["kind"])]
        accounts = np.union1d(events["account_id"], events["counter_account_id"]).tolist()
        known = [account_id for account_id in accounts if account_id in self._view.accounts]
        for account_id, rows in account_events(self._view, batch, known).items():
            stamp: Row = {"account": self._view.accounts[account_id].name, "sequence": self._view.sequence}
            stamp |= {"time": time_text(batch.time_ns), "time_ns": batch.time_ns}
            self._latest.extend(stamp | row for row in rows if row["kind"] in _NAMES)

    def latest(self, limit: int, account: str | None = None) -> list[Row]:
        """The latest so many, of one account or of all, the newest first."""
        wanted = (row for row in reversed(self._latest) if account in (None, row["account"]))
        return list(islice(wanted, limit))
