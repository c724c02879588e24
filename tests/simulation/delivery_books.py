"""The books of a day, kept from its events alone: what becomes of every nano-USD, account by account."""

from collections import Counter

import numpy as np

from exchange.venue.balances import find_imbalance
from exchange.venue.clearing.delivery_schema import ALLOCATION_EVENT, PPM, REPUTATION_EVENT, SHORT_EVENT, SLOT_EVENT
from exchange.venue.clearing.gate_schema import ALLOCATED_EVENT, GATE_EVENT
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.machine import Venue
from exchange.venue.schema import ACCOUNT_EVENT, FUND_EVENT, Event
from tests.exchange.venue.clearing.floor import check_held


class DeliveryBooks:
    """Follows the events of a venue; `check` compares with its image."""

    def __init__(self, burn_ppm: int) -> None:
        self.burn_ppm = burn_ppm
        self.cash_nano: Counter[int] = Counter()
        """Of each account, without what came in as deposits or went into stakes, and with bonds that are still held."""
        self.escrow_nano = self.paid_nano = self.refunded_nano = 0
        self.bonds_nano = self.replaced_nano = self.shortfall_fees_nano = 0
        self.fees_nano = self.burned_nano = self.fund_nano = 0
        self.multipliers_ppm: dict[int, int] = {}
        self.lessons: Counter[int] = Counter()
        """How many allocations each provider's reputation followed from."""
        self.states: Counter[AllocationState] = Counter()
        self.kinds: Counter[Event] = Counter()
        self.cashed_out: list[tuple[int, int]] = []
        """Cause and lots of each."""

    def take(self, events: np.ndarray) -> None:
        """What a batch brought."""
        for kind, count in zip(*np.unique(events["kind"], return_counts=True), strict=True):
            self.kinds[Event(kind)] += int(count)
        for kind in (Event.POSITION_SETTLED, Event.ESCROWED, Event.CASHED_OUT):
            rows = of_kind(events, kind, ACCOUNT_EVENT if kind == Event.POSITION_SETTLED else GATE_EVENT)
            self._add(rows["account_id"], rows["amount_nano"])
        self.cashed_out += of_kind(events, Event.CASHED_OUT, GATE_EVENT)[["cause", "lots"]].tolist()
        self.fund_nano += int(of_kind(events, Event.FUND_MOVED, FUND_EVENT)["amount_nano"].sum())
        self._take_allocations(of_kind(events, Event.ALLOCATED, ALLOCATED_EVENT))
        self._take_slots(of_kind(events, Event.SLOT_SETTLED, SLOT_EVENT))
        self._take_shortfalls(of_kind(events, Event.SLOT_SHORT, SHORT_EVENT))
        for state in of_kind(events, Event.ALLOCATION_CHANGED, ALLOCATION_EVENT)["state"].tolist():
            self.states[AllocationState(state)] += 1
        rows = of_kind(events, Event.REPUTATION_SET, REPUTATION_EVENT)[["account_id", "multiplier_ppm"]]
        self.multipliers_ppm.update(rows.tolist())
        self.lessons.update(rows["account_id"].tolist())

    def check(self, venue: Venue) -> None:
        """Everything that is held somewhere is what the events say, and nothing is too many."""
        image = venue.image()
        summary = image["summary"][0]
        assert find_imbalance(image) == ""
        check_held(image)
        assert summary["escrow_nano"] == self.escrow_nano - self.paid_nano - self.refunded_nano
        assert summary["fees_nano"] == self.fees_nano - self.burned_nano
        assert summary["burned_nano"] == self.burned_nano
        assert summary["fund_nano"] == self.fund_nano + self.shortfall_fees_nano

    def _take_allocations(self, rows: np.ndarray) -> None:
        self.escrow_nano += int(rows["escrow_nano"].sum())
        self.bonds_nano += int(rows["bond_nano"].sum())
        self._add(rows["provider_id"], rows["bond_nano"])

    def _take_slots(self, rows: np.ndarray) -> None:
        self.paid_nano += int(rows["paid_nano"].sum())
        self.refunded_nano += int(rows["refunded_nano"].sum())
        self.fees_nano += int(rows["fee_nano"].sum())
        self.burned_nano += sum(fee * self.burn_ppm // PPM for fee in rows["fee_nano"].tolist())
        self._add(rows["buyer_id"], rows["refunded_nano"])
        self._add(rows["provider_id"], rows["paid_nano"] - rows["fee_nano"])

    def _take_shortfalls(self, rows: np.ndarray) -> None:
        self.replaced_nano += int(rows["replacement_nano"].sum())
        self.shortfall_fees_nano += int(rows["shortfall_fee_nano"].sum())
        self._add(rows["buyer_id"], rows["replacement_nano"])
        self._add(rows["provider_id"], -rows["replacement_nano"] - rows["shortfall_fee_nano"])

    def _add(self, account_ids: np.ndarray, amounts: np.ndarray) -> None:
        for account_id, amount in zip(account_ids.tolist(), amounts.tolist(), strict=True):
            self.cash_nano[account_id] += amount


def of_kind(events: np.ndarray, kind: Event, layout: np.dtype) -> np.ndarray:
    """The events of a kind, in its layout."""
    return events[events["kind"] == kind].view(layout)
