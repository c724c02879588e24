"""`bwx statement`, against real doors and real stores."""

import asyncio
import csv
import io
from pathlib import Path
from random import Random

import orjson
import pytest
from typer.testing import CliRunner

from exchange.statements import entries
from exchange.statements.replay import DAY_NS
from exchange.venue import state
from gateway.cli import app
from gateway.encoding.fields import day_text
from tests.exchange.statements.days import LIMITS, MIDNIGHT_NS, Days, live
from tests.gateway.doors import Doors

DAY = day_text(MIDNIGHT_NS - DAY_NS)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stopped exchange of smaller limits than usual."""
    monkeypatch.setattr(state, "VenueLimits", lambda: LIMITS)
    with Days(tmp_path / "store") as days:
        live(days, Random(4), 60)
    return tmp_path / "store"


def read(store: Path, *arguments: str, day: str = DAY):
    return CliRunner().invoke(app, ["statement", *arguments, "--day", day, "--data", str(store)])


async def asked(doors: Doors, path: Path, *arguments: str):
    key = await doors.account("bob")
    fields = orjson.dumps({"url": doors.url, "key_id": key.key_id, "secret": key.secret})
    await asyncio.to_thread(path.write_bytes, fields)
    command = ["statement", *arguments, "--key", str(path), "--day", day_text(doors.exchange.view.time_ns)]
    return await asyncio.to_thread(CliRunner().invoke, app, command)


async def test_a_running_exchange_is_asked_with_a_key(doors: Doors, tmp_path: Path) -> None:
    told = await asked(doors, tmp_path / "key.json", "bob")
    assert told.exit_code == 0, told.output
    assert "the day up to sequence" in told.output
    assert "deposit" in told.output
    assert "proved: " in told.output


async def test_what_another_may_not_see_is_refused_in_one_line(doors: Doors, tmp_path: Path) -> None:
    await doors.account("alice")
    told = await asked(doors, tmp_path / "key.json", "alice")
    assert (told.exit_code, "role_missing" in told.output) == (1, True)


def test_a_stopped_store_is_read_as_a_table(store: Path) -> None:
    told = read(store, "ben")
    assert told.exit_code == 0, told.output
    assert told.output.startswith(f"ben, {DAY} UTC, the whole day\n")
    for text in ("opening cash 0.000000000 USD", "trade", "allocation", "pat #", "proved: "):
        assert text in told.output, text
    assert "slot 0" in read(store, "ben", day=day_text(MIDNIGHT_NS)).output


def test_json_and_csv_hold_the_same_lines(store: Path) -> None:
    rows = orjson.loads(read(store, "pat", "--json").output)
    table = list(csv.DictReader(io.StringIO(read(store, "pat", "--csv").output)))
    assert rows["is_proved"]
    assert [row["kind"] for row in rows["lines"]] == [row["kind"] for row in table if row["sequence"]]
    assert [row["amount"] for row in rows["lines"]] == [row["amount"] for row in table if row["sequence"]]
    assert (table[0]["kind"], table[0]["cash"]) == ("opening", rows["opening"]["cash"])
    closing = next(row for row in table if row["kind"] == "closing")
    assert closing["cash"] == rows["closing"]["cash"]


def test_reading_a_store_changes_no_byte_of_it(store: Path) -> None:
    before = {path.name: path.read_bytes() for path in store.iterdir()}
    assert read(store, "ann").exit_code == 0
    assert {path.name: path.read_bytes() for path in store.iterdir()} == before


def test_what_does_not_add_up_ends_with_an_exit_code(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "fee_nano", lambda *terms: 1)
    told = read(store, "ben")
    assert told.exit_code == 1
    assert "NOT PROVED: " in told.output
    assert "fault" in read(store, "ben", "--csv").output


def test_what_cannot_be_told_ends_with_one_line(store: Path, tmp_path: Path) -> None:
    for arguments, folder, code, text in (
        (("nobody",), store, 1, "no account of this name"),
        (("ben",), tmp_path / "empty", 2, "no store"),
        (("ben", "--csv", "--json"), store, 2, "choose one"),
    ):
        told = read(folder, *arguments)
        assert (told.exit_code, text in told.output) == (code, True), told.output
    assert read(store, "ben", day="2026-13-01").exit_code == 2


def test_a_store_in_use_is_left_alone(store: Path) -> None:
    with Days(store):
        told = read(store, "ben")
    assert told.exit_code == 2
    assert told.output.startswith("bwx: ")
