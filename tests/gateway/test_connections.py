"""Connections that carry plain orders: one request at a time, in order, to the end of the connection or the gateway."""

import asyncio
import threading
import time
from contextlib import asynccontextmanager

import orjson
import pytest

from gateway.connections import BODY_WAIT_S, DoorConnection
from tests.gateway.doors import PATIENCE_S, until
from tests.gateway.orders.test_plain_orders import GENERAL
from tests.gateway.orders.test_plain_requests import raw, taken, terms  # noqa: F401 - a fixture
from tests.gateway.wire import HOST, dial

GET = b"GET /v1/time HTTP/1.1\r\n" + HOST + b"\r\n"


@asynccontextmanager
async def held(doors):
    """The sequencer stands still until what is given is set."""
    go, is_held = threading.Event(), threading.Event()

    def hold(_):
        is_held.set()
        go.wait(PATIENCE_S)

    look = doors.exchange.look(hold, lambda found: found)
    await asyncio.to_thread(is_held.wait, PATIENCE_S)
    try:
        yield go
    finally:
        go.set()
        await look


def only_connection(doors):
    (connection,) = (each for each in doors.runner.server.connections if each._kept is not None)
    assert isinstance(connection, DoorConnection)
    return connection


async def quantity_of_next(wire):
    status, body = await wire.answer()
    assert status == b"HTTP/1.1 201 Created"
    return orjson.loads(body)["quantity"]


async def test_requests_that_come_together_are_answered_in_their_order(doors, taken):  # noqa: F811
    key = await doors.account("alice")
    async with dial(doors) as wire:
        wire.send(raw(doors, key, terms(doors, quantity="1")))
        assert await quantity_of_next(wire) == "1"
        wire.send(b"".join(raw(doors, key, terms(doors, quantity=str(each))) for each in range(2, 50)))
        assert [await quantity_of_next(wire) for _ in range(2, 50)] == [str(each) for each in range(2, 50)]
        wire.send(raw(doors, key, terms(doors, quantity="50")))
        assert await quantity_of_next(wire) == "50"
    assert taken == [True, True]


async def test_what_comes_while_an_order_is_under_way_waits_for_its_answer(doors, taken):  # noqa: F811
    key = await doors.account("alice")
    async with held(doors) as go, dial(doors) as wire:
        wire.send(GET)
        assert (await wire.answer())[0] == b"HTTP/1.1 200 OK"
        wire.send(raw(doors, key, terms(doors, quantity="1")))
        await until(lambda: taken == [True])
        second = raw(doors, key, terms(doors, quantity="2"))
        wire.send(second[:70])
        await asyncio.sleep(0.02)
        wire.send(second[70:])
        await until(lambda: len(only_connection(doors)._messages) == 1)
        assert doors.exchange.view.resting_orders == 0
        go.set()
        assert [await quantity_of_next(wire), await quantity_of_next(wire)] == ["1", "2"]
        wire.send(raw(doors, key, terms(doors, quantity="3") | GENERAL) + GET)
        assert await quantity_of_next(wire) == "3"
        assert (await wire.answer())[0] == b"HTTP/1.1 200 OK"
    assert taken == [True, True]


async def test_an_order_whose_peer_leaves_is_carried_out_and_leaves_no_connection(doors, taken):  # noqa: F811
    key = await doors.account("alice")
    async with held(doors):
        async with dial(doors) as wire:
            wire.send(GET)
            await wire.answer()
            wire.send(raw(doors, key, terms(doors)))
            await until(lambda: taken == [True])
            connection = only_connection(doors)
        await until(lambda: connection not in doors.runner.server.connections)
        assert doors.exchange.view.resting_orders == 0
    await until(lambda: doors.exchange.view.resting_orders == 1)


async def test_doors_that_close_answer_the_order_that_is_under_way(doors, taken):  # noqa: F811
    key = await doors.account("alice")
    async with held(doors) as go, dial(doors) as wire:
        wire.send(GET)
        await wire.answer()
        wire.send(raw(doors, key, terms(doors, quantity="4")))
        await until(lambda: taken == [True])
        closing = asyncio.create_task(doors.stop())
        await until(lambda: doors.gateway.is_closing)
        go.set()
        assert await quantity_of_next(wire) == "4"
        assert await wire.rest() == b""
        async with asyncio.timeout(PATIENCE_S):
            await closing


