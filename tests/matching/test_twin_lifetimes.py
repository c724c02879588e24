"""How long an order lives, by example, in the slow twin and in the compiled book."""

import pytest

from matching.schema import OrderReason, SelfTrade, Side
from tests.matching.commands import (
    CANCELLED,
    FILLED,
    FOK,
    GTD,
    IOC,
    KILLED,
    MARKET,
    STEPPED,
    TRADE,
    Book,
    buy,
    event,
    outcome,
    place,
    run,
    sell,
    told,
)


def test_immediate_or_cancel_gives_up_what_it_cannot_trade(book: Book) -> None:
    run(book, sell(1, 100, 4, account_id=2))
    assert run(book, buy(2, 101, 10, time_in_force=IOC))[-1] == event(
        KILLED,
        sequence=2,
        index=1,
        order_id=2,
        reason=OrderReason.IMMEDIATE_REMAINDER,
        price_ticks=101,
        quantity_lots=6,
    )
    assert len(book.orders()) == 0


def test_immediate_or_cancel_can_be_filled(book: Book) -> None:
    run(book, sell(1, 100, 4, account_id=2))
    assert outcome(book, buy(2, 100, 4, time_in_force=IOC)) == (FILLED, OrderReason.NONE)


def test_fill_or_kill_that_lacks_one_lot_trades_nothing(book: Book) -> None:
    run(book, sell(1, 100, 4), sell(2, 101, 5), sell(3, 102, 9))
    assert run(book, buy(4, 101, 10, time_in_force=FOK)) == [
        event(
            KILLED,
            sequence=4,
            order_id=4,
            reason=OrderReason.NOT_FILLABLE,
            price_ticks=101,
            quantity_lots=10,
        )
    ]
    assert len(book.orders()) == 3


def test_fill_or_kill_that_finds_just_enough_is_filled(book: Book) -> None:
    run(book, sell(1, 100, 4), sell(2, 101, 6))
    events = run(book, buy(3, 101, 10, time_in_force=FOK))
    assert [row["kind"] for row in events] == [TRADE, TRADE, FILLED]


@pytest.mark.parametrize(
    ("mode", "filled"),
    [
        (SelfTrade.NONE, {10, 15, 16, 20}),
        (SelfTrade.CANCEL_NEWEST, {10}),
        (SelfTrade.CANCEL_OLDEST, {10, 15}),
        (SelfTrade.CANCEL_BOTH, {10}),
        (SelfTrade.DECREMENT, {10}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("quantity_lots", [10, 15, 16, 20, 21])
def test_fill_or_kill_counts_only_what_self_trade_prevention_leaves(
    book: Book, mode: SelfTrade, filled: set[int], quantity_lots: int
) -> None:
    run(book, sell(1, 100, 10, account_id=2), sell(2, 100, 5, account_id=1), sell(3, 101, 5, account_id=2))
    kind, reason = outcome(book, buy(4, 101, quantity_lots, time_in_force=FOK, self_trade=mode))
    assert (kind == FILLED) == (quantity_lots in filled)
    assert kind == FILLED or reason == OrderReason.NOT_FILLABLE


@pytest.mark.parametrize(("side", "edge_ticks"), [(Side.BUY, 110), (Side.SELL, 90)])
def test_a_market_order_takes_the_edge_of_the_band_as_its_limit(book: Book, side: Side, edge_ticks: int) -> None:
    beyond = edge_ticks + 5 if side == Side.BUY else edge_ticks - 5
    stepped = {"instrument_id": STEPPED, "account_id": 2}
    run(book, place(1, Side(1 - side), edge_ticks, 10, **stepped), place(2, Side(1 - side), beyond, 10, **stepped))
    book.set_time(5)
    resting = len(book.orders())
    market = place(3, side, 0, 20, instrument_id=STEPPED, time_in_force=IOC, flags=MARKET)
    events = run(book, market)
    assert [row["price_ticks"] for row in events] == [edge_ticks, edge_ticks]
    assert (events[-1]["kind"], events[-1]["reason"]) == (KILLED, OrderReason.IMMEDIATE_REMAINDER)
    assert (resting, len(book.orders())) == (2, 1)


def test_a_market_order_can_be_fill_or_kill(book: Book) -> None:
    run(book, sell(1, 100, 5, account_id=2))
    terms = {"time_in_force": FOK, "flags": MARKET}
    assert outcome(book, buy(2, 0, 6, **terms)) == (KILLED, OrderReason.NOT_FILLABLE)
    assert outcome(book, buy(2, 0, 5, **terms)) == (FILLED, OrderReason.NONE)


def test_expiry_cancels_what_is_due_by_due_time_and_then_by_order_id(book: Book) -> None:
    ends = {5: 20, 4: 10, 3: 20, 2: 21, 1: 10}
    for order_id, expires_ns in ends.items():
        run(book, buy(order_id, 100 + order_id, 2, time_in_force=GTD, expires_ns=expires_ns))
    run(book, buy(6, 90, 2))
    book.set_time(20)
    events = told(book.expire_due())
    assert [row["order_id"] for row in events] == [1, 4, 3, 5]
    assert [row["index"] for row in events] == [0, 1, 2, 3]
    assert events[0] == event(
        CANCELLED, sequence=6, order_id=1, reason=OrderReason.EXPIRED, price_ticks=101, quantity_lots=2
    )
    assert len(book.expire_due()) == 0
    assert book.orders()["order_id"].tolist() == [2, 6]


def test_an_order_past_its_expiry_trades_until_it_is_taken_out(book: Book) -> None:
    run(book, sell(1, 100, 5, account_id=2, time_in_force=GTD, expires_ns=10))
    book.set_time(10)
    assert outcome(book, buy(2, 100, 3)) == (FILLED, OrderReason.NONE)
    assert [row["quantity_lots"] for row in told(book.expire_due())] == [2]
