"""What readers see of measured delivery: allocations slot by slot, reputations, corrections, keys of reporters."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from exchange.venue.clearing.delivery_schema import SlotOutcome
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.clearing.schema import MULTIPLIER_PPM_MAX

CORRECTIONS_KEPT = 1_000


@dataclass(slots=True)
class AllocationView:
    """What a provider owes a buyer, and how it is delivered. Money is nano-USD, over all slots so far."""

    allocation_id: int
    instrument_id: int
    symbol: str
    buyer_id: int
    provider_id: int
    lots: int
    price_ticks: int  # the final price, at which it is paid for
    escrow_nano: int  # of the buyer, as far as it is still held
    bond_nano: int  # that the provider put up; slot by slot it comes back, but for what is paid of it
    created_ns: int
    state: int = int(AllocationState.RESERVED)
    is_disputed: bool = False
    delivered: int = 0  # lots x slots, corrections included
    paid_nano: int = 0  # to the provider, the clearing fee included
    refunded_nano: int = 0  # of the price, to the buyer
    fee_nano: int = 0  # the clearing fee
    replacement_nano: int = 0  # of the bond, to the buyer: what replacing costs, or compensation
    shortfall_fee_nano: int = 0  # of the bond, to the insurance fund
    corrected_nano: int = 0  # from the buyer to the provider, the other way when negative
    outcomes: list[int] = field(default_factory=list)  # a SlotOutcome for each slot that is settled
    delivered_lots: array[int] = field(default_factory=lambda: array("Q"))  # of each, as it was measured


@dataclass(slots=True)
class DeliveryTotals:
    """What came of all allocations of a tranche so far, kept up to date slot by slot. Money is nano-USD."""

    allocations: int = 0
    lots: int = 0
    settled_slots: int = 0  # by the first of them, which comes first in every slot
    measured: int = 0  # lots x slots of which somebody knows what was delivered
    delivered: int = 0  # of those, corrections included
    paid_nano: int = 0
    refunded_nano: int = 0
    replacement_nano: int = 0
    shortfall_fee_nano: int = 0
    corrected_nano: int = 0
    disputed: int = 0  # of the allocations, now
    slot_measured: array[int] = field(default_factory=lambda: array("Q"))  # as `measured`, of each slot
    slot_delivered: array[int] = field(default_factory=lambda: array("Q"))  # of those, before corrections

    def begin(self, allocation: AllocationView) -> None:
        """Take in an allocation, with what came of it before."""
        self.allocations += 1
        self.lots += allocation.lots
        for slot, settled in enumerate(zip(allocation.outcomes, allocation.delivered_lots, strict=True)):
            self.settle_slot(slot, allocation.lots, *settled)
        self.delivered += allocation.delivered
        self.paid_nano += allocation.paid_nano
        self.refunded_nano += allocation.refunded_nano
        self.replacement_nano += allocation.replacement_nano
        self.shortfall_fee_nano += allocation.shortfall_fee_nano
        self.corrected_nano += allocation.corrected_nano
        self.disputed += allocation.is_disputed

    def settle_slot(self, slot: int, lots: int, outcome: int, delivered_lots: int) -> None:
        """A slot of one allocation is settled; each allocation has its slots settled in their order."""
        if slot == self.settled_slots:
            self.settled_slots += 1
            self.slot_measured.append(0)
            self.slot_delivered.append(0)
        measured_lots = 0 if outcome == SlotOutcome.SILENT else lots
        self.measured += measured_lots
        self.slot_measured[slot] += measured_lots
        self.slot_delivered[slot] += delivered_lots


class Reputation(NamedTuple):
    """What is known of a provider, as evidence, and the multiplier of its bonds that follows."""

    good: int = 0
    bad: int = 0
    multiplier_ppm: int = MULTIPLIER_PPM_MAX


class CorrectionView(NamedTuple):
    """What risk staff corrected, and why."""

    sequence: int
    time_ns: int
    allocation_id: int
    slot: int
    change_lots: int
    moved_nano: int  # from the buyer to the provider, the other way when negative
    reason: str


@dataclass(slots=True)
class Deliveries:
    """All of it."""

    by_id: dict[int, AllocationView] = field(default_factory=dict)
    """In the order of ids, in which gates make them; so are those of each account."""
    of_tranche: dict[int, list[int]] = field(default_factory=dict)
    """Ids, by the instrument with which they go."""
    totals: dict[int, DeliveryTotals] = field(default_factory=dict)
    """By instrument, in the order in which their gates closed."""
    of_accounts: dict[int, dict[int, AllocationView]] = field(default_factory=dict)
    """What each account bought or provides, by id."""
    reputations: dict[int, Reputation] = field(default_factory=dict)
    """By provider; those of whom nothing is known are not there."""
    reporter_keys: dict[int, bytes] = field(default_factory=dict)
    """By account: the Ed25519 key under which it reports."""
    corrections: deque[CorrectionView] = field(default_factory=lambda: deque(maxlen=CORRECTIONS_KEPT))
    """The newest last."""

    def add(self, allocation: AllocationView) -> None:
        """Enter an allocation wherever somebody may look for it."""
        self.by_id[allocation.allocation_id] = allocation
        self.of_tranche.setdefault(allocation.instrument_id, []).append(allocation.allocation_id)
        self.totals.setdefault(allocation.instrument_id, DeliveryTotals()).begin(allocation)
        for account_id in (allocation.buyer_id, allocation.provider_id):
            self.of_accounts.setdefault(account_id, {})[allocation.allocation_id] = allocation

    def drop_tranche(self, instrument_id: int) -> None:
        """Forget the allocations of a tranche."""
        self.totals.pop(instrument_id, None)
        for allocation_id in self.of_tranche.pop(instrument_id, []):
            allocation = self.by_id.pop(allocation_id)
            for account_id in {allocation.buyer_id, allocation.provider_id}:
                del self.of_accounts[account_id][allocation_id]
                if not self.of_accounts[account_id]:
                    del self.of_accounts[account_id]

    def of_account(self, account_id: int) -> list[AllocationView]:
        """What an account bought or provides."""
        return list(self.of_accounts.get(account_id, {}).values())

    def dump(self) -> dict[str, Any]:
        """All of it as plain values, in an order that equal ones share."""
        return {
            "columns": [each.name for each in fields(AllocationView)],
            "allocations": [_row(each) for each in self.by_id.values()],
            "reputations": [[account_id, *each] for account_id, each in self.reputations.items()],
            "reporter_keys": [[account_id, key.hex()] for account_id, key in self.reporter_keys.items()],
            "corrections": [list(each) for each in self.corrections],
        }

    def load(self, dumped: dict[str, Any]) -> None:
        """Fill empty ones. Raises ValueError, LookupError or TypeError for anything that `dump` did not write."""
        columns = dumped.get("columns", [])
        for row in dumped.get("allocations", []):
            values = dict(zip(columns, row, strict=True))
            self.add(AllocationView(**values | {"delivered_lots": array("Q", values["delivered_lots"])}))
        self.reputations.update((account_id, Reputation(*each)) for account_id, *each in dumped.get("reputations", []))
        keys = dumped.get("reporter_keys", [])
        self.reporter_keys.update((account_id, bytes.fromhex(key)) for account_id, key in keys)
        self.corrections.extend(CorrectionView(*each) for each in dumped.get("corrections", []))


def _row(allocation: AllocationView) -> list[Any]:
    values = [getattr(allocation, each.name) for each in fields(allocation)]
    return [list(value) if isinstance(value, list | array) else value for value in values]
