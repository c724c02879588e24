"""Mass quotes by example."""

from typing import Any

import pytest

from matching.book import Limits, OrderBook
from matching.schema import (
    PRICE_TICKS_MAX,
    QUANTITY_LOTS_MAX,
    QUOTES_MAX,
    CommandKind,
    OrderReason,
    OrderReject,
    Phase,
    SelfTrade,
    Side,
    quote_order_id,
)
from tests.matching.commands import (
    CANCELLED,
    COARSE,
    FILLED,
    GTC,
    KILLED,
    PLAIN,
    POST_ONLY,
    PREVENTED,
    QUOTE,
    REDUCED,
    REJECTED,
    REPLACED,
    RESTED,
    SHARES_A_SLOT_WITH_PLAIN,
    SLIDE,
    STEPPED,
    TRADE,
    UNLISTED,
    WILD,
    WITHDRAWN,
    Command,
    brief,
    buy,
    cancel,
    event,
    replace,
    sell,
)
from tests.matching.groups import (
    BUFFERS,
    MASS_QUOTED,
    ids_of,
    make_groups_book,
    mass_quote,
    quote,
    run_groups,
)

BID = quote_order_id(1, PLAIN, Side.BUY)
ASK = quote_order_id(1, PLAIN, Side.SELL)
LEG = {"kind": CommandKind.LEG, "instrument_id": PLAIN}


@pytest.fixture(params=BUFFERS)
def book(request: pytest.FixtureRequest) -> OrderBook:
    """An empty book, with a buffer for one step and with one for all."""
    return make_groups_book(request.param)


def quoted(order_count: int, quantity_lots: int, **fields: Any) -> dict[str, Any]:
    """The outcome of a mass quote, as the second command of a test unless `fields` say otherwise."""
    whole = {"sequence": 2, "instrument_id": 0, "counter_order_id": order_count, "quantity_lots": quantity_lots}
    return event(MASS_QUOTED, **whole | fields)


def test_an_id_says_whose_quote_it_is_and_where() -> None:
    assert quote_order_id(1, 1, 0) == (1 << 52) + (1 << 28) + 2
    assert quote_order_id((1 << 24) - 1, (1 << 32) - 1, 1) == (1 << 53) - 1


def test_both_sides_of_all_instruments_come_to_rest(book: OrderBook) -> None:
    head = {"account_id": 3, "label": 5, "session_id": 6, "self_trade": 2, "client_id_high": 7, "client_id_low": 8}
    entries = quote((95, 10), (100, 20), STEPPED), quote((10, 1), (11, 2))
    events = run_groups(book, mass_quote(*entries, **head, flags=POST_ONLY))
    ids = [quote_order_id(3, instrument_id, side) for instrument_id in (STEPPED, PLAIN) for side in Side]
    terms = [(STEPPED, 0, 95, 10), (STEPPED, 1, 100, 20), (PLAIN, 0, 10, 1), (PLAIN, 1, 11, 2)]
    assert events == [
        *[
            event(
                RESTED,
                index=index,
                side=side,
                instrument_id=instrument_id,
                account_id=3,
                order_id=order_id,
                price_ticks=price_ticks,
                quantity_lots=lots,
                leaves_lots=lots,
            )
            for index, (order_id, (instrument_id, side, price_ticks, lots)) in enumerate(zip(ids, terms, strict=True))
        ],
        quoted(4, 33, sequence=1, index=4, account_id=3),
    ]
    orders = book.orders()
    assert sorted(ids_of(orders)) == sorted(ids)
    for name, value in head.items():
        assert orders[name].tolist() == [value] * 4
    assert orders["flags"].tolist() == [QUOTE | POST_ONLY] * 4
    assert orders["time_in_force"].tolist() == [GTC] * 4
    assert orders["expires_ns"].tolist() == [0] * 4
    assert orders["quantity_lots"].tolist() == orders["leaves_lots"].tolist()


