"""The margin ramp: what lots of a delivered tranche require as its gate comes near, and who pays nothing for it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands, staff_commands
from exchange.venue.clearing.ramp import RAMP_STEPS
from exchange.venue.schema import Event, Reject
from exchange.venue.state import slot_of
from risk.schema import Standing
from tests.exchange.venue.clearing.floor import GATE_S, LOT_NANO, SHOCK_TICKS, TERMS, Floor, of_kind
from tests.exchange.venue.market import BUY, NANO_PER_S, SELL, START_NS, TICK_VALUE_NANO

RICH = 100_000_000
ONCE = 1_000_000
MINUTE_S = 60
PENALTY = Fraction(TERMS["penalty_ppm"], 1_000_000)
LONG_TICKS = 1_000 - SHOCK_TICKS
"""What the whole ramp asks of a long lot: its price, of which the shock is a part."""
SHORT_TICKS = (1_000 + SHOCK_TICKS) * (1 + PENALTY) - 1_000 - SHOCK_TICKS
"""And of a short one: what it costs to buy in."""


def tick_to(floor: Floor, before_gate_s: float):
    """Time passes up to so many seconds before the gate of the first tranche."""
    return floor.tick((START_NS - floor.time_ns) // NANO_PER_S + GATE_S - before_gate_s)


def margin_nano(floor: Floor, number: int) -> int:
    return int(floor.venue.state.ledger.accounts[number]["margin_nano"])


def step_at(before_gate_s: float) -> int:
    """Slow and obvious: a step every three minutes from half an hour before the gate on."""
    return sum(before_gate_s <= 30 * MINUTE_S - step * 180 for step in range(RAMP_STEPS))


@pytest.mark.parametrize("before_s", [3_600, 1_801, 1_800, 1_799, 1_621, 1_620, 900, 181, 180, 1])
def test_lots_require_more_step_by_step(before_s: int):
    floor = Floor(RICH, RICH)
    floor.trade(1, 2, 7)
    tick_to(floor, before_s)
    step = step_at(before_s)
    value_nano = 7 * TICK_VALUE_NANO
    assert margin_nano(floor, 1) == value_nano * (SHOCK_TICKS + -(-LONG_TICKS * step // RAMP_STEPS))
    assert margin_nano(floor, 2) == value_nano * (SHOCK_TICKS + -(-int(SHORT_TICKS) * step // RAMP_STEPS))
    assert floor.venue.state.ledger.contracts[1]["ramp_step"] == step


def test_each_step_is_told_and_the_last_comes_three_minutes_before_the_gate():
    floor = Floor(RICH, RICH)
    steps = [event["ramp_step"] for event in of_kind(floor.close_gate(), Event.PARAMETERS_SET)]
    assert steps == list(range(1, RAMP_STEPS + 1))


def test_open_orders_count_where_they_would_need_it():
    floor = Floor(RICH, RICH)
    floor.trade(1, 2, 2)
    floor.send(commands.place(1, 1, BUY, 990, 4), commands.place(1, 1, SELL, 1_005, 5))
    tick_to(floor, 1)
    assert margin_nano(floor, 1) == TICK_VALUE_NANO * (6 * LONG_TICKS + 3 * SHORT_TICKS + 6 * SHOCK_TICKS)


def test_who_has_capacity_of_its_own_pays_nothing_for_short_lots_but_for_long_ones():
    floor = Floor(RICH, RICH, providers={1: ONCE, 2: ONCE})
    floor.trade(1, 2, 7)
    tick_to(floor, 1)
    assert margin_nano(floor, 1) == 7 * TICK_VALUE_NANO * (SHOCK_TICKS + LONG_TICKS)
    failure_ticks = SHOCK_TICKS + 1_000 * TERMS["shortfall_fee_ppm"] // 1_000_000
    assert margin_nano(floor, 2) == 7 * TICK_VALUE_NANO * (SHOCK_TICKS + failure_ticks), "but it has a bond"


def test_an_order_needs_what_the_ramp_asks():
    floor = Floor(10 * LOT_NANO, RICH)
    tick_to(floor, 1)
    (refused,) = floor.send(commands.place(1, 1, BUY, 1_000, 11))
    assert refused["reason"] == Reject.INSUFFICIENT_MARGIN
    (taken,) = floor.send(commands.place(1, 1, BUY, 1_000, 10))
    assert taken["kind"] == Event.RESTED
    assert margin_nano(floor, 1) == 10 * LOT_NANO


def test_who_cannot_pay_is_called_and_closed_while_there_is_a_book():
    floor = Floor(15 * LOT_NANO, RICH, RICH, providers={2: ONCE})
    assert floor.trade(1, 2, 100) == 100
    floor.send(commands.place(3, 1, BUY, 990, 200))
    tick_to(floor, 1_900)
    events = []
    while floor.time_ns < START_NS + (GATE_S - 60) * NANO_PER_S:
        events += floor.tick(10)
    standings = [event["standing"] for event in of_kind(events, Event.STANDING_CHANGED)]
    assert standings[:2] == [Standing.CALLED, Standing.CLOSING]
    assert all(event["account_id"] == 1 for event in of_kind(events, Event.FORCED_ORDER))
    floor.send(commands.mass_cancel(3))
    floor.close_gate()
    bought = {buyer: lots for buyer, _, lots in floor.allocations()}
    assert bought == {1: 13, 3: 80}, "of the last twenty it keeps what it can pay for"


def test_a_tranche_that_is_listed_late_begins_where_the_ramp_is():
    floor = Floor(RICH)
    tranches = floor.venue.image()["tranches"]
    contracts = floor.venue.image()["contracts"]
    assert set(contracts["ramp_step"].tolist()) == {0}
    late = commands.define_series(
        2,
        1,
        0,
        first_start_ns=START_NS + 1_200 * NANO_PER_S,
        duration_s=180,
        gate_lead_s=60,
        horizon_s=1_260,
        reference_ticks=1_000,
        quantity_max_lots=100,
    )
    before = set(tranches["instrument_id"].tolist())
    terms = floor.venue.state.clearing.delivery_terms
    floor.send(late)
    for venue in (floor.venue, floor.narrow):
        venue.state.clearing.delivery_terms[2] = terms[1]
    floor.tick()
    image = floor.venue.image()
    for tranche, contract in zip(image["tranches"], image["contracts"], strict=True):
        if int(tranche["instrument_id"]) not in before:
            left_s = (int(tranche["gate_ns"]) - floor.time_ns) / NANO_PER_S
            assert contract["ramp_step"] == step_at(left_s) > 0


def test_a_ramp_follows_the_mark_and_the_strain_of_its_region():
    floor = Floor(RICH, RICH)
    floor.restores = True
    floor.trade(1, 2, 7)
    tick_to(floor, 1)
    floor.mark(1_200)
    assert margin_nano(floor, 1) == 7 * TICK_VALUE_NANO * 1_200
    floor.send(staff_commands.set_strain(1, 500_000, 1_000_000))
    floor.send(staff_commands.set_utilisation(1, 1_000_000))
    assert margin_nano(floor, 1) == 7 * TICK_VALUE_NANO * 1_200, "the shock is the whole price now"
    floor.send(staff_commands.set_utilisation(1, 0))
    assert margin_nano(floor, 1) == 7 * TICK_VALUE_NANO * 1_200


def test_readers_get_the_figures_of_everybody_with_a_step():
    floor = Floor(RICH, RICH, RICH)
    floor.trade(1, 2, 7)
    tick_to(floor, 1_801)
    batch = commands.tick(floor.time_ns + NANO_PER_S)
    events = floor.venue.apply(batch, floor.next_sequence)
    assert floor.venue.figures_after(events)["account_id"].tolist() == [1, 2, 3]


traders = st.integers(1, 5)
orders = st.tuples(
    *(traders, st.sampled_from([BUY, SELL]), st.integers(980, 1_020), st.integers(1, 9), st.sampled_from([1, 1, 2]))
)
happenings = st.one_of(
    orders.map(lambda terms: ("place", terms)),
    st.integers(0, 400).map(lambda seconds: ("tick", seconds)),
    st.tuples(st.integers(900, 1_100), st.integers(0, 600)).map(lambda terms: ("mark", terms)),
    st.sampled_from([0, 700_000, 1_000_000]).map(lambda ppm: ("strain", ppm)),
    traders.map(lambda number: ("cancel", number)),
)


@given(steps=st.lists(happenings, min_size=5, max_size=25), rich=st.booleans())
def test_what_is_kept_step_by_step_is_what_a_recomputation_gives(steps, rich) -> None:
    floor = Floor(*[RICH if rich else 400_000] * 5, providers={5: ONCE})
    floor.mark(1_000, SHOCK_TICKS, 2)
    floor.send(staff_commands.set_strain(1, 500_000, 1_000_000))
    tick_to(floor, 1_900)
    floor.restores = True
    for kind, terms in steps:
        if kind == "place":
            number, side, price_ticks, lots, instrument_id = terms
            floor.send(commands.place(number, instrument_id, side, price_ticks, lots))
        elif kind == "tick":
            floor.tick(terms)
        elif kind == "mark":
            floor.mark(*terms)
        elif kind == "strain":
            floor.send(staff_commands.set_utilisation(1, terms))
        else:
            floor.send(commands.mass_cancel(terms))
    tick_to(floor, -1)
    accounts = floor.venue.state.ledger.accounts
    assert floor.venue.state.ledger.contracts[slot_of(floor.venue.state, np.int64(1))]["ramp_step"] == RAMP_STEPS
    assert (accounts["margin_nano"] >= 0).all()
