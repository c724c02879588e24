"""Deliveries on the command line, against real doors: parties, reporters, risk staff."""

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.clearing.report_signing import public_key_of
from gateway.cli import app
from tests.gateway.clearing.test_deliveries import SECRET, deliver
from tests.gateway.cli.test_risk import run
from tests.gateway.doors import Doors

HEAD = "allocation,slot,quantity,latency_us,loss_ppm"


async def told(doors: Doors, path: Path, *arguments: str, role: str = "trader", name: str = "alice") -> str:
    """What a command says that goes well."""
    done = await run(doors, path / "key.json", "delivery", *arguments, role=role, name=name)
    assert done.exit_code == 0, done.output
    return str(done.output)


def write(path: Path, *lines: str) -> str:
    """A file of lines; its name."""
    path.write_text("\n".join(lines) + "\n")
    return str(path)


async def test_parties_list_what_is_delivered_and_dispute_it(doors: Doors, tmp_path: Path) -> None:
    allocation = str(await deliver(doors))
    shown = (await told(doors, tmp_path, "list")).splitlines()
    assert shown[1].split()[:5] == [allocation, doors.symbol, "alice", "carol", "10"]
    refused = await run(doors, tmp_path / "key.json", "delivery", "provision", allocation, name="carol")
    assert refused.exit_code == 1, "an allocation that is delivered already is not provisioned again"
    assert f"allocation {allocation} is disputed" in await told(doors, tmp_path, "dispute", allocation)


async def test_a_reporter_makes_a_key_is_registered_and_reports_what_a_file_says(doors: Doors, tmp_path: Path) -> None:
    allocation = await deliver(doors)
    key = tmp_path / "meter.key"
    public = CliRunner().invoke(app, ["delivery", "reporter-key", str(key)]).output.strip()
    assert public == public_key_of(bytes.fromhex(key.read_text().strip())).hex()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    await doors.account("meter", ("reporter",))
    registered = await told(doors, tmp_path, "register-reporter", "meter", str(key), role="admin", name="staff")
    assert "meter is a reporter" in registered
    measured = write(tmp_path / "measured.csv", HEAD, f"{allocation},0,10,900,3", f"{allocation},1,10,900,3")
    send = ("report", measured, "--signing-key", str(key))
    lines = (await told(doors, tmp_path, *send, role="reporter", name="meter")).splitlines()
    assert lines == [
        f"allocation {allocation} slot 0: counted",
        f"allocation {allocation} slot 1: refused: slot_not_over",
    ]
    assert "settled slots" in await told(doors, tmp_path, "due", role="reporter", name="meter")
    gone = await told(doors, tmp_path, "register-reporter", "meter", role="admin", name="staff")
    assert "meter reports no longer" in gone


async def test_a_key_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    key = tmp_path / "meter.key"
    key.write_text("mine")
    done = CliRunner().invoke(app, ["delivery", "reporter-key", str(key)])
    assert done.exit_code == 2
    assert "cannot be written" in done.output
    assert key.read_text() == "mine"


@pytest.mark.parametrize("lines", [(HEAD, "1,0,ten,900,3"), ("allocation,slot", "1,0"), (HEAD, "1,0")])
async def test_a_file_that_says_no_measurement_is_told_with_its_line(
    doors: Doors, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    key = write(tmp_path / "meter.key", SECRET.hex())
    send = ("delivery", "report", write(tmp_path / "measured.csv", *lines), "--signing-key", key)
    done = await run(doors, tmp_path / "key.json", *send, role="reporter", name="meter")
    assert done.exit_code == 2
    assert "line 2: whole numbers" in done.output


@pytest.mark.parametrize("text", ["not hex", "abcd"])
async def test_a_file_without_a_key_is_told_in_one_line(doors: Doors, tmp_path: Path, text: str) -> None:
    key = write(tmp_path / "meter.key", text)
    send = ("delivery", "report", write(tmp_path / "measured.csv", HEAD), "--signing-key", key)
    done = await run(doors, tmp_path / "key.json", *send, role="reporter", name="meter")
    assert done.exit_code == 2
    assert "holds no key" in done.output


async def test_risk_staff_interrupt_and_correct_by_name(doors: Doors, tmp_path: Path) -> None:
    allocation = str(await deliver(doors))
    cut = await told(doors, tmp_path, "interrupt", "eu-fra", "5", role="admin", name="staff")
    assert cut == "cut: nothing\n"
    correct = ("correct", allocation, "0", "--change", "-3", "--delivered", "50", "--reason", "a broken meter")
    done = await run(doors, tmp_path / "key.json", "delivery", *correct, role="admin", name="staff")
    assert done.exit_code == 1
    assert "slot_not_over" in done.output
