"""Icebergs by example: what they show, when they come again, and how they leave."""

from typing import Any

import numpy as np
import pytest

from matching.restore import restore_orders
from matching.schema import EventKind, OrderReason, OrderReject, SelfTrade, Side
from tests.matching.commands import (
    CANCELLED,
    FILLED,
    FOK,
    GTC,
    GTD,
    ICEBERG,
    IOC,
    KILLED,
    MARKET,
    NAMES_REMAINING,
    PLAIN,
    POST_ONLY,
    PREVENTED,
    REDUCED,
    REFRESHED,
    REJECTED,
    REPLACED,
    REQUEUE,
    RESERVE_REMOVED,
    RESTED,
    SLIDE,
    STEPPED,
    TRADE,
    WITHDRAWN,
    Book,
    Command,
    brief,
    buy,
    cancel,
    event,
    iceberg,
    make_book,
    outcome,
    records,
    replace,
    run,
    sell,
    told,
)

SMALLEST_BUFFER = 4


@pytest.fixture
def book() -> Book:
    return make_book("compiled")


def standing(book: Book) -> list[tuple[int, int, int, int]]:
    """(order_id, leaves_lots, visible_lots, display_lots) of every resting order, in priority order."""
    return book.orders()[["order_id", "leaves_lots", "visible_lots", "display_lots"]].tolist()


def test_an_iceberg_rests_showing_no_more_than_a_clip(book: Book) -> None:
    assert run(book, iceberg(buy(1, 100, 10), 3)) == [
        event(RESTED, order_id=1, price_ticks=100, quantity_lots=3, leaves_lots=10)
    ]
    assert book.levels(PLAIN, Side.BUY) == [(100, 3, 1)]
    assert standing(book) == [(1, 10, 3, 3)]
    [row] = book.orders()
    assert (row["quantity_lots"], row["flags"]) == (10, ICEBERG)


@pytest.mark.parametrize(("display_lots", "shown_lots"), [(5, 5), (6, 6), (7, 6), (10, 6)])
def test_an_iceberg_enters_with_all_it_has_and_shows_a_clip_of_what_is_left(
    book: Book, display_lots: int, shown_lots: int
) -> None:
    run(book, sell(1, 99, 4, account_id=2))
    assert brief(run(book, iceberg(buy(2, 100, 10), display_lots))) == [
        (TRADE, 2, 1, 99, 4, 6),
        (RESTED, 2, 0, 100, shown_lots, 6),
    ]
    assert book.levels(PLAIN, Side.BUY) == [(100, shown_lots, 1)]
    assert standing(book) == [(2, 6, shown_lots, display_lots)]


def test_an_order_that_shows_all_tells_so(book: Book) -> None:
    run(book, buy(1, 100, 10))
    assert standing(book) == [(1, 10, 10, 0)]


def test_the_next_clip_goes_to_the_back_of_the_queue(book: Book) -> None:
    run(book, iceberg(sell(1, 100, 10, account_id=2), 4), sell(2, 100, 5, account_id=3))
    assert run(book, buy(3, 101, 6)) == [
        event(
            TRADE,
            sequence=3,
            order_id=3,
            counter_order_id=1,
            counter_account_id=2,
            price_ticks=100,
            quantity_lots=4,
            leaves_lots=2,
        ),
        event(
            REFRESHED,
            side=Side.SELL,
            sequence=3,
            index=1,
            order_id=1,
            account_id=2,
            price_ticks=100,
            quantity_lots=4,
            leaves_lots=6,
        ),
        event(
            TRADE,
            sequence=3,
            index=2,
            order_id=3,
            counter_order_id=2,
            counter_account_id=3,
            price_ticks=100,
            quantity_lots=2,
        ),
        event(FILLED, sequence=3, index=3, order_id=3, price_ticks=101),
    ]
    assert standing(book) == [(2, 3, 3, 0), (1, 6, 4, 4)]
    assert book.levels(PLAIN, Side.SELL) == [(100, 7, 2)]
    book.check()


