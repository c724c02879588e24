"""Baskets by example."""

from typing import Any

import pytest

from matching.book import Limits, OrderBook
from matching.schema import (
    LEGS_MAX,
    PRICE_TICKS_MAX,
    CommandKind,
    OrderReason,
    OrderReject,
    Phase,
    SelfTrade,
    Side,
)
from tests.matching.commands import (
    CANCELLED,
    FILLED,
    IOC,
    PLAIN,
    POST_ONLY,
    REDUCE_ONLY,
    REFRESHED,
    REJECTED,
    SHARES_A_SLOT_WITH_PLAIN,
    STEPPED,
    TRADE,
    UNLISTED,
    WILD,
    Command,
    brief,
    buy,
    event,
    iceberg,
    sell,
)
from tests.matching.groups import (
    BASKET_FILLED,
    BASKET_KILLED,
    BUFFERS,
    basket,
    ids_of,
    leg,
    make_groups_book,
    run_groups,
)

BUY, SELL = Side
OTHER = {"account_id": 2}


@pytest.fixture(params=BUFFERS)
def book(request: pytest.FixtureRequest) -> OrderBook:
    """An empty book, with a buffer for one step and with one for all."""
    return make_groups_book(request.param)


def killed(number: int, order: Command, **fields: Any) -> dict[str, Any]:
    """The outcome of a basket whose leg cannot be filled, as command `number` of a test."""
    names = ("instrument_id", "side", "order_id", "price_ticks", "quantity_lots")
    whole = {name: order[name] for name in names} | {"sequence": number, "reason": OrderReason.NOT_FILLABLE}
    return event(BASKET_KILLED, **whole | fields)


def test_all_legs_are_filled_in_their_order(book: OrderBook) -> None:
    run_groups(
        book, sell(1, 100, 3, **OTHER), sell(2, 101, 9, **OTHER), buy(3, 110, 10, instrument_id=STEPPED, **OTHER)
    )
    legs = leg(12, STEPPED, SELL, 100, 10), leg(11, PLAIN, BUY, 105, 5)
    events = run_groups(book, basket(*legs, account_id=4))
    common = {"sequence": 4, "account_id": 4}
    assert events == [
        event(
            TRADE,
            **common,
            side=SELL,
            instrument_id=STEPPED,
            order_id=12,
            counter_order_id=3,
            counter_account_id=2,
            price_ticks=110,
            quantity_lots=10,
        ),
        event(FILLED, **common, index=1, side=SELL, instrument_id=STEPPED, order_id=12, price_ticks=100),
        event(
            TRADE,
            **common,
            index=2,
            order_id=11,
            counter_order_id=1,
            counter_account_id=2,
            price_ticks=100,
            quantity_lots=3,
            leaves_lots=2,
        ),
        event(
            TRADE,
            **common,
            index=3,
            order_id=11,
            counter_order_id=2,
            counter_account_id=2,
            price_ticks=101,
            quantity_lots=2,
        ),
        event(FILLED, **common, index=4, order_id=11, price_ticks=105),
        event(BASKET_FILLED, **common, index=5, instrument_id=0, counter_order_id=2, quantity_lots=15),
    ]
    assert book.orders()[["order_id", "leaves_lots"]].tolist() == [(2, 7)]


@pytest.mark.parametrize("unfillable", [0, 1, 2])
def test_nothing_happens_when_a_leg_cannot_be_filled(book: OrderBook, unfillable: int) -> None:
    instruments = PLAIN, STEPPED, WILD
    run_groups(book, *[sell(1 + n, 100, 10, instrument_id=instruments[n], **OTHER) for n in range(3)])
    legs = [leg(11 + n, instruments[n], BUY, 100, 20 if n == unfillable else 10) for n in range(3)]
    assert run_groups(book, basket(*legs)) == [killed(4, legs[unfillable])]
    assert book.orders()["leaves_lots"].tolist() == [10, 10, 10]
    assert run_groups(book, sell(4, 105, 1, **OTHER))[0]["sequence"] == 5