async def test_a_connection_at_work_is_not_taken_for_idle_and_an_idle_one_is_closed(serve, taken):  # noqa: F811
    async with serve(head_wait_s=0.3) as doors:
        key = await doors.account("alice")
        async with dial(doors) as wire:
            wire.send(GET)
            await wire.answer()
            async with held(doors):
                wire.send(raw(doors, key, terms(doors)))
                await asyncio.sleep(0.6)
                answered_s = time.monotonic()
            assert await quantity_of_next(wire) == "10"
            assert await wire.rest() == b""
            assert 0.3 <= time.monotonic() - answered_s < PATIENCE_S
    assert taken == [True]


@pytest.mark.parametrize(
    ("more", "is_kept"),
    [
        ({"Connection": "close"}, False),
        ({"Expect": "100-continue"}, True),
        ({"Upgrade": "h2c", "Connection": "Upgrade"}, False),
        ({"Content-Encoding": "identity"}, True),
    ],
    ids=lambda each: next(iter(each.items()))[0] if isinstance(each, dict) else "",
)
async def test_a_request_that_asks_something_of_the_connection_is_left_to_the_library(doors, taken, more, is_kept):  # noqa: F811
    key = await doors.account("alice")
    async with dial(doors) as wire:
        wire.send(GET)
        await wire.answer()
        wire.send(raw(doors, key, terms(doors), **more))
        if "Expect" in more:
            assert (await wire.head()).startswith(b"HTTP/1.1 100 Continue")
        assert await quantity_of_next(wire) == "10"
        if is_kept:
            wire.send(GET)
            assert (await wire.answer())[0] == b"HTTP/1.1 200 OK"
        else:
            assert await wire.rest() == b""
    assert True not in taken or "Content-Encoding" in more


async def test_an_order_in_any_pieces_is_one_order(doors, taken):  # noqa: F811
    key = await doors.account("alice")
    async with dial(doors) as wire:
        for pieces in (2, 5, 17):
            data = raw(doors, key, terms(doors, quantity=str(pieces)))
            for at in range(pieces):
                wire.send(data[at * len(data) // pieces : (at + 1) * len(data) // pieces])
                await asyncio.sleep(0.001)
            assert await quantity_of_next(wire) == str(pieces)
    assert doors.exchange.view.resting_orders == 3


async def test_a_body_right_behind_its_head_goes_the_plain_road_and_one_that_is_late_the_other(doors, taken):  # noqa: F811
    key = await doors.account("alice")
    async with dial(doors) as wire:
        wire.send(GET)
        await wire.answer()
        for pause_s, expected in ((0.0, [True]), (4 * BODY_WAIT_S, [True]), (0.0, [True, True])):
            head, end, body = raw(doors, key, terms(doors, quantity=str(1 + len(taken)))).partition(b"\r\n\r\n")
            wire.send(head + end)
            await asyncio.sleep(pause_s)
            wire.send(body)
            await quantity_of_next(wire)
            assert taken == expected
    assert doors.exchange.view.resting_orders == 3


async def test_a_connection_that_ends_or_goes_on_to_something_else_before_the_body_leaves_nothing(doors, taken):  # noqa: F811
    key = await doors.account("alice")
    head = raw(doors, key, terms(doors)).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    async with dial(doors) as wire:
        wire.send(GET)
        await wire.answer()
        wire.send(head)
        await until(lambda: any(each._late is not None for each in doors.runner.server.connections))
    await until(lambda: all(each._late is None for each in doors.runner.server.connections))
    await asyncio.sleep(2 * BODY_WAIT_S)
    assert (taken, doors.exchange.view.resting_orders) == ([], 0)


async def test_a_peer_that_does_not_read_its_answers_is_waited_for(doors, taken):  # noqa: F811
    key = await doors.account("alice")
    async with dial(doors) as wire:
        wire.send(GET)
        await wire.answer()
        (connection,) = (each for each in doors.runner.server.connections if isinstance(each, DoorConnection))
        connection.pause_writing()
        wire.send(raw(doors, key, terms(doors)))
        await until(lambda: doors.exchange.view.resting_orders == 1)
        wire.send(raw(doors, key, terms(doors)))
        await asyncio.sleep(0.05)
        assert doors.exchange.view.resting_orders == 1
        connection.resume_writing()
        assert [await quantity_of_next(wire), await quantity_of_next(wire)] == ["10", "10"]
    assert taken == []
