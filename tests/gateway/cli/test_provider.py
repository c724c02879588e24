"""Providers on the command line, against real doors."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.gateway.cli.test_risk import run
from tests.gateway.doors import Doors


async def test_a_provider_stakes_registers_looks_and_withdraws(doors: Doors, tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    today = datetime.now(UTC)
    days = [f"{today + timedelta(days=more):%Y-%m-%d}" for more in (0, 7)]

    async def told(*arguments: str) -> str:
        done = await run(doors, key, "provider", *arguments, role="provider", name="peter")
        assert done.exit_code == 0, done.output
        return str(done.output)

    assert "the stake is 50" in await told("stake", "50")
    span = ("--daily", "18:00-22:30", "--days", "mon,tue", "--endpoint", "fra1/port-7")
    assert "capacity 1 is registered" in await told("register", "eu-fra", "ef", "400", *days, *span)
    assert "capacity 2 is registered" in await told("register", "eu-fra", "be", "100", *days)
    shown = (await told("capacity", "eu-fra", "--slots", "3")).splitlines()
    assert shown[0] == "stake 50.000000000"
    assert [line.split()[:4] for line in shown[2:4]] == [["1", "eu-fra", "ef", "400"], ["2", "eu-fra", "be", "100"]]
    assert shown[-1].split()[3] == "0/0/0"
    assert "capacity 2 is withdrawn" in await told("withdraw", "2")
    assert "the stake is 40" in await told("unstake", "10")
    capacity = doors.exchange.view.capacities[1]
    assert (capacity.daily_from_s, capacity.daily_length_s, capacity.weekdays) == (64_800, 16_200, 0b11)
    assert capacity.endpoint == "fra1/port-7"


@pytest.mark.parametrize("daily", ["18:00", "six-seven", "18-22"])
async def test_a_span_that_cannot_be_read_is_told_in_one_line(doors: Doors, tmp_path: Path, daily: str) -> None:
    arguments = ("register", "eu-fra", "ef", "4", "2026-12-01", "2027-12-01", "--daily", daily)
    done = await run(doors, tmp_path / "key.json", "provider", *arguments, role="provider", name="peter")
    assert done.exit_code == 2
    assert "--daily needs two times" in done.output


async def test_what_the_exchange_refuses_is_told_by_name(doors: Doors, tmp_path: Path) -> None:
    done = await run(doors, tmp_path / "key.json", "provider", "withdraw", "7", role="provider", name="peter")
    assert done.exit_code == 1
    assert "not_a_provider" in done.output
