"""Failing on purpose, from a real gate closure on: whatever is missing, selling it elsewhere up to R never pays."""

from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import delivery_commands
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.schema import Event
from tests.exchange.venue.clearing.floor import GATE_S, SLOT_S, TERMS, Floor, of_kind
from tests.exchange.venue.market import TICK_VALUE_NANO

RICH = 1 << 40
BUYER, OTHER_BUYER, PROVIDER = 1, 2, 3
REPORTERS = (4, 5, 6)
START_S, SLOTS = GATE_S + 60, 3
ONCE = 1_000_000
"""The smallest multiplier there is."""


class Deal(NamedTuple):
    """What two buyers bought, and by which terms."""

    lots: tuple[int, int]
    mark_ticks: int
    shock_ticks: int
    shortfall_fee_ppm: int
    clearing_fee_ppm: int


class End(NamedTuple):
    """What a provider has in the end, and the price at which what is missing is replaced."""

    cash_nano: int
    replacement_ticks: int
    states: list[AllocationState]


def led(deal: Deal, delivered: tuple[tuple[int, ...], tuple[int, ...]]) -> End:
    """From the sale to the settlement: of each allocation so many lots are delivered in each slot."""
    terms = {"shortfall_fee_ppm": deal.shortfall_fee_ppm, "clearing_fee_ppm": deal.clearing_fee_ppm}
    floor = Floor(RICH, RICH, RICH, 0, 0, 0, providers={PROVIDER: ONCE}, **terms)
    floor.send(*(delivery_commands.register_reporter(number, number.to_bytes(32)) for number in REPORTERS))
    for buyer, lots in zip((BUYER, OTHER_BUYER), deal.lots, strict=True):
        assert floor.trade(buyer, PROVIDER, lots) == lots
    floor.mark(deal.mark_ticks, deal.shock_ticks)
    closed = of_kind(floor.close_gate(), Event.STATE_CHANGED)[0]
    allocations = [int(each) for each in floor.venue.image()["allocations"]["allocation_id"]]
    floor.tick(60)
    events = []
    for slot in range(SLOTS):
        events += floor.tick(SLOT_S)
        floor.send(
            *(
                delivery_commands.report_delivery(
                    reporter, allocation_id, slot, measured_lots=lots[slot], latency_us=1, loss_ppm=0
                )
                for allocation_id, lots in zip(allocations, delivered, strict=True)
                for reporter in REPORTERS
            )
        )
    events += floor.tick(TERMS["grace_s"] + TERMS["dispute_s"])
    assert floor.allocations() == []
    assert floor.total("escrow_nano") == floor.total("bonds_nano") == 0
    changes = [event for event in of_kind(events, Event.ALLOCATION_CHANGED) if event["allocation_id"] in allocations]
    states = [AllocationState(event["state"]) for event in changes if event["state"] != AllocationState.SETTLED]
    return End(floor.cash_nano(PROVIDER), closed["replacement_ticks"], states)


def resold_nano(deal: Deal, delivered: tuple[tuple[int, ...], ...], price_ticks: int) -> Fraction:
    """What all that is missing brings elsewhere."""
    wanted = sum(deal.lots) * SLOTS
    missing = wanted - sum(sum(each) for each in delivered)
    return Fraction(missing * price_ticks * TICK_VALUE_NANO, SLOTS)


def whole(deal: Deal) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (deal.lots[0],) * SLOTS, (deal.lots[1],) * SLOTS


@pytest.mark.parametrize("clearing_fee_ppm", [0, 100_000])
def test_to_default_on_the_rest_at_any_slot_never_pays_at_any_price_up_to_the_replacement(clearing_fee_ppm: int):
    deal = Deal((7, 11), 1_003, 117, 100_000, clearing_fee_ppm)
    honest = led(deal, whole(deal))
    for first_missing in range(SLOTS):
        delivered = tuple(tuple(lots * (slot < first_missing) for slot in range(SLOTS)) for lots in deal.lots)
        failing = led(deal, delivered)
        lost_nano = honest.cash_nano - failing.cash_nano
        assert honest.replacement_ticks == failing.replacement_ticks
        for price_ticks in range(honest.replacement_ticks + 1):
            assert lost_nano > resold_nano(deal, delivered, price_ticks) - 1
        assert set(failing.states[-2:]) == {AllocationState.SHORT if first_missing else AllocationState.FAILED}


@settings(max_examples=6)
@given(
    lots=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    mark_ticks=st.integers(900, 1_100),
    shock_ticks=st.integers(0, 400),
    fees_ppm=st.tuples(st.integers(0, 100_000), st.integers(0, 100_000)),
    data=st.data(),
)
def test_whatever_is_left_out_of_whatever_slot_costs_more_than_it_brings(lots, mark_ticks, shock_ticks, fees_ppm, data):
    deal = Deal(lots, mark_ticks, shock_ticks, max(fees_ppm), min(fees_ppm))
    delivered = tuple(tuple(data.draw(st.integers(0, each)) for _ in range(SLOTS)) for each in lots)
    honest, failing = led(deal, whole(deal)), led(deal, delivered)
    lost_nano = honest.cash_nano - failing.cash_nano
    roundings = 2 * SLOTS * len(lots)
    assert lost_nano > resold_nano(deal, delivered, honest.replacement_ticks) - roundings
