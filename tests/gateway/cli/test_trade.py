"""Many orders and windows at once on the command line, against real doors."""

from pathlib import Path

import pytest

from tests.gateway.cli.test_risk import run
from tests.gateway.doors import Doors


@pytest.fixture
async def traded(doors: Doors) -> Doors:
    """Bob has bought two lots of Alice's, and bids in two tranches."""
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.place(doors.symbol, "sell", 5, "0.045")
        await bob.place(doors.symbol, "buy", 2, "0.045")
        await bob.place(doors.symbol, "buy", 3, "0.039")
        await bob.place(doors.other_symbol, "buy", 4, "0.039", label=7)
    return doors


async def test_all_orders_that_match_are_cancelled(traded: Doors, tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    told = await run(traded, key, "trade", "cancel-all", "--label", "7", "--side", "buy")
    assert told.output == "cancelled 1 orders with 4 lots\n"
    told = await run(traded, key, "trade", "cancel-all")
    assert told.output == "cancelled 1 orders with 3 lots\n"
    told = await run(traded, key, "trade", "cancel-all", "--region", "atlantis")
    assert (told.exit_code, "unknown_region" in told.output) == (1, True)


async def test_own_fills_are_listed_from_any_point_on(traded: Doors, tmp_path: Path) -> None:
    told = await run(traded, tmp_path / "key.json", "trade", "fills")
    lines = told.output.splitlines()
    assert lines[1].split()[1:5] == [traded.symbol, "buy", "0.045000", "2"]
    told = await run(traded, tmp_path / "key.json", "trade", "fills", "--since", lines[1].split()[0])
    assert len(told.output.splitlines()) == 2


async def test_a_curve_shows_the_windows_ahead(traded: Doors, tmp_path: Path) -> None:
    told = await run(traded, tmp_path / "key.json", "trade", "curve", "eu-fra", "ef", "--limit", "4")
    lines = told.output.splitlines()
    assert len(lines) == 5
    assert all("PT1H" in line and "0.040000" in line for line in lines[1:])


async def test_a_basket_is_traded_whole_or_tells_which_leg_could_not_be(traded: Doors, tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    legs = ("--leg", f"buy 1 {traded.symbol} 0.045", "--leg", f"sell 2 {traded.other_symbol} 0.039")
    told = await run(traded, key, "trade", "basket", *legs, "--dry-run", name="carol")
    assert told.output.splitlines()[-1] == "all of them, or none; nothing was sent"
    assert traded.exchange.view.trades == 1
    told = await run(traded, key, "trade", "basket", *legs, name="carol")
    assert told.output.startswith("basket: filled\n")
    assert f"sell 2 of {traded.other_symbol} at 0.039000" in told.output
    told = await run(traded, key, "trade", "basket", *legs[:3], f"sell 9 {traded.other_symbol} 0.039", name="carol")
    assert told.output == f"basket: killed, not_fillable: {traded.other_symbol}\n"


async def test_an_order_that_comes_to_nothing_shows_what_else_there_is(traded: Doors, tmp_path: Path) -> None:
    await traded.admin.withdraw("bob", "999990")
    told = await run(traded, tmp_path / "key.json", "trade", "buy", traded.symbol, "9000", "--price", "0.04")
    assert told.exit_code == 1
    assert "lots would have been taken at that price" in told.output
    async with await traded.client("carol") as carol:
        await carol.place(traded.other_symbol, "sell", 4, "0.039")
        await carol.place(traded.other_symbol, "sell", 6, "0.044")
    await traded.admin.deposit("bob", "1000")
    async with await traded.client("alice") as alice:
        await alice.cancel_all()
    told = await run(traded, tmp_path / "key.json", "trade", "buy", traded.symbol, "1")
    assert f"{traded.other_symbol} has 6 lots at 0.044000" in told.output
