"""The compiled book against its twin: the same events, levels and orders after every step of any day."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.book import Limits, OrderBook
from matching.events import EVENTS_PER_STEP_MAX
from matching.identifiers import grown
from matching.restore import restore_orders
from matching.schema import EventKind, OrderReason, OrderReject, SelfTrade, Side, TimeInForce
from tests.matching.commands import (
    INSTRUMENTS,
    Book,
    Command,
    buy,
    cancel,
    make_book,
    place,
    records,
    replace,
    run,
    sell,
)
from tests.matching.streams import Step, in_batches, long_batches, session_book, sessions

TINY_BUFFER = EVENTS_PER_STEP_MAX


@given(sessions())
def test_the_compiled_book_does_exactly_what_its_twin_does(session: list[Step]) -> None:
    compiled, twin = session_book("compiled"), session_book("twin")
    for step in session:
        assert_same_step(compiled, twin, step)


@given(sessions())
def test_a_tiny_event_buffer_gives_the_same_events(session: list[Step]) -> None:
    compiled, twin = session_book("compiled", event_capacity=TINY_BUFFER), session_book("twin")
    for step in in_batches(session):
        assert_same_step(compiled, twin, step)


@given(sessions(), st.data())
def test_any_split_into_batches_gives_the_same_events(session: list[Step], data: st.DataObject) -> None:
    whole, split = session_book("compiled"), session_book("compiled")
    for step in in_batches(session):
        expected = step.apply(whole)
        if step.method != "execute":
            assert_same_answer(step.apply(split), expected)
            continue
        cut = data.draw(st.integers(0, len(step.arguments)))
        parts = (step.arguments[:cut], step.arguments[cut:])
        assert_same_answer(np.concatenate([split.execute(records(*part)) for part in parts]), expected)
        assert_same_state(split, whole)


@given(sessions(), st.integers(0, 80))
def test_a_restored_book_goes_on_like_the_one_that_was_exported(session: list[Step], cut: int) -> None:
    exported = session_book("compiled")
    for step in session[:cut]:
        step.apply(exported)
    restored = restored_from(exported)
    assert_same_state(restored, exported)
    for step in session[cut:]:
        assert_same_step(restored, exported, step)


@given(long_batches(length=120, orders=200), st.integers(TINY_BUFFER, 3 * TINY_BUFFER))
def test_one_long_batch_through_a_small_buffer_gives_the_same_events(
    commands: list[Command], event_capacity: int
) -> None:
    compiled = make_book("compiled", orders=200, event_capacity=event_capacity)
    assert_same_step(compiled, make_book("twin", orders=200), Step("execute", tuple(commands)))


@pytest.mark.parametrize("mode", SelfTrade, ids=lambda mode: mode.name)
@pytest.mark.parametrize("event_capacity", range(TINY_BUFFER, TINY_BUFFER + 6))
def test_a_sweep_that_fills_the_buffer_many_times_goes_on_where_it_stopped(
    mode: SelfTrade, event_capacity: int
) -> None:
    compiled = make_book("compiled", orders=100, event_capacity=event_capacity)
    twin = make_book("twin", orders=100)
    makers = [sell(order_id, 100 + order_id % 7, 3, account_id=order_id % 5) for order_id in range(1, 61)]
    lone_bid = buy(70, 90, 1, account_id=1, self_trade=mode)
    taker = buy(71, 104, 95, account_id=1, self_trade=mode)
    for commands in (makers, [lone_bid, taker, replace(70, 120, 200)]):
        assert_same_answer(compiled.execute(records(*commands)), twin.execute(records(*commands)))
        assert_same_state(compiled, twin)


@pytest.mark.parametrize("event_capacity", [TINY_BUFFER, 9, 4_096])
def test_a_mass_cancel_and_an_expiry_go_on_through_a_small_buffer(event_capacity: int) -> None:
    compiled = make_book("compiled", orders=100, event_capacity=event_capacity)
    twin = make_book("twin", orders=100)
    bids = [buy(order_id, order_id, 1, time_in_force=1, expires_ns=1 + order_id % 3) for order_id in range(1, 41)]
    asks = [sell(100 + number, 100 + number, 1) for number in range(40)]
    for step in (
        Step("execute", (*bids, *asks)),
        Step("set_time", (2,)),
        Step("expire_due", ()),
        Step("cancel_book", (1, OrderReason.GATE_CLOSED)),
    ):
        assert_same_step(compiled, twin, step)
    assert len(compiled.orders()) == 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("crowd", ["dense", "wild"])
def test_a_crowded_book_does_exactly_what_its_twin_does(crowd: str, seed: int) -> None:
    rng = random.Random(seed)
    compiled, twin = make_book("compiled", orders=1_000), make_book("twin", orders=1_000)
    for _ in range(20):
        commands = tuple(crowded_command(rng, crowd) for _ in range(100))
        assert_same_step(compiled, twin, Step("execute", commands))
    assert len(compiled.orders()) > 100


def test_the_id_table_grows_with_the_book_and_forgets_what_is_cancelled() -> None:
    compiled, twin = make_book("compiled", orders=6_000), make_book("twin", orders=6_000)
    far_apart = 1 << 40
    bids = [buy(order_id * far_apart, 1 + order_id % 50, 1) for order_id in range(1, 5_001)]
    cancels = [cancel(order_id * far_apart) for order_id in range(1, 5_001, 2)]
    for commands in (bids, cancels, bids):
        assert_same_answer(compiled.execute(records(*commands)), twin.execute(records(*commands)))
    assert_same_state(compiled, twin)


def test_a_full_price_tree_refuses_new_levels_by_name_and_loses_nothing() -> None:
    book = OrderBook(Limits(instruments=8, orders=100, nodes=40, accounts=16))
    book.list_instrument(1)
    far_apart = 1 << 24
    events = run(book, *[buy(order_id, order_id * far_apart, 1) for order_id in range(1, 41)])
    outcomes = {(event["kind"], event["reason"]) for event in events}
    assert outcomes == {
        (EventKind.RESTED, OrderReason.NONE),
        (EventKind.REJECTED, OrderReject.TOO_MANY_PRICE_LEVELS),
    }
    resting = len(book.orders())
    [refused] = run(book, replace(1, 5, 1))
    assert refused["reason"] == OrderReject.TOO_MANY_PRICE_LEVELS
    book.check()
    assert len(book.orders()) == resting
    run(book, *[cancel(order_id) for order_id in range(2, 41)])
    [replaced] = run(book, replace(1, 5, 1))[-1:]
    assert replaced["kind"] == EventKind.REPLACED
    book.check()


def test_levels_of_the_largest_quantities_do_not_overflow() -> None:
    compiled, twin = make_book("compiled", orders=16), make_book("twin", orders=16)
    largest = 1 << 40
    commands = [buy(order_id, 100, largest) for order_id in range(1, 17)]
    commands += [
        sell(20, 100, largest, time_in_force=TimeInForce.FOK),
        sell(21, 1, largest, time_in_force=TimeInForce.IOC),
    ]
    assert_same_step(compiled, twin, Step("execute", tuple(commands)))
    assert compiled.levels(1, Side.BUY) == [(100, 14 * largest, 14)]


def restored_from(exported: Book) -> OrderBook:
    """A new book with the same instruments, time and orders."""
    assert isinstance(exported, OrderBook)
    restored = session_book("compiled")
    assert isinstance(restored, OrderBook)
    for name in ("instruments", "groups", "reducible"):
        getattr(restored.book, name)[:] = getattr(exported.book, name)
    for name in ("time_ns", "sequence"):
        restored.book.counters[name] = exported.book.counters[name]
    orders = exported.orders()
    restored.book = grown(restored.book, len(orders))
    restore_orders(restored.book, orders)
    return restored


def crowded_command(rng: random.Random, crowd: str) -> Command:
    """A command of a book with hundreds of prices: in one stretch, or of every magnitude."""
    order_id = rng.randrange(1, 600)
    side = Side(order_id % 2)
    if crowd == "dense":
        price_ticks = 10_000 + rng.randrange(-300, 20) * (1 if side == Side.BUY else -1)
    else:
        magnitude = rng.randrange(0, 20) if side == Side.BUY else rng.randrange(19, 30)
        price_ticks = max(1, (1 << magnitude) + rng.randrange(-70, 70))
    shapes = [
        place(order_id, side, price_ticks, rng.randrange(1, 9)),
        cancel(order_id),
        replace(order_id, price_ticks, 9),
    ]
    return rng.choices(shapes, weights=[6, 1, 2])[0] | {"account_id": 1 + order_id % 3}


def assert_same_step(compiled: Book, twin: Book, step: Step) -> None:
    assert_same_answer(step.apply(compiled), step.apply(twin))
    assert_same_state(compiled, twin)


def assert_same_answer(actual: Any, expected: Any) -> None:
    """The same events, or whatever else a step gives."""
    if isinstance(expected, np.ndarray):
        assert actual.dtype == expected.dtype
        assert actual.tolist() == expected.tolist()
    else:
        assert actual == expected


def assert_same_state(compiled: Book, twin: Book) -> None:
    assert isinstance(compiled, OrderBook)
    compiled.check()
    assert compiled.orders().tolist() == twin.orders().tolist()
    for instrument_id in INSTRUMENTS:
        for side in Side:
            assert compiled.levels(instrument_id, side) == twin.levels(instrument_id, side)
