"""Cancels and replaces by example, in the slow twin and in the compiled book."""

import pytest

from matching.schema import EventKind, OrderReason, OrderReject, SelfTrade, Side
from tests.matching.commands import (
    CANCELLED,
    FILLED,
    GTD,
    KILLED,
    NAMES_REMAINING,
    PLAIN,
    POST_ONLY,
    REDUCED,
    REJECTED,
    REPLACED,
    REQUEUE,
    SLIDE,
    STEPPED,
    TRADE,
    UNLISTED,
    WITHDRAWN,
    Book,
    Command,
    brief,
    buy,
    cancel,
    event,
    outcome,
    replace,
    run,
    sell,
    told,
)


def test_a_cancel_names_the_order_that_left_whatever_instrument_it_names(book: Book) -> None:
    run(book, sell(1, 100, 10, instrument_id=STEPPED, account_id=3))
    assert run(book, cancel(1, account_id=3, instrument_id=UNLISTED, price_ticks=7)) == [
        event(
            CANCELLED,
            side=Side.SELL,
            sequence=2,
            reason=OrderReason.REQUESTED,
            instrument_id=STEPPED,
            order_id=1,
            account_id=3,
            price_ticks=100,
            quantity_lots=10,
        )
    ]
    assert book.levels(STEPPED, Side.SELL) == []


@pytest.mark.parametrize("command", [cancel(2), cancel(0), cancel(1, account_id=2), cancel(1 << 63)])
def test_an_order_that_is_not_there_or_not_ones_own_is_unknown(book: Book, command: Command) -> None:
    run(book, buy(1, 100, 10))
    assert outcome(book, command) == (REJECTED, OrderReject.UNKNOWN_ORDER)
    assert outcome(book, command | {"kind": 3, "price_ticks": 100, "quantity_lots": 5}) == (
        REJECTED,
        OrderReject.UNKNOWN_ORDER,
    )
    assert len(book.orders()) == 1


def test_an_order_is_cancelled_once(book: Book) -> None:
    run(book, buy(1, 100, 10), cancel(1))
    assert outcome(book, cancel(1)) == (REJECTED, OrderReject.UNKNOWN_ORDER)


def test_cancelling_a_book_takes_buys_then_sells_each_in_priority_order(book: Book) -> None:
    run(book, sell(1, 105, 1), sell(2, 104, 1), buy(3, 98, 1), buy(4, 99, 1), buy(5, 99, 1), sell(6, 104, 1))
    run(book, buy(7, 100, 10, instrument_id=STEPPED))
    events = told(book.cancel_book(PLAIN, OrderReason.GATE_CLOSED))
    assert [row["order_id"] for row in events] == [4, 5, 3, 2, 6, 1]
    assert {(row["kind"], row["reason"], row["sequence"]) for row in events} == {
        (CANCELLED, OrderReason.GATE_CLOSED, 7)
    }
    assert [row["index"] for row in events] == list(range(6))
    assert book.orders()["order_id"].tolist() == [7]


@pytest.mark.parametrize("quantity_lots", [1, 9, 10])
def test_fewer_lots_at_the_same_price_keep_their_place(book: Book, quantity_lots: int) -> None:
    run(book, buy(1, 100, 10), buy(2, 100, 10))
    assert run(book, replace(1, 100, quantity_lots)) == [
        event(
            REDUCED,
            sequence=3,
            reason=OrderReason.REQUESTED,
            order_id=1,
            price_ticks=100,
            quantity_lots=10 - quantity_lots,
            leaves_lots=quantity_lots,
        )
    ]
    assert book.orders()["order_id"].tolist() == [1, 2]
    assert book.orders()["quantity_lots"].tolist() == [quantity_lots, 10]


@pytest.mark.parametrize(
    ("price_ticks", "quantity_lots", "flags"),
    [(100, 11, 0), (100, 10, REQUEUE), (100, 5, REQUEUE), (99, 10, 0), (101, 5, 0), (99, 99, REQUEUE)],
)
def test_any_other_change_starts_again_at_the_back(
    book: Book, price_ticks: int, quantity_lots: int, flags: int
) -> None:
    run(book, buy(1, 100, 10), buy(2, 100, 10), buy(3, 99, 10), buy(4, 101, 10))
    assert run(book, replace(1, price_ticks, quantity_lots, flags=flags)) == [
        event(
            WITHDRAWN,
            sequence=5,
            reason=OrderReason.REQUESTED,
            order_id=1,
            price_ticks=100,
            quantity_lots=10,
        ),
        event(
            REPLACED,
            sequence=5,
            index=1,
            order_id=1,
            price_ticks=price_ticks,
            quantity_lots=quantity_lots,
            leaves_lots=quantity_lots,
        ),
    ]
    at_price = [row for row in book.orders() if row["price_ticks"] == price_ticks]
    assert [row["order_id"] for row in at_price][-1] == 1


