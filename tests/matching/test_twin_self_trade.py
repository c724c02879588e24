"""Self-trade prevention by example, in the slow twin and in the compiled book."""

from typing import Any

import pytest

from matching.schema import OrderReason, SelfTrade, Side
from tests.matching.commands import (
    CANCELLED,
    FILLED,
    KILLED,
    PREVENTED,
    REDUCED,
    RESTED,
    TRADE,
    Book,
    brief,
    buy,
    event,
    outcome,
    replace,
    run,
    sell,
)

SELF_TRADES: list[tuple[SelfTrade, list[tuple[Any, ...]]]] = [
    (SelfTrade.NONE, [(TRADE, 3, 1, 100, 4, 6), (TRADE, 3, 2, 100, 6, 0), (FILLED, 3, 0, 100, 0, 0)]),
    (SelfTrade.CANCEL_NEWEST, [(KILLED, 3, 0, 100, 10, 0)]),
    (SelfTrade.CANCEL_OLDEST, [(CANCELLED, 1, 3, 100, 4, 0), (TRADE, 3, 2, 100, 9, 1), (RESTED, 3, 0, 100, 1, 1)]),
    (SelfTrade.CANCEL_BOTH, [(CANCELLED, 1, 3, 100, 4, 0), (KILLED, 3, 0, 100, 10, 0)]),
    (SelfTrade.DECREMENT, [(PREVENTED, 3, 1, 100, 4, 6), (TRADE, 3, 2, 100, 6, 0), (FILLED, 3, 0, 100, 0, 0)]),
]


@pytest.mark.parametrize(("mode", "expected"), SELF_TRADES, ids=[mode.name for mode, _ in SELF_TRADES])
@pytest.mark.parametrize("owner", ["account", "group"])
def test_self_trade_prevention_does_what_the_mode_of_the_taker_says(
    book: Book, mode: SelfTrade, expected: list[tuple[Any, ...]], owner: str
) -> None:
    own_account = 1
    if owner == "group":
        own_account = 3
        book.set_group(1, 5)
        book.set_group(3, 5)
    run(book, sell(1, 100, 4, account_id=own_account, self_trade=SelfTrade.CANCEL_NEWEST))
    run(book, sell(2, 100, 9, account_id=2))
    events = run(book, buy(3, 100, 10, self_trade=mode))
    assert brief(events) == expected
    reasons = {row["reason"] for row in events if row["kind"] in (KILLED, CANCELLED, PREVENTED)}
    assert reasons == (set() if mode == SelfTrade.NONE else {OrderReason.SELF_TRADE})


def test_a_maker_that_prevention_cancels_names_the_taker(book: Book) -> None:
    book.set_group(1, 5)
    book.set_group(3, 5)
    run(book, sell(1, 100, 4, account_id=3))
    assert run(book, buy(2, 101, 4, self_trade=SelfTrade.CANCEL_OLDEST))[0] == event(
        CANCELLED,
        side=Side.SELL,
        sequence=2,
        reason=OrderReason.SELF_TRADE,
        order_id=1,
        account_id=3,
        counter_order_id=2,
        counter_account_id=1,
        price_ticks=100,
        quantity_lots=4,
    )


def test_accounts_without_a_group_are_strangers(book: Book) -> None:
    book.set_group(1, 5)
    book.set_group(3, 6)
    for order_id, account_id in ((10, 2), (11, 3), (12, 15), (13, 16)):
        run(book, sell(order_id, 100, 1, account_id=account_id))
        assert outcome(book, buy(1, 100, 1, self_trade=SelfTrade.CANCEL_NEWEST)) == (FILLED, OrderReason.NONE)
    run(book, sell(14, 100, 1, account_id=4))
    assert outcome(book, buy(1, 100, 1, account_id=15, self_trade=SelfTrade.CANCEL_NEWEST))[0] == FILLED


def test_an_account_can_leave_its_group(book: Book) -> None:
    for group, kind in ((5, KILLED), (0, FILLED)):
        book.set_group(1, group)
        book.set_group(3, group)
        run(book, sell(1, 100, 1, account_id=3))
        assert outcome(book, buy(2, 100, 1, self_trade=SelfTrade.CANCEL_NEWEST))[0] == kind


def test_a_stranger_ahead_in_the_queue_trades_before_prevention_begins(book: Book) -> None:
    run(book, sell(1, 100, 4, account_id=2), sell(2, 100, 4))
    assert brief(run(book, buy(3, 100, 10, self_trade=SelfTrade.CANCEL_NEWEST))) == [
        (TRADE, 3, 1, 100, 4, 6),
        (KILLED, 3, 0, 100, 6, 0),
    ]


def test_a_decrement_names_both_orders_and_lowers_both_totals(book: Book) -> None:
    run(book, sell(1, 99, 10), sell(2, 99, 3, account_id=2))
    events = run(book, buy(3, 100, 4, self_trade=SelfTrade.DECREMENT))
    assert events == [
        event(
            PREVENTED,
            sequence=3,
            reason=OrderReason.SELF_TRADE,
            order_id=3,
            counter_order_id=1,
            counter_account_id=1,
            price_ticks=99,
            quantity_lots=4,
        ),
        event(KILLED, sequence=3, index=1, reason=OrderReason.SELF_TRADE, order_id=3, price_ticks=100),
    ]
    maker = book.orders()[0]
    assert (maker["order_id"], maker["leaves_lots"], maker["quantity_lots"]) == (1, 6, 6)


def test_what_a_decrement_took_is_not_counted_as_filled(book: Book) -> None:
    run(book, sell(1, 100, 3), buy(2, 100, 10, self_trade=SelfTrade.DECREMENT))
    [taker] = book.orders()
    assert (taker["leaves_lots"], taker["quantity_lots"]) == (7, 7)
    assert brief(run(book, replace(2, 100, 2))) == [(REDUCED, 2, 0, 100, 5, 2)]
