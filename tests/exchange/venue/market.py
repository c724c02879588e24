"""A small market for the tests of the venue: accounts, one calendar, and every batch compared with the slow twin."""

from typing import Any

import numpy as np

from exchange import commands
from exchange.sequencer import stamp_order_ids
from exchange.venue.machine import Venue
from exchange.venue.schema import Tier
from exchange.venue.state import VenueLimits
from matching.check import check_book
from matching.schema import Side
from tests.exchange.venue.agreement import check_agreement
from tests.exchange.venue.told import Told, told
from tests.exchange.venue.twin import VenueTwin
from tests.exchange.venue.twin_margin import Figures

BUY, SELL = Side
NANO_PER_S = 1_000_000_000
LIMITS = VenueLimits(instruments=8, orders=16, nodes=100, accounts=8, positions=32, client_ids=16)
START_NS = 1_800_000_000 * NANO_PER_S
ALICE, BOB, CAROL = 1, 2, 3
UNKNOWN_ACCOUNT = 7
WINDOW_S = 180
GATE_LEAD_S = 60
TICK_VALUE_NANO = 50  # of one lot over three minutes
REFERENCE_TICKS = 1_000
CASH_NANO = 10_000_000


class Market:
    """A venue, its twin, and all that was sent to them."""

    def __init__(self, limits: VenueLimits = LIMITS, event_capacity: int = 4_096) -> None:
        self.venue = Venue(limits, event_capacity=event_capacity)
        self.twin = VenueTwin(limits)
        self.next_sequence = 1
        self.sent: list[np.ndarray] = []
        self.events: list[np.ndarray] = []

    def send(self, *groups: np.ndarray, checks: bool = True) -> list[list[Told]]:
        """One batch; returns the events of each command. The twin has followed, and agrees with the state."""
        batch = commands.concatenate(*groups)
        stamp_order_ids(batch, self.next_sequence)
        events = self.venue.apply(batch, self.next_sequence)
        answers = self.twin.apply(batch, events, self.next_sequence)
        self.next_sequence += len(batch)
        self.sent.append(batch)
        self.events.append(events)
        if checks:
            self.check()
        return answers

    def ask(self, group: np.ndarray) -> Told:
        """One command; returns its outcome."""
        return self.send(group)[0][-1]

    def tick(self, seconds: float = 0) -> list[Told]:
        """Time passes by so many seconds; returns what it brought, without the TICKED."""
        return self.send(commands.tick(self.twin.time_ns + int(seconds * NANO_PER_S)))[0][:-1]

    def tick_to(self, time_ns: int) -> list[Told]:
        """Time passes until an instant; returns what it brought, without the TICKED."""
        return self.send(commands.tick(time_ns))[0][:-1]

    def place(self, account_id: int, side: Side, price_ticks: int, quantity_lots: int, **terms: Any) -> Told:
        """An order in the first tranche, or in the `instrument_id` among the terms; returns its outcome."""
        instrument_id = terms.pop("instrument_id", 1)
        return self.ask(commands.place(account_id, instrument_id, side, price_ticks, quantity_lots, **terms))

    def check(self) -> None:
        """The twin's money, orders, client ids and deadlines are the state's, and the book is whole."""
        check_agreement(self.twin, self.venue)
        check_book(self.venue.state.book)

    def cash_nano(self, account_id: int) -> int:
        return int(self.venue.state.ledger.accounts[account_id]["cash_nano"])

    def figures(self, account_id: int) -> Figures:
        """What the venue keeps of an account; the twin has found the same."""
        row = self.venue.figures(np.array([account_id]))[0]
        return Figures(*(int(row[name]) for name in Figures._fields))

    def free_nano(self, account_id: int) -> int:
        return self.figures(account_id).free_nano


def opening(**series: Any) -> list[np.ndarray]:
    """Time, a region, three accounts with cash (the last two in one group), and the calendar."""
    names = {ALICE: ("alice", 0), BOB: ("bob", 5), CAROL: ("carol", 5)}
    return [
        commands.tick(START_NS),
        commands.define_region(1, "eu-fra"),
        *(commands.open_account(account_id, name, group) for account_id, (name, group) in names.items()),
        *(commands.deposit(account_id, CASH_NANO) for account_id in names),
        define_series(1, **series),
    ]


def define_series(series_id: int, **terms: Any) -> np.ndarray:
    """Windows of three minutes from the start on, listed ten minutes ahead, gate a minute before they begin."""
    defaults = {
        "region_id": 1,
        "tier": Tier.EF,
        "first_start_ns": START_NS,
        "duration_s": WINDOW_S,
        "gate_lead_s": GATE_LEAD_S,
        "horizon_s": 600,
        "reference_ticks": REFERENCE_TICKS,
        "quantity_max_lots": 1_000,
    }
    return commands.define_series(series_id, **(defaults | terms))


def open_market(limits: VenueLimits = LIMITS, event_capacity: int = 4_096, **series: Any) -> Market:
    """A market after its opening, with the first windows listed."""
    market = Market(limits, event_capacity)
    market.send(*opening(**series))
    market.tick(1)
    return market


def same(events: np.ndarray) -> list[Told]:
    """Events without what depends on the command that they belong to."""
    return [
        {name: value for name, value in event.items() if name not in ("sequence", "index")} for event in told(events)
    ]
