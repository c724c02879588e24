import asyncio
import threading
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from tests.gateway.peer import connect

FRAME_BYTES_MAX = 64 * 1024


def order(doors, **changes):
    return {"symbol": doors.symbol, "side": "buy", "price": "0.040000", "quantity": "10"} | changes


async def close_of(peer):
    """Code and reason with which the server ended the connection, and the messages that came before."""
    messages = []
    async with asyncio.timeout(10):
        while True:
            frame = await peer.socket.receive()
            if frame.type is WSMsgType.TEXT:
                messages.append(frame.json())
            elif frame.type is WSMsgType.CLOSE:
                return frame.data, frame.extra, messages
            else:
                raise AssertionError(f"the connection ended without a close frame: {frame}")


async def test_a_ping_is_answered_with_the_sequence(doors):
    async with connect(doors) as peer:
        answer = await peer.ask("ping")
    assert answer["ok"] is True
    assert answer["result"]["sequence"] == doors.exchange.view.sequence


async def test_the_life_of_an_order_on_a_socket(doors):
    async with connect(doors, await doors.account("alice")) as peer:
        placed = (await peer.ask("place", **order(doors, client_id="mine-1")))["result"]
        assert (placed["status"], placed["client_id"], placed["remaining_quantity"]) == ("open", "mine-1", "10")
        changed = (await peer.ask("replace", order_id=placed["order_id"], price="0.041", quantity="8"))["result"]
        assert (changed["price"], changed["remaining_quantity"]) == ("0.041000", "8")
        gone = (await peer.ask("cancel", client_id="mine-1"))["result"]
        assert (gone["status"], gone["order_id"]) == ("cancelled", placed["order_id"])
    assert doors.exchange.view.resting_orders == 0


async def test_a_retry_on_a_socket_finds_the_answer_that_rest_gave(doors):
    key = await doors.account("alice")
    sent = order(doors, client_id="mine-1")
    _, first = await doors.ask("POST", "/v1/orders", key, sent)
    async with connect(doors, key) as peer:
        again = (await peer.ask("place", **sent))["result"]
    assert again["repeated"] is True
    assert (again["order_id"], again["sequence"]) == (first["order_id"], first["sequence"])


async def test_a_refusal_that_is_repeated_says_so(doors):
    async with connect(doors, await doors.account("alice")) as peer:
        sent = order(doors, price="0.07", client_id="mine-1")
        first, again = await peer.ask("place", **sent), await peer.ask("place", **sent)
    assert first["error"]["code"] == "price_outside_band"
    assert (again["error"], again["repeated"]) == (first["error"], True)


