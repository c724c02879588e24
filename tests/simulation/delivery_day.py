"""A day of deliveries in simulated time: who sells, buys and reports, what is traded, and what was really delivered.

All of it is a function of a plan, so that the same day can be led again with other providers, other batches, or from an
image. The hour is led quarter by quarter:

    time ─▶ windows are listed, gates close, slots end ─▶ marks and trades ─▶ reports ─▶ grace over ─▶ late reports
         ─▶ closing auctions of the windows whose gates are next: who sold what it does not have must join
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from enum import Enum, auto
from itertools import chain, cycle
from typing import NamedTuple

import numpy as np

from exchange import clearing_commands, commands, delivery_commands
from exchange.venue.clearing.capacity_schema import STAKE_NANO_PER_LOT
from exchange.venue.clearing.gate_schema import ALLOCATED_EVENT
from exchange.venue.schema import TRANCHE_EVENT, Event, Tier
from exchange.venue.state import VenueLimits
from matching.schema import Side
from tests.exchange.venue.market import NANO_PER_S, START_NS

LIMITS = VenueLimits(instruments=128, orders=4_096, nodes=8_192, accounts=1_024, positions=8_192, client_ids=4_096)
HOUR_S, QUARTER_S = 3_600, 900
HORIZON_S, GATE_LEAD_S, AUCTION_S = 2 * HOUR_S, QUARTER_S, 300
AHEAD_HOURS = 2
"""A window is listed, and everything in it is traded, so long before it begins."""
SLOTS = HOUR_S // QUARTER_S
CASH_NANO = 10_000 * NANO_PER_S
CAPACITY_LOTS = 2_000
REFERENCE_TICKS, SHOCK_TICKS, LOT_TICK_NANO = 1_000, 300, 1_000
LOTS_STEP = 10
TERMS = {
    "slot_s": QUARTER_S,
    "latency_max_us": 5_000,
    "loss_max_ppm": 1_000,
    "shortfall_fee_ppm": 100_000,
    "clearing_fee_ppm": 20_000,
    "burn_ppm": 250_000,
    "penalty_ppm": 100_000,
    "grace_s": 300,
    "dispute_s": 1_800,
}
UNCOVERED_SHARE = 0.15
"""Of all windows: in so many somebody sells what it does not have."""
REPORTERS, LIARS = 5, 2
"""Three honest ones are asked of each slot; the liars join where they have somebody to harm or to help."""
TIERS = (Tier.EF, Tier.AF, Tier.BE)


class Conduct(Enum):
    """What a provider does, or what is done to it."""

    HONEST = auto()
    LIED_ABOUT = auto()
    """It delivers, and a minority reports that it does not."""
    LATE = auto()
    """It delivers, but of every other slot the reports come after the grace."""
    SHORT = auto()
    """A tenth is missing, and a minority reports that nothing is."""
    DESERTING = auto()
    """From the second slot on nothing is delivered."""
    SILENT = auto()
    """Nobody reports."""


LARGE_CAST = [conduct for conduct, share in zip(Conduct, (16, 9, 6, 9, 5, 5), strict=True) for _ in range(share)]


class Plan(NamedTuple):
    """How large the day is, and what chance decides."""

    regions: int = 3
    tiers: int = 3
    windows: int = 24
    cast: tuple[Conduct, ...] = tuple(LARGE_CAST)
    buyers: int = 500
    purchases: int = 3
    """Of each buyer."""
    seed: int = 7

    @property
    def buyer_ids(self) -> range:
        first = len(self.cast) + 1
        return range(first, first + self.buyers)

    @property
    def reporter_ids(self) -> range:
        return range(self.buyer_ids.stop, self.buyer_ids.stop + REPORTERS)

    def region_of(self, account_id: int) -> int:
        """Where a provider has its capacity, and a buyer buys."""
        return 1 + account_id % self.regions


class Sale(NamedTuple):
    buyer_id: int
    seller_id: int
    lots: int
    price_ticks: int


Place = tuple[int, int, int]
"""Region, tier and number of a window."""


class Sold(NamedTuple):
    """An allocation as the gate told it."""

    allocation_id: int
    instrument_id: int
    buyer_id: int
    provider_id: int
    lots: int
    final_ticks: int


def sales_of(plan: Plan) -> dict[Place, list[Sale]]:
    """All that is traded. A few of the sellers are buyers who have nothing to deliver."""
    chosen = random.Random(plan.seed)
    by_region = {region: [] for region in range(1, plan.regions + 1)}
    for provider_id in range(1, len(plan.cast) + 1):
        by_region[plan.region_of(provider_id)].append(provider_id)
    turns = {region: cycle(providers) for region, providers in by_region.items()}
    places = [(tier, window) for tier in range(plan.tiers) for window in range(plan.windows)]
    wanted: dict[Place, list[int]] = defaultdict(list)
    for buyer_id in plan.buyer_ids:
        for tier, window in chosen.sample(places, min(plan.purchases, len(places))):
            wanted[plan.region_of(buyer_id), tier, window].append(buyer_id)
    sales: dict[Place, list[Sale]] = {}
    for place in sorted(wanted):
        buyers = wanted[place]
        sales[place] = [
            Sale(buyer_id, next(turns[place[0]]), LOTS_STEP * chosen.randint(1, 3), chosen.randint(960, 1_040))
            for buyer_id in buyers
        ]
        idle = [each for each in plan.buyer_ids if each not in buyers]
        if idle and chosen.random() < UNCOVERED_SHARE:
            sales[place].append(Sale(buyers[0], chosen.choice(idle), LOTS_STEP, REFERENCE_TICKS))
    return sales


class Day:
    """Leads a day, batch by batch, through whoever takes the batches."""

    def __init__(
        self,
        plan: Plan,
        send: Callable[[list[np.ndarray]], np.ndarray],
        *,
        everybody_is_honest: bool = False,
        has_liars: bool = True,
    ) -> None:
        self.plan = plan
        self.everybody_is_honest, self.has_liars = everybody_is_honest, has_liars
        self.sales = sales_of(plan)
        self.instruments: dict[Place, int] = {}
        self.sold: dict[int, Sold] = {}
        self.by_instrument: dict[int, list[Sold]] = defaultdict(list)
        self._send = send

    def lead(self) -> None:
        """From the opening to the settlement of the last allocation."""
        self.send(self.opening())
        for quarter in range(SLOTS * (self.plan.windows + AHEAD_HOURS) + 4):
            self.pass_quarter(quarter)

    def pass_quarter(self, quarter: int) -> None:
        """What happens when a quarter of an hour begins, and until the reports of the one before are counted."""
        begins_s = quarter * QUARTER_S
        self.send([tick(begins_s + 1)])
        hour, part = divmod(quarter, SLOTS)
        if part == 0 and hour < self.plan.windows:
            self.send(list(self.marks(hour)))
            self.send(list(self.trades(hour)))
        window, slot = divmod(quarter - 1 - SLOTS * AHEAD_HOURS, SLOTS)
        self.send(list(self.reports(window, slot, are_late=False)))
        self.send(list(self.preparations(quarter)))
        self.send([tick(begins_s + TERMS["grace_s"])])
        self.send(list(self.reports(window, slot, are_late=True)))
        self.send(list(self.disputes(quarter)))
        self.send([tick(begins_s + QUARTER_S - AUCTION_S)])
        self.send(list(self.offers(quarter)))

    def send(self, groups: list[np.ndarray]) -> None:
        """One batch, if there is anything in it; learn from its events what there is to trade and to report."""
        if not groups:
            return
        events = self._send(groups)
        for row in events[events["kind"] == Event.TRANCHE_LISTED].view(TRANCHE_EVENT):
            window = (int(row["start_ns"]) - start_ns(0)) // (HOUR_S * NANO_PER_S)
            self.instruments[int(row["region_id"]), int(row["tier"]), window] = int(row["instrument_id"])
        for row in events[events["kind"] == Event.ALLOCATED].view(ALLOCATED_EVENT):
            names = ("allocation_id", "instrument_id", "account_id", "provider_id", "lots", "price_ticks")
            sold = Sold(*(int(row[name]) for name in names))
            self.sold[sold.allocation_id] = sold
            self.by_instrument[sold.instrument_id].append(sold)

    def conduct_of(self, provider_id: int) -> Conduct:
        return Conduct.HONEST if self.everybody_is_honest else self.plan.cast[provider_id - 1]

    # --- commands

    def opening(self) -> list[np.ndarray]:
        """Accounts with cash, capacity with its stake, reporters with keys, and the calendars."""
        plan = self.plan
        everybody = range(1, plan.reporter_ids.stop)
        return [
            tick(0),
            *(commands.define_region(region, f"region-{region}") for region in range(1, plan.regions + 1)),
            *(commands.open_account(number, f"account-{number}") for number in everybody),
            *(commands.deposit(number, CASH_NANO) for number in range(1, plan.reporter_ids.start)),
            *chain.from_iterable(self.capacity_of(number) for number in range(1, len(plan.cast) + 1)),
            *(delivery_commands.register_reporter(number, number.to_bytes(32)) for number in plan.reporter_ids),
            *chain.from_iterable(self.calendars()),
        ]

    def capacity_of(self, provider_id: int) -> Iterator[np.ndarray]:
        """Capacity of the best tier, which stands in for all."""
        yield clearing_commands.post_stake(provider_id, CAPACITY_LOTS * STAKE_NANO_PER_LOT)
        region, days_ns = self.plan.region_of(provider_id), 3 * 24 * HOUR_S * NANO_PER_S
        yield clearing_commands.register_capacity(
            provider_id, region, Tier.EF, CAPACITY_LOTS, START_NS, START_NS + days_ns
        )

    def calendars(self) -> Iterator[list[np.ndarray]]:
        """One for each region and tier."""
        series_id = 0
        for region in range(1, self.plan.regions + 1):
            for tier in TIERS[: self.plan.tiers]:
                series_id += 1
                terms = {"duration_s": HOUR_S, "gate_lead_s": GATE_LEAD_S, "horizon_s": HORIZON_S}
                terms |= {"closing_auction_s": AUCTION_S, "reference_ticks": REFERENCE_TICKS}
                series = commands.define_series(series_id, region, tier, first_start_ns=start_ns(0), **terms)
                yield [series, clearing_commands.set_delivery_terms(series_id, **TERMS)]

    def marks(self, window: int) -> Iterator[np.ndarray]:
        """How far prices of a window may move."""
        shocks = [0, SHOCK_TICKS, -SHOCK_TICKS, *(0,) * 13]
        for (_, _, number), instrument_id in self.instruments.items():
            if number == window:
                yield commands.set_parameters(instrument_id, mark_ticks=REFERENCE_TICKS, shocks_ticks=shocks)

    def trades(self, window: int) -> Iterator[np.ndarray]:
        """Every sale of a window: an offer, and who takes it."""
        for place, sales in self.sales.items():
            if place[2] == window:
                instrument_id = self.instruments[place]
                for number, sale in enumerate(sales):
                    for account_id, side in ((sale.seller_id, Side.SELL), (sale.buyer_id, Side.BUY)):
                        terms = (instrument_id, side, sale.price_ticks, sale.lots)
                        yield commands.place(account_id, *terms, client_id=f"{instrument_id}-{number}")

    def offers(self, quarter: int) -> Iterator[np.ndarray]:
        """In every other window where somebody sold what it does not have, a provider offers it before the gate."""
        window, part = divmod(quarter + 2, SLOTS)
        for place, sales in self.sales.items():
            last, instrument_id = sales[-1], self.instruments.get(place, 0)
            is_uncovered = last.seller_id in self.plan.buyer_ids
            if part == 0 and place[2] == window - AHEAD_HOURS and is_uncovered and instrument_id % 2:
                yield commands.place(sales[0].seller_id, instrument_id, Side.SELL, last.price_ticks, last.lots)

    def preparations(self, quarter: int) -> Iterator[np.ndarray]:
        """Providers say of every other allocation that they are ready, between its gate and its window."""
        window, part = divmod(quarter + 1, SLOTS)
        if part == 0:
            for sold in self.sold_in(window - AHEAD_HOURS):
                if sold.allocation_id % 2:
                    yield delivery_commands.provision(sold.provider_id, sold.allocation_id)

    def disputes(self, quarter: int) -> Iterator[np.ndarray]:
        """When a window is over some buyers and providers disagree; a quarter later somebody says that all is well."""
        window, part = divmod(quarter - SLOTS * (AHEAD_HOURS + 1), SLOTS)
        disputed = [sold for sold in self.sold_in(window) if sold.allocation_id % 7 == 0]
        if part == 0:
            for sold in disputed:
                party = sold.buyer_id if sold.allocation_id % 2 else sold.provider_id
                yield delivery_commands.dispute(party, sold.allocation_id)
        elif part == 1:
            for sold in disputed:
                yield delivery_commands.correct_delivery(sold.allocation_id, 0, 0, reason="looked at")

    def reports(self, window: int, slot: int, *, are_late: bool) -> Iterator[np.ndarray]:
        """What everybody says of a slot that is over."""
        first, *_ = self.plan.reporter_ids
        for sold in self.sold_in(window):
            conduct = self.conduct_of(sold.provider_id)
            if conduct == Conduct.SILENT or is_late(conduct, slot) != are_late:
                continue
            lots = delivered_lots(conduct, sold.lots, slot)
            told = [lots] * (REPORTERS - LIARS) + [lie_of(conduct, sold.lots)] * (LIARS * self.has_liars)
            for place, measured in enumerate(told):
                if measured is not None:
                    figures = {"measured_lots": measured, "latency_us": 900 + place, "loss_ppm": place}
                    yield delivery_commands.report_delivery(first + place, sold.allocation_id, slot, **figures)

    def sold_in(self, window: int) -> Iterator[Sold]:
        """All allocations of a window, in the order of ids."""
        of_window = {each for (_, _, number), each in self.instruments.items() if number == window}
        yield from sorted(chain.from_iterable(self.by_instrument[each] for each in of_window))


def tick(seconds: int) -> np.ndarray:
    """Time passes until so many seconds after the opening."""
    return commands.tick(START_NS + seconds * NANO_PER_S)


def start_ns(window: int) -> int:
    return START_NS + (AHEAD_HOURS + window) * HOUR_S * NANO_PER_S


def is_late(conduct: Conduct, slot: int) -> bool:
    """Whether reports of a slot come after the grace."""
    return conduct == Conduct.LATE and slot % 2 == 1


def is_measured(conduct: Conduct, slot: int) -> bool:
    return conduct != Conduct.SILENT and not is_late(conduct, slot)


def delivered_lots(conduct: Conduct, lots: int, slot: int) -> int:
    """What is really delivered."""
    if conduct == Conduct.SHORT:
        return lots * 9 // 10
    return 0 if conduct == Conduct.DESERTING and slot > 0 else lots


def lie_of(conduct: Conduct, lots: int) -> int | None:
    """What liars say, where they have anything to say."""
    return {Conduct.LIED_ABOUT: 0, Conduct.SHORT: lots}.get(conduct)
