"""Risk at the doors: who may see what, and that it is what the exchange goes by."""

from decimal import Decimal

import pytest

from exchange import commands
from gateway.client import RefusedError, Thought
from gateway.client.terms import decimal_text
from tests.gateway.doors import CASH_NANO

SELL, BUY = "sell", "buy"
SHOCKS = ["0.010000", "-0.020000"] * 7 + ["0.000500"]
LOT = Decimal("0.04") * Decimal("1.2")
"""What one lot requires before parameters come."""
CASH = Decimal(CASH_NANO) / 10**9


def code_of(answer):
    return answer["error"]["code"]


async def trade(doors, lots: int, price: str = "0.04") -> None:
    """Alice sells to Bob."""
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.place(doors.symbol, SELL, lots, price)
        await bob.place(doors.symbol, BUY, lots, price)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/margin"),
        ("POST", "/v1/margin/what-if"),
        ("GET", "/v1/admin/risk"),
        ("GET", "/v1/admin/risk/alice"),
        ("POST", "/v1/admin/risk/alice/what-if"),
    ],
)
async def test_risk_is_refused_unsigned_and_under_the_wrong_role(doors, method, path):
    status, answer = await doors.ask(method, path)
    assert (status, code_of(answer)) == (401, "not_signed")
    role = "trader" if "admin" in path else "admin"
    status, answer = await doors.ask(method, path, await doors.account("alice", (role,)))
    assert (status, code_of(answer)) == (403, "role_missing")


async def test_an_account_sees_why_it_must_have_what_it_must_have(doors):
    await trade(doors, 100)
    await doors.admin.set_risk_parameters(doors.symbol, "0.045", SHOCKS, spread="0.001")
    async with await doors.client("bob") as bob:
        await bob.place(doors.other_symbol, BUY, 10, "0.03")
        margin, balances = await bob.margin(), (await bob.account()).balances
    assert (margin.margin, margin.equity, margin.free) == (balances.margin, balances.equity, balances.free)
    assert margin.maintenance == margin.margin * Decimal("0.6")
    assert margin.distance == margin.equity - margin.maintenance
    (region,) = margin.regions
    assert (region.region, region.margin, len(region.losses)) == ("eu-fra", margin.margin, 16)
    assert region.losses == margin.losses
    assert margin.losses[2] == 100 * Decimal("0.02") + 10 * Decimal("0.04") * Decimal("0.333")
    assert [each.symbol for each in margin.contributors] == [doors.symbol, doors.other_symbol]
    assert (margin.standing, margin.distance_move) == ("sound", None)
    assert margin.sequence == doors.exchange.view.sequence


async def test_an_administrator_sees_the_same_of_any_account(doors):
    await trade(doors, 100)
    async with await doors.client("bob") as bob:
        own = await bob.margin(contributors=0)
    seen = await doors.admin.risk_of("bob", contributors=0)
    assert seen.model_copy(update={"sequence": own.sequence, "time_ns": own.time_ns}) == own
    assert own.contributors == []
    with pytest.raises(RefusedError) as refused:
        await doors.admin.risk_of("nobody")
    assert refused.value.code == "unknown_account"


async def test_the_list_begins_with_who_is_nearest_to_liquidation(doors):
    await trade(doors, 1_000)
    await doors.account("carol")
    bob = next(each_id for each_id, each in doors.exchange.view.accounts.items() if each.name == "bob")
    await doors.admin.set_risk_parameters(doors.symbol, "0.04", ["0.001", "-0.001"] * 7 + ["0.0005"])
    free = Decimal(doors.exchange.view.balances(bob).withdrawable_nano) / 10**9
    await doors.admin.withdraw("bob", free)
    await doors.exchange.submit(commands.halt_market())  # or his position would be closed at once
    for mark, state in (
        ("0.04", "sound"),
        ("0.0399", "margin_call"),
        ("0.0395", "liquidation"),
        ("0.03", "bankrupt"),
    ):
        shocks = ["0.001", "-0.001"] * 7 + ["0.0005"]
        await doors.admin.set_risk_parameters(doors.symbol, mark, shocks)
        async with await doors.client("carol") as carol:
            sequence = (await carol.status()).sequence
        root = await doors.account("root", ("admin",))
        status, answer = await doors.ask("GET", f"/v1/admin/risk?min_seq={sequence}", root)
        assert status == 200
        assert [row["name"] for row in answer["accounts"]][:2] == ["bob", "alice"]
        assert (answer["accounts"][0]["standing"], answer["age_ms"] < 1_000) == (state, True)
        assert answer["counts"][state] >= 1
        assert answer["sequence"] >= sequence
        assert (await doors.admin.risk_of("bob")).standing == state


