"""Margin calls by risk staff; the twin checks what each does to the figures, the standing and the orders."""

import numpy as np
import pytest

from exchange import commands, staff_commands
from exchange.commands import Quote
from exchange.venue.add_on_schema import AddOnMode
from exchange.venue.machine import Venue
from exchange.venue.schema import ADD_ON_COMMAND, Event, Reason, Reject
from matching.events import EVENTS_PER_STEP_MAX
from risk.schema import ADD_ON_NANO_MAX, Standing
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    CASH_NANO,
    LIMITS,
    REFERENCE_TICKS,
    SELL,
    Market,
    open_market,
)
from tests.exchange.venue.test_supervision import dealt_market, kinds, lots, mark, standing

NOBODY = 77


def test_who_is_called_for_an_amount_is_short_of_just_that_much():
    market = dealt_market()  # 1,000,000 are there, and 500,000 are asked for
    called, outcome = market.send(staff_commands.call_margin(ALICE, 70_000))[0]
    assert (called["kind"], called["standing"]) == (Event.STANDING_CHANGED, Standing.CALLED)
    assert (called["equity_nano"], called["margin_nano"], called["maintenance_nano"]) == (1_000_000, 1_070_000, 300_000)
    assert (outcome["kind"], outcome["standing"]) == (Event.ADD_ON_SET, Standing.CALLED)
    assert (outcome["add_on_nano"], outcome["called_nano"]) == (570_000, 70_000)
    assert market.free_nano(ALICE) == -70_000
    assert market.ask(staff_commands.call_margin(ALICE, 20_000))["add_on_nano"] == 520_000, "reckoned from now"


def test_an_account_without_positions_or_orders_may_be_called():
    market = open_market()
    called, outcome = market.send(staff_commands.call_margin(CAROL, 1))[0]
    assert called["standing"] == Standing.CALLED
    assert outcome["add_on_nano"] == CASH_NANO + 1
    assert market.ask(commands.withdraw(CAROL, 1))["reason"] == Reject.INSUFFICIENT_FUNDS


def test_who_is_called_may_still_say_that_it_quotes_nothing():
    market = open_market()
    market.send(staff_commands.call_margin(CAROL, 1))
    assert market.figures(CAROL).free_nano < 0
    outcome = market.ask(commands.mass_quote(CAROL, [Quote(1, 0, 0, 0, 0)]))
    assert (outcome["kind"], outcome["order_count"]) == (Event.MASS_QUOTED, 0)


def test_who_is_short_by_more_than_the_amount_already_is_not_called_for_more():
    market = dealt_market()
    mark(market, 850)  # 250,000 are left, and 500,000 are asked for
    assert market.ask(staff_commands.call_margin(ALICE, 10_000))["add_on_nano"] == 0


def test_a_call_cancels_what_could_grow_a_position_and_only_closing_is_taken():
    market = dealt_market(cash_nano=2_000_000)
    market.place(ALICE, BUY, 800, 10)
    market.place(ALICE, SELL, 1_400, 5)
    events = market.send(staff_commands.call_margin(ALICE, 1_000_000))[0]
    assert kinds(events) == [Event.STANDING_CHANGED, Event.CANCELLED, Event.ADD_ON_SET]
    assert events[1]["reason"] == Reason.MARGIN_CALL
    assert market.place(ALICE, BUY, 800, 1)["reason"] == Reject.INSUFFICIENT_MARGIN
    assert market.ask(commands.withdraw(ALICE, 1))["reason"] == Reject.INSUFFICIENT_FUNDS
    market.place(BOB, BUY, REFERENCE_TICKS, 10)
    assert market.place(ALICE, SELL, REFERENCE_TICKS, 10)["kind"] == Event.FILLED


def test_what_the_orders_that_go_required_counts_towards_what_is_called_for():
    market = dealt_market(cash_nano=2_000_000)
    market.place(ALICE, BUY, 800, 10)
    events = market.send(staff_commands.call_margin(ALICE, 1))[0]
    assert kinds(events) == [Event.STANDING_CHANGED, Event.CANCELLED, Event.STANDING_CHANGED, Event.ADD_ON_SET]
    assert (events[-1]["standing"], events[-1]["add_on_nano"] > 0) == (Standing.SOUND, True)


def test_baskets_and_quotes_need_what_is_added_as_well():
    market = open_market()
    market.place(BOB, SELL, REFERENCE_TICKS, 5)
    market.ask(staff_commands.set_add_on(ALICE, market.free_nano(ALICE)))
    basket = commands.basket(ALICE, [commands.Leg(1, BUY, REFERENCE_TICKS, 1)])
    assert market.ask(basket)["reason"] == Reject.INSUFFICIENT_MARGIN
    quote = commands.mass_quote(ALICE, [commands.Quote(1, REFERENCE_TICKS - 1, 1, 0, 0)])
    assert market.ask(quote)["reason"] == Reject.INSUFFICIENT_MARGIN
    market.ask(staff_commands.set_add_on(ALICE, 0))
    assert market.ask(basket)["kind"] == Event.BASKET_FILLED


