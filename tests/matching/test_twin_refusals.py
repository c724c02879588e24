"""What the book refuses, and which rule it names, by example, in the slow twin and in the compiled book."""

import pytest

from matching.schema import PRICE_TICKS_MAX, QUANTITY_LOTS_MAX, EventKind, OrderReason, OrderReject, Phase, Side
from tests.matching.commands import (
    CANCELLED,
    COARSE,
    FILLED,
    FOK,
    GTD,
    IOC,
    KILLED,
    MARKET,
    PLAIN,
    POST_ONLY,
    REJECTED,
    REPLACED,
    RESTED,
    SHARES_A_SLOT_WITH_PLAIN,
    SLIDE,
    STEPPED,
    UNLISTED,
    Book,
    Command,
    buy,
    cancel,
    event,
    outcome,
    place,
    replace,
    run,
    sell,
)

EVERY_RULE_BROKEN = buy(
    1,
    0,
    0,
    instrument_id=UNLISTED,
    time_in_force=GTD,
    expires_ns=5,
    flags=POST_ONLY | 8,
)
PLACE_PRECEDENCE: list[tuple[OrderReject, Command]] = [
    (OrderReject.UNKNOWN_INSTRUMENT, {}),
    (OrderReject.INSTRUMENT_HALTED, {"instrument_id": COARSE}),
    (OrderReject.INVALID_ORDER_TERMS, {"instrument_id": STEPPED}),
    (OrderReject.PRICE_OUT_OF_RANGE, {"flags": POST_ONLY}),
    (OrderReject.PRICE_OFF_TICK, {"price_ticks": 116}),
    (OrderReject.QUANTITY_OUT_OF_RANGE, {"price_ticks": 115}),
    (OrderReject.QUANTITY_OFF_LOT, {"quantity_lots": 15}),
    (OrderReject.PRICE_OUTSIDE_BAND, {"quantity_lots": 20}),
    (OrderReject.ALREADY_EXPIRED, {"price_ticks": 110}),
    (OrderReject.DUPLICATE_ORDER_ID, {"expires_ns": 11}),
    (OrderReject.TOO_MANY_ORDERS, {"order_id": 99}),
]


@pytest.mark.parametrize("mended", range(len(PLACE_PRECEDENCE)), ids=lambda index: PLACE_PRECEDENCE[index][0].name)
def test_the_first_rule_that_a_new_order_breaks_is_the_answer(book: Book, mended: int) -> None:
    fill_to_capacity(book)
    book.set_phase(COARSE, Phase.HALTED)
    book.set_time(10)
    command = dict(EVERY_RULE_BROKEN)
    for _, change in PLACE_PRECEDENCE[: mended + 1]:
        command |= change
    expected, _ = PLACE_PRECEDENCE[mended]
    assert outcome(book, command) == (REJECTED, expected)


def test_after_all_others_comes_the_rule_that_post_only_must_not_trade(book: Book) -> None:
    fill_to_capacity(book)
    book.set_time(10)
    command = dict(EVERY_RULE_BROKEN)
    for _, change in PLACE_PRECEDENCE:
        command |= change
    assert outcome(book, command) == (REJECTED, OrderReject.TOO_MANY_ORDERS)
    run(book, cancel(1))
    assert outcome(book, command) == (REJECTED, OrderReject.POST_ONLY_WOULD_TRADE)
    assert outcome(book, command | {"flags": 0}) == (RESTED, OrderReason.NONE)


REPLACE_PRECEDENCE: list[tuple[OrderReject, Command]] = [
    (OrderReject.UNKNOWN_ORDER, {}),
    (OrderReject.INSTRUMENT_HALTED, {"order_id": 1}),
    (OrderReject.INVALID_ORDER_TERMS, {}),
    (OrderReject.PRICE_OUT_OF_RANGE, {"flags": 0}),
    (OrderReject.PRICE_OFF_TICK, {"price_ticks": 116}),
    (OrderReject.QUANTITY_OUT_OF_RANGE, {"price_ticks": 115}),
    (OrderReject.QUANTITY_OFF_LOT, {"quantity_lots": 15}),
    (OrderReject.PRICE_OUTSIDE_BAND, {"quantity_lots": 20}),
    (OrderReject.POST_ONLY_WOULD_TRADE, {"price_ticks": 110}),
]


@pytest.mark.parametrize("mended", range(len(REPLACE_PRECEDENCE)), ids=lambda index: REPLACE_PRECEDENCE[index][0].name)
def test_the_first_rule_that_a_replace_breaks_is_the_answer(book: Book, mended: int) -> None:
    run(book, buy(1, 95, 10, instrument_id=STEPPED, flags=POST_ONLY), sell(2, 110, 10, instrument_id=STEPPED))
    before = book.orders().tolist()
    expected, _ = REPLACE_PRECEDENCE[mended]
    is_halted = expected in (OrderReject.UNKNOWN_ORDER, OrderReject.INSTRUMENT_HALTED)
    book.set_phase(STEPPED, Phase.HALTED if is_halted else Phase.OPEN)
    command = replace(3, 0, 0, flags=4)
    for _, change in REPLACE_PRECEDENCE[: mended + 1]:
        command |= change
    assert outcome(book, command) == (REJECTED, expected)
    assert book.orders().tolist() == before


