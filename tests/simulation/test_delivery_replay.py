"""A small day of deliveries from any of its moments on: it can be killed everywhere, cut in any way, and told late."""

from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import pytest

from exchange import clearing_commands, commands, delivery_commands
from exchange.sequencer import stamp_order_ids
from exchange.venue.balances import find_imbalance
from exchange.venue.clearing.gate_schema import ALLOCATED_EVENT
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Tier
from exchange.venue.state import VenueLimits
from matching.schema import Side
from tests.exchange.venue.market import NANO_PER_S, START_NS, define_series, same
from tests.simulation.delivery_day import HOUR_S, TERMS, Conduct, Day, Plan

LIMITS = VenueLimits(instruments=32, orders=128, nodes=512, accounts=64, positions=256, client_ids=64)
PLAN = Plan(regions=1, tiers=1, windows=2, cast=tuple(Conduct), buyers=7, purchases=2, seed=11)


class Moment(NamedTuple):
    """The venue before a command, the command, and what it brought."""

    image: dict[str, np.ndarray]
    sequence: int
    group: np.ndarray
    events: np.ndarray


@pytest.fixture(scope="module")
def moments() -> list[Moment]:
    """The day command by command, with an image before each; the last moment has no command."""
    venue, sequence, found = Venue(LIMITS), 1, []

    def send(groups: list[np.ndarray]) -> np.ndarray:
        nonlocal sequence
        for group in groups:
            record = group.copy()
            stamp_order_ids(record, sequence)
            image = venue.image()
            found.append(Moment(image, sequence, record, venue.apply(record, sequence)))
            sequence += len(record)
        return np.concatenate([moment.events for moment in found[-len(groups) :]])

    Day(PLAN, send).lead()
    return [*found, Moment(venue.image(), sequence, found[0].group[:0], found[0].events[:0])]


def digest_of(image: dict[str, np.ndarray]) -> bytes:
    return Venue.from_image(image, LIMITS).digest()


def is_around_clearing(moment: Moment) -> bool:
    """Whether a gate closes, a slot is settled, or an allocation moves or is judged."""
    kinds = (Event.ESCROWED, Event.ALLOCATED, Event.SLOT_SETTLED, Event.ALLOCATION_CHANGED, Event.DISPUTED)
    return bool(np.isin(moment.events["kind"], (*kinds, Event.DELIVERY_CORRECTED, Event.REPORTED)).any())


def test_from_the_image_before_any_command_the_command_does_the_same(moments: list[Moment]) -> None:
    for moment, following in pairwise(moments):
        restored = Venue.from_image(moment.image, LIMITS)
        assert restored.apply(moment.group, moment.sequence).tobytes() == moment.events.tobytes()
        after = restored.image()
        for name, rows in following.image.items():
            assert after[name].tobytes() == rows.tobytes(), f"{name} after {moment.sequence}"


def test_from_any_moment_around_clearing_the_rest_of_the_day_is_the_same(moments: list[Moment]) -> None:
    around = [at for at, moment in enumerate(moments) if is_around_clearing(moment)]
    assert len(around) > 100
    digest = digest_of(moments[-1].image)
    ends = list(accumulate(len(moment.events) for moment in moments))
    events = np.concatenate([moment.events for moment in moments])
    for at in around[::3]:
        rest = np.concatenate([moment.group for moment in moments[at:]])
        restored = Venue.from_image(moments[at].image, LIMITS)
        told = restored.apply(rest, moments[at].sequence)
        assert told.tobytes() == events[ends[at - 1] :].tobytes()
        assert restored.digest() == digest


@pytest.mark.parametrize(("event_capacity", "size"), [(4, 1), (4, 10_000), (5, 7), (64, 100)])
def test_batches_and_buffers_of_any_size_bring_the_same(moments: list[Moment], event_capacity: int, size: int) -> None:
    venue = Venue(LIMITS, event_capacity=event_capacity)
    told = []
    for first in range(0, len(moments), size):
        groups = [moment.group for moment in moments[first : first + size]]
        told.append(venue.apply(np.concatenate(groups), moments[first].sequence))
    assert np.concatenate(told).tobytes() == np.concatenate([moment.events for moment in moments]).tobytes()
    assert venue.digest() == digest_of(moments[-1].image)


# One late tick.

BUYER, OTHER_BUYER, SELLER, PROVIDER = 1, 2, 3, 4
REPORTERS = (5, 6, 7)
PLAIN, AUCTIONED = 1, 2
"""Two calendars: windows of an hour, the first of which begins after four hours."""
FIRST_S = 4 * HOUR_S
LATE_TERMS = TERMS | {"grace_s": 2 * HOUR_S, "slot_s": 600}
SLOTS = 6


