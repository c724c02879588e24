"""Reporters and their reports, providers that are ready, disputes, corrections: what is taken, and what is refused."""

import numpy as np
import pytest

from exchange import commands, delivery_commands
from exchange.packing import CommandError, bytes_behind, pack_group
from exchange.venue.clearing.delivery_schema import DISPUTE_OPEN_NS_MAX, ReportOutcome
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.schema import Event, Reject
from exchange.venue.state import slot_of
from risk.schema import Standing
from tests.exchange.venue.delivery_market import (
    BUYER,
    CASH_NANO,
    COUSIN,
    DISPUTE_S,
    FINAL_TICKS,
    GRACE_S,
    OTHER_BUYER,
    OTHER_PROVIDER,
    PROVIDER,
    REPLACEMENT_TICKS,
    REPORTERS,
    SLOT_S,
    SLOTS,
    WINDOW_NS,
    DeliveryMarket,
    settled,
)
from tests.exchange.venue.market import NANO_PER_S, TICK_VALUE_NANO
from tests.exchange.venue.told import Told

LOTS = 6
LAST_S = SLOTS * SLOT_S + GRACE_S
"""When the last slot is settled, counted from the beginning of the window."""
FIGURES = {"measured_lots": LOTS, "latency_us": 1_000, "loss_ppm": 10}


def running(lots: int = LOTS) -> tuple[DeliveryMarket, int]:
    """A market whose only allocation is in its second slot."""
    market = DeliveryMarket()
    allocation_id = market.allocate(lots)
    market.tick_into_window(SLOT_S)
    return market, allocation_id


def measured(*delivered: int) -> tuple[DeliveryMarket, int]:
    """A market whose only allocation is over, and was measured to be delivered like this."""
    market, allocation_id = running()
    for slot, lots in enumerate(delivered):
        market.tick_into_window(SLOT_S * (slot + 1))
        market.report(allocation_id, slot, lots, lots, lots)
    market.tick_into_window(LAST_S)
    return market, allocation_id


def report(
    market: DeliveryMarket, allocation_id: int, reporter: int = REPORTERS[0], slot: int = 0, **more: int
) -> Told:
    return market.ask(delivery_commands.report_delivery(reporter, allocation_id, slot, **(FIGURES | more)))


def kinds(events: list[Told]) -> list[Event]:
    return [event["kind"] for event in events]


# Reporters.


def test_a_reporter_is_who_has_a_key_and_no_longer_with_a_key_of_zeros():
    market, allocation_id = running()
    assert report(market, allocation_id, BUYER)["reason"] == Reject.NOT_A_REPORTER
    assert report(market, allocation_id, 23)["reason"] == Reject.NOT_A_REPORTER
    told = market.ask(delivery_commands.register_reporter(REPORTERS[0], delivery_commands.NO_KEY))
    assert (told["kind"], told["account_id"]) == (Event.REPORTER_SET, REPORTERS[0])
    assert report(market, allocation_id)["reason"] == Reject.NOT_A_REPORTER
    market.ask(delivery_commands.register_reporter(REPORTERS[0], b"\0" * 31 + b"\1"))
    assert report(market, allocation_id)["kind"] == Event.REPORTED


def test_the_key_of_a_reporter_is_in_the_image_bit_for_bit():
    market = DeliveryMarket()
    key = bytes(range(200, 232))
    market.ask(delivery_commands.register_reporter(REPORTERS[3], key))
    row = next(row for row in market.venue.image()["reporters"] if row["account_id"] == REPORTERS[3])
    assert np.array([row[f"key_{word}"] for word in range(8)], np.int32).tobytes() == key


def test_a_key_needs_an_account_and_a_record_behind_the_command():
    market = DeliveryMarket()
    assert market.ask(delivery_commands.register_reporter(22, bytes(32)))["reason"] == Reject.UNKNOWN_ACCOUNT
    bare = delivery_commands.register_reporter(REPORTERS[0], bytes(32))[:1].copy()
    bare["continuations"] = 0
    assert market.ask(bare)["reason"] == Reject.INCOMPLETE_GROUP
    with pytest.raises(CommandError):
        delivery_commands.register_reporter(REPORTERS[0], bytes(31))