def test_a_clip_that_is_not_used_up_keeps_its_place(book: Book) -> None:
    run(book, iceberg(sell(1, 100, 10, account_id=2), 4), sell(2, 100, 5, account_id=3), buy(3, 100, 3))
    assert standing(book) == [(1, 7, 1, 4), (2, 5, 5, 0)]


def test_a_sweep_meets_one_clip_after_the_other_and_the_last_one_ends_the_order(book: Book) -> None:
    run(book, iceberg(sell(1, 100, 10, account_id=2), 4))
    assert brief(run(book, buy(2, 100, 12))) == [
        (TRADE, 2, 1, 100, 4, 8),
        (REFRESHED, 1, 0, 100, 4, 6),
        (TRADE, 2, 1, 100, 4, 4),
        (REFRESHED, 1, 0, 100, 2, 2),
        (TRADE, 2, 1, 100, 2, 2),
        (RESTED, 2, 0, 100, 2, 2),
    ]
    assert standing(book) == [(2, 2, 2, 0)]
    book.check()
    assert outcome(book, cancel(1, account_id=2)) == (REJECTED, OrderReject.UNKNOWN_ORDER)


def test_two_icebergs_at_a_price_take_turns(book: Book) -> None:
    run(book, iceberg(sell(1, 100, 4, account_id=2), 2), iceberg(sell(2, 100, 6, account_id=3), 3))
    trades = [row for row in run(book, buy(3, 100, 10)) if row["kind"] == TRADE]
    assert [(row["counter_order_id"], row["quantity_lots"]) for row in trades] == [(1, 2), (2, 3), (1, 2), (2, 3)]
    assert len(book.orders()) == 0


def test_a_cancel_takes_the_reserve_and_then_what_is_shown(book: Book) -> None:
    run(book, iceberg(sell(1, 100, 10), 4))
    assert run(book, cancel(1)) == [
        event(
            RESERVE_REMOVED,
            side=Side.SELL,
            sequence=2,
            reason=OrderReason.REQUESTED,
            order_id=1,
            price_ticks=100,
            quantity_lots=6,
            leaves_lots=4,
        ),
        event(
            CANCELLED,
            side=Side.SELL,
            sequence=2,
            index=1,
            reason=OrderReason.REQUESTED,
            order_id=1,
            price_ticks=100,
            quantity_lots=4,
        ),
    ]
    assert book.levels(PLAIN, Side.SELL) == []
    book.check()


def test_an_iceberg_without_reserve_leaves_like_any_order(book: Book) -> None:
    run(book, iceberg(sell(1, 100, 10), 4), buy(2, 100, 9, account_id=2))
    assert brief(run(book, cancel(1))) == [(CANCELLED, 1, 0, 100, 1, 0)]


@pytest.mark.parametrize("buffer", [SMALLEST_BUFFER, 4_096])
def test_expiry_and_the_end_of_a_book_take_the_reserve_for_the_same_reason(buffer: int) -> None:
    book = make_book("compiled", event_capacity=buffer)
    for order_id in (1, 2):
        run(book, iceberg(sell(order_id, 100, 10, time_in_force=GTD, expires_ns=5), 4))
    run(book, iceberg(sell(3, 100, 10), 4), iceberg(buy(4, 90, 9), 5))
    book.set_time(5)
    expired = told(book.expire_due())
    assert brief(expired) == [
        (RESERVE_REMOVED, 1, 0, 100, 6, 4),
        (CANCELLED, 1, 0, 100, 4, 0),
        (RESERVE_REMOVED, 2, 0, 100, 6, 4),
        (CANCELLED, 2, 0, 100, 4, 0),
    ]
    assert {row["reason"] for row in expired} == {OrderReason.EXPIRED}
    closed = told(book.cancel_book(PLAIN, OrderReason.GATE_CLOSED))
    assert brief(closed) == [
        (RESERVE_REMOVED, 4, 0, 90, 4, 5),
        (CANCELLED, 4, 0, 90, 5, 0),
        (RESERVE_REMOVED, 3, 0, 100, 6, 4),
        (CANCELLED, 3, 0, 100, 4, 0),
    ]
    assert {row["reason"] for row in closed} == {OrderReason.GATE_CLOSED}
    book.check()


