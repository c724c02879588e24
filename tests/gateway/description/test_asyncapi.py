"""The description of the socket: every operation and channel, and what is said on a real one is as described."""

import asyncio

import jsonschema_rs
import pytest

from gateway.description.asyncapi import MESSAGES, REQUESTS, asyncapi
from gateway.feeds.topics import BINARY_CHANNELS, CHANNELS
from gateway.orders.routes import ORDER_OPERATIONS
from tests.gateway.description.test_openapi import references
from tests.gateway.doors import PATIENCE_S
from tests.gateway.peer import connect, signed_login

OF_TEXT = CHANNELS.keys() - set(BINARY_CHANNELS)
BESIDE_CHANNELS = {"scope", "heartbeat", "notice"}


@pytest.fixture(scope="module")
def document():
    return asyncapi()


async def test_every_operation_and_every_channel_is_described(doors, document):
    async with connect(doors) as peer:
        await peer.ask("ping")
        (session,) = doors.gateway.sessions
        assert session._operations.keys() == REQUESTS.keys()
    assert ORDER_OPERATIONS.keys() <= REQUESTS.keys()
    assert MESSAGES.keys() == CHANNELS.keys() | BESIDE_CHANNELS
    assert set(document["operations"]) == {*REQUESTS, *(f"tell.{each}" for each in MESSAGES)}


async def test_the_document_is_served_and_its_references_lead_somewhere(doors, document):
    async with doors.http.get(f"{doors.url}/v1/asyncapi.json") as response:
        assert (response.status, await response.json()) == (200, document)
    for reference in references(document):
        found = document
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]


def check(document, message, found):
    schema = document["components"]["messages"][message]["payload"] | {"components": document["components"]}
    errors = [f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in jsonschema_rs.iter_errors(schema, found)]
    assert errors == [], f"{message}: {found}"


@pytest.mark.parametrize(("found", "message"), [({"id": 1, "ok": True}, "place.result"), ({"channel": "x"}, "trades")])
def test_what_is_otherwise_is_noticed(document, found, message):
    with pytest.raises(AssertionError):
        check(document, message, found)


async def test_what_is_said_on_a_real_socket_is_as_described(serve, document):
    terms = {"side": "buy", "price": "0.039", "quantity": "3"}
    async with serve(heartbeat_interval_s=0.1, ticker_interval_s=0.05) as doors:
        key = await doors.account("alice", ("trader", "market_maker", "risk"))
        order = terms | {"symbol": doors.symbol}
        asked = [
            ("login", signed_login(key)),
            ("set", {"cancel_on_disconnect": "connection"}),
            *(("subscribe", subscription(doors, channel)) for channel in sorted(OF_TEXT)),
            ("place", order | {"client_id": "mine"}),
            ("replace", {"client_id": "mine", "price": "0.0391", "quantity": "2"}),
            ("cancel", {"client_id": "mine"}),
            ("place_many", {"orders": [order, order | {"price": "5"}]}),
            ("place", order | {"side": "sell", "self_trade": "none"}),
            ("cancel_many", {"orders": [{"order_id": 1}]}),
            ("quote", {"quotes": [{"symbol": doors.symbol, "ask_price": "0.05", "ask_quantity": "1"}]}),
            ("basket", {"legs": [order]}),
            ("cancel_after", {"cancel_after_ms": 60_000, "session": 3}),
            ("cancel_all", {}),
            ("ping", {}),
            ("unsubscribe", {"channel": "strain"}),
        ]
        async with connect(doors) as peer:

            async def ask(op, fields):
                check(document, f"{op}.request", {"op": op, "id": 1} | fields)
                answer = await peer.ask(op, **fields)
                check(document, f"{op}.result" if answer["ok"] else "refusal", answer)
                assert answer["ok"], answer

            for op, fields in asked:
                await ask(op, fields)
            heard = peer.others
            async with asyncio.timeout(PATIENCE_S):
                while not {each["channel"] for each in heard} >= OF_TEXT | {"heartbeat"}:
                    heard.append(await peer.message())
            await ask("logout", {})
            refused = await peer.ask("cancel_all")
        check(document, "refusal", refused)
        for message in heard:
            check(document, message["channel"], message)


def subscription(doors, channel):
    return {"channel": channel} | ({"symbol": doors.symbol} if CHANNELS[channel].needs_symbol else {})