@pytest.mark.parametrize(
    ("payload", "code", "name"),
    [
        ("", "malformed_json", None),
        ("{", "malformed_json", None),
        ("[1]", "not_an_object", None),
        ('{"op": "ping", "id": NaN}', "malformed_json", None),
        ('{"op": "ping", "id": 1, "id": 2}', "duplicate_key", None),
        ('{"op": "ping"}', "missing_field", None),
        ('{"id": 1}', "missing_field", None),
        ('{"op": "ping", "id": 1.5}', "wrong_type", None),
        ('{"op": "ping", "id": true}', "wrong_type", None),
        ('{"op": "fly", "id": 1}', "unknown_operation", 1),
        ('{"op": "ping", "id": 1, "colour": "red"}', "unknown_field", 1),
        ('{"op": "place", "id": 1}', "not_logged_in", 1),
        ('{"op": "cancel", "id": "x", "order_id": 5}', "not_logged_in", "x"),
        ('{"op": "subscribe", "id": 1}', "missing_field", 1),
        ('{"op": "subscribe", "id": 1, "channel": "weather"}', "unknown_channel", 1),
        ('{"op": "subscribe", "id": 1, "channel": "book"}', "missing_field", 1),
        ('{"op": "subscribe", "id": 1, "channel": "book", "symbol": "gold"}', "unknown_instrument", 1),
        ('{"op": "subscribe", "id": 1, "channel": "ticker", "symbol": "gold"}', "unknown_instrument", 1),
        ('{"op": "subscribe", "id": 1, "channel": "orders"}', "not_logged_in", 1),
        ('{"op": "subscribe", "id": 1, "channel": "account"}', "not_logged_in", 1),
        ('{"op": "subscribe", "id": 1, "channel": "account", "symbol": "gold"}', "unknown_field", 1),
        ('{"op": "unsubscribe", "id": 1, "channel": "ticker"}', "not_subscribed", 1),
        ('{"op": "login", "id": 1, "key": "a"}', "missing_field", 1),
        ('{"op": "login", "id": 1, "key": "a", "timestamp": "1", "nonce": "n", "signature": "s"}', "unknown_key", 1),
        ("x" * FRAME_BYTES_MAX, "malformed_json", None),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_frame_that_cannot_be_served_is_refused_by_name_and_the_connection_lives(doors, payload, code, name):
    async with connect(doors) as peer:
        await peer.socket.send_str(payload)
        refusal = await peer.message()
        assert (refusal["id"], refusal["ok"], refusal["error"]["code"]) == (name, False, code)
        assert (await peer.ask("ping"))["ok"]


@pytest.mark.parametrize(
    ("op", "fields", "code", "param"),
    [
        ("place", {"price": "0.040001"}, "price_off_tick", "price"),
        ("place", {"price": "0.0400001"}, "too_many_decimals", "price"),
        ("place", {"price": -0.04}, "number_not_string", "price"),
        ("place", {"quantity": "0"}, "quantity_out_of_range", "quantity"),
        ("place", {"quantity": "99999999999999999999"}, "quantity_out_of_range", "quantity"),
        ("place", {"symbol": "gold"}, "unknown_instrument", "symbol"),
        ("place", {"client_id": "two words"}, "malformed_client_id", "client_id"),
        ("place", {"account_id": 1}, "unknown_field", "account_id"),
    ],
    ids=str,
)
async def test_an_order_on_a_socket_is_refused_by_the_same_names_as_by_rest(doors, op, fields, code, param):
    async with connect(doors, await doors.account("alice")) as peer:
        refusal = await peer.ask(op, **order(doors, **fields))
    assert (refusal["ok"], refusal["error"]["code"], refusal["error"]["param"]) == (False, code, param)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "missing_field"),
        ({"order_id": 999_999}, "unknown_order"),
        ({"order_id": 0}, "unknown_order"),
        ({"order_id": "1"}, "wrong_type"),
        ({"client_id": "nobody"}, "unknown_order"),
        ({"order_id": 1, "client_id": "a"}, "missing_field"),
    ],
    ids=str,
)
async def test_a_change_on_a_socket_must_name_one_open_order(doors, fields, code):
    async with connect(doors, await doors.account("alice")) as peer:
        assert (await peer.ask("cancel", **fields))["error"]["code"] == code
        assert (await peer.ask("replace", price="0.04", quantity="1", **fields))["error"]["code"] == code


async def test_an_account_cannot_touch_the_orders_of_another(doors):
    async with connect(doors, await doors.account("alice")) as alice:
        placed = (await alice.ask("place", **order(doors, client_id="mine-1")))["result"]
        async with connect(doors, await doors.account("mallory")) as mallory:
            for target in ({"order_id": placed["order_id"]}, {"client_id": "mine-1"}):
                assert (await mallory.ask("cancel", **target))["error"]["code"] == "unknown_order"
    assert doors.exchange.view.order(placed["order_id"]).status == "open"


@pytest.mark.parametrize("frame_bytes", [FRAME_BYTES_MAX + 1, 1024 * 1024])
async def test_an_oversized_frame_is_refused_by_name_and_ends_the_connection(doors, frame_bytes):
    async with connect(doors) as peer:
        await peer.socket.send_str("x" * frame_bytes)
        code, reason, messages = await close_of(peer)
    assert messages[0]["error"]["code"] == "frame_too_large"
    assert (code, reason) == (1009, "frame_too_large")


async def test_a_frame_far_too_large_to_be_read_ends_only_its_connection(doors):
    async with connect(doors) as bystander, connect(doors) as peer:
        with suppress(ConnectionError):
            await peer.socket.send_str("x" * (8 * 1024 * 1024))
        frame = await peer.socket.receive(timeout=5)
        assert frame.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
        assert (await bystander.ask("ping"))["ok"]


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null", "http://["])
async def test_a_page_of_another_site_cannot_open_a_socket(doors, origin):
    with pytest.raises(WSServerHandshakeError) as refused:
        async with connect(doors, headers={"Origin": origin}):
            pass
    assert refused.value.status == 403


async def test_our_own_page_can_open_a_socket(doors):
    async with connect(doors, headers={"Origin": doors.url}) as peer:
        assert (await peer.ask("ping"))["ok"]


async def test_an_address_has_a_limit_of_connections(serve):
    async with serve(connections_per_address_max=2) as doors, connect(doors), connect(doors):
        with pytest.raises(WSServerHandshakeError) as refused:
            async with connect(doors):
                pass
        assert refused.value.status == 429
    async with serve(connections_per_address_max=1) as doors:
        for _ in range(3):  # a place that is given back can be taken again
            async with connect(doors) as peer:
                assert (await peer.ask("ping"))["ok"]
            await asyncio.sleep(0.05)


