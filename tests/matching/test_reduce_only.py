"""Orders that only reduce a position, by example: the caller says how many lots they may take."""

from typing import Any

import numpy as np
import pytest

from matching.book import OrderBook
from matching.identifiers import find_slot
from matching.resting import trim_resting
from matching.schema import ORDER_EVENT, EventBuffer, OrderReason, OrderReject, SelfTrade, Side
from tests.matching.commands import (
    CANCELLED,
    FILLED,
    FOK,
    GTC,
    GTD,
    IOC,
    KILLED,
    MARKET,
    NAMES_REMAINING,
    PLAIN,
    POST_ONLY,
    REDUCE_ONLY,
    REDUCED,
    REJECTED,
    REPLACED,
    RESERVE_REMOVED,
    RESTED,
    SLIDE,
    STEPPED,
    TRADE,
    TRIMMED,
    WITHDRAWN,
    Book,
    Command,
    at_least,
    brief,
    buy,
    cancel,
    event,
    iceberg,
    make_book,
    outcome,
    place,
    records,
    replace,
    run,
    sell,
    told,
)


@pytest.fixture
def book() -> Book:
    return make_book("compiled")


@pytest.mark.parametrize("lots", [0, -3])
def test_an_order_that_has_nothing_to_reduce_is_refused(book: Book, lots: int) -> None:
    assert outcome(book, buy(1, 100, 10, flags=REDUCE_ONLY))[1] == OrderReject.REDUCE_ONLY_WITHOUT_POSITION
    book.set_reducible(lots)
    assert run(book, sell(1, 100, 10, flags=REDUCE_ONLY)) == [
        event(
            REJECTED,
            side=Side.SELL,
            sequence=2,
            order_id=1,
            reason=OrderReject.REDUCE_ONLY_WITHOUT_POSITION,
            price_ticks=100,
        )
    ]
    assert outcome(book, buy(1, 100, 10)) == (RESTED, OrderReason.NONE)


def test_an_order_within_the_position_is_like_any_other(book: Book) -> None:
    book.set_reducible(10)
    assert brief(run(book, buy(1, 100, 10, flags=REDUCE_ONLY))) == [(RESTED, 1, 0, 100, 10, 10)]
    assert book.orders()["flags"].tolist() == [REDUCE_ONLY]


def test_what_goes_beyond_the_position_is_given_up_before_anything_else(book: Book) -> None:
    run(book, sell(1, 100, 4, account_id=2))
    book.set_reducible(7)
    assert run(book, buy(2, 101, 10, account_id=3, flags=REDUCE_ONLY)) == [
        event(
            TRIMMED,
            sequence=2,
            order_id=2,
            account_id=3,
            reason=OrderReason.REDUCE_ONLY,
            price_ticks=101,
            quantity_lots=3,
            leaves_lots=7,
        ),
        event(
            TRADE,
            sequence=2,
            index=1,
            order_id=2,
            account_id=3,
            counter_order_id=1,
            counter_account_id=2,
            price_ticks=100,
            quantity_lots=4,
            leaves_lots=3,
        ),
        event(RESTED, sequence=2, index=2, order_id=2, account_id=3, price_ticks=101, quantity_lots=3, leaves_lots=3),
    ]
    [row] = book.orders()
    assert (row["quantity_lots"], row["leaves_lots"]) == (7, 3)
    book.check()


@pytest.mark.parametrize(
    ("terms", "end"),
    [
        ({"time_in_force": GTC}, (RESTED, 2, 0, 100, 3, 3)),
        ({"time_in_force": GTD, "expires_ns": 9}, (RESTED, 2, 0, 100, 3, 3)),
        ({"time_in_force": IOC}, (KILLED, 2, 0, 100, 3, 0)),
    ],
)
def test_a_trimmed_order_goes_on_as_its_lifetime_says(book: Book, terms: Command, end: tuple[Any, ...]) -> None:
    run(book, sell(1, 100, 4, account_id=2))
    book.set_reducible(7)
    assert brief(run(book, buy(2, 100, 10, flags=REDUCE_ONLY, **terms))) == [
        (TRIMMED, 2, 0, 100, 3, 7),
        (TRADE, 2, 1, 100, 4, 3),
        end,
    ]


