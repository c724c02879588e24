"""The kill switch: it blocks first, then every order goes, and only cancels are left until it is lifted."""

import numpy as np
import pytest

from exchange import commands, staff_commands
from exchange.full_disk import TAKEN_WHEN_FULL
from exchange.venue.machine import Venue
from exchange.venue.schema import MASS_CANCEL_COMMAND, Command, Event, Reason, Reject
from exchange.venue.state import VenueLimits
from kernels.compile import JIT_ENABLED
from matching.schema import MassFlag, TimeInForce
from tests.exchange.venue.desk import Desk, instrument_of, reason_of, resting
from tests.exchange.venue.market import ALICE, BOB, BUY, CAROL, SELL, START_NS, UNKNOWN_ACCOUNT, opening
from tests.exchange.venue.told import told

MANY = 10_000 if JIT_ENABLED else 200


def quoting_desk() -> Desk:
    """Orders of three accounts in both regions: limits, an iceberg, quotes, one that expires."""
    desk = Desk()
    desk.place(ALICE, BUY, 990, 5)
    desk.place(ALICE, SELL, 1_010, 9, display_lots=2, instrument_id=instrument_of(desk, 2))
    desk.place(ALICE, BUY, 980, 1, time_in_force=TimeInForce.GTD, expires_ns=desk.time_ns + 10**9)
    desk.place(BOB, BUY, 985, 4)
    desk.ask(commands.mass_quote(ALICE, [commands.Quote(2, 990, 3, 1_010, 3)]))
    return desk


def test_the_switch_cancels_all_orders_of_an_account_and_of_no_other() -> None:
    desk = quoting_desk()
    ids = resting(desk, ALICE)
    events = desk.send(staff_commands.kill_switch(ALICE))[0]
    gone = [event for event in events if event["kind"] == Event.CANCELLED]
    assert [event["order_id"] for event in gone] == ids
    assert {event["reason"] for event in gone} == {Reason.KILL_SWITCH}
    assert (events[-1]["kind"], events[-1]["order_count"], events[-1]["account_id"]) == (
        Event.KILL_SWITCH_PULLED,
        5,
        ALICE,
    )
    assert (resting(desk, ALICE), len(resting(desk, BOB))) == ([], 1)
    desk.check()


def test_a_blocked_account_has_no_new_orders_of_any_kind() -> None:
    desk = quoting_desk()
    desk.place(BOB, SELL, 1_020, 5)
    desk.ask(staff_commands.kill_switch(ALICE))
    quote = commands.mass_quote(ALICE, [commands.Quote(2, 990, 3, 1_010, 3)])
    basket = commands.basket(ALICE, [commands.Leg(1, BUY, 1_020, 1)])
    outcomes = [desk.ask(quote), desk.ask(basket), desk.place(ALICE, BUY, 900, 1)]
    outcomes += [desk.place(ALICE, BUY, 1_020, 1, time_in_force=TimeInForce.IOC)]
    assert [reason_of(outcome) for outcome in outcomes] == [Reject.ACCOUNT_BLOCKED] * 4
    assert desk.place(CAROL, BUY, 1_020, 1)["kind"] == Event.FILLED
    desk.check()


def test_a_blocked_account_may_shrink_and_cancel_what_a_kill_switch_of_before_left() -> None:
    """None is left by the switch itself, so the flag is set by hand."""
    desk = Desk()
    order_id = desk.place(ALICE, BUY, 990, 5)["order_id"]
    for venue in (desk.venue, desk.narrow):
        venue.state.ledger.accounts["is_blocked"][ALICE] = 1
    grown = desk.ask(commands.replace(ALICE, 990, 6, order_id=order_id))
    moved = desk.ask(commands.replace(ALICE, 991, 5, order_id=order_id))
    assert [reason_of(grown), reason_of(moved)] == [Reject.ACCOUNT_BLOCKED] * 2
    assert desk.ask(commands.replace(ALICE, 990, 4, order_id=order_id))["kind"] == Event.REDUCED
    assert desk.ask(commands.cancel(ALICE, order_id=order_id))["kind"] == Event.CANCELLED


