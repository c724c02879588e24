"""Slots as the venue settles them: what counts, and where the money goes, to the nano-USD."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exchange.venue.clearing.delivery_schema import SlotOutcome
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.clearing.shares_of_slots import bond_part, delivered_part, part_of, rest_after
from exchange.venue.schema import Event
from tests.exchange.venue.clearing.slow_slots import Deal, cut, settle
from tests.exchange.venue.delivery_market import (
    BUYER,
    CASH_NANO,
    FINAL_TICKS,
    GRACE_S,
    OTHER_BUYER,
    PROVIDER,
    REPLACEMENT_TICKS,
    SLOT_S,
    SLOTS,
    TERMS,
    DeliveryMarket,
    make_bond,
    settled,
    short,
)
from tests.exchange.venue.market import TICK_VALUE_NANO
from tests.exchange.venue.told import Told

LOTS = 7


def deal(market: DeliveryMarket, lots: int = LOTS, bond_nano: int | None = None) -> Deal:
    """The terms of an allocation of the market, for the slow twin."""
    held_nano = int(market.venue.state.ledger.totals[0]["bonds_nano"]) if bond_nano is None else bond_nano
    price_nano, gap_nano = FINAL_TICKS * TICK_VALUE_NANO, (REPLACEMENT_TICKS - FINAL_TICKS) * TICK_VALUE_NANO
    fees = (TERMS["shortfall_fee_ppm"], TERMS["clearing_fee_ppm"], TERMS["burn_ppm"])
    return Deal(lots, SLOTS, price_nano, gap_nano, *fees, held_nano)


def deliver(market: DeliveryMarket, allocation_id: int, *lots: int) -> list[Told]:
    """Three honest reporters measure every slot; returns what the settlements told."""
    events: list[Told] = []
    for slot, measured in enumerate(lots):
        market.tick_into_window(SLOT_S * (slot + 1))
        market.report(allocation_id, slot, measured, measured, measured)
        events += market.tick_into_window(SLOT_S * (slot + 1) + GRACE_S)
    return events


# Money.


@settings(max_examples=8)
@given(lots=st.integers(1, 50), data=st.data(), multiplier_ppm=st.integers(1_000_000, 2_000_000))
@example(lots=3, data=None, multiplier_ppm=1_000_000)
def test_money_of_slots_is_that_of_the_slow_twin(lots, data, multiplier_ppm):
    measured = [0, 1, 2] if data is None else [data.draw(st.integers(0, lots + 3)) for _ in range(SLOTS)]
    market = DeliveryMarket()
    market.checks_mirror = False
    allocation_id = market.allocate(lots, multiplier_ppm=multiplier_ppm)
    expected = settle(deal(market, lots), [min(each, lots) for each in measured])
    events = deliver(market, allocation_id, *measured)
    for slot, money in enumerate(expected):
        told = next(event for event in settled(events) if event["slot"] == slot)
        assert (told["paid_nano"], told["refunded_nano"], told["fee_nano"]) == money[:3]
        missing = [event for event in short(events) if event["slot"] == slot]
        assert len(missing) == (measured[slot] < lots)
        for event in missing:
            assert (event["replacement_nano"], event["shortfall_fee_nano"]) == money[3:5]
    paid = [sum(money[at] for money in expected) for at in range(6)]
    assert market.cash_nano(PROVIDER) == CASH_NANO + paid[0] - paid[2] - paid[3] - paid[4]
    assert market.cash_nano(BUYER) == CASH_NANO - paid[0] + paid[3]
    assert market.total("fund_nano") == paid[4]
    assert market.total("fees_nano") + market.total("burned_nano") == paid[2]
    assert market.total("escrow_nano") == market.total("bonds_nano") == 0


def test_who_gets_nothing_gets_what_replacing_costs():
    market = DeliveryMarket()
    deliver(market, market.allocate(LOTS), 0, 0, 0)
    gained_nano = market.cash_nano(BUYER) - CASH_NANO
    assert gained_nano == LOTS * (REPLACEMENT_TICKS - FINAL_TICKS) * TICK_VALUE_NANO
    assert market.total("fees_nano") == 0


def test_a_part_of_the_clearing_fee_is_burned():
    market = DeliveryMarket()
    events = deliver(market, market.allocate(LOTS), LOTS, LOTS, LOTS)
    burned_nano = sum(event["fee_nano"] * TERMS["burn_ppm"] // 1_000_000 for event in settled(events))
    assert market.total("burned_nano") == burned_nano > 0
    assert market.total("fees_nano") == sum(event["fee_nano"] for event in settled(events)) - burned_nano


@pytest.mark.parametrize("last_slot", range(SLOTS))
def test_to_default_on_the_rest_never_pays_however_dear_it_is_sold_elsewhere(last_slot: int) -> None:
    honest, failing = DeliveryMarket(), DeliveryMarket()
    for market in (honest, failing):
        market.checks_mirror = False
    deliver(honest, honest.allocate(LOTS, multiplier_ppm=1_000_000), *[LOTS] * SLOTS)
    delivered = [LOTS if slot < last_slot else 0 for slot in range(SLOTS)]
    deliver(failing, failing.allocate(LOTS, multiplier_ppm=1_000_000), *delivered)
    better_nano = honest.cash_nano(PROVIDER) - failing.cash_nano(PROVIDER)
    for resale_ticks in range(REPLACEMENT_TICKS + 1):
        resold_nano = resale_ticks * LOTS * TICK_VALUE_NANO * (SLOTS - last_slot) // SLOTS
        assert better_nano > resold_nano - 1, f"at {resale_ticks} ticks it pays to default from slot {last_slot} on"


@given(
    price=st.integers(1, 1 << 20),
    gap=st.integers(0, 1 << 20),
    fee_ppm=st.integers(0, 1_000_000),
    slots=st.integers(1, 60),
    excess=st.integers(0, 1 << 20),
    data=st.data(),
)
def test_a_bond_covers_what_remains_at_every_slot_however_amounts_divide(price, gap, fee_ppm, slots, excess, data):
    lots = data.draw(st.integers(1, 100))
    plain = Deal(lots, slots, price, gap, fee_ppm, 0, 0, 0)
    full = plain._replace(bond_nano=lots * (gap + -(-price * fee_ppm // 1_000_000)) + excess)
    delivered = [data.draw(st.integers(0, lots)) for _ in range(slots)]
    moneys = settle(full, delivered)  # asserts that it does
    assert all(money.released_nano >= 0 for money in moneys)
    assert sum(sum(money[3:6]) for money in moneys) == full.bond_nano, "all of it is given back or paid"
    assert sum(money.paid_nano + money.refunded_nano for money in moneys) == lots * price


@given(total=st.integers(0, 1 << 50), slots=st.integers(1, 1_440))
def test_parts_of_slots_come_to_the_total_and_only_the_last_differs(total: int, slots: int) -> None:
    parts = [int(part_of(np.int64(total), slots, slot)) for slot in range(slots)]
    assert parts == cut(total, slots)
    assert [int(rest_after(np.int64(total), slots, slot)) for slot in range(slots)] == [
        sum(parts) - sum(parts[: slot + 1]) for slot in range(slots)
    ]


@given(amount=st.integers(0, 1 << 59), lots=st.integers(1, 1 << 40), data=st.data())
def test_what_falls_on_delivered_lots_is_rounded_down(amount: int, lots: int, data: st.DataObject) -> None:
    delivered = data.draw(st.integers(0, lots))
    assert delivered_part(np.int64(amount), np.int64(delivered), np.int64(lots)) == amount * delivered // lots


@given(bond=st.integers(0, 1 << 50), needed=st.integers(0, 1 << 50), slots=st.integers(1, 99), data=st.data())
def test_a_bond_gives_its_even_part_but_nothing_that_later_slots_need(bond, needed, slots, data):
    slot = data.draw(st.integers(0, slots - 1))
    out = int(bond_part(np.int64(bond), np.int64(needed), slots, slot))
    assert 0 <= out <= bond
    if slot == slots - 1:
        assert out == bond
    elif out < bond // (slots - slot):
        assert out == max(bond - needed, 0)


# What counts.


@pytest.mark.parametrize(
    ("reports", "delivered"),
    [
        ((10, 10, 10), 7),
        ((7, 7, 0), 7),
        ((0, 0, 7), 0),
        ((3, 5, 7), 5),
        ((1, 3, 5, 7), 3),
        ((7, 7, 7, 0, 0), 7),
        ((6, 6, 6, 6, 0, 0, 0), 6),
        ((5, 6, 6, 6, 99, 99, 99), 6),
    ],
)
def test_the_lower_median_counts_so_a_lying_minority_moves_it_between_honest_figures_alone(reports, delivered):
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    market.tick_into_window(SLOT_S)
    market.report(allocation_id, 0, *reports)
    (event,) = settled(market.tick_into_window(SLOT_S + GRACE_S))
    assert (event["delivered_lots"], event["outcome"]) == (delivered, SlotOutcome.MEASURED)


@given(
    honest=st.lists(st.integers(5, 9), min_size=2, max_size=4),
    liars=st.lists(st.integers(0, 100), max_size=3),
    data=st.data(),
)
@settings(max_examples=6)
def test_a_minority_of_liars_leaves_the_median_among_honest_figures(honest, liars, data):
    liars = liars[: len(honest) - 1]
    reports = data.draw(st.permutations(honest + liars))
    if len(reports) < 3:
        return
    market = DeliveryMarket()
    market.checks_mirror = False
    allocation_id = market.allocate(LOTS * 100)
    market.tick_into_window(SLOT_S)
    market.report(allocation_id, 0, *reports)
    (event,) = settled(market.tick_into_window(SLOT_S + GRACE_S))
    assert min(honest) <= event["delivered_lots"] <= max(honest)
    assert event["delivered_lots"] == sorted(reports)[(len(reports) - 1) // 2]


@pytest.mark.parametrize("reports", [(), (7,), (7, 7), (0, 0)])
def test_what_fewer_than_three_measured_was_measured_by_nobody(reports: tuple[int, ...]) -> None:
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    before = market.allocation(allocation_id)
    market.tick_into_window(SLOT_S)
    market.report(allocation_id, 0, *reports)
    events = market.tick_into_window(SLOT_S + GRACE_S)
    (event,) = settled(events)
    assert (event["outcome"], event["delivered_lots"], event["paid_nano"]) == (SlotOutcome.SILENT, 0, 0)
    assert event["refunded_nano"] == before["escrow_nano"] // SLOTS
    assert short(events) == []
    after = market.allocation(allocation_id)
    assert market.cash_nano(PROVIDER) == CASH_NANO - after["bond_nano"], "the bond's part is back whole"
    assert market.cash_nano(BUYER) == CASH_NANO - after["escrow_nano"], "and so is the price"
    assert (after["measured_slots"], market.total("fund_nano")) == (0, 0)


@pytest.mark.parametrize(
    ("bound", "figures"), [("latency_us", {"latency_us": 5_001}), ("loss_ppm", {"loss_ppm": 1_001})]
)
def test_a_slot_beyond_its_bounds_counts_for_nothing(bound: str, figures: dict[str, int]) -> None:
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    market.tick_into_window(SLOT_S)
    market.report(allocation_id, 0, *[LOTS] * 3, **figures)
    market.tick_into_window(2 * SLOT_S)
    market.report(allocation_id, 1, *[LOTS] * 3, **{bound: figures[bound] - 1})
    events = settled(market.tick_into_window(2 * SLOT_S + GRACE_S))
    assert [(event["outcome"], event["delivered_lots"]) for event in events] == [(SlotOutcome.MEASURED, LOTS)]
    assert market.allocation(allocation_id)["delivered"] == LOTS


def test_a_bound_of_nothing_is_none():
    market = DeliveryMarket(terms=TERMS | {"latency_max_us": 0})
    allocation_id = market.allocate(LOTS)
    market.tick_into_window(SLOT_S)
    market.report(allocation_id, 0, *[LOTS] * 3, latency_us=60_000_000)
    (event,) = settled(market.tick_into_window(SLOT_S + GRACE_S))
    assert event["delivered_lots"] == LOTS


# All allocations, one after the other.


def test_a_slot_is_settled_for_all_allocations_in_the_order_of_ids():
    market = DeliveryMarket()
    ids = [market.allocate(lots, buyer=buyer) for lots, buyer in ((3, BUYER), (4, OTHER_BUYER), (5, BUYER))]
    market.tick_into_window(SLOT_S)
    market.report(ids[1], 0, 4, 4, 4)
    events = settled(market.tick_into_window(SLOT_S + GRACE_S))
    assert [event["allocation_id"] for event in events] == ids
    assert [event["delivered_lots"] for event in events] == [0, 4, 0]


@pytest.mark.parametrize(
    ("measured", "state"),
    [((7, 7, 7), AllocationState.DELIVERED), ((7, 6, 7), AllocationState.SHORT), ((0, 0, 0), AllocationState.FAILED)],
)
def test_an_allocation_ends_by_what_was_delivered(measured: tuple[int, ...], state: AllocationState) -> None:
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    events = deliver(market, allocation_id, *measured)
    changes = [event for event in events if event["kind"] == Event.ALLOCATION_CHANGED]
    assert [(event["detail"], event["state"]) for event in changes] == [(AllocationState.DELIVERING, state)]
    assert market.allocation(allocation_id)["delivered"] == sum(measured)


def test_one_late_tick_does_what_many_timely_ones_do():
    late, timely = DeliveryMarket(), DeliveryMarket()
    for market in (late, timely):
        market.allocate(3)
        market.allocate(4, buyer=OTHER_BUYER)
    told = []
    for second in range(0, 2_000, 10):
        told += timely.tick_into_window(second)
    events = late.tick_into_window(1_990)

    def plain(event: Told) -> Told:
        return {name: value for name, value in event.items() if name not in ("sequence", "index")}

    assert [plain(event) for event in events] == [plain(event) for event in told]


def test_a_window_that_does_not_divide_has_a_shorter_last_slot():
    market = DeliveryMarket(terms=TERMS | {"slot_s": 70})
    market.allocate(LOTS)
    events = settled(market.tick_into_window(2 * 70 + GRACE_S))
    events += settled(market.tick_into_window(180 + GRACE_S - 1))
    assert [event["slot"] for event in events] == [0, 1]
    assert [event["slot"] for event in settled(market.tick_into_window(180 + GRACE_S))] == [2]


def test_bonds_are_those_of_the_terms():
    market = DeliveryMarket()
    per_lot = (REPLACEMENT_TICKS - FINAL_TICKS) * TICK_VALUE_NANO
    per_lot += -(-FINAL_TICKS * TICK_VALUE_NANO * TERMS["shortfall_fee_ppm"] // 1_000_000)
    assert make_bond(market.venue.state, 1, LOTS, 1_500_001) == LOTS * -(-per_lot * 1_500_001 // 1_000_000)
