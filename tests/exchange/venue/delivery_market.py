"""A venue in which something is delivered: allocations are made by hand, and every command is looked at from all sides.

Every batch goes to three venues: one with room, one whose buffer holds a single step, and one that is restored from
its image before each command. Their events are the same, and after each command the books add up.
"""

from typing import Any

import numpy as np

from exchange import commands, delivery_commands
from exchange.published import Published
from exchange.sequencer import stamp_order_ids
from exchange.venue.balances import find_imbalance
from exchange.venue.clearing.allocations import open_allocation
from exchange.venue.clearing.bonds import bond_nano, failure_nano
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Tier
from exchange.venue.state import VenueLimits
from exchange.view import AllocationView, DeliveryTotals, MarketView
from kernels.compile import kernel
from tests.exchange.venue.clearing.providing import provide
from tests.exchange.venue.market import NANO_PER_S, START_NS, define_series
from tests.exchange.venue.told import Told, told

LIMITS = VenueLimits(instruments=8, orders=64, nodes=200, accounts=24, positions=64, client_ids=16)
BUYER, OTHER_BUYER, PROVIDER, OTHER_PROVIDER, COUSIN = 1, 2, 3, 4, 5
REPORTERS = tuple(range(10, 20))
GROUP_OF_PROVIDER = 7
GROUPS = {PROVIDER: GROUP_OF_PROVIDER, COUSIN: GROUP_OF_PROVIDER}
CASH_NANO = 1 << 40
SLOT_S, GRACE_S, DISPUTE_S = 60, 30, 600
WINDOW_S, SLOTS = 180, 3
FINAL_TICKS, REPLACEMENT_TICKS = 1_009, 1_703
WINDOW_NS = START_NS + WINDOW_S * NANO_PER_S
"""When the first window begins."""
MULTIPLIER_PPM = 1_999_993
TERMS = {
    "slot_s": SLOT_S,
    "latency_max_us": 5_000,
    "loss_max_ppm": 1_000,
    "shortfall_fee_ppm": 101_003,
    "clearing_fee_ppm": 20_011,
    "burn_ppm": 300_007,
    "interruption_ppm": 250_001,
    "grace_s": GRACE_S,
    "dispute_s": DISPUTE_S,
}


@kernel
def make_allocation(state, tranche_slot, buyer_id, provider_id, lots, escrow_nano, bond_nano):
    """An allocation with its money, as gate closure makes it."""
    slot = open_allocation(state, tranche_slot, buyer_id, provider_id, lots, escrow_nano, bond_nano)
    state.ledger.accounts[buyer_id]["cash_nano"] -= escrow_nano
    state.ledger.accounts[provider_id]["cash_nano"] -= bond_nano
    state.ledger.totals[0]["escrow_nano"] += escrow_nano
    state.ledger.totals[0]["bonds_nano"] += bond_nano
    state.clearing.providers[provider_id]["bond_held_nano"] += bond_nano
    return slot


@kernel
def make_bond(state, tranche_slot, lots, multiplier_ppm):
    """The bond of so many lots of a tranche."""
    contract, delivery = state.ledger.contracts[tranche_slot], state.clearing.deliveries[tranche_slot]
    failure = failure_nano(contract, delivery, delivery["final_ticks"], delivery["replacement_ticks"])
    return bond_nano(failure, lots, multiplier_ppm)


