"""The uncrossing, event by event, and what it leaves."""

from typing import Any

import numpy as np
import pytest

from matching.auction import write_indicative
from matching.batch import uncross_batch
from matching.book import OrderBook
from matching.layout import Progress
from matching.schema import ORDER_EVENT, EventBuffer, EventKind, OrderReason, Phase, Side
from tests.matching.auctions import check, collecting, uncrossed
from tests.matching.commands import (
    CANCELLED,
    FILLED,
    PLAIN,
    POST_ONLY,
    REJECTED,
    RESERVE_REMOVED,
    STEPPED,
    TRADE,
    WILD,
    Book,
    brief,
    buy,
    cancel,
    event,
    iceberg,
    make_book,
    place,
    records,
    run,
    sell,
    told,
)

ALLOTTED, AUCTION_TRADE, UNCROSSED, INDICATIVE = list(EventKind)[13:17]
STEP_EVENTS = 4
"""The smallest buffer."""


def test_an_uncrossing_tells_every_part_and_every_trade(book: Book) -> None:
    collecting(book, buy(1, 105, 4), sell(2, 99, 6, account_id=2))
    terms: dict[str, Any] = {"sequence": 2}
    assert uncrossed(book, 101) == [
        event(ALLOTTED, order_id=1, price_ticks=105, quantity_lots=4, **terms),
        event(
            ALLOTTED,
            order_id=2,
            account_id=2,
            side=Side.SELL,
            price_ticks=99,
            quantity_lots=4,
            leaves_lots=2,
            index=1,
            **terms,
        ),
        event(
            AUCTION_TRADE,
            order_id=1,
            counter_order_id=2,
            counter_account_id=2,
            price_ticks=101,
            quantity_lots=4,
            index=2,
            **terms,
        ),
        event(UNCROSSED, account_id=0, price_ticks=101, quantity_lots=4, leaves_lots=-2, index=3, **terms),
    ]


def test_the_parts_of_both_sides_come_as_they_are_needed(book: Book) -> None:
    orders = [buy(1, 105, 10), buy(2, 103, 5), sell(3, 100, 8), sell(4, 102, 3), sell(5, 104, 3)]
    collecting(book, *orders)
    assert brief(uncrossed(book, 100)) == [
        (ALLOTTED, 1, 0, 105, 10, 0),
        (ALLOTTED, 3, 0, 100, 8, 0),
        (AUCTION_TRADE, 1, 3, 102, 8, 0),
        (ALLOTTED, 4, 0, 102, 3, 0),
        (AUCTION_TRADE, 1, 4, 102, 2, 0),
        (ALLOTTED, 2, 0, 103, 1, 4),
        (AUCTION_TRADE, 2, 4, 102, 1, 0),
        (UNCROSSED, 0, 0, 102, 11, 4),
    ]
    assert book.levels(PLAIN, Side.BUY) == [(103, 4, 1)]
    assert book.levels(PLAIN, Side.SELL) == [(104, 3, 1)]
    check(book)


def test_two_orders_that_are_used_up_at_once_are_followed_by_a_buyer_first(book: Book) -> None:
    collecting(book, sell(3, 100, 5), sell(4, 100, 2), buy(1, 100, 5), buy(2, 100, 2))
    assert [row[:2] for row in brief(uncrossed(book))] == [
        (ALLOTTED, 1),
        (ALLOTTED, 3),
        (AUCTION_TRADE, 1),
        (ALLOTTED, 2),
        (ALLOTTED, 4),
        (AUCTION_TRADE, 2),
        (UNCROSSED, 0),
    ]
    assert len(book.orders()) == 0


@pytest.mark.parametrize("asks", [[], [sell(2, 101, 3)]], ids=["no asks", "asks above"])
def test_without_a_cross_nothing_trades(book: Book, asks: list[dict[str, int]]) -> None:
    collecting(book, buy(1, 100, 3), *asks)
    assert brief(uncrossed(book)) == [(UNCROSSED, 0, 0, 0, 0, 0)]
    assert len(book.orders()) == 1 + len(asks)
    check(book)


def test_time_decides_who_is_left_at_the_price_and_keeps_its_place(book: Book) -> None:
    collecting(book, *[buy(n, 100, 4, account_id=n) for n in (1, 2, 3)], sell(9, 100, 6, account_id=9))
    trades = [row for row in brief(uncrossed(book)) if row[0] == AUCTION_TRADE]
    assert trades == [(AUCTION_TRADE, 1, 9, 100, 4, 0), (AUCTION_TRADE, 2, 9, 100, 2, 0)]
    assert brief(run(book, sell(10, 100, 5, account_id=9)))[:2] == [
        (TRADE, 10, 2, 100, 2, 3),
        (TRADE, 10, 3, 100, 3, 0),
    ]


