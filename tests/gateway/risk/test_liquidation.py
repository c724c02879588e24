"""An account that falls short, through real doors: what its owner is told, what an administrator does."""

import asyncio
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.client import (
    Deleveraging,
    ForcedOrder,
    FundPayment,
    RefusedError,
    StandingChange,
)
from gateway.client.account_models import AccountUpdate
from tests.gateway.doors import PATIENCE_S, Doors
from tests.gateway.peer import connect

SHOCKS = ["0.010000", "-0.010000"] * 7 + ["0.000500"]
LOTS = 100


async def mark(doors: Doors, price: str) -> None:
    await doors.admin.set_risk_parameters(doors.symbol, price, SHOCKS)


@pytest.fixture
async def dealt(doors: Doors) -> Doors:
    """Bob bought a hundred lots of Alice, which ask for a dollar and maintain with 0.6, and has two dollars."""
    await mark(doors, "0.04")
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.place(doors.symbol, "sell", LOTS, "0.04")
        await bob.place(doors.symbol, "buy", LOTS, "0.04")
    cash = (await doors.admin.account_of("bob")).balances.cash
    await doors.admin.withdraw("bob", cash - 2)
    return doors


async def first(updates, kind):
    """The first event of a kind, and the update that brought it."""
    async with asyncio.timeout(PATIENCE_S):
        async for update in updates:
            for event in update.events:
                if isinstance(event, kind):
                    return event, update
    raise AssertionError(f"no {kind} came")


async def test_an_account_hears_that_it_is_called_and_that_a_deposit_was_enough(dealt):
    async with await dealt.client("bob") as bob, bob.stream() as stream:
        updates = await stream.subscribe_account()
        snapshot = await anext(updates)
        assert (snapshot.type, snapshot.standing, snapshot.events) == ("snapshot", "sound", [])
        assert (snapshot.balances.margin, snapshot.balances.maintenance) == (Decimal(1), Decimal("0.6"))
        await mark(dealt, "0.029")
        called, update = await first(updates, StandingChange)
        assert (called.previous, called.standing, update.standing) == ("sound", "margin_call", "margin_call")
        assert (called.equity, called.margin, called.maintenance) == (Decimal("0.9"), 1, Decimal("0.6"))
        assert (await bob.account()).standing == "margin_call"
        await dealt.admin.deposit("bob", 1)
        restored, update = await first(updates, StandingChange)
        assert (restored.previous, restored.standing, update.standing) == ("margin_call", "sound", "sound")


async def test_a_liquidation_is_told_as_it_happens_and_its_trades_with_own_orders(dealt):
    async with await dealt.client("carol") as carol, await dealt.client("bob") as bob, bob.stream() as stream:
        account, orders = await stream.subscribe_account(), await stream.subscribe_orders()
        await carol.place(dealt.symbol, "buy", LOTS, "0.025")
        await mark(dealt, "0.025")  # half a dollar is left
        forced, update = await first(account, ForcedOrder)
        assert (forced.symbol, forced.side, forced.quantity) == (dealt.symbol, "sell", 20)
        kinds = [event.kind for event in update.events]
        assert kinds == ["standing", "standing", "forced_order", "fund", "standing"]
        assert update.positions[0].quantity == LOTS - 20
        async with asyncio.timeout(PATIENCE_S):
            told = await anext(each async for each in orders if each.fills)
        assert [(row.order_id, row.forced, row.status) for row in told.orders] == [(forced.order_id, True, "filled")]
        assert [(fill.order_id, fill.quantity, fill.side) for fill in told.fills] == [(forced.order_id, 20, "sell")]
        order = await bob.order(forced.order_id)
        assert (order.forced, order.time_in_force, order.client_id) == (True, "ioc", None)
        assert (await bob.insurance_fund()).balance == -update.events[3].amount > 0


async def test_an_account_that_is_closed_brings_no_orders(dealt):
    async with await dealt.client("bob") as bob:
        await mark(dealt, "0.025")
        assert (await bob.account()).standing == "liquidation"
        with pytest.raises(RefusedError) as refused:
            await bob.place(dealt.symbol, "sell", 1, "0.025")
    assert (refused.value.code, refused.value.number) == ("account_in_liquidation", 209)
    key = await dealt.account("bob")
    order = {"symbol": dealt.symbol, "side": "sell", "quantity": "1", "price": "0.025"}
    assert (await dealt.ask("POST", "/v1/orders", key, order))[0] == 409


