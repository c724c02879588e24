"""Mass cancels, mass quotes and baskets: each is checked as one, happens as one, and is answered as one."""

from typing import Any

import numpy as np
import pytest

from exchange import commands
from exchange.commands import Leg, Quote
from exchange.venue.schema import Event, Reason, Reject, Tier
from matching.events import EVENTS_PER_STEP_MAX
from matching.schema import OrderFlag, SelfTrade, quote_order_id
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    CASH_NANO,
    LIMITS,
    SELL,
    TICK_VALUE_NANO,
    UNKNOWN_ACCOUNT,
    Market,
    define_series,
    open_market,
)

LOT_NANO = 1_200 * TICK_VALUE_NANO
"""What one lot at the mark requires."""
LOTS_MAX = CASH_NANO // LOT_NANO
"""What the cash of one account pays for at the reference price."""
SECOND = 2


@pytest.fixture
def market() -> Market:
    return open_market()


def both(bid_lots: int, ask_lots: int, instrument_id: int = 1) -> Quote:
    return Quote(instrument_id, 990 if bid_lots else 0, bid_lots, 1_010 if ask_lots else 0, ask_lots)


def summary(outcome: dict[str, Any]) -> tuple[Event, int, int]:
    return outcome["kind"], outcome["order_count"], outcome["quantity_lots"]


# Mass quotes.


def test_quotes_require_what_the_worse_side_could_lose(market: Market) -> None:
    outcome = market.ask(commands.mass_quote(ALICE, [both(3, 4), both(5, 0, SECOND)]))
    assert summary(outcome) == (Event.MASS_QUOTED, 3, 12)
    assert market.free_nano(ALICE) == CASH_NANO - (8 * 1_000 + (4 + 5) * 200) * TICK_VALUE_NANO


def test_all_sides_are_paid_for_together_or_none_is_entered(market: Market) -> None:
    half = LOTS_MAX // 2
    quotes = [Quote(1, 1_000, half, 0, 0), Quote(SECOND, 1_000, half + 1, 0, 0)]
    outcome = market.ask(commands.mass_quote(ALICE, quotes))
    assert (outcome["reason"], outcome["instrument_id"]) == (Reject.INSUFFICIENT_MARGIN, 0)
    assert market.twin.orders == {}
    quotes[1] = quotes[1]._replace(bid_lots=half)
    assert summary(market.ask(commands.mass_quote(ALICE, quotes))) == (Event.MASS_QUOTED, 2, 2 * half)
    assert market.free_nano(ALICE) == CASH_NANO - 2 * half * LOT_NANO


def test_quotes_are_paid_for_by_those_that_they_replace(market: Market) -> None:
    market.ask(commands.mass_quote(ALICE, [Quote(1, 1_000, LOTS_MAX, 0, 0)]))
    assert market.free_nano(ALICE) < LOT_NANO
    moved = [Quote(1, 0, 0, 1_001, LOTS_MAX - 1)]
    assert market.ask(commands.mass_quote(ALICE, moved))["kind"] == Event.MASS_QUOTED
    elsewhere = [Quote(SECOND, 1_000, 11, 0, 0)]
    assert market.ask(commands.mass_quote(ALICE, elsewhere))["reason"] == Reject.INSUFFICIENT_MARGIN


def test_quotes_shrink_and_go_whatever_their_account_lacks(market: Market) -> None:
    shocks = [0, *[100, -100] * 7, 1]
    market.send(commands.set_parameters(1, mark_ticks=1_000, shocks_ticks=shocks))
    market.place(BOB, SELL, 1_000, 20)
    market.place(ALICE, BUY, 1_000, 20)
    market.ask(commands.mass_quote(ALICE, [Quote(1, 0, 0, 1_100, 10)]))
    market.ask(commands.withdraw(ALICE, market.free_nano(ALICE)))
    market.send(commands.set_parameters(1, mark_ticks=980, shocks_ticks=shocks))
    assert market.free_nano(ALICE) < 0
    moved = [Quote(1, 0, 0, 1_090, 10)]
    assert market.ask(commands.mass_quote(ALICE, moved))["reason"] == Reject.INSUFFICIENT_MARGIN
    smaller = [Quote(1, 0, 0, 1_100, 9)]
    assert market.ask(commands.mass_quote(ALICE, smaller))["kind"] == Event.MASS_QUOTED


def test_a_notional_out_of_range_is_refused_whichever_quote_brings_it() -> None:
    market = open_market(quantity_max_lots=1 << 40, reference_ticks=1 << 29)
    quotes = [Quote(instrument_id, 1 << 29, 1 << 24, 0, 0) for instrument_id in (1, 2)]
    assert market.ask(commands.mass_quote(ALICE, quotes))["reason"] == Reject.NOTIONAL_OUT_OF_RANGE