def test_the_switch_may_be_pulled_twice_and_lifted_twice() -> None:
    desk = quoting_desk()
    counts = [desk.ask(staff_commands.kill_switch(ALICE))["order_count"] for _ in range(2)]
    assert counts == [5, 0]
    lifted = [desk.ask(staff_commands.lift_kill_switch(ALICE))["kind"] for _ in range(2)]
    assert lifted == [Event.KILL_SWITCH_LIFTED] * 2
    assert desk.place(ALICE, BUY, 900, 1)["kind"] == Event.RESTED
    desk.check()


def test_pulled_for_everybody_it_halts_the_market_until_that_is_resumed() -> None:
    desk = quoting_desk()
    outcome = desk.ask(staff_commands.kill_switch(None))
    assert (outcome["kind"], outcome["order_count"], outcome["account_id"]) == (Event.KILL_SWITCH_PULLED, 6, 0)
    assert len(desk.venue.image()["orders"]) == 0
    assert reason_of(desk.place(CAROL, BUY, 900, 1)) == Reject.MARKET_HALTED
    desk.ask(commands.resume_market())
    assert desk.place(ALICE, BUY, 900, 1)["kind"] == Event.RESTED
    desk.check()


def test_an_unknown_account_or_a_part_of_the_orders_is_refused() -> None:
    desk = quoting_desk()
    assert reason_of(desk.ask(staff_commands.kill_switch(UNKNOWN_ACCOUNT))) == Reject.UNKNOWN_ACCOUNT
    assert reason_of(desk.ask(staff_commands.lift_kill_switch(UNKNOWN_ACCOUNT))) == Reject.UNKNOWN_ACCOUNT
    for field, value in (("flags", MassFlag.BY_ACCOUNT | MassFlag.BY_SIDE), ("scope_mask", 1)):
        group = staff_commands.kill_switch(ALICE).copy()
        group.view(MASS_CANCEL_COMMAND)[field] = value
        assert reason_of(desk.ask(group)) == Reject.INVALID_ORDER_TERMS
    assert len(resting(desk, ALICE)) == 5


def test_a_restored_venue_knows_who_is_blocked() -> None:
    desk = quoting_desk()
    desk.ask(staff_commands.kill_switch(ALICE))
    desk.go_on_alike()
    assert reason_of(desk.place(ALICE, BUY, 900, 1)) == Reject.ACCOUNT_BLOCKED
    desk.check()


def test_a_blocked_account_can_still_move_its_money() -> None:
    desk = quoting_desk()
    desk.ask(staff_commands.kill_switch(ALICE))
    assert desk.ask(commands.withdraw(ALICE, 5))["kind"] == Event.WITHDREW


def test_the_switch_is_taken_on_a_full_disk_and_its_lifting_is_not() -> None:
    assert Command.KILL_SWITCH in TAKEN_WHEN_FULL
    assert Command.LIFT_KILL_SWITCH not in TAKEN_WHEN_FULL


@pytest.mark.parametrize("event_capacity", [4, 1_000])
def test_ten_thousand_orders_go_by_one_command_and_fewer_in_plain_python(event_capacity: int) -> None:
    limits = VenueLimits(instruments=8, orders=MANY + 10, nodes=1_000, accounts=8, positions=64, client_ids=16)
    venue = Venue(limits, event_capacity=event_capacity)
    first = commands.concatenate(*opening(), commands.deposit(ALICE, 10**15), commands.tick(START_NS + 10**9))
    venue.apply(first, 1)
    orders = [commands.place(ALICE, 1, BUY, 900 + at % 50, 1, order_id=1_000 + at) for at in range(MANY)]
    instrument_ids = venue.image()["tranches"]["instrument_id"]
    batch = commands.concatenate(*orders)
    batch["instrument_id"] = instrument_ids[np.arange(MANY) % len(instrument_ids)]
    rested = venue.apply(batch, 1_000)
    assert (rested["kind"] == Event.RESTED).sum() == MANY
    events = venue.apply(commands.concatenate(staff_commands.kill_switch(ALICE)), 1_000 + MANY)
    assert (events["kind"][:-1] == Event.CANCELLED).all()
    assert events["order_id"][:-1].tolist() == list(range(1_000, 1_000 + MANY))
    outcome = told(events[-1:])[0]
    assert (outcome["kind"], outcome["account_id"]) == (Event.KILL_SWITCH_PULLED, ALICE)
    assert len(venue.image()["orders"]) == 0