def test_the_first_leg_that_cannot_be_filled_is_named(book: OrderBook) -> None:
    legs = leg(1, STEPPED, SELL, 95, 10), leg(2, PLAIN, BUY, 100, 1)
    assert run_groups(book, basket(*legs, account_id=9)) == [killed(1, legs[0], account_id=9)]


def test_a_leg_goes_no_further_than_its_limit(book: OrderBook) -> None:
    run_groups(book, sell(1, 100, 1, **OTHER), sell(2, 101, 1, **OTHER))
    order = leg(11, PLAIN, BUY, 100, 2)
    assert run_groups(book, basket(order)) == [killed(3, order)]


@pytest.mark.parametrize("mode", SelfTrade, ids=lambda mode: mode.name)
def test_orders_that_self_trade_prevention_keeps_from_a_leg_do_not_count(book: OrderBook, mode: SelfTrade) -> None:
    run_groups(book, sell(1, 100, 1), sell(2, 100, 2, **OTHER))
    order = leg(11, PLAIN, BUY, 100, 3)
    [outcome] = run_groups(book, basket(order, self_trade=mode))[-1:]
    assert outcome["kind"] == (BASKET_FILLED if mode == SelfTrade.NONE else BASKET_KILLED)
    assert len(book.orders()) == (0 if mode == SelfTrade.NONE else 2)


def test_own_orders_in_the_way_of_a_leg_are_cancelled_when_the_basket_says_so(book: OrderBook) -> None:
    run_groups(book, sell(1, 100, 1), sell(2, 100, 2, **OTHER), sell(3, 100, 2, instrument_id=WILD, **OTHER))
    legs = leg(11, PLAIN, BUY, 100, 2), leg(12, WILD, BUY, 100, 1)
    assert brief(run_groups(book, basket(*legs, self_trade=SelfTrade.CANCEL_OLDEST))) == [
        (CANCELLED, 1, 11, 100, 1, 0),
        (TRADE, 11, 2, 100, 2, 0),
        (FILLED, 11, 0, 100, 0, 0),
        (TRADE, 12, 3, 100, 1, 0),
        (FILLED, 12, 0, 100, 0, 0),
        (BASKET_FILLED, 0, 2, 0, 3, 0),
    ]


def test_a_leg_takes_what_icebergs_do_not_show(book: OrderBook) -> None:
    run_groups(book, iceberg(sell(1, 100, 5, **OTHER), 2), sell(2, 100, 1, **OTHER))
    order = leg(11, PLAIN, BUY, 100, 7)
    assert run_groups(book, basket(order)) == [killed(3, order)]
    assert brief(run_groups(book, basket(leg(12, PLAIN, BUY, 100, 6)))) == [
        (TRADE, 12, 1, 100, 2, 4),
        (REFRESHED, 1, 0, 100, 2, 3),
        (TRADE, 12, 2, 100, 1, 3),
        (TRADE, 12, 1, 100, 2, 1),
        (REFRESHED, 1, 0, 100, 1, 1),
        (TRADE, 12, 1, 100, 1, 0),
        (FILLED, 12, 0, 100, 0, 0),
        (BASKET_FILLED, 0, 1, 0, 6, 0),
    ]


def test_own_orders_that_no_leg_reaches_stay(book: OrderBook) -> None:
    run_groups(book, sell(2, 100, 2, **OTHER), sell(1, 100, 1))
    run_groups(book, basket(leg(11, PLAIN, BUY, 100, 2), self_trade=SelfTrade.CANCEL_NEWEST))
    assert ids_of(book.orders()) == [1]