def test_what_the_head_says_beside_its_labels_does_not_matter(book: OrderBook) -> None:
    odd = {"instrument_id": UNLISTED, "side": 9, "price_ticks": -5, "quantity_lots": -1, "order_id": 77}
    events = run_groups(book, mass_quote(quote((10, 1)), **odd, expires_ns=-3, time_in_force=200))
    assert brief(events) == [(RESTED, BID, 0, 10, 1, 1), (MASS_QUOTED, 0, 1, 0, 1, 0)]
    assert book.orders()["expires_ns"].tolist() == [0]


def test_fewer_lots_at_the_same_price_keep_their_place(book: OrderBook) -> None:
    run_groups(book, mass_quote(quote((10, 5), (20, 5))), buy(2, 10, 5), sell(3, 20, 5))
    events = run_groups(book, mass_quote(quote((10, 3), (20, 5))))
    assert events == [
        event(
            REDUCED,
            sequence=4,
            reason=OrderReason.REQUESTED,
            order_id=BID,
            price_ticks=10,
            quantity_lots=2,
            leaves_lots=3,
        ),
        quoted(2, 8, sequence=4, index=1),
    ]
    assert ids_of(book.orders()) == [BID, 2, ASK, 3]
    assert book.orders()["quantity_lots"].tolist() == [3, 5, 5, 5]


def test_a_side_that_keeps_its_place_goes_by_the_labels_of_the_command(book: OrderBook) -> None:
    run_groups(book, mass_quote(quote((10, 5), (20, 5)), label=1, session_id=1, client_id_low=1, flags=POST_ONLY))
    head = {"label": 2, "session_id": 3, "client_id_high": 4, "client_id_low": 5, "self_trade": 3}
    run_groups(book, mass_quote(quote((10, 5), (20, 4)), **head))
    for name, value in head.items():
        assert book.orders()[name].tolist() == [value, value]
    assert book.orders()["flags"].tolist() == [QUOTE, QUOTE]


@pytest.mark.parametrize(("price_ticks", "lots"), [(10, 6), (9, 5), (11, 1)])
def test_a_side_that_moves_or_grows_starts_again_at_the_back(book: OrderBook, price_ticks: int, lots: int) -> None:
    others = [buy(order_id, order_id, 1) for order_id in (9, 10, 11)]
    run_groups(book, mass_quote(quote((10, 5))), *others)
    events = run_groups(book, mass_quote(quote((price_ticks, lots)), label=9))
    assert events == [
        event(WITHDRAWN, sequence=5, reason=OrderReason.REQUESTED, order_id=BID, price_ticks=10, quantity_lots=5),
        event(
            REPLACED,
            sequence=5,
            index=1,
            order_id=BID,
            price_ticks=price_ticks,
            quantity_lots=lots,
            leaves_lots=lots,
        ),
        quoted(1, lots, sequence=5, index=2),
    ]
    ids = ids_of(book.orders())
    assert ids[ids.index(BID) - 1] == price_ticks
    [own] = [order for order in book.orders() if order["order_id"] == BID]
    assert (own["label"], own["quantity_lots"], own["leaves_lots"]) == (9, lots, lots)


def test_a_side_without_lots_is_taken_away(book: OrderBook) -> None:
    run_groups(book, mass_quote(quote((10, 5), (20, 6)), quote((1, 1), (2, 2), WILD)))
    events = run_groups(
        book, mass_quote(quote((0, 0), (20, 6)), quote(instrument_id=WILD), quote(instrument_id=COARSE))
    )
    assert events == [
        event(CANCELLED, sequence=2, reason=OrderReason.REQUESTED, order_id=BID, price_ticks=10, quantity_lots=5),
        *[
            event(
                CANCELLED,
                sequence=2,
                index=1 + side,
                side=side,
                reason=OrderReason.REQUESTED,
                instrument_id=WILD,
                order_id=quote_order_id(1, WILD, side),
                price_ticks=1 + side,
                quantity_lots=1 + side,
            )
            for side in Side
        ],
        quoted(1, 6, index=3),
    ]
    assert ids_of(book.orders()) == [ASK]