async def test_a_connection_has_a_limit_of_subscriptions(serve):
    async with serve(subscriptions_per_connection_max=2) as doors, connect(doors) as peer:
        assert (await peer.ask("subscribe", channel="ticker"))["ok"]
        assert (await peer.ask("subscribe", channel="trades"))["ok"]
        assert (await peer.ask("subscribe", channel="trades"))["ok"]
        refusal = await peer.ask("subscribe", channel="trades", symbol=doors.symbol)
        assert refusal["error"]["code"] == "too_many_subscriptions"
        await peer.ask("unsubscribe", channel="ticker")
        assert (await peer.ask("subscribe", channel="trades", symbol=doors.symbol))["ok"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"key": "0123456789abcdef"}, "unknown_key"),
        ({"nonce": "another"}, "bad_signature"),
        ({"signature": "0" * 64}, "bad_signature"),
        ({"timestamp": "1"}, "timestamp_out_of_window"),
    ],
    ids=str,
)
async def test_a_login_that_is_not_right_is_refused(doors, changes, code):
    key = await doors.account("alice")
    async with connect(doors) as peer:
        assert (await peer.log_in(key, **changes))["error"]["code"] == code
        assert (await peer.ask("place", **order(doors)))["error"]["code"] == "not_logged_in"


async def test_one_connection_serves_one_account(doors):
    async with connect(doors, await doors.account("alice")) as peer:
        assert (await peer.log_in(await doors.account("alice")))["result"]["account"] == "alice"
        assert (await peer.log_in(await doors.account("bob")))["error"]["code"] == "other_account"


async def test_a_key_without_the_role_cannot_trade_on_a_socket(doors):
    async with connect(doors, await doors.account("root", ("admin",))) as peer:
        assert (await peer.ask("place", **order(doors)))["error"]["code"] == "role_missing"
        for channel in ("orders", "account"):
            assert (await peer.ask("subscribe", channel=channel))["error"]["code"] == "role_missing"


async def test_pipelined_requests_are_all_answered_by_their_ids_in_order(doors):
    count = 1_000
    async with connect(doors, await doors.account("alice")) as peer:
        for name in range(count):
            await peer.send({"op": "place", "id": name, **order(doors, quantity="1", client_id=f"c{name}")})
        answers = [await peer.message() for _ in range(count)]
    assert [answer["id"] for answer in answers] == list(range(count))
    assert all(answer["ok"] for answer in answers)
    assert [answer["result"]["client_id"] for answer in answers] == [f"c{name}" for name in range(count)]
    assert doors.exchange.view.resting_orders == count


async def test_more_requests_in_flight_than_allowed_are_refused_by_name(serve):
    async with serve(requests_in_flight_max=3) as doors, connect(doors, await doors.account("alice")) as peer:
        # One frame after the other in a single write, so that the server hears all before any outcome is durable.
        for name in range(50):
            await peer.send({"op": "place", "id": name, **order(doors, quantity="1")})
        answers = [await peer.message() for _ in range(50)]
    refused = [answer for answer in answers if not answer["ok"]]
    assert {answer["error"]["code"] for answer in refused} == {"too_many_in_flight"}
    assert doors.exchange.view.resting_orders == 50 - len(refused) >= 3


async def test_an_answer_comes_before_what_channels_say_of_the_same_order(doors):
    async with connect(doors, await doors.account("alice")) as peer:
        await peer.ask("subscribe", channel="orders")
        await peer.ask("subscribe", channel="book", symbol=doors.symbol)
        peer.others.clear()
        for _ in range(20):
            placed = (await peer.ask("place", **order(doors, quantity="1")))["result"]
            early = [message for message in peer.others if message["sequence"] >= placed["sequence"]]
            assert early == []


@asynccontextmanager
async def a_market_that_stands_still(exchange):
    """The sequencer reads until the end of the context: what is sent meanwhile waits."""
    reads, goes_on = threading.Event(), threading.Event()

    def read(_):
        reads.set()
        goes_on.wait(30)

    reading = exchange.look(read, lambda found: found)
    assert await asyncio.to_thread(reads.wait, 30)
    try:
        yield
    finally:
        goes_on.set()
        await reading


async def test_a_shutdown_is_announced_and_answers_what_is_under_way(doors):
    async with connect(doors, await doors.account("alice")) as peer:
        async with a_market_that_stands_still(doors.exchange):
            for name in range(20):
                await peer.send({"op": "place", "id": name, **order(doors, quantity="1")})
            await peer.ask("ping")
            stopping = asyncio.create_task(doors.stop())
            notice = (await peer.socket.receive()).json()
        code, reason, messages = await close_of(peer)
        await stopping
    assert (code, reason) == (1001, "shutdown")
    assert notice == {"channel": "notice", "type": "shutdown"}
    assert [message["id"] for message in messages if message.get("ok")] == list(range(20))
    assert doors.exchange.view.resting_orders == 20
