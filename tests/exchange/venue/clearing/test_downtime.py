"""Being down harms nobody: whoever could not reach the venue has as long as ever once it is back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import delivery_commands
from exchange.venue.clearing.deadlines import spared_ns
from exchange.venue.clearing.delivery_schema import DOWNTIMES_MERGED_NS, SlotOutcome
from exchange.venue.schema import TIME_NS_MAX, Event, Reject
from tests.exchange.venue.delivery_market import (
    DISPUTE_S,
    GRACE_S,
    SLOT_S,
    SLOTS,
    WINDOW_NS,
    DeliveryMarket,
    settled,
)
from tests.exchange.venue.market import NANO_PER_S
from tests.exchange.venue.told import Told

LOTS = 6
SLOT_DUE, DISPUTE_DUE = 9, 10


def note(market: DeliveryMarket, from_s: float, until_s: float) -> Told:
    """The venue was down between two instants of the window, and is back."""
    instants = (WINDOW_NS + int(from_s * NANO_PER_S), WINDOW_NS + int(until_s * NANO_PER_S))
    told = market.ask(delivery_commands.note_downtime(*instants))
    market.tick_to(instants[1])
    return told


def due_s(market: DeliveryMarket, kind: int = SLOT_DUE) -> float:
    """When delivery goes on, counted from the beginning of the window."""
    (due_ns,) = [row[0] for row in market.agenda() if row[1:] == (kind, 1)]
    return (due_ns - WINDOW_NS) / NANO_PER_S


@pytest.mark.parametrize(
    ("from_s", "until_s", "moved_s"),
    [
        (70, 100, 130),  # the deadline was in the middle of it
        (70, 80, 110),  # it was in the middle of the wait
        (10, 80, 110),  # it ended in the wait
        (10, 59, 90),  # it was over before the slot was
        (10, 60, 90),
    ],
)
def test_a_wait_that_met_a_downtime_begins_again_at_its_end(from_s: int, until_s: int, moved_s: int) -> None:
    market = DeliveryMarket()
    market.allocate(LOTS)
    market.tick_into_window(from_s)
    told = note(market, from_s, until_s)
    assert told["kind"] == Event.DOWNTIME_NOTED
    assert due_s(market) == moved_s


def test_reports_are_taken_for_the_grace_after_a_downtime_over_many_slots():
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    market.tick_into_window(5)
    assert settled([note(market, 5, 1_000)]) == []
    for slot in range(SLOTS):
        market.report(allocation_id, slot, LOTS, LOTS, LOTS)
    assert settled(market.tick_into_window(1_000 + GRACE_S - 1)) == []
    events = settled(market.tick_into_window(1_000 + GRACE_S))
    assert [(event["slot"], event["outcome"]) for event in events] == [(n, SlotOutcome.MEASURED) for n in range(SLOTS)]
    assert due_s(market, DISPUTE_DUE) == 1_000 + GRACE_S + DISPUTE_S


def test_the_time_for_disputes_begins_again_too():
    market = DeliveryMarket()
    market.allocate(LOTS)
    over_s = SLOTS * SLOT_S + GRACE_S
    market.tick_into_window(over_s + 100)
    note(market, over_s + 100, over_s + 5_000)
    assert due_s(market, DISPUTE_DUE) == over_s + 5_000 + DISPUTE_S


def test_two_downtimes_with_little_in_between_count_as_one():
    market = DeliveryMarket()
    market.allocate(LOTS)
    market.tick_into_window(61)
    note(market, 61, 100)
    told = note(market, 110, 200)
    assert (told["from_ns"], told["until_ns"]) == (WINDOW_NS + 61 * NANO_PER_S, WINDOW_NS + 200 * NANO_PER_S)
    assert due_s(market) == 200 + GRACE_S


def test_a_downtime_long_ago_is_forgotten():
    market = DeliveryMarket()
    first, second = WINDOW_NS, WINDOW_NS + DOWNTIMES_MERGED_NS + 2
    market.ask(delivery_commands.note_downtime(first, first + 1))
    told = market.ask(delivery_commands.note_downtime(second, second + 9))
    assert (told["from_ns"], told["until_ns"]) == (second, second + 9)


@pytest.mark.parametrize("span", [(-1, 5), (7, 6), (0, TIME_NS_MAX + 1)])
def test_a_downtime_is_a_span_of_time(span: tuple[int, int]) -> None:
    market = DeliveryMarket()
    assert market.ask(delivery_commands.note_downtime(*span))["reason"] == Reject.TIME_OUT_OF_RANGE


@given(from_s=st.integers(0, 400), length_s=st.integers(0, 400))
def test_no_deadline_comes_earlier_and_nobody_has_less_than_the_grace(from_s: int, length_s: int) -> None:
    ends_s = [SLOT_S * (slot + 1) for slot in range(SLOTS)]
    plain_s = [end + GRACE_S for end in ends_s]
    moved_s = [spared_ns(end, GRACE_S, from_s, from_s + length_s) for end in ends_s]
    assert moved_s == sorted(moved_s)
    for end, plain, moved in zip(ends_s, plain_s, moved_s, strict=True):
        assert moved >= plain
        if moved > plain:
            assert moved == from_s + length_s + GRACE_S
        if end < from_s + length_s and plain > from_s:
            assert moved - max(end, from_s + length_s) >= GRACE_S
