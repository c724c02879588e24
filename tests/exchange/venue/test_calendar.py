"""What time brings: windows ahead, gates, settlement, and a late tick that does what many timely ones do."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.venue.administration import HORIZON_S_MAX
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import TIME_NS_MAX, Event, Reason, Reject
from exchange.venue.state import VenueLimits
from matching.schema import PRICE_TICKS_MAX, QUANTITY_LOTS_MAX, TimeInForce
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    CASH_NANO,
    GATE_LEAD_S,
    LIMITS,
    NANO_PER_S,
    REFERENCE_TICKS,
    SELL,
    START_NS,
    TICK_VALUE_NANO,
    WINDOW_S,
    Market,
    define_series,
    open_market,
    opening,
    same,
)
from tests.exchange.venue.streams import Session, rehearse, sessions
from tests.exchange.venue.told import Told

FIRST_START_NS = START_NS + WINDOW_S * NANO_PER_S
FIRST_GATE_NS = FIRST_START_NS - GATE_LEAD_S * NANO_PER_S
SECOND = 2
"""The instrument id of the second window."""
ROOMY = VenueLimits(instruments=64, orders=16, nodes=100, accounts=8, positions=64, client_ids=16)


def quiet_market() -> Market:
    """No window is listed at the instant of the first gate, nor at the end of the first window."""
    return open_market(horizon_s=590)


def states(events: list[Told]) -> list[tuple[int, LifeState]]:
    """(instrument, state) of every move among the events."""
    moves = (event for event in events if event["kind"] == Event.STATE_CHANGED)
    return [(event["instrument_id"], LifeState(event["state"])) for event in moves]


def listed(events: list[Told]) -> list[int]:
    return [event["start_ns"] for event in events if event["kind"] == Event.TRANCHE_LISTED]


# Listing.


def test_windows_are_listed_as_far_ahead_as_the_horizon_and_open_at_once() -> None:
    market = Market()
    market.send(*opening(horizon_s=600))
    events = market.tick()
    assert listed(events) == [FIRST_START_NS + at * WINDOW_S * NANO_PER_S for at in range(3)]
    assert states(events) == [(1, LifeState.OPEN), (2, LifeState.OPEN), (3, LifeState.OPEN)]


def test_the_next_window_is_listed_the_moment_its_horizon_is_reached() -> None:
    market = open_market(horizon_s=600)
    due_ns = START_NS + (4 * WINDOW_S - 600) * NANO_PER_S
    assert listed(market.tick_to(due_ns - 1)) == []
    assert listed(market.tick_to(due_ns)) == [START_NS + 4 * WINDOW_S * NANO_PER_S]


def test_a_window_whose_gate_has_closed_is_never_listed() -> None:
    past = {"first_start_ns": START_NS - 10 * WINDOW_S * NANO_PER_S}
    at_the_gate = {"first_start_ns": START_NS + GATE_LEAD_S * NANO_PER_S}
    assert min(listed(listing(past))) == FIRST_START_NS
    assert min(listed(listing(at_the_gate))) == START_NS + (GATE_LEAD_S + WINDOW_S) * NANO_PER_S


def listing(series: dict[str, Any]) -> list[Told]:
    market = Market()
    market.send(*opening(**series))
    return market.tick()


def test_a_calendar_that_begins_later_waits_for_its_horizon() -> None:
    market = open_market(first_start_ns=START_NS + 3_600 * NANO_PER_S, horizon_s=600)
    assert market.twin.tranches == {}
    assert len(listed(market.tick(3_000))) == 1


def test_a_tranche_is_listed_with_the_terms_of_its_series() -> None:
    market = Market()
    market.send(
        *opening(
            tier=2,
            price_step_ticks=25,
            quantity_step_lots=10,
            quantity_max_lots=50,
            reference_ticks=1_010,
            band_bps=200,
        )
    )
    event = market.tick()[0]
    assert event["tier"] == 2
    assert (event["reference_ticks"], event["price_step_ticks"]) == (1_010, 25)
    assert (event["band_low_ticks"], event["band_high_ticks"]) == (1_000, 1_025)
    assert market.place(ALICE, BUY, 1_000, 10)["kind"] == Event.RESTED
    assert market.place(ALICE, BUY, 1_001, 10)["reason"] == Reject.PRICE_OFF_TICK
    assert market.place(ALICE, BUY, 1_000, 5)["reason"] == Reject.QUANTITY_OFF_LOT
    assert market.place(ALICE, BUY, 1_000, 60)["reason"] == Reject.QUANTITY_OUT_OF_RANGE
    assert market.place(ALICE, BUY, 1_050, 10)["reason"] == Reject.PRICE_OUTSIDE_BAND


@pytest.mark.parametrize(
    ("reference_ticks", "step_ticks", "band_bps", "band"),
    [
        (1_000, 1, 5_000, (500, 1_500)),
        (1_000, 1, 0, (1_000, 1_000)),
        (1_000, 7, 5_000, (504, 1_498)),
        (1_000, 1, 999_999, (1, 32_000)),
        (3, 1, 5_000, (2, 4)),
        (PRICE_TICKS_MAX, 1, 5_000, (PRICE_TICKS_MAX - PRICE_TICKS_MAX // 2, PRICE_TICKS_MAX)),
    ],
)
def test_a_band_lies_on_whole_steps_around_the_reference(
    reference_ticks: int, step_ticks: int, band_bps: int, band: tuple[int, int]
) -> None:
    event = listing({"reference_ticks": reference_ticks, "price_step_ticks": step_ticks, "band_bps": band_bps})[0]
    assert (event["band_low_ticks"], event["band_high_ticks"]) == band


def test_a_window_without_a_slot_is_refused_by_name_and_the_next_one_has_its_chance() -> None:
    few = LIMITS._replace(instruments=2)
    market = Market(few)
    market.send(*opening())
    refused = market.tick()[-1]
    assert (refused["kind"], refused["reason"]) == (Event.LISTING_REFUSED, Reject.TOO_MANY_INSTRUMENTS)
    assert refused["start_ns"] == FIRST_START_NS + 2 * WINDOW_S * NANO_PER_S
    assert listed(market.tick_to(START_NS + 6 * WINDOW_S * NANO_PER_S - 600 * NANO_PER_S)) == [
        START_NS + 6 * WINDOW_S * NANO_PER_S
    ]


def test_refused_listings_use_up_no_instrument_ids() -> None:
    market = Market(LIMITS._replace(instruments=2))
    market.send(*opening(horizon_s=20 * WINDOW_S))
    assert len([event for event in market.tick() if event["kind"] == Event.LISTING_REFUSED]) == 18
    assert market.venue.state.clock[0]["next_instrument_id"] == 3


def test_slots_are_used_again_under_rising_ids() -> None:
    market = open_market()
    for _ in range(20):
        market.tick(WINDOW_S)
    live = list(market.twin.tranches)
    assert min(live) > LIMITS.instruments
    assert live == sorted(live)
    assert market.place(ALICE, BUY, 1_000, 1, instrument_id=live[-1])["kind"] == Event.RESTED
    stale = market.place(ALICE, BUY, 1_000, 1, instrument_id=live[-1] - LIMITS.instruments)
    assert stale["reason"] == Reject.UNKNOWN_INSTRUMENT


# The gate.


def test_a_gate_cancels_every_order_and_settles_every_position() -> None:
    market = quiet_market()
    market.place(ALICE, SELL, 1_000, 5)
    market.place(BOB, BUY, 1_000, 3)
    market.place(BOB, BUY, 990, 1)
    market.place(CAROL, BUY, 995, 1)
    market.place(CAROL, SELL, 1_200, 4, instrument_id=SECOND)
    events = market.tick_to(FIRST_GATE_NS)
    assert [event["kind"] for event in events] == [
        *[Event.CANCELLED] * 3,
        *[Event.POSITION_SETTLED] * 2,
        Event.STATE_CHANGED,
    ]
    assert [(event["account_id"], event["price_ticks"]) for event in events[:3]] == [
        (CAROL, 995),
        (BOB, 990),
        (ALICE, 1_000),
    ]
    assert {event["reason"] for event in events[:3]} == {Reason.GATE_CLOSED}
    assert next(iter(market.twin.orders.values())).instrument_id == SECOND


def test_a_gate_settles_at_the_final_price_and_moves_nothing_in_total() -> None:
    market = open_market()
    market.place(ALICE, SELL, 1_100, 5)
    market.place(BOB, BUY, 1_100, 4)
    market.place(CAROL, BUY, 1_100, 1)
    settled = [event for event in market.tick_to(FIRST_GATE_NS) if event["kind"] == Event.POSITION_SETTLED]
    amounts = {event["account_id"]: event["amount_nano"] for event in settled}
    lot_nano = 100 * TICK_VALUE_NANO
    assert amounts == {BOB: -4 * lot_nano, ALICE: 5 * lot_nano, CAROL: -lot_nano}
    assert {event["price_ticks"] for event in settled} == {REFERENCE_TICKS}, "two persons make no price"
    assert sum(market.cash_nano(account_id) for account_id in amounts) == 3 * CASH_NANO


def test_positions_are_settled_in_the_order_in_which_they_were_opened() -> None:
    market = open_market()
    market.place(CAROL, SELL, 1_000, 2)
    market.place(BOB, BUY, 1_000, 1)
    market.place(ALICE, BUY, 1_000, 1)
    settled = [event for event in market.tick_to(FIRST_GATE_NS) if event["kind"] == Event.POSITION_SETTLED]
    assert [event["account_id"] for event in settled] == [BOB, CAROL, ALICE]


def test_after_the_gate_the_final_price_stands_though_the_reference_is_asked_to_move() -> None:
    market = open_market()
    market.tick_to(FIRST_GATE_NS)
    assert market.ask(commands.set_reference(1, 1_200))["reason"] == Reject.INSTRUMENT_CLOSED
    events = market.tick_to(FIRST_START_NS)
    assert [event["final_ticks"] for event in events if event["instrument_id"] == 1] == [REFERENCE_TICKS]


def test_a_gate_closes_on_a_halted_tranche_too() -> None:
    market = quiet_market()
    market.place(ALICE, BUY, 1_000, 1)
    market.send(commands.halt(1))
    assert [event["kind"] for event in market.tick_to(FIRST_GATE_NS)] == [Event.CANCELLED, Event.STATE_CHANGED]


def test_no_order_is_taken_after_the_gate() -> None:
    market = open_market()
    market.tick_to(FIRST_GATE_NS)
    assert market.place(ALICE, BUY, 1_000, 1)["reason"] == Reject.INSTRUMENT_CLOSED
    assert market.place(ALICE, BUY, 1_000, 1, instrument_id=SECOND)["kind"] == Event.RESTED


@pytest.mark.parametrize(
    ("bought_back_lots", "end"), [(0, LifeState.SETTLED), (2, LifeState.SETTLED), (5, LifeState.EXPIRED)]
)
def test_a_window_that_nobody_holds_at_its_gate_expires(bought_back_lots: int, end: LifeState) -> None:
    market = quiet_market()
    market.place(ALICE, SELL, 1_000, 5)
    market.place(BOB, BUY, 1_000, 5)
    if bought_back_lots:
        market.place(BOB, SELL, 1_000, bought_back_lots)
        market.place(ALICE, BUY, 1_000, bought_back_lots)
    events = market.tick_to(FIRST_START_NS + WINDOW_S * NANO_PER_S)
    assert (1, end) in states(events)


def test_an_untouched_window_goes_its_way_at_its_own_times() -> None:
    market = open_market()
    for time_ns, state in (
        (FIRST_GATE_NS, LifeState.GATE_CLOSED),
        (FIRST_START_NS, LifeState.DELIVERING),
        (FIRST_START_NS + WINDOW_S * NANO_PER_S, LifeState.EXPIRED),
    ):
        assert (1, state) not in states(market.tick_to(time_ns - 1))
        assert (1, state) in states(market.tick_to(time_ns))


# The order of what is due.


def test_at_one_instant_orders_expire_before_gates_close_and_gates_before_windows_are_listed() -> None:
    """The horizon of one more series ends just when the first gate closes and two orders expire."""
    market = open_market()
    market.send(define_series(2, first_start_ns=START_NS + 1_320 * NANO_PER_S, horizon_s=1_200))
    later = market.place(ALICE, BUY, 990, 1, time_in_force=TimeInForce.GTD, expires_ns=FIRST_GATE_NS)["order_id"]
    other = market.place(
        BOB, BUY, 990, 1, time_in_force=TimeInForce.GTD, expires_ns=FIRST_GATE_NS, instrument_id=SECOND
    )["order_id"]
    plain = market.place(CAROL, BUY, 980, 1)["order_id"]
    events = market.tick_to(FIRST_GATE_NS)
    assert [(event["kind"], event.get("order_id"), event["reason"]) for event in events[:3]] == [
        (Event.CANCELLED, later, Reason.EXPIRED),
        (Event.CANCELLED, other, Reason.EXPIRED),
        (Event.CANCELLED, plain, Reason.GATE_CLOSED),
    ]
    assert [event["kind"] for event in events[3:]] == [
        Event.STATE_CHANGED,
        Event.TRANCHE_LISTED,
        Event.STATE_CHANGED,
        Event.TRANCHE_LISTED,
        Event.STATE_CHANGED,
    ]
    assert [event["series_id"] for event in events if event["kind"] == Event.TRANCHE_LISTED] == [1, 2]


def test_an_order_expires_at_its_instant_and_not_before() -> None:
    market = open_market()
    expires_ns = START_NS + 10 * NANO_PER_S
    market.place(ALICE, BUY, 1_000, 1, time_in_force=TimeInForce.GTD, expires_ns=expires_ns)
    assert market.tick_to(expires_ns - 1) == []
    assert [event["reason"] for event in market.tick_to(expires_ns)] == [Reason.EXPIRED]


def test_a_window_that_opens_late_in_a_tick_closes_in_the_same_one() -> None:
    market = open_market()
    moves = states(market.tick(3 * 600))
    for instrument_id in (4, 5, 6):
        assert [state for each_id, state in moves if each_id == instrument_id] == [
            LifeState.OPEN,
            LifeState.GATE_CLOSED,
            LifeState.DELIVERING,
            LifeState.EXPIRED,
        ]


@given(sessions(20), st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_a_late_tick_does_what_many_timely_ones_do(session: Session, gaps_s: list[int]) -> None:
    """Only sequence, index and the ticks' own outcomes tell them apart."""
    history = np.concatenate(rehearse(session).sent)
    late, timely = venue_after(history), venue_after(history)
    time_ns, sequence = late.time_ns, len(history) + 1
    brought = [late.apply(commands.tick(time_ns + sum(gaps_s) * NANO_PER_S), sequence)[:-1]]
    steps = []
    for gap_s in gaps_s:
        time_ns += gap_s * NANO_PER_S
        steps.append(timely.apply(commands.tick(time_ns), sequence)[:-1])
    assert same(np.concatenate(steps)) == same(brought[0])
    assert timely.time_ns == late.time_ns