async def test_deleveraging_is_told_to_both_and_paid_for_by_the_fund(dealt):
    await dealt.admin.endow_fund("alice", "0.25")
    async with (
        await dealt.client("bob") as bob,
        await dealt.client("alice") as alice,
        bob.stream() as loser,
        alice.stream() as winner,
    ):
        losing, winning = await loser.subscribe_account(), await winner.subscribe_account()
        await mark(dealt, "0.015")  # two and a half dollars are lost
        own, update = await first(losing, Deleveraging)
        paid = next(event for event in update.events if isinstance(event, FundPayment))
        other, _ = await first(winning, Deleveraging)
    assert (own.role, own.side, other.role, other.side) == ("liquidated", "sell", "counterparty", "buy")
    assert (own.price, own.quantity) == (other.price, other.quantity) == (Decimal("0.0175"), LOTS)
    assert (paid.symbol, paid.amount) == (dealt.symbol, Decimal("0.25"))
    assert (update.standing, update.balances.equity) == ("sound", 0)


async def test_a_fund_is_endowed_once_and_everybody_sees_it(doors):
    before = (await doors.ask("GET", "/v1/insurance-fund"))[1]
    assert before["balance"] == "0.000000000"
    first_key = await doors.account("alice")
    async with connect(doors, first_key) as peer:
        await peer.ask("subscribe", channel="account")
        sequences = {await doors.admin.endow_fund("alice", "12.5", client_id="once") for _ in range(2)}
        update = await peer.of_channel("account", "update")
    assert update["events"] == [{"kind": "fund", "symbol": None, "amount": "-12.500000000"}]
    assert len(sequences) == 1
    status, after = await doors.ask("GET", f"/v1/insurance-fund?min_seq={sequences.pop()}")
    assert (status, after["balance"]) == (200, "12.500000000")
    assert after.keys() == before.keys() == {"balance", "sequence", "time", "time_ns"}
    assert (await doors.admin.account_of("alice")).balances.cash == Decimal("999987.5")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"account": "nobody"}, 404, "unknown_account"),
        ({"amount": "0"}, 422, "amount_out_of_range"),
        ({"amount": "1000000.01"}, 422, "insufficient_funds"),
        ({"symbol": "gold"}, 422, "unknown_field"),
    ],
    ids=str,
)
async def test_an_endowment_that_cannot_be_is_refused_by_name(doors, fields, status, code):
    await doors.account("alice")
    root = await doors.account("root", ("admin",))
    body = {"account": "alice", "amount": "1"} | fields
    got, answer = await doors.ask("POST", "/v1/admin/insurance-fund", root, body)
    assert (got, answer["error"]["code"]) == (status, code)


async def test_the_account_of_a_key_that_the_market_does_not_know_is_refused_by_name(doors):
    async with connect(doors, doors.keys.create(77, ("trader",))) as peer:
        assert (await peer.ask("subscribe", channel="account"))["error"]["code"] == "unknown_account"


def test_events_that_a_newer_exchange_adds_are_passed_over():
    money = dict.fromkeys(("cash", "equity", "margin", "maintenance", "free", "withdrawable", "fees", "add_on"), "1")
    rows = [{"kind": "gift", "amount": "5"}, {"kind": "fund", "symbol": None, "amount": "5", "why": "kindness"}]
    fields = {"account_id": 1, "name": "alice", "standing": "sound", "balances": money, "positions": []}
    update = AccountUpdate.model_validate(fields | {"type": "update", "sequence": 7, "events": rows})
    assert update.events == [FundPayment(kind="fund", symbol=None, amount=Decimal(5))]


async def test_the_command_line_shows_standing_and_maintenance(dealt, tmp_path: Path):
    key = await dealt.account("bob")
    fields = orjson.dumps({"url": dealt.url, "key_id": key.key_id, "secret": key.secret})
    await asyncio.to_thread((tmp_path / "key.json").write_bytes, fields)
    for price, told in (("0.04", "standing: sound;"), ("0.029", "standing: margin call:")):
        await mark(dealt, price)
        arguments = ["trade", "account", "--key", str(tmp_path / "key.json")]
        shown = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert told in shown.output
        assert "maintenance 0.600000000 USD" in shown.output
