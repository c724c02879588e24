"""A venue where providers sell, and slow, obvious answers of what they may sell, from its image alone."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from exchange import clearing_commands, commands
from exchange.venue.balances import find_imbalance
from exchange.venue.clearing.capacity_schema import RING_SLOTS, SLOT_NS, STAKE_NANO_PER_LOT, TIERS
from exchange.venue.machine import Venue
from exchange.venue.schema import Tier
from exchange.venue.state import VenueLimits
from risk.schema import PPM
from tests.exchange.venue.desk import Desk, exposure
from tests.exchange.venue.market import ALICE, BOB, NANO_PER_S, START_NS, define_series
from tests.exchange.venue.told import Told

LIMITS = VenueLimits(instruments=64, orders=300, nodes=600, accounts=8, positions=128, client_ids=64)
QUARTER_S, HOUR_S, DAY_S = 900, 3_600, 86_400
MIDNIGHT_NS = START_NS + 16 * HOUR_S * NANO_PER_S
"""The first day that begins after the start, which is at eight o'clock on a Friday."""
FRIDAY = 4
TERMS = {"slot_s": 60, "shortfall_fee_ppm": 100_000}
SERIES = {
    (Tier.EF, QUARTER_S): 3,
    (Tier.AF, QUARTER_S): 4,
    (Tier.BE, QUARTER_S): 5,
    (Tier.EF, HOUR_S): 6,
    (Tier.BE, HOUR_S): 7,
    (Tier.AF, DAY_S): 8,
}
"""The calendars of the first region."""


class Shop(Desk):
    """Three accounts with means, and windows of a quarter, an hour and a day. Delivered ones need a bond."""

    def __init__(self, *, is_delivered: bool = True) -> None:
        super().__init__(LIMITS)
        self.send(*(commands.deposit(account_id, 10**13) for account_id in (ALICE, BOB)))
        for (tier, duration_s), series_id in SERIES.items():
            first_ns = MIDNIGHT_NS if duration_s == DAY_S else START_NS + 2 * HOUR_S * NANO_PER_S
            horizon_s = {QUARTER_S: 2 * HOUR_S + 2 * QUARTER_S, HOUR_S: 4 * HOUR_S, DAY_S: DAY_S}[duration_s]
            terms = {"duration_s": duration_s, "horizon_s": horizon_s, "first_start_ns": first_ns, "tier": tier}
            self.send(define_series(series_id, quantity_max_lots=1_000, **terms))
            if is_delivered:
                self.send(clearing_commands.set_delivery_terms(series_id, **TERMS))
        self.tick(1)

    def provide(self, lots: int, account_id: int = ALICE, tier: Tier = Tier.EF, **terms: Any) -> Told:
        """Register capacity, from the start for two days if nothing else is said, with the stake that it takes."""
        stake = clearing_commands.post_stake(account_id, lots * STAKE_NANO_PER_LOT)
        return self.send(stake, register(lots, account_id, tier, **terms))[1][-1]

    def check(self) -> None:
        """Nothing is sold twice, and what is kept is what the image says, here and after a restart."""
        super().check()
        image = self.venue.image()
        assert find_imbalance(image) == ""
        restored = Venue.from_image(image, self.venue.limits)
        for account_id in np.flatnonzero(self.venue.state.ledger.accounts["is_provider"]).tolist():
            sold = sold_by_slot(image, account_id, 1)
            assert is_feasible(image, account_id, 1, sold)
            for venue in (self.venue, self.narrow, restored):
                assert kept_by_slot(venue, account_id, 1) == sold
                assert venue.state.clearing.providers["bond_margin_nano"][account_id] == bond(image, account_id)
            assert int(self.venue.figures(np.array([account_id]))[0]["margin_nano"]) == int(
                restored.figures(np.array([account_id]))[0]["margin_nano"]
            )

    def window(self, tier: Tier, duration_s: int, place: int = 0) -> int:
        """A tranche of a calendar, in the order of ids."""
        tranches = self.venue.image()["tranches"]
        return sorted(tranches["instrument_id"][tranches["series_id"] == SERIES[tier, duration_s]].tolist())[place]


def register(lots: int, account_id: int = ALICE, tier: Tier = Tier.EF, **terms: Any) -> np.ndarray:
    first_ns = terms.pop("first_ns", START_NS)
    end_ns = terms.pop("end_ns", START_NS + 2 * DAY_S * NANO_PER_S)
    return clearing_commands.register_capacity(
        account_id, terms.pop("region_id", 1), tier, lots, first_ns, end_ns, **terms
    )


# From an image alone.

BySlot = dict[int, list[int]]
"""Lots of each tier in each slot since 1970 in which there are any."""