class DeliveryMarket:
    """Accounts with cash, reporters, and the first windows past their gates."""

    def __init__(self, *, tier: Tier = Tier.BE, duration_s: int = WINDOW_S, terms: dict[str, int] = TERMS) -> None:
        self.venue, self.narrow, self.mirror = Venue(LIMITS), Venue(LIMITS, event_capacity=4), Venue(LIMITS)
        self.checks_mirror = True
        self.terms = terms
        self.view = MarketView()
        self.published: list[Published] = []
        self.next_sequence = 1
        self.time_ns = START_NS
        accounts = (BUYER, OTHER_BUYER, PROVIDER, OTHER_PROVIDER, COUSIN, *REPORTERS)
        self.send(
            commands.tick(START_NS),
            commands.define_region(1, "eu-fra"),
            *(commands.open_account(number, f"a{number}", GROUPS.get(number, 0)) for number in accounts),
            *(commands.deposit(number, CASH_NANO) for number in accounts[:5]),
            define_series(1, tier=tier, duration_s=duration_s, first_start_ns=WINDOW_NS, gate_lead_s=60),
            *(delivery_commands.register_reporter(number, bytes([number] * 32)) for number in REPORTERS),
        )
        self.tick_to(WINDOW_NS - 30 * NANO_PER_S)
        for venue in self.venues:
            for provider in (PROVIDER, OTHER_PROVIDER):
                provide(venue, provider)
        self.set_terms(1)

    @property
    def venues(self) -> tuple[Venue, Venue, Venue]:
        return self.venue, self.narrow, self.mirror

    def set_terms(self, instrument_id: int) -> None:
        """How a tranche is delivered, and at what price."""
        prices = {"final_ticks": FINAL_TICKS, "replacement_ticks": REPLACEMENT_TICKS}
        for venue in self.venues:
            for name, value in (self.terms | prices).items():
                venue.state.clearing.deliveries[name][instrument_id & 7] = value

    def allocate(
        self,
        lots: int = 10,
        *,
        buyer: int = BUYER,
        provider: int = PROVIDER,
        multiplier_ppm: int = MULTIPLIER_PPM,
        instrument_id: int = 1,
    ) -> int:
        """What gate closure does; returns the id of the allocation."""
        for venue in self.venues:
            slot = instrument_id & 7
            escrow_nano = lots * FINAL_TICKS * int(venue.state.tranches["tick_value_nano"][slot])
            bond = int(make_bond(venue.state, slot, lots, multiplier_ppm))
            at = make_allocation(venue.state, slot, buyer, provider, lots, escrow_nano, bond)
        allocation_id = int(self.venue.state.clearing.allocations[at]["allocation_id"])
        described = (instrument_id, self.view.tranches[instrument_id].symbol, buyer, provider, lots, FINAL_TICKS)
        self.view.deliveries.add(AllocationView(allocation_id, *described, escrow_nano, bond, self.time_ns))
        self.check()
        return allocation_id

    def send(self, *groups: np.ndarray) -> list[list[Told]]:
        """One command after the other; returns the events of each."""
        return [self._send_one(group) for group in groups]

    def _send_one(self, group: np.ndarray) -> list[Told]:
        batch = commands.concatenate(group)
        stamp_order_ids(batch, self.next_sequence)
        if self.checks_mirror:
            self.mirror = Venue.from_image(self.mirror.image(), LIMITS)
        events = [venue.apply(batch, self.next_sequence) for venue in self.venues]
        assert events[0].tobytes() == events[1].tobytes(), "a small buffer gives other events"
        assert events[0].tobytes() == events[2].tobytes(), "a restored venue gives other events"
        figures = self.venue.figures_after(events[0])
        self.published.append(Published(self.next_sequence, self.time_ns, batch, events[0], figures))
        self.view.apply(self.published[-1])
        self.next_sequence += len(batch)
        self.check()
        return told(events[0])

    def check(self) -> None:
        """The books add up, the three venues are one, and bonds are those of the allocations."""
        image = self.venue.image()
        assert find_imbalance(image) == ""
        digests = {venue.digest() for venue in self.venues}
        assert len(digests) == 1, "the venues differ"
        summary, allocations = image["summary"][0], image["allocations"]
        assert summary["escrow_nano"] == allocations["escrow_nano"].sum()
        assert summary["bonds_nano"] == allocations["bond_nano"].sum() == image["providers"]["bond_held_nano"].sum()
        assert (allocations["bond_nano"] >= 0).all()
        assert (allocations["escrow_nano"] >= 0).all()
        self.check_view(allocations)

    def check_view(self, allocations: np.ndarray) -> None:
        """Readers see of each allocation what the venue keeps of it."""
        for row in allocations:
            shown = self.view.deliveries.by_id[int(row["allocation_id"])]
            assert (shown.state, shown.delivered) == (int(row["state"]), int(row["delivered"]))
            assert shown.escrow_nano == int(row["escrow_nano"])
            assert shown.is_disputed == bool(row["flags"] & 1)
        assert self.view.fund_nano == self.total("fund_nano")
        self.check_totals()

    def check_totals(self) -> None:
        """What is kept of each tranche is what its allocations add up to."""
        expected: dict[int, DeliveryTotals] = {}
        for shown in self.view.deliveries.by_id.values():
            expected.setdefault(shown.instrument_id, DeliveryTotals()).begin(shown)
        assert self.view.deliveries.totals == expected

    def ask(self, group: np.ndarray) -> Told:
        """One command; returns its outcome."""
        return self.send(group)[0][-1]

    def tick_to(self, time_ns: int) -> list[Told]:
        """Time passes until an instant; returns what it brought, without the TICKED."""
        self.time_ns = max(self.time_ns, time_ns)
        return self.send(commands.tick(self.time_ns))[0][:-1]

    def tick_into_window(self, seconds: float) -> list[Told]:
        """Time passes until so many seconds after the first window began."""
        return self.tick_to(WINDOW_NS + int(seconds * NANO_PER_S))

    def report(self, allocation_id: int, slot: int, *measured_lots: int, **figures: int) -> list[Told]:
        """One reporter after the other says what it measured; returns the outcomes."""
        figures = {"latency_us": 1_000, "loss_ppm": 10} | figures
        reporters = zip(REPORTERS, measured_lots, strict=False)
        return [
            self.ask(delivery_commands.report_delivery(number, allocation_id, slot, measured_lots=lots, **figures))
            for number, lots in reporters
        ]

    def allocation(self, allocation_id: int) -> Any:
        """An allocation as it stands, or None."""
        rows = self.venue.image()["allocations"]
        found = rows[rows["allocation_id"] == allocation_id]
        return found[0] if len(found) else None

    def cash_nano(self, account_id: int) -> int:
        return int(self.venue.state.ledger.accounts[account_id]["cash_nano"])

    def total(self, name: str) -> int:
        """A total of the ledger."""
        return int(self.venue.state.ledger.totals[0][name])

    def agenda(self) -> list[tuple[int, int, int]]:
        """What is due, in order."""
        count = int(self.venue.state.clock[0]["agenda_count"])
        return sorted(
            (int(row["due_ns"]), int(row["kind"]), int(row["subject"])) for row in self.venue.state.agenda[:count]
        )


def settled(events: list[Told]) -> list[Told]:
    """The settlements of slots among events."""
    return [event for event in events if event["kind"] == Event.SLOT_SETTLED]


def short(events: list[Told]) -> list[Told]:
    """What was missing among events."""
    return [event for event in events if event["kind"] == Event.SLOT_SHORT]
