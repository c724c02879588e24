"""A region whose strain changes is valued in sweeps, and comes out as if it were restored from its image.

An image holds orders and positions, and no requirement: whoever restores one works all of them out again.
"""

import numpy as np
import pytest

from exchange import commands, staff_commands
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from exchange.venue.state import VenueLimits
from risk.schema import PPM, SCENARIOS
from tests.exchange.venue.clearing.floor import AHEAD_S, GATE_S, Floor
from tests.exchange.venue.market import BUY, NANO_PER_S, SELL, START_NS, define_series

LIMITS = VenueLimits(instruments=16, orders=200, nodes=400, accounts=16, positions=128, client_ids=64)
RICH = 1 << 40
LOW_PPM, HIGH_PPM = 500_000, 900_000
BUYER, SELLER, PROVIDER, OTHER = 1, 2, 3, 4
OTHER_REGION = 2
SHOCKS_TICKS = [0, *[130, -170] * 7, 60]


def busy_floor(seconds: int) -> Floor:
    """Two regions with positions, orders that stand alone, a provider's offers, and gaps where others were before."""
    floor = Floor(RICH, RICH, RICH, RICH, limits=LIMITS, providers={PROVIDER: PPM}, slot_s=60)
    floor.send(commands.define_region(OTHER_REGION, "us-nyc"))
    floor.send(
        define_series(
            2, region_id=OTHER_REGION, first_start_ns=START_NS + AHEAD_S * NANO_PER_S, horizon_s=AHEAD_S + 200
        )
    )
    floor.tick(1)
    for region_id in (1, OTHER_REGION):
        floor.send(staff_commands.set_strain(region_id, LOW_PPM, HIGH_PPM))
        for instrument_id in instruments(floor, region_id):
            marks = {"mark_ticks": 1_000, "shocks_ticks": SHOCKS_TICKS, "spread_ticks": 7}
            floor.send(commands.set_parameters(instrument_id, **marks))
            trade_in(floor, instrument_id)
    floor.tick(seconds)
    return floor


def trade_in(floor: Floor, instrument_id: int) -> None:
    floor.trade(BUYER, SELLER, 4, instrument_id=instrument_id)
    floor.send(
        commands.place(OTHER, instrument_id, BUY, 950, 3),
        commands.place(BUYER, instrument_id, SELL, 1_020, 9),
        commands.place(SELLER, instrument_id, BUY, 990, 40, display_lots=5),
        commands.place(PROVIDER, instrument_id, SELL, 1_010, 6),
        commands.place(PROVIDER, instrument_id, BUY, 940, 2),
    )
    floor.send(commands.mass_cancel(OTHER, instrument_id=instrument_id))


def instruments(floor: Floor, region_id: int) -> list[int]:
    tranches = floor.venue.image()["tranches"]
    return sorted(tranches["instrument_id"][tranches["region_id"] == region_id].tolist())[:2]


def use(floor: Floor, region_id: int, utilisation_ppm: int) -> int:
    """The use of a region changes; returns in how many tranches that changed the shocks."""
    outcome = floor.send(staff_commands.set_utilisation(region_id, utilisation_ppm))[-1]
    assert outcome["kind"] == Event.UTILISATION_SET
    return outcome["tranches"]


def requirements(venue: Venue) -> dict[tuple[int, int], tuple[int, ...]]:
    """By account and region: the margin of the class and its losses."""
    ledger = venue.state.ledger
    found = {}
    for slot in np.flatnonzero(ledger.classes["position_count"]).tolist():
        row = ledger.classes[slot]
        losses = ledger.losses[slot * SCENARIOS : (slot + 1) * SCENARIOS].tolist()
        found[int(row["account_id"]), int(row["region_id"])] = (
            int(row["margin_nano"]),
            int(row["worst_lots"]),
            *losses,
        )
    return found


def margins_nano(floor: Floor) -> list[int]:
    return floor.venue.figures_of_all()["margin_nano"].tolist()


@pytest.mark.parametrize("seconds", [0, GATE_S - 600], ids=["far from the gate", "on the ramp"])
def test_requirements_under_strain_are_those_of_a_restored_image(seconds: int) -> None:
    floor = busy_floor(seconds)
    is_ramped = (floor.venue.state.ledger.contracts["ramp_step"] > 0).any()
    assert is_ramped == (seconds > 0)
    at_ease = margins_nano(floor)
    for utilisation_ppm in (600_000, 750_000, HIGH_PPM, 700_000):
        before = margins_nano(floor)
        assert use(floor, 1, utilisation_ppm) > 0
        assert margins_nano(floor) != before
        restored = Venue.from_image(floor.venue.image(), LIMITS)
        assert requirements(restored) == requirements(floor.venue)
        assert restored.figures_of_all().tolist() == floor.venue.figures_of_all().tolist()
    assert use(floor, 1, 0) > 0
    assert margins_nano(floor) == at_ease


def test_the_requirements_in_other_regions_stay() -> None:
    floor = busy_floor(0)
    before = requirements(floor.venue)
    use(floor, OTHER_REGION, HIGH_PPM)
    after = requirements(floor.venue)
    changed = {region_id for (account_id, region_id), row in after.items() if row != before[account_id, region_id]}
    assert changed == {OTHER_REGION}


def test_a_provider_whose_shocks_change_has_the_bond_that_its_offers_need() -> None:
    floor = busy_floor(0)
    before_nano = int(floor.venue.state.clearing.providers[PROVIDER]["bond_margin_nano"])
    assert before_nano > 0
    use(floor, 1, HIGH_PPM)
    bond_nano = int(floor.venue.state.clearing.providers[PROVIDER]["bond_margin_nano"])
    restored = Venue.from_image(floor.venue.image(), LIMITS)
    assert int(restored.state.clearing.providers[PROVIDER]["bond_margin_nano"]) == bond_nano
    assert bond_nano > before_nano


def test_whoever_is_short_under_strain_is_dealt_with_before_the_command_ends() -> None:
    floor = Floor(50_000, RICH, limits=LIMITS)
    floor.send(staff_commands.set_strain(1, LOW_PPM, HIGH_PPM))
    floor.trade(1, 2, 4)
    assert floor.venue.figures_of_all()["margin_nano"][0] <= 50_000
    events = floor.send(staff_commands.set_utilisation(1, HIGH_PPM))
    kinds = [event["kind"] for event in events]
    assert kinds.index(Event.STANDING_CHANGED) < kinds.index(Event.UTILISATION_SET)
