"""Markets in real journals whose days end in the midst of trading and delivery, driven by commands alone."""

from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from exchange import clearing_commands, commands, delivery_commands, staff_commands
from exchange.journal import Journal
from exchange.published import Published
from exchange.recovery import snapshot_of
from exchange.sequencer import stamp_order_ids
from exchange.snapshots import SnapshotStore
from exchange.statements.replay import DAY_NS
from exchange.venue.lifecycle import AUCTION_STATES, LifeState
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Tier
from exchange.venue.state import VenueLimits
from exchange.view import MarketView
from matching.schema import SelfTrade, Side, TimeInForce
from tests.exchange.venue.market import NANO_PER_S, START_NS

LIMITS = VenueLimits(instruments=64, orders=2_000, nodes=2_000, accounts=32, positions=512, client_ids=256)
RULES = LIMITS.rules_version()
MIDNIGHT_NS = (START_NS // DAY_NS + 1) * DAY_NS
"""The first day ends here, about twenty minutes after the market opens."""
OPENING_NS = MIDNIGHT_NS - 1_200 * NANO_PER_S
SLOT_S, GRACE_S, DISPUTE_S = 60, 30, 300
TERMS = {
    "latency_max_us": 5_000,
    "loss_max_ppm": 1_000,
    "shortfall_fee_ppm": 101_003,
    "clearing_fee_ppm": 20_011,
    "burn_ppm": 300_007,
    "penalty_ppm": 100_000,
    "interruption_ppm": 250_001,
    "grace_s": GRACE_S,
    "dispute_s": DISPUTE_S,
}
TRADERS = ("ann", "ben", "cat")
PROVIDERS = ("pat", "quin")
POOR = "tim"
REPORTERS = tuple(f"r{number}" for number in range(4))
NAMES = (*TRADERS, *PROVIDERS, POOR, *REPORTERS)
NUMBERS = {name: number for number, name in enumerate(NAMES, start=1)}
TAKING_ORDERS = AUCTION_STATES | {LifeState.OPEN}
REFERENCE_TICKS, WINDOW_S, LOTS = 1_009, 180, 60
CASH_NANO, POOR_NANO = 40_000_000_000, 700_000


class Account(NamedTuple):
    """What the venue had of an account at a moment."""

    cash_nano: int
    positions: list[tuple[int, int, int]]


class Days:
    """A market that is journaled row by row; every row begins with the time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.venue, self.view = Venue(LIMITS), MarketView()
        self.journal = Journal.open(directory, rules_version=RULES, synchronous="OFF")
        self.snapshots = SnapshotStore.open(directory, synchronous="OFF")
        self.time_ns = OPENING_NS
        self.kinds: set[Event] = set()
        """Of all events so far."""
        self.at_midnight: dict[int, dict[str, Account]] = {}
        """By the beginning of each day."""

    def __enter__(self) -> "Days":
        return self

    def __exit__(self, *_: object) -> None:
        self.snapshots.close()
        self.journal.close()

    def send(self, *groups: np.ndarray, seconds: float = 0) -> np.ndarray:
        """One row, after so many seconds; returns its events."""
        time_ns = self.time_ns + int(seconds * NANO_PER_S)
        if time_ns // DAY_NS > self.time_ns // DAY_NS:
            self.at_midnight[time_ns // DAY_NS * DAY_NS] = {name: self.account(name) for name in NAMES}
        self.time_ns = time_ns
        records = commands.concatenate(commands.tick(time_ns), *groups)
        first_sequence = self.journal.last_sequence + 1
        stamp_order_ids(records, first_sequence)
        self.journal.append(first_sequence, time_ns, records.tobytes())
        events = self.venue.apply(records, first_sequence)
        self.view.apply(Published(first_sequence, time_ns, records, events, self.venue.figures_after(events)))
        self.kinds.update(Event(kind) for kind in np.unique(events["kind"]).tolist())
        return events

    def save(self) -> None:
        """A snapshot of what there is now."""
        last_hash, sequence = self.journal.last_hash, self.journal.last_sequence
        image = self.venue.image()
        self.snapshots.save(snapshot_of(image, self.view.dump(), last_hash, sequence, self.venue.time_ns, RULES))

    def account(self, name: str) -> Account:
        """What the venue has of an account now, by a look at every position."""
        positions = [
            (int(row["instrument_id"]), int(row["lots"]), int(row["cost_nano"]))
            for row in self.venue.image()["positions"]
            if row["account_id"] == NUMBERS[name] and (row["lots"] or row["cost_nano"])
        ]
        return Account(int(self.venue.state.ledger.accounts[NUMBERS[name]]["cash_nano"]), sorted(positions))

    def open(self) -> None:
        """Accounts with cash, providers with capacity, windows that are delivered and some that are not."""
        stake, from_ns = clearing_commands.post_stake, OPENING_NS // DAY_NS * DAY_NS
        self.send(
            commands.define_region(1, "eu-fra"),
            *(commands.open_account(number, name) for name, number in NUMBERS.items()),
            *(commands.deposit(NUMBERS[name], CASH_NANO) for name in (*TRADERS, *PROVIDERS)),
            commands.deposit(NUMBERS[POOR], POOR_NANO),
            commands.endow_fund(NUMBERS["ann"], 300_007),
            *(delivery_commands.register_reporter(NUMBERS[name], bytes([7] * 32)) for name in REPORTERS),
            *(stake(NUMBERS[name], LOTS * 100_000_000 + 5) for name in PROVIDERS),
            *(
                clearing_commands.register_capacity(
                    NUMBERS[name], 1, Tier.BE, LOTS, from_ns, from_ns + 2 * DAY_NS, client_id=name
                )
                for name in PROVIDERS
            ),
            *self.series(1, Tier.BE, is_delivered=True, closing_auction_s=20),
            *self.series(2, Tier.EF, is_delivered=False, opening_auction_s=20),
            staff_commands.set_financing(base_ppm=1, slope_1_ppm=48_000, slope_2_ppm=900_000, optimum_ppm=800_000),
        )
        self.send(seconds=1)

    def series(self, number: int, tier: Tier, *, is_delivered: bool, **more: int) -> list[np.ndarray]:
        groups = [
            commands.define_series(
                number,
                1,
                tier,
                first_start_ns=MIDNIGHT_NS - 360 * NANO_PER_S,
                duration_s=WINDOW_S,
                gate_lead_s=60,
                horizon_s=900,
                reference_ticks=REFERENCE_TICKS,
                quantity_max_lots=10_000,
                **more,
            ),
            commands.set_fees(number, -131, 517),
        ]
        return [*groups, clearing_commands.set_delivery_terms(number, SLOT_S, **TERMS)] if is_delivered else groups

    def tranches(self) -> list[int]:
        """Those that take orders."""
        return [number for number, each in self.view.tranches.items() if each.state in TAKING_ORDERS]


def live(days: Days, random: Random, steps: int, *, saves: bool = True) -> None:
    """Whatever may come, over two midnights; the last step lets everything end."""
    days.open()
    for _ in range(steps):
        days.send(*_some(days, random), seconds=random.choice((1, 7, 20, 31)))
        if saves and random.random() < 0.1:
            days.save()
    days.send(seconds=WINDOW_S * 6)
    days.send(seconds=DAY_NS // NANO_PER_S)
    days.send(commands.deposit(NUMBERS["ben"], 11))


def _some(days: Days, random: Random) -> list[np.ndarray]:
    groups = [_order(days, random) for _ in range(random.randint(0, 6)) if days.tranches()]
    for allocation_id, shown in list(days.view.deliveries.by_id.items()):
        if random.random() < 0.6:
            measured = random.choice((shown.lots, shown.lots, shown.lots * 2 // 3, 0))
            groups += _reports(allocation_id, len(shown.outcomes), measured)
        if random.random() < 0.1:
            change, whole = random.choice((1, -1, 2, -3)), random.random() < 0.5
            groups.append(delivery_commands.correct_delivery(allocation_id, 0, change, with_replacement=whole))
    if random.random() < 0.2:
        groups.append(delivery_commands.interrupt(1, random.randint(1, 20)))
    if random.random() < 0.2:
        name, amount = random.choice(TRADERS), random.randint(1, 10**9)
        groups.append(random.choice((commands.deposit, commands.withdraw))(NUMBERS[name], amount))
    if random.random() < 0.5 and days.tranches():
        groups.append(parameters(random.choice(days.tranches()), REFERENCE_TICKS))
    held = [(number, lots) for number, lots, _ in days.account(POOR).positions if number in days.tranches()]
    if random.random() < 0.3 and held:
        instrument_id, lots = random.choice(held)
        groups.append(parameters(instrument_id, 300 if lots > 0 else 1_900))
    if random.random() < 0.1:
        groups.append(clearing_commands.withdraw_stake(NUMBERS["pat"], 1))
    return groups


def parameters(instrument_id: int, mark_ticks: int) -> np.ndarray:
    return commands.set_parameters(instrument_id, mark_ticks=mark_ticks, shocks_ticks=[0, 100, -100, *(0,) * 13])


def _order(days: Days, random: Random) -> np.ndarray:
    """Providers sell, the others do both; some trade with themselves."""
    name = random.choice((*TRADERS, *TRADERS, *PROVIDERS, *PROVIDERS, POOR, POOR))
    side = Side.SELL if name in PROVIDERS else random.choice((Side.BUY, Side.BUY, Side.SELL))
    price = REFERENCE_TICKS + random.choice((-9, 0, 0, 0, 1, 14))
    instrument_id = random.choice(days.tranches()[:4])
    terms = random.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC))
    lots = random.randint(20, 40) if name == POOR else random.randint(1, 15)
    return commands.place(
        NUMBERS[name], instrument_id, side, price, lots, time_in_force=terms, self_trade=SelfTrade.NONE
    )


def _reports(allocation_id: int, slot: int, lots: int) -> list[np.ndarray]:
    return [
        delivery_commands.report_delivery(
            NUMBERS[name], allocation_id, slot, measured_lots=lots, latency_us=1_000, loss_ppm=10
        )
        for name in REPORTERS
    ]