@pytest.mark.parametrize(
    ("quotes", "reject", "instrument_id"),
    [
        ([both(1, 1), both(1, 1, 7)], Reject.UNKNOWN_INSTRUMENT, 7),
        ([both(1, 1), both(1, 1)], Reject.DUPLICATE_INSTRUMENT, 1),
        ([both(1, 1), Quote(SECOND, 1_000, 1, 1_000, 1)], Reject.QUOTE_CROSSED, SECOND),
        ([both(1, 1), Quote(SECOND, 1_000, 0, 0, 0)], Reject.INVALID_ORDER_TERMS, SECOND),
        ([both(1, 1), Quote(SECOND, 1_501, 1, 0, 0)], Reject.PRICE_OUTSIDE_BAND, SECOND),
        ([both(1, 1), Quote(SECOND, 1_000, 1_001, 0, 0)], Reject.QUANTITY_OUT_OF_RANGE, SECOND),
        ([], Reject.INVALID_ORDER_TERMS, 0),
    ],
)
def test_a_refusal_names_the_first_quote_that_is_broken(
    market: Market, quotes: list[Quote], reject: Reject, instrument_id: int
) -> None:
    outcome = market.ask(commands.mass_quote(ALICE, quotes))
    assert (outcome["reason"], outcome["instrument_id"]) == (reject, instrument_id)
    assert market.twin.orders == {}


def test_a_quote_that_trades_settles_like_any_order(market: Market) -> None:
    market.place(BOB, SELL, 980, 2)
    (events,) = market.send(commands.mass_quote(ALICE, [both(5, 5)]))
    assert [event["kind"] for event in events] == [Event.TRADE, Event.RESTED, Event.RESTED, Event.MASS_QUOTED]
    assert summary(events[-1]) == (Event.MASS_QUOTED, 2, 8)
    assert market.twin.tranches[1].positions[ALICE].lots == 2


def test_a_quote_is_cancelled_by_its_id(market: Market) -> None:
    market.ask(commands.mass_quote(ALICE, [both(5, 5)]))
    outcome = market.ask(commands.cancel(ALICE, order_id=quote_order_id(ALICE, 1, BUY)))
    assert (outcome["kind"], outcome["quantity_lots"]) == (Event.CANCELLED, 5)


def test_quotes_need_room_for_the_positions_that_they_could_open() -> None:
    market = open_market(LIMITS._replace(positions=2))
    assert market.ask(commands.mass_quote(ALICE, [both(1, 1)]))["kind"] == Event.MASS_QUOTED
    assert market.ask(commands.mass_quote(BOB, [both(1, 1)]))["kind"] == Event.MASS_QUOTED
    assert market.ask(commands.mass_quote(CAROL, [both(1, 0)]))["reason"] == Reject.TOO_MANY_POSITIONS
    assert market.ask(commands.mass_quote(BOB, [both(0, 0), both(0, 1, SECOND)]))["reason"] == Reject.TOO_MANY_POSITIONS


# Baskets.


def test_a_basket_fills_all_its_legs(market: Market) -> None:
    market.place(BOB, SELL, 1_000, 5)
    market.place(CAROL, BUY, 1_000, 5, instrument_id=SECOND)
    (events,) = market.send(commands.basket(ALICE, [Leg(1, BUY, 1_010, 3), Leg(SECOND, SELL, 990, 4)]))
    kinds = [Event.TRADE, Event.FILLED, Event.TRADE, Event.FILLED, Event.BASKET_FILLED]
    assert [event["kind"] for event in events] == kinds
    assert summary(events[-1]) == (Event.BASKET_FILLED, 2, 7)


def test_a_basket_whose_last_leg_finds_too_little_does_nothing(market: Market) -> None:
    market.place(BOB, SELL, 1_000, 5)
    market.place(CAROL, BUY, 1_000, 3, instrument_id=SECOND)
    outcome = market.ask(commands.basket(ALICE, [Leg(1, BUY, 1_010, 3), Leg(SECOND, SELL, 990, 4)]))
    assert (outcome["kind"], outcome["reason"]) == (Event.BASKET_KILLED, Reason.NOT_FILLABLE)
    assert (outcome["instrument_id"], outcome["side"], outcome["quantity_lots"]) == (SECOND, SELL, 4)
    assert market.free_nano(ALICE) == CASH_NANO


def test_all_legs_are_paid_for_together(market: Market) -> None:
    half = LOTS_MAX // 2
    legs = [Leg(1, BUY, 1_000, half), Leg(SECOND, BUY, 1_000, half + 1)]
    outcome = market.ask(commands.basket(ALICE, legs))
    assert (outcome["reason"], outcome["instrument_id"]) == (Reject.INSUFFICIENT_MARGIN, 0)
    legs[1] = legs[1]._replace(quantity_lots=half)
    assert market.ask(commands.basket(ALICE, legs))["kind"] == Event.BASKET_KILLED


