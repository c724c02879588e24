"""Orders with a minimum quantity by example: what they must find on entry, and what that no longer means later."""

import pytest

from matching.schema import OrderReason, OrderReject, SelfTrade, Side
from tests.matching.commands import (
    FILLED,
    FOK,
    GTC,
    GTD,
    ICEBERG,
    IOC,
    KILLED,
    MARKET,
    MINIMUM,
    PLAIN,
    POST_ONLY,
    REJECTED,
    REPLACED,
    REQUEUE,
    RESTED,
    SLIDE,
    STEPPED,
    TRADE,
    WITHDRAWN,
    Book,
    Command,
    at_least,
    brief,
    buy,
    event,
    iceberg,
    make_book,
    outcome,
    replace,
    run,
    sell,
)


@pytest.fixture
def book() -> Book:
    return make_book("compiled")


def test_an_order_that_cannot_find_its_minimum_is_killed_whole(book: Book) -> None:
    run(book, sell(1, 100, 4, account_id=2), sell(2, 102, 4, account_id=2))
    assert run(book, at_least(buy(3, 101, 10), 5)) == [
        event(
            KILLED,
            sequence=3,
            order_id=3,
            reason=OrderReason.NOT_FILLABLE,
            price_ticks=101,
            quantity_lots=10,
        )
    ]
    assert len(book.orders()) == 2


@pytest.mark.parametrize(
    ("terms", "end"),
    [
        ({"time_in_force": GTC}, (RESTED, 3, 0, 101, 4, 4)),
        ({"time_in_force": GTD, "expires_ns": 9}, (RESTED, 3, 0, 101, 4, 4)),
        ({"time_in_force": IOC}, (KILLED, 3, 0, 101, 4, 0)),
    ],
)
def test_an_order_that_finds_its_minimum_takes_all_there_is_and_goes_on_as_its_lifetime_says(
    book: Book, terms: Command, end: tuple[int, ...]
) -> None:
    run(book, sell(1, 100, 4, account_id=2), sell(2, 101, 2, account_id=2))
    assert brief(run(book, at_least(buy(3, 101, 10, **terms), 5))) == [
        (TRADE, 3, 1, 100, 4, 6),
        (TRADE, 3, 2, 101, 2, 4),
        end,
    ]


def test_a_minimum_may_be_all_of_the_order_and_is_found_to_the_lot(book: Book) -> None:
    run(book, sell(1, 100, 10, account_id=2))
    assert outcome(book, at_least(buy(2, 100, 11), 11)) == (KILLED, OrderReason.NOT_FILLABLE)
    assert outcome(book, at_least(buy(2, 100, 10), 10)) == (FILLED, OrderReason.NONE)


def test_a_market_order_may_have_a_minimum(book: Book) -> None:
    run(book, sell(1, 110, 20, instrument_id=STEPPED, account_id=2))
    market = buy(2, 0, 50, instrument_id=STEPPED, time_in_force=IOC, flags=MARKET)
    assert brief(run(book, at_least(market, 30))) == [(KILLED, 2, 0, 110, 50, 0)]
    assert brief(run(book, at_least(market, 20))) == [(TRADE, 2, 1, 110, 20, 30), (KILLED, 2, 0, 110, 30, 0)]


@pytest.mark.parametrize(
    ("mode", "found_lots"),
    [
        (SelfTrade.NONE, 20),
        (SelfTrade.CANCEL_NEWEST, 4),
        (SelfTrade.CANCEL_OLDEST, 17),
        (SelfTrade.CANCEL_BOTH, 4),
        (SelfTrade.DECREMENT, 4),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_minimum_counts_reserve_and_only_what_self_trade_prevention_leaves(
    book: Book, mode: SelfTrade, found_lots: int
) -> None:
    run(book, iceberg(sell(1, 100, 12, account_id=2), 4), sell(2, 100, 3), sell(3, 101, 5, account_id=2))
    taker = buy(4, 101, 30, self_trade=mode)
    assert brief(run(book, at_least(taker, found_lots + 1))) == [(KILLED, 4, 0, 101, 30, 0)]
    traded = [row["quantity_lots"] for row in run(book, at_least(taker, found_lots)) if row["kind"] == TRADE]
    assert sum(traded) >= found_lots
    book.check()


def test_an_iceberg_may_have_a_minimum(book: Book) -> None:
    order = at_least(iceberg(buy(2, 100, 10), 3), 4)
    assert outcome(book, order) == (KILLED, OrderReason.NOT_FILLABLE)
    run(book, sell(1, 100, 4, account_id=2))
    assert brief(run(book, order)) == [(TRADE, 2, 1, 100, 4, 6), (RESTED, 2, 0, 100, 3, 6)]
    assert book.orders()["flags"].tolist() == [ICEBERG | MINIMUM]


def test_a_replace_does_not_ask_again(book: Book) -> None:
    run(book, sell(1, 100, 4, account_id=2), at_least(buy(2, 100, 10), 4))
    assert brief(run(book, replace(2, 101, 10, flags=REQUEUE))) == [
        (WITHDRAWN, 2, 0, 100, 6, 0),
        (REPLACED, 2, 0, 101, 6, 6),
    ]
    assert book.orders()["flags"].tolist() == [MINIMUM]
    assert book.levels(PLAIN, Side.BUY) == [(101, 6, 1)]


@pytest.mark.parametrize(
    "command",
    [
        buy(1, 100, 10, flags=MINIMUM),
        at_least(buy(1, 100, 10), 0),
        at_least(buy(1, 100, 10), -1),
        at_least(buy(1, 100, 10), 11),
        at_least(buy(1, 100, 10, time_in_force=FOK), 5),
        at_least(buy(1, 0, 10, time_in_force=FOK, flags=MARKET), 5),
        at_least(buy(1, 100, 10, flags=POST_ONLY), 5),
        at_least(buy(1, 100, 10, flags=SLIDE), 5),
        buy(1, 100, 10, flags=MINIMUM, behind=[{"kind": 12, "minimum_lots": 5, "display_lots": 5}]),
        buy(1, 100, 10, flags=MINIMUM, behind=[{"kind": 14}, {"kind": 12, "minimum_lots": 5}]),
    ],
)
def test_a_minimum_that_does_not_go_with_the_other_terms_is_refused(book: Book, command: Command) -> None:
    run(book, sell(2, 100, 20, account_id=2))
    assert outcome(book, command) == (REJECTED, OrderReject.INVALID_ORDER_TERMS)
    assert outcome(book, at_least(buy(1, 100, 10), 10)) == (FILLED, OrderReason.NONE)