class Afternoon:
    """Deliveries run, others are sold, and auctions wait, when time stands still for the venue."""

    def __init__(self) -> None:
        self.venue, self.sequence = Venue(LIMITS), 1
        self.send(*self.opening())
        for place in range(3):
            self.tick(place * HOUR_S + 1)
            for series_id in (PLAIN, AUCTIONED):
                self.sell(self.window(series_id, place), 10 + place)
        self.tick(FIRST_S + HOUR_S + 1)
        self.sell(self.window(AUCTIONED, 2), 7)
        self.sell(self.window(AUCTIONED, 5), 9)
        self.send(*self.reports())

    def send(self, *groups: np.ndarray) -> np.ndarray:
        batch = commands.concatenate(*groups)
        stamp_order_ids(batch, self.sequence)
        events = self.venue.apply(batch, self.sequence)
        self.sequence += len(batch)
        assert find_imbalance(self.venue.image()) == ""
        assert not (events["kind"] == Event.REJECTED).any()
        return events

    def tick(self, seconds: int) -> np.ndarray:
        """Time passes until then; returns what it brought, without the TICKED."""
        events = self.send(commands.tick(START_NS + seconds * NANO_PER_S))
        return events[events["kind"] != Event.TICKED]

    def opening(self) -> list[np.ndarray]:
        auctions = {PLAIN: 0, AUCTIONED: HOUR_S}
        stake = clearing_commands.post_stake(PROVIDER, 10**13)
        end_ns = START_NS + 48 * HOUR_S * NANO_PER_S
        calendars = []
        for series_id, auction_s in auctions.items():
            terms = {"duration_s": HOUR_S, "gate_lead_s": 900, "horizon_s": FIRST_S, "tier": Tier.BE}
            terms |= {"opening_auction_s": auction_s, "closing_auction_s": auction_s}
            first_ns = START_NS + FIRST_S * NANO_PER_S
            calendars.append(define_series(series_id, first_start_ns=first_ns, **terms))
            calendars.append(clearing_commands.set_delivery_terms(series_id, **LATE_TERMS))
        return [
            commands.tick(START_NS),
            commands.define_region(1, "eu-fra"),
            *(commands.open_account(number, f"account-{number}") for number in (*range(1, 5), *REPORTERS)),
            *(commands.deposit(number, 10**15) for number in range(1, 5)),
            stake,
            clearing_commands.register_capacity(PROVIDER, 1, Tier.EF, 10_000, START_NS, end_ns),
            *(delivery_commands.register_reporter(number, number.to_bytes(32)) for number in REPORTERS),
            *calendars,
        ]

    def window(self, series_id: int, place: int) -> int:
        """The window that begins so many hours after the first."""
        tranches = self.venue.image()["tranches"]
        starts = tranches["start_ns"] == START_NS + (FIRST_S + place * HOUR_S) * NANO_PER_S
        (instrument_id,) = tranches["instrument_id"][(tranches["series_id"] == series_id) & starts].tolist()
        return int(instrument_id)

    def sell(self, instrument_id: int, lots: int) -> None:
        """To two; and one of them buys a little from somebody who has nothing to deliver."""
        self.send(
            commands.place(PROVIDER, instrument_id, Side.SELL, 990, 2 * lots),
            commands.place(BUYER, instrument_id, Side.BUY, 1_000, lots),
            commands.place(OTHER_BUYER, instrument_id, Side.BUY, 1_000, lots),
            commands.place(SELLER, instrument_id, Side.SELL, 990, 2),
            commands.place(BUYER, instrument_id, Side.BUY, 1_000, 2),
        )

    def reports(self) -> list[np.ndarray]:
        """Of all slots of the windows that are over, a few lots less in each."""
        return [
            delivery_commands.report_delivery(
                reporter, int(row["allocation_id"]), slot, measured_lots=10 - slot, latency_us=900, loss_ppm=0
            )
            for row in self.venue.image()["allocations"]
            if row["instrument_id"] in (self.window(PLAIN, 0), self.window(AUCTIONED, 0))
            for slot in range(SLOTS)
            for reporter in REPORTERS
        ]


@pytest.mark.parametrize("step_s", [1, 60, 777, 3_600])
def test_one_late_tick_brings_what_many_timely_ones_do(step_s: int) -> None:
    now_s, end_s = FIRST_S + HOUR_S + 1, FIRST_S + 7 * HOUR_S
    if step_s == 1:  # around every quarter alone, or a test would take minutes
        seconds = [each + before for each in range(now_s + 899, end_s, 300) for before in (-1, 0, 1)]
    else:
        seconds = list(range(now_s + step_s, end_s, step_s))
    late, timely = Afternoon(), Afternoon()
    at_once = late.tick(end_s)
    told = np.concatenate([timely.tick(each) for each in [*seconds, end_s]])
    assert same(at_once) == same(told)
    kinds = set(at_once["kind"].tolist())
    assert kinds >= {Event.UNCROSSED, Event.AUCTION_TRADE, Event.ALLOCATED, Event.SLOT_SETTLED, Event.SLOT_SHORT}
    assert kinds >= {Event.CASHED_OUT, Event.TRANCHE_LISTED, Event.STATE_CHANGED, Event.REPUTATION_SET}
    gates = at_once[at_once["kind"] == Event.ALLOCATED].view(ALLOCATED_EVENT)["instrument_id"]
    assert len(set(gates.tolist())) >= 3, "it passes several gates"
