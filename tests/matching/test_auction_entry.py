"""What an auction takes before its uncrossing: orders that collect, changes of them, and prevention among one's own."""

from typing import Any

import pytest

from matching.schema import EventKind, OrderReason, OrderReject, Phase, SelfTrade, Side
from tests.matching.auctions import check, collecting, uncrossed
from tests.matching.commands import (
    CANCELLED,
    FOK,
    GTD,
    IOC,
    KILLED,
    MARKET,
    PLAIN,
    POST_ONLY,
    PREVENTED,
    REDUCE_ONLY,
    REDUCED,
    REFRESHED,
    REJECTED,
    REPLACED,
    RESERVE_REMOVED,
    RESTED,
    SLIDE,
    STEPPED,
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
    records,
    replace,
    run,
    sell,
    told,
)
from tests.matching.groups import BUFFERS, MASS_QUOTED, make_groups_book, mass_quote, quote, run_groups

ALL_MODES = list(SelfTrade)


def test_orders_rest_across_each_other_without_trading(book: Book) -> None:
    collecting(book, sell(1, 95, 3, account_id=2))
    assert run(book, buy(2, 105, 7)) == [
        event(RESTED, sequence=2, order_id=2, price_ticks=105, quantity_lots=7, leaves_lots=7)
    ]
    assert book.levels(PLAIN, Side.BUY) == [(105, 7, 1)]
    assert book.levels(PLAIN, Side.SELL) == [(95, 3, 1)]
    check(book)


@pytest.mark.parametrize(
    "terms",
    [
        {"time_in_force": IOC},
        {"time_in_force": FOK},
        {"time_in_force": IOC, "flags": MARKET, "price_ticks": 0},
        {"flags": POST_ONLY},
        {"flags": SLIDE},
        {"flags": REDUCE_ONLY},
        at_least(buy(1, 105, 7), 3),
        iceberg(buy(1, 105, 7, flags=POST_ONLY), 3),
    ],
    ids=["IOC", "FOK", "MARKET", "POST_ONLY", "SLIDE", "REDUCE_ONLY", "MINIMUM", "ICEBERG and POST_ONLY"],
)
def test_an_order_that_asks_something_of_its_arrival_is_refused(book: Book, terms: Command) -> None:
    collecting(book)
    book.set_reducible(9)
    assert outcome(book, buy(1, 105, 7) | terms) == (REJECTED, OrderReject.NOT_IN_AUCTION)
    assert len(book.orders()) == 0