def test_both_sides_stand_aside_before_either_comes_again(book: OrderBook) -> None:
    run_groups(book, mass_quote(quote((10, 5), (12, 5))))
    events = run_groups(book, mass_quote(quote((13, 4), (14, 4))))
    assert brief(events) == [
        (WITHDRAWN, BID, 0, 10, 5, 0),
        (WITHDRAWN, ASK, 0, 12, 5, 0),
        (REPLACED, BID, 0, 13, 4, 4),
        (REPLACED, ASK, 0, 14, 4, 4),
        (MASS_QUOTED, 0, 2, 0, 8, 0),
    ]


def test_one_side_may_keep_its_place_while_the_other_moves(book: OrderBook) -> None:
    run_groups(book, mass_quote(quote((10, 5), (12, 5))))
    assert brief(run_groups(book, mass_quote(quote((11, 5), (12, 2))))) == [
        (WITHDRAWN, BID, 0, 10, 5, 0),
        (REDUCED, ASK, 0, 12, 3, 2),
        (REPLACED, BID, 0, 11, 5, 5),
        (MASS_QUOTED, 0, 2, 0, 7, 0),
    ]


def test_a_quote_trades_with_what_it_reaches(book: OrderBook) -> None:
    run_groups(book, sell(1, 10, 2, account_id=2), sell(2, 11, 2, account_id=2), buy(3, 7, 9, account_id=2))
    events = run_groups(book, mass_quote(quote((10, 5), (12, 1)), quote((50, 1), instrument_id=WILD)))
    assert brief(events) == [
        (TRADE, BID, 1, 10, 2, 3),
        (RESTED, BID, 0, 10, 3, 3),
        (RESTED, ASK, 0, 12, 1, 1),
        (RESTED, quote_order_id(1, WILD, Side.BUY), 0, 50, 1, 1),
        (MASS_QUOTED, 0, 3, 0, 5, 0),
    ]
    events = run_groups(book, mass_quote(quote((6, 5), (7, 4))))
    assert brief(events) == [
        (WITHDRAWN, BID, 0, 10, 3, 0),
        (WITHDRAWN, ASK, 0, 12, 1, 0),
        (REPLACED, BID, 0, 6, 5, 5),
        (TRADE, ASK, 3, 7, 4, 0),
        (FILLED, ASK, 0, 7, 0, 0),
        (MASS_QUOTED, 0, 1, 0, 5, 0),
    ]


def test_lots_that_were_filled_before_do_not_count(book: OrderBook) -> None:
    run_groups(book, mass_quote(quote((10, 5))), sell(1, 10, 3, account_id=2))
    assert brief(run_groups(book, mass_quote(quote((10, 2))))) == [(MASS_QUOTED, 0, 1, 0, 2, 0)]
    assert book.orders()[["quantity_lots", "leaves_lots"]].tolist() == [(5, 2)]
    assert brief(run_groups(book, mass_quote(quote((10, 4)))))[1] == (REPLACED, BID, 0, 10, 4, 4)
    assert book.orders()[["quantity_lots", "leaves_lots"]].tolist() == [(4, 4)]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (SelfTrade.CANCEL_NEWEST, [(KILLED, BID, 0, 10, 5, 0), (MASS_QUOTED, 0, 0, 0, 0, 0)]),
        (
            SelfTrade.CANCEL_OLDEST,
            [(CANCELLED, 1, BID, 9, 2, 0), (RESTED, BID, 0, 10, 5, 5), (MASS_QUOTED, 0, 1, 0, 5, 0)],
        ),
        (
            SelfTrade.DECREMENT,
            [(PREVENTED, BID, 1, 9, 2, 3), (RESTED, BID, 0, 10, 3, 3), (MASS_QUOTED, 0, 1, 0, 3, 0)],
        ),
    ],
)
def test_the_self_trade_mode_of_the_command_holds_for_its_quotes(
    book: OrderBook, mode: SelfTrade, expected: list[Any]
) -> None:
    run_groups(book, sell(1, 9, 2))
    assert brief(run_groups(book, mass_quote(quote((10, 5)), self_trade=mode))) == expected