def test_a_killed_basket_makes_no_room_beside_reduce_only_orders(market: Market) -> None:
    market.place(BOB, SELL, 1_000, 5)
    market.place(ALICE, BUY, 1_000, 5)
    market.place(ALICE, SELL, 1_200, 5, flags=OrderFlag.REDUCE_ONLY)
    outcome = market.ask(commands.basket(ALICE, [Leg(1, SELL, 1_000, 3)]))
    assert outcome["kind"] == Event.BASKET_KILLED
    assert [order.leaves_lots for order in market.twin.orders.values()] == [5]


@pytest.mark.parametrize(
    ("legs", "reject", "instrument_id"),
    [
        ([Leg(1, BUY, 1_000, 1), Leg(7, BUY, 1_000, 1)], Reject.UNKNOWN_INSTRUMENT, 7),
        ([Leg(1, BUY, 1_000, 1), Leg(1, SELL, 1_000, 1)], Reject.DUPLICATE_INSTRUMENT, 1),
        ([Leg(1, BUY, 1_000, 1), Leg(SECOND, BUY, 1_000, 0)], Reject.QUANTITY_OUT_OF_RANGE, SECOND),
        ([Leg(1, BUY, 1_501, 1)], Reject.PRICE_OUTSIDE_BAND, 1),
        ([], Reject.INVALID_ORDER_TERMS, 0),
    ],
)
def test_a_refusal_names_the_first_leg_that_is_broken(
    market: Market, legs: list[Leg], reject: Reject, instrument_id: int
) -> None:
    outcome = market.ask(commands.basket(ALICE, legs))
    assert (outcome["reason"], outcome["instrument_id"]) == (reject, instrument_id)


def test_legs_are_numbered_by_their_sequences(market: Market) -> None:
    market.place(BOB, SELL, 1_000, 5)
    first = market.next_sequence
    (events,) = market.send(commands.basket(ALICE, [Leg(1, BUY, 1_000, 3)], client_id="pair"))
    assert events[1]["order_id"] == first + 1


# Mass cancels.


def fill_books(market: Market) -> None:
    market.send(
        define_series(2, tier=Tier.BE, first_start_ns=market.twin.time_ns - market.twin.time_ns % 60_000_000_000)
    )
    market.tick(1)
    for account_id in (ALICE, BOB):
        for instrument_id in sorted(market.twin.tranches):
            terms = {"label": instrument_id % 2, "session_id": account_id, "instrument_id": instrument_id}
            market.place(account_id, BUY, 900, 1, **terms)


@pytest.mark.parametrize(
    ("account_id", "criteria"),
    [
        (ALICE, {}),
        (None, {}),
        (ALICE, {"label": 1}),
        (None, {"session_id": BOB}),
        (None, {"side": SELL}),
        (None, {"side": BUY, "instrument_id": 1}),
        (None, {"tier": Tier.BE}),
        (None, {"region_id": 1, "tier": Tier.EF}),
        (None, {"region_id": 2}),
    ],
)
def test_a_mass_cancel_takes_what_all_its_criteria_mean(
    market: Market, account_id: int | None, criteria: dict[str, int]
) -> None:
    """The twin knows which these are."""
    fill_books(market)
    before = len(market.twin.orders)
    outcome = market.ask(commands.mass_cancel(account_id, **criteria))
    gone = before - len(market.twin.orders)
    assert summary(outcome) == (Event.MASS_CANCELLED, gone, gone)


@pytest.mark.parametrize(
    ("account_id", "criteria", "gone"),
    [
        (None, {"region_id": 1}, 6),
        (None, {"region_id": 2}, 6),
        (None, {"side": BUY}, 6),
        (None, {"side": SELL}, 6),
        (None, {"region_id": 2, "side": SELL}, 3),
        (ALICE, {"region_id": 2, "side": BUY}, 3),
        (ALICE, {"side": SELL}, 0),
    ],
)
def test_a_mass_cancel_goes_by_region_and_by_side(
    market: Market, account_id: int | None, criteria: dict[str, int], gone: int
) -> None:
    """Three windows in each of two regions, with a bid of Alice's and an ask of Bob's in each."""
    start_ns = market.twin.time_ns - market.twin.time_ns % 60_000_000_000
    market.send(commands.define_region(2, "us-nyc"), define_series(2, region_id=2, first_start_ns=start_ns))
    market.tick(1)
    for instrument_id in sorted(market.twin.tranches):
        market.place(ALICE, BUY, 900, 1, instrument_id=instrument_id)
        market.place(BOB, SELL, 1_100, 1, instrument_id=instrument_id)
    before = len(market.twin.orders)
    assert summary(market.ask(commands.mass_cancel(account_id, **criteria))) == (Event.MASS_CANCELLED, gone, gone)
    assert before - len(market.twin.orders) == gone < before == 12


