"""The arrays grow, and rows are used again."""

import numpy as np

from exchange import commands
from exchange.symbols import NANO_PER_S
from exchange.view import MarketView
from exchange.view.columns.schema import Bounds
from exchange.view.columns.store import LARGE_ROWS, RESERVED_ROWS, ROWS_MIN, Store, _enlarged
from matching.schema import INSTRUMENT_CAPACITY
from tests.exchange.view.markets import (
    ALICE,
    BUY,
    FIRST_WINDOW_NS,
    HOUR_S,
    WINDOW,
    Market,
    assert_agrees_with_venue,
    open_market,
)


def test_orders_and_levels_are_found_after_their_arrays_have_grown(market: Market) -> None:
    ids = []
    for number in range(3):
        places = [commands.place(ALICE, WINDOW, BUY, 30_000 + 100 * (number * 30 + at), 1) for at in range(30)]
        market.view.store._room = 0  # as after many batches
        market.send(*places)
        ids += [order.order_id for order in market.view.open_orders(ALICE)]
    assert len(market.view.store.columns.orders) > ROWS_MIN
    assert all(market.view.order(order_id) is not None for order_id in ids)
    assert_agrees_with_venue(market)


def test_accounts_may_have_any_id() -> None:
    market = open_market()
    market.send(commands.open_account(60, "dave"))
    store = market.view.store
    store.open_account(10 * ROWS_MIN)
    assert store.columns.accounts[10 * ROWS_MIN]["is_open"] == 1
    assert market.view.balances(60).cash_nano == 0


def test_rows_of_orders_are_used_again_when_they_are_forgotten() -> None:
    market = open_market(bounds=Bounds(finished_orders=3))
    for _ in range(20):
        order_id = market.place(ALICE, BUY, 39_000, 1)
        market.send(commands.cancel(ALICE, order_id=order_id))
    assert market.view.store.columns.pools[0]["fresh"] <= 6


def test_instruments_whose_ids_fall_on_one_place_are_told_apart() -> None:
    store = Store(Bounds())
    ids = [7 + INSTRUMENT_CAPACITY * number for number in range(3)]
    rows = [store.list_instrument(each, f"symbol-{each}") for each in ids]
    assert [store.row_of(each) for each in ids] == rows
    store.drop_instrument(rows[0])
    assert [store.row_of(each) for each in ids] == [0, *rows[1:]]
    store.drop_instrument(rows[2])
    assert [store.row_of(each) for each in ids] == [0, rows[1], 0]


def test_a_row_of_a_tranche_is_used_again_when_nothing_refers_to_it() -> None:
    store = Store(Bounds())
    rows = [store.list_instrument(each, str(each)) for each in range(1, ROWS_MIN)]
    store.mark_changed(rows[3])
    store.columns.instruments[rows[4]]["references"] = 1
    for row in rows[3:6]:
        store.drop_instrument(row)
    assert store.take_changed() == []
    again = {store.list_instrument(5_000 + each, "later") for each in range(3)}
    assert again == {rows[3], rows[5], ROWS_MIN}
    assert (store.symbols[rows[4]], len(store.columns.instruments)) == ("5", 2 * ROWS_MIN)


def test_orders_and_trades_keep_the_symbol_of_a_tranche_that_is_gone() -> None:
    market = open_market(horizon_s=6 * HOUR_S, bounds=Bounds(ended_tranches=1))
    order_id = market.place(ALICE, BUY, 39_000, 1)
    symbol = market.view.tranches[WINDOW].symbol
    for hour in range(1, 5):
        market.send(time_ns=FIRST_WINDOW_NS + hour * HOUR_S * NANO_PER_S)
    assert WINDOW not in market.view.tranches
    loaded = MarketView.load(market.view.dump())
    assert loaded.order(order_id) == market.view.order(order_id)
    assert loaded.order(order_id).symbol == symbol
    assert loaded.dump() == market.view.dump()


def test_readers_are_told_when_a_symbol_begins_or_ceases_to_name_a_tranche() -> None:
    market = open_market(horizon_s=3 * HOUR_S, bounds=Bounds(ended_tranches=1))
    view = market.view
    known, changes = dict(view.tranche_by_symbol), view.symbol_changes
    market.place(ALICE, BUY, 39_000, 1)
    assert (view.tranche_by_symbol, view.symbol_changes) == (known, changes)
    for hour in range(1, 4):
        market.send(time_ns=FIRST_WINDOW_NS + hour * HOUR_S * NANO_PER_S)
    assert WINDOW not in view.tranches
    moved = set(known.items()) ^ set(view.tranche_by_symbol.items())
    assert view.symbol_changes - changes >= len(moved) > 0


def test_a_frozen_view_stays_as_it_was(market: Market) -> None:
    for number in range(5):
        market.place(ALICE, BUY, 39_000 - 100 * number, 4, client_id=f"order-{number}")
    expected = bytes(market.view.dump())
    frozen = market.view.freeze()
    market.send(*(commands.cancel(ALICE, target_client_id=f"order-{number}") for number in range(3)))
    market.place(ALICE, BUY, 38_000, 4, client_id="later")
    assert frozen.dump() == expected
    assert market.view.dump() != expected
    assert np.frombuffer(expected, np.uint8).any()


def test_a_frozen_view_keeps_its_memory_to_itself_and_leaves_it_to_the_next_one(market: Market) -> None:
    for number in range(20):
        market.place(ALICE, BUY, 39_000 - 100 * number, 4)
    first = market.view.freeze()
    expected, place = bytes(first.dump()), first.columns.orders.ctypes.data
    market.place(ALICE, BUY, 35_000, 4)
    second = market.view.freeze()
    assert (first.dump(), second.dump()) == (expected, market.view.dump())
    assert second.columns.orders.ctypes.data != place
    del first
    market.place(ALICE, BUY, 34_000, 4)
    third = market.view.freeze()
    assert third.columns.orders.ctypes.data == place
    assert third.dump() == market.view.dump() != second.dump()


def test_a_large_pool_has_room_for_millions_at_once_and_is_doubled_from_there() -> None:
    assert _enlarged(256, 1_000, RESERVED_ROWS) == 1_024
    assert _enlarged(1_024, LARGE_ROWS + 1, RESERVED_ROWS) == RESERVED_ROWS
    assert _enlarged(RESERVED_ROWS, RESERVED_ROWS + 1, RESERVED_ROWS) == 2 * RESERVED_ROWS
    assert _enlarged(RESERVED_ROWS, 5 * RESERVED_ROWS, RESERVED_ROWS) == 8 * RESERVED_ROWS
    assert _enlarged(LARGE_ROWS, LARGE_ROWS + 1) == 2 * LARGE_ROWS
