"""What must hold on any day whatever the rules say: no lot comes from nowhere, and none is lost."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given

from matching.schema import CommandKind, Side
from tests.matching.commands import (
    ALLOTTED,
    AUCTION_TRADE,
    BASKET_FILLED,
    BASKET_KILLED,
    BOOK_KINDS,
    CANCELLED,
    FILLED,
    INSTRUMENTS,
    KILLED,
    MASS_CANCELLED,
    MASS_QUOTED,
    PREVENTED,
    REDUCED,
    REFRESHED,
    REJECTED,
    REPLACED,
    RESERVE_REMOVED,
    RESTED,
    TRADE,
    TRIMMED,
    UNCROSSED,
    WITHDRAWN,
    Book,
)
from tests.matching.streams import Step, in_batches, session_book, sessions

Row = dict[str, Any]

OUT_OF_THE_BOOK = {CANCELLED, WITHDRAWN, REDUCED, RESERVE_REMOVED, ALLOTTED}
GIVEN_UP = {KILLED, TRIMMED}
"""What an incoming order does not bring into the book, beside what it trades."""


@pytest.mark.parametrize("kind", BOOK_KINDS)
@given(session=sessions())
def test_events_alone_rebuild_what_is_left_of_every_order(kind: str, session: list[Step]) -> None:
    book = session_book(kind)
    left: Counter[int] = Counter()
    for step in session:
        for row in step.events(book):
            follow(left, row)
            assert left[row["order_id"]] >= 0
            assert left[row["counter_order_id"]] >= 0
        expected = {int(order["order_id"]): int(order["leaves_lots"]) for order in book.orders()}
        assert {order_id: lots for order_id, lots in left.items() if lots} == expected


def follow(left: Counter[int], row: Row) -> None:
    """Carry one event into what is left of the orders at rest."""
    if row["kind"] in (RESTED, REPLACED):
        left[row["order_id"]] = row["leaves_lots"]
    elif row["kind"] in OUT_OF_THE_BOOK:
        left[row["order_id"]] -= row["quantity_lots"]
        assert left[row["order_id"]] == row["leaves_lots"]
    elif row["kind"] in (TRADE, PREVENTED):
        left[row["counter_order_id"]] -= row["quantity_lots"]
    elif row["kind"] == REFRESHED:
        assert left[row["order_id"]] == row["leaves_lots"]
        assert 0 < row["quantity_lots"] <= row["leaves_lots"]


@pytest.mark.parametrize("kind", BOOK_KINDS)
@given(session=sessions())
def test_all_lots_of_a_new_order_trade_or_are_given_up_or_rest(kind: str, session: list[Step]) -> None:
    book = session_book(kind)
    for step in session:
        events = step.events(book)
        for command in step.arguments if step.method == "execute" else ():
            if command["kind"] == CommandKind.PLACE and events[-1]["kind"] != REJECTED:
                assert accounted_lots(events, command["order_id"]) == command["quantity_lots"]
            if command["kind"] == CommandKind.BASKET and events[-1]["kind"] == BASKET_FILLED:
                check_basket(command, events)


def accounted_lots(events: list[Row], order_id: int) -> int:
    """What the events of its command say of an order's lots, one way or another."""
    own = [row for row in events if row["order_id"] == order_id]
    moved_lots = sum(row["quantity_lots"] for row in own if row["kind"] in GIVEN_UP | {TRADE, PREVENTED})
    return moved_lots + sum(row["leaves_lots"] for row in own if row["kind"] == RESTED)


def check_basket(command: Row, events: list[Row]) -> None:
    """Every leg was filled, in order, within its limit; nothing was given up."""
    legs = [row for row in command["behind"] if row["kind"] == CommandKind.LEG]
    assert [row["order_id"] for row in events if row["kind"] == FILLED] == [leg["order_id"] for leg in legs]
    for leg in legs:
        trades = [row for row in events if row["kind"] == TRADE and row["order_id"] == leg["order_id"]]
        sign = 1 if leg["side"] == Side.BUY else -1
        assert sum(row["quantity_lots"] for row in trades) == leg["quantity_lots"]
        assert all(sign * row["price_ticks"] <= sign * leg["price_ticks"] for row in trades)
    assert events[-1]["quantity_lots"] == sum(leg["quantity_lots"] for leg in legs)
    assert events[-1]["counter_order_id"] == len(legs)


