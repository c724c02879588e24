"""What the venue's twin makes of orders that go unless their owner gives a sign of life."""

import numpy as np

from exchange.venue.cancel_schema import CANCEL_AFTER_COMMAND, CANCEL_AFTER_MS_MAX, TIMERS_OF_ACCOUNT_MAX
from exchange.venue.schema import Command, Event, Reason, Reject
from exchange.venue.state import VenueLimits
from tests.exchange.venue.told import Told
from tests.exchange.venue.twin_leverage import TwinLeverage

ALL_ORDERS = -1
"""In the place of a session."""


class TwinCancelAfter(TwinLeverage):
    """When orders go, by account and session."""

    def __init__(self, limits: VenueLimits) -> None:
        super().__init__(limits)
        self.cancels_ns: dict[tuple[int, int], int] = {}
        self.went: list[int] = []
        """Ids of orders that went with the timer at work."""

    def cancel_after_reject(self, group: np.ndarray) -> int:
        command = group.view(CANCEL_AFTER_COMMAND)[0]
        session_id, by_session = int(command["session_id"]), int(command["by_session"])
        if int(command["account_id"]) not in self.accounts:
            return Reject.UNKNOWN_ACCOUNT
        if (by_session, session_id) != (0, 0) and not (by_session == 1 and session_id < 1 << 16):
            return Reject.INVALID_ORDER_TERMS
        if not 0 <= int(command["after_ms"]) <= CANCEL_AFTER_MS_MAX:
            return Reject.TIME_OUT_OF_RANGE
        key = int(command["account_id"]), session_id if by_session else ALL_ORDERS
        own = [each for each in self.cancels_ns if each[0] == key[0]]
        is_too_many = key not in own and len(own) == TIMERS_OF_ACCOUNT_MAX and command["after_ms"]
        return Reject.TOO_MANY_TIMERS if is_too_many else Reject.NONE

    def on_cancel_after_set(self, event: Told) -> None:
        key = event["account_id"], event["session_id"] if event["by_session"] else ALL_ORDERS
        assert event["due_ns"] == (self.time_ns + event["after_ms"] * 1_000_000 if event["after_ms"] else 0)
        self.cancels_ns.pop(key, None)
        if event["due_ns"]:
            self.cancels_ns[key] = event["due_ns"]

    def next_cancel(self) -> tuple[int, int, int]:
        """When the next timer runs out, and whose it is."""
        return min((due_ns, *key) for key, due_ns in self.cancels_ns.items())

    def goes_with(self, order_id: int, account_id: int, session_id: int) -> bool:
        order = self.orders[order_id]
        return order.account_id == account_id and session_id in (ALL_ORDERS, order.terms.session_id)

    def moment_of(self, event: Told) -> int:
        if event["kind"] == Event.CANCELLED_AFTER or event["reason"] == Reason.CANCEL_AFTER:
            return self.next_cancel()[0]
        return super().moment_of(event)

    def on_cancelled(self, event: Told) -> None:
        if event["reason"] == Reason.CANCEL_AFTER:
            assert self.command_kind == Command.TICK
            _, account_id, session_id = self.next_cancel()
            assert self.goes_with(event["order_id"], account_id, session_id), "an order went that should stay"
            assert not self.went or self.went[-1] < event["order_id"], "orders went in another order than that of ids"
            self.went.append(event["order_id"])
        super().on_cancelled(event)

    def on_cancelled_after(self, event: Told) -> None:
        due_ns, account_id, session_id = self.next_cancel()
        found = event["due_ns"], event["account_id"], event["session_id"] if event["by_session"] else ALL_ORDERS
        assert found == (due_ns, account_id, session_id), "another timer ran out"
        assert not any(self.goes_with(each, account_id, session_id) for each in self.orders), "an order stayed"
        assert event["order_count"] == len(self.went)
        self.went.clear()
        del self.cancels_ns[account_id, session_id]

    def on_ticked(self, event: Told) -> None:
        super().on_ticked(event)
        assert all(due_ns > self.time_ns for due_ns in self.cancels_ns.values()), "a timer was left behind"