def sold_by_slot(image: Mapping[str, np.ndarray], account_id: int, region_id: int) -> BySlot:
    """What an account may come to have sold in every slot that is not over."""
    sold: BySlot = {}
    for tranche in image["tranches"]:
        if tranche["region_id"] == region_id:
            held, _, asks = exposure(image, account_id, int(tranche["instrument_id"]))
            lots = max(0, asks - held)
            for row in image["allocations"]:
                if (row["provider_id"], row["instrument_id"]) == (account_id, tranche["instrument_id"]):
                    lots += int(row["lots"])
            for slot in slots_of(image, tranche) if lots else ():
                sold.setdefault(slot, [0] * TIERS)[int(tranche["tier"])] += lots
    return sold


def slots_of(image: Mapping[str, np.ndarray], tranche: np.void) -> Iterator[int]:
    """Every slot that a window touches and that is not over."""
    now_slot = int(image["summary"][0]["time_ns"]) // SLOT_NS
    first_slot = int(tranche["start_ns"]) // SLOT_NS
    yield from range(max(first_slot, now_slot), -(-int(tranche["end_ns"]) // SLOT_NS))


def registered_in(image: Mapping[str, np.ndarray], account_id: int, region_id: int, slot: int) -> list[int]:
    """What an account can deliver of each tier in a slot."""
    registered = [0] * TIERS
    for row in image["capacities"]:
        if (row["account_id"], row["region_id"]) == (account_id, region_id) and is_there(row, slot):
            registered[int(row["tier"])] += int(row["lots"])
    return registered


def is_there(capacity: np.void, slot: int) -> bool:
    start_ns, end_ns = slot * SLOT_NS, (slot + 1) * SLOT_NS
    if not (int(capacity["first_ns"]) <= start_ns and end_ns <= int(capacity["end_ns"])):
        return False
    if not capacity["daily_length_s"]:
        return True
    day, second = divmod(start_ns // NANO_PER_S, DAY_S)
    in_week = int(np.datetime64(day, "D").astype(object).weekday())
    from_s, length_s = int(capacity["daily_from_s"]), int(capacity["daily_length_s"])
    return bool(int(capacity["weekdays"]) >> in_week & 1) and from_s <= second < from_s + length_s


def is_feasible(image: Mapping[str, np.ndarray], account_id: int, region_id: int, sold: BySlot) -> bool:
    """Whether every lot that is sold can be given a lot of capacity of its own, of its tier or a better one."""
    now_slot = int(image["summary"][0]["time_ns"]) // SLOT_NS
    for slot, lots_by_tier in sold.items():
        left = registered_in(image, account_id, region_id, slot)
        for tier, lots in enumerate(lots_by_tier):
            for own in range(tier, -1, -1):
                taken = min(lots, left[own])
                left[own] -= taken
                lots -= taken
            if lots:
                return False
        if slot >= now_slot + RING_SLOTS:
            return False
    return True


def kept_by_slot(venue: Venue, account_id: int, region_id: int) -> BySlot:
    """What the venue keeps of the same, by a look at every place."""
    clearing, now_slot = venue.state.clearing, venue.time_ns // SLOT_NS
    kept: BySlot = {}
    for place, holding in enumerate(clearing.holdings):
        if (holding["account_id"], holding["region_id"]) == (account_id, region_id):
            for slot in range(now_slot, int(holding["first_slot"]) + RING_SLOTS):
                at = (place * RING_SLOTS + slot % RING_SLOTS) * TIERS
                if clearing.ring[at : at + TIERS].any():
                    kept[slot] = clearing.ring[at : at + TIERS].tolist()
    return kept


def bond(image: Mapping[str, np.ndarray], account_id: int) -> int:
    """The bond of a provider by its definition, for all that it may come to have sold before the gate."""
    base_nano = 0
    for tranche, contract, shocks, terms in zip(
        image["tranches"], image["contracts"], image["shocks"], image["deliveries"], strict=True
    ):
        held, _, asks = exposure(image, account_id, int(tranche["instrument_id"]))
        mark, tick_value = int(contract["mark_ticks"]), int(contract["tick_value_nano"])
        worst_ticks = max(abs(int(shock)) for shock in shocks)
        beyond = min(mark + worst_ticks, int(contract["price_max_ticks"])) - mark
        fee_nano = -(-mark * tick_value * int(terms["shortfall_fee_ppm"]) // PPM)
        failure_nano = fee_nano + beyond * tick_value if terms["slot_s"] else 0
        base_nano += max(0, asks - held) * failure_nano
    rows = image["providers"]
    return -(-base_nano * int(rows["multiplier_ppm"][rows["account_id"] == account_id][0]) // PPM)