@pytest.mark.parametrize("kind", BOOK_KINDS)
@given(session=sessions())
def test_what_is_refused_or_killed_as_a_whole_changes_nothing(kind: str, session: list[Step]) -> None:
    book = session_book(kind)
    for step in session:
        before = book.orders().tolist()
        events = step.events(book)
        if events and events[-1]["kind"] in (REJECTED, BASKET_KILLED):
            assert len(events) == 1
            assert book.orders().tolist() == before


@pytest.mark.parametrize("kind", BOOK_KINDS)
@given(session=sessions())
def test_summaries_count_what_happened(kind: str, session: list[Step]) -> None:
    book = session_book(kind)
    for step in session:
        events = step.events(book)
        if not events:
            continue
        last = events[-1]
        if last["kind"] == MASS_CANCELLED:
            gone = [row for row in events if row["kind"] in (CANCELLED, RESERVE_REMOVED)]
            assert last["quantity_lots"] == sum(row["quantity_lots"] for row in gone)
            assert last["counter_order_id"] == sum(row["kind"] == CANCELLED for row in gone)
        if last["kind"] == MASS_QUOTED:
            named = sum(quote["bid_lots"] > 0 for quote in quotes_of(step))
            named += sum(quote["ask_lots"] > 0 for quote in quotes_of(step))
            assert last["counter_order_id"] <= named


def quotes_of(step: Step) -> list[Row]:
    """The entries of a mass quote."""
    return [row for row in step.arguments[0]["behind"] if row["kind"] == CommandKind.QUOTE]


@pytest.mark.parametrize("kind", BOOK_KINDS)
@given(session=sessions())
def test_an_uncrossing_trades_what_it_foretold_and_leaves_nothing_that_crosses(kind: str, session: list[Step]) -> None:
    book = session_book(kind)
    for step in session:
        if step.method != "uncross":
            step.apply(book)
            continue
        instrument_id, reference_ticks = step.arguments
        foretold = book.indicative(instrument_id, reference_ticks)
        check_uncrossing(step.events(book), foretold)
        assert not is_crossed(book, instrument_id)
        assert book.indicative(instrument_id, reference_ticks) == (0, 0, 0)


def check_uncrossing(events: list[Row], foretold: tuple[int, int, int]) -> None:
    """Both sides gave the volume, at one price that is within every limit, and nobody got another's lots."""
    last = events[-1]
    assert (last["kind"], last["price_ticks"], last["quantity_lots"], last["leaves_lots"]) == (UNCROSSED, *foretold)
    allotted: Counter[tuple[int, int]] = Counter()
    for row in events[:-1]:
        if row["kind"] == AUCTION_TRADE:
            assert row["price_ticks"] == last["price_ticks"]
            allotted[Side.BUY, row["order_id"]] -= row["quantity_lots"]
            allotted[Side.SELL, row["counter_order_id"]] -= row["quantity_lots"]
            assert min(allotted.values()) >= 0, "traded before it was allotted"
        else:
            assert row["kind"] in (ALLOTTED, RESERVE_REMOVED)
            sign = 1 if row["side"] == Side.BUY else -1
            assert sign * row["price_ticks"] >= sign * last["price_ticks"]
            allotted[row["side"], row["order_id"]] += row["quantity_lots"]
    assert set(allotted.values()) <= {0}
    assert sum(row["quantity_lots"] for row in events if row["kind"] == AUCTION_TRADE) == last["quantity_lots"]


def is_crossed(book: Book, instrument_id: int) -> bool:
    """Whether a bid reaches an ask."""
    bids, asks = (book.levels(instrument_id, side) for side in Side)
    return bool(bids and asks) and bids[0][0] >= asks[0][0]


@pytest.mark.parametrize("kind", BOOK_KINDS)
@given(session=sessions())
def test_the_same_day_in_larger_batches_has_the_same_events(kind: str, session: list[Step]) -> None:
    first, second = session_book(kind), session_book(kind)
    events = [row for step in session for row in step.events(first)]
    assert events == [row for step in in_batches(session) for row in step.events(second)]
    assert first.orders().tolist() == second.orders().tolist()
    for instrument_id in INSTRUMENTS:
        for side in Side:
            assert first.levels(instrument_id, side) == second.levels(instrument_id, side)
