"""The latest events of accounts that follow `events`, or did: whoever was cut off is told the records that it missed.

An account is kept track of from its first subscription on, connected or not, and back over the latest batches of the
whole market. What is dropped is known, so a gap is refused by name and never told as if there were none.
"""

from collections import OrderedDict, deque
from collections.abc import Collection, KeysView

import numpy as np

from exchange.view import MarketView
from gateway.encoding.binary_frames import events_of_account
from gateway.feeds.recent_batches import RecentBatches, check_since
from matching.schema import ORDER_EVENT

KEPT_PER_ACCOUNT = 10_000
"""Events. Those of a batch are dropped together, so the last batch may be more."""
KEPT_MAX = 500_000
ACCOUNTS_MAX = 4_096
_NONE = np.zeros(0, ORDER_EVENT)


class EventHistory:
    """The events of one account, batch by batch, the oldest first."""

    def __init__(self, complete_after: int) -> None:
        self.complete_after = complete_after
        """Everything after this sequence is here."""
        self.last_sequence = complete_after
        """At which the market was when something was told last: the frame that comes next continues it."""
        self.events = 0
        self._batches: deque[np.ndarray] = deque()

    def add(self, records: np.ndarray, last_sequence: int) -> int:
        """Take in what a batch did; by how many events more are kept than before."""
        before = self.events
        self._batches.append(records)
        self.events += len(records)
        self.last_sequence = last_sequence
        while self.events > KEPT_PER_ACCOUNT and len(self._batches) > 1:
            self._drop_oldest()
        return self.events - before

    def drop_half(self) -> int:
        """Forget the older half; how many events they were."""
        before = self.events
        while self.events > before // 2:
            self._drop_oldest()
        return before - self.events

    def since(self, sequence: int) -> np.ndarray:
        """The events after a sequence."""
        if not self._batches:
            return _NONE
        records = np.concatenate(self._batches)
        return records[records["sequence"] > sequence]

    def _drop_oldest(self) -> None:
        dropped = self._batches.popleft()
        self.events -= len(dropped)
        self.complete_after = int(dropped["sequence"][-1])


class EventHistories:
    """Of all accounts that listen, or did."""

    def __init__(self, view: MarketView, recent: RecentBatches) -> None:
        self._view = view
        self._recent = recent
        self._accounts: OrderedDict[int, EventHistory] = OrderedDict()
        """The one that subscribed last is the last."""
        self._events = 0

    @property
    def account_ids(self) -> KeysView[int]:
        """Of whom a history is kept."""
        return self._accounts.keys()

    def add(self, account_id: int, records: np.ndarray, last_sequence: int) -> None:
        """A batch did something to the orders of an account whose history is kept."""
        self._events += self._accounts[account_id].add(records, last_sequence)
        while self._events > KEPT_MAX:
            self._events -= max(self._accounts.values(), key=lambda each: each.events).drop_half()

    def last_sequence(self, account_id: int) -> int:
        """At which the market was when something was told last of an account whose history is kept."""
        return self._accounts[account_id].last_sequence

    def follow(self, account_id: int, followed: Collection[int]) -> None:
        """Keep the history of an account from the latest batches on.

        Where there are too many, those of accounts that subscribed longest ago go, but of none that somebody follows.
        """
        if account_id not in self._accounts:
            self._accounts[account_id] = history = EventHistory(self._recent.complete_after)
            for recent in self._recent.of_account(account_id, lambda batch: batch.events):
                records = events_of_account(recent.batch.events, account_id)
                if len(records):
                    self._events += history.add(records, recent.last_sequence)
            history.last_sequence = self._view.sequence
        self._accounts.move_to_end(account_id)
        if len(self._accounts) > ACCOUNTS_MAX:
            self._forget_oldest({account_id, *followed})

    def since(self, account_id: int, sequence: int) -> np.ndarray:
        """All that happened after a sequence to the orders of an account whose history is kept.

        Raises ApiError where that is not known.
        """
        history = self._accounts[account_id]
        check_since(self._view, sequence, history.complete_after)
        return history.since(sequence)

    def _forget_oldest(self, kept: Collection[int]) -> None:
        excess = len(self._accounts) - ACCOUNTS_MAX
        for account_id in [each for each in self._accounts if each not in kept][:excess]:
            self._events -= self._accounts.pop(account_id).events