def test_a_signature_travels_behind_its_report():
    signature = bytes(range(64))
    group = delivery_commands.report_delivery(REPORTERS[0], 1, 0, **FIGURES, signature=signature)
    assert bytes_behind(group) == signature
    market, allocation_id = running()
    group = delivery_commands.report_delivery(REPORTERS[0], allocation_id, 0, **FIGURES, signature=signature)
    assert market.ask(group)["outcome"] == ReportOutcome.COUNTED


@pytest.mark.parametrize("party", [BUYER, PROVIDER, COUSIN])
def test_nobody_reports_on_what_it_or_its_group_bought_or_provides(party: int) -> None:
    market, allocation_id = running()
    market.ask(delivery_commands.register_reporter(party, bytes([9] * 32)))
    assert report(market, allocation_id, party)["reason"] == Reject.REPORTER_NOT_INDEPENDENT


@pytest.mark.parametrize(
    ("more", "reject"),
    [
        ({"slot": 3}, Reject.SLOT_OUT_OF_RANGE),
        ({"slot": 0xFFFF_FFFF}, Reject.SLOT_OUT_OF_RANGE),
        ({"slot": 1}, Reject.SLOT_NOT_OVER),
        ({"latency_us": 60_000_001}, Reject.REPORT_OUT_OF_RANGE),
        ({"loss_ppm": 1_000_001}, Reject.REPORT_OUT_OF_RANGE),
    ],
)
def test_what_cannot_have_been_measured_is_refused(more: dict[str, int], reject: Reject) -> None:
    market, allocation_id = running()
    assert report(market, allocation_id, **more)["reason"] == reject


def test_there_is_nothing_to_report_before_the_window_or_of_what_nobody_bought():
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    assert report(market, allocation_id)["reason"] == Reject.SLOT_NOT_OVER
    for unknown in (0, allocation_id + 1, allocation_id + (1 << 18), (1 << 64) - 1):
        assert report(market, unknown)["reason"] == Reject.UNKNOWN_ALLOCATION


# Reports.


def test_a_reporter_counts_once_a_slot_and_its_first_word_stands():
    market, allocation_id = running()
    outcomes = [report(market, allocation_id)["outcome"]]
    outcomes.append(report(market, allocation_id)["outcome"])
    outcomes += [report(market, allocation_id, **{name: 0})["outcome"] for name in FIGURES]
    assert outcomes == [ReportOutcome.COUNTED, ReportOutcome.DUPLICATE, *[ReportOutcome.CONFLICTING] * 3]
    report(market, allocation_id, REPORTERS[1])
    (event,) = settled(market.tick_into_window(SLOT_S + GRACE_S))
    assert event["delivered_lots"] == 0, "two reporters are no quorum, however often they speak"


def test_seven_reporters_are_heard_and_the_eighth_is_not():
    market, allocation_id = running()
    outcomes = [report(market, allocation_id, reporter) for reporter in REPORTERS[:8]]
    assert [outcome["kind"] for outcome in outcomes] == [Event.REPORTED] * 7 + [Event.REJECTED]
    assert outcomes[-1]["reason"] == Reject.TOO_MANY_REPORTS
    assert report(market, allocation_id)["outcome"] == ReportOutcome.DUPLICATE


def test_a_late_report_is_told_and_changes_nothing():
    market, allocation_id = running()
    market.report(allocation_id, 0, LOTS, LOTS)
    market.tick_into_window(SLOT_S + GRACE_S)
    before = market.allocation(allocation_id).tobytes()
    for reporter in REPORTERS[:3]:
        assert report(market, allocation_id, reporter)["outcome"] == ReportOutcome.LATE
    assert market.allocation(allocation_id).tobytes() == before
    assert len(market.venue.image()["reports"]) == 0