def test_nobody_is_closed_out_for_what_was_added():
    market = dealt_market()
    market.place(CAROL, BUY, 900, 100)
    market.ask(staff_commands.set_add_on(ALICE, ADD_ON_NANO_MAX))
    for _ in range(5):
        market.tick(1)
    assert (standing(market, ALICE), lots(market, ALICE)) == (Standing.CALLED, 100)
    assert mark(market, 861) == [], "305,000 are left, and 300,000 keep a position"
    mark(market, 859)
    assert Event.FORCED_ORDER in kinds(market.tick(1))


def test_what_was_added_goes_when_it_is_set_to_nothing_and_the_account_recovers_a_second_later():
    market = dealt_market()
    market.ask(staff_commands.call_margin(ALICE, 5))
    market.tick(1)
    (outcome,) = market.send(staff_commands.set_add_on(ALICE, 0))[0]
    assert (outcome["add_on_nano"], outcome["standing"]) == (0, Standing.CALLED)
    (restored,) = market.tick(1)
    assert (restored["standing"], restored["previous"]) == (Standing.SOUND, Standing.CALLED)


def test_who_brings_what_was_called_for_recovers_and_what_was_added_stays():
    market = dealt_market()
    market.ask(staff_commands.call_margin(ALICE, 5))
    market.ask(commands.deposit(ALICE, 5))
    (restored,) = market.tick(1)
    assert restored["standing"] == Standing.SOUND
    assert market.ask(commands.withdraw(ALICE, 1))["reason"] == Reject.INSUFFICIENT_FUNDS


def test_what_is_below_the_requirement_by_nothing_is_no_call():
    market = dealt_market()
    (outcome,) = market.send(staff_commands.set_add_on(ALICE, 500_000))[0]
    assert (outcome["standing"], market.free_nano(ALICE)) == (Standing.SOUND, 0)


@pytest.mark.parametrize(
    ("command", "reject"),
    [
        (staff_commands.call_margin(NOBODY, 1), Reject.UNKNOWN_ACCOUNT),
        (staff_commands.call_margin(0, 1), Reject.UNKNOWN_ACCOUNT),
        (staff_commands.call_margin(ALICE, 0), Reject.AMOUNT_OUT_OF_RANGE),
        (staff_commands.call_margin(ALICE, -1), Reject.AMOUNT_OUT_OF_RANGE),
        (staff_commands.call_margin(ALICE, (1 << 63) - 1), Reject.AMOUNT_OUT_OF_RANGE),
        (staff_commands.call_margin(ALICE, ADD_ON_NANO_MAX), Reject.AMOUNT_OUT_OF_RANGE),
        (staff_commands.set_add_on(ALICE, -1), Reject.AMOUNT_OUT_OF_RANGE),
        (staff_commands.set_add_on(ALICE, ADD_ON_NANO_MAX + 1), Reject.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_a_call_that_cannot_be_is_refused_and_changes_nothing(command: np.ndarray, reject: Reject):
    market = dealt_market()
    before = market.figures(ALICE)
    assert market.ask(command)["reason"] == reject
    assert market.figures(ALICE) == before


def test_a_mode_that_there_is_not_is_refused():
    market = dealt_market()
    command = staff_commands.set_add_on(ALICE, 1).copy()
    command.view(ADD_ON_COMMAND)["mode"] = max(AddOnMode) + 1
    assert market.ask(command)["reason"] == Reject.INVALID_ORDER_TERMS


def test_an_image_holds_what_was_added_and_goes_on_alike():
    market = dealt_market()
    market.ask(staff_commands.call_margin(ALICE, 5))
    restored = Venue.from_image(market.venue.image(), LIMITS)
    assert restored.digest() == market.venue.digest()
    assert restored.figures_of_all().tolist() == market.venue.figures_of_all().tolist()
    more = commands.concatenate(commands.deposit(ALICE, 5), staff_commands.call_margin(ALICE, 1))
    assert restored.apply(more, 500).tolist() == market.venue.apply(more, 500).tolist()
    assert restored.digest() == market.venue.digest()


def test_a_full_buffer_changes_nothing_of_what_a_call_tells():
    tellings = []
    for capacity in (EVENTS_PER_STEP_MAX, 4_096):
        market: Market = dealt_market(cash_nano=CASH_NANO, event_capacity=capacity)
        for place in range(LIMITS.orders):
            market.place(ALICE, BUY, 700 + place, 1)
        market.ask(staff_commands.set_add_on(ALICE, market.free_nano(ALICE)))
        tellings.append(market.send(staff_commands.call_margin(ALICE, 1))[0])
    assert tellings[0] == tellings[1]
    assert kinds(tellings[0]).count(Event.CANCELLED) == LIMITS.orders
