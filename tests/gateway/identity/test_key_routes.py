"""Keys at the doors: made, listed, revoked, limited; and what becomes of connections under them."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import WSMsgType
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.client import Client, RefusedError, StreamClosedError
from gateway.identity.key_terms import ApiKey
from tests.gateway.peer import connect


async def refusal(awaitable):
    with pytest.raises(RefusedError) as refused:
        await awaitable
    return refused.value.code


def order(doors, **changes):
    return {"symbol": doors.symbol, "side": "buy", "price": "0.030000", "quantity": "1"} | changes


def client_of(doors, key):
    return Client(doors.url, key.key_id, key.secret)


async def test_an_account_makes_lists_and_revokes_its_own_keys(doors):
    async with await doors.client("alice") as alice:
        made = await alice.create_own_key(scopes=["read"], networks=["127.0.0.0/8"])
        (first, listed) = await alice.own_keys()
        assert (first.kind, first.scopes, first.made_by) == ("hmac-sha256", ["keys", "read", "trade"], None)
        assert listed.model_dump() == made.model_dump(exclude={"secret"})
        assert (made.account, made.roles, made.made_by) == ("alice", ["trader"], first.key_id)
        async with client_of(doors, made) as reader:
            assert (await reader.account()).name == "alice"
            assert await refusal(reader.place(doors.symbol, "buy", 1, "0.03")) == "scope_missing"
            assert await refusal(reader.create_own_key()) == "scope_missing"
            assert await alice.revoke_key(made.key_id) == [made.key_id]
            assert await refusal(reader.account()) == "unknown_key"
        assert [key.key_id for key in await alice.own_keys()] == [first.key_id]


async def test_a_key_that_is_made_without_asking_for_more_makes_no_keys(doors):
    async with await doors.client("alice") as alice:
        made = await alice.create_own_key()
        assert made.scopes == ["read", "trade"]
        async with client_of(doors, made) as other:
            assert (await other.place(doors.symbol, "buy", 1, "0.03")).status == "open"


async def test_a_key_is_replaced_by_one_that_it_makes_and_goes_alone_or_with_those(doors):
    async with await doors.client("alice") as alice:
        second = await alice.create_own_key(scopes=["read", "trade", "keys"])
        async with client_of(doors, second) as other:
            third = await other.create_own_key()
            first = (await other.own_keys())[0]
            assert await other.revoke_key(first.key_id) == [first.key_id]
            assert await other.revoke_key(second.key_id, with_made=True) == [second.key_id, third.key_id]
    assert [doors.keys.find(key.key_id) for key in (first, second, third)] == [None] * 3


async def test_what_a_key_may_not_do_it_does_not_give(doors):
    key = await doors.account("alice")
    for body, param in (({"roles": ["trader", "admin"]}, "roles"), ({"roles": ["market_maker"]}, "roles")):
        status, answer = await doors.ask("POST", "/v1/keys", key, body)
        assert (status, answer["error"]["code"], answer["error"]["param"]) == (403, "exceeds_key", param)
    bound = doors.keys.create(key.account_id, ["trader"], networks=["127.0.0.1"])
    status, answer = await doors.ask("POST", "/v1/keys", bound, {"networks": ["127.0.0.0/8"]})
    assert (status, answer["error"]["param"]) == (403, "networks")
    status, answer = await doors.ask("POST", "/v1/keys", bound, {})
    assert (status, answer["networks"]) == (201, ["127.0.0.1/32"])


async def test_an_administrator_bound_to_a_network_makes_no_administrator_that_is_not(doors):
    bound = doors.keys.create(0, ["admin"], networks=["127.0.0.1"])
    status, answer = await doors.ask("POST", "/v1/admin/keys", bound, {"roles": ["admin"]})
    assert (status, answer["error"]["code"]) == (403, "exceeds_key")
    await doors.account("alice")
    status, _ = await doors.ask("POST", "/v1/admin/keys", bound, {"account": "alice", "roles": ["trader"]})
    assert status == 201


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"networks": ["10.0.0.1/8"]}, "invalid_value", "networks"),
        ({"networks": ["10.0.0.1"] * 17}, "invalid_value", "networks"),
        ({"scopes": []}, "invalid_value", "scopes"),
        ({"scopes": ["withdraw"]}, "invalid_value", "scopes[0]"),
        ({"expires_time": "2020-01-01T00:00:00Z"}, "invalid_value", "expires_time"),
        ({"public_key": "zz"}, "invalid_value", "public_key"),
        ({"public_key": "01" + "00" * 31}, "weak_public_key", "public_key"),
        ({"public_key": "00" * 32}, "weak_public_key", "public_key"),
        ({"public_key": "ff" * 32}, "weak_public_key", "public_key"),
        ({"secret": "mine"}, "unknown_field", "secret"),
    ],
    ids=str,
)
async def test_a_key_that_cannot_be_is_refused_by_name(doors, body, code, param):
    status, answer = await doors.ask("POST", "/v1/keys", await doors.account("alice"), body)
    assert (status, answer["error"]["code"]) == (422, code)
    assert answer["error"]["param"] in (param, param.partition("[")[0])


async def test_an_account_sees_and_revokes_no_keys_of_another(doors):
    alice, mallory = await doors.account("alice"), await doors.account("mallory")
    _, listed = await doors.ask("GET", "/v1/keys", mallory)
    assert [row["key_id"] for row in listed["keys"]] == [mallory.key_id]
    answers = [await doors.ask("DELETE", f"/v1/keys/{key_id}", mallory) for key_id in (alice.key_id, "0" * 16)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert doors.keys.find(alice.key_id) is not None


async def test_an_account_has_a_limit_of_keys(serve):
    async with serve(keys_per_account_max=2) as doors, await doors.client("alice") as alice:
        await alice.create_own_key()
        assert await refusal(alice.create_own_key()) == "too_many_keys"


async def test_an_administrator_lists_and_revokes_any_key(doors):
    key = await doors.account("alice")
    made = await doors.admin.create_key("alice", ["trader"], scopes=["read"])
    assert [each.key_id for each in await doors.admin.keys_of("alice")] == [key.key_id, made.key_id]
    assert await doors.admin.revoke_key(made.key_id, any_account=True) == [made.key_id]
    assert doors.keys.find(made.key_id) is None
    assert await refusal(doors.admin.revoke_key(made.key_id, any_account=True)) == "not_found"
    status, answer = await doors.ask("GET", "/v1/admin/keys", key)
    assert (status, answer["error"]["code"]) == (403, "role_missing")


async def test_a_key_of_ed25519_signs_on_both_doors_and_the_exchange_keeps_its_public_half(doors):
    private_key = Ed25519PrivateKey.generate()
    public_key = private_key.public_key().public_bytes_raw().hex()
    await doors.account("alice")
    made = await doors.admin.create_key("alice", ["trader"], public_key=public_key)
    assert (made.kind, made.secret, made.public_key) == ("ed25519", None, public_key)
    async with Client(doors.url, made.key_id, private_key) as alice, alice.stream() as stream:
        assert (await alice.place(doors.symbol, "buy", 1, "0.03")).status == "open"
        assert (await stream.place(doors.symbol, "buy", 1, "0.03")).status == "open"
    async with Client(doors.url, made.key_id, Ed25519PrivateKey.generate()) as mallory:
        assert await refusal(mallory.account()) == "bad_signature"
    async with Client(doors.url, made.key_id, public_key) as mallory:
        assert await refusal(mallory.account()) == "bad_signature"
    assert private_key.private_bytes_raw() not in b"".join(
        path.read_bytes() for path in doors.directory.iterdir() if path.is_file()
    )


async def test_revoking_a_key_closes_its_connections_at_once_and_no_others(doors):
    kept, gone = await doors.account("alice"), await doors.account("alice")
    async with connect(doors, kept) as other, connect(doors, gone) as peer:
        await peer.ask("subscribe", channel="orders")
        await peer.of_channel("orders")
        status, _ = await doors.ask("DELETE", f"/v1/keys/{gone.key_id}", kept)
        assert status == 200
        frame = await peer.socket.receive(timeout=5)
        assert (frame.type, frame.data, frame.extra) == (WSMsgType.CLOSE, 4003, "key_revoked")
        assert (await other.ask("place", **order(doors)))["ok"]
        await other.log_in(kept)
    assert doors.exchange.view.resting_orders == 1


async def test_frames_that_came_before_the_close_are_not_served_any_more(doors):
    kept, gone = await doors.account("alice"), await doors.account("alice")
    async with connect(doors, gone) as peer:
        status, _ = await doors.ask("DELETE", f"/v1/keys/{gone.key_id}", kept)
        for name in range(5):
            await peer.send({"op": "place", "id": name, **order(doors)})
        assert status == 200
        while (await peer.socket.receive(timeout=5)).type is WSMsgType.TEXT:
            pass
    assert doors.exchange.view.resting_orders == 0


async def test_a_key_that_expires_ends_requests_and_connections(doors):
    account = await doors.account("alice")
    key = doors.keys.create(account.account_id, ["trader"], expires_ns=time.time_ns() + 400_000_000)
    assert (await doors.ask("GET", "/v1/account", key))[0] == 200
    async with connect(doors, key) as peer:
        frame = await peer.socket.receive(timeout=5)
        assert (frame.data, frame.extra) == (4003, "key_expired")
    status, answer = await doors.ask("GET", "/v1/account", key)
    assert (status, answer["error"]["code"]) == (401, "key_expired")


async def test_an_expiry_is_told_as_it_was_given(doors):
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    async with await doors.client("alice") as alice:
        made = await alice.create_own_key(expires_time=ends.isoformat().replace("+00:00", "Z"))
    assert made.expires_time == ends


async def test_a_key_from_another_network_is_refused_on_both_doors(doors):
    account = await doors.account("alice")
    key = doors.keys.create(account.account_id, ["trader"], networks=["192.0.2.0/24"])
    status, answer = await doors.ask("GET", "/v1/account", key)
    assert (status, answer["error"]["code"]) == (403, "address_not_allowed")
    async with connect(doors) as peer:
        assert (await peer.log_in(key))["error"]["code"] == "address_not_allowed"


async def test_a_stream_under_a_revoked_key_ends_for_its_user(doors):
    key = await doors.account("alice")
    async with client_of(doors, key) as alice, alice.stream() as stream:
        await alice.revoke_key(key.key_id)
        with pytest.raises(StreamClosedError, match="key_revoked"):
            await _ping_for_ever(stream)


async def _ping_for_ever(stream):
    async with asyncio.timeout(5):
        while True:
            await stream.ping()


async def test_a_key_that_may_only_read_follows_channels_and_places_nothing(doors):
    account = await doors.account("alice")
    key: ApiKey = doors.keys.create(account.account_id, ["trader"], scopes=["read"])
    async with connect(doors, key) as peer:
        assert (await peer.ask("subscribe", channel="orders"))["ok"]
        for op in ("place", "cancel", "replace"):
            fields = order(doors) if op == "place" else {"order_id": 1, "price": "0.03", "quantity": "1"}
            fields = {"order_id": 1} if op == "cancel" else fields
            assert (await peer.ask(op, **fields))["error"]["code"] == "scope_missing"
