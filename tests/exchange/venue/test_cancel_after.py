"""Orders go unless their owner gives a sign of life in time, whatever state the market is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands, staff_commands
from exchange.venue.cancel_schema import CANCEL_AFTER_MS_MAX, TIMERS_OF_ACCOUNT_MAX
from exchange.venue.schema import Event, Reason, Reject
from tests.exchange.venue.desk import Desk, reason_of, resting
from tests.exchange.venue.market import ALICE, BOB, BUY, CAROL, SELL, UNKNOWN_ACCOUNT, Market, open_market, same
from tests.exchange.venue.streams import BUSY_PLACES, SIGNS_OF_LIFE, Session, Step, long_lists, rehearse, step, tick
from tests.exchange.venue.told import Told
from tests.matching.stream_orders import weighted


def kinds(events: list[Told]) -> list[Event]:
    return [event["kind"] for event in events]


def test_orders_go_when_nothing_is_heard_of_their_owner() -> None:
    market = open_market()
    first, second = (market.place(ALICE, BUY, 990 - at, 5) for at in range(2))
    market.place(BOB, SELL, 1_010, 5)
    told = market.ask(commands.set_cancel_after(ALICE, 5_000))
    assert told["due_ns"] == market.twin.time_ns + 5_000_000_000
    assert market.tick(4.999_999_999) == []
    events = market.tick(0.000_000_001)
    assert kinds(events) == [Event.CANCELLED, Event.CANCELLED, Event.CANCELLED_AFTER]
    assert [event["order_id"] for event in events[:2]] == [first["order_id"], second["order_id"]]
    assert {event["reason"] for event in events[:2]} == {Reason.CANCEL_AFTER}
    assert (events[2]["order_count"], events[2]["quantity_lots"]) == (2, 10)
    assert [each.account_id for each in market.twin.orders.values()] == [BOB]


def test_a_sign_of_life_moves_it_either_way_and_0_takes_it_away() -> None:
    market = open_market()
    market.place(ALICE, BUY, 990, 5)
    for _ in range(5):
        market.ask(commands.set_cancel_after(ALICE, 5_000))
        assert market.tick(4) == []
    market.ask(commands.set_cancel_after(ALICE, 2_000))
    market.ask(commands.set_cancel_after(ALICE, 0))
    assert market.tick(10) == []
    market.ask(commands.set_cancel_after(ALICE, 60_000))
    market.ask(commands.set_cancel_after(ALICE, 1_000))
    assert kinds(market.tick(1)) == [Event.CANCELLED, Event.CANCELLED_AFTER]
    assert market.tick(60) == []


def test_a_session_has_a_timer_of_its_own_beside_that_of_the_account() -> None:
    market = open_market()
    market.place(ALICE, BUY, 990, 5, session_id=7)
    market.place(ALICE, BUY, 989, 5, session_id=8)
    market.place(ALICE, BUY, 988, 5)
    for session_id, after_ms in ((7, 1_000), (0, 2_000), (None, 3_000)):
        market.ask(commands.set_cancel_after(ALICE, after_ms, session_id=session_id))
    prices = [[event["price_ticks"] for event in market.tick(1)[:-1]] for _ in range(3)]
    assert prices == [[990], [988], [989]]


def test_it_tells_that_it_ran_out_even_if_nothing_was_there_to_cancel() -> None:
    market = open_market()
    market.ask(commands.set_cancel_after(ALICE, 1_000, session_id=3))
    (event,) = market.tick(1)
    assert (event["kind"], event["session_id"], event["order_count"]) == (Event.CANCELLED_AFTER, 3, 0)


def test_a_late_tick_does_what_many_timely_ones_would_have_done() -> None:
    def busy() -> Market:
        market = open_market()
        for account_id in (ALICE, BOB, CAROL):
            for at in range(3):
                market.place(account_id, BUY, 990 - at, 1, session_id=at)
            for at in range(3):
                group = commands.set_cancel_after(account_id, 1_000 * (1 + (at + account_id) % 3), session_id=at)
                market.ask(group)
        return market

    timely, late = busy(), busy()
    step_by_step = [event for _ in range(40) for event in timely.tick(0.1)]
    at_once = late.tick(4)
    assert [(each["kind"], each.get("order_id")) for each in step_by_step] == [
        (each["kind"], each.get("order_id")) for each in at_once
    ]
    assert timely.venue.digest() != late.venue.digest()  # other sequences
    assert (timely.venue.image()["orders"] == late.venue.image()["orders"]).all()


def test_it_works_while_the_market_is_halted_and_the_account_blocked() -> None:
    desk = Desk()
    desk.place(ALICE, BUY, 990, 5)
    desk.send(commands.halt_market())
    desk.ask(commands.set_cancel_after(ALICE, 1_000))
    assert Event.CANCELLED_AFTER in kinds(desk.tick(1))
    assert resting(desk, ALICE) == []
    desk.send(commands.resume_market())
    desk.send(staff_commands.kill_switch(BOB))
    assert desk.ask(commands.set_cancel_after(BOB, 1_000))["kind"] == Event.CANCEL_AFTER_SET
    desk.check()


@pytest.mark.parametrize(
    ("group", "reject"),
    [
        (commands.set_cancel_after(UNKNOWN_ACCOUNT, 1_000), Reject.UNKNOWN_ACCOUNT),
        (commands.set_cancel_after(ALICE, -1), Reject.TIME_OUT_OF_RANGE),
        (commands.set_cancel_after(ALICE, CANCEL_AFTER_MS_MAX + 1), Reject.TIME_OUT_OF_RANGE),
        (commands.set_cancel_after(ALICE, CANCEL_AFTER_MS_MAX), Reject.NONE),
        (commands.set_cancel_after(ALICE, 1_000, session_id=1 << 16), Reject.INVALID_ORDER_TERMS),
        (commands.set_cancel_after(ALICE, 1_000, session_id=(1 << 16) - 1), Reject.NONE),
        (commands.set_cancel_after(ALICE, 0), Reject.NONE),
    ],
)
def test_what_cannot_be_is_refused_by_name(group, reject) -> None:
    assert reason_of(open_market().ask(group)) == reject


def test_an_account_has_so_many_and_no_more_until_one_is_over() -> None:
    market = open_market()
    for session_id in range(TIMERS_OF_ACCOUNT_MAX):
        market.ask(commands.set_cancel_after(ALICE, 1_000 + session_id, session_id=session_id))
    assert reason_of(market.ask(commands.set_cancel_after(ALICE, 1_000))) == Reject.TOO_MANY_TIMERS
    assert reason_of(market.ask(commands.set_cancel_after(ALICE, 2_000, session_id=0))) == Reject.NONE
    assert reason_of(market.ask(commands.set_cancel_after(BOB, 1_000))) == Reject.NONE
    market.ask(commands.set_cancel_after(ALICE, 0, session_id=5))
    assert reason_of(market.ask(commands.set_cancel_after(ALICE, 1_000))) == Reject.NONE
    market.tick(3)
    assert len(market.venue.image()["cancel_timers"]) == 0


def test_any_buffer_and_an_image_in_the_middle_go_on_alike() -> None:
    desk = Desk()
    for at in range(20):
        desk.place(ALICE, BUY, 900 + at, 1, session_id=at % 2, display_lots=0)
    desk.place(ALICE, BUY, 950, 10, display_lots=2)
    desk.ask(commands.set_cancel_after(ALICE, 1_500))
    desk.ask(commands.set_cancel_after(ALICE, 1_000, session_id=1))
    desk.ask(commands.set_cancel_after(ALICE, 4_000))
    desk.check()
    desk.go_on_alike()
    assert desk.tick(1)[-1]["order_count"] == 10
    desk.go_on_alike()
    assert desk.tick(3)[-1]["order_count"] == 11
    desk.check()


def test_a_batch_split_anywhere_tells_the_same() -> None:
    def outcome(splits: bool) -> list[list[Told]]:
        market = open_market()
        groups = [
            commands.place(ALICE, 1, BUY, 990, 5),
            commands.set_cancel_after(ALICE, 1_000),
            commands.tick(market.twin.time_ns + 2_000_000_000),
        ]
        for batch in [[each] for each in groups] if splits else [groups]:
            market.send(*batch)
        return [same(events) for events in market.events]

    assert [event for batch in outcome(True) for event in batch] == [
        event for batch in outcome(False) for event in batch
    ]


@given(long_lists(weighted({BUSY_PLACES: 4, SIGNS_OF_LIFE: 3, step(tick, st.sampled_from([1, 2, 7, 30])): 3}), 30))
def test_whatever_comes_between_signs_of_life_the_twin_agrees_after_every_command(steps: list[Step]) -> None:
    rehearse(Session({}, steps), checks=True)