@pytest.mark.parametrize(("side", "edge_ticks"), [(Side.BUY, 110), (Side.SELL, 90)])
def test_a_market_order_is_trimmed_at_the_edge_of_the_band(book: Book, side: Side, edge_ticks: int) -> None:
    run(book, place(1, Side(1 - side), 100, 50, instrument_id=STEPPED, account_id=2))
    book.set_reducible(30)
    market = place(2, side, 0, 40, instrument_id=STEPPED, time_in_force=IOC, flags=MARKET | REDUCE_ONLY)
    assert brief(run(book, market)) == [
        (TRIMMED, 2, 0, edge_ticks, 10, 30),
        (TRADE, 2, 1, 100, 30, 0),
        (FILLED, 2, 0, edge_ticks, 0, 0),
    ]


def test_fill_or_kill_is_not_trimmed(book: Book) -> None:
    run(book, sell(1, 100, 20, account_id=2))
    book.set_reducible(7)
    order = buy(2, 100, 8, flags=REDUCE_ONLY, time_in_force=FOK)
    assert brief(run(book, order)) == [(KILLED, 2, 0, 100, 8, 0)]
    assert outcome(book, order) == (KILLED, OrderReason.NOT_FILLABLE)
    assert outcome(book, order | {"quantity_lots": 7}) == (FILLED, OrderReason.NONE)


def test_fill_or_kill_within_the_position_must_find_its_lots_all_the_same(book: Book) -> None:
    run(book, sell(1, 100, 6, account_id=2))
    book.set_reducible(7)
    order = buy(2, 100, 7, flags=REDUCE_ONLY, time_in_force=FOK)
    assert outcome(book, order) == (KILLED, OrderReason.NOT_FILLABLE)


@pytest.mark.parametrize(
    ("minimum_lots", "expected"),
    [
        (8, [(KILLED, 2, 0, 100, 10, 0)]),
        (7, [(TRIMMED, 2, 0, 100, 3, 7), (KILLED, 2, 0, 100, 7, 0)]),
        (4, [(TRIMMED, 2, 0, 100, 3, 7), (TRADE, 2, 1, 100, 4, 3), (RESTED, 2, 0, 100, 3, 3)]),
    ],
)
def test_a_minimum_is_held_against_the_position_and_then_against_the_book(
    book: Book, minimum_lots: int, expected: list[tuple[Any, ...]]
) -> None:
    run(book, sell(1, 100, 4, account_id=2))
    book.set_reducible(7)
    assert brief(run(book, at_least(buy(2, 100, 10, flags=REDUCE_ONLY), minimum_lots))) == expected


def test_a_trimmed_iceberg_shows_a_clip_of_what_is_left(book: Book) -> None:
    book.set_reducible(7)
    order = buy(1, 100, 10, flags=REDUCE_ONLY)
    assert brief(run(book, iceberg(order, 4))) == [(TRIMMED, 1, 0, 100, 3, 7), (RESTED, 1, 0, 100, 4, 7)]
    run(book, cancel(1))
    assert brief(run(book, iceberg(order, 9))) == [(TRIMMED, 1, 0, 100, 3, 7), (RESTED, 1, 0, 100, 7, 7)]
    book.check()


def test_a_refused_post_only_order_is_not_trimmed_and_one_that_slides_is_trimmed_where_it_slid(book: Book) -> None:
    run(book, sell(1, 100, 4, account_id=2))
    book.set_reducible(7)
    assert brief(run(book, buy(2, 100, 10, flags=REDUCE_ONLY | POST_ONLY))) == [(REJECTED, 2, 0, 100, 0, 0)]
    assert brief(run(book, buy(2, 100, 10, flags=REDUCE_ONLY | SLIDE))) == [
        (TRIMMED, 2, 0, 99, 3, 7),
        (RESTED, 2, 0, 99, 7, 7),
    ]