def test_everybodys_orders_may_be_cancelled_by_nobody_in_particular(market: Market) -> None:
    market.place(ALICE, BUY, 900, 1)
    market.place(BOB, BUY, 900, 2)
    assert summary(market.ask(commands.mass_cancel(None))) == (Event.MASS_CANCELLED, 2, 3)
    assert market.free_nano(ALICE) == CASH_NANO


@pytest.mark.parametrize(
    "group",
    [
        commands.mass_cancel(UNKNOWN_ACCOUNT),
        commands.mass_quote(UNKNOWN_ACCOUNT, [both(1, 1)]),
        commands.basket(UNKNOWN_ACCOUNT, [Leg(1, BUY, 1_000, 1)]),
    ],
)
def test_a_group_of_an_unknown_account_is_refused(market: Market, group: np.ndarray) -> None:
    assert market.ask(group)["reason"] == Reject.UNKNOWN_ACCOUNT


def test_a_halted_market_takes_mass_cancels_alone(market: Market) -> None:
    market.place(ALICE, BUY, 900, 1)
    market.send(commands.halt_market())
    assert market.ask(commands.mass_quote(ALICE, [both(1, 1)]))["reason"] == Reject.MARKET_HALTED
    assert market.ask(commands.basket(ALICE, [Leg(1, BUY, 1_000, 1)]))["reason"] == Reject.MARKET_HALTED
    assert market.ask(commands.mass_cancel(ALICE))["kind"] == Event.MASS_CANCELLED


# Retries, and buffers of any size.


@pytest.mark.parametrize(
    ("group", "other", "kind"),
    [
        (
            commands.mass_quote(ALICE, [both(1, 1), both(2, 2, SECOND)], client_id="mine"),
            commands.mass_quote(ALICE, [both(1, 1), both(2, 3, SECOND)], client_id="mine"),
            Event.MASS_QUOTED,
        ),
        (
            commands.basket(ALICE, [Leg(1, BUY, 1_000, 1), Leg(SECOND, BUY, 1_000, 1)], client_id="mine"),
            commands.basket(ALICE, [Leg(1, BUY, 1_000, 1), Leg(SECOND, BUY, 1_001, 1)], client_id="mine"),
            Event.BASKET_KILLED,
        ),
        (
            commands.mass_cancel(ALICE, label=1, client_id="mine"),
            commands.mass_cancel(ALICE, label=2, client_id="mine"),
            Event.MASS_CANCELLED,
        ),
        (
            commands.place(ALICE, 1, BUY, 900, 5, display_lots=2, client_id="mine"),
            commands.place(ALICE, 1, BUY, 900, 5, display_lots=3, client_id="mine"),
            Event.RESTED,
        ),
    ],
)
def test_a_group_sent_again_is_answered_again_and_one_that_says_otherwise_is_refused(
    market: Market, group: np.ndarray, other: np.ndarray, kind: Event
) -> None:
    assert market.ask(group)["kind"] == kind
    orders = dict(market.twin.orders)
    again = market.ask(group)
    assert (again["kind"], again["original_kind"]) == (Event.REPEATED, kind)
    assert market.ask(other)["reason"] == Reject.CLIENT_ID_REUSED
    assert market.twin.orders == orders


def test_a_basket_sent_again_is_the_same_though_its_legs_were_numbered_otherwise(market: Market) -> None:
    legs = commands.basket(ALICE, [Leg(1, BUY, 1_000, 1)], client_id="mine").copy()
    legs.view(commands.LEG)["order_id"][1] = 700
    market.ask(legs)
    legs.view(commands.LEG)["order_id"][1] = 701
    assert market.ask(legs)["kind"] == Event.REPEATED


def test_groups_go_on_where_the_buffer_was_full() -> None:
    histories = []
    for event_capacity in (4_096, EVENTS_PER_STEP_MAX):
        market = open_market(event_capacity=event_capacity)
        for at in range(4):
            market.place(BOB, SELL, 1_000 + at, 3, display_lots=2)
            market.place(CAROL, BUY, 999 - at, 2, instrument_id=SECOND)
        market.send(commands.mass_quote(ALICE, [Quote(1, 1_002, 20, 1_020, 5), both(4, 4, SECOND)], client_id="wide"))
        market.send(commands.basket(ALICE, [Leg(1, BUY, 1_010, 1), Leg(SECOND, SELL, 990, 6)]))
        market.send(commands.mass_quote(ALICE, [both(2, 5), both(9, 9, SECOND)], self_trade=SelfTrade.CANCEL_OLDEST))
        market.send(commands.mass_cancel(None))
        histories.append(np.concatenate(market.events).tobytes())
    assert histories[0] == histories[1]