def test_quotes_are_orders_for_single_commands_too(book: OrderBook) -> None:
    run_groups(book, mass_quote(quote((10, 5), (20, 5))))
    assert brief(run_groups(book, replace(BID, 11, 3), cancel(ASK))) == [
        (WITHDRAWN, BID, 0, 10, 5, 0),
        (REPLACED, BID, 0, 11, 3, 3),
        (CANCELLED, ASK, 0, 20, 5, 0),
    ]
    assert brief(run_groups(book, mass_quote(quote((11, 2), (20, 1))))) == [
        (REDUCED, BID, 0, 11, 1, 2),
        (RESTED, ASK, 0, 20, 1, 1),
        (MASS_QUOTED, 0, 2, 0, 3, 0),
    ]


def test_two_accounts_quote_the_same_instrument(book: OrderBook) -> None:
    run_groups(book, mass_quote(quote((10, 5), (20, 5))), mass_quote(quote((10, 5), (20, 5)), account_id=2))
    run_groups(book, mass_quote(quote((10, 1))))
    assert ids_of(book.orders()) == [BID, quote_order_id(2, PLAIN, 0), quote_order_id(2, PLAIN, 1)]


def test_a_post_only_quote_looks_past_the_accounts_own_other_side(book: OrderBook) -> None:
    run_groups(book, mass_quote(quote((10, 5), (12, 5))))
    events = run_groups(book, mass_quote(quote((12, 5), (13, 5)), flags=POST_ONLY))
    assert [row["kind"] for row in events] == [WITHDRAWN, WITHDRAWN, REPLACED, REPLACED, MASS_QUOTED]
    run_groups(book, sell(1, 13, 1))
    [refused] = run_groups(book, mass_quote(quote((13, 5), (14, 5)), flags=POST_ONLY))
    assert (refused["kind"], refused["reason"]) == (REJECTED, OrderReject.POST_ONLY_WOULD_TRADE)
    run_groups(book, cancel(1), sell(2, 14, 1))
    [refused] = run_groups(book, mass_quote(quote((14, 5), (15, 5)), flags=POST_ONLY))
    assert refused["reason"] == OrderReject.POST_ONLY_WOULD_TRADE
    assert brief(run_groups(book, mass_quote(quote((13, 5), (14, 5)), flags=POST_ONLY)))[-1][2] == 2


HEAD_BROKEN = [
    mass_quote(),
    mass_quote(LEG),
    mass_quote(LEG, quote((10, 1))),
    mass_quote(quote((10, 1)), flags=SLIDE),
    mass_quote(quote((10, 1)), flags=POST_ONLY | QUOTE),
    mass_quote(quote((10, 1)), self_trade=5),
    mass_quote(*[quote((10, 1))] * (QUOTES_MAX + 1)),
]


@pytest.mark.parametrize("command", HEAD_BROKEN, ids=str)
def test_a_broken_head_is_told_without_an_entry(book: OrderBook, command: Command) -> None:
    odd = {"instrument_id": PLAIN, "side": 1, "price_ticks": 5, "order_id": 9}
    expected = event(REJECTED, reason=OrderReject.INVALID_ORDER_TERMS, instrument_id=0)
    assert run_groups(book, command | odd) == [expected]