def test_the_position_is_asked_for_after_all_other_rules_but_post_only(book: Book) -> None:
    run(book, sell(1, 100, 4, account_id=2))
    order = buy(1, 100, 10, flags=REDUCE_ONLY | POST_ONLY)
    assert outcome(book, order) == (REJECTED, OrderReject.DUPLICATE_ORDER_ID)
    assert outcome(book, order | {"order_id": 2}) == (REJECTED, OrderReject.REDUCE_ONLY_WITHOUT_POSITION)
    book.set_reducible(1)
    assert outcome(book, order | {"order_id": 2}) == (REJECTED, OrderReject.POST_ONLY_WOULD_TRADE)
    run(book, *[sell(order_id, 101, 1) for order_id in range(3, 10)])
    book.set_reducible(0)
    assert outcome(book, order | {"order_id": 2}) == (REJECTED, OrderReject.TOO_MANY_ORDERS)


def test_a_replace_that_loses_its_place_is_trimmed_to_the_position(book: Book) -> None:
    book.set_reducible(10)
    run(book, buy(1, 100, 10, flags=REDUCE_ONLY), sell(2, 100, 4, account_id=2), sell(3, 102, 2, account_id=2))
    book.set_reducible(5)
    assert brief(run(book, replace(1, 102, 12))) == [
        (WITHDRAWN, 1, 0, 100, 6, 0),
        (TRIMMED, 1, 0, 102, 3, 5),
        (TRADE, 1, 3, 102, 2, 3),
        (REPLACED, 1, 0, 102, 3, 3),
    ]
    [row] = book.orders()
    assert (row["quantity_lots"], row["leaves_lots"]) == (9, 3)
    book.check()


def test_a_replaced_iceberg_is_trimmed_after_it_was_withdrawn_whole(book: Book) -> None:
    book.set_reducible(10)
    run(book, iceberg(buy(1, 100, 10, flags=REDUCE_ONLY), 4))
    book.set_reducible(5)
    events = run(book, replace(1, 101, 10))
    assert brief(events) == [
        (RESERVE_REMOVED, 1, 0, 100, 6, 4),
        (WITHDRAWN, 1, 0, 100, 4, 0),
        (TRIMMED, 1, 0, 101, 5, 5),
        (REPLACED, 1, 0, 101, 4, 5),
    ]
    assert events[2]["reason"] == OrderReason.REDUCE_ONLY
    assert events[3]["reason"] == OrderReason.NONE
    book.check()


def test_a_replace_without_a_position_is_refused_and_one_that_only_shrinks_is_not_asked(book: Book) -> None:
    book.set_reducible(10)
    run(book, buy(1, 100, 10, flags=REDUCE_ONLY), sell(2, 105, 1, account_id=2))
    book.set_reducible(0)
    assert brief(run(book, replace(1, 101, 10))) == [(REJECTED, 1, 0, 101, 0, 0)]
    assert outcome(book, replace(1, 101, 10)) == (REJECTED, OrderReject.REDUCE_ONLY_WITHOUT_POSITION)
    assert brief(run(book, replace(1, 100, 4, flags=NAMES_REMAINING))) == [(REDUCED, 1, 0, 100, 6, 4)]
    assert brief(run(book, cancel(1))) == [(CANCELLED, 1, 0, 100, 4, 0)]


def test_a_replaced_post_only_order_without_a_position_names_the_position(book: Book) -> None:
    book.set_reducible(10)
    run(book, buy(1, 100, 10, flags=REDUCE_ONLY | POST_ONLY), sell(2, 105, 1, account_id=2))
    book.set_reducible(0)
    assert outcome(book, replace(1, 105, 10)) == (REJECTED, OrderReject.REDUCE_ONLY_WITHOUT_POSITION)
    book.set_reducible(3)
    assert outcome(book, replace(1, 105, 10)) == (REJECTED, OrderReject.POST_ONLY_WOULD_TRADE)


