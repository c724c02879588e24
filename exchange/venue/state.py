"""The state of the venue: arrays, and the limits that they were made for."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from exchange.venue import cancel_schema, layout, schema
from exchange.venue.clearing import state as clearing
from kernels.arrays import ArrayGroup
from kernels.compile import inlined
from kernels.memory import aligned_zeros
from kernels.table import ENTRY
from matching import arena
from matching.schema import ACCOUNT_ID_MAX
from risk import accounts
from risk.schema import ACCOUNT_CAPACITY, POSITION_CAPACITY

ENGINE_VERSION = "9"
"""Changes whenever the same commands would give other events or another state."""


class VenueLimits(NamedTuple):
    """How much the venue can hold. Refusals depend on it, so it is part of the rules that a journal names."""

    instruments: int = 65_536
    orders: int = 4_000_000
    nodes: int = 1_000_000
    accounts: int = ACCOUNT_CAPACITY
    positions: int = POSITION_CAPACITY
    client_ids: int = schema.CLIENT_ID_CAPACITY

    def rules_version(self) -> str:
        """The name under which the journal knows these rules."""
        return f"{ENGINE_VERSION}:{'/'.join(str(limit) for limit in self)}"


@dataclass(frozen=True, eq=False)
class State(ArrayGroup):
    """Everything that decides what the next command does."""

    book: arena.Book
    ledger: accounts.Ledger
    clearing: clearing.Clearing
    clock: np.ndarray  # (1,) CLOCK
    forced: np.ndarray  # (1,) FORCED
    tranches: np.ndarray  # (instruments,) TRANCHE, at instrument id modulo their number
    prints: np.ndarray  # (PRINTS_KEPT x instruments,) PRINT: a ring for each tranche
    series: np.ndarray  # (series,) SERIES, at the series' id
    regions: np.ndarray  # (regions,) REGION, at the region's id
    financing: np.ndarray  # (1,) FINANCING
    agenda: np.ndarray  # (3 x instruments + series + 2 x accounts,) AGENDA_ENTRY: a heap by (due time, kind, subject)
    cancel_timers: np.ndarray  # (timers,) CANCEL_TIMER, from 1: chained by account, and those that are free
    cancel_heads: np.ndarray  # (accounts,) CANCEL_HEAD: each account's chain
    reviews: np.ndarray  # (accounts,) int64: when a standing that is not SOUND is looked at again
    clients: np.ndarray  # (power of two,) CLIENT_ENTRY: a ring in order of time
    client_table: np.ndarray  # (power of two,) ENTRY: (account, client id) to ring position + 1; never grows
    outcome: np.ndarray  # (1,) ORDER_EVENT: the outcome of a command, while protection writes its events before it
    sweep: np.ndarray  # (1,) MASS_CANCEL_COMMAND: the orders that protection takes away


def allocate(limits: VenueLimits) -> State:
    """A venue in which nothing has happened. Raises ValueError for limits that cannot be served."""
    if not 1 < limits.accounts <= ACCOUNT_ID_MAX + 1:
        raise ValueError(f"the number of accounts must be up to 2^24, not {limits.accounts}")
    if limits.client_ids & (limits.client_ids - 1) or limits.client_ids < 2:
        raise ValueError(f"the number of client ids must be a power of two, not {limits.client_ids}")
    clock = np.zeros(1, layout.CLOCK)
    clock["next_instrument_id"] = clock["next_allocation_id"] = 1
    return State(
        book=arena.allocate(arena.Limits(limits.instruments, limits.orders, limits.nodes, limits.accounts)),
        ledger=accounts.allocate(limits.accounts, limits.positions, limits.instruments),
        clearing=clearing.allocate(limits.instruments, limits.accounts, schema.SERIES_CAPACITY, limits.positions),
        clock=clock,
        forced=np.zeros(1, layout.FORCED),
        tranches=aligned_zeros(limits.instruments, layout.TRANCHE),
        prints=aligned_zeros(layout.PRINTS_KEPT * limits.instruments, layout.PRINT),
        series=aligned_zeros(schema.SERIES_CAPACITY, layout.SERIES),
        regions=aligned_zeros(schema.REGION_CAPACITY, layout.REGION),
        financing=np.zeros(1, layout.FINANCING),
        agenda=aligned_zeros(
            3 * limits.instruments + schema.SERIES_CAPACITY + 2 * limits.accounts + 2, layout.AGENDA_ENTRY
        ),
        cancel_timers=aligned_zeros(cancel_schema.TIMER_CAPACITY + 1, cancel_schema.CANCEL_TIMER),
        cancel_heads=aligned_zeros(limits.accounts, cancel_schema.CANCEL_HEAD),
        reviews=aligned_zeros(limits.accounts, np.dtype(np.int64)),
        clients=aligned_zeros(limits.client_ids, layout.CLIENT_ENTRY),
        client_table=aligned_zeros(2 * limits.client_ids, ENTRY),
        outcome=np.zeros(1, schema.ORDER_EVENT),
        sweep=np.zeros(1, schema.MASS_CANCEL_COMMAND),
    )


@inlined
def slot_of(state, instrument_id):
    """Where a tranche stands, and what matching and risk know of it."""
    return np.int64(instrument_id) & np.int64(len(state.tranches) - 1)


@inlined
def is_region(state, region_id):
    """Whether a region of this id is defined."""
    return region_id != 0 and region_id <= np.int64(state.clock[0]["region_count"])