SELF_TRADES: list[tuple[SelfTrade, list[tuple[Any, ...]]]] = [
    (SelfTrade.NONE, [(TRADE, 2, 1, 100, 4, 3), (REFRESHED, 1, 0, 100, 4, 6), (TRADE, 2, 1, 100, 3, 0)]),
    (SelfTrade.CANCEL_NEWEST, [(KILLED, 2, 0, 101, 7, 0)]),
    (SelfTrade.CANCEL_OLDEST, [(RESERVE_REMOVED, 1, 0, 100, 6, 4), (CANCELLED, 1, 2, 100, 4, 0)]),
    (SelfTrade.CANCEL_BOTH, [(RESERVE_REMOVED, 1, 0, 100, 6, 4), (CANCELLED, 1, 2, 100, 4, 0)]),
    (SelfTrade.DECREMENT, [(PREVENTED, 2, 1, 100, 4, 3), (REFRESHED, 1, 0, 100, 4, 6), (PREVENTED, 2, 1, 100, 3, 0)]),
]
ENDS = {
    SelfTrade.NONE: [(FILLED, 2, 0, 101, 0, 0)],
    SelfTrade.CANCEL_NEWEST: [],
    SelfTrade.CANCEL_OLDEST: [(RESTED, 2, 0, 101, 7, 7)],
    SelfTrade.CANCEL_BOTH: [(KILLED, 2, 0, 101, 7, 0)],
    SelfTrade.DECREMENT: [(KILLED, 2, 0, 101, 0, 0)],
}


@pytest.mark.parametrize(("mode", "expected"), SELF_TRADES, ids=[mode.name for mode, _ in SELF_TRADES])
def test_self_trade_prevention_meets_a_clip_at_a_time_and_cancels_the_whole(
    book: Book, mode: SelfTrade, expected: list[tuple[Any, ...]]
) -> None:
    run(book, iceberg(sell(1, 100, 10), 4))
    events = run(book, buy(2, 101, 7, self_trade=mode))
    assert brief(events) == expected + ENDS[mode]
    removed = [row for row in events if row["kind"] == RESERVE_REMOVED]
    assert all((row["reason"], row["counter_account_id"]) == (OrderReason.SELF_TRADE, 0) for row in removed)
    book.check()


def test_what_a_decrement_took_of_a_clip_comes_off_the_total(book: Book) -> None:
    run(book, iceberg(sell(1, 100, 10), 4), buy(2, 100, 5, self_trade=SelfTrade.DECREMENT))
    [row] = book.orders()
    assert (row["quantity_lots"], row["leaves_lots"], row["visible_lots"]) == (5, 5, 3)


@pytest.mark.parametrize(
    ("total_lots", "expected", "left"),
    [
        (10, [(REDUCED, 1, 0, 100, 0, 10)], (1, 10, 4, 4)),
        (8, [(RESERVE_REMOVED, 1, 0, 100, 2, 8), (REDUCED, 1, 0, 100, 0, 8)], (1, 8, 4, 4)),
        (4, [(RESERVE_REMOVED, 1, 0, 100, 6, 4), (REDUCED, 1, 0, 100, 0, 4)], (1, 4, 4, 4)),
        (3, [(RESERVE_REMOVED, 1, 0, 100, 6, 4), (REDUCED, 1, 0, 100, 1, 3)], (1, 3, 3, 4)),
    ],
)
def test_a_smaller_total_comes_off_the_reserve_first_and_the_order_keeps_its_place(
    book: Book, total_lots: int, expected: list[tuple[Any, ...]], left: tuple[int, ...]
) -> None:
    run(book, iceberg(buy(1, 100, 10), 4), buy(2, 100, 1))
    events = run(book, replace(1, 100, total_lots))
    assert brief(events) == expected
    assert {row["reason"] for row in events} == {OrderReason.REQUESTED}
    assert standing(book) == [left, (2, 1, 1, 0)]
    assert book.orders()[0]["quantity_lots"] == total_lots
    book.check()