@pytest.mark.parametrize(
    "terms",
    [
        {"order_id": 0},
        {"side": 2},
        {"side": 255},
        {"time_in_force": 4},
        {"self_trade": 5},
        {"flags": 8},
        {"flags": 128},
        {"flags": POST_ONLY | SLIDE},
        {"flags": POST_ONLY, "time_in_force": IOC},
        {"flags": POST_ONLY, "time_in_force": FOK},
        {"flags": SLIDE, "time_in_force": IOC},
        {"flags": SLIDE, "time_in_force": FOK},
        {"flags": MARKET | POST_ONLY, "time_in_force": IOC, "price_ticks": 0},
        {"flags": MARKET | SLIDE, "time_in_force": FOK, "price_ticks": 0},
        {"flags": MARKET, "price_ticks": 0},
        {"flags": MARKET, "time_in_force": GTD, "expires_ns": 9, "price_ticks": 0},
        {"flags": MARKET, "time_in_force": IOC},
        {"time_in_force": GTD},
        {"time_in_force": GTD, "expires_ns": -1},
        {"expires_ns": 9},
        {"expires_ns": -1},
        {"time_in_force": IOC, "expires_ns": 9},
        {"time_in_force": FOK, "expires_ns": 9},
    ],
    ids=str,
)
def test_terms_that_do_not_go_together_are_refused(book: Book, terms: Command) -> None:
    assert outcome(book, buy(1, 100, 10) | terms) == (REJECTED, OrderReject.INVALID_ORDER_TERMS)


@pytest.mark.parametrize(
    ("instrument_id", "price_ticks", "reject"),
    [
        (PLAIN, 1, None),
        (PLAIN, PRICE_TICKS_MAX, None),
        (PLAIN, 0, OrderReject.PRICE_OUT_OF_RANGE),
        (PLAIN, -1, OrderReject.PRICE_OUT_OF_RANGE),
        (PLAIN, -(1 << 31), OrderReject.PRICE_OUT_OF_RANGE),
        (PLAIN, PRICE_TICKS_MAX + 1, OrderReject.PRICE_OUT_OF_RANGE),
        (PLAIN, (1 << 31) - 1, OrderReject.PRICE_OUT_OF_RANGE),
        (STEPPED, 100, None),
        (STEPPED, 101, OrderReject.PRICE_OFF_TICK),
        (STEPPED, 99, OrderReject.PRICE_OFF_TICK),
        (STEPPED, -5, OrderReject.PRICE_OUT_OF_RANGE),
    ],
)
def test_a_price_must_be_in_range_and_on_the_tick(
    book: Book, instrument_id: int, price_ticks: int, reject: OrderReject | None
) -> None:
    command = buy(1, price_ticks, 10, instrument_id=instrument_id)
    assert outcome(book, command) == ((REJECTED, reject) if reject else (RESTED, OrderReason.NONE))


@pytest.mark.parametrize(
    ("instrument_id", "quantity_lots", "reject"),
    [
        (PLAIN, 1, None),
        (PLAIN, QUANTITY_LOTS_MAX, None),
        (PLAIN, 0, OrderReject.QUANTITY_OUT_OF_RANGE),
        (PLAIN, -1, OrderReject.QUANTITY_OUT_OF_RANGE),
        (PLAIN, QUANTITY_LOTS_MAX + 1, OrderReject.QUANTITY_OUT_OF_RANGE),
        (PLAIN, -(1 << 63), OrderReject.QUANTITY_OUT_OF_RANGE),
        (PLAIN, (1 << 63) - 1, OrderReject.QUANTITY_OUT_OF_RANGE),
        (STEPPED, 10, None),
        (STEPPED, 1_000, None),
        (STEPPED, 1_010, OrderReject.QUANTITY_OUT_OF_RANGE),
        (STEPPED, 11, OrderReject.QUANTITY_OFF_LOT),
        (STEPPED, -10, OrderReject.QUANTITY_OUT_OF_RANGE),
    ],
)
def test_a_quantity_must_be_in_range_and_in_whole_lots(
    book: Book, instrument_id: int, quantity_lots: int, reject: OrderReject | None
) -> None:
    command = buy(1, 100, quantity_lots, instrument_id=instrument_id)
    assert outcome(book, command) == ((REJECTED, reject) if reject else (RESTED, OrderReason.NONE))


@pytest.mark.parametrize(
    ("side", "price_ticks", "is_refused"),
    [
        (Side.BUY, 110, False),
        (Side.BUY, 115, True),
        (Side.BUY, 5, False),
        (Side.SELL, 90, False),
        (Side.SELL, 85, True),
        (Side.SELL, 500, False),
    ],
)
def test_the_band_refuses_only_the_adverse_side(book: Book, side: Side, price_ticks: int, is_refused: bool) -> None:
    command = place(1, side, price_ticks, 10, instrument_id=STEPPED)
    refused = (REJECTED, OrderReject.PRICE_OUTSIDE_BAND)
    assert outcome(book, command) == (refused if is_refused else (RESTED, OrderReason.NONE))