@pytest.mark.parametrize(
    ("flags", "quantity_lots", "kind", "leaves_lots"),
    [
        (0, 10, REDUCED, 6),
        (0, 7, REDUCED, 3),
        (0, 5, REDUCED, 1),
        (0, 12, REPLACED, 8),
        (NAMES_REMAINING, 6, REDUCED, 6),
        (NAMES_REMAINING, 4, REDUCED, 4),
        (NAMES_REMAINING, 1, REDUCED, 1),
        (NAMES_REMAINING, 7, REPLACED, 7),
        (NAMES_REMAINING | REQUEUE, 4, REPLACED, 4),
    ],
)
def test_a_replace_names_the_total_or_with_a_flag_what_remains(
    book: Book, flags: int, quantity_lots: int, kind: EventKind, leaves_lots: int
) -> None:
    run(book, buy(1, 100, 10), sell(2, 100, 4, account_id=2))
    assert outcome(book, replace(1, 100, quantity_lots, flags=flags))[0] == kind
    [order] = book.orders()
    assert (order["leaves_lots"], order["quantity_lots"]) == (leaves_lots, 4 + leaves_lots)


@pytest.mark.parametrize("quantity_lots", [1, 3, 4])
@pytest.mark.parametrize("price_ticks", [100, 99])
def test_a_total_that_is_already_filled_cancels_the_rest(book: Book, quantity_lots: int, price_ticks: int) -> None:
    run(book, buy(1, 100, 10), sell(2, 100, 4, account_id=2))
    assert run(book, replace(1, price_ticks, quantity_lots)) == [
        event(
            CANCELLED,
            sequence=3,
            reason=OrderReason.REPLACED_BELOW_FILLED,
            order_id=1,
            price_ticks=100,
            quantity_lots=6,
        )
    ]
    assert len(book.orders()) == 0


def test_a_replaced_order_remembers_all_that_it_ever_filled(book: Book) -> None:
    run(book, buy(1, 100, 10), sell(2, 100, 4), replace(1, 101, 20), sell(3, 101, 6), replace(1, 101, 12))
    [order] = book.orders()
    assert (order["leaves_lots"], order["quantity_lots"]) == (2, 12)
    assert outcome(book, replace(1, 100, 10)) == (CANCELLED, OrderReason.REPLACED_BELOW_FILLED)


def test_a_replace_trades_at_its_new_price_and_rests_with_what_is_left(book: Book) -> None:
    run(book, sell(1, 105, 4, account_id=2), sell(2, 106, 3, account_id=2), buy(3, 100, 10))
    assert brief(run(book, replace(3, 105, 9))) == [
        (WITHDRAWN, 3, 0, 100, 10, 0),
        (TRADE, 3, 1, 105, 4, 5),
        (REPLACED, 3, 0, 105, 5, 5),
    ]
    order, _ = book.orders()
    assert (order["leaves_lots"], order["quantity_lots"]) == (5, 9)


def test_a_replace_can_be_filled_and_is_then_gone(book: Book) -> None:
    run(book, sell(1, 105, 10, account_id=2), buy(3, 100, 5))
    assert brief(run(book, replace(3, 106, 6))) == [
        (WITHDRAWN, 3, 0, 100, 5, 0),
        (TRADE, 3, 1, 105, 6, 0),
        (FILLED, 3, 0, 106, 0, 0),
    ]
    assert outcome(book, cancel(3)) == (REJECTED, OrderReject.UNKNOWN_ORDER)


def test_a_replace_keeps_the_self_trade_mode_of_its_order(book: Book) -> None:
    run(book, sell(1, 105, 4), buy(3, 100, 5, self_trade=SelfTrade.CANCEL_NEWEST))
    events = run(book, replace(3, 105, 6))
    assert brief(events) == [(WITHDRAWN, 3, 0, 100, 5, 0), (KILLED, 3, 0, 105, 6, 0)]
    assert events[-1]["reason"] == OrderReason.SELF_TRADE
    assert book.orders()["order_id"].tolist() == [1]


def test_a_replaced_order_keeps_its_ids_its_label_and_its_expiry(book: Book) -> None:
    terms = {"client_id_high": 1, "client_id_low": 2, "label": 3, "session_id": 4}
    run(book, buy(1, 100, 5, time_in_force=GTD, expires_ns=30, **terms))
    run(book, replace(1, 99, 6, target_high=9, target_low=9, client_id_high=8, client_id_low=8))
    [order] = book.orders()
    assert {name: order[name] for name in terms} == terms
    book.set_time(30)
    assert [(row["order_id"], row["price_ticks"]) for row in told(book.expire_due())] == [(1, 99)]


def test_a_post_only_order_stays_post_only_when_it_is_replaced(book: Book) -> None:
    run(book, buy(1, 100, 5, flags=POST_ONLY), buy(2, 100, 5), sell(3, 105, 5))
    assert outcome(book, replace(1, 105, 5)) == (REJECTED, OrderReject.POST_ONLY_WOULD_TRADE)
    assert book.orders()["order_id"].tolist() == [1, 2, 3]
    assert outcome(book, replace(1, 104, 5)) == (REPLACED, OrderReason.NONE)


def test_a_sliding_order_slides_again_when_it_is_replaced(book: Book) -> None:
    run(book, buy(1, 100, 5, flags=SLIDE), sell(3, 105, 5))
    assert brief(run(book, replace(1, 107, 5))) == [(WITHDRAWN, 1, 0, 100, 5, 0), (REPLACED, 1, 0, 104, 5, 5)]
