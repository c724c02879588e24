"""One budget for an account over both doors, one for each address, and what they refuse."""

import asyncio
import math

import pytest
from aiohttp import WSServerHandshakeError
from yarl import URL

from gateway.client import RefusedError
from gateway.limits.budgets import network_of
from gateway.limits.weights import CANCEL, PLACE, READ
from tests.gateway.doors import signed_headers
from tests.gateway.peer import connect

SLOW = {"account_weight_per_s": 1, "account_weight_burst": 40}


def order(doors, **changes):
    return {"symbol": doors.symbol, "side": "buy", "price": "0.030000", "quantity": "1"} | changes


async def headers_of(doors, key, path="/v1/account"):
    url = URL(doors.url + path, encoded=True)
    async with doors.http.get(url, headers=signed_headers(key, "GET", path, b"")) as response:
        return response.status, response.headers, await response.json()


async def test_rest_and_sockets_share_one_budget_under_all_keys_of_an_account(serve):
    async with serve(**SLOW) as doors:
        keys = [await doors.account("alice") for _ in range(2)]
        async with connect(doors, keys[0]) as peer:
            for _ in range(5):
                assert (await doors.ask("POST", "/v1/orders", keys[1], order(doors)))[0] == 201
                assert (await peer.ask("place", **order(doors)))["ok"]
            refused = await peer.ask("place", **order(doors))
            status, answer = await doors.ask("POST", "/v1/orders", keys[1], order(doors))
        assert (status, answer["error"]["code"], answer["error"]["number"]) == (429, "rate_limited", 447)
        assert refused["error"]["code"] == "rate_limited"
        for error in (refused["error"], answer["error"]):
            assert 3_000 < error["retry_after_ms"] <= 4_000
        assert refused["rate_limit"]["remaining"] == 0
        bob = await doors.account("bob")
        assert (await doors.ask("POST", "/v1/orders", bob, order(doors)))[0] == 201


async def test_a_signed_answer_tells_what_is_left_and_when_it_is_full_again(serve):
    async with serve(**SLOW) as doors:
        key = await doors.account("alice")
        status, headers, _ = await headers_of(doors, key)
        assert (status, headers["BWX-RateLimit-Limit"]) == (200, "40")
        assert int(headers["BWX-RateLimit-Remaining"]) == 40 - READ.weight
        assert int(headers["BWX-RateLimit-Reset"]) == READ.weight
        for _ in range(19):
            await headers_of(doors, key)
        status, headers, answer = await headers_of(doors, key)
        assert (status, answer["error"]["code"]) == (429, "rate_limited")
        assert headers["BWX-RateLimit-Remaining"] in ("0", "1")
        assert int(headers["Retry-After"]) == math.ceil(answer["error"]["retry_after_ms"] / 1_000)
        async with doors.http.get(f"{doors.url}/v1/time") as unsigned:
            assert "BWX-RateLimit-Limit" not in unsigned.headers


async def test_an_answer_on_a_socket_tells_what_is_left(serve):
    async with serve(**SLOW) as doors, connect(doors) as peer:
        assert "rate_limit" not in await peer.ask("ping")
        await peer.log_in(await doors.account("alice"))
        told = (await peer.ask("place", **order(doors)))["rate_limit"]
        assert (told["limit"], told["remaining"]) == (40, 40 - PLACE.weight)
        assert 3_000 < told["reset_ms"] <= 4_000


async def test_whoever_waits_as_told_is_served(serve):
    async with serve(account_weight_per_s=20, account_weight_burst=4) as doors, await doors.client("alice") as alice:
        await alice.place(doors.symbol, "buy", 1, "0.03")
        with pytest.raises(RefusedError) as refused:
            await alice.place(doors.symbol, "buy", 1, "0.03")
        assert refused.value.code == "rate_limited"
        await asyncio.sleep(refused.value.retry_after_ms / 1_000)
        assert (await alice.place(doors.symbol, "buy", 1, "0.03")).status == "open"


async def test_an_order_that_trades_gives_its_weight_back_once_to_both_sides(serve):
    async with serve(**SLOW) as doors:
        alice, bob = await doors.account("alice"), await doors.account("bob")
        rates = doors.gateway.rates

        def left(key):
            return rates.remaining(key).remaining

        await doors.ask("POST", "/v1/orders", alice, order(doors, side="sell", price="0.040000", quantity="5"))
        assert left(alice) == 40 - PLACE.weight
        await doors.ask("POST", "/v1/orders", bob, order(doors, price="0.040000", quantity="2"))
        assert (left(alice), left(bob)) == (40, 40)
        await doors.ask("GET", "/v1/account", alice)
        await doors.ask("POST", "/v1/orders", bob, order(doors, price="0.040000", quantity="2"))
        # The maker's order has traded before: its weight is not given back a second time.
        assert (left(alice), left(bob)) == (40 - READ.weight, 40)


