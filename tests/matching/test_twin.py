"""The rules of the book by example: each holds for the slow twin and for the compiled book."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given

from matching.schema import (
    LEVEL_EFFECT,
    ORDER_EVENT,
    PRICE_TICKS_MAX,
    CommandKind,
    OrderReason,
    OrderReject,
    SelfTrade,
    Side,
)
from tests.matching.commands import (
    BASKET_FILLED,
    BASKET_KILLED,
    BOOK_KINDS,
    CANCELLED,
    FILLED,
    GTD,
    INSTRUMENTS,
    KILLED,
    MASS_CANCELLED,
    MASS_QUOTED,
    PLAIN,
    POST_ONLY,
    PREVENTED,
    REDUCED,
    REFRESHED,
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
    brief,
    buy,
    cancel,
    event,
    outcome,
    place,
    records,
    run,
    sell,
)
from tests.matching.streams import Step, session_book, sessions


def test_an_order_that_meets_nobody_rests_whole(book: Book) -> None:
    events = run(book, buy(7, 100, 10, account_id=3))
    assert events == [event(RESTED, order_id=7, account_id=3, price_ticks=100, quantity_lots=10, leaves_lots=10)]
    assert book.levels(PLAIN, Side.BUY) == [(100, 10, 1)]
    assert book.levels(PLAIN, Side.SELL) == []


def test_a_trade_names_both_orders_and_is_at_the_price_of_the_resting_one(book: Book) -> None:
    run(book, sell(1, 98, 4, account_id=2))
    assert run(book, buy(2, 100, 10)) == [
        event(
            TRADE,
            sequence=2,
            order_id=2,
            counter_order_id=1,
            counter_account_id=2,
            price_ticks=98,
            quantity_lots=4,
            leaves_lots=6,
        ),
        event(RESTED, sequence=2, index=1, order_id=2, price_ticks=100, quantity_lots=6, leaves_lots=6),
    ]


def test_an_order_that_trades_in_full_ends_with_filled_at_its_own_limit(book: Book) -> None:
    run(book, buy(1, 100, 10, account_id=2))
    assert run(book, sell(2, 90, 10))[-1] == event(
        FILLED, side=Side.SELL, sequence=2, index=1, order_id=2, price_ticks=90
    )
    assert book.levels(PLAIN, Side.BUY) == []


@pytest.mark.parametrize(("side", "limit_ticks", "met"), [(Side.BUY, 103, [2, 3, 1]), (Side.SELL, 101, [1, 2, 3])])
def test_better_prices_trade_first_and_older_orders_first_at_a_price(
    book: Book, side: Side, limit_ticks: int, met: list[int]
) -> None:
    opposite = Side(1 - side)
    run(book, *[place(order_id, opposite, price, 5) for order_id, price in ((1, 103), (2, 102), (3, 102), (4, 101))])
    if side == Side.BUY:
        run(book, cancel(4))
    events = run(book, place(9, side, limit_ticks, 15))
    assert [row["counter_order_id"] for row in events if row["kind"] == TRADE] == met


@pytest.mark.parametrize("side", Side)
def test_orders_do_not_trade_beyond_their_limit(book: Book, side: Side) -> None:
    away_ticks = 1 if side == Side.BUY else -1
    run(book, place(1, Side(1 - side), 100 + away_ticks, 5, account_id=2), place(2, side, 100, 5))
    assert len(book.orders()) == 2


def test_instruments_do_not_trade_with_each_other(book: Book) -> None:
    run(book, sell(1, 100, 10), buy(2, 100, 10, instrument_id=STEPPED))
    assert book.levels(PLAIN, Side.SELL) == book.levels(STEPPED, Side.BUY) == [(100, 10, 1)]


def test_levels_are_listed_best_first_with_their_totals(book: Book) -> None:
    run(book, buy(1, 98, 1), buy(2, 99, 2), buy(3, 98, 4), sell(4, 102, 8), sell(5, 101, 16))
    assert book.levels(PLAIN, Side.BUY) == [(99, 2, 1), (98, 5, 2)]
    assert book.levels(PLAIN, Side.SELL) == [(101, 16, 1), (102, 8, 1)]


def test_orders_are_listed_by_instrument_side_and_priority_with_all_their_terms(book: Book) -> None:
    terms = {
        "time_in_force": GTD,
        "expires_ns": 77,
        "client_id_high": 5,
        "client_id_low": 6,
        "label": 7,
        "session_id": 8,
        "flags": POST_ONLY,
        "self_trade": SelfTrade.DECREMENT,
    }
    run(book, buy(1, 100, 10, instrument_id=STEPPED, **terms), sell(2, 99, 5), buy(3, 90, 5), buy(4, 91, 5))
    run(book, sell(5, 91, 2))
    orders = book.orders()
    assert orders["order_id"].tolist() == [4, 3, 2, 1]
    assert orders["quantity_lots"].tolist() == [5, 5, 5, 10]
    assert orders["leaves_lots"].tolist() == [3, 5, 5, 10]
    assert orders["side"].tolist() == [Side.BUY, Side.BUY, Side.SELL, Side.BUY]
    assert {name: orders[3][name] for name in terms} == terms


@pytest.mark.parametrize(("side", "step_ticks"), [(Side.BUY, -1), (Side.SELL, 1)])
def test_post_only_rests_next_to_the_other_side_and_is_refused_when_it_reaches_it(
    book: Book, side: Side, step_ticks: int
) -> None:
    run(book, place(1, Side(1 - side), 100, 5))
    refused = run(book, place(2, side, 100, 5, flags=POST_ONLY))
    assert [(row["kind"], row["reason"]) for row in refused] == [(REJECTED, OrderReject.POST_ONLY_WOULD_TRADE)]
    assert outcome(book, place(2, side, 100 + step_ticks, 5, flags=POST_ONLY)) == (RESTED, OrderReason.NONE)


@pytest.mark.parametrize(("side", "expected_ticks"), [(Side.BUY, 95), (Side.SELL, 105)])
@pytest.mark.parametrize("beyond_ticks", [0, 5])
def test_a_sliding_order_rests_one_step_away_from_the_other_side(
    book: Book, side: Side, expected_ticks: int, beyond_ticks: int
) -> None:
    run(book, place(1, Side(1 - side), 100, 10, instrument_id=STEPPED))
    limit_ticks = 100 + beyond_ticks if side == Side.BUY else 100 - beyond_ticks
    events = run(book, place(2, side, limit_ticks, 10, instrument_id=STEPPED, flags=SLIDE))
    assert [(row["kind"], row["price_ticks"]) for row in events] == [(RESTED, expected_ticks)]


def test_a_sliding_order_that_reaches_nobody_stays_where_it_is(book: Book) -> None:
    run(book, sell(1, 100, 5))
    assert brief(run(book, buy(2, 97, 5, flags=SLIDE))) == [(RESTED, 2, 0, 97, 5, 5)]


@pytest.mark.parametrize(("side", "edge_ticks"), [(Side.BUY, 1), (Side.SELL, PRICE_TICKS_MAX)])
def test_a_sliding_order_is_refused_at_the_end_of_the_prices(book: Book, side: Side, edge_ticks: int) -> None:
    run(book, place(1, Side(1 - side), edge_ticks, 5))
    slider = place(2, side, edge_ticks, 5, flags=SLIDE)
    assert outcome(book, slider) == (REJECTED, OrderReject.POST_ONLY_WOULD_TRADE)


def test_commands_are_numbered_from_one_and_their_events_from_zero(book: Book) -> None:
    events = run(book, sell(1, 100, 1), sell(2, 100, 1), cancel(9), buy(3, 100, 5))
    assert [(row["sequence"], row["index"]) for row in events] == [(1, 0), (2, 0), (3, 0), (4, 0), (4, 1), (4, 2)]
    assert [row["sequence"] for row in run(book, cancel(3))] == [5]


def test_no_commands_make_no_events(book: Book) -> None:
    nothing = book.execute(records())
    assert (len(nothing), nothing.dtype) == (0, ORDER_EVENT)


OF_REFUSAL = {REJECTED}
OUTCOMES_OF = {
    CommandKind.PLACE: OF_REFUSAL | {RESTED, FILLED, KILLED},
    CommandKind.CANCEL: OF_REFUSAL | {CANCELLED},
    CommandKind.REPLACE: OF_REFUSAL | {REPLACED, REDUCED, FILLED, KILLED, CANCELLED},
    CommandKind.MASS_CANCEL: OF_REFUSAL | {MASS_CANCELLED},
    CommandKind.MASS_QUOTE: OF_REFUSAL | {MASS_QUOTED},
    CommandKind.BASKET: OF_REFUSAL | {BASKET_FILLED, BASKET_KILLED},
}
ON_THE_WAY = {TRADE, PREVENTED, WITHDRAWN, CANCELLED, REFRESHED, RESERVE_REMOVED, TRIMMED}
OF_QUOTES_AND_LEGS = {RESTED, FILLED, KILLED, REPLACED, REDUCED}


@pytest.mark.parametrize("kind", BOOK_KINDS)
@given(session=sessions())
def test_every_command_ends_with_exactly_one_outcome(kind: str, session: list[Step]) -> None:
    book = session_book(kind)
    for step in session:
        *before, last = step.events(book) or [None]
        if step.method != "execute":
            continue
        [command] = step.arguments
        is_group = command["kind"] in (CommandKind.MASS_QUOTE, CommandKind.BASKET)
        assert last["kind"] in OUTCOMES_OF[command["kind"]]
        assert {row["kind"] for row in before} <= ON_THE_WAY | (OF_QUOTES_AND_LEGS if is_group else set())
        assert all(row["order_id"] != last["order_id"] for row in before if row["kind"] == CANCELLED)


@pytest.mark.parametrize("kind", BOOK_KINDS)
@given(session=sessions())
def test_events_alone_rebuild_every_level(kind: str, session: list[Step]) -> None:
    book = session_book(kind)
    lots: dict[int, Counter[tuple[Side, int]]] = defaultdict(Counter)
    for step in session:
        for row in step.events(book):
            sign, whose = LEVEL_EFFECT.get(row["kind"], (0, "own"))
            side = Side(row["side"] if whose == "own" else 1 - row["side"]) if sign else Side.BUY
            lots[row["instrument_id"]][side, row["price_ticks"]] += sign * row["quantity_lots"]
    for instrument_id in INSTRUMENTS:
        expected = {
            (side, price_ticks): quantity_lots
            for side in Side
            for price_ticks, quantity_lots, _ in book.levels(instrument_id, side)
        }
        assert {key: value for key, value in lots[instrument_id].items() if value} == expected
