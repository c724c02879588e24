"""Limits, market-maker protection and the kill switch at the doors."""

from decimal import Decimal

import pytest

from gateway.client import RefusedError

SELL, BUY = "sell", "buy"


async def refusal(awaitable) -> str:
    with pytest.raises(RefusedError) as refused:
        await awaitable
    return refused.value.code


async def test_the_kill_switch_cancels_and_blocks_until_it_is_lifted(doors):
    async with await doors.client("alice") as alice:
        for price in ("0.039", "0.038"):
            await alice.place(doors.symbol, BUY, 5, price)
        assert await doors.admin.kill_switch("alice") == 2
        assert await doors.admin.kill_switch("alice") == 0
        assert (await alice.orders(), (await alice.limits()).is_blocked) == ([], True)
        assert await refusal(alice.place(doors.symbol, BUY, 5, "0.039")) == "account_blocked"
        await doors.admin.lift_kill_switch("alice")
        assert (await alice.place(doors.symbol, BUY, 5, "0.039")).status == "open"
        assert not (await doors.admin.limits("alice")).is_blocked


async def test_the_kill_switch_for_everybody_halts_the_market(doors):
    async with await doors.client("alice") as alice:
        await alice.place(doors.symbol, BUY, 5, "0.039")
        assert await doors.admin.kill_switch(None) == 1
        assert (await alice.status()).market_halted
        await doors.admin.resume()
        assert not (await alice.status()).market_halted


async def test_limits_are_told_and_refuse_by_name(doors):
    async with await doors.client("alice") as alice:
        await doors.admin.set_account_limits(
            "alice",
            position=100,
            order_quantity=60,
            order_notional=Decimal(2),
            open_orders_base=1,
            open_orders_max=3,
            open_orders_step=Decimal(400_000),
        )
        await doors.admin.set_region_limit("alice", "eu-fra", 90)
        limits = await alice.limits()
        assert (limits.position, limits.order_quantity, limits.order_notional) == (100, 60, Decimal(2))
        assert (limits.open_orders_base, limits.open_orders_max, limits.open_orders_step) == (1, 3, 400_000)
        assert [(each.region, each.position, each.protection) for each in limits.regions] == [("eu-fra", 90, None)]
        assert await refusal(alice.place(doors.symbol, BUY, 61, "0.02")) == "order_size_limit"
        assert await refusal(alice.place(doors.symbol, BUY, 51, "0.04")) == "order_notional_limit"
        await alice.place(doors.symbol, BUY, 50, "0.02")
        assert await refusal(alice.place(doors.symbol, BUY, 51, "0.02")) == "position_limit_account"
        assert await refusal(alice.place(doors.symbol, BUY, 41, "0.02")) == "position_limit_region"
        await doors.admin.set_instrument_limits(doors.symbol, position=55)
        assert await refusal(alice.place(doors.symbol, BUY, 6, "0.02")) == "position_limit_instrument"
        for _ in range(2):
            await alice.place(doors.symbol, BUY, 1, "0.02")
        assert await refusal(alice.place(doors.symbol, BUY, 1, "0.02")) == "open_order_limit"
        await doors.admin.set_account_limits("alice")
        assert (await doors.admin.limits("alice")).position is None
        assert (await alice.limits()).open_orders_max is None


async def test_protection_takes_quotes_away_and_is_reset_by_its_owner(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await doors.admin.set_protection("alice", "eu-fra", interval_ms=60_000, quantity=10, notional="1000000")
        for price in ("0.040", "0.041"):
            await alice.place(doors.symbol, SELL, 10, price)
        taken = await bob.place(doors.symbol, BUY, 12, "0.0405")
        assert (taken.filled_quantity, taken.status) == (10, "open")
        assert await alice.orders() == []
        (region,) = (await alice.limits()).regions
        assert (region.region, region.protection.is_frozen, region.protection.frozen_until) == ("eu-fra", True, None)
        assert (region.protection.quantity, region.protection.notional) == (10, Decimal(1_000_000))
        assert await refusal(alice.place(doors.symbol, SELL, 1, "0.041")) == "market_maker_protected"
        assert await refusal(bob.reset_protection("eu-fra")) == "not_protected"
        await alice.reset_protection("eu-fra")
        assert not (await alice.limits()).regions[0].protection.is_frozen
        assert (await alice.place(doors.symbol, SELL, 1, "0.041")).status == "open"
        await doors.admin.reset_protection("eu-fra", "alice")
        await doors.admin.set_protection("alice", "eu-fra", interval_ms=0)
        assert (await alice.limits()).regions == []


async def test_protection_with_a_frozen_time_tells_its_end(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await doors.admin.set_protection("alice", "eu-fra", interval_ms=60_000, frozen_ms=3_600_000, net_quantity=1)
        await alice.place(doors.symbol, SELL, 10, "0.040")
        await bob.place(doors.symbol, BUY, 1, "0.040")
        protection = (await alice.limits()).regions[0].protection
        assert protection.is_frozen
        assert protection.frozen_until is not None


@pytest.mark.parametrize(
    ("path", "fields", "status", "code"),
    [
        ("kill-switch", {"account": "nobody"}, 404, "unknown_account"),
        ("kill-switch", {}, 422, "missing_field"),
        ("limits/accounts", {"account": "nobody"}, 404, "unknown_account"),
        ("limits/accounts", {"account": "root", "position": 5}, 422, "number_not_string"),
        ("limits/accounts", {"account": "root", "position": "-5"}, 422, "limits_out_of_range"),
        ("limits/accounts", {"account": "root", "open_orders_max": 5}, 422, "limits_out_of_range"),
        ("limits/regions", {"account": "root", "region": "gold", "position": "1"}, 404, "unknown_region"),
        ("limits/instruments", {"symbol": "gold", "position": "1"}, 404, "unknown_instrument"),
        ("protection", {"account": "root", "region": "eu-fra", "interval_ms": 5}, 422, "protection_out_of_range"),
        ("protection/reset", {"account": "root", "region": "eu-fra"}, 409, "not_protected"),
    ],
    ids=str,
)
async def test_what_cannot_be_is_refused_by_name(doors, path, fields, status, code):
    root = await doors.account("root", ("admin",))
    got, answer = await doors.ask("POST", f"/v1/admin/{path}", root, fields)
    assert (got, answer["error"]["code"]) == (status, code)


@pytest.mark.parametrize("path", ["kill-switch", "limits/accounts", "limits/regions", "protection", "protection/reset"])
async def test_only_administrators_limit_others(doors, path):
    trader = await doors.account("alice")
    status, answer = await doors.ask("POST", f"/v1/admin/{path}", trader, {})
    assert (status, answer["error"]["code"]) == (403, "role_missing")