async def test_cancels_and_the_kill_switch_are_taken_when_nothing_is_left(serve):
    async with serve(account_weight_per_s=1, account_weight_burst=12) as doors:
        key, root = await doors.account("alice"), await doors.account("root", ("admin",))
        orders = [(await doors.ask("POST", "/v1/orders", key, order(doors)))[1] for _ in range(3)]
        async with connect(doors, key) as peer:
            assert (await peer.ask("place", **order(doors)))["error"]["code"] == "rate_limited"
            assert (await peer.ask("cancel", order_id=orders[0]["order_id"]))["ok"]
            status, _ = await doors.ask("DELETE", f"/v1/orders/{orders[1]['order_id']}", key)
            assert status == 200
        while (await doors.ask("GET", "/v1/admin/accounts/alice", root))[0] == 200:
            pass
        for body in ({"account": "alice"}, {"account": None}):
            status, answer = await doors.ask("POST", "/v1/admin/kill-switch", root, body)
            assert (status, answer["account"]) == (200, body["account"])
        assert doors.exchange.view.resting_orders == 0


async def test_a_cancel_costs_something_as_long_as_there_is_something(serve):
    async with serve(**SLOW) as doors:
        key = await doors.account("alice")
        await doors.ask("DELETE", "/v1/orders/1", key)
        assert doors.gateway.rates.remaining(key).remaining == 40 - CANCEL.weight


async def test_a_market_maker_has_a_larger_budget_under_every_key(serve):
    async with serve(market_maker_weight_burst=800, **SLOW) as doors:
        plain = await doors.account("alice")
        assert doors.gateway.rates.remaining(plain).limit == 40
        maker = await doors.account("alice", ("trader", "market_maker"))
        for key in (plain, maker):
            assert (await headers_of(doors, key))[1]["BWX-RateLimit-Limit"] == "800"


async def test_an_address_pays_for_what_nobody_signed_and_accounts_do_not_pay_for_it(serve):
    async with serve(address_weight_per_s=1, address_weight_burst=10) as doors:
        key = await doors.account("alice")
        answers = [await doors.ask("GET", path) for path in ["/v1/time", "/v1/nothing"] * 6]
        assert [status for status, _ in answers[:10]] == [200, 404] * 5
        assert {answer["error"]["code"] for _, answer in answers[10:]} == {"rate_limited"}
        # A header that names a key proves nothing.
        status, _ = await doors.ask("GET", "/v1/time", **{"BWX-KEY": key.key_id})
        assert status == 429
        assert (await doors.ask("GET", "/v1/account", key))[0] == 200
        async with connect(doors) as peer:
            assert (await peer.ask("ping"))["error"]["code"] == "rate_limited"
            await peer.log_in(key)
            assert (await peer.ask("ping"))["ok"]


async def test_wrong_signatures_logins_and_connections_of_an_address_are_limited(serve):
    async with serve(attempts_per_address_per_s=1, attempts_per_address_burst=4) as doors:
        key = await doors.account("alice")
        wrong = signed_headers(key, "GET", "/v1/account", b"") | {"BWX-SIGNATURE": "0" * 64}
        async with connect(doors) as peer:
            assert (await peer.log_in(key, signature="0" * 64))["error"]["code"] == "bad_signature"
            for _ in range(2):
                assert (await doors.ask("GET", "/v1/account", **wrong))[0] == 401
            status, answer = await doors.ask("GET", "/v1/account", **wrong)
            assert (status, answer["error"]["code"]) == (429, "rate_limited")
            assert (await peer.log_in(key))["error"]["code"] == "rate_limited"
        with pytest.raises(WSServerHandshakeError) as refused:
            async with connect(doors):
                pass
        assert refused.value.status == 429
        # Whoever signs rightly is not kept out by others at the same address.
        assert (await doors.ask("GET", "/v1/account", key))[0] == 200


async def test_what_cannot_be_read_is_paid_for_too(serve):
    limits = {"attempts_per_address_per_s": 1, "attempts_per_address_burst": 5}
    async with serve(address_weight_per_s=1, address_weight_burst=5, **limits) as doors:
        codes = [(await doors.ask("POST", "/v1/orders"))[1]["error"]["code"] for _ in range(10)]
        assert set(codes) == {"not_signed", "rate_limited"}
    async with serve(address_weight_per_s=1, address_weight_burst=5) as doors, connect(doors) as peer:
        answers = []
        for frame in ('{"op"', "[]", '{"op": "fly", "id": 1}') * 4:
            await peer.socket.send_str(frame)
            answers.append((await peer.message())["error"]["code"])
        assert answers[:3] == ["malformed_json", "not_an_object", "unknown_operation"]
        assert set(answers[-3:]) == {"rate_limited"}


async def test_a_key_has_a_limit_of_connections(serve):
    async with serve(connections_per_key_max=2) as doors:
        key, other = await doors.account("alice"), await doors.account("alice")
        async with connect(doors, key), connect(doors, key) as second, connect(doors) as third:
            refused = await third.log_in(key)
            assert (refused["error"]["code"], refused["error"]["param"]) == ("too_many_connections", "key")
            assert (await third.ask("place", **order(doors)))["error"]["code"] == "not_logged_in"
            assert (await second.log_in(key))["ok"]  # the same connection once more
            assert (await second.log_in(other))["ok"]  # gives its place back
            assert (await third.log_in(key))["ok"]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense:", "nonsense:"),
        ("", ""),
    ],
)
def test_one_subscriber_of_the_network_is_one_address(address, network):
    assert network_of(address) == network
