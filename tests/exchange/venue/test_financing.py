"""Who has cash below zero pays for it by the hour, in the order of ids, and every nano-USD of it is in the fund."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest

from exchange import commands, staff_commands
from exchange.venue.balances import find_imbalance
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Reject
from matching.events import EVENTS_PER_STEP_MAX
from risk.schema import PPM
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    LIMITS,
    NANO_PER_S,
    SELL,
    START_NS,
    TICK_VALUE_NANO,
    Market,
    define_series,
    open_market,
)
from tests.exchange.venue.told import Told, told
from tests.exchange.venue.twin_leverage import HOUR_NS, HOURS_PER_YEAR

DERIVE = 0, 48_000, 1_000_000, 800_000
OFF = 0, 0, 0, 0
HOUR_S = 3_600


def in_debt(lots: int = 900, *curve: int) -> Market:
    """Alice sold so many lots that she owes what only her gains in a far window back."""
    market = open_market(first_start_ns=START_NS, horizon_s=240)
    shocks = [0] * 16
    listed = sorted(market.twin.tranches)
    market.send(*(commands.set_parameters(each, mark_ticks=1_000, shocks_ticks=shocks) for each in listed))
    gain_far_away(market)
    if curve:
        market.send(staff_commands.set_financing(*curve))
    market.place(ALICE, SELL, 1_000, lots)
    market.place(BOB, BUY, 1_000, lots)
    market.send(commands.set_parameters(1, mark_ticks=1_400, shocks_ticks=shocks))
    market.tick(180)
    assert market.cash_nano(ALICE) == 10_000_000 - 400 * lots * TICK_VALUE_NANO < 0
    return market


def gain_far_away(market: Market) -> None:
    """Alice and Carol have gains in a window forty days ahead, which back what they owe, and Bob can afford it."""
    day_s = 86_400
    days = {"first_start_ns": START_NS + 40 * day_s * NANO_PER_S, "duration_s": day_s, "horizon_s": 41 * day_s}
    market.send(define_series(len(market.twin.series) + 1, **days), commands.deposit(BOB, 100_000_000))
    market.tick(0)
    far = max(market.twin.tranches, key=lambda each: market.twin.tranches[each].gate_ns)
    market.send(commands.set_parameters(far, mark_ticks=1_000, shocks_ticks=[0] * 16))
    market.place(BOB, SELL, 1_000, 6, instrument_id=far)
    market.place(ALICE, BUY, 1_000, 4, instrument_id=far)
    market.place(CAROL, BUY, 1_000, 2, instrument_id=far)
    market.send(commands.set_parameters(far, mark_ticks=1_340, shocks_ticks=[0] * 16))


def interest_events(events: list[Told]) -> list[Told]:
    return [event for event in events if event["kind"] in (Event.FINANCED, Event.FINANCING_RATED)]


def test_without_a_rate_nobody_pays() -> None:
    market = in_debt()
    before = [market.cash_nano(account_id) for account_id in (ALICE, BOB, CAROL)]
    assert interest_events(market.tick(5 * HOUR_S)) == []
    assert [market.cash_nano(account_id) for account_id in (ALICE, BOB, CAROL)] == before


def test_a_debtor_pays_at_each_full_hour_what_the_utilisation_of_cash_makes_it_cost() -> None:
    market = in_debt(900, *DERIVE)
    debt_nano = -market.cash_nano(ALICE)
    lent_nano = market.cash_nano(BOB) + market.cash_nano(CAROL)
    utilisation_ppm = PPM * debt_nano // lent_nano
    assert utilisation_ppm < 800_000
    rate_ppm = 48_000 * utilisation_ppm // 800_000
    assert interest_events(market.tick_to(START_NS + HOUR_NS - 1)) == []
    rated, paid = interest_events(market.tick_to(START_NS + HOUR_NS))
    assert (rated["kind"], rated["utilisation_ppm"], rated["rate_ppm"]) == (
        Event.FINANCING_RATED,
        utilisation_ppm,
        rate_ppm,
    )
    interest_nano = ceil(Fraction(debt_nano * rate_ppm, PPM * HOURS_PER_YEAR))
    assert (paid["account_id"], paid["amount_nano"], paid["rate_ppm"]) == (ALICE, -interest_nano, rate_ppm)
    assert paid["cash_nano"] == market.cash_nano(ALICE) == -debt_nano - interest_nano
    assert market.venue.image()["summary"]["fund_nano"] == interest_nano
    assert find_imbalance(market.venue.image()) == ""


def test_what_is_settled_at_the_hour_itself_comes_before_its_interest() -> None:
    market = open_market(gate_lead_s=0)
    gain_far_away(market)
    market.send(staff_commands.set_financing(*DERIVE))
    market.tick_to(START_NS + HOUR_NS - 120 * NANO_PER_S)
    (last,) = (each_id for each_id, each in market.twin.tranches.items() if each.gate_ns == START_NS + HOUR_NS)
    market.send(commands.set_parameters(last, mark_ticks=1_000, shocks_ticks=[0] * 16))
    market.place(ALICE, SELL, 1_000, 900, instrument_id=last)
    market.place(BOB, BUY, 1_000, 900, instrument_id=last)
    market.send(commands.set_parameters(last, mark_ticks=1_400, shocks_ticks=[0] * 16))
    kinds = [event["kind"] for event in market.tick_to(START_NS + HOUR_NS)]
    assert kinds.index(Event.POSITION_SETTLED) < kinds.index(Event.FINANCING_RATED) < kinds.index(Event.FINANCED)


def test_several_debtors_pay_in_the_order_of_ids_and_a_rate_is_told_once() -> None:
    market = in_debt(900, 100_000, 0, 0, PPM)
    market.tick(60)
    ruin_carol(market)
    events = interest_events(market.tick_to(START_NS + HOUR_NS))
    assert [(event["kind"], event["account_id"]) for event in events] == [
        (Event.FINANCING_RATED, 0),
        (Event.FINANCED, ALICE),
        (Event.FINANCED, CAROL),
    ]


def ruin_carol(market: Market) -> None:
    """Carol buys dearly what is then worth little."""
    latest = max(market.twin.tranches)
    market.send(commands.set_parameters(latest, mark_ticks=1_000, shocks_ticks=[0] * 16))
    market.place(CAROL, BUY, 1_000, 900, instrument_id=latest)
    market.place(BOB, SELL, 1_000, 900, instrument_id=latest)
    market.send(commands.set_parameters(latest, mark_ticks=501, shocks_ticks=[0] * 16))
    market.tick(300)
    assert market.cash_nano(CAROL) < 0


def test_a_late_tick_charges_each_hour_that_passed_as_timely_ticks_would() -> None:
    late, timely = in_debt(900, *DERIVE), in_debt(900, *DERIVE)
    at_once = interest_events(late.tick_to(START_NS + 30 * HOUR_NS))
    one_by_one: list[Told] = []
    for hour in range(1, 31):
        one_by_one += interest_events(timely.tick_to(START_NS + hour * HOUR_NS))
    for event in (*at_once, *one_by_one):
        del event["sequence"], event["index"]
    assert at_once == one_by_one
    assert sum(event["kind"] == Event.FINANCED for event in at_once) == 30
    assert late.venue.image()["accounts"].tobytes() == timely.venue.image()["accounts"].tobytes()


@pytest.mark.parametrize("capacity", [EVENTS_PER_STEP_MAX, EVENTS_PER_STEP_MAX + 1, 100])
def test_a_tick_that_pauses_between_two_debtors_goes_on_with_the_next(capacity: int) -> None:
    market = in_debt(900, *DERIVE)
    market.tick(60)
    ruin_carol(market)
    market.tick(9 * HOUR_S)
    paused = Venue(LIMITS, event_capacity=capacity)
    history = np.concatenate(market.sent)
    assert paused.apply(history, 1).tobytes() == b"".join(each.tobytes() for each in market.events)
    assert paused.digest() == market.venue.digest()


def test_a_rate_that_is_taken_back_ends_at_once_and_one_that_comes_again_counts_from_the_next_hour() -> None:
    market = in_debt(900, *DERIVE)
    market.tick(2 * HOUR_S)
    off = market.ask(staff_commands.set_financing(*OFF))
    assert (off["kind"], off["rate_ppm"], off["utilisation_ppm"]) == (Event.FINANCING_SET, 0, 0)
    assert interest_events(market.tick(3 * HOUR_S)) == []
    assert market.venue.image()["financing"]["due_ns"] == 0
    on = market.ask(staff_commands.set_financing(*DERIVE))
    assert on["rate_ppm"] > 0
    assert [event["kind"] for event in interest_events(market.tick(HOUR_S))] == [Event.FINANCED]


def test_a_rate_that_changes_twice_within_an_hour_is_charged_once() -> None:
    market = in_debt(900, *DERIVE)
    market.send(staff_commands.set_financing(*OFF), staff_commands.set_financing(100_000, 0, 0, PPM))
    events = interest_events(market.tick(HOUR_S))
    assert [(event["kind"], event["rate_ppm"]) for event in events] == [(Event.FINANCED, 100_000)]


def test_the_rate_follows_what_is_lent_of_the_cash_that_is_left() -> None:
    market = in_debt()
    for account_id in (BOB, CAROL):
        market.send(commands.withdraw(account_id, min(market.free_nano(account_id), market.cash_nano(account_id))))
    outcome = market.ask(staff_commands.set_financing(*DERIVE))
    utilisation_ppm = PPM * -market.cash_nano(ALICE) // (market.cash_nano(BOB) + market.cash_nano(CAROL))
    assert utilisation_ppm > 150_000
    assert (outcome["utilisation_ppm"], outcome["rate_ppm"]) == (utilisation_ppm, 48_000 * utilisation_ppm // 800_000)


def test_interest_goes_on_while_the_market_is_halted() -> None:
    market = in_debt(900, *DERIVE)
    market.send(commands.halt_market())
    assert [event["kind"] for event in interest_events(market.tick(HOUR_S))][-1] == Event.FINANCED


@pytest.mark.parametrize("curve", [(0, 0, 0, 1), (1, 0, 0, 0), (0, 1, 0, PPM + 1), (10_000_001, 0, 0, 5)])
def test_a_curve_that_cannot_be_is_refused_and_the_last_one_stays(curve: tuple[int, ...]) -> None:
    market = in_debt(900, *DERIVE)
    before = market.venue.image()["financing"].tobytes()
    assert market.ask(staff_commands.set_financing(*curve))["reason"] == Reject.FINANCING_OUT_OF_RANGE
    assert market.venue.image()["financing"].tobytes() == before


def test_a_restored_venue_charges_the_next_hour() -> None:
    market = in_debt(900, *DERIVE)
    market.tick(HOUR_S + 60)
    restored = Venue.from_image(market.venue.image(), LIMITS)
    assert restored.digest() == market.venue.digest()
    further = commands.tick(START_NS + 5 * HOUR_NS)
    events = [venue.apply(further, market.next_sequence) for venue in (market.venue, restored)]
    assert events[0].tobytes() == events[1].tobytes()
    assert sum(event["kind"] == Event.FINANCED for event in told(events[0])) == 4
    assert restored.digest() == market.venue.digest()


def test_years_of_interest_balance_to_the_nano() -> None:
    market = in_debt(900, 9_000_000, 1_000_000, 0, 500_000)
    for _ in range(40):
        market.tick(7 * HOUR_S)
        assert find_imbalance(market.venue.image()) == ""
    assert market.venue.image()["summary"]["fund_nano"] > 0
