"""Orders that go unless their owner gives a sign of life: over both doors, on the account's channel, over a restart."""

import asyncio
import time
from pathlib import Path

import pytest

from gateway.client import Client
from tests.gateway.cli.test_risk import run
from tests.gateway.doors import until
from tests.gateway.peer import connect

SOON_MS = 400


def order(doors, **changes):
    return {"symbol": doors.symbol, "side": "buy", "price": "0.03", "quantity": "2"} | changes


@pytest.fixture(params=["rest", "socket"])
async def ask(request, doors):
    """Asks for a sign of life over one of the doors; the result or the error."""
    async with connect(doors) as peer:

        async def ask_with(key, **fields):
            if request.param == "rest":
                status, answer = await doors.ask("POST", "/v1/orders/cancel-after", key, fields)
                return answer if status == 200 else answer["error"]
            if not peer.others:
                await peer.log_in(key)
            answer = await peer.ask("cancel_after", **fields)
            return answer["result"] if answer["ok"] else answer["error"]

        yield ask_with


async def test_all_orders_go_when_nothing_is_heard_and_their_owner_is_told(doors, ask):
    key = await doors.account("alice")
    async with connect(doors, key) as peer:
        placed = [(await peer.ask("place", **order(doors)))["result"]["order_id"] for _ in range(2)]
        await peer.ask("subscribe", channel="account")
        await peer.ask("subscribe", channel="orders")
        told = await ask(key, cancel_after_ms=SOON_MS)
        assert (told["session"], told["cancels_at_ns"] - told["time_ns"]) == (None, SOON_MS * 1_000_000)
        happened, orders = [], []
        while not happened or len(orders) < 2:
            message = await peer.message()
            if message.get("channel") == "account":
                happened += message["events"]
            elif message.get("channel") == "orders" and message["type"] == "update":
                orders += message["orders"]
    (event,) = happened
    assert event == {
        "kind": "cancelled_after",
        "session": None,
        "cancels_at": told["cancels_at"],
        "cancels_at_ns": told["cancels_at_ns"],
        "cancelled": 2,
        "quantity": "4",
    }
    assert [(each["order_id"], each["status"], each["reason"]) for each in orders] == [
        (each, "cancelled", "cancel_after") for each in placed
    ]
    assert doors.exchange.view.time_ns >= told["cancels_at_ns"]


async def test_a_sign_of_life_keeps_them_and_0_ends_the_wait(doors, ask):
    key = await doors.account("alice")
    await doors.ask("POST", "/v1/orders", key, order(doors))
    for _ in range(4):
        await ask(key, cancel_after_ms=SOON_MS)
        await asyncio.sleep(SOON_MS / 2_000)
    told = await ask(key, cancel_after_ms=0)
    assert (told["cancels_at"], told["cancels_at_ns"]) == (None, None)
    await asyncio.sleep(SOON_MS / 1_000)
    assert doors.exchange.view.resting_orders == 1


async def test_a_session_goes_and_the_others_stay_and_waits_are_listed(doors, ask):
    key, other = await doors.account("alice"), await doors.account("bob")
    for session in (7, 8):
        await doors.ask("POST", "/v1/orders", key, order(doors, session=session))
    await ask(key, cancel_after_ms=60_000)
    told = await ask(key, cancel_after_ms=SOON_MS, session=7)
    _, listed = await doors.ask("GET", "/v1/orders/cancel-after", key)
    assert [each["session"] for each in listed["timers"]] == [None, 7]
    assert listed["timers"][1]["cancels_at_ns"] == told["cancels_at_ns"]
    assert (await doors.ask("GET", "/v1/orders/cancel-after", other))[1]["timers"] == []
    await until(lambda: doors.exchange.view.resting_orders == 1)
    (left,) = doors.exchange.view.open_orders(key.account_id)
    assert left.session_id == 8


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "missing_field"),
        ({"cancel_after_ms": -1}, "invalid_value"),
        ({"cancel_after_ms": 86_400_001}, "invalid_value"),
        ({"cancel_after_ms": "5"}, "wrong_type"),
        ({"cancel_after_ms": 5, "session": 1 << 16}, "invalid_value"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(doors, ask, fields, code):
    assert (await ask(await doors.account("alice"), **fields))["code"] == code


async def test_an_account_has_sixteen_waits(doors):
    key = await doors.account("alice")
    async with Client(doors.url, key.key_id, key.secret) as client:
        for session in range(16):
            await client.cancel_after(60, session=session)
        status, answer = await doors.ask("POST", "/v1/orders/cancel-after", key, {"cancel_after_ms": 1_000})
        assert (status, answer["error"]["code"]) == (409, "too_many_timers")
        assert len(await client.cancel_timers()) == 16


@pytest.mark.parametrize("is_stream", [False, True])
async def test_the_client_gives_signs_of_life_over_both_doors(doors, is_stream):
    key = await doors.account("alice")
    async with Client(doors.url, key.key_id, key.secret) as client, client.stream() as stream:
        before_ns = time.time_ns()
        timer = await (stream if is_stream else client).cancel_after(30.5, session=3)
        assert timer.session == 3
        assert timer.cancels_at_ns - before_ns == pytest.approx(30.5e9, abs=5e9)
        assert [each.cancels_at_ns for each in await client.cancel_timers()] == [timer.cancels_at_ns]


async def test_the_command_line_asks_for_it(doors, tmp_path: Path):
    key = tmp_path / "key.json"
    told = await run(doors, key, "trade", "cancel-after", "60", "--session", "4")
    assert told.output.startswith("orders of session 4 go at ")
    told = await run(doors, key, "trade", "cancel-after", "0")
    assert told.output == "all orders stay\n"