def test_a_replace_counts_reserve_and_clip_as_left_and_the_rest_as_traded(book: Book) -> None:
    run(book, iceberg(buy(1, 100, 10), 4), sell(2, 100, 6, account_id=2))
    assert standing(book) == [(1, 4, 2, 4)]
    assert brief(run(book, replace(1, 100, 9))) == [(RESERVE_REMOVED, 1, 0, 100, 1, 3), (REDUCED, 1, 0, 100, 0, 3)]
    assert brief(run(book, replace(1, 100, 1, flags=NAMES_REMAINING))) == [
        (RESERVE_REMOVED, 1, 0, 100, 1, 2),
        (REDUCED, 1, 0, 100, 1, 1),
    ]
    assert brief(run(book, replace(1, 100, 6))) == [(CANCELLED, 1, 0, 100, 1, 0)]


def test_a_total_below_what_was_traded_takes_the_reserve_too(book: Book) -> None:
    run(book, iceberg(buy(1, 100, 10), 4), sell(2, 100, 5, account_id=2))
    events = run(book, replace(1, 100, 5))
    assert brief(events) == [(RESERVE_REMOVED, 1, 0, 100, 2, 3), (CANCELLED, 1, 0, 100, 3, 0)]
    assert {row["reason"] for row in events} == {OrderReason.REPLACED_BELOW_FILLED}


@pytest.mark.parametrize(
    ("command", "price_ticks", "shown_lots", "leaves_lots"),
    [
        (replace(1, 100, 12), 100, 4, 12),
        (replace(1, 101, 10), 101, 4, 10),
        (replace(1, 100, 10, flags=REQUEUE), 100, 4, 10),
        (replace(1, 99, 2), 99, 2, 2),
    ],
)
def test_an_iceberg_that_loses_its_place_is_withdrawn_whole_and_shows_a_fresh_clip(
    book: Book, command: Command, price_ticks: int, shown_lots: int, leaves_lots: int
) -> None:
    run(book, iceberg(buy(1, 100, 11), 4), sell(2, 100, 1, account_id=2))
    events = run(book, command | {"quantity_lots": command["quantity_lots"] + 1})
    assert brief(events) == [
        (RESERVE_REMOVED, 1, 0, 100, 7, 3),
        (WITHDRAWN, 1, 0, 100, 3, 0),
        (REPLACED, 1, 0, price_ticks, shown_lots, leaves_lots),
    ]
    assert {row["reason"] for row in events[:2]} == {OrderReason.REQUESTED}
    assert standing(book) == [(1, leaves_lots, shown_lots, 4)]
    book.check()


def test_an_iceberg_may_trade_all_of_itself_in_a_replace(book: Book) -> None:
    run(book, iceberg(buy(1, 100, 10), 4), iceberg(sell(2, 101, 12, account_id=2), 7))
    assert brief(run(book, replace(1, 101, 10))) == [
        (RESERVE_REMOVED, 1, 0, 100, 6, 4),
        (WITHDRAWN, 1, 0, 100, 4, 0),
        (TRADE, 1, 2, 101, 7, 3),
        (REFRESHED, 2, 0, 101, 5, 5),
        (TRADE, 1, 2, 101, 3, 0),
        (FILLED, 1, 0, 101, 0, 0),
    ]
    assert standing(book) == [(2, 2, 2, 7)]
    book.check()


def test_a_slot_that_an_iceberg_had_serves_an_order_that_shows_all(book: Book) -> None:
    run(book, iceberg(buy(1, 100, 10), 4), cancel(1), buy(2, 100, 10))
    assert standing(book) == [(2, 10, 10, 0)]
    assert brief(run(book, cancel(2))) == [(CANCELLED, 2, 0, 100, 10, 0)]


