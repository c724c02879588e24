"""Orders as records: packed and unpacked they are the same, and a restarted market goes on like the other."""

from collections.abc import Iterator

import numpy as np
import pytest

from exchange import commands
from exchange.view import MarketView, OrderView
from exchange.view.packed import PackedOrders, join_packed, oldest_first, pack_orders
from exchange.view.records import CANCELLED, OPEN, REJECTED
from tests.exchange.view.markets import ALICE, BOB, BUY, CAROL, SELL, WINDOW, Market


def order(
    order_id: int, account_id: int = ALICE, client_id: str = "", created_ns: int = 5, **others: object
) -> OrderView:
    fields = {
        "instrument_id": 3,
        "symbol": f"symbol-{order_id % 2}",
        "side": 1,
        "price_ticks": 1_000,
        "quantity_lots": 1 << 40,
        "filled_lots": 2,
        "leaves_lots": 3,
        "status": OPEN,
        "reason": 0,
        "time_in_force": 1,
        "flags": 4,
        "updated_ns": created_ns + 1,
        "sequence": order_id // 2,
    }
    return OrderView(
        order_id=order_id, account_id=account_id, client_id=client_id, created_ns=created_ns, **fields | others
    )


ORDERS = [
    order(1, client_id="first"),
    order((1 << 64) - 1, BOB, client_id="é not ASCII \0", status=REJECTED, reason=65_535),
    order(7, CAROL, created_ns=1, status=CANCELLED),
    order(4, BOB, client_id="first", price_ticks=0, symbol=""),
    order(2, client_id="x" * 240),
]


@pytest.mark.parametrize("orders", [ORDERS, ORDERS[:1], []])
def test_what_was_packed_comes_out(orders: list[OrderView]) -> None:
    packed = pack_orders(orders)
    assert [packed.order(place) for place in range(len(orders))] == orders


def test_arranged_and_joined_records_are_the_same_orders() -> None:
    packed = pack_orders(ORDERS)
    places = np.array([3, 0, 4])
    arranged = packed.arranged(places)
    joined = join_packed([arranged, pack_orders([]), pack_orders(ORDERS[1:3])])
    expected = [ORDERS[3], ORDERS[0], ORDERS[4], ORDERS[1], ORDERS[2]]
    assert [joined.order(place) for place in range(5)] == expected
    assert joined.symbols == sorted({each.symbol for each in ORDERS})


def test_equal_orders_are_packed_into_equal_bytes_however_they_come() -> None:
    one = oldest_first(join_packed([pack_orders(ORDERS)]))
    other = oldest_first(join_packed([pack_orders(ORDERS[3:]), pack_orders(ORDERS[:3])]))
    assert (one.rows.tobytes(), one.text, one.symbols) == (other.rows.tobytes(), other.text, other.symbols)
    assert [int(each) for each in one.rows["order_id"]] == [7, 1, 2, 4, (1 << 64) - 1]


def test_each_order_is_given_out_once_by_any_of_its_names() -> None:
    packed = PackedOrders(pack_orders(ORDERS))
    assert packed.take_by_client(ALICE, "first") == ORDERS[0]
    assert packed.take_by_id(1) is None
    assert packed.take_by_client(BOB, "first") == ORDERS[3]
    assert packed.take_by_client(BOB, "first") is None
    assert packed.take_by_id((1 << 64) - 1) == ORDERS[1]
    assert [packed.take_by_id(unknown) for unknown in (0, 3, 8, 1 << 63)] == [None] * 4
    assert list(packed.take_account(ALICE)) == [ORDERS[4]]
    assert list(packed.take_account(ALICE)) == list(packed.take_account(99)) == []
    assert packed.take_by_id(7) == ORDERS[2]
    assert packed.taken.all()


@pytest.fixture
def pair(market: Market) -> Iterator[tuple[Market, MarketView]]:
    """A market with resting orders of three accounts, and its view as it comes back from a dump."""
    for number in range(12):
        account_id = (ALICE, BOB, CAROL)[number % 3]
        market.place(
            account_id, BUY, 39_000 - 100 * (number // 3), 4, client_id=f"order-{number}" if number % 2 else ""
        )
    return market, MarketView.load(market.view.dump())


def follow(market: Market, view: MarketView, *groups: np.ndarray) -> None:
    view.apply(market.send(*groups))


def test_no_order_becomes_an_object_before_it_is_touched(pair: tuple[Market, MarketView]) -> None:
    market, loaded = pair
    assert (len(loaded.orders.by_id), len(loaded.orders.packed.taken)) == (0, 12)
    follow(market, loaded, commands.place(CAROL, WINDOW, SELL, 39_000, 1))
    assert loaded.orders.packed.taken.sum() == 1
    assert loaded == market.view


def test_fills_cancels_and_replaces_of_orders_from_before_are_told_alike(pair: tuple[Market, MarketView]) -> None:
    market, loaded = pair
    orders = market.view.open_orders(BOB)
    follow(market, loaded, commands.place(CAROL, WINDOW, SELL, 39_000, 6))
    follow(market, loaded, commands.cancel(BOB, order_id=orders[-1].order_id))
    follow(market, loaded, commands.cancel(ALICE, target_client_id="order-3"))
    follow(market, loaded, commands.replace(BOB, 38_500, 9, order_id=orders[-2].order_id))
    assert loaded.dump() == market.view.dump()
    assert loaded == market.view


def test_open_orders_are_whole_and_oldest_first_after_one_was_touched(pair: tuple[Market, MarketView]) -> None:
    market, loaded = pair
    newest = market.view.open_orders(ALICE)[-1]
    assert loaded.order(newest.order_id) == newest
    follow(market, loaded, commands.place(ALICE, WINDOW, BUY, 30_000, 1))
    assert loaded.open_orders(ALICE) == market.view.open_orders(ALICE)
    assert [each.order_id for each in loaded.open_orders(ALICE)] == [
        each.order_id for each in market.view.open_orders(ALICE)
    ]


def test_an_order_from_before_is_one_object_by_all_its_names(pair: tuple[Market, MarketView]) -> None:
    _, loaded = pair
    found = loaded.order_by_client_id(BOB, "order-1")
    assert found is not None
    assert loaded.order(found.order_id) is found
    assert any(each is found for each in loaded.open_orders(BOB))
    assert loaded.order_by_client_id(ALICE, "order-1") is None


def test_a_frozen_view_stays_as_it_was(pair: tuple[Market, MarketView]) -> None:
    market, loaded = pair
    expected = bytes(loaded.dump())
    frozen = loaded.freeze()
    follow(market, loaded, commands.place(CAROL, WINDOW, SELL, 38_000, 30))
    assert frozen.dump() == expected
    assert loaded.dump() != expected
    assert loaded.dump() == market.view.dump()
