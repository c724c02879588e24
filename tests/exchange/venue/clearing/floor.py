"""A venue for the tests of clearing: one tranche that is delivered, and as many traders as a test wants.

Every batch also goes to a venue whose buffer holds a single step, and money is added up after each.
"""

from dataclasses import replace

import numpy as np

from exchange import clearing_commands, commands
from exchange.sequencer import stamp_order_ids
from exchange.venue.balances import find_imbalance
from exchange.venue.clearing.schema import ALLOCATION
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from exchange.venue.state import VenueLimits
from kernels.memory import aligned_zeros
from matching.check import check_book
from tests.exchange.venue.clearing.providing import provide
from tests.exchange.venue.market import (
    BUY,
    GATE_LEAD_S,
    NANO_PER_S,
    SELL,
    START_NS,
    TICK_VALUE_NANO,
    WINDOW_S,
    define_series,
)
from tests.exchange.venue.told import Told, told

LIMITS = VenueLimits(instruments=8, orders=200, nodes=400, accounts=16, positions=128, client_ids=64)
AHEAD_S = 7_200
"""So long before the first window starts, nobody thinks of its gate."""
GATE_S = AHEAD_S - GATE_LEAD_S
"""Of the first tranche, from the opening. It starts a minute later, and ends after another three."""
LOT_NANO = 1_000 * TICK_VALUE_NANO
"""Of one lot at the reference price."""
SHOCK_TICKS = 100
SLOT_S = 60
TERMS = {"shortfall_fee_ppm": 200_000, "penalty_ppm": 100_000, "grace_s": 60, "dispute_s": 600}


class Floor:
    """Traders by number from 1 on, each with cash of its own."""

    def __init__(
        self,
        *cash_nano: int,
        slot_s: int = SLOT_S,
        limits: VenueLimits = LIMITS,
        event_capacity: int = 4_096,
        providers: dict[int, int] | None = None,
        groups: dict[int, int] | None = None,
        series: dict[str, int] | None = None,
        fees_ppm: tuple[int, int] | None = None,
        **terms: int,
    ) -> None:
        """`providers` says which traders have capacity of their own, and the multipliers of their bonds; `groups` who
        must not trade with whom, `series` what is otherwise than usual about the windows, and `fees_ppm` what makers
        and takers pay.
        """
        self.venue, self.narrow = Venue(limits, event_capacity=event_capacity), Venue(limits, event_capacity=4)
        self.next_sequence, self.time_ns = 1, START_NS
        self.restores = False
        self.send(
            commands.tick(START_NS),
            commands.define_region(1, "eu-fra"),
            *(
                commands.open_account(number, f"trader-{number}", (groups or {}).get(number, 0))
                for number in range(1, len(cash_nano) + 1)
            ),
            *(commands.deposit(number, cash) for number, cash in enumerate(cash_nano, 1) if cash),
            windows(**(series or {})),
            clearing_commands.set_delivery_terms(1, slot_s, **(TERMS | terms)),
            *(commands.set_fees(1, *rates_ppm) for rates_ppm in [fees_ppm] if rates_ppm),
        )
        self.tick(1)
        self.mark(1_000)
        for venue in (self.venue, self.narrow):
            for number, multiplier_ppm in (providers or {}).items():
                provide(venue, number, multiplier_ppm)

    def send(self, *groups: np.ndarray) -> list[Told]:
        """One batch; returns its events, which are the same from both venues."""
        batch = commands.concatenate(*groups)
        stamp_order_ids(batch, self.next_sequence)
        events = self.venue.apply(batch, self.next_sequence)
        assert events.tobytes() == self.narrow.apply(batch, self.next_sequence).tobytes()
        self.next_sequence += len(batch)
        image = self.venue.image()
        assert find_imbalance(image) == ""
        check_held(image)
        check_book(self.venue.state.book)
        if self.restores:
            self.narrow = Venue.from_image(image, self.venue.limits)
            assert self.narrow.digest() == self.venue.digest()
            assert self.narrow.figures_of_all().tolist() == self.venue.figures_of_all().tolist()
        return told(events)

    def tick(self, seconds: float = 0) -> list[Told]:
        """Time passes; returns what it brought, without the TICKED."""
        self.time_ns += int(seconds * NANO_PER_S)
        return self.send(commands.tick(self.time_ns))[:-1]

    def mark(self, ticks: int, shock_ticks: int = SHOCK_TICKS, instrument_id: int = 1) -> None:
        """A new mark, and how far it may move."""
        shocks = [0, shock_ticks, -shock_ticks, *(0,) * 13]
        self.send(commands.set_parameters(instrument_id, mark_ticks=ticks, shocks_ticks=shocks))

    def trade(self, buyer: int, seller: int, lots: int, price_ticks: int = 1_000, instrument_id: int = 1) -> int:
        """A sale, of which the lots are returned that came about: both need margin."""
        told_events = self.send(
            commands.place(seller, instrument_id, SELL, price_ticks, lots),
            commands.place(buyer, instrument_id, BUY, price_ticks, lots),
        )
        self.send(*(commands.mass_cancel(number) for number in (buyer, seller)))
        return sum(event["quantity_lots"] for event in told_events if event["kind"] == Event.TRADE)

    def close_gate(self) -> list[Told]:
        """What happens in the first tranche up to and with its gate closure."""
        return of_first(self.tick(GATE_S - (self.time_ns - START_NS) // NANO_PER_S))

    def end_window(self) -> list[Told]:
        """What happens in the first tranche from gate closure up to the end of its window."""
        return of_first(self.tick(60) + self.tick(WINDOW_S))

    def shrink_pool(self, capacity: int) -> None:
        """Leave room for so many allocations, less one: id 0 is never used."""
        for venue in (self.venue, self.narrow):
            clearing = replace(venue.state.clearing, allocations=aligned_zeros(capacity, ALLOCATION))
            venue.state = replace(venue.state, clearing=clearing)

    def cash_nano(self, number: int) -> int:
        return int(self.venue.state.ledger.accounts[number]["cash_nano"])

    def total(self, name: str) -> int:
        """One of the ledger's totals."""
        return int(self.venue.state.ledger.totals[0][name])

    def allocations(self) -> list[tuple[int, int, int]]:
        """(buyer, provider, lots) of all, in the order of ids."""
        rows = self.venue.image()["allocations"]
        return [tuple(row) for row in rows[["buyer_id", "provider_id", "lots"]].tolist()]


def windows(**series: int) -> np.ndarray:
    """The series of the first tranche, and of a few after it."""
    start_ns, horizon_s = START_NS + AHEAD_S * NANO_PER_S, AHEAD_S + 600
    return define_series(1, quantity_max_lots=1_000_000, first_start_ns=start_ns, horizon_s=horizon_s, **series)


def check_held(image: dict[str, np.ndarray]) -> None:
    """What is held between two commands is what allocations hold."""
    summary, allocations = image["summary"][0], image["allocations"]
    assert summary["escrow_nano"] == allocations["escrow_nano"].sum()
    assert summary["bonds_nano"] == allocations["bond_nano"].sum()
    for row in image["providers"]:
        own = allocations["provider_id"] == row["account_id"]
        assert row["bond_held_nano"] == allocations["bond_nano"][own].sum()


def of_kind(events: list[Told], kind: Event) -> list[Told]:
    return [event for event in events if event["kind"] == kind]


def of_first(events: list[Told]) -> list[Told]:
    """What is about the first tranche."""
    return [event for event in events if event.get("instrument_id") == 1]
