"""A state copied aside in one go, so that its image can be taken while the state goes on.

Taking an image walks every queue, which takes long for a large book. A copy of the arrays takes milliseconds: of each
pool and of each table of tranches only what was ever in use is copied, and what an image never reads is left out. What
is copied of a venue that lists few tranches is small, however many it could list. The memory is kept between
captures, and got ahead of the first, because to get it from the system takes twenty times as long as the copy.
"""

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from exchange.venue.clearing.delivery_schema import KEY_WORDS
from exchange.venue.clearing.state import Clearing
from exchange.venue.image import live_clients
from exchange.venue.layout import PRINTS_KEPT
from exchange.venue.state import State
from kernels.arrays import ArrayGroup
from matching.arena import FANOUT, Book
from risk.accounts import Ledger
from risk.schema import SCENARIOS

Group = TypeVar("Group", State, Book, Ledger, Clearing)

NOT_IN_IMAGES = frozenset(
    {"ids", "noted", "timers", "chosen", "position_table", "agenda", "cancel_heads", "clients", "client_table"}
    | {"losses", "classes", "class_table", "shocks"}  # worked out anew from orders, positions and strain
    | {"ring", "sellers", "commitments", "ramps", "week"}
    | {"gate", "gate_rows", "cursors", "panel"}  # at work within a command alone
    | {"report_buckets"}
)

NOT_BY_ORDER = frozenset({"instruments", "sides", "groups", "reducible"})
"""Arrays of the book that may be as long as the orders, and yet have no row for each of them."""


class CaptureMemory:
    """Holds one capture at a time: whoever takes another has finished with the last."""

    def __init__(self) -> None:
        self._kept: dict[str, np.ndarray] = {}

    def capture(self, state: State) -> State:
        """The state as it stands, for `take_image` alone; it lasts until the next capture."""
        captured = replace(
            self._copy(state, _used_of_state(state)),
            book=self._copy(state.book, _used_of_book(state)),
            ledger=self._copy(state.ledger, _used_of_ledger(state)),
            clearing=self._copy(state.clearing, _used_of_clearing(state)),
        )
        return self._with_clients(captured, state)

    def reserve(self, state: State, additions: int) -> None:
        """Get memory for a capture after at most so many more commands; the last capture ends."""
        for group, used in (
            (state, _used_of_state(state)),
            (state.book, _used_of_book(state)),
            (state.ledger, _used_of_ledger(state)),
            (state.clearing, _used_of_clearing(state)),
        ):
            for name, member in _arrays(group):
                rows = min(used[name] + additions, len(member)) if name in used else len(member)
                if name not in NOT_IN_IMAGES:
                    # Ahead of what is needed, so that a market that grows slowly does not need more each time.
                    self._get(name, rows, min(rows + rows // 4, len(member)), member.dtype)
        clients = min(sum(map(len, live_clients(state))) + additions, len(state.clients))
        self._get("clients", _ring_of(clients), _ring_of(clients), state.clients.dtype)

    def _get(self, name: str, least_rows: int, rows: int, dtype: np.dtype) -> None:
        """Have memory for so many rows at least, and get it for more where it has to be got."""
        if len(self._kept.get(name, ())) < least_rows:
            self._kept[name] = np.empty(rows, dtype)
            self._kept[name].view(np.uint8).fill(0)  # the system gives memory out when it is first written to

    def _copy(self, group: Group, used: dict[str, int]) -> Group:
        """The arrays of a group, each as far as it is in use; groups within it are left to the caller."""
        copies: dict[str, Any] = {}
        for name, member in _arrays(group):
            rows = 1 if name in NOT_IN_IMAGES else used.get(name, len(member))
            copies[name] = self._room(name, rows, member.dtype)
            np.copyto(copies[name].view(np.uint8), member[:rows].view(np.uint8))
        return replace(group, **copies)

    def _with_clients(self, captured: State, state: State) -> State:
        """The ring of client ids, laid out from its start, in as many rows as a ring must have."""
        parts = live_clients(state)
        count = sum(map(len, parts))
        clients = self._room("clients", _ring_of(count), state.clients.dtype)
        np.concatenate([part.view(np.uint8) for part in parts], out=clients[:count].view(np.uint8))
        captured.clock["oldest_client"] = 0
        captured.clock["newest_client"] = count
        return replace(captured, clients=clients)

    def _room(self, name: str, rows: int, dtype: np.dtype) -> np.ndarray:
        kept = self._kept.get(name)
        if kept is None or len(kept) < rows:
            kept = self._kept[name] = np.empty(rows, dtype)
        return kept[:rows]


def _ring_of(clients: int) -> int:
    """How many rows a ring has that holds so many client ids."""
    return 1 << clients.bit_length()


def _arrays(group: ArrayGroup) -> list[tuple[str, np.ndarray]]:
    """The arrays of a group by name, without those of groups within it."""
    members = [(field.name, getattr(group, field.name)) for field in fields(group)]  # type: ignore[arg-type]
    return [(name, member) for name, member in members if isinstance(member, np.ndarray)]


def _used_of_state(state: State) -> dict[str, int]:
    """Timers are taken from the bottom, and series have the numbers from 1 on."""
    slots = _slots_of(state)
    accounts, timers = int(state.ledger.totals[0]["accounts_end"]), max(int(state.clock[0]["fresh_timer"]), 1)
    series = int(state.clock[0]["series_count"]) + 1
    return {
        "tranches": slots,
        "prints": slots * PRINTS_KEPT,
        "series": series,
        "cancel_timers": timers,
        "reviews": accounts,
    }


def _slots_of(state: State) -> int:
    """Slots above the highest that ever held a tranche hold nothing."""
    return min(int(state.clock[0]["next_instrument_id"]), len(state.tranches))


def _used_of_book(state: State) -> dict[str, int]:
    """Rows in use from the bottom of each pool. An array as long as the orders has a row for each of them."""
    book, slots = state.book, _slots_of(state)
    counters = book.counters[0]
    used = {
        name: int(counters["fresh_order"])
        for name, member in _arrays(book)
        if len(member) == len(book.orders) and name not in NOT_BY_ORDER
    }
    nodes = int(counters["fresh_node"])
    used |= {"levels": int(counters["fresh_level"]), "nodes": nodes, "children": nodes * FANOUT}
    accounts = int(state.ledger.totals[0]["accounts_end"])
    return used | {"instruments": slots, "sides": 2 * slots, "groups": accounts}


def _used_of_ledger(state: State) -> dict[str, int]:
    totals, slots = state.ledger.totals[0], _slots_of(state)
    accounts = int(totals["accounts_end"])
    positions, rules = int(totals["fresh_position"]), int(totals["fresh_rule"])
    return {
        "positions": positions,
        "since": positions,
        "accounts": accounts,
        "limits": accounts,
        "rules": rules,
        "contracts": slots,
        "contract_limits": slots,
        "base_shocks": SCENARIOS * slots,
    }


def _used_of_clearing(state: State) -> dict[str, int]:
    clock, series = state.clock[0], int(state.clock[0]["series_count"])
    allocations = min(int(clock["next_allocation_id"]), len(state.clearing.allocations))
    accounts = int(state.ledger.totals[0]["accounts_end"])
    capacities = min(int(clock["last_capacity_id"]) + 1, len(state.clearing.capacities))
    return {
        "deliveries": _slots_of(state),
        "delivery_terms": series + 1,
        "providers": accounts,
        "allocations": allocations,
        "capacities": capacities,
        "reporter_keys": KEY_WORDS * accounts,
        "reports": int(state.clearing.desk[0]["fresh_report"]),
    }
