"""What-if says what the venue does: of one order or of many, it gives the same answers and the same figures."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.margin.condition import Condition
from exchange.margin.what_if import Entry, Impossible, Outcome, what_if
from exchange.venue.schema import Event, Reject
from exchange.venue.state import VenueLimits
from matching.schema import Side
from risk.schema import GROSS_NANO_MAX, RiskReject
from tests.exchange.margin.readers import Reader
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CASH_NANO,
    LIMITS,
    REFERENCE_TICKS,
    SELL,
    TICK_VALUE_NANO,
    Market,
    define_series,
    open_market,
)
from tests.exchange.venue.stream_operators import tranche_at
from tests.exchange.venue.streams import BUSY, DISTANCES, STEPS, Session, rehearse, sessions

LOT_NANO = (REFERENCE_TICKS + REFERENCE_TICKS // 5) * TICK_VALUE_NANO


def think(market: Market, account_id: int, *orders: Entry, positions: tuple[Entry, ...] = (), **how: Any) -> Outcome:
    named = {entry.instrument_id for entry in (*orders, *positions)}
    outcome = what_if(Reader(market).portfolio(account_id, *named), positions, orders, **how)
    assert isinstance(outcome, Outcome)
    return outcome


def answer_to(market: Market, account_id: int, order: Entry) -> list[dict[str, Any]]:
    """The events of the real order."""
    group = commands.place(account_id, order.instrument_id, Side(order.side), order.price_ticks, order.lots)
    (events,) = market.send(group, checks=False)
    return events


def figures(market: Market, account_id: int) -> tuple[int, int, int]:
    money = market.figures(account_id)
    return money.cash_nano, money.unsettled_nano, money.margin_nano


LOTS = st.sampled_from([1, 2, 5, 8, 21, 40, 80, 120, 166, 167, 400, 1_000, 1_001])
CHOICES = st.lists(st.tuples(st.sampled_from([0, 0, 0, 1, 2]), st.sampled_from(Side), DISTANCES, LOTS), max_size=8)


def check_orders(session: Session, account_id: int, choices: list[tuple[int, Side, int, int]]) -> None:
    """Before each order its fate is told; where it comes to rest as a whole, so are the figures."""
    market = rehearse(session)
    for pick, side, distance_ticks, lots in choices:
        order = Entry(tranche_at(market, pick), side, REFERENCE_TICKS + distance_ticks, lots)
        outcome = think(market, account_id, order)
        assert outcome.before[:3] == figures(market, account_id)
        events = answer_to(market, account_id, order)
        last = events[-1]
        told = last["reason"] if last["kind"] == Event.REJECTED else 0
        assert outcome.rejects == (told,)
        if [event["kind"] for event in events] in ([Event.RESTED], [Event.REJECTED]):
            assert outcome.after[:3] == figures(market, account_id)


@given(sessions(40, STEPS), st.sampled_from([1, 2, 3]), CHOICES)
def test_what_if_of_an_order_is_what_comes_of_it(
    session: Session, account_id: int, choices: list[tuple[int, Side, int, int]]
) -> None:
    check_orders(session, account_id, choices)


@given(sessions(40, BUSY), st.sampled_from([1, 2, 3]), CHOICES)
def test_so_it_is_in_a_busy_market(
    session: Session, account_id: int, choices: list[tuple[int, Side, int, int]]
) -> None:
    check_orders(session, account_id, choices)


@given(sessions(30, BUSY), st.sampled_from([1, 2, 3]), CHOICES)
def test_many_orders_at_once_fare_like_one_after_the_other(
    session: Session, account_id: int, choices: list[tuple[int, Side, int, int]]
) -> None:
    """None of them reaches the other side, so that all that is accepted rests."""
    market = rehearse(session)
    for order_id, order in list(market.twin.orders.items()):
        if order.side == Side.SELL:
            market.send(commands.cancel(order.account_id, order_id=order_id), checks=False)
    one_side = [choice for choice in choices if choice[1] == Side.BUY]
    orders = [
        Entry(tranche_at(market, pick), side, REFERENCE_TICKS + distance, lots)
        for pick, side, distance, lots in one_side
    ]
    outcome = think(market, account_id, *orders)
    outcomes = [answer_to(market, account_id, order)[-1] for order in orders]
    assert outcome.rejects == tuple(each["reason"] if each["kind"] == Event.REJECTED else 0 for each in outcomes)
    assert outcome.after[:3] == figures(market, account_id)


def test_a_position_that_is_thought_of_requires_what_a_real_one_does() -> None:
    market = open_market()
    thought = think(market, BOB, positions=(Entry(1, BUY, 950, 10),))
    market.place(ALICE, SELL, 950, 10)
    market.place(BOB, BUY, 950, 10)
    assert thought.after[:3] == figures(market, BOB)
    assert thought.after.unsettled_nano == 10 * 50 * TICK_VALUE_NANO
    assert thought.before.margin_nano == 0


def test_in_place_of_what_there_is_gains_are_realized_and_orders_gone() -> None:
    market = open_market()
    market.place(ALICE, SELL, 950, 10)
    market.place(BOB, BUY, 950, 10)
    market.place(BOB, BUY, 900, 5)
    thought = think(market, BOB, Entry(2, SELL, 1_000, 3), replaces=True)
    assert thought.after[:3] == (CASH_NANO + 10 * 50 * TICK_VALUE_NANO, 0, 3 * LOT_NANO)
    assert thought.before.equity_nano == thought.after.equity_nano
    assert [each.instrument_id for each in thought.after.contributors] == [2]


def test_orders_are_accepted_until_nothing_is_free() -> None:
    market = open_market()
    half = CASH_NANO // LOT_NANO // 2 + 1
    orders = [Entry(instrument_id, BUY, 1_000, half) for instrument_id in (1, 2)]
    thought = think(market, ALICE, *orders, Entry(3, SELL, 1_000, 1))
    assert thought.rejects == (0, RiskReject.INSUFFICIENT_MARGIN, 0)
    spread_nano = REFERENCE_TICKS // 5 * TICK_VALUE_NANO  # what the sale requires where it hedges the rest
    assert thought.after.margin_nano == half * LOT_NANO + spread_nano


def test_an_order_that_closes_is_taken_from_an_account_without_means() -> None:
    market = open_market()
    lots = CASH_NANO // LOT_NANO
    market.place(ALICE, SELL, 1_000, lots)
    market.place(BOB, BUY, 1_000, lots)
    market.send(
        commands.set_parameters(1, mark_ticks=900, shocks_ticks=[0, *[1_000, -1_000] * 7, 500], spread_ticks=200)
    )
    thought = think(market, BOB, Entry(1, SELL, 900, 10), Entry(1, BUY, 900, 10))
    assert thought.before.condition == Condition.MARGIN_CALL
    assert thought.rejects == (0, RiskReject.INSUFFICIENT_MARGIN)
    assert answer_to(market, BOB, Entry(1, SELL, 900, 10))[-1]["kind"] == Event.RESTED


@pytest.mark.parametrize(
    ("position", "reject"),
    [
        (Entry(1, BUY, 32_001, 1), RiskReject.PRICE_ABOVE_MAXIMUM),
        (Entry(1, BUY, 1, GROSS_NANO_MAX), RiskReject.NOTIONAL_OUT_OF_RANGE),
        (Entry(999, BUY, 1_000, 1), Reject.UNKNOWN_INSTRUMENT),
    ],
)
def test_a_position_that_no_account_can_have_is_told_by_its_place(position: Entry, reject: int) -> None:
    portfolio = Reader(open_market()).portfolio(ALICE, 1)
    fine = Entry(1, BUY, 1_000, 1)
    assert what_if(portfolio, [fine, position], []) == Impossible(1, reject)


def test_an_order_in_no_tranche_and_one_in_a_halted_market_are_refused_by_name() -> None:
    market = open_market()
    unknown = Entry(999, BUY, 1_000, 1)
    assert think(market, ALICE, unknown).rejects == (Reject.UNKNOWN_INSTRUMENT,)
    market.send(commands.halt_market())
    assert think(market, ALICE, unknown, Entry(1, BUY, 1_000, 1)).rejects == (Reject.MARKET_HALTED,) * 2
    assert answer_to(market, ALICE, unknown)[-1]["reason"] == Reject.MARKET_HALTED


def test_room_for_orders_and_positions_is_counted() -> None:
    limits = LIMITS._replace(orders=3, positions=2)
    for room, wanted in ((limits, Reject.TOO_MANY_ORDERS), (limits._replace(orders=16), Reject.TOO_MANY_POSITIONS)):
        check_room(room, wanted)


def check_room(limits: VenueLimits, wanted: int) -> None:
    market = open_market(limits)
    instruments = (1, 1, 1, 1) if wanted == Reject.TOO_MANY_ORDERS else (1, 2, 1, 3)
    orders = [Entry(instrument_id, BUY, 900, 1) for instrument_id in instruments]
    thought = think(market, ALICE, *orders)
    assert wanted in thought.rejects
    outcomes = [answer_to(market, ALICE, order)[-1] for order in orders]
    assert thought.rejects == tuple(each["reason"] if each["kind"] == Event.REJECTED else 0 for each in outcomes)


def test_regions_give_each_other_no_credit() -> None:
    market = open_market()
    market.send(commands.define_region(2, "us-nyc"), define_series(2, region_id=2))
    market.tick(1)
    other = next(each_id for each_id, each in market.twin.tranches.items() if each.scope[0] == 2)
    thought = think(market, ALICE, Entry(1, BUY, 1_000, 5), Entry(other, SELL, 1_000, 5))
    assert [rung.margin_nano for rung in thought.after.ladder] == [5 * LOT_NANO] * 2
    assert thought.after.margin_nano == 10 * LOT_NANO