@pytest.mark.parametrize(
    ("entry", "reject"),
    [
        (quote((10, 1), instrument_id=UNLISTED), OrderReject.UNKNOWN_INSTRUMENT),
        (quote((10, 1), instrument_id=SHARES_A_SLOT_WITH_PLAIN), OrderReject.UNKNOWN_INSTRUMENT),
        (quote((-1, -1), instrument_id=WILD), OrderReject.DUPLICATE_INSTRUMENT),
        (quote((10, -1)), OrderReject.INVALID_ORDER_TERMS),
        (quote((10, 1), (20, -1)), OrderReject.INVALID_ORDER_TERMS),
        (quote((0, 1), (20, 0)), OrderReject.INVALID_ORDER_TERMS),
        (quote((10, 0), (0, 1)), OrderReject.INVALID_ORDER_TERMS),
        (quote((0, 1)), OrderReject.PRICE_OUT_OF_RANGE),
        (quote((10, 1), (-5, 1)), OrderReject.PRICE_OUT_OF_RANGE),
        (quote((10, 1), (PRICE_TICKS_MAX + 1, 1)), OrderReject.PRICE_OUT_OF_RANGE),
        (quote((10, QUANTITY_LOTS_MAX + 1), (0, 1)), OrderReject.QUANTITY_OUT_OF_RANGE),
        (quote((101, 10), instrument_id=STEPPED), OrderReject.PRICE_OFF_TICK),
        (quote((100, 15), instrument_id=STEPPED), OrderReject.QUANTITY_OFF_LOT),
        (quote((100, 10), (105, 5), instrument_id=STEPPED), OrderReject.QUANTITY_OFF_LOT),
        (quote((115, 10), (89, 10), instrument_id=STEPPED), OrderReject.PRICE_OUTSIDE_BAND),
        (quote((80, 10), (85, 10), instrument_id=STEPPED), OrderReject.PRICE_OUTSIDE_BAND),
        (quote((10, 1), (10, 1)), OrderReject.QUOTE_CROSSED),
        (quote((11, 1), (10, 1)), OrderReject.QUOTE_CROSSED),
        (quote((50, 1), (60, 1)), OrderReject.POST_ONLY_WOULD_TRADE),
        (quote((30, 1), (40, 1)), OrderReject.POST_ONLY_WOULD_TRADE),
    ],
)
def test_the_first_broken_rule_of_an_entry_refuses_the_whole(
    book: OrderBook, entry: Command, reject: OrderReject
) -> None:
    run_groups(book, sell(1, 50, 1, account_id=2), buy(2, 40, 1, account_id=2))
    command = mass_quote(quote((10, 1), (20, 1), WILD), entry, flags=POST_ONLY)
    instrument_id = entry["instrument_id"]
    assert run_groups(book, command) == [event(REJECTED, sequence=3, reason=reject, instrument_id=instrument_id)]
    assert ids_of(book.orders()) == [2, 1]


@pytest.mark.parametrize(
    ("phase", "flags", "reject"),
    [
        (Phase.CLOSED, 0, OrderReject.INSTRUMENT_CLOSED),
        (Phase.HALTED, POST_ONLY, OrderReject.INSTRUMENT_HALTED),
        (Phase.AUCTION, POST_ONLY, OrderReject.NOT_IN_AUCTION),
    ],
)
def test_every_book_must_take_quotes_now(book: OrderBook, phase: Phase, flags: int, reject: OrderReject) -> None:
    book.set_phase(PLAIN, phase)
    command = mass_quote(quote((10, 1), instrument_id=WILD), quote((-1, -1)), flags=flags)
    assert run_groups(book, command) == [event(REJECTED, reason=reject)]


def test_an_auction_takes_quotes_that_may_trade(book: OrderBook) -> None:
    book.set_phase(PLAIN, Phase.AUCTION)
    run_groups(book, mass_quote(quote((10, 3), (20, 1))))
    assert brief(run_groups(book, mass_quote(quote((10, 2), (21, 1))))) == [
        (REDUCED, BID, 0, 10, 1, 2),
        (WITHDRAWN, ASK, 0, 20, 1, 0),
        (REPLACED, ASK, 0, 21, 1, 1),
        (MASS_QUOTED, 0, 2, 0, 3, 0),
    ]


def test_quotes_cross_other_orders_in_an_auction_but_never_their_owners(book: OrderBook) -> None:
    book.set_phase(PLAIN, Phase.AUCTION)
    run_groups(book, sell(1, 8, 5, account_id=2), sell(2, 9, 5), mass_quote(quote((7, 1))))
    mode = SelfTrade.CANCEL_OLDEST
    assert brief(run_groups(book, mass_quote(quote((10, 3), (20, 1)), self_trade=mode))) == [
        (WITHDRAWN, BID, 0, 7, 1, 0),
        (CANCELLED, 2, BID, 9, 5, 0),
        (REPLACED, BID, 0, 10, 3, 3),
        (RESTED, ASK, 0, 20, 1, 1),
        (MASS_QUOTED, 0, 2, 0, 4, 0),
    ]
    assert ids_of(book.orders()) == [BID, 1, ASK]