def test_reports_of_slots_and_allocations_are_kept_apart_and_go_with_their_slot():
    market = DeliveryMarket()
    ids = [market.allocate(LOTS), market.allocate(LOTS, buyer=OTHER_BUYER)]
    market.tick_into_window(2 * SLOT_S)
    assert len(market.venue.image()["reports"]) == 0
    market.report(ids[0], 1, 1, 1, 1)
    market.report(ids[1], 1, 2, 2, 2)
    assert len(market.venue.image()["reports"]) == 6
    events = settled(market.tick_into_window(2 * SLOT_S + GRACE_S))
    assert [event["delivered_lots"] for event in events] == [1, 2]
    assert len(market.venue.image()["reports"]) == 0


# The parties.


def test_a_provider_says_that_it_is_ready_once_and_nobody_else_does():
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    for other in (BUYER, OTHER_PROVIDER):
        told = market.ask(delivery_commands.provision(other, allocation_id))
        assert told["reason"] == Reject.UNKNOWN_ALLOCATION
    told = market.ask(delivery_commands.provision(PROVIDER, allocation_id))
    assert (told["kind"], told["state"]) == (Event.ALLOCATION_CHANGED, AllocationState.PROVISIONED)
    again = market.ask(delivery_commands.provision(PROVIDER, allocation_id))
    assert again["reason"] == Reject.ILLEGAL_ALLOCATION_CHANGE
    changes = [event for event in market.tick_into_window(0) if event["kind"] == Event.ALLOCATION_CHANGED]
    assert [(event["detail"], event["state"]) for event in changes] == [
        (AllocationState.PROVISIONED, AllocationState.DELIVERING)
    ]


@pytest.mark.parametrize("party", [BUYER, PROVIDER])
def test_either_party_disputes_and_nobody_else(party: int) -> None:
    market, allocation_id = measured(LOTS, LOTS, LOTS)
    for other in (OTHER_BUYER, COUSIN):
        assert market.ask(delivery_commands.dispute(other, allocation_id))["reason"] == Reject.UNKNOWN_ALLOCATION
    told = market.ask(delivery_commands.dispute(party, allocation_id))
    assert (told["kind"], told["detail"], told["allocation_id"]) == (Event.DISPUTED, party, allocation_id)
    again = market.ask(delivery_commands.dispute(party, allocation_id))
    assert again["reason"] == Reject.ILLEGAL_ALLOCATION_CHANGE


def test_there_is_nothing_to_dispute_before_the_window():
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    assert market.ask(delivery_commands.dispute(BUYER, allocation_id))["reason"] == Reject.ILLEGAL_ALLOCATION_CHANGE


# Corrections.


def test_a_correction_moves_what_the_measurement_would_have_moved_but_fees():
    market, allocation_id = measured(LOTS, 0, LOTS)
    before_nano = market.cash_nano(BUYER)
    told = market.ask(delivery_commands.correct_delivery(allocation_id, 1, LOTS, with_replacement=True, reason="log"))
    assert told["kind"] == Event.DELIVERY_CORRECTED
    assert (told["change_lots"], told["delivered"]) == (LOTS, 3 * LOTS)
    assert told["moved_nano"] == LOTS * FINAL_TICKS * TICK_VALUE_NANO // SLOTS + (
        LOTS * (REPLACEMENT_TICKS - FINAL_TICKS) * TICK_VALUE_NANO // SLOTS
    )
    assert market.cash_nano(BUYER) == before_nano - told["moved_nano"]


def test_a_slot_that_nobody_measured_is_corrected_without_replacement():
    market, allocation_id = measured()
    told = market.ask(delivery_commands.correct_delivery(allocation_id, 0, LOTS))
    assert told["moved_nano"] == LOTS * FINAL_TICKS * TICK_VALUE_NANO // SLOTS


def test_a_correction_taken_back_leaves_nothing_behind():
    market, allocation_id = measured(5, 4, 3)
    before = (market.cash_nano(BUYER), market.cash_nano(PROVIDER))
    moved = [
        market.ask(delivery_commands.correct_delivery(allocation_id, 2, change, with_replacement=True))["moved_nano"]
        for change in (1, -1, -3, 3)
    ]
    assert moved[0] == -moved[1] != 0
    assert moved[2] == -moved[3] < 0
    assert (market.cash_nano(BUYER), market.cash_nano(PROVIDER)) == before


