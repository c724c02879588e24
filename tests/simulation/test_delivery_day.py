"""The test day: three regions, three tiers, twenty-four windows, fifty providers and five hundred buyers, in seconds.

The same sales are delivered twice, once by providers of all kinds and once by honest ones alone: what lies between the
two is what each conduct is worth. Every nano-USD is accounted for after every batch.
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from exchange import commands
from exchange.sequencer import stamp_order_ids
from exchange.venue.clearing.capacity_schema import STAKE_NANO_PER_LOT
from exchange.venue.clearing.gate_schema import Cause
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.clearing.reputation import after_forgetting, multiplier_of
from exchange.venue.clearing.schema import MULTIPLIER_PPM_MAX
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from tests.simulation.delivery_books import DeliveryBooks
from tests.simulation.delivery_day import (
    CAPACITY_LOTS,
    CASH_NANO,
    LIMITS,
    LOT_TICK_NANO,
    SHOCK_TICKS,
    SLOTS,
    TERMS,
    Conduct,
    Day,
    Plan,
    Sold,
    delivered_lots,
    is_measured,
)

PLAN = Plan()
SMALL = Plan(regions=1, tiers=2, windows=3, cast=tuple(Conduct), buyers=24, purchases=2)
PPM = 1_000_000


class Result(NamedTuple):
    """A day that is over."""

    day: Day
    books: DeliveryBooks
    venue: Venue

    def cash_nano(self, account_id: int) -> int:
        return int(self.venue.state.ledger.accounts[account_id]["cash_nano"])

    def of(self, provider_id: int) -> list[Sold]:
        return [sold for sold in self.day.sold.values() if sold.provider_id == provider_id]


def led(plan: Plan, **conditions: bool) -> Result:
    """A whole day, with the books compared after each batch; nothing in it is refused."""
    venue, books, sequence = Venue(LIMITS), DeliveryBooks(TERMS["burn_ppm"]), 1

    def send(groups: list[np.ndarray]) -> np.ndarray:
        nonlocal sequence
        batch = commands.concatenate(*groups)
        stamp_order_ids(batch, sequence)
        events = venue.apply(batch, sequence)
        sequence += len(batch)
        books.take(events)
        books.check(venue)
        return events

    day = Day(plan, send, **conditions)
    day.lead()
    assert books.kinds[Event.REJECTED] == 0
    return Result(day, books, venue)


@pytest.fixture(scope="module")
def as_it_was() -> Result:
    return led(PLAN)


@pytest.fixture(scope="module")
def if_all_were_honest() -> Result:
    return led(PLAN, everybody_is_honest=True)


# The end of the day.


def test_the_day_has_all_that_a_day_can_have(as_it_was: Result) -> None:
    books, sold = as_it_was.books, as_it_was.day.sold
    assert len({sale for sales in as_it_was.day.sales.values() for sale in sales}) > PLAN.buyers * PLAN.purchases
    assert len(as_it_was.day.sales) == PLAN.regions * PLAN.tiers * PLAN.windows
    assert len(sold) > 1_400
    assert {each.buyer_id for each in sold.values()} == set(PLAN.buyer_ids)
    assert {each.provider_id for each in sold.values()} == set(range(1, len(PLAN.cast) + 1))
    assert set(books.states) == set(AllocationState) - {AllocationState.NONE, AllocationState.RESERVED}
    met = {Event.CASHED_OUT, Event.FUND_MOVED, Event.SLOT_SHORT, Event.DISPUTED, Event.DELIVERY_CORRECTED}
    assert set(books.kinds) >= met | {Event.REPORTED, Event.REPUTATION_SET}


def test_who_sold_what_it_does_not_have_joins_the_closing_auction_and_buys_it_where_it_is_offered(
    as_it_was: Result,
) -> None:
    kinds = as_it_was.books.kinds
    uncovered = [sale for sales in as_it_was.day.sales.values() for sale in sales if sale.seller_id in PLAN.buyer_ids]
    assert kinds[Event.FORCED_ORDER] == len(uncovered)
    assert 0 < kinds[Event.AUCTION_TRADE] < len(uncovered)
    cashed_out = [lots for cause, lots in as_it_was.books.cashed_out if cause == Cause.UNCOVERED]
    assert len(cashed_out) == len(uncovered) - kinds[Event.AUCTION_TRADE]


def test_every_allocation_is_settled_and_nothing_is_held_any_more(as_it_was: Result) -> None:
    books, image = as_it_was.books, as_it_was.venue.image()
    assert books.states[AllocationState.SETTLED] == len(as_it_was.day.sold) == books.states[AllocationState.DELIVERING]
    assert len(image["allocations"]) == len(image["reports"]) == len(image["positions"]) == len(image["orders"]) == 0
    assert image["summary"][0]["escrow_nano"] == image["summary"][0]["bonds_nano"] == 0
    assert not image["providers"]["bond_held_nano"].any()


def test_what_buyers_escrowed_was_paid_or_refunded_and_bonds_are_back_but_for_what_failing_cost(
    as_it_was: Result,
) -> None:
    books = as_it_was.books
    assert books.escrow_nano == books.paid_nano + books.refunded_nano > 0
    assert min(books.refunded_nano, books.burned_nano, books.replaced_nano, books.shortfall_fees_nano) > 0
    assert books.bonds_nano > books.replaced_nano + books.shortfall_fees_nano


def test_the_cash_of_every_account_is_what_the_events_told_of_it(as_it_was: Result) -> None:
    books = as_it_was.books
    stake_nano = CAPACITY_LOTS * STAKE_NANO_PER_LOT
    for account_id in range(1, PLAN.reporter_ids.start):
        began_nano = CASH_NANO - stake_nano * (account_id <= len(PLAN.cast))
        assert as_it_was.cash_nano(account_id) == began_nano + books.cash_nano[account_id]


# What each conduct is worth.


def lots_by_price(result: Result, provider_id: int, count: Callable[[Conduct, Sold, int], int]) -> Counter[int]:
    """By final price, lots x slots of a provider that are counted."""
    lots: Counter[int] = Counter()
    for sold in result.of(provider_id):
        for slot in range(SLOTS):
            lots[sold.final_ticks] += count(result.day.conduct_of(provider_id), sold, slot)
    return lots


def missing(conduct: Conduct, sold: Sold, slot: int) -> int:
    return sold.lots - delivered_lots(conduct, sold.lots, slot) if is_measured(conduct, slot) else 0


def unmeasured(conduct: Conduct, sold: Sold, slot: int) -> int:
    return 0 if is_measured(conduct, slot) else sold.lots


def nano_of(lots: Counter[int], ticks: Callable[[int], int]) -> int:
    """What lots x slots come to at so many millionths of a tick for each final price."""
    total = sum(count * LOT_TICK_NANO * ticks(final_ticks) for final_ticks, count in lots.items())
    assert total % (SLOTS * PPM) == 0, "amounts of this day divide"
    return total // (SLOTS * PPM)


def replacement(final_ticks: int) -> int:
    """The mark of the day is the reference: the worst shock is on top of whichever is higher."""
    return (max(final_ticks, 1_000) + SHOCK_TICKS) * PPM


def test_both_days_have_the_same_sales(as_it_was: Result, if_all_were_honest: Result) -> None:
    assert as_it_was.day.sold == if_all_were_honest.day.sold


@pytest.mark.parametrize("conduct", Conduct)
def test_who_fails_loses_more_than_dear_resale_could_bring_and_nobody_else_loses_by_a_fee(
    conduct: Conduct, as_it_was: Result, if_all_were_honest: Result
) -> None:
    kept_ppm = PPM - TERMS["clearing_fee_ppm"]
    for provider_id, each in enumerate(PLAN.cast, 1):
        if each != conduct:
            continue
        lost_nano = if_all_were_honest.cash_nano(provider_id) - as_it_was.cash_nano(provider_id)
        failed, unpaid = (lots_by_price(as_it_was, provider_id, count) for count in (missing, unmeasured))
        assert lost_nano == nano_of(unpaid, lambda ticks: ticks * kept_ppm) + nano_of(
            failed, lambda ticks: replacement(ticks) + ticks * (TERMS["shortfall_fee_ppm"] - TERMS["clearing_fee_ppm"])
        )
        assert (failed.total() > 0) == (conduct in (Conduct.SHORT, Conduct.DESERTING))
        assert (unpaid.total() > 0) == (conduct in (Conduct.LATE, Conduct.SILENT))
        if failed.total():
            assert lost_nano > nano_of(failed, replacement), "it could have sold elsewhere what it did not deliver"
        if conduct in (Conduct.HONEST, Conduct.LIED_ABOUT):
            assert lost_nano == 0


def test_a_buyer_has_its_price_back_for_what_nobody_measured_and_what_replacing_costs_for_what_is_missing(
    as_it_was: Result, if_all_were_honest: Result
) -> None:
    due_nano: Counter[int] = Counter()
    for sold in as_it_was.day.sold.values():
        conduct = as_it_was.day.conduct_of(sold.provider_id)
        for slot in range(SLOTS):
            due_nano[sold.buyer_id] += missing(conduct, sold, slot) * replacement(sold.final_ticks) // PPM * 250
            due_nano[sold.buyer_id] += unmeasured(conduct, sold, slot) * sold.final_ticks * 250
    for buyer_id in PLAN.buyer_ids:
        assert as_it_was.cash_nano(buyer_id) - if_all_were_honest.cash_nano(buyer_id) == due_nano[buyer_id]


def test_a_minority_of_liars_changes_nothing_at_all() -> None:
    with_liars, without = led(SMALL), led(SMALL, has_liars=False)
    assert with_liars.books.kinds[Event.REPORTED] > without.books.kinds[Event.REPORTED]
    assert with_liars.books.cash_nano == without.books.cash_nano
    images = [result.venue.image() for result in (with_liars, without)]
    for name in ("providers", "accounts"):
        assert images[0][name].tolist() == images[1][name].tolist()


# Reputation.


def test_multipliers_are_those_of_what_was_measured_in_the_order_of_ends(as_it_was: Result) -> None:
    for provider_id, conduct in enumerate(PLAN.cast, 1):
        good = bad = np.int64(0)
        for sold in as_it_was.of(provider_id):
            slots = [slot for slot in range(SLOTS) if is_measured(conduct, slot)]
            if slots:
                delivered = sum(delivered_lots(conduct, sold.lots, slot) for slot in slots)
                share = np.int64(PPM * delivered // (sold.lots * len(slots)))
                good, bad = after_forgetting(good, share), after_forgetting(bad, PPM - share)
        row = as_it_was.venue.state.clearing.providers[provider_id]
        assert (row["good"], row["bad"], row["multiplier_ppm"]) == (good, bad, multiplier_of(good, bad))


def test_reputations_are_in_the_order_of_merit(as_it_was: Result) -> None:
    providers = as_it_was.venue.state.clearing.providers
    by_conduct = {
        conduct: [int(providers[at]["multiplier_ppm"]) for at, each in enumerate(PLAN.cast, 1) if each == conduct]
        for conduct in Conduct
    }
    good = [
        multiplier
        for conduct in (Conduct.HONEST, Conduct.LIED_ABOUT, Conduct.LATE)
        for multiplier in by_conduct[conduct]
    ]
    assert max(good) < min(by_conduct[Conduct.SHORT])
    assert max(by_conduct[Conduct.SHORT]) < MULTIPLIER_PPM_MAX
    assert set(by_conduct[Conduct.DESERTING]) == set(by_conduct[Conduct.SILENT]) == {MULTIPLIER_PPM_MAX}
    lessons = as_it_was.books.lessons
    assert all((lessons[at] == 0) == (conduct == Conduct.SILENT) for at, conduct in enumerate(PLAN.cast, 1))