@pytest.mark.parametrize("instrument_id", [0, UNLISTED, SHARES_A_SLOT_WITH_PLAIN, (1 << 32) - 1])
def test_an_instrument_that_is_not_listed_is_unknown(book: Book, instrument_id: int) -> None:
    command = buy(1, 100, 10, instrument_id=instrument_id)
    assert outcome(book, command) == (REJECTED, OrderReject.UNKNOWN_INSTRUMENT)


@pytest.mark.parametrize(
    ("phase", "reject"),
    [(Phase.CLOSED, OrderReject.INSTRUMENT_CLOSED), (Phase.HALTED, OrderReject.INSTRUMENT_HALTED)],
)
def test_without_an_open_book_orders_may_only_be_cancelled(book: Book, phase: Phase, reject: OrderReject) -> None:
    run(book, buy(1, 100, 10))
    book.set_phase(PLAIN, phase)
    assert outcome(book, buy(2, 100, 10)) == (REJECTED, reject)
    assert outcome(book, replace(1, 100, 5)) == (REJECTED, reject)
    assert outcome(book, cancel(1)) == (CANCELLED, OrderReason.REQUESTED)
    book.set_phase(PLAIN, Phase.OPEN)
    assert outcome(book, buy(2, 100, 10)) == (RESTED, OrderReason.NONE)


def test_a_refused_order_is_named_with_the_values_of_its_command(book: Book) -> None:
    command = sell(8, -3, -4, account_id=3, instrument_id=UNLISTED) | {"side": 77}
    assert run(book, command) == [
        event(
            REJECTED,
            side=77,
            reason=OrderReject.UNKNOWN_INSTRUMENT,
            instrument_id=UNLISTED,
            order_id=8,
            account_id=3,
            price_ticks=-3,
        )
    ]


def test_a_refused_change_is_named_with_the_values_of_its_command_and_no_side(book: Book) -> None:
    run(book, sell(8, 100, 4, account_id=2))
    for command in (cancel(8, price_ticks=-3), replace(8, -3, 5)):
        [refused] = run(book, command | {"account_id": 3, "instrument_id": UNLISTED})
        assert refused == event(
            REJECTED,
            sequence=refused["sequence"],
            reason=OrderReject.UNKNOWN_ORDER,
            instrument_id=UNLISTED,
            order_id=8,
            account_id=3,
            price_ticks=-3,
        )


@pytest.mark.parametrize(("expires_ns", "kind"), [(9, REJECTED), (10, REJECTED), (11, RESTED)])
def test_an_order_must_expire_after_now(book: Book, expires_ns: int, kind: EventKind) -> None:
    book.set_time(10)
    reason = OrderReject.ALREADY_EXPIRED if kind == REJECTED else OrderReason.NONE
    assert outcome(book, buy(1, 100, 10, time_in_force=GTD, expires_ns=expires_ns)) == (kind, reason)


def test_an_order_id_is_free_again_when_its_order_has_left_the_book(book: Book) -> None:
    refused = (REJECTED, OrderReject.DUPLICATE_ORDER_ID)
    run(book, buy(1, 100, 10))
    assert outcome(book, sell(1, 200, 10, instrument_id=STEPPED, account_id=2)) == refused
    run(book, cancel(1))
    assert outcome(book, sell(1, 100, 10, account_id=2)) == (RESTED, OrderReason.NONE)
    assert outcome(book, buy(1, 100, 10)) == refused
    run(book, buy(2, 100, 10))
    assert outcome(book, buy(1, 100, 10)) == (RESTED, OrderReason.NONE)


def test_a_full_book_refuses_even_an_order_that_would_fill_but_not_an_immediate_one(book: Book) -> None:
    resting = fill_to_capacity(book)
    refused = (REJECTED, OrderReject.TOO_MANY_ORDERS)
    crossing = buy(99, 110, 10, instrument_id=STEPPED)
    assert outcome(book, crossing) == refused
    assert outcome(book, crossing | {"time_in_force": GTD, "expires_ns": 50}) == refused
    assert len(book.orders()) == resting
    assert outcome(book, crossing | {"time_in_force": FOK}) == (FILLED, OrderReason.NONE)
    assert outcome(book, crossing | {"time_in_force": IOC, "price_ticks": 5})[0] == KILLED


def test_a_full_book_still_takes_replaces(book: Book) -> None:
    resting = fill_to_capacity(book)
    assert outcome(book, replace(1, 5, 50)) == (REPLACED, OrderReason.NONE)
    assert len(book.orders()) == resting


def fill_to_capacity(book: Book) -> int:
    """Rest as many orders as the book takes: an ask of STEPPED at 110, and bids of which one has the id 1."""
    run(book, sell(50, 110, 10, instrument_id=STEPPED, account_id=2))
    resting = 1
    while outcome(book, buy(resting, 10, 10)) == (RESTED, OrderReason.NONE):
        resting += 1
    return resting