@pytest.mark.parametrize(
    ("slot", "change", "reject"),
    [
        (3, 1, Reject.SLOT_OUT_OF_RANGE),
        (0, LOTS + 1, Reject.CORRECTION_OUT_OF_RANGE),
        (0, -LOTS - 1, Reject.CORRECTION_OUT_OF_RANGE),
        (0, -(1 << 63), Reject.CORRECTION_OUT_OF_RANGE),
        (0, -5, Reject.CORRECTION_OUT_OF_RANGE),
    ],
)
def test_a_correction_stays_within_what_was_sold(slot: int, change: int, reject: Reject) -> None:
    market, allocation_id = measured(2, 2, 0)
    assert market.ask(delivery_commands.correct_delivery(allocation_id, slot, change))["reason"] == reject


def test_no_more_than_everything_is_delivered():
    market, allocation_id = measured(LOTS, LOTS, LOTS - 1)
    told = market.ask(delivery_commands.correct_delivery(allocation_id, 2, 2))
    assert told["reason"] == Reject.CORRECTION_OUT_OF_RANGE
    assert market.ask(delivery_commands.correct_delivery(allocation_id, 2, 1))["kind"] == Event.DELIVERY_CORRECTED


def test_a_correction_that_says_what_it_expects_is_never_made_twice():
    market, allocation_id = measured(2, 2, 0)
    command = delivery_commands.correct_delivery(allocation_id, 2, 3, expected=4)
    assert market.ask(command)["delivered"] == 7
    assert market.ask(command)["reason"] == Reject.CORRECTION_OUT_OF_RANGE
    assert market.ask(delivery_commands.correct_delivery(allocation_id, 2, -3, expected=7))["delivered"] == 4


def test_a_slot_is_corrected_when_it_is_settled_and_not_before():
    market, allocation_id = running()
    told = market.ask(delivery_commands.correct_delivery(allocation_id, 0, 1))
    assert told["reason"] == Reject.SLOT_NOT_OVER
    market.tick_into_window(SLOT_S + GRACE_S)
    assert market.ask(delivery_commands.correct_delivery(allocation_id, 0, 1))["kind"] == Event.DELIVERY_CORRECTED
    assert market.ask(delivery_commands.correct_delivery(77, 0, 1))["reason"] == Reject.UNKNOWN_ALLOCATION


def test_who_cannot_pay_for_a_correction_is_dealt_with_before_the_command_ends():
    market, allocation_id = measured(0, 0, 0)
    market.ask(commands.withdraw(BUYER, market.cash_nano(BUYER)))
    events = market.send(delivery_commands.correct_delivery(allocation_id, 0, LOTS, with_replacement=True))[0]
    assert market.cash_nano(BUYER) < 0
    assert events[-1]["kind"] == Event.DELIVERY_CORRECTED
    told = [event["standing"] for event in events if event["kind"] == Event.STANDING_CHANGED]
    assert told[-1] == Standing.CLOSING
    paid_by_fund_nano = -sum(event["amount_nano"] for event in events if event["kind"] == Event.FUND_MOVED)
    assert market.cash_nano(BUYER) == paid_by_fund_nano - events[-1]["moved_nano"]


# The end.


def finished(events: list[Told]) -> list[int]:
    """The allocations that were settled, in order."""
    return [
        event["allocation_id"]
        for event in events
        if event["kind"] == Event.ALLOCATION_CHANGED and event["state"] == AllocationState.SETTLED
    ]


def test_an_allocation_is_finished_when_the_time_for_disputes_is_over_and_its_tranche_with_it():
    market, allocation_id = measured(LOTS, LOTS, LOTS)
    assert finished(market.tick_into_window(LAST_S + DISPUTE_S - 1)) == []
    events = market.tick_into_window(LAST_S + DISPUTE_S)
    assert finished(events) == [allocation_id]
    assert kinds(events)[-1] == Event.STATE_CHANGED
    assert market.allocation(allocation_id) is None
    assert report(market, allocation_id)["reason"] == Reject.UNKNOWN_ALLOCATION
    assert market.ask(delivery_commands.dispute(BUYER, allocation_id))["reason"] == Reject.UNKNOWN_ALLOCATION