@pytest.mark.parametrize(
    ("terms", "reject"),
    [
        ({"time_in_force": 4, "price_ticks": 3}, OrderReject.INVALID_ORDER_TERMS),
        ({"time_in_force": IOC, "price_ticks": 103}, OrderReject.NOT_IN_AUCTION),
        ({"price_ticks": 103}, OrderReject.PRICE_OFF_TICK),
        ({"price_ticks": 115}, OrderReject.PRICE_OUTSIDE_BAND),
        ({"quantity_lots": 5}, OrderReject.QUANTITY_OFF_LOT),
        ({"time_in_force": GTD, "expires_ns": 1}, OrderReject.ALREADY_EXPIRED),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_all_other_rules_hold_in_an_auction(book: Book, terms: Command, reject: OrderReject) -> None:
    book.set_phase(STEPPED, Phase.AUCTION)
    book.set_time(1)
    assert outcome(book, buy(1, 100, 10, instrument_id=STEPPED) | terms) == (REJECTED, reject)


def test_a_replace_moves_an_order_across_the_other_side_without_trading(book: Book) -> None:
    collecting(book, sell(1, 100, 3, account_id=2), buy(2, 95, 5))
    assert brief(run(book, replace(2, 110, 8))) == [(WITHDRAWN, 2, 0, 95, 5, 0), (REPLACED, 2, 0, 110, 8, 8)]
    assert brief(run(book, replace(2, 110, 6))) == [(REDUCED, 2, 0, 110, 2, 6)]
    check(book)


@pytest.mark.parametrize("flag", [POST_ONLY, SLIDE], ids=["POST_ONLY", "SLIDE"])
def test_a_post_only_order_from_before_the_auction_may_be_moved_across(book: Book, flag: int) -> None:
    run(book, sell(1, 100, 3, account_id=2), buy(2, 95, 5, flags=flag))
    book.set_phase(PLAIN, Phase.AUCTION)
    assert brief(run(book, replace(2, 110, 5)))[-1] == (REPLACED, 2, 0, 110, 5, 5)


def test_a_reduce_only_order_from_before_the_auction_is_asked_when_it_moves(book: Book) -> None:
    book.set_reducible(5)
    run(book, sell(1, 100, 3, account_id=2), buy(2, 95, 5, flags=REDUCE_ONLY))
    book.set_phase(PLAIN, Phase.AUCTION)
    book.set_reducible(0)
    assert outcome(book, replace(2, 110, 5)) == (REJECTED, OrderReject.REDUCE_ONLY_WITHOUT_POSITION)
    assert brief(run(book, replace(2, 95, 4))) == [(REDUCED, 2, 0, 95, 1, 4)]
    book.set_reducible(3)
    assert brief(run(book, replace(2, 110, 5))) == [
        (WITHDRAWN, 2, 0, 95, 4, 0),
        (TRIMMED, 2, 0, 110, 2, 3),
        (REPLACED, 2, 0, 110, 3, 3),
    ]
    check(book)


def test_an_iceberg_shows_its_clip_across_the_other_side(book: Book) -> None:
    collecting(book, sell(1, 100, 3, account_id=2))
    assert brief(run(book, iceberg(buy(2, 105, 9), 4))) == [(RESTED, 2, 0, 105, 4, 9)]
    assert brief(run(book, replace(2, 104, 9))) == [
        (RESERVE_REMOVED, 2, 0, 105, 5, 4),
        (WITHDRAWN, 2, 0, 105, 4, 0),
        (REPLACED, 2, 0, 104, 4, 9),
    ]
    assert book.levels(PLAIN, Side.BUY) == [(104, 4, 1)]
    check(book)


def test_orders_leave_a_crossed_book_by_cancel_by_expiry_and_with_their_book(book: Book) -> None:
    bids = [buy(n, 100 + n, n, time_in_force=GTD, expires_ns=5) for n in (1, 2)]
    collecting(book, *bids, buy(3, 99, 3), sell(4, 90, 4), sell(5, 91, 5))
    assert brief(run(book, cancel(1))) == [(CANCELLED, 1, 0, 101, 1, 0)]
    book.set_time(5)
    assert brief(told(book.expire_due())) == [(CANCELLED, 2, 0, 102, 2, 0)]
    check(book)
    leaving = told(book.cancel_book(PLAIN, OrderReason.GATE_CLOSED))
    assert [row["order_id"] for row in leaving] == [3, 4, 5]
    assert brief(uncrossed(book)) == [(EventKind.UNCROSSED, 0, 0, 0, 0, 0)]


def test_a_book_that_opens_while_it_is_crossed_is_found_out() -> None:
    book = make_book("compiled")
    collecting(book, buy(1, 101, 1), sell(2, 100, 1))
    check(book)
    book.set_phase(PLAIN, Phase.OPEN)
    with pytest.raises(AssertionError, match="crossed at rest"):
        check(book)


PREVENTIONS: list[tuple[SelfTrade, list[tuple[Any, ...]]]] = [
    (SelfTrade.NONE, [(RESTED, 9, 0, 103, 10, 10)]),
    (SelfTrade.CANCEL_NEWEST, [(KILLED, 9, 0, 103, 10, 0)]),
    (
        SelfTrade.CANCEL_OLDEST,
        [
            (CANCELLED, 2, 9, 100, 4, 0),
            (CANCELLED, 4, 9, 101, 3, 0),
            (CANCELLED, 5, 9, 103, 1, 0),
            (RESTED, 9, 0, 103, 10, 10),
        ],
    ),
    (SelfTrade.CANCEL_BOTH, [(CANCELLED, 2, 9, 100, 4, 0), (KILLED, 9, 0, 103, 10, 0)]),
    (
        SelfTrade.DECREMENT,
        [
            (PREVENTED, 9, 2, 100, 4, 6),
            (PREVENTED, 9, 4, 101, 3, 3),
            (PREVENTED, 9, 5, 103, 1, 2),
            (RESTED, 9, 0, 103, 2, 2),
        ],
    ),
]


def orders_of_two(own_account: int) -> list[Command]:
    """Own orders between those of somebody else, and one that a limit of 103 does not reach."""
    return [
        sell(1, 100, 6, account_id=2),
        sell(2, 100, 4, account_id=own_account),
        sell(3, 100, 6, account_id=2),
        sell(4, 101, 3, account_id=own_account),
        sell(5, 103, 1, account_id=own_account),
        sell(6, 104, 9, account_id=own_account),
    ]


@pytest.mark.parametrize(("mode", "expected"), PREVENTIONS, ids=[mode.name for mode, _ in PREVENTIONS])
@pytest.mark.parametrize("own_account", [1, 3], ids=["account", "group"])
def test_a_newcomer_is_kept_apart_from_its_own_orders_as_its_mode_says(
    book: Book, mode: SelfTrade, expected: list[tuple[Any, ...]], own_account: int
) -> None:
    book.set_group(1, 5)
    book.set_group(3, 5)
    collecting(book, *orders_of_two(own_account))
    events = run(book, buy(9, 103, 10, self_trade=mode))
    assert brief(events) == expected
    assert {row["reason"] for row in events if row["kind"] != RESTED} <= {OrderReason.SELF_TRADE}
    check(book)


@pytest.mark.parametrize("mode", ALL_MODES, ids=lambda mode: mode.name)
def test_a_replace_is_kept_apart_like_a_newcomer(book: Book, mode: SelfTrade) -> None:
    collecting(book, buy(9, 90, 10, self_trade=mode), *orders_of_two(1))
    withdrawn, *others = brief(run(book, replace(9, 103, 10)))
    assert withdrawn == (WITHDRAWN, 9, 0, 90, 10, 0)
    expected = dict(PREVENTIONS)[mode]
    assert others == [(REPLACED if row[0] == RESTED else row[0], *row[1:]) for row in expected]
    check(book)


def test_a_sell_is_kept_apart_from_the_best_bid_down_to_its_limit(book: Book) -> None:
    collecting(book, *[buy(n, 100 + n, 2) for n in range(1, 5)])
    assert brief(run(book, sell(9, 103, 2, self_trade=SelfTrade.CANCEL_OLDEST))) == [
        (CANCELLED, 4, 9, 104, 2, 0),
        (CANCELLED, 3, 9, 103, 2, 0),
        (RESTED, 9, 0, 103, 2, 2),
    ]


def test_a_decrement_that_uses_the_newcomer_up_kills_it(book: Book) -> None:
    collecting(book, sell(1, 100, 6, account_id=2), sell(2, 100, 9))
    events = run(book, buy(3, 105, 4, self_trade=SelfTrade.DECREMENT))
    assert events == [
        event(
            PREVENTED,
            sequence=3,
            reason=OrderReason.SELF_TRADE,
            order_id=3,
            counter_order_id=2,
            counter_account_id=1,
            price_ticks=100,
            quantity_lots=4,
        ),
        event(KILLED, sequence=3, index=1, reason=OrderReason.SELF_TRADE, order_id=3, price_ticks=105),
    ]
    own = book.orders()[1]
    assert (own["order_id"], own["leaves_lots"], own["quantity_lots"]) == (2, 5, 5)
    check(book)


def test_a_cancelled_order_names_the_newcomer(book: Book) -> None:
    collecting(book, sell(1, 100, 6))
    assert run(book, buy(3, 105, 4, self_trade=SelfTrade.CANCEL_BOTH))[0] == event(
        CANCELLED,
        side=Side.SELL,
        sequence=2,
        reason=OrderReason.SELF_TRADE,
        order_id=1,
        counter_order_id=3,
        counter_account_id=1,
        price_ticks=100,
        quantity_lots=6,
    )


@pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "before a stranger"])
def test_a_decrement_takes_clip_after_clip_of_an_iceberg(book: Book, is_alone: bool) -> None:
    stranger = [] if is_alone else [sell(2, 100, 6, account_id=2)]
    collecting(book, iceberg(sell(1, 100, 10), 4), *stranger, sell(3, 101, 1))
    rows = brief(run(book, buy(9, 102, 12, self_trade=SelfTrade.DECREMENT)))
    assert rows == [
        (PREVENTED, 9, 1, 100, 4, 8),
        (REFRESHED, 1, 0, 100, 4, 6),
        (PREVENTED, 9, 1, 100, 4, 4),
        (REFRESHED, 1, 0, 100, 2, 2),
        (PREVENTED, 9, 1, 100, 2, 2),
        (PREVENTED, 9, 3, 101, 1, 1),
        (RESTED, 9, 0, 102, 1, 1),
    ]


