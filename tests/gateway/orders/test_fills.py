"""Own fills, read again from any point on."""

from decimal import Decimal

import pytest

from tests.gateway.peer import connect

SELL, BUY = "sell", "buy"


@pytest.fixture
async def traded(doors):
    """Alice offers 9 lots; Bob takes 2 and then 3 of them, and Alice takes one of Bob's elsewhere."""
    alice, bob = await doors.account("alice"), await doors.account("bob")

    async def place(key, **terms):
        fields = {"symbol": doors.symbol, "price": "0.04"} | terms
        status, answer = await doors.ask("POST", "/v1/orders", key, fields)
        assert status == 201
        return answer

    offer = await place(alice, side=SELL, quantity="9", client_id="offer")
    await place(bob, side=BUY, quantity="2", client_id="take")
    await place(bob, side=BUY, quantity="3")
    await place(bob, side=SELL, quantity="1", symbol=doors.other_symbol)
    await place(alice, side=BUY, quantity="1", symbol=doors.other_symbol)
    return alice, bob, offer["order_id"]


async def read(doors, key, query=""):
    status, answer = await doors.ask("GET", f"/v1/fills{query}", key)
    assert status == 200, answer
    return answer


async def test_each_account_reads_its_own_fills_oldest_first(doors, traded):
    alice, bob, order_id = traded
    own = (await read(doors, alice))["fills"]
    assert [(fill["side"], fill["quantity"], fill["liquidity"]) for fill in own] == [
        (SELL, "2", "maker"), (SELL, "3", "maker"), (BUY, "1", "taker"),
    ]  # fmt: skip
    assert [(fill["order_id"], fill["client_id"]) for fill in own[:2]] == [(order_id, "offer")] * 2
    others = (await read(doors, bob))["fills"]
    assert [fill["id"] for fill in others] == [fill["id"] for fill in own]
    assert others[0]["client_id"] == "take"


async def test_fills_are_filtered_by_order_and_symbol(doors, traded):
    alice, _, order_id = traded
    assert len((await read(doors, alice, f"?order_id={order_id}"))["fills"]) == 2
    (fill,) = (await read(doors, alice, f"?symbol={doors.other_symbol}"))["fills"]
    assert fill["symbol"] == doors.other_symbol
    assert (await read(doors, alice, f"?symbol={doors.symbol}&order_id=1"))["fills"] == []


async def test_pages_of_fills_follow_each_other_without_a_gap(doors, traded):
    alice, _, _ = traded
    everything = (await read(doors, alice))["fills"]
    rows, query = [], "?limit=1"
    while True:
        page = await read(doors, alice, query)
        rows += page["fills"]
        if page["next_cursor"] is None:
            break
        query = f"?limit=1&cursor={page['next_cursor']}"
    assert rows == everything


async def test_after_a_reconnect_every_fill_since_a_sequence_is_there_once(doors, traded):
    alice, bob, _ = traded
    async with connect(doors, alice) as peer:
        await peer.ask("subscribe", channel="orders")
        seen = (await peer.of_channel("orders", "snapshot"))["sequence"]
    fields = {"symbol": doors.symbol, "price": "0.04", "side": BUY, "quantity": "4"}
    assert (await doors.ask("POST", "/v1/orders", bob, fields))[1]["filled_quantity"] == "4"
    answer = await read(doors, alice, f"?cursor={seen}")
    assert [fill["quantity"] for fill in answer["fills"]] == ["4"]
    assert (await read(doors, alice, f"?cursor={answer['sequence']}"))["fills"] == []
    assert (await read(doors, alice, f"?cursor={answer['fills'][0]['id']}"))["fills"] == []


async def test_a_fill_is_told_on_its_channel_as_it_is_read_later(doors, traded):
    alice, bob, _ = traded
    async with connect(doors, alice) as peer:
        await peer.ask("subscribe", channel="orders")
        await peer.of_channel("orders", "snapshot")
        await doors.ask(
            "POST", "/v1/orders", bob, {"symbol": doors.symbol, "price": "0.04", "side": BUY, "quantity": "1"}
        )
        (told,) = (await peer.of_channel("orders", "update"))["fills"]
    assert (await read(doors, alice))["fills"][-1] == told


async def test_what_is_not_kept_any_more_is_refused_by_name(doors, traded):
    alice, bob, _ = traded
    first = (await read(doors, alice))["fills"][0]
    doors.exchange.view.store.counters["trades_kept"] = 3
    await doors.ask("POST", "/v1/orders", bob, {"symbol": doors.symbol, "price": "0.04", "side": BUY, "quantity": "1"})
    status, answer = await doors.ask("GET", f"/v1/fills?cursor={first['sequence'] - 1}", alice)
    assert (status, answer["error"]["code"], answer["error"]["param"]) == (410, "fills_not_kept", "cursor")
    kept = await read(doors, alice, f"?cursor={first['id']}")
    assert [Decimal(fill["quantity"]) for fill in kept["fills"]] == [3, 1, 1]


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("cursor=later", "malformed_cursor", "cursor"),
        ("cursor=7-", "malformed_cursor", "cursor"),
        ("cursor=-7", "malformed_cursor", "cursor"),
        ("limit=0", "invalid_value", "limit"),
        ("order_id=x", "invalid_value", "order_id"),
        ("since=7", "unknown_field", "since"),
    ],
)
async def test_a_query_of_fills_that_cannot_be_read_is_refused(doors, query, code, param):
    key = await doors.account("alice")
    status, answer = await doors.ask("GET", f"/v1/fills?{query}", key)
    assert (status, answer["error"]["code"], answer["error"]["param"]) == (422, code, param)


async def test_fills_are_nobody_elses_business(doors, traded):
    assert (await doors.ask("GET", "/v1/fills"))[1]["error"]["code"] == "not_signed"
    carol = await doors.account("carol")
    assert (await read(doors, carol))["fills"] == []
