"""What happened lately to the orders of accounts that listen, so that who was cut off is told all that it missed.

An account is kept track of from its first subscription on, connected or not, and back over the latest batches of the
whole market. What is dropped is known, so that a gap is refused by name and never told as if it were all. Nothing here
outlives the process: what happened before its start is read by REST.
"""

from collections import OrderedDict, deque
from collections.abc import KeysView

import orjson

from exchange.view import MarketView
from gateway.encoding.json_text import encode
from gateway.encoding.rows import Row
from gateway.errors import ApiError, DoorError
from gateway.feeds.messages import message
from gateway.feeds.own_orders import Happened, happened, order_events, order_rows
from gateway.feeds.recent_batches import Recent, RecentBatches, check_since

KEPT_PER_ACCOUNT = 10_000
"""Changes of orders and fills, together."""
KEPT_MAX = 500_000
ACCOUNTS_MAX = 4_096


class OrderHistory:
    """The history of all accounts that listen, or did. Call `note` after each batch."""

    def __init__(self, view: MarketView, recent: RecentBatches) -> None:
        self._view = view
        self._recent = recent
        self._accounts: OrderedDict[int, AccountHistory] = OrderedDict()
        """The one that subscribed last is the last."""
        self._kept = 0

    @property
    def account_ids(self) -> KeysView[int]:
        """Of whom a history is kept."""
        return self._accounts.keys()

    def note(self, what: dict[int, Happened]) -> None:
        """This is what a batch did to the accounts of which a history is kept."""
        for account_id, each in what.items():
            if account_id in self._accounts:
                self._kept += self._accounts[account_id].add(each)
        while self._kept > KEPT_MAX:
            largest = max(self._accounts.values(), key=len)
            self._kept -= largest.drop(len(largest) // 2)

    def follow(self, account_id: int) -> None:
        """Keep the history of an account from the latest batches on."""
        if account_id not in self._accounts:
            self._accounts[account_id] = history = AccountHistory(self._recent.complete_after)
            for recent in self._recent.of_account(account_id, order_events):
                self._kept += self._add_again(history, account_id, recent)
        self._accounts.move_to_end(account_id)
        if len(self._accounts) > ACCOUNTS_MAX:
            _, forgotten = self._accounts.popitem(last=False)
            self._kept -= len(forgotten)

    def since(self, channel: str, account_id: int, sequence: int) -> Row:
        """One message with all that happened after a sequence: orders as they are now, each fill once.

        Raises ApiError when the history does not reach back so far, or the market has not come so far.
        """
        self.follow(account_id)
        history = self._accounts[account_id]
        check_since(self._view, sequence, history.complete_after)
        row = message(channel, "replay", self._view) | {"since_sequence": sequence}
        if channel == "orders":
            row["orders"] = self._orders_since(history, sequence)
        return row | {"fills": [orjson.Fragment(payload) for payload in history.fills_since(sequence)]}

    def _orders_since(self, history: "AccountHistory", sequence: int) -> list[Row]:
        order_ids = dict.fromkeys(history.orders_since(sequence))
        rows = order_rows(self._view, order_ids)
        if len(rows) < len(order_ids):
            text = (
                "since_sequence: orders that ended since then are forgotten; follow fills, and read open orders by REST"
            )
            raise ApiError(DoorError.REPLAY_NOT_KEPT, text, "since_sequence")
        return rows

    def _add_again(self, history: "AccountHistory", account_id: int, recent: Recent) -> int:
        """Take in a batch of before; one with a tranche that is forgotten by now ends what is known."""
        if not self._view.tranches.keys() >= set(order_events(recent.batch)["instrument_id"].tolist()):
            return history.forget(recent.last_sequence)
        return sum(map(history.add, happened(self._view, recent.batch, {account_id}).values()))


class AccountHistory:
    """The changes of orders and the fills of one account, each with its sequence, oldest first."""

    def __init__(self, complete_after: int) -> None:
        self.complete_after = complete_after
        """Everything after this sequence is here."""
        self._orders: deque[tuple[int, int]] = deque()
        self._fills: deque[tuple[int, bytes]] = deque()

    def __len__(self) -> int:
        return len(self._orders) + len(self._fills)

    def add(self, what: Happened) -> int:
        """Take in what a batch did; by how much more is kept than before."""
        before = len(self)
        self._orders.extend(sorted((sequence, order_id) for order_id, sequence in what.orders.items()))
        self._fills.extend((int(str(fill["sequence"])), encode(fill)) for fill in what.fills)
        self.drop(max(len(self) - KEPT_PER_ACCOUNT, 0))
        return len(self) - before

    def drop(self, count: int) -> int:
        """Forget the oldest; how many they were."""
        for _ in range(count):
            is_fill = not self._orders or bool(self._fills and self._fills[0][0] < self._orders[0][0])
            dropped = self._fills.popleft() if is_fill else self._orders.popleft()
            self.complete_after = dropped[0]
        return count

    def forget(self, sequence: int) -> int:
        """Nothing up to a sequence is here; by how much more is kept than before."""
        dropped = self.drop(len(self))
        self.complete_after = sequence
        return -dropped

    def orders_since(self, sequence: int) -> list[int]:
        """Ids of the orders that changed after a sequence, in the order of their last changes."""
        return [order_id for changed, order_id in self._orders if changed > sequence]

    def fills_since(self, sequence: int) -> list[bytes]:
        """The fills after a sequence, as JSON."""
        return [payload for filled, payload in self._fills if filled > sequence]
