"""What a provider's past is worth: who gets a smaller bond, and what splitting a past over accounts does not bring."""

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from exchange import delivery_commands
from exchange.venue.clearing.delivery_schema import EVIDENCE_DOUBT, EVIDENCE_UNIT
from exchange.venue.clearing.reputation import after_forgetting, multiplier_of
from exchange.venue.clearing.schema import MULTIPLIER_PPM_MAX, MULTIPLIER_PPM_MIN
from exchange.venue.schema import Event
from tests.exchange.venue.delivery_market import (
    BUYER,
    COUSIN,
    DISPUTE_S,
    GRACE_S,
    OTHER_PROVIDER,
    PROVIDER,
    SLOT_S,
    SLOTS,
    DeliveryMarket,
)
from tests.exchange.venue.told import Told

EVIDENCE_MAX = 100 * EVIDENCE_UNIT
LOTS = 6
evidence = st.integers(0, EVIDENCE_MAX)
history = st.tuples(evidence, evidence)
not_worse_than_new = history.map(lambda parts: (max(parts), min(parts)))


def total(parts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum(good for good, _ in parts), sum(bad for _, bad in parts)


@given(good=evidence, bad=evidence)
def test_a_multiplier_is_between_its_bounds_and_that_of_the_plain_formula(good: int, bad: int) -> None:
    multiplier_ppm = multiplier_of(good, bad)
    assert MULTIPLIER_PPM_MIN <= multiplier_ppm <= MULTIPLIER_PPM_MAX
    better = Fraction(max(good - bad, 0), good + bad + EVIDENCE_DOUBT)
    exact = MULTIPLIER_PPM_MAX - (MULTIPLIER_PPM_MAX - MULTIPLIER_PPM_MIN) * better
    assert 0 <= multiplier_ppm - exact < 1


@given(good=evidence, bad=evidence, more=evidence)
def test_good_evidence_never_raises_a_bond_and_bad_never_lowers_it(good: int, bad: int, more: int) -> None:
    assert multiplier_of(good + more, bad) <= multiplier_of(good, bad) <= multiplier_of(good, bad + more)


@given(good=evidence, excess=evidence)
def test_a_bad_history_is_never_better_than_none_and_none_never_better_than_any(good: int, excess: int) -> None:
    newcomer_ppm = multiplier_of(0, 0)
    assert newcomer_ppm == MULTIPLIER_PPM_MAX
    assert multiplier_of(good, good + excess) == newcomer_ppm
    assert multiplier_of(good + excess, good) <= newcomer_ppm


@given(parts=st.lists(not_worse_than_new, min_size=1, max_size=6))
def test_splitting_a_history_with_the_business_in_proportion_to_it_lowers_no_bond(parts: list[tuple[int, int]]) -> None:
    good, bad = total(parts)
    apart = sum((part_good + part_bad) * multiplier_of(part_good, part_bad) for part_good, part_bad in parts)
    together = (good + bad) * multiplier_of(good, bad)
    assert apart >= together - (good + bad), "to a millionth: multipliers are whole"


@given(
    whole=history,
    shares=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=6),
    bases=st.lists(st.integers(0, 1 << 40), min_size=6, max_size=6),
)
def test_splitting_into_parts_that_are_no_better_than_the_whole_lowers_no_bond(whole, shares, bases):
    good, bad = whole
    good_shares, bad_shares = (max(sum(share[at] for share in shares), 1) for at in range(2))
    parts = [(good * share[0] // good_shares, bad * share[1] // bad_shares) for share in shares]
    kept = [part for part in parts if part[0] * (good + bad) <= good * sum(part)]
    apart = sum(base * multiplier_of(*part) for base, part in zip(bases, kept, strict=False))
    assert apart >= sum(bases[: len(kept)]) * multiplier_of(good, bad)


@given(
    streams=st.lists(st.integers(0, 40), min_size=1, max_size=5),
    bases=st.lists(st.integers(0, 1 << 40), min_size=5, max_size=5),
)
def test_a_past_of_good_alone_is_worth_most_in_one_account_whatever_business_each_gets(streams, bases):
    apart = [multiplier_of(after(count, EVIDENCE_UNIT), 0) for count in streams]
    together = multiplier_of(after(sum(streams), EVIDENCE_UNIT), 0)
    assert all(each >= together for each in apart)
    assert sum(base * each for base, each in zip(bases, apart, strict=False)) >= sum(bases[: len(apart)]) * together


def after(allocations: int, addition: int) -> int:
    """Evidence after so many allocations that all added the same."""
    found = 0
    for _ in range(allocations):
        found = int(after_forgetting(found, addition))
    return found


def test_a_hundred_allocations_are_all_that_ever_counts():
    assert 99 * EVIDENCE_UNIT < after(2_000, EVIDENCE_UNIT) <= EVIDENCE_MAX
    assert multiplier_of(after(2_000, EVIDENCE_UNIT), 0) < MULTIPLIER_PPM_MIN + 100_000
    assert after(1_000, 0) == 0


# In the venue.


def deliver(market: DeliveryMarket, measured: dict[int, int]) -> list[Told]:
    """Every slot of these allocations is measured to be so many lots, until all is over; returns reputations."""
    for slot in range(SLOTS):
        market.tick_into_window(SLOT_S * (slot + 1))
        for allocation_id, lots in measured.items():
            market.report(allocation_id, slot, lots, lots, lots)
    events = market.tick_into_window(SLOTS * SLOT_S + GRACE_S + DISPUTE_S)
    return [event for event in events if event["kind"] == Event.REPUTATION_SET]


def test_each_allocation_adds_one_unit_in_the_proportion_in_which_it_was_delivered():
    market = DeliveryMarket()
    ids = [market.allocate(LOTS), market.allocate(3 * LOTS, provider=OTHER_PROVIDER), market.allocate(LOTS)]
    events = deliver(market, {ids[0]: LOTS, ids[1]: LOTS, ids[2]: 0})
    assert [(event["account_id"], event["allocation_id"]) for event in events] == [
        (PROVIDER, ids[0]),
        (OTHER_PROVIDER, ids[1]),
        (PROVIDER, ids[2]),
    ]
    assert [(event["good"], event["bad"]) for event in events] == [
        (EVIDENCE_UNIT, 0),
        (EVIDENCE_UNIT // 3, EVIDENCE_UNIT - EVIDENCE_UNIT // 3),
        (EVIDENCE_UNIT * 99 // 100, EVIDENCE_UNIT),
    ]
    provider = market.venue.state.clearing.providers[PROVIDER]
    assert (provider["good"], provider["bad"]) == (events[2]["good"], events[2]["bad"])
    assert provider["multiplier_ppm"] == events[2]["multiplier_ppm"] == MULTIPLIER_PPM_MAX
    assert events[0]["multiplier_ppm"] == multiplier_of(EVIDENCE_UNIT, 0)


def test_what_nobody_measured_says_nothing_of_a_provider():
    market = DeliveryMarket()
    market.allocate(LOTS)
    assert deliver(market, {}) == []
    assert market.venue.state.clearing.providers[PROVIDER]["good"] == 0


def test_only_measured_slots_say_something():
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    market.tick_into_window(SLOT_S)
    market.report(allocation_id, 0, LOTS, LOTS, LOTS)
    events = market.tick_into_window(SLOTS * SLOT_S + GRACE_S + DISPUTE_S)
    (told,) = [event for event in events if event["kind"] == Event.REPUTATION_SET]
    assert (told["good"], told["bad"]) == (EVIDENCE_UNIT, 0)


def test_nobody_gets_a_name_by_serving_its_own_group():
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    for venue in market.venues:
        venue.state.book.groups[BUYER] = venue.state.book.groups[PROVIDER]
    assert deliver(market, {allocation_id: LOTS}) == []
    assert market.venue.state.book.groups[COUSIN] == market.venue.state.book.groups[BUYER]


def test_a_correction_is_learnt_from():
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    for slot in range(SLOTS):
        market.tick_into_window(SLOT_S * (slot + 1))
        market.report(allocation_id, slot, 0, 0, 0)
    market.tick_into_window(SLOTS * SLOT_S + GRACE_S)
    for slot in range(SLOTS):
        market.ask(delivery_commands.correct_delivery(allocation_id, slot, LOTS, with_replacement=True))
    (told,) = [
        event
        for event in market.tick_into_window(SLOTS * SLOT_S + GRACE_S + DISPUTE_S)
        if event["kind"] == Event.REPUTATION_SET
    ]
    assert (told["good"], told["bad"]) == (EVIDENCE_UNIT, 0)
