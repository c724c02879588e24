"""Mass cancels by example."""

import random

import pytest

from matching.book import Limits, OrderBook
from matching.schema import MassFlag, OrderReason, OrderReject, Phase, Side, quote_order_id
from matching.twin import TwinBook
from tests.matching.commands import (
    CANCELLED,
    GTD,
    PLAIN,
    REJECTED,
    RESERVE_REMOVED,
    SHARES_A_SLOT_WITH_PLAIN,
    STEPPED,
    UNLISTED,
    WILD,
    Book,
    Command,
    brief,
    buy,
    cancel,
    event,
    iceberg,
    place,
    records,
    replace,
    sell,
)
from tests.matching.groups import (
    BUFFERS,
    MASS_CANCELLED,
    ids_of,
    make_groups_book,
    mass_cancel,
    mass_quote,
    quote,
    run_groups,
)

BY_ACCOUNT, BY_SESSION, BY_LABEL, BY_SIDE, BY_INSTRUMENT = MassFlag
CROWDED = 201


@pytest.fixture(params=BUFFERS)
def book(request: pytest.FixtureRequest) -> OrderBook:
    """An empty book, with a buffer for one step and with one for all."""
    return make_groups_book(request.param)


def test_orders_go_in_the_order_of_their_ids(book: OrderBook) -> None:
    run_groups(
        book,
        *[sell(8, 100, 1, instrument_id=WILD), sell(2, 105, 1), sell(7, 104, 1), buy(4, 98, 1), buy(1, 99, 1)],
        *[buy(6, 99, 1), sell(3, 104, 1), buy(5, 95, 10, instrument_id=STEPPED)],
    )
    events = run_groups(book, mass_cancel(BY_ACCOUNT))
    assert ids_of(events) == [1, 2, 3, 4, 5, 6, 7, 8, 0]
    assert {(row["kind"], row["reason"], row["leaves_lots"]) for row in events[:-1]} == {
        (CANCELLED, OrderReason.MASS_CANCELLED, 0)
    }
    assert [row["index"] for row in events] == list(range(9))
    assert {row["sequence"] for row in events} == {9}
    assert len(book.orders()) == 0


def test_the_events_of_a_mass_cancel(book: OrderBook) -> None:
    run_groups(book, sell(1, 100, 10, account_id=3, instrument_id=STEPPED), buy(2, 90, 10, account_id=3))
    assert run_groups(book, mass_cancel(BY_ACCOUNT | BY_SIDE, account_id=3, side=Side.SELL, instrument_id=7)) == [
        event(
            CANCELLED,
            side=Side.SELL,
            sequence=3,
            reason=OrderReason.MASS_CANCELLED,
            instrument_id=STEPPED,
            order_id=1,
            account_id=3,
            price_ticks=100,
            quantity_lots=10,
        ),
        event(
            MASS_CANCELLED,
            side=Side.SELL,
            sequence=3,
            index=1,
            instrument_id=0,
            account_id=3,
            counter_order_id=1,
            quantity_lots=10,
        ),
    ]


def test_a_mass_cancel_that_finds_nothing_says_so(book: OrderBook) -> None:
    run_groups(book, buy(1, 100, 10, account_id=2))
    command = mass_cancel(BY_ACCOUNT | BY_INSTRUMENT, instrument_id=STEPPED, side=1)
    assert run_groups(book, command) == [event(MASS_CANCELLED, sequence=2, instrument_id=STEPPED)]
    assert ids_of(book.orders()) == [1]


@pytest.mark.parametrize(
    ("flags", "fields", "gone"),
    [
        (0, {}, [1, 2, 3, 4, 5, 6]),
        (BY_ACCOUNT, {"account_id": 2}, [2, 5]),
        (BY_SESSION, {"session_id": 7}, [1, 5]),
        (BY_SESSION, {"session_id": 0}, [2, 3, 4, 6]),
        (BY_LABEL, {"label": 1 << 31}, [3, 5]),
        (BY_SIDE, {"side": Side.BUY}, [1, 2, 6]),
        (BY_SIDE, {"side": Side.SELL}, [3, 4, 5]),
        (BY_INSTRUMENT, {"instrument_id": WILD}, [5, 6]),
        (BY_INSTRUMENT | BY_SIDE, {"instrument_id": WILD, "side": Side.SELL}, [5]),
        (BY_INSTRUMENT | BY_SIDE, {"instrument_id": STEPPED, "side": Side.BUY}, []),
        (BY_ACCOUNT | BY_SESSION | BY_LABEL, {"account_id": 2, "session_id": 7, "label": 1 << 31}, [5]),
        (BY_ACCOUNT | BY_SESSION, {"account_id": 1, "session_id": 7}, [1]),
        (BY_ACCOUNT | BY_LABEL, {"account_id": 2, "label": 0}, [2]),
    ],
)
def test_an_order_goes_when_it_matches_all_that_the_command_goes_by(
    book: OrderBook, flags: int, fields: dict[str, int], gone: list[int]
) -> None:
    run_groups(
        book,
        buy(1, 100, 1, session_id=7),
        buy(2, 99, 1, account_id=2),
        sell(3, 105, 1, label=1 << 31),
        sell(4, 100, 10, instrument_id=STEPPED, account_id=3),
        sell(5, 50, 1, instrument_id=WILD, account_id=2, session_id=7, label=1 << 31),
        buy(6, 40, 1, instrument_id=WILD, time_in_force=GTD, expires_ns=5),
    )
    events = run_groups(book, mass_cancel(flags, **fields))
    assert sorted(ids_of(events[:-1])) == gone
    assert sorted([*gone, *ids_of(book.orders())]) == [1, 2, 3, 4, 5, 6]
    [outcome] = events[-1:]
    assert (outcome["kind"], outcome["counter_order_id"]) == (MASS_CANCELLED, len(gone))
    assert outcome["quantity_lots"] == sum(row["quantity_lots"] for row in events[:-1])