def venue_after(history: np.ndarray) -> Any:
    market = Market()
    market.venue.apply(history, 1)
    return market.venue


# Defining.


@pytest.mark.parametrize(
    ("changes", "reject"),
    [
        ({}, Reject.NONE),
        ({"series_id": 1}, Reject.ID_OUT_OF_ORDER),
        ({"series_id": 3}, Reject.ID_OUT_OF_ORDER),
        ({"series_id": 0}, Reject.ID_OUT_OF_ORDER),
        ({"region_id": 0}, Reject.UNKNOWN_REGION),
        ({"region_id": 2}, Reject.UNKNOWN_REGION),
        ({"tier": 3}, Reject.INVALID_SERIES),
        ({"duration_s": 0}, Reject.INVALID_SERIES),
        ({"duration_s": 179}, Reject.INVALID_SERIES),
        ({"duration_s": 86_400}, Reject.NONE),
        ({"duration_s": 86_400 + 180}, Reject.INVALID_SERIES),
        ({"first_start_ns": -60 * NANO_PER_S}, Reject.INVALID_SERIES),
        ({"first_start_ns": 0}, Reject.NONE),
        ({"first_start_ns": START_NS + 30 * NANO_PER_S}, Reject.INVALID_SERIES),
        ({"first_start_ns": START_NS + 1}, Reject.INVALID_SERIES),
        ({"first_start_ns": TIME_NS_MAX // (60 * NANO_PER_S) * 60 * NANO_PER_S}, Reject.NONE),
        ({"first_start_ns": (TIME_NS_MAX // (60 * NANO_PER_S) + 1) * 60 * NANO_PER_S}, Reject.INVALID_SERIES),
        ({"gate_lead_s": 0}, Reject.NONE),
        ({"gate_lead_s": 600}, Reject.INVALID_SERIES),
        ({"gate_lead_s": 599}, Reject.NONE),
        ({"horizon_s": HORIZON_S_MAX, "duration_s": 86_400}, Reject.NONE),
        ({"horizon_s": HORIZON_S_MAX + 1}, Reject.INVALID_SERIES),
        ({"price_step_ticks": 0}, Reject.INVALID_SERIES),
        ({"price_step_ticks": -1}, Reject.INVALID_SERIES),
        ({"price_step_ticks": 1_000}, Reject.NONE),
        ({"price_step_ticks": 1_001}, Reject.INVALID_SERIES),
        ({"reference_ticks": 0}, Reject.INVALID_SERIES),
        ({"reference_ticks": PRICE_TICKS_MAX}, Reject.NONE),
        ({"reference_ticks": PRICE_TICKS_MAX + 1}, Reject.INVALID_SERIES),
        ({"band_bps": 0}, Reject.NONE),
        ({"band_bps": 999_999}, Reject.NONE),
        ({"band_bps": 1_000_000}, Reject.INVALID_SERIES),
        ({"quantity_step_lots": 0}, Reject.INVALID_SERIES),
        ({"quantity_step_lots": 1_001}, Reject.INVALID_SERIES),
        ({"quantity_max_lots": QUANTITY_LOTS_MAX}, Reject.NONE),
        ({"quantity_max_lots": QUANTITY_LOTS_MAX + 1}, Reject.INVALID_SERIES),
        ({"series_id": 3, "region_id": 2, "tier": 3}, Reject.ID_OUT_OF_ORDER),
        ({"region_id": 2, "tier": 3}, Reject.UNKNOWN_REGION),
    ],
)
def test_a_series_is_refused_for_the_first_rule_that_it_breaks(changes: dict[str, int], reject: Reject) -> None:
    market = open_market(ROOMY)
    terms = dict(changes)
    outcome = market.ask(define_series(terms.pop("series_id", 2), **terms))
    assert outcome["reason"] == reject
    assert outcome["kind"] == (Event.REJECTED if reject else Event.SERIES_DEFINED)
    market.tick(1)


@pytest.mark.parametrize(
    ("instrument_id", "price_ticks", "reject"),
    [
        (1, 1_200, Reject.NONE),
        (1, 0, Reject.PRICE_OUT_OF_RANGE),
        (1, -5, Reject.PRICE_OUT_OF_RANGE),
        (1, 32 * REFERENCE_TICKS, Reject.NONE),
        (1, 32 * REFERENCE_TICKS + 1, Reject.PRICE_OUT_OF_RANGE),
        (0, 1_200, Reject.UNKNOWN_INSTRUMENT),
        (9, 1_200, Reject.UNKNOWN_INSTRUMENT),
        (4, 1_200, Reject.UNKNOWN_INSTRUMENT),
    ],
)
def test_a_reference_is_set_within_its_range(instrument_id: int, price_ticks: int, reject: Reject) -> None:
    market = open_market()
    outcome = market.ask(commands.set_reference(instrument_id, price_ticks))
    assert outcome["reason"] == reject
    assert outcome["kind"] == (Event.REJECTED if reject else Event.REFERENCE_SET)


def test_a_new_reference_moves_the_band_and_leaves_orders_alone() -> None:
    market = open_market()
    resting = market.place(ALICE, BUY, 1_400, 1)["order_id"]
    outcome = market.ask(commands.set_reference(1, 800))
    assert (outcome["band_low_ticks"], outcome["band_high_ticks"]) == (400, 1_200)
    assert resting in market.twin.orders
    assert market.place(ALICE, BUY, 1_201, 1)["reason"] == Reject.PRICE_OUTSIDE_BAND
    assert market.place(BOB, SELL, 400, 1)["kind"] == Event.FILLED


def test_without_a_trade_the_mark_is_the_final_price_and_no_new_reference_moves_it() -> None:
    market = quiet_market()
    market.send(commands.set_reference(1, 1_234))
    (event,) = market.tick_to(FIRST_GATE_NS)
    assert event["final_ticks"] == REFERENCE_TICKS
