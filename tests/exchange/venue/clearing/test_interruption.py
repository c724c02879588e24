"""Interruptible allocations give way, the latest first: what that costs, and whom it leaves alone."""

import pytest

from exchange import delivery_commands
from exchange.venue.clearing.delivery_schema import SlotOutcome
from exchange.venue.schema import Event, Reject, Tier
from tests.exchange.venue.delivery_market import (
    BUYER,
    CASH_NANO,
    DISPUTE_S,
    FINAL_TICKS,
    GRACE_S,
    OTHER_BUYER,
    SLOT_S,
    SLOTS,
    TERMS,
    DeliveryMarket,
    settled,
    short,
)
from tests.exchange.venue.market import TICK_VALUE_NANO

LOTS = 6


def running(*lots: int, tier: Tier = Tier.BE) -> tuple[DeliveryMarket, list[int]]:
    """A market in the middle of its first slot, with allocations of so many lots."""
    market = DeliveryMarket(tier=tier)
    ids = [market.allocate(each) for each in lots]
    market.tick_into_window(10)
    return market, ids


def cut(market: DeliveryMarket, lots: int) -> tuple[list[int], int]:
    """Interrupt so many lots; returns the allocations that were cut, and all their lots."""
    *events, outcome = market.send(delivery_commands.interrupt(1, lots))[0]
    assert {event["kind"] for event in [*events, outcome]} == {Event.INTERRUPTED}
    assert (outcome["allocation_id"], outcome["region_id"]) == (0, 1)
    return [event["allocation_id"] for event in events], outcome["lots"]


@pytest.mark.parametrize(("lots", "count"), [(1, 1), (5, 1), (6, 2), (9, 2), (10, 3), (99, 3)])
def test_the_latest_are_cut_until_so_many_lots_are(lots: int, count: int) -> None:
    market, ids = running(3, 4, 5)
    assert cut(market, lots) == (ids[3 - count :], sum((3, 4, 5)[3 - count :]))


def test_what_is_cut_counts_for_the_slot_so_that_to_say_it_again_cuts_nothing_more():
    market, ids = running(3, 4, 5)
    assert cut(market, 1)[0] == ids[2:]
    assert cut(market, 5) == ([], 0)
    assert cut(market, 6) == (ids[1:2], 4)
    market.tick_into_window(SLOT_S)
    assert cut(market, 1)[0] == ids[2:]


def test_a_cut_slot_is_refunded_with_a_compensation_and_without_a_fee():
    market, (allocation_id,) = running(LOTS)
    cut(market, 1)
    market.tick_into_window(SLOT_S)
    market.report(allocation_id, 0, LOTS, LOTS, LOTS)
    events = market.tick_into_window(SLOT_S + GRACE_S)
    (told,), (missing,) = settled(events), short(events)
    price_nano = LOTS * FINAL_TICKS * TICK_VALUE_NANO // SLOTS
    assert (told["outcome"], told["paid_nano"], told["refunded_nano"]) == (SlotOutcome.INTERRUPTED, 0, price_nano)
    compensation_nano = price_nano * TERMS["interruption_ppm"] // 1_000_000
    assert (missing["replacement_nano"], missing["shortfall_fee_nano"]) == (compensation_nano, 0)
    escrow_nano = int(market.allocation(allocation_id)["escrow_nano"])
    assert market.cash_nano(BUYER) == CASH_NANO - escrow_nano + compensation_nano
    assert market.allocation(allocation_id)["interrupted_slots"] == 1


def test_an_interruption_costs_no_reputation():
    market, (allocation_id,) = running(LOTS)
    cut(market, 1)
    for slot in (1, 2):
        market.tick_into_window(SLOT_S * (slot + 1))
        market.report(allocation_id, slot, LOTS, LOTS, LOTS)
    events = market.tick_into_window(SLOTS * SLOT_S + GRACE_S + DISPUTE_S)
    (told,) = [event for event in events if event["kind"] == Event.REPUTATION_SET]
    assert told["bad"] == 0 < told["good"]


@pytest.mark.parametrize("tier", [Tier.EF, Tier.AF])
def test_what_is_guaranteed_is_never_cut(tier: Tier) -> None:
    market, _ = running(LOTS, tier=tier)
    assert cut(market, 10) == ([], 0)


def test_what_is_not_running_is_not_cut():
    market = DeliveryMarket()
    market.allocate(LOTS, buyer=OTHER_BUYER)
    assert cut(market, 10) == ([], 0)
    market.tick_into_window(SLOTS * SLOT_S)
    assert cut(market, 10) == ([], 0)


def test_an_interruption_is_of_a_region_and_of_some_lots():
    market, _ = running(LOTS)
    assert market.ask(delivery_commands.interrupt(2, 1))["reason"] == Reject.UNKNOWN_REGION
    for lots in (0, -1):
        assert market.ask(delivery_commands.interrupt(1, lots))["reason"] == Reject.QUANTITY_OUT_OF_RANGE