@pytest.mark.parametrize(
    ("scope", "scope_mask", "gone"),
    [
        (0, 0, [1, 2, 3]),
        (0x21, 0xFF, [1]),
        (0x20, 0xF0, [1, 2]),
        (0x1, 0xF, [1, 3]),
        (0x9, 0xFF, []),
        (5, 0, [1, 2, 3]),
    ],
)
def test_the_scope_of_instruments_is_compared_in_the_bits_of_the_mask(
    book: OrderBook, scope: int, scope_mask: int, gone: list[int]
) -> None:
    for instrument_id, its_scope in ((5, 0x21), (6, 0x22), (7, 0x31)):
        book.list_instrument(instrument_id, scope=its_scope)
    run_groups(book, *[buy(order_id, 100, 1, instrument_id=4 + order_id) for order_id in (1, 2, 3)])
    events = run_groups(book, mass_cancel(scope=scope, scope_mask=scope_mask))
    assert ids_of(events[:-1]) == gone
    by_instrument = mass_cancel(BY_INSTRUMENT, instrument_id=7, scope=0x2, scope_mask=0xF)
    assert run_groups(book, by_instrument)[-1]["counter_order_id"] == 0


def test_instruments_whose_ids_share_slots_are_told_apart(book: OrderBook) -> None:
    older, newer, newest = 6, 8, 27  # with 8 slots, the slots 6, 0 and 3, of which 3 was WILD's
    for instrument_id in (older, newer, newest):
        book.list_instrument(instrument_id)
    for order_id, instrument_id in enumerate((newest, newer, older, STEPPED), 1):
        run_groups(book, sell(order_id, 100, 10, instrument_id=instrument_id))
    assert ids_of(run_groups(book, mass_cancel(BY_INSTRUMENT, instrument_id=newest))) == [1, 0]
    assert ids_of(run_groups(book, mass_cancel())) == [2, 3, 4, 0]


def test_quotes_go_behind_all_orders_with_sequences_for_ids(book: OrderBook) -> None:
    run_groups(book, mass_quote(quote((99, 1), (105, 1))), buy(1, 98, 1), mass_quote(quote((97, 1)), account_id=2))
    run_groups(book, sell((1 << 64) - 1, 110, 1), sell(2, 108, 1))
    bid, ask = (quote_order_id(1, PLAIN, side) for side in Side)
    other = quote_order_id(2, PLAIN, Side.BUY)
    assert ids_of(run_groups(book, mass_cancel())) == [1, 2, bid, ask, other, (1 << 64) - 1, 0]


def test_slots_that_were_freed_hold_no_order(book: OrderBook) -> None:
    """Whatever was cancelled, filled or moved to another slot goes once at most."""
    run_groups(book, *[buy(order_id, 100 - order_id, 1) for order_id in range(1, 7)])
    run_groups(book, cancel(2), cancel(5), sell(9, 99, 1), buy(5, 90, 1), replace(3, 96, 4), cancel(6))
    assert ids_of(run_groups(book, mass_cancel(BY_ACCOUNT))) == [3, 4, 5, 0]
    assert ids_of(run_groups(book, mass_cancel(BY_ACCOUNT))) == [0]


@pytest.mark.parametrize("phase", Phase)
def test_a_mass_cancel_is_taken_in_every_phase(book: OrderBook, phase: Phase) -> None:
    run_groups(book, buy(1, 100, 1))
    book.set_phase(PLAIN, phase)
    assert ids_of(run_groups(book, mass_cancel(BY_ACCOUNT))) == [1, 0]