def test_self_trade_prevention_ends_a_trimmed_order_with_what_it_has_left(book: Book) -> None:
    run(book, sell(1, 100, 4))
    book.set_reducible(7)
    events = run(book, buy(2, 100, 10, flags=REDUCE_ONLY, self_trade=SelfTrade.CANCEL_NEWEST))
    assert brief(events) == [(TRIMMED, 2, 0, 100, 3, 7), (KILLED, 2, 0, 100, 7, 0)]
    assert [row["reason"] for row in events] == [OrderReason.REDUCE_ONLY, OrderReason.SELF_TRADE]


@pytest.mark.parametrize("buffer", range(4, 9))
def test_a_small_buffer_gives_the_same_events(buffer: int) -> None:
    commands = [
        iceberg(sell(1, 100, 9, account_id=2), 2),
        buy(2, 100, 7, flags=REDUCE_ONLY),
        iceberg(buy(3, 99, 7, flags=REDUCE_ONLY), 2),
        at_least(buy(4, 100, 7, flags=REDUCE_ONLY), 3),
        replace(3, 100, 20),
    ]
    small, large = make_book("compiled", event_capacity=buffer), make_book("compiled")
    for each in (small, large):
        each.set_reducible(5)
    expected = large.execute(records(*commands))
    assert {TRIMMED, WITHDRAWN, RESERVE_REMOVED} <= set(expected["kind"].tolist())
    assert small.execute(records(*commands)).tolist() == expected.tolist()
    small.check()


@pytest.mark.parametrize(
    ("quantity_lots", "expected", "left"),
    [
        (3, [(REDUCED, 1, 0, 100, 3, 7)], [7, 2]),
        (9, [(REDUCED, 1, 0, 100, 9, 1)], [1, 2]),
        (10, [(CANCELLED, 1, 0, 100, 10, 0)], [2]),
        (11, [(CANCELLED, 1, 0, 100, 10, 0)], [2]),
    ],
)
def test_a_resting_order_that_the_position_no_longer_covers_shrinks_in_its_place_or_goes(
    quantity_lots: int, expected: list[tuple[Any, ...]], left: list[int]
) -> None:
    book = make_book("compiled")
    assert isinstance(book, OrderBook)
    run(book, buy(1, 100, 10), buy(2, 100, 2))
    events = trimmed(book, 1, quantity_lots)
    assert brief(events) == expected
    assert {row["reason"] for row in events} == {OrderReason.REDUCE_ONLY}
    assert book.orders()["leaves_lots"].tolist() == left
    assert book.levels(PLAIN, Side.BUY) == [(100, sum(left), len(left))]
    book.check()


@pytest.mark.parametrize(
    ("quantity_lots", "expected"),
    [
        (2, [(RESERVE_REMOVED, 1, 0, 100, 2, 8), (REDUCED, 1, 0, 100, 0, 8)]),
        (9, [(RESERVE_REMOVED, 1, 0, 100, 6, 4), (REDUCED, 1, 0, 100, 3, 1)]),
        (10, [(RESERVE_REMOVED, 1, 0, 100, 6, 4), (CANCELLED, 1, 0, 100, 4, 0)]),
    ],
)
def test_a_resting_iceberg_that_the_position_no_longer_covers_loses_its_reserve_first(
    quantity_lots: int, expected: list[tuple[Any, ...]]
) -> None:
    book = make_book("compiled")
    assert isinstance(book, OrderBook)
    run(book, iceberg(buy(1, 100, 10), 4))
    events = trimmed(book, 1, quantity_lots)
    assert brief(events) == expected
    assert {row["reason"] for row in events} == {OrderReason.REDUCE_ONLY}
    book.check()


def trimmed(book: OrderBook, order_id: int, quantity_lots: int) -> list[dict[str, Any]]:
    """Take lots off a resting order, as the venue does when a position has become smaller."""
    events = np.zeros(4, ORDER_EVENT)
    count = trim_resting(book.book, find_slot(book.book, np.uint64(order_id)), quantity_lots, EventBuffer(events), 0)
    return told(events[:count])