async def test_the_list_is_filtered_and_comes_in_pages(doors):
    await trade(doors, 10)
    for name in ("carol", "dave", "erin"):
        await doors.account(name)
    root = await doors.account("zoe", ("admin",))
    everyone = await doors.admin.risk()
    assert [row.name for row in everyone] == ["alice", "bob", "carol", "dave", "erin", "zoe"]
    assert [row.distance_ratio is None for row in everyone] == [False, False, *[True] * 4]
    assert everyone[0].distance == CASH - 10 * LOT * Decimal("0.6")
    assert [row.name for row in await doors.admin.risk(region="eu-fra")] == ["alice", "bob"]
    assert await doors.admin.risk(region="us-nyc") == []
    assert await doors.admin.risk(standing="bankrupt") == []
    assert [row.name for row in await doors.admin.risk(limit=3)] == ["alice", "bob", "carol"]
    seen, cursor = [], ""
    while True:
        _, page = await doors.ask("GET", f"/v1/admin/risk?limit=2{cursor}", root)
        seen += [row["name"] for row in page["accounts"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["alice", "bob", "carol", "dave", "erin", "zoe"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("cursor=later", 422, "malformed_cursor"),
        ("cursor=1:2:3", 422, "malformed_cursor"),
        ("cursor=99999999999999999999999:1", 422, "malformed_cursor"),
        ("region=gold", 404, "unknown_region"),
        ("standing=fine", 422, "invalid_value"),
        ("limit=0", 422, "invalid_value"),
        ("order=name", 422, "unknown_field"),
    ],
)
async def test_a_list_that_cannot_be_is_refused_by_name(doors, query, status, code):
    root = await doors.account("root", ("admin",))
    got, answer = await doors.ask("GET", f"/v1/admin/risk?{query}", root)
    assert (got, code_of(answer)) == (status, code)


async def test_what_if_tells_what_an_order_would_require_and_sends_nothing(doors):
    async with await doors.client("alice") as alice:
        thought = await alice.what_if([Thought(doors.symbol, BUY, 10, "0.04"), Thought(doors.symbol, BUY, 10, "0.07")])
        assert [(each.accepted, each.reason) for each in thought.orders] == [
            (True, None),
            (False, "price_outside_band"),
        ]
        assert (thought.before.margin, thought.after.margin) == (0, 10 * LOT)
        assert thought.after.free == CASH - 10 * LOT
        assert await alice.orders() == []
        await alice.place(doors.symbol, BUY, 10, "0.04")
        assert (await alice.margin()).margin == thought.after.margin


async def test_what_if_takes_positions_and_may_replace_what_there_is(doors):
    await trade(doors, 100)
    async with await doors.client("bob") as bob:
        now = await bob.margin()
        hedge = Thought(doors.symbol, SELL, 100)
        hedged = await bob.what_if(positions=[hedge])
        alone = await bob.what_if(positions=[hedge], replaces=True)
    assert hedged.after.margin == 0
    assert (alone.mode, alone.after.margin, alone.after.equity) == ("replace", now.margin, now.equity)
    asked = await doors.admin.what_if(positions=[hedge], account="bob")
    assert (asked.name, asked.after, asked.before.margin) == ("bob", hedged.after, now.margin)


ENTRY = {"side": BUY, "price": "0.04", "quantity": "1"}


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"orders": [{"symbol": "gold"} | ENTRY]}, 404, "unknown_instrument", "orders[0].symbol"),
        ({"positions": [{}, {"symbol": "gold"} | ENTRY]}, 404, "unknown_instrument", "positions[1].symbol"),
        ({"positions": [{"price": "3"}]}, 422, "price_above_maximum", "positions[0]"),
        ({"positions": [{}, {"quantity": "9999999999"}]}, 422, "notional_out_of_range", "positions[1]"),
        ({"orders": [{}, {"price": 0.04}]}, 422, "number_not_string", "orders[1].price"),
        ({"orders": [{"price": None}]}, 422, "wrong_type", "orders[0].price"),
        ({"orders": [{"quantity": "0"}]}, 422, "quantity_out_of_range", "orders[0].quantity"),
        ({"orders": [{"label": 3}]}, 422, "unknown_field", "orders[0].label"),
        ({"orders": [{}] * 1_001}, 422, "invalid_value", "orders"),
        ({"orders": [{}] * 501, "positions": [{}] * 500}, 422, "invalid_value", "orders"),
        ({"mode": "instead"}, 422, "invalid_value", "mode"),
        ({"account": "bob"}, 422, "unknown_field", "account"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_cannot_be_thought_of_is_refused_by_name(doors, body, status, code, param):
    key = await doors.account("alice")
    filled = {
        field: [{"symbol": doors.symbol} | ENTRY | entry for entry in value] if isinstance(value, list) else value
        for field, value in body.items()
    }
    got, answer = await doors.ask("POST", "/v1/margin/what-if", key, filled)
    assert (got, code_of(answer), answer["error"]["param"]) == (status, code, param)


async def test_a_thousand_orders_are_answered_each(doors):
    async with await doors.client("alice") as alice:
        orders = [Thought(doors.symbol, BUY, 1 + at % 3, decimal_text(Decimal("0.03"))) for at in range(1_000)]
        thought = await alice.what_if(orders)
    assert len(thought.orders) == 1_000
    assert all(each.accepted for each in thought.orders)


async def test_a_stopped_exchange_says_so(doors):
    key = await doors.account("alice")
    await doors.exchange.close()
    status, answer = await doors.ask("GET", "/v1/margin", key)
    assert (status, code_of(answer)) == (503, "exchange_stopped")