@pytest.mark.parametrize(("reducible", "fills"), [(-1, False), (0, False), (4, False), (5, True), (6, True)])
def test_a_reduce_only_leg_takes_no_more_than_the_position(book: OrderBook, reducible: int, fills: bool) -> None:
    run_groups(book, sell(1, 100, 9, **OTHER), sell(2, 100, 9, instrument_id=WILD, **OTHER))
    book.set_reducible(reducible)
    order = leg(12, WILD, BUY, 100, 5, flags=REDUCE_ONLY)
    [outcome] = run_groups(book, basket(leg(11, PLAIN, BUY, 100, 9), order))[-1:]
    assert outcome["kind"] == (BASKET_FILLED if fills else BASKET_KILLED)
    assert fills or outcome == killed(3, order)


def test_each_leg_has_a_position_of_its_own_to_reduce(book: OrderBook) -> None:
    run_groups(book, sell(1, 100, 9, **OTHER), sell(2, 100, 9, instrument_id=WILD, **OTHER))
    legs = leg(11, PLAIN, BUY, 100, 5, flags=REDUCE_ONLY), leg(12, WILD, BUY, 100, 5, flags=REDUCE_ONLY)
    book.book.reducible[1:3] = 5, 4
    assert run_groups(book, basket(*legs)) == [killed(3, legs[1])]
    book.book.reducible[1:3] = 4, 5
    assert run_groups(book, basket(*legs)) == [killed(4, legs[0])]
    book.book.reducible[1:3] = 5, 5
    assert run_groups(book, basket(*legs))[-1]["kind"] == BASKET_FILLED


def test_an_id_is_free_again_after_its_leg(book: OrderBook) -> None:
    run_groups(book, sell(1, 100, 9, **OTHER), basket(leg(11, PLAIN, BUY, 100, 1)), basket(leg(11, PLAIN, BUY, 100, 1)))
    assert book.orders()["leaves_lots"].tolist() == [7]


LEG = leg(11, PLAIN, BUY, 100, 1)


@pytest.mark.parametrize(
    "command",
    [
        basket(),
        basket({"kind": CommandKind.QUOTE}, LEG),
        basket(LEG, time_in_force=IOC),
        basket(LEG, time_in_force=0),
        basket(LEG, flags=POST_ONLY),
        basket(LEG, flags=REDUCE_ONLY),
        basket(LEG, self_trade=5),
        basket(*[LEG] * (LEGS_MAX + 1)),
    ],
    ids=str,
)
def test_a_broken_head_is_told_without_a_leg(book: OrderBook, command: Command) -> None:
    odd = {"instrument_id": PLAIN, "side": 1, "price_ticks": 5, "order_id": 9}
    run_groups(book, sell(1, 100, 9, **OTHER))
    expected = event(REJECTED, sequence=2, reason=OrderReject.INVALID_ORDER_TERMS, instrument_id=0)
    assert run_groups(book, command | odd) == [expected]


@pytest.mark.parametrize(
    ("order", "reject"),
    [
        (leg(0, UNLISTED, BUY, 100, 1), OrderReject.UNKNOWN_INSTRUMENT),
        (leg(0, SHARES_A_SLOT_WITH_PLAIN, BUY, 100, 1), OrderReject.UNKNOWN_INSTRUMENT),
        (leg(0, PLAIN, BUY, 100, 1), OrderReject.DUPLICATE_INSTRUMENT),
        (leg(0, WILD, BUY, 0, 1), OrderReject.INVALID_ORDER_TERMS),
        (LEG | {"instrument_id": WILD, "side": 2, "price_ticks": 0}, OrderReject.INVALID_ORDER_TERMS),
        (leg(12, WILD, BUY, 0, 1, flags=POST_ONLY), OrderReject.INVALID_ORDER_TERMS),
        (leg(12, WILD, BUY, 0, 0), OrderReject.PRICE_OUT_OF_RANGE),
        (leg(12, WILD, BUY, PRICE_TICKS_MAX + 1, 0), OrderReject.PRICE_OUT_OF_RANGE),
        (leg(12, STEPPED, BUY, 101, 0), OrderReject.PRICE_OFF_TICK),
        (leg(12, WILD, BUY, 100, 0), OrderReject.QUANTITY_OUT_OF_RANGE),
        (leg(12, STEPPED, BUY, 115, 15), OrderReject.QUANTITY_OFF_LOT),
        (leg(11, STEPPED, BUY, 115, 10), OrderReject.PRICE_OUTSIDE_BAND),
        (leg(11, STEPPED, SELL, 85, 10), OrderReject.PRICE_OUTSIDE_BAND),
        (leg(11, WILD, BUY, 100, 1), OrderReject.DUPLICATE_ORDER_ID),
        (leg(1, WILD, BUY, 100, 1), OrderReject.DUPLICATE_ORDER_ID),
    ],
    ids=str,
)
def test_the_first_broken_rule_of_a_leg_refuses_the_whole(book: OrderBook, order: Command, reject: OrderReject) -> None:
    run_groups(book, sell(1, 100, 9, **OTHER))
    names = ("instrument_id", "side", "order_id", "price_ticks")
    told_of_leg = {name: order[name] for name in names}
    assert run_groups(book, basket(LEG, order)) == [event(REJECTED, sequence=2, reason=reject, **told_of_leg)]
    assert book.orders()["leaves_lots"].tolist() == [9]