def test_a_disputed_allocation_stays_until_somebody_decides_and_the_others_do_not_wait_for_it():
    market = DeliveryMarket()
    ids = [market.allocate(LOTS, buyer=buyer) for buyer in (BUYER, OTHER_BUYER, BUYER, OTHER_BUYER)]
    market.tick_into_window(LAST_S)
    for at, party in ((1, OTHER_BUYER), (2, PROVIDER)):
        market.ask(delivery_commands.dispute(party, ids[at]))
    assert finished(market.tick_into_window(LAST_S + DISPUTE_S)) == [ids[0], ids[3]]
    market.tick_into_window(LAST_S + DISPUTE_S + 5_000)
    events = market.send(delivery_commands.correct_delivery(ids[2], 0, 0))[0]
    assert finished(events) == [ids[2]]
    assert events[-1]["kind"] == Event.DELIVERY_CORRECTED
    assert (events[-1]["moved_nano"], events[-1]["provider_id"], events[-1]["buyer_id"]) == (0, PROVIDER, BUYER)
    events = market.send(delivery_commands.correct_delivery(ids[1], 1, 2))[0]
    assert finished(events) == [ids[1]]
    assert Event.STATE_CHANGED in kinds(events), "the tranche is settled with its last allocation"
    assert events[-1]["moved_nano"] > 0


def test_a_dispute_that_is_decided_in_time_delays_nothing():
    market, allocation_id = measured(LOTS, LOTS, LOTS)
    market.ask(delivery_commands.dispute(BUYER, allocation_id))
    assert kinds(market.send(delivery_commands.correct_delivery(allocation_id, 0, 0))[0]) == [Event.DELIVERY_CORRECTED]
    assert finished(market.tick_into_window(LAST_S + DISPUTE_S)) == [allocation_id]


def test_a_dispute_that_nobody_decides_ends_after_the_longest_time():
    market, allocation_id = measured(LOTS, LOTS, LOTS)
    market.ask(delivery_commands.dispute(BUYER, allocation_id))
    longest_ns = WINDOW_NS + (LAST_S + DISPUTE_S) * NANO_PER_S + DISPUTE_OPEN_NS_MAX
    market.tick_into_window(LAST_S + DISPUTE_S)
    state = market.venue.state
    due = [row[0] for row in market.agenda() if row[1:] == (10, 1)]
    assert due == [longest_ns]
    assert market.allocation(allocation_id)["state"] == AllocationState.DELIVERED
    assert slot_of(state, 1) == 1


def test_disputes_end_when_the_time_for_them_does():
    market = DeliveryMarket()
    ids = [market.allocate(LOTS), market.allocate(LOTS)]
    market.tick_into_window(LAST_S)
    market.ask(delivery_commands.dispute(BUYER, ids[0]))
    market.tick_into_window(LAST_S + DISPUTE_S)
    assert market.ask(delivery_commands.dispute(PROVIDER, ids[0]))["reason"] == Reject.ILLEGAL_ALLOCATION_CHANGE
    assert market.allocation(ids[1]) is None


def test_places_of_allocations_are_used_again_under_new_ids():
    market, allocation_id = measured(LOTS, LOTS, LOTS)
    market.tick_into_window(LAST_S + DISPUTE_S)
    listed = int(market.venue.state.tranches["instrument_id"].max())
    market.set_terms(listed)
    assert market.allocate(LOTS, instrument_id=listed) == allocation_id + 1


def test_cash_is_what_it_was_but_for_the_price_when_all_is_over():
    market, _ = measured(LOTS, LOTS, LOTS)
    market.tick_into_window(LAST_S + DISPUTE_S)
    assert market.cash_nano(BUYER) == CASH_NANO - LOTS * FINAL_TICKS * TICK_VALUE_NANO
    assert market.total("bonds_nano") == market.total("escrow_nano") == 0


def test_an_unknown_kind_between_those_of_clearing_is_refused():
    market = DeliveryMarket()
    unknown = pack_group(lambda n: bytes([56, n]) + bytes(62))
    assert market.ask(unknown)["reason"] == Reject.UNKNOWN_COMMAND