def test_a_better_price_comes_before_an_earlier_time(book: Book) -> None:
    collecting(book, buy(1, 100, 4), buy(2, 101, 4), sell(3, 99, 1), sell(4, 98, 3))
    trades = [row[1:3] for row in brief(uncrossed(book)) if row[0] == AUCTION_TRADE]
    assert trades == [(2, 4), (2, 3)]


def test_orders_from_before_the_auction_take_part_even_if_they_never_take(book: Book) -> None:
    run(book, sell(1, 100, 3, account_id=2, flags=POST_ONLY))
    collecting(book, buy(2, 104, 3))
    assert (AUCTION_TRADE, 2, 1, 100, 3, 0) in brief(uncrossed(book))


def test_an_account_whose_orders_came_without_prevention_trades_with_itself(book: Book) -> None:
    collecting(book, buy(1, 100, 3), sell(2, 100, 3))
    [trade] = [row for row in uncrossed(book) if row["kind"] == AUCTION_TRADE]
    assert (trade["account_id"], trade["counter_account_id"]) == (1, 1)


def test_what_traded_counts_as_filled(book: Book) -> None:
    collecting(book, buy(1, 100, 9), sell(2, 100, 3))
    uncrossed(book)
    [left] = book.orders()
    assert (left["leaves_lots"], left["quantity_lots"]) == (6, 9)


def test_only_the_instrument_that_is_uncrossed_trades(book: Book) -> None:
    for instrument_id in (STEPPED, WILD):
        book.set_phase(instrument_id, Phase.AUCTION)
        run(book, buy(1 + instrument_id, 100, 10, instrument_id=instrument_id))
        run(book, sell(11 + instrument_id, 100, 10, instrument_id=instrument_id))
    events = told(book.uncross(STEPPED, 100))
    assert {row["instrument_id"] for row in events} == {STEPPED}
    assert set(book.orders()["instrument_id"].tolist()) == {WILD}


def test_after_the_uncrossing_the_book_trades_on(book: Book) -> None:
    collecting(book, buy(1, 105, 4), sell(2, 99, 6, account_id=2))
    uncrossed(book)
    assert brief(run(book, buy(3, 99, 2)))[0] == (TRADE, 3, 2, 99, 2, 0)
    assert len(book.orders()) == 0
    check(book)


def test_an_iceberg_gives_of_its_reserve_first_and_goes_on_showing_its_clip(book: Book) -> None:
    collecting(book, iceberg(buy(1, 100, 10), 4), buy(2, 100, 3, account_id=2), sell(3, 100, 8, account_id=3))
    assert brief(uncrossed(book)) == [
        (RESERVE_REMOVED, 1, 0, 100, 6, 4),
        (ALLOTTED, 1, 0, 100, 2, 2),
        (ALLOTTED, 3, 0, 100, 8, 0),
        (AUCTION_TRADE, 1, 3, 100, 8, 0),
        (UNCROSSED, 0, 0, 100, 8, 5),
    ]
    assert book.levels(PLAIN, Side.BUY) == [(100, 5, 2)]


def test_an_iceberg_may_give_of_its_reserve_alone(book: Book) -> None:
    collecting(book, iceberg(sell(1, 100, 10), 4), buy(2, 100, 5, account_id=2))
    events = uncrossed(book)
    assert brief(events) == [
        (ALLOTTED, 2, 0, 100, 5, 0),
        (RESERVE_REMOVED, 1, 0, 100, 5, 5),
        (AUCTION_TRADE, 2, 1, 100, 5, 0),
        (UNCROSSED, 0, 0, 100, 5, -5),
    ]
    assert events[1]["reason"] == OrderReason.NONE
    assert book.levels(PLAIN, Side.SELL) == [(100, 4, 1)]