@pytest.mark.parametrize(
    ("command", "reject", "fields"),
    [
        (mass_cancel(32), OrderReject.INVALID_ORDER_TERMS, {}),
        (
            mass_cancel(255, instrument_id=PLAIN, side=1),
            OrderReject.INVALID_ORDER_TERMS,
            {"instrument_id": 1, "side": 1},
        ),
        (mass_cancel(BY_SIDE, side=2), OrderReject.INVALID_ORDER_TERMS, {"side": 2}),
        (
            mass_cancel(BY_INSTRUMENT, instrument_id=UNLISTED),
            OrderReject.UNKNOWN_INSTRUMENT,
            {"instrument_id": UNLISTED},
        ),
        (
            mass_cancel(BY_INSTRUMENT | 64, instrument_id=SHARES_A_SLOT_WITH_PLAIN),
            OrderReject.UNKNOWN_INSTRUMENT,
            {"instrument_id": SHARES_A_SLOT_WITH_PLAIN},
        ),
    ],
)
def test_a_mass_cancel_may_be_refused(book: OrderBook, command: dict, reject: OrderReject, fields: dict) -> None:
    run_groups(book, buy(1, 100, 1))
    assert run_groups(book, command) == [event(REJECTED, sequence=2, reason=reject, **{"instrument_id": 0, **fields})]
    assert ids_of(book.orders()) == [1]


def test_what_an_iceberg_does_not_show_goes_and_counts(book: OrderBook) -> None:
    run_groups(book, iceberg(buy(1, 100, 10), 3), iceberg(buy(2, 99, 3), 3), buy(3, 98, 1))
    assert brief(run_groups(book, mass_cancel(BY_ACCOUNT))) == [
        (RESERVE_REMOVED, 1, 0, 100, 7, 3),
        (CANCELLED, 1, 0, 100, 3, 0),
        (CANCELLED, 2, 0, 99, 3, 0),
        (CANCELLED, 3, 0, 98, 1, 0),
        (MASS_CANCELLED, 0, 3, 0, 14, 0),
    ]


def test_a_mass_cancel_among_other_commands_of_a_batch(book: OrderBook) -> None:
    events = run_groups(book, buy(1, 100, 1), buy(2, 101, 1), mass_cancel(BY_ACCOUNT), buy(1, 99, 1), mass_cancel())
    assert ids_of(events) == [1, 2, 1, 2, 0, 1, 1, 0]
    assert [row["sequence"] for row in events] == [1, 2, 3, 3, 3, 4, 5, 5]


@pytest.mark.parametrize("cancelled", [0, 790], ids=["a full pool", "a pool nearly empty"])
@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        (BY_ACCOUNT, {}),
        (0, {}),
        (BY_LABEL, {"label": 2}),
        (BY_ACCOUNT | BY_SIDE, {"side": Side.SELL}),
        (BY_ACCOUNT | BY_INSTRUMENT, {"instrument_id": 203}),
        (BY_INSTRUMENT, {"instrument_id": CROWDED}),
        (BY_ACCOUNT | BY_INSTRUMENT | BY_SIDE, {"instrument_id": CROWDED, "side": Side.BUY}),
        (0, {"scope": 1, "scope_mask": 3}),
    ],
)
def test_deep_books_are_searched_alike_on_every_road(flags: int, fields: dict[str, int], cancelled: int) -> None:
    """By a pass over the pool, or by walking the books where there are few orders or one instrument."""
    generator = random.Random(7)
    compiled = OrderBook(Limits(instruments=32, orders=2_000, nodes=9_000, accounts=16), event_capacity=5)
    twin = TwinBook(2_000)
    books: tuple[Book, Book] = (compiled, twin)
    for each in books:
        for instrument_id in range(200, 220):
            each.list_instrument(instrument_id, scope=instrument_id % 4)
    orders = [some_order(order_id, generator) for order_id in generator.sample(range(1, 9_000), 800)]
    cancels = [
        cancel(order["order_id"], instrument_id=order["instrument_id"], account_id=order["account_id"])
        for order in generator.sample(orders, cancelled)
    ]
    for commands in ([*orders, *cancels], [mass_cancel(flags, **fields)], orders[:50], [mass_cancel(flags, **fields)]):
        events = [each.execute(records(*commands)) for each in books]
        assert events[0].tolist() == events[1].tolist()
        compiled.check()
    assert compiled.orders().tolist() == twin.orders().tolist()


def some_order(order_id: int, generator: random.Random) -> Command:
    """An order that meets nobody, often in a crowded instrument."""
    side = generator.choice(list(Side))
    distance_ticks = generator.choice((1, 2, generator.randrange(1, 30_000)))
    return place(
        order_id,
        side,
        30_000 - distance_ticks if side == Side.BUY else 30_000 + distance_ticks,
        1 + order_id % 9,
        instrument_id=generator.choice((CROWDED, generator.randrange(200, 220))),
        account_id=generator.randrange(1, 4),
        label=generator.randrange(3),
    )