@pytest.mark.parametrize("mode", ALL_MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize("event_capacity", range(4, 9))
def test_keeping_apart_goes_on_through_a_small_buffer(mode: SelfTrade, event_capacity: int) -> None:
    asks = [sell(n, 100 + n % 7, 3, account_id=n % 4) for n in range(1, 61)]
    asks = [iceberg(ask, 1) if number % 3 else ask for number, ask in enumerate(asks)]
    lone_bid = iceberg(buy(70, 90, 9, self_trade=mode), 2)
    commands = records(*asks, lone_bid, buy(71, 104, 20, self_trade=mode), replace(70, 120, 200))
    books = [make_book("compiled", orders=100, event_capacity=size) for size in (4_096, event_capacity)]
    for collector in books:
        collecting(collector)
    large, small = (collector.execute(commands).tolist() for collector in books)
    assert large == small
    check(books[1])
    assert books[0].orders().tolist() == books[1].orders().tolist()


@pytest.mark.parametrize("event_capacity", BUFFERS)
def test_quotes_of_one_command_rest_in_an_auction_and_are_kept_apart(event_capacity: int) -> None:
    book = make_groups_book(event_capacity)
    collecting(book, sell(1, 100, 3), sell(2, 100, 3, account_id=2), sell(3, 101, 3), buy(4, 103, 2))
    two_sided = mass_quote(quote(bid=(101, 5), ask=(102, 4)), self_trade=SelfTrade.CANCEL_OLDEST)
    events = run_groups(book, two_sided)
    assert [(row["kind"], row["price_ticks"], row["quantity_lots"]) for row in events[:-1]] == [
        (CANCELLED, 100, 3),
        (CANCELLED, 101, 3),
        (RESTED, 101, 5),
        (CANCELLED, 103, 2),
        (RESTED, 102, 4),
    ]
    assert (events[-1]["kind"], events[-1]["quantity_lots"]) == (MASS_QUOTED, 9)
    assert brief(uncrossed(book))[-1] == (EventKind.UNCROSSED, 0, 0, 100, 3, 2)
    check(book)