def test_an_indicative_event_says_what_the_uncrossing_would() -> None:
    book = make_compiled()
    collecting(book, buy(1, 105, 4), sell(2, 99, 6, account_id=2))
    events = np.zeros(STEP_EVENTS, ORDER_EVENT)
    assert write_indicative(book.book, PLAIN, 101, EventBuffer(events), 0) == 1
    [indicative] = told(events[:1])
    outcome = uncrossed(book, 101)[-1]
    assert indicative == event(
        INDICATIVE, account_id=0, sequence=2, index=1, price_ticks=101, quantity_lots=4, leaves_lots=-2
    )
    assert outcome | {"kind": INDICATIVE, "index": 1} == indicative


@pytest.mark.parametrize("event_capacity", range(STEP_EVENTS, 9))
def test_a_flood_of_cancels_around_an_uncrossing_neither_stops_nor_changes_it(event_capacity: int) -> None:
    orders = [place(n, Side(n % 2), 1_000 + n * 37 % 101, 1 + n % 5, account_id=n % 16) for n in range(1, 601)]
    before = [cancel(n, account_id=n % 16) for n in range(1, 601) if n % 3 == 0]
    after = [cancel(n, account_id=n % 16) for n in range(1, 601)]
    expected = flooded(make_book("compiled", orders=700), orders, before, after)
    small = make_book("compiled", orders=700, event_capacity=event_capacity)
    assert flooded(small, orders, before, after) == expected
    kinds = [row["kind"] for row in expected]
    assert kinds.count(UNCROSSED) == 1
    assert kinds.count(AUCTION_TRADE) > 100
    assert kinds.count(CANCELLED) > 200
    assert kinds.count(REJECTED) > 100
    assert len(small.orders()) == 0


@pytest.mark.parametrize("orders", [1, 100, 400])
def test_an_uncrossing_ends_after_no_more_calls_than_it_has_events(orders: int) -> None:
    book = make_compiled(orders=2 * orders + 2, event_capacity=STEP_EVENTS)
    bids = [buy(n, 2_000 - n, 2) for n in range(1, orders + 1)]
    asks = [sell(1_000 + n, 1_000 + n % 3, 3) for n in range(1, orders + 1)]
    collecting(book, *bids, *asks)
    events = np.zeros(STEP_EVENTS, ORDER_EVENT)
    calls = told_events = 0
    while not calls or book.book.taker[0]["progress"] == Progress.PAUSED:
        calls += 1
        count = uncross_batch(book.book, PLAIN, 1_000, EventBuffer(events))
        assert count > 0
        told_events += count
    assert calls <= told_events <= 2 * 2 * orders + 2 * orders + 1
    check(book)


@pytest.mark.parametrize("event_capacity", range(STEP_EVENTS, 12))
def test_an_uncrossing_of_icebergs_goes_on_through_a_small_buffer(event_capacity: int) -> None:
    def run_through(capacity: int) -> list[Any]:
        book = make_compiled(orders=100, event_capacity=capacity)
        orders = [place(n, Side(n % 2), 100 + n % 7, 5 + n % 11) for n in range(1, 61)]
        collecting(book, *[iceberg(order, 1 + n % 4) if n % 3 else order for n, order in enumerate(orders)])
        return [book.uncross(PLAIN, 103).tolist(), book.orders().tolist(), book.book.cursor.tolist()]

    assert run_through(event_capacity) == run_through(4_096)


def test_every_trade_of_an_uncrossing_is_counted() -> None:
    book = make_compiled()
    collecting(book, buy(1, 100, 5), buy(2, 100, 2), sell(3, 100, 6), sell(4, 100, 1))
    kinds = [row["kind"] for row in uncrossed(book)]
    assert book.book.counters[0]["trades"] == kinds.count(AUCTION_TRADE) == 3


def test_an_order_that_meets_the_uncrossed_book_is_filled_at_resting_prices(book: Book) -> None:
    collecting(book, buy(1, 102, 1), sell(2, 98, 1), sell(3, 103, 2), buy(4, 97, 2))
    uncrossed(book)
    assert [row[0] for row in brief(run(book, buy(5, 103, 2)))] == [TRADE, FILLED]
    check(book)


def make_compiled(orders: int = 8, event_capacity: int = 4_096) -> OrderBook:
    """An empty compiled book."""
    book = make_book("compiled", orders, event_capacity)
    assert isinstance(book, OrderBook)
    return book


def flooded(book: Book, *parts: list[dict[str, int]]) -> list[dict[str, Any]]:
    """The events of orders, cancels, an uncrossing and more cancels."""
    orders, before, after = parts
    collecting(book, *orders)
    events = told(book.execute(records(*before))) + uncrossed(book, 1_050) + told(book.execute(records(*after)))
    check(book)
    return events
