"""Call auctions in the life of a tranche: after its listing, after a halt, before its gate. The twin knows when."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.venue.lifecycle import LifeState
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Reason, Reject
from matching.events import EVENTS_PER_STEP_MAX
from matching.schema import OrderFlag, SelfTrade, TimeInForce
from tests.exchange.venue.auction_markets import (
    AUCTION,
    CLOSING_AUCTION,
    GATE_NS,
    LAST_CALL_NS,
    OPENING_END_NS,
    OPENING_S,
    auction_market,
    of_first,
    states,
    trades,
    uncrossed,
)
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    CASH_NANO,
    LIMITS,
    NANO_PER_S,
    REFERENCE_TICKS,
    SELL,
    START_NS,
    TICK_VALUE_NANO,
    same,
)
from tests.exchange.venue.streams import BUSY, Session, rehearse, sessions
from tests.exchange.venue.told import Told

DAVE, EVE = 4, 5

# The life of a tranche.


def test_a_tranche_goes_through_both_auctions_at_its_own_times() -> None:
    market = auction_market()
    assert market.twin.tranches[1].state == AUCTION
    for time_ns, state in (
        (OPENING_END_NS, LifeState.OPEN),
        (LAST_CALL_NS, CLOSING_AUCTION),
        (GATE_NS, LifeState.GATE_CLOSED),
    ):
        assert states(market.tick_to(time_ns - 1)) == []
        assert states(market.tick_to(time_ns)) == [state]


def test_orders_of_an_opening_auction_collect_and_trade_together_at_one_price() -> None:
    market = auction_market()
    market.place(ALICE, BUY, 1_010, 5)
    market.place(CAROL, BUY, 1_004, 2)
    assert market.place(BOB, SELL, 990, 6)["kind"] == Event.RESTED
    events = market.tick_to(OPENING_END_NS)
    assert trades(events) == [(ALICE, BOB, REFERENCE_TICKS, 5), (CAROL, BOB, REFERENCE_TICKS, 1)]
    assert uncrossed(events) == [(REFERENCE_TICKS, 6, 1)]
    assert [event["kind"] for event in of_first(events)][-2:] == [Event.UNCROSSED, Event.STATE_CHANGED]
    assert market.free_nano(ALICE) == CASH_NANO - 5 * 6 * REFERENCE_TICKS // 5 * TICK_VALUE_NANO
    assert market.place(BOB, SELL, 1_004, 1)["kind"] == Event.FILLED


def test_an_auction_without_a_crossing_ends_all_the_same() -> None:
    market = auction_market()
    market.place(ALICE, BUY, 990, 5)
    events = market.tick_to(OPENING_END_NS)
    assert uncrossed(events) == [(0, 0, 0)]
    assert states(events) == [LifeState.OPEN]


def test_a_closing_auction_sets_the_final_price() -> None:
    market = auction_market()
    for account_id in (DAVE, EVE):
        market.send(commands.open_account(account_id, f"a{account_id}"), commands.deposit(account_id, CASH_NANO))
    market.tick_to(OPENING_END_NS)
    market.place(ALICE, SELL, 1_000, 20)
    market.place(BOB, BUY, 1_000, 20)
    market.tick_to(LAST_CALL_NS)
    market.place(ALICE, SELL, 1_200, 30)
    for buyer, lots in ((CAROL, 12), (DAVE, 10), (EVE, 9)):
        market.place(buyer, BUY, 1_200, lots)
    events = of_first(market.tick_to(GATE_NS))
    assert trades(events) == [(CAROL, ALICE, 1_200, 12), (DAVE, ALICE, 1_200, 10), (EVE, ALICE, 1_200, 8)]
    kinds = [event["kind"] for event in events]
    assert kinds.index(Event.UNCROSSED) < kinds.index(Event.CANCELLED) < kinds.index(Event.POSITION_SETTLED)
    assert {event["price_ticks"] for event in events if event["kind"] == Event.POSITION_SETTLED} == {1_200}
    assert market.cash_nano(ALICE) == CASH_NANO - 20 * 200 * TICK_VALUE_NANO


@pytest.mark.parametrize(
    ("opening_s", "closing_s", "moves"),
    [
        (100, 25, [CLOSING_AUCTION, LifeState.GATE_CLOSED]),
        (95, 25, [CLOSING_AUCTION, LifeState.GATE_CLOSED]),
        (94, 25, [LifeState.OPEN, CLOSING_AUCTION, LifeState.GATE_CLOSED]),
        (300, 0, [LifeState.GATE_CLOSED]),
        (120, 0, [LifeState.GATE_CLOSED]),
        (119, 0, [LifeState.OPEN, LifeState.GATE_CLOSED]),
    ],
)
def test_an_opening_auction_lasts_no_longer_than_to_the_last_call(
    opening_s: int, closing_s: int, moves: list[LifeState]
) -> None:
    market = auction_market(opening_auction_s=opening_s, closing_auction_s=closing_s)
    market.place(ALICE, BUY, 1_000, 1)
    market.place(BOB, SELL, 1_000, 1)
    events = market.tick_to(GATE_NS)
    assert states(events) == moves
    assert trades(events) == [(ALICE, BOB, 1_000, 1)]


def test_a_late_tick_runs_through_every_auction_of_the_day() -> None:
    market = auction_market()
    market.place(ALICE, BUY, 1_000, 1)
    market.place(BOB, SELL, 1_000, 1)
    moves = states(market.tick(3_600))
    assert moves == [
        *(LifeState.OPEN, CLOSING_AUCTION, LifeState.GATE_CLOSED, LifeState.DELIVERING, LifeState.SETTLED),
    ]


# Halts.


def test_a_halted_tranche_comes_back_through_an_auction_of_full_length() -> None:
    market = auction_market()
    market.tick_to(OPENING_END_NS)
    market.send(commands.halt(1))
    market.tick(10)
    assert market.ask(commands.resume(1))["state"] == AUCTION
    resumed_ns = market.twin.time_ns
    assert states(market.tick_to(resumed_ns + OPENING_S * NANO_PER_S - 1)) == []
    assert states(market.tick_to(resumed_ns + OPENING_S * NANO_PER_S)) == [LifeState.OPEN]


def test_a_halt_within_an_auction_keeps_its_orders_for_the_next_one() -> None:
    market = auction_market()
    market.place(ALICE, BUY, 1_005, 2)
    market.place(BOB, SELL, 995, 2)
    market.send(commands.halt(1))
    assert uncrossed(market.tick(30)) == []
    assert market.place(ALICE, BUY, 1_000, 1)["reason"] == Reject.INSTRUMENT_HALTED
    market.send(commands.resume(1))
    assert trades(market.tick(OPENING_S)) == [(ALICE, BOB, 1_000, 2)]


def test_a_tranche_that_is_resumed_after_its_last_call_comes_back_into_the_closing_auction() -> None:
    market = auction_market()
    market.send(commands.halt(1))
    market.tick_to(LAST_CALL_NS)
    assert market.ask(commands.resume(1))["state"] == CLOSING_AUCTION


def test_a_tranche_without_an_opening_auction_reopens_at_once_until_its_last_call() -> None:
    market = auction_market(opening_auction_s=0)
    market.send(commands.halt(1))
    assert market.ask(commands.resume(1))["state"] == LifeState.OPEN
    market.send(commands.halt(1))
    market.tick_to(LAST_CALL_NS)
    assert market.ask(commands.resume(1))["state"] == CLOSING_AUCTION


def test_a_halted_closing_auction_ends_without_trades() -> None:
    market = auction_market()
    market.tick_to(LAST_CALL_NS)
    market.place(ALICE, BUY, 1_000, 1)
    market.place(BOB, SELL, 1_000, 1)
    market.send(commands.halt(1))
    events = of_first(market.tick_to(GATE_NS))
    assert [event["kind"] for event in events] == [Event.CANCELLED, Event.CANCELLED, Event.STATE_CHANGED]
    assert events[-1]["final_ticks"] == REFERENCE_TICKS


def test_an_opening_auction_lasts_longer_by_whole_lengths_while_the_market_is_halted() -> None:
    market = auction_market()
    market.place(ALICE, BUY, 1_000, 1)
    market.place(BOB, SELL, 1_000, 1)
    market.send(commands.halt_market())
    assert states(market.tick_to(OPENING_END_NS + 5 * NANO_PER_S)) == []
    market.send(commands.resume_market())
    assert states(market.tick_to(OPENING_END_NS + OPENING_S * NANO_PER_S - 1)) == []
    events = market.tick_to(OPENING_END_NS + OPENING_S * NANO_PER_S)
    assert trades(events) == [(ALICE, BOB, 1_000, 1)]
    assert states(events) == [LifeState.OPEN]


def test_a_prolonged_auction_keeps_the_last_call_and_the_gate() -> None:
    market = auction_market(opening_auction_s=70)
    market.send(commands.halt_market())
    assert states(market.tick_to(LAST_CALL_NS - 1)) == []
    assert states(market.tick_to(LAST_CALL_NS)) == [CLOSING_AUCTION]
    assert states(market.tick_to(GATE_NS)) == [LifeState.GATE_CLOSED]


def test_a_closing_auction_in_a_halted_market_ends_without_trades() -> None:
    market = auction_market()
    market.tick_to(LAST_CALL_NS)
    market.place(ALICE, BUY, 1_000, 1)
    market.place(BOB, SELL, 1_000, 1)
    market.send(commands.halt_market())
    events = of_first(market.tick_to(GATE_NS))
    assert [event["kind"] for event in events][-3:] == [Event.CANCELLED, Event.CANCELLED, Event.STATE_CHANGED]
    assert uncrossed(events) == []


# What an auction takes.


@pytest.mark.parametrize(
    "terms",
    [
        {"time_in_force": TimeInForce.IOC},
        {"time_in_force": TimeInForce.FOK},
        {"flags": OrderFlag.POST_ONLY},
        {"flags": OrderFlag.POST_ONLY_SLIDE},
        {"minimum_lots": 1},
        {"flags": OrderFlag.REDUCE_ONLY},
    ],
)
def test_an_auction_takes_orders_that_may_rest_and_no_others(terms: dict[str, int]) -> None:
    market = auction_market()
    assert market.place(ALICE, BUY, 1_000, 2, **terms)["reason"] == Reject.NOT_IN_AUCTION


def test_a_basket_is_refused_while_one_of_its_tranches_is_in_an_auction() -> None:
    market = auction_market()
    legs = [commands.Leg(1, BUY, 1_000, 1)]
    assert market.ask(commands.basket(ALICE, legs))["reason"] == Reject.NOT_IN_AUCTION


def test_an_account_does_not_meet_itself_at_the_uncrossing() -> None:
    market = auction_market()
    market.place(BOB, SELL, 990, 2)
    killed = market.place(CAROL, BUY, 1_010, 2, self_trade=SelfTrade.CANCEL_NEWEST)
    assert (killed["kind"], killed["reason"]) == (Event.KILLED, Reason.SELF_TRADE)
    assert trades(market.tick_to(OPENING_END_NS)) == []


def test_a_reserve_takes_part_in_an_auction() -> None:
    market = auction_market()
    market.place(ALICE, SELL, 1_000, 8, display_lots=2)
    market.place(BOB, BUY, 1_000, 7)
    events = market.tick_to(OPENING_END_NS)
    assert trades(events) == [(BOB, ALICE, 1_000, 7)]
    (order,) = market.twin.orders.values()
    assert (order.leaves_lots, order.visible_lots) == (1, 1)


def test_a_seller_who_gets_more_than_its_limit_keeps_the_difference() -> None:
    market = auction_market()
    market.place(ALICE, SELL, 900, 10)
    market.place(BOB, BUY, 1_100, 20)
    market.send(commands.set_reference(1, 1_100))
    assert trades(market.tick_to(OPENING_END_NS)) == [(BOB, ALICE, 1_100, 10)]
    assert market.figures(ALICE).unsettled_nano == 10 * 100 * TICK_VALUE_NANO


def test_an_auction_takes_no_more_orders_than_it_has_room_for_positions() -> None:
    """Each of the four could trade at the uncrossing, when there is nobody left to refuse it."""
    market = auction_market(limits=LIMITS._replace(positions=3))
    market.send(commands.open_account(4, "dave"), commands.deposit(4, CASH_NANO))
    for account_id, side in ((ALICE, BUY), (BOB, SELL), (CAROL, BUY)):
        assert market.place(account_id, side, 1_000, 1)["kind"] == Event.RESTED
    assert market.place(4, SELL, 1_000, 1)["reason"] == Reject.TOO_MANY_POSITIONS
    assert len(trades(market.tick_to(OPENING_END_NS))) == 1


# What is told of an auction.


def indicative(events: list[Told]) -> list[tuple[int, int, int]]:
    names = ("price_ticks", "quantity_lots", "leaves_lots")
    return [tuple(event[name] for name in names) for event in of_first(events) if event["kind"] == Event.INDICATIVE]


def test_an_indicative_price_is_told_every_second_in_which_it_changed() -> None:
    market = auction_market()
    market.place(ALICE, BUY, 1_000, 5)
    assert indicative(market.tick(2)) == []
    market.place(BOB, SELL, 1_000, 3)
    assert indicative(market.tick_to(market.twin.time_ns + NANO_PER_S - 1)) == []
    assert indicative(market.tick_to(market.twin.time_ns + 1)) == [(1_000, 3, 2)]
    assert indicative(market.tick(5)) == []
    market.place(CAROL, SELL, 1_000, 2)
    assert indicative(market.tick(1)) == [(1_000, 5, 0)]


def test_an_indicative_price_that_is_no_more_is_told_too() -> None:
    market = auction_market()
    order_id = market.place(ALICE, BUY, 1_000, 5)["order_id"]
    market.place(BOB, SELL, 1_000, 3)
    market.tick(1)
    market.ask(commands.cancel(ALICE, order_id=order_id))
    assert indicative(market.tick(1)) == [(0, 0, 0)]


def test_nothing_is_told_of_an_auction_that_is_over() -> None:
    market = auction_market()
    market.place(ALICE, BUY, 1_000, 5)
    market.tick_to(OPENING_END_NS)
    market.place(BOB, SELL, 1_001, 3)
    assert indicative(market.tick(60)) == []


# However it comes.


def test_an_uncrossing_goes_on_where_the_buffer_was_full() -> None:
    wide, narrow = auction_market(), auction_market(event_capacity=EVENTS_PER_STEP_MAX)
    for market in (wide, narrow):
        for at in range(5):
            market.place(ALICE, BUY, 1_000 + at, 2 + at, display_lots=1 + at % 2)
            market.place(BOB, SELL, 1_000 - at, 3)
    assert same(wide.venue.apply(commands.tick(GATE_NS), 500)) == same(narrow.venue.apply(commands.tick(GATE_NS), 500))
    assert wide.venue.digest() == narrow.venue.digest()


@pytest.mark.parametrize("state", [AUCTION, CLOSING_AUCTION, LifeState.HALTED])
def test_a_venue_restored_in_the_middle_of_an_auction_goes_on_alike(state: LifeState) -> None:
    market = auction_market()
    if state == CLOSING_AUCTION:
        market.tick_to(LAST_CALL_NS)
    market.place(ALICE, BUY, 1_003, 6, display_lots=2)
    market.place(BOB, SELL, 998, 4)
    market.tick(1.5)
    if state == LifeState.HALTED:
        market.send(commands.halt(1))
    assert market.twin.tranches[1].state == state
    restored = Venue.from_image(market.venue.image(), LIMITS)
    assert restored.digest() == market.venue.digest()
    further = commands.concatenate(
        commands.place(CAROL, 1, BUY, 1_001, 3, order_id=900),
        commands.tick(market.twin.time_ns + NANO_PER_S),
        commands.resume(1),
        commands.tick(START_NS + 1_000 * NANO_PER_S),
    )
    events = [venue.apply(further, market.next_sequence).tobytes() for venue in (market.venue, restored)]
    assert events[0] == events[1]
    assert restored.digest() == market.venue.digest()


@given(sessions(40, BUSY), st.integers(0, 40), st.integers(1, 400))
def test_a_restored_busy_day_ends_like_the_one_that_went_on(session: Session, cut: int, seconds: int) -> None:
    market = rehearse(session)
    history = np.concatenate(market.sent)
    cut_at = sum(len(group) for group in market.sent[: len(market.sent) - cut]) if cut < len(market.sent) else 0
    original = Venue(LIMITS)
    original.apply(history[:cut_at], 1)
    restored = Venue.from_image(original.image(), LIMITS)
    later = commands.tick(market.twin.time_ns + seconds * NANO_PER_S)
    rest = np.concatenate([history[cut_at:], later])
    assert original.apply(rest, cut_at + 1).tobytes() == restored.apply(rest, cut_at + 1).tobytes()
    assert restored.digest() == original.digest()
