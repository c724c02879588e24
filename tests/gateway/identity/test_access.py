"""Who may ask for what over REST, and what administrators do."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import ClientSession

from gateway.client import RefusedError
from gateway.identity.signing import canonical, sign
from tests.gateway.doors import signed_headers

SELL, BUY = "sell", "buy"


def order(doors, **changes):
    return {"symbol": doors.symbol, "side": BUY, "price": "0.040000", "quantity": "10"} | changes


def code_of(answer):
    return answer["error"]["code"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/account"), ("GET", "/v1/orders"), ("POST", "/v1/orders"), ("DELETE", "/v1/orders/1"),
     ("PATCH", "/v1/orders/1"), ("GET", "/v1/orders/by-client-id/a"), ("POST", "/v1/admin/accounts"),
     ("GET", "/v1/admin/accounts/alice"), ("POST", "/v1/admin/deposits"), ("POST", "/v1/admin/withdrawals"),
     ("POST", "/v1/admin/insurance-fund"), ("POST", "/v1/admin/keys"), ("POST", "/v1/admin/halt"),
     ("POST", "/v1/admin/resume")],
)  # fmt: skip
async def test_what_is_private_is_refused_unsigned_and_under_the_wrong_role(doors, method, path):
    status, answer = await doors.ask(method, path)
    assert (status, code_of(answer)) == (401, "not_signed")
    role = "trader" if "admin" in path else "admin"
    status, answer = await doors.ask(method, path, await doors.account("alice", (role,)))
    assert (status, code_of(answer)) == (403, "role_missing")


async def test_a_request_that_is_sent_twice_counts_once(doors):
    key = await doors.account("alice")
    headers = signed_headers(key, "GET", "/v1/account", b"")
    assert (await doors.ask("GET", "/v1/account", **headers))[0] == 200
    status, answer = await doors.ask("GET", "/v1/account", **headers)
    assert (status, code_of(answer)) == (401, "nonce_reused")


async def test_a_signature_covers_the_query_and_the_body(doors):
    key = await doors.account("alice")
    headers = signed_headers(key, "GET", "/v1/orders?limit=5", b"")
    status, answer = await doors.ask("GET", "/v1/orders?limit=6", **headers)
    assert (status, code_of(answer)) == (401, "bad_signature")
    headers = signed_headers(key, "POST", "/v1/orders", b"{}")
    status, answer = await doors.ask("POST", "/v1/orders", None, order(doors), **headers)
    assert (status, code_of(answer)) == (401, "bad_signature")


async def test_a_signature_covers_the_path_exactly_as_sent(doors):
    key = await doors.account("alice")
    headers = signed_headers(key, "GET", "/v1/orders/by-client-id/a-b", b"")
    status, answer = await doors.ask("GET", "/v1/orders/by-client-id/a%2Db", **headers)
    assert (status, code_of(answer)) == (401, "bad_signature")


async def test_the_worked_example_of_the_document_is_right():
    message = canonical("GET", "/v1/account", "1795356000250", "5f0c2a", b"")
    document = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    assert sign("correct-horse-battery-staple", message) in document


async def test_an_administrator_makes_an_account_that_can_trade(doors):
    account_id = await doors.admin.open_account("carol")
    await doors.admin.deposit("carol", "12.5")
    key = await doors.admin.create_key("carol", ["trader"])
    status, answer = await doors.ask("GET", "/v1/account", doors.keys.find(key.key_id))
    assert (status, answer["account_id"], answer["name"]) == (200, account_id, "carol")
    money = dict.fromkeys(("cash", "equity", "free", "withdrawable"), "12.500000000")
    assert answer["balances"] == money | dict.fromkeys(("margin", "maintenance", "fees", "add_on"), "0.000000000")
    assert answer["standing"] == "sound"
    assert (await doors.admin.account_of("carol")).balances.cash == Decimal("12.5")
    await doors.admin.withdraw("carol", "12.5")
    assert (await doors.admin.account_of("carol")).balances.cash == 0


async def test_accounts_opened_at_once_get_numbers_of_their_own(doors):
    numbers = await asyncio.gather(*(doors.admin.open_account(f"trader-{n}") for n in range(20)))
    assert len(set(numbers)) == 20


async def test_a_deposit_that_is_sent_again_arrives_once(doors):
    await doors.account("alice")
    first = await doors.admin.deposit("alice", 5, client_id="deposit-1")
    again = await doors.admin.deposit("alice", 5, client_id="deposit-1")
    assert first == again
    assert (await doors.admin.account_of("alice")).balances.cash == 1_000_005


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("accounts", {"name": "alice"}, 409, "account_exists"),
        ("accounts", {"name": "Alice"}, 422, "invalid_value"),
        ("accounts", {"name": "a" * 49}, 422, "invalid_value"),
        ("accounts", {"name": "carol", "group": -1}, 422, "invalid_value"),
        ("deposits", {"account": "nobody", "amount": "1"}, 404, "unknown_account"),
        ("deposits", {"account": "alice", "amount": "0"}, 422, "amount_out_of_range"),
        ("withdrawals", {"account": "alice", "amount": "1000000.01"}, 422, "insufficient_funds"),
        ("keys", {"account": "nobody", "roles": ["trader"]}, 404, "unknown_account"),
        ("keys", {"account": "alice", "roles": ["owner"]}, 422, "invalid_value"),
        ("keys", {"account": "alice", "roles": []}, 422, "invalid_value"),
        ("keys", {"roles": ["trader"]}, 422, "missing_field"),
        ("halt", {"symbol": "gold"}, 404, "unknown_instrument"),
    ],
    ids=str,
)
async def test_what_an_administrator_cannot_do_is_refused_by_name(doors, path, body, status, code):
    await doors.account("alice")
    key = await doors.account("root", ("admin",))
    got, answer = await doors.ask("POST", f"/v1/admin/{path}", key, body)
    assert (got, code_of(answer)) == (status, code)


async def test_a_tranche_that_trades_cannot_be_resumed(doors):
    with pytest.raises(RefusedError) as refused:
        await doors.admin.resume(doors.symbol)
    assert refused.value.code == "illegal_state_change"


@pytest.mark.parametrize("is_everything", [False, True])
async def test_a_halt_stops_orders_but_not_cancels_until_the_resume(doors, is_everything):
    halted = None if is_everything else doors.symbol
    async with await doors.client("alice") as alice:
        placed = await alice.place(doors.symbol, BUY, 5, "0.03")
        await doors.admin.halt(halted)
        with pytest.raises(RefusedError) as refused:
            await alice.place(doors.symbol, BUY, 5, "0.03")
        assert refused.value.code == ("market_halted" if is_everything else "instrument_halted")
        assert (await alice.status()).market_halted is is_everything
        assert (await alice.cancel(placed.order_id)).status == "cancelled"
        await doors.admin.resume(halted)
        assert (await alice.place(doors.symbol, BUY, 5, "0.03")).status == "open"


async def test_an_exchange_that_stopped_is_told_by_name(doors):
    key = await doors.account("alice")
    await doors.exchange.close()
    status, answer = await doors.ask("POST", "/v1/orders", key, order(doors))
    assert (status, code_of(answer)) == (503, "exchange_stopped")
    assert (await doors.ask("GET", "/v1/status"))[1]["phase"] == "stopping"


async def test_on_a_full_disk_orders_are_refused_by_name_and_cancels_are_taken(doors):
    async with await doors.client("alice") as alice:
        placed = await alice.place(doors.symbol, BUY, 5, "0.03")
        doors.exchange._guard.is_full = True
        with pytest.raises(RefusedError) as refused:
            await alice.place(doors.symbol, BUY, 5, "0.03")
        assert (refused.value.number, refused.value.code) == (453, "storage_full")
        assert (await alice.status()).phase == "cancel_only"
        assert (await alice.cancel(placed.order_id)).status == "cancelled"
        doors.exchange._guard.is_full = False
        assert (await alice.place(doors.symbol, BUY, 5, "0.03")).status == "open"


async def test_many_clients_are_served_at_once(doors):
    key = await doors.account("alice")
    async with ClientSession() as session:

        async def place():
            payload = b'{"symbol":"%s","side":"buy","price":"0.03","quantity":"1"}' % doors.symbol.encode()
            headers = signed_headers(key, "POST", "/v1/orders", payload)
            async with session.post(f"{doors.url}/v1/orders", data=payload, headers=headers) as response:
                return (await response.json())["order_id"]

        ids = await asyncio.gather(*(place() for _ in range(200)))
    assert len(set(ids)) == 200
    assert doors.exchange.view.resting_orders == 200
