"""Risk on the command line, against real doors."""

import asyncio
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.gateway.doors import Doors

SHOCKS = ["0.001", "-0.001"] * 7 + ["0.0005"]


async def run(doors: Doors, path: Path, *arguments: str, role: str = "trader", name: str = "bob"):
    key = await doors.account(name, (role,))
    fields = orjson.dumps({"url": doors.url, "key_id": key.key_id, "secret": key.secret})
    await asyncio.to_thread(path.write_bytes, fields)
    environment = {"BWX_KEY_FILE": str(path)}
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env=environment)


@pytest.fixture
async def traded(doors: Doors) -> Doors:
    """Alice sold a hundred lots to Bob."""
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.place(doors.symbol, "sell", 100, "0.04")
        await bob.place(doors.symbol, "buy", 100, "0.04")
    await doors.admin.set_risk_parameters(doors.symbol, "0.04", SHOCKS, spread="0.0001")
    return doors


async def test_what_if_tells_each_orders_fate_and_the_figures(traded: Doors, tmp_path: Path) -> None:
    orders = ("--order", f"sell 40 {traded.symbol} 0.0400", "--order", f"buy 5 {traded.symbol} 0.0700")
    told = await run(traded, tmp_path / "key.json", "trade", "what-if", *orders)
    assert told.exit_code == 0, told.output
    assert "accepted" in told.output
    assert "price_outside_band" in told.output
    assert "on top of" in told.output
    thought = await run(traded, tmp_path / "key.json", "trade", "what-if", "--position", "sell 100 eu-fra.ef")
    assert thought.exit_code == 0, thought.output


async def test_margin_shows_ladder_and_contributors(traded: Doors, tmp_path: Path) -> None:
    told = await run(traded, tmp_path / "key.json", "trade", "margin")
    assert told.exit_code == 0, told.output
    assert "sound" in told.output
    assert "loss by scenario" in told.output
    assert traded.symbol in told.output


async def test_an_administrator_lists_accounts_and_sees_one(traded: Doors, tmp_path: Path) -> None:
    listed = await run(traded, tmp_path / "key.json", "risk", "list", "--limit", "2", role="admin")
    assert listed.exit_code == 0, listed.output
    assert [line.split()[0] for line in listed.output.splitlines()[-3:-1]] == ["alice", "bob"]
    seen = await run(traded, tmp_path / "key.json", "risk", "show", "alice", role="admin")
    assert "alice: sound" in seen.output


@pytest.mark.parametrize("text", ["buy", "hold 5 eu-fra.ef 0.04", "buy five eu-fra.ef 0.04", "buy 5 eu-fra.ef"])
async def test_an_order_that_cannot_be_read_is_told_in_one_line(doors: Doors, tmp_path: Path, text: str) -> None:
    told = await run(doors, tmp_path / "key.json", "trade", "what-if", "--order", text)
    assert told.exit_code == 2
    assert "is not written like" in told.output


async def test_nothing_to_think_of_is_told(doors: Doors, tmp_path: Path) -> None:
    told = await run(doors, tmp_path / "key.json", "trade", "what-if")
    assert told.exit_code == 2
    assert "name an order or a position" in told.output


async def test_what_only_administrators_may_see_is_refused_by_name(doors: Doors, tmp_path: Path) -> None:
    told = await run(doors, tmp_path / "key.json", "risk", "list")
    assert (told.exit_code, "role_missing" in told.output) == (1, True)


async def test_risk_staff_call_an_account_and_let_it_off(traded: Doors, tmp_path: Path) -> None:
    called = await run(traded, tmp_path / "key.json", "risk", "call", "alice", "2500", role="risk")
    assert called.exit_code == 0, called.output
    assert "2,500.00 USD short of it; margin_call" in called.output
    ended = await run(traded, tmp_path / "key.json", "risk", "call", "alice", "--add-on", "0", role="risk")
    assert "alice: 0.00 USD added to what it must have" in ended.output


@pytest.mark.parametrize("arguments", [(), ("5", "--add-on", "5")])
async def test_a_call_says_one_of_two_things(doors: Doors, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    told = await run(doors, tmp_path / "key.json", "risk", "call", "alice", *arguments, role="risk")
    assert (told.exit_code, "not both" in told.output) == (2, True)