@pytest.mark.parametrize(
    ("phase", "reject"),
    [
        (Phase.CLOSED, OrderReject.INSTRUMENT_CLOSED),
        (Phase.HALTED, OrderReject.INSTRUMENT_HALTED),
        (Phase.AUCTION, OrderReject.NOT_IN_AUCTION),
    ],
)
def test_every_book_must_trade_now(book: OrderBook, phase: Phase, reject: OrderReject) -> None:
    book.set_phase(WILD, phase)
    order = leg(0, WILD, BUY, 100, 1)
    [refused] = run_groups(book, basket(LEG, order))
    assert (refused["kind"], refused["reason"], refused["instrument_id"]) == (REJECTED, reject, WILD)


def test_a_basket_needs_no_room_in_a_full_book(book: OrderBook) -> None:
    run_groups(book, *[sell(order_id, 100, 1, **OTHER) for order_id in range(1, 9)])
    assert run_groups(book, basket(leg(11, PLAIN, BUY, 100, 1)))[-1]["kind"] == BASKET_FILLED


@pytest.mark.parametrize("event_capacity", [4, 5, 6, 7, 4_096])
def test_the_largest_basket_goes_on_through_a_small_buffer(event_capacity: int) -> None:
    limits = Limits(instruments=32, orders=1_000, nodes=5_000, accounts=16)
    books = [OrderBook(limits, capacity) for capacity in (event_capacity, 10_000)]
    makers = [
        place_other(order_id, 1 + order_id % LEGS_MAX, 100 + order_id % 5) for order_id in range(1, 20 * LEGS_MAX)
    ]
    legs = [leg(1_000 + n, 1 + n, BUY, 104, 17) for n in range(LEGS_MAX)]
    unfillable = [*legs[:-1], legs[-1] | {"quantity_lots": 100}]
    for book in books:
        for instrument_id in range(1, LEGS_MAX + 1):
            book.list_instrument(instrument_id)
    mode = {"self_trade": SelfTrade.CANCEL_OLDEST}
    commands = [*makers, basket(*unfillable), basket(*legs, **mode), basket(*legs, **mode)]
    whole = [run_groups(book, *commands) for book in books]
    assert whole[0] == whole[1]
    assert books[0].orders().tolist() == books[1].orders().tolist()
    outcomes = [row["kind"] for row in whole[0] if row["kind"] in (BASKET_FILLED, BASKET_KILLED)]
    assert outcomes == [BASKET_KILLED, BASKET_FILLED, BASKET_KILLED]


def place_other(order_id: int, instrument_id: int, price_ticks: int) -> Command:
    """An offer of 3 lots, of account 1 or 2."""
    return sell(order_id, price_ticks, 3, instrument_id=instrument_id, account_id=1 + order_id // 3 % 2)
