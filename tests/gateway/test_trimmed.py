"""The doors of an exchange that keeps its commands for a while only."""

import asyncio
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from exchange import journal, journal_log, retention
from gateway.cli import app

KEEP_NS = 200_000_000
PATIENCE_S = 30


@pytest.fixture
def store_options(monkeypatch):
    """A store that is trimmed soon."""
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 4)
    for module in (journal, retention):
        monkeypatch.setattr(module, "TRIM_ROWS", 8)
    return {"synchronous": "OFF", "keep_ns": KEEP_NS}


async def test_the_status_tells_where_the_journal_begins_and_what_is_gone_is_refused(doors):
    key = await doors.account("bob")
    began = datetime.now(UTC)
    async with asyncio.timeout(PATIENCE_S):
        while (status := await doors.admin.status()).journal_first_sequence < 100:
            await doors.admin.deposit("bob", 1)
    assert began < status.journal_trimmed_until < status.time
    day = status.time.date().isoformat()
    told, refused = await doors.ask("GET", f"/v1/statements/{day}", key)
    assert (told, refused["error"]["code"]) == (410, "statement_trimmed")


@pytest.mark.parametrize("keep", ["30x", "0d", "a month"])
def test_a_time_that_is_none_is_refused_in_one_line(tmp_path, keep):
    told = CliRunner().invoke(app, ["serve", "--directory", str(tmp_path / "store"), "--keep", keep])
    assert told.exit_code == 2
    assert "such as 30d, 12h or 15m" in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert not (tmp_path / "store").exists()