@pytest.mark.parametrize("entry", [quote((10, 1), (20, 1)), quote((0, 0), (20, 1)), quote((10, 1))], ids=str)
def test_an_order_that_is_no_quote_keeps_its_id(book: OrderBook, entry: Command) -> None:
    taken = BID if entry["bid_lots"] else ASK
    run_groups(book, buy(taken, 5, 1, instrument_id=WILD))
    assert run_groups(book, mass_quote(entry)) == [event(REJECTED, sequence=2, reason=OrderReject.DUPLICATE_ORDER_ID)]
    assert ids_of(book.orders()) == [taken]


def test_room_is_counted_for_the_sides_that_do_not_rest_yet(book: OrderBook) -> None:
    run_groups(book, mass_quote(quote((10, 1), (20, 1)), quote((10, 1), (20, 1), WILD)))
    run_groups(book, buy(1, 1, 1), buy(2, 1, 1), buy(3, 1, 1))
    refused = mass_quote(quote((11, 1), (19, 1)), quote((90, 10), (110, 10), STEPPED))
    assert run_groups(book, refused) == [
        event(REJECTED, sequence=5, reason=OrderReject.TOO_MANY_ORDERS, instrument_id=0)
    ]
    moved = mass_quote(quote((11, 1), (19, 1)), quote((90, 10), instrument_id=STEPPED))
    assert run_groups(book, moved)[-1] == quoted(3, 12, sequence=6, index=5)
    assert len(book.orders()) == 8


def test_room_for_prices_far_apart_is_seen_before_anything_moves() -> None:
    book = OrderBook(Limits(instruments=8, orders=100, nodes=24, accounts=16))
    for instrument_id in (PLAIN, WILD):
        book.list_instrument(instrument_id)
    entries = quote((1, 1), (1 << 29, 1)), quote((1, 1), (1 << 29, 1), WILD)
    assert run_groups(book, mass_quote(*entries)) == [
        event(REJECTED, reason=OrderReject.TOO_MANY_PRICE_LEVELS, instrument_id=0)
    ]
    assert run_groups(book, mass_quote(entries[0]))[-1] == quoted(2, 2, index=2)


@pytest.mark.parametrize("event_capacity", [4, 5, 7, 4_096])
def test_the_largest_mass_quote_goes_on_through_a_small_buffer(event_capacity: int) -> None:
    limits = Limits(instruments=128, orders=1_000, nodes=5_000, accounts=16)
    books = [OrderBook(limits, capacity) for capacity in (event_capacity, 100_000)]
    makers = [sell(order_id, 100, 1, instrument_id=1 + order_id % 70, account_id=2) for order_id in range(1, 500)]
    first = mass_quote(*[quote((90 + number % 7, 2), (101, 3), 1 + number) for number in range(QUOTES_MAX)])
    second = mass_quote(*[quote((91 + number % 10, 9), (101, 2), 1 + number) for number in range(QUOTES_MAX)])
    for book in books:
        for instrument_id in range(1, 71):
            book.list_instrument(instrument_id)
    whole = [run_groups(book, *makers, first, second) for book in books]
    assert whole[0] == whole[1]
    assert books[0].orders().tolist() == books[1].orders().tolist()
    kinds = [row["kind"] for row in whole[0] if row["sequence"] == 501]
    assert {WITHDRAWN, REPLACED, REDUCED, TRADE, MASS_QUOTED} <= set(kinds)


def test_a_batch_of_quotes_alone_finds_room_in_the_table_of_ids() -> None:
    book = OrderBook(Limits(instruments=64, orders=100_000, nodes=10_000, accounts=16))
    for instrument_id in range(64):
        book.list_instrument(instrument_id)
    quotes = [quote((10, 1), (20, 1), instrument_id) for instrument_id in range(64)]
    commands = [mass_quote(*quotes, account_id=1 + account) for account in range(40)]
    events = run_groups(book, *commands)
    assert [row["counter_order_id"] for row in events if row["kind"] == MASS_QUOTED] == [128] * 40
    assert len(book.orders()) == 40 * 128
