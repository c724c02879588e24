"""Terms of delivery: which there can be, and which windows they hold for."""

import pytest

from exchange import clearing_commands
from exchange.venue.clearing.deliveries import open_delivery
from exchange.venue.clearing.gate_schema import (
    CLEARING_FEE_PPM_MAX,
    DAY_S,
    INTERRUPTION_PPM_MAX,
    LATENCY_US_MAX,
    PENALTY_PPM_MAX,
    SHORTFALL_FEE_PPM_MAX,
)
from exchange.venue.clearing.schema import SLOT_S_MIN, SLOTS_MAX, TERM_NAMES
from exchange.venue.clearing.terms import is_measurable
from exchange.venue.schema import Event, Reject
from tests.exchange.venue.clearing.floor import SLOT_S, TERMS, Floor
from tests.exchange.venue.market import WINDOW_S

RICH = 10_000_000
BOUNDS = {
    "latency_max_us": LATENCY_US_MAX,
    "loss_max_ppm": 1_000_000,
    "shortfall_fee_ppm": SHORTFALL_FEE_PPM_MAX,
    "clearing_fee_ppm": CLEARING_FEE_PPM_MAX,
    "burn_ppm": 1_000_000,
    "penalty_ppm": PENALTY_PPM_MAX,
    "interruption_ppm": INTERRUPTION_PPM_MAX,
    "grace_s": DAY_S,
    "dispute_s": DAY_S,
}


def outcome(floor: Floor, series_id: int = 1, slot_s: int = SLOT_S, **terms: int):
    return floor.send(clearing_commands.set_delivery_terms(series_id, slot_s, **terms))[-1]


def test_terms_are_told_as_they_were_given():
    told = outcome(Floor(RICH), **BOUNDS)
    assert told["kind"] == Event.TERMS_SET
    assert {name: told[name] for name in TERM_NAMES} == {"slot_s": SLOT_S} | BOUNDS
    assert told["series_id"] == 1


@pytest.mark.parametrize("name", BOUNDS)
def test_nothing_may_be_beyond_its_bound(name: str):
    floor = Floor(RICH)
    others = {"shortfall_fee_ppm": SHORTFALL_FEE_PPM_MAX}
    assert outcome(floor, **others | {name: BOUNDS[name]})["kind"] == Event.TERMS_SET
    assert outcome(floor, **others | {name: BOUNDS[name] + 1})["reason"] == Reject.TERMS_OUT_OF_RANGE
    assert outcome(floor, **others | {name: (1 << 32) - 1})["reason"] == Reject.TERMS_OUT_OF_RANGE


def test_delivering_never_costs_a_higher_fee_than_failing():
    floor = Floor(RICH)
    assert outcome(floor, clearing_fee_ppm=3, shortfall_fee_ppm=3)["kind"] == Event.TERMS_SET
    assert outcome(floor, clearing_fee_ppm=4, shortfall_fee_ppm=3)["reason"] == Reject.TERMS_OUT_OF_RANGE


@pytest.mark.parametrize("series_id", [0, 2, (1 << 32) - 1])
def test_a_series_that_is_not_there_has_no_terms(series_id: int):
    assert outcome(Floor(RICH), series_id)["reason"] == Reject.UNKNOWN_SERIES


@pytest.mark.parametrize("slot_s", [7, SLOT_S_MIN - 1, 50, 100, WINDOW_S + 1, 2 * WINDOW_S])
def test_a_window_falls_into_whole_slots(slot_s: int):
    assert outcome(Floor(RICH), slot_s=slot_s)["reason"] == Reject.TERMS_OUT_OF_RANGE


@pytest.mark.parametrize("slot_s", [0, SLOT_S_MIN, 18, 90, WINDOW_S])
def test_a_slot_that_divides_the_window_is_taken(slot_s: int):
    assert outcome(Floor(RICH), slot_s=slot_s)["slot_s"] == slot_s


def test_a_window_has_no_more_slots_than_can_be_kept():
    assert is_measurable(SLOT_S_MIN, SLOT_S_MIN * SLOTS_MAX)
    assert not is_measurable(SLOT_S_MIN, SLOT_S_MIN * (SLOTS_MAX + 1))


def test_terms_hold_for_windows_that_are_listed_from_then_on():
    floor = Floor(RICH, penalty_ppm=123)
    before = floor.venue.image()["tranches"]["instrument_id"].tolist()
    outcome(floor, slot_s=90, penalty_ppm=456)
    floor.tick(WINDOW_S)
    image = floor.venue.image()
    found = dict(zip(image["tranches"]["instrument_id"].tolist(), image["deliveries"], strict=True))
    listed_later = max(found)
    assert listed_later not in before
    assert [(found[each]["slot_s"], found[each]["penalty_ppm"]) for each in before] == [(SLOT_S, 123)] * len(before)
    assert (found[listed_later]["slot_s"], found[listed_later]["penalty_ppm"]) == (90, 456)


def test_a_slot_of_the_state_that_was_delivered_before_is_clean_for_the_next_tranche():
    floor = Floor(RICH, RICH, providers={2: 1_000_000})
    floor.trade(1, 2, 3)
    floor.close_gate()
    deliveries = floor.venue.state.clearing.deliveries
    assert deliveries[1]["replacement_ticks"] != 0
    outcome(floor, slot_s=0)
    open_delivery(floor.venue.state, 1, 1)
    assert deliveries[1].tolist() == (0,) * len(deliveries.dtype)


def test_the_floor_sets_the_terms_that_other_tests_rely_on():
    image = Floor(RICH).venue.image()
    (terms,) = image["delivery_terms"]
    assert {name: terms[name] for name in TERMS} == TERMS
