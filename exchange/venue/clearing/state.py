"""The arrays of clearing."""

from dataclasses import dataclass

import numpy as np

from exchange.venue.clearing import capacity_schema, delivery_schema, schema
from kernels.arrays import ArrayGroup
from kernels.memory import aligned_zeros


@dataclass(frozen=True, eq=False)
class Clearing(ArrayGroup):
    """Everything that clearing knows."""

    gate: np.ndarray  # (1,) GATE
    gate_rows: np.ndarray  # (accounts,) GATE_ROW: the positions of the tranche whose gate closes, as they were settled
    delivery_terms: np.ndarray  # (series,) TERMS, at the series' id
    deliveries: np.ndarray  # (instruments,) DELIVERY, where the tranche stands
    providers: np.ndarray  # (accounts,) PROVIDER, at the account's id
    allocations: np.ndarray  # (power of two,) ALLOCATION, at the id modulo their number; id 0 is never used
    capacities: np.ndarray  # (power of two,) CAPACITY, at the id modulo their number; place 0 is never used
    holdings: np.ndarray  # (holdings,) HOLDING; place 0 is never used
    ring: np.ndarray  # (holdings x slots x tiers,) int64: lots sold, at the slot modulo the slots of a ring
    sellers: np.ndarray  # (accounts,) SELLER, at the account's id
    week: np.ndarray  # (slots of a week + 1,) int64: for reckoning how much is registered at a time
    commitments: np.ndarray  # (positions + 1,) COMMITMENT, where the position stands
    cursors: np.ndarray  # (instruments,) uint32: the allocation whose turn it is in the step at work, 0 between two
    reporter_keys: np.ndarray  # (8 x accounts,) int32: the key under which an account reports; zeros for none
    reports: np.ndarray  # (reports + 1,) REPORT; place 0 is never used
    report_buckets: np.ndarray  # (reports,) uint32: the first report of each bucket
    desk: np.ndarray  # (1,) DESK
    panel: np.ndarray  # (3 x reporters,) int64: the figures of the slot at work, sorted


def allocate(instruments: int, accounts: int, series: int, positions: int) -> Clearing:
    """Nothing is delivered yet."""
    desk = np.zeros(1, delivery_schema.DESK)
    desk["fresh_report"] = 1
    return Clearing(
        gate=np.zeros(1, schema.GATE),
        gate_rows=aligned_zeros(accounts, schema.GATE_ROW),
        delivery_terms=aligned_zeros(series, schema.TERMS),
        deliveries=aligned_zeros(instruments, schema.DELIVERY),
        providers=aligned_zeros(accounts, schema.PROVIDER),
        allocations=aligned_zeros(schema.ALLOCATION_CAPACITY, schema.ALLOCATION),
        capacities=aligned_zeros(capacity_schema.CAPACITIES_MAX, capacity_schema.CAPACITY),
        holdings=aligned_zeros(capacity_schema.HOLDINGS_MAX, capacity_schema.HOLDING),
        ring=aligned_zeros(
            capacity_schema.HOLDINGS_MAX * capacity_schema.RING_SLOTS * capacity_schema.TIERS, np.dtype(np.int64)
        ),
        sellers=aligned_zeros(accounts, capacity_schema.SELLER),
        week=np.zeros(capacity_schema.SLOTS_PER_WEEK + 1, np.int64),
        commitments=aligned_zeros(positions + 1, capacity_schema.COMMITMENT),
        cursors=aligned_zeros(instruments, np.dtype(np.uint32)),
        reporter_keys=aligned_zeros(delivery_schema.KEY_WORDS * accounts, np.dtype(np.int32)),
        reports=aligned_zeros(delivery_schema.REPORT_CAPACITY + 1, delivery_schema.REPORT),
        report_buckets=aligned_zeros(delivery_schema.REPORT_CAPACITY, np.dtype(np.uint32)),
        desk=desk,
        panel=np.zeros(3 * delivery_schema.REPORTERS_MAX, np.int64),
    )