@pytest.mark.parametrize(
    ("mode", "available_lots"),
    [
        (SelfTrade.NONE, 18),
        (SelfTrade.CANCEL_NEWEST, 4),
        (SelfTrade.CANCEL_OLDEST, 13),
        (SelfTrade.CANCEL_BOTH, 4),
        (SelfTrade.DECREMENT, 4),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("owned", ["plain", "iceberg"])
def test_fill_or_kill_counts_the_reserve_that_it_can_reach(
    book: Book, mode: SelfTrade, available_lots: int, owned: str
) -> None:
    own = sell(2, 100, 5)
    run(book, iceberg(sell(1, 100, 10, account_id=2), 4))
    run(book, iceberg(own, 2) if owned == "iceberg" else own, sell(3, 101, 3, account_id=2))
    taker = buy(4, 101, available_lots + 1, time_in_force=FOK, self_trade=mode)
    assert outcome(book, taker) == (KILLED, OrderReason.NOT_FILLABLE)
    assert outcome(book, taker | {"quantity_lots": available_lots}) == (FILLED, OrderReason.NONE)
    book.check()


def test_fill_or_kill_counts_reserve_at_every_price_it_reaches_and_no_further(book: Book) -> None:
    for order_id, price_ticks in ((1, 100), (2, 101), (3, 102)):
        run(book, iceberg(sell(order_id, price_ticks, 10, account_id=2), 1))
    taker = buy(4, 101, 21, time_in_force=FOK)
    assert outcome(book, taker) == (KILLED, OrderReason.NOT_FILLABLE)
    assert outcome(book, taker | {"quantity_lots": 20}) == (FILLED, OrderReason.NONE)


@pytest.mark.parametrize(
    "command",
    [
        buy(1, 100, 10, flags=ICEBERG),
        buy(1, 100, 10, flags=ICEBERG, behind=[{"kind": 13, "bid_lots": 3}]),
        iceberg(buy(1, 100, 10), 0),
        iceberg(buy(1, 100, 10), -1),
        iceberg(buy(1, 100, 10), 11),
        iceberg(buy(1, 100, 10, time_in_force=IOC), 3),
        iceberg(buy(1, 100, 10, time_in_force=FOK), 3),
        iceberg(buy(1, 0, 10, time_in_force=IOC, flags=MARKET), 3),
        buy(1, 100, 10, flags=ICEBERG, behind=[{"kind": 12, "display_lots": 3, "minimum_lots": 3}]),
    ],
)
def test_an_iceberg_whose_terms_do_not_go_together_is_refused(book: Book, command: Command) -> None:
    assert outcome(book, command) == (REJECTED, OrderReject.INVALID_ORDER_TERMS)
    assert outcome(book, iceberg(buy(1, 100, 10), 10)) == (RESTED, OrderReason.NONE)


def test_a_clip_is_a_multiple_of_the_quantity_step(book: Book) -> None:
    order = buy(1, 100, 100, instrument_id=STEPPED)
    assert outcome(book, iceberg(order, 15)) == (REJECTED, OrderReject.QUANTITY_OFF_LOT)
    assert outcome(book, iceberg(order, 20)) == (RESTED, OrderReason.NONE)


def test_a_further_record_behind_an_order_that_needs_none_is_ignored(book: Book) -> None:
    extra = {"kind": 12, "display_lots": 3, "minimum_lots": 99}
    assert brief(run(book, buy(1, 100, 10, behind=[extra]), buy(2, 100, 1))) == [
        (RESTED, 1, 0, 100, 10, 10),
        (RESTED, 2, 0, 100, 1, 1),
    ]


@pytest.mark.parametrize("terms", [{"flags": POST_ONLY}, {"flags": SLIDE}, {"time_in_force": GTD, "expires_ns": 5}])
def test_an_iceberg_may_be_post_only_or_expire(book: Book, terms: Command) -> None:
    run(book, iceberg(sell(1, 101, 10, **({"time_in_force": GTC} | terms)), 3))
    assert standing(book) == [(1, 10, 3, 3)]
    book.check()


def test_a_post_only_iceberg_is_refused_or_slides(book: Book) -> None:
    run(book, buy(1, 100, 5))
    order = iceberg(sell(2, 100, 10, account_id=2), 3)
    assert outcome(book, order | {"flags": ICEBERG | POST_ONLY}) == (REJECTED, OrderReject.POST_ONLY_WOULD_TRADE)
    assert brief(run(book, order | {"flags": ICEBERG | SLIDE})) == [(RESTED, 2, 0, 101, 3, 10)]


def test_icebergs_of_the_largest_quantities_do_not_overflow(book: Book) -> None:
    largest = 1 << 40
    run(book, *[iceberg(sell(order_id, 100, largest, account_id=2), 1) for order_id in range(1, 8)])
    taker = buy(9, 100, largest, time_in_force=FOK, self_trade=SelfTrade.CANCEL_OLDEST)
    assert outcome(book, taker | {"quantity_lots": 7}) == (FILLED, OrderReason.NONE)
    assert book.levels(PLAIN, Side.SELL) == [(100, 7, 7)]
    assert book.orders()["leaves_lots"].tolist() == [largest - 1] * 7
    book.check()


def day() -> list[Command]:
    """A day in which icebergs trade, are cancelled, replaced and prevented from trading with themselves."""
    modes = sorted(SelfTrade, key=lambda mode: mode != SelfTrade.DECREMENT)
    prevented = [buy(10 + mode, 101, 9, account_id=2, self_trade=mode) for mode in modes]
    return [
        iceberg(sell(1, 100, 20, account_id=2), 3),
        iceberg(sell(2, 100, 9, account_id=3), 2),
        sell(3, 100, 4),
        *prevented,
        iceberg(sell(4, 101, 30), 7),
        replace(4, 101, 25),
        replace(4, 100, 40),
        buy(5, 100, 17, account_id=4),
        iceberg(buy(6, 102, 50, account_id=5), 6),
        replace(6, 103, 60, account_id=5),
        cancel(6, account_id=5),
    ]


@pytest.mark.parametrize("buffer", range(SMALLEST_BUFFER, SMALLEST_BUFFER + 5))
def test_a_small_buffer_gives_the_same_events(buffer: int) -> None:
    small, large = make_book("compiled", orders=50, event_capacity=buffer), make_book("compiled", orders=50)
    expected = large.execute(records(*day()))
    assert {EventKind(kind) for kind in expected["kind"]} >= {REFRESHED, RESERVE_REMOVED, PREVENTED, WITHDRAWN}
    assert small.execute(records(*day())).tolist() == expected.tolist()
    assert small.orders().tolist() == large.orders().tolist()
    small.check()


def test_restored_icebergs_show_what_they_showed_and_go_on_alike(book: Book) -> None:
    run(book, iceberg(sell(1, 100, 10, account_id=2), 4), sell(2, 100, 2, account_id=3), buy(3, 100, 5))
    run(book, iceberg(buy(4, 99, 3), 2), iceberg(buy(5, 99, 2), 2))
    assert standing(book) == [(4, 3, 2, 2), (5, 2, 2, 2), (2, 1, 1, 0), (1, 6, 4, 4)]
    run(book, buy(6, 100, 2))
    restored = make_book("compiled")
    rows = book.orders()
    restore_orders(restored.book, rows)
    restored.book.counters["sequence"] = book.book.counters["sequence"]
    restored.check()
    assert restored.orders().tolist() == rows.tolist()
    rest = records(buy(7, 100, 4, account_id=5), sell(8, 99, 4, account_id=5), replace(1, 101, 9, account_id=2))
    assert np.array_equal(restored.execute(rest), book.execute(rest))
