"""Orders that only reduce a position: how large they may be, and how they give way to others of their account."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from exchange import commands
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Reason, Reject
from matching.events import EVENTS_PER_STEP_MAX
from matching.schema import ChangeFlag, OrderFlag, SelfTrade, Side, TimeInForce
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    CASH_NANO,
    LIMITS,
    REFERENCE_TICKS,
    SELL,
    TICK_VALUE_NANO,
    Market,
    open_market,
)
from tests.exchange.venue.streams import BUSY, Session, rehearse, sessions
from tests.exchange.venue.told import Told

REDUCE_ONLY = OrderFlag.REDUCE_ONLY


@pytest.fixture
def market() -> Market:
    """Alice is 10 lots long in the first tranche, and Bob as many short."""
    market = open_market()
    trade(market, 10)
    return market


def trade(market: Market, lots: int, instrument_id: int = 1) -> None:
    market.place(BOB, SELL, 1_000, lots, instrument_id=instrument_id)
    market.place(ALICE, BUY, 1_000, lots, instrument_id=instrument_id)


def reduce(market: Market, lots: int, price_ticks: int = 1_100, account_id: int = ALICE, **terms: Any) -> Told:
    side = SELL if account_id == ALICE else BUY
    flags = terms.pop("flags", 0) | REDUCE_ONLY
    return market.place(account_id, side, price_ticks, lots, flags=flags, **terms)


def leaves(market: Market, account_id: int = ALICE) -> list[int]:
    return [order.leaves_lots for order in market.twin.orders.values() if order.account_id == account_id]


def kinds(events: list[Told]) -> list[tuple[Event, int, int]]:
    return [(event["kind"], event["quantity_lots"], event["leaves_lots"]) for event in events]


# How large it may be.


@pytest.mark.parametrize(("account_id", "price_ticks"), [(ALICE, 1_100), (BOB, 900)])
def test_an_order_is_trimmed_to_the_position_that_it_would_close(
    market: Market, account_id: int, price_ticks: int
) -> None:
    side = SELL if account_id == ALICE else BUY
    (events,) = market.send(commands.place(account_id, 1, side, price_ticks, 15, flags=REDUCE_ONLY))
    assert kinds(events) == [(Event.TRIMMED, 5, 10), (Event.RESTED, 10, 10)]
    assert events[0]["reason"] == Reason.REDUCE_ONLY


@pytest.mark.parametrize(
    ("account_id", "side", "instrument_id"), [(ALICE, BUY, 1), (BOB, SELL, 1), (CAROL, SELL, 1), (ALICE, SELL, 2)]
)
def test_an_order_without_a_position_to_close_is_refused(
    market: Market, account_id: int, side: Side, instrument_id: int
) -> None:
    outcome = market.place(account_id, side, 1_000, 1, flags=REDUCE_ONLY, instrument_id=instrument_id)
    assert outcome["reason"] == Reject.REDUCE_ONLY_WITHOUT_POSITION


def test_one_for_an_unknown_instrument_touches_nobody_whose_position_took_the_place_of_ones_own(market: Market) -> None:
    gone = market.place(ALICE, BUY, 900, 1, instrument_id=2)
    market.send(commands.cancel(ALICE, order_id=gone["order_id"]))
    market.place(CAROL, BUY, 1_000, 5, instrument_id=2)
    market.place(BOB, SELL, 1_000, 5, instrument_id=2)
    before = market.venue.image()
    (free, *_) = np.flatnonzero(market.venue.state.tranches["instrument_id"][1:] == 0) + 1
    outcome = market.place(ALICE, SELL, 1_000, 1, flags=REDUCE_ONLY, instrument_id=int(free))
    assert outcome["reason"] == Reject.UNKNOWN_INSTRUMENT
    after = market.venue.image()
    assert all((before[name] == after[name]).all() for name in ("positions", "accounts"))


def test_what_other_orders_of_the_account_would_close_is_not_there_twice(market: Market) -> None:
    market.place(ALICE, SELL, 1_200, 3)
    reduce(market, 4)
    assert kinds([reduce(market, 9)]) == [(Event.RESTED, 3, 3)]
    assert reduce(market, 1)["reason"] == Reject.REDUCE_ONLY_WITHOUT_POSITION


def test_orders_on_the_other_side_count_for_nothing(market: Market) -> None:
    market.place(ALICE, BUY, 900, 5)
    assert kinds([reduce(market, 10)]) == [(Event.RESTED, 10, 10)]


def test_all_or_nothing_means_the_whole_order(market: Market) -> None:
    market.place(CAROL, BUY, 1_000, 20)
    killed = reduce(market, 11, 1_000, time_in_force=TimeInForce.FOK)
    assert (killed["kind"], killed["reason"], killed["quantity_lots"]) == (Event.KILLED, Reason.NOT_FILLABLE, 11)
    assert reduce(market, 10, 1_000, time_in_force=TimeInForce.FOK)["kind"] == Event.FILLED


def test_a_minimum_larger_than_the_position_kills_the_order(market: Market) -> None:
    market.place(CAROL, BUY, 1_000, 20)
    killed = reduce(market, 15, 1_000, minimum_lots=11)
    assert (killed["kind"], killed["quantity_lots"]) == (Event.KILLED, 15)
    assert reduce(market, 15, 1_000, minimum_lots=10)["kind"] == Event.FILLED


def test_a_market_order_closes_a_position_and_no_more(market: Market) -> None:
    market.place(CAROL, BUY, 1_000, 20)
    (events,) = market.send(
        commands.place(ALICE, 1, SELL, 0, 50, flags=REDUCE_ONLY | OrderFlag.MARKET, time_in_force=TimeInForce.IOC)
    )
    assert [event["kind"] for event in events] == [Event.TRIMMED, Event.TRADE, Event.FILLED]
    assert market.twin.tranches[1].positions[ALICE].lots == 0


def test_a_refused_order_tells_nothing_else(market: Market) -> None:
    market.place(CAROL, BUY, 1_000, 1)
    assert reduce(market, 15, 1_000, flags=OrderFlag.POST_ONLY)["reason"] == Reject.POST_ONLY_WOULD_TRADE


def test_an_order_requires_what_is_left_of_it_after_trimming(market: Market) -> None:
    market.ask(commands.withdraw(ALICE, min(market.free_nano(ALICE), market.cash_nano(ALICE))))
    assert reduce(market, 1_000)["leaves_lots"] == 10
    assert market.figures(ALICE).gross_nano == 20 * 32 * REFERENCE_TICKS * TICK_VALUE_NANO


# How it gives way.


def test_the_order_that_stands_last_gives_way_first(market: Market) -> None:
    near, far = reduce(market, 4, 1_100)["order_id"], reduce(market, 6, 1_200)["order_id"]
    (events,) = market.send(commands.place(ALICE, 1, SELL, 1_300, 3))
    assert [(event["kind"], event["order_id"]) for event in events[:-1]] == [(Event.REDUCED, far)]
    (events,) = market.send(commands.place(ALICE, 1, SELL, 1_300, 5))
    assert [(event["kind"], event["order_id"]) for event in events[:-1]] == [
        (Event.CANCELLED, far),
        (Event.REDUCED, near),
    ]
    assert {event["reason"] for event in events[:-1]} == {Reason.REDUCE_ONLY}
    assert leaves(market) == [2, 3, 5]


def test_an_order_larger_than_the_position_leaves_no_room_at_all(market: Market) -> None:
    reduce(market, 10)
    (events,) = market.send(commands.place(ALICE, 1, SELL, 1_300, 11))
    assert [event["kind"] for event in events] == [Event.CANCELLED, Event.RESTED]


def test_a_sale_that_closes_the_position_at_once_takes_the_room_too(market: Market) -> None:
    reduce(market, 10)
    market.place(CAROL, BUY, 1_000, 7)
    market.place(ALICE, SELL, 1_000, 7, time_in_force=TimeInForce.IOC)
    assert market.twin.tranches[1].positions[ALICE].lots == 3
    assert leaves(market) == [3]


def test_a_refused_order_takes_no_room(market: Market) -> None:
    reduce(market, 10)
    market.place(CAROL, BUY, 1_000, 1)
    assert market.place(ALICE, SELL, 1_000, 5, flags=OrderFlag.POST_ONLY)["kind"] == Event.REJECTED
    assert market.place(ALICE, SELL, 1_100, 1_000)["reason"] == Reject.INSUFFICIENT_MARGIN
    assert leaves(market) == [10]


@pytest.mark.parametrize(
    "terms",
    [
        {"time_in_force": TimeInForce.FOK},
        {"time_in_force": TimeInForce.IOC, "minimum_lots": 8},
        {"minimum_lots": 8},
        {"time_in_force": TimeInForce.IOC},
    ],
)
@pytest.mark.parametrize("bid_lots", [0, 7])
def test_an_order_makes_room_for_what_it_trades_or_rests_with_and_no_more(
    market: Market, terms: dict[str, int], bid_lots: int
) -> None:
    order_id = reduce(market, 10)["order_id"]
    if bid_lots:
        market.place(CAROL, BUY, 1_000, bid_lots)
    (events,) = market.send(commands.place(ALICE, 1, SELL, 1_000, 8, **terms))
    assert events[-1]["kind"] == Event.KILLED
    traded_lots = bid_lots if events[-1]["reason"] == Reason.IMMEDIATE_REMAINDER else 0
    assert market.twin.tranches[1].positions[ALICE].lots == 10 - traded_lots
    assert market.twin.orders[order_id].leaves_lots == 10 - traded_lots
    assert len(events) == (3 if traded_lots else 1)


@pytest.mark.parametrize(
    ("terms", "outcome", "left"),
    [
        ({"time_in_force": TimeInForce.FOK}, Event.FILLED, 2),
        ({"time_in_force": TimeInForce.IOC, "minimum_lots": 8}, Event.FILLED, 2),
        ({"minimum_lots": 5}, Event.FILLED, 2),
        ({"time_in_force": TimeInForce.IOC}, Event.FILLED, 2),
    ],
)
def test_an_order_that_finds_all_it_needs_makes_room_for_it(
    market: Market, terms: dict[str, int], outcome: Event, left: int
) -> None:
    order_id = reduce(market, 10)["order_id"]
    market.place(CAROL, BUY, 1_000, 8)
    assert market.place(ALICE, SELL, 1_000, 8, **terms)["kind"] == outcome
    assert market.twin.orders[order_id].leaves_lots == left


def test_an_order_with_a_minimum_makes_room_for_what_rests_of_it_too(market: Market) -> None:
    reduce(market, 10)
    market.place(CAROL, BUY, 1_000, 5)
    assert market.place(ALICE, SELL, 1_000, 8, minimum_lots=5)["kind"] == Event.RESTED
    assert sorted(leaves(market)) == [2, 3]


@pytest.mark.parametrize(
    ("mode", "left"),
    [(SelfTrade.CANCEL_NEWEST, 6), (SelfTrade.CANCEL_BOTH, 6), (SelfTrade.CANCEL_OLDEST, 2), (SelfTrade.DECREMENT, 2)],
)
def test_an_order_that_meets_its_own_accounts_makes_room_for_what_it_trades_before(
    market: Market, mode: SelfTrade, left: int
) -> None:
    order_id = reduce(market, 10)["order_id"]
    market.place(CAROL, BUY, 1_001, 4)
    market.place(ALICE, BUY, 1_000, 3)
    market.place(CAROL, BUY, 999, 4)
    market.place(ALICE, SELL, 999, 8, self_trade=mode)
    assert market.twin.orders[order_id].leaves_lots == left


def test_an_icebergs_reserve_gives_way_before_what_it_shows(market: Market) -> None:
    reduce(market, 10, display_lots=3)
    (events,) = market.send(commands.place(ALICE, 1, SELL, 1_300, 8))
    assert kinds(events) == [(Event.RESERVE_REMOVED, 7, 3), (Event.REDUCED, 1, 2), (Event.RESTED, 8, 8)]


def test_a_replace_makes_room_for_what_it_asks_more(market: Market) -> None:
    plain = market.place(ALICE, SELL, 1_300, 2)["order_id"]
    reduce(market, 8)
    market.ask(commands.replace(ALICE, 1_300, 7, order_id=plain))
    assert sorted(leaves(market)) == [3, 7]


def test_an_order_that_is_replaced_is_trimmed_anew(market: Market) -> None:
    order_id = reduce(market, 4)["order_id"]
    market.place(ALICE, SELL, 1_300, 3)
    (events,) = market.send(commands.replace(ALICE, 1_090, 12, order_id=order_id))
    assert kinds(events) == [(Event.WITHDRAWN, 4, 0), (Event.TRIMMED, 5, 7), (Event.REPLACED, 7, 7)]
    (events,) = market.send(commands.replace(ALICE, 1_090, 2, order_id=order_id))
    assert kinds(events) == [(Event.REDUCED, 5, 2)]


def test_a_requeued_order_stays_as_large_as_the_position(market: Market) -> None:
    order_id = reduce(market, 10)["order_id"]
    change = commands.replace(ALICE, 1_100, 10, order_id=order_id, flags=ChangeFlag.REQUEUE)
    assert market.ask(change)["kind"] == Event.REPLACED
    assert leaves(market) == [10]


def test_quotes_take_the_room_of_reduce_only_orders(market: Market) -> None:
    reduce(market, 10)
    market.send(commands.mass_quote(ALICE, [commands.Quote(1, 900, 5, 1_300, 4)]))
    assert sorted(leaves(market)) == [4, 5, 6]
    market.send(commands.mass_quote(ALICE, [commands.Quote(1, 900, 5, 1_200, 6)]))
    assert sorted(leaves(market)) == [4, 5, 6]


def test_a_basket_takes_the_room_of_reduce_only_orders_unless_its_leg_is_one(market: Market) -> None:
    reduce(market, 6)
    market.place(CAROL, BUY, 1_000, 20)
    too_large = [commands.Leg(1, SELL, 1_000, 5, reduce_only=True)]
    assert market.ask(commands.basket(ALICE, too_large))["kind"] == Event.BASKET_KILLED
    assert market.ask(commands.basket(ALICE, [too_large[0]._replace(quantity_lots=4)]))["kind"] == Event.BASKET_FILLED
    assert leaves(market) == [6]
    assert market.ask(commands.basket(ALICE, [commands.Leg(1, SELL, 1_000, 5)]))["kind"] == Event.BASKET_FILLED
    assert leaves(market) == [1]


def test_an_account_that_trades_with_itself_keeps_its_position(market: Market) -> None:
    reduce(market, 10, 1_000)
    assert market.place(ALICE, BUY, 1_000, 4, self_trade=SelfTrade.NONE)["kind"] == Event.FILLED
    assert market.twin.tranches[1].positions[ALICE].lots == 10
    assert leaves(market) == [6]


def test_a_position_that_grows_again_leaves_room_again(market: Market) -> None:
    reduce(market, 10)
    trade(market, 5)
    assert reduce(market, 9)["leaves_lots"] == 5


def test_an_auction_closes_with_reduce_only_orders_no_more_than_was_held() -> None:
    market = open_market(closing_auction_s=25)
    trade(market, 10)
    reduce(market, 10, 1_000)
    market.tick(100)
    market.place(CAROL, BUY, 1_050, 25)
    market.place(ALICE, SELL, 1_040, 4)
    assert leaves(market) == [6, 4]
    market.tick(20)
    assert market.cash_nano(ALICE) + market.cash_nano(BOB) + market.cash_nano(CAROL) == 3 * CASH_NANO


# However it comes.


def test_room_is_made_in_pieces_when_the_buffer_is_small() -> None:
    histories = []
    for event_capacity in (4_096, EVENTS_PER_STEP_MAX):
        market = open_market(event_capacity=event_capacity)
        trade(market, 12)
        for at in range(6):
            reduce(market, 2, 1_100 + at)
        market.place(CAROL, BUY, 1_000, 20)
        market.place(ALICE, SELL, 1_000, 11)
        market.ask(commands.mass_quote(ALICE, [commands.Quote(1, 0, 0, 1_300, 8)]))
        histories.append(np.concatenate(market.events).tobytes())
    assert histories[0] == histories[1]


def test_a_restored_venue_still_makes_room(market: Market) -> None:
    reduce(market, 10)
    restored = Venue.from_image(market.venue.image(), LIMITS)
    assert restored.digest() == market.venue.digest()
    further = commands.concatenate(commands.place(ALICE, 1, SELL, 1_300, 4, order_id=900))
    events = [venue.apply(further, market.next_sequence) for venue in (market.venue, restored)]
    assert events[0].tobytes() == events[1].tobytes()
    assert events[0]["kind"].tolist() == [Event.REDUCED, Event.RESTED]


@given(sessions(80, BUSY))
def test_no_reduce_only_order_ever_grows_a_position(session: Session) -> None:
    """The twin looks after each command, and at each trade."""
    rehearse(session, checks=True)
