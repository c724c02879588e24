"""Room in the journal's log: commits find it there, and what is counted is what was written."""

from pathlib import Path

import apsw
import numpy as np
import pytest

from exchange import journal_log, log_room
from exchange.database import log_bytes
from exchange.journal import Journal
from exchange.store_errors import JournalFailed
from tests.simulation.storage import UnsyncedLoss

RULES = "rules-1"


def append(journal: Journal, number: int) -> None:
    """A row that fills pages faster or slower."""
    payload = np.random.default_rng(number).bytes(64 * (1 + 20 * (number % 5)))
    journal.append(journal.last_sequence + 1, number, payload)


def make_room_and_close(journal: Journal) -> None:
    journal.lay_out(150)
    journal.close()


def test_the_log_is_longer_than_what_is_in_it_and_grows_in_few_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_log, "STANDSTILL_PAGES", 100)
    log = tmp_path / "journal.db-wal"
    sizes_bytes = []
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        for number in range(300):
            append(journal, number)
            sizes_bytes.append(log.stat().st_size)
            assert log_bytes(journal._log.pages) < sizes_bytes[-1]
    assert len({*sizes_bytes}) < 20
    assert sizes_bytes[-1] < log_bytes(100 + 2 * log_room.STEP_PAGES)


def test_room_that_was_made_ahead_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_log, "STANDSTILL_PAGES", 100)
    log = tmp_path / "journal.db-wal"
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        append(journal, 0)
        journal.lay_out(120)
        size_bytes = log.stat().st_size
        assert size_bytes > log_bytes(120)
        for number in range(1, 300):
            append(journal, number)
        assert log.stat().st_size == size_bytes
    with Journal.open(tmp_path, rules_version=RULES) as reopened:
        assert reopened.notices == []
        reopened.lay_out(120)
        rows = [row.payload for row in reopened.read()]
    assert len(rows) == 300
    assert log.stat().st_size == 0


@pytest.mark.parametrize("nth", range(1, 12))
def test_a_power_loss_while_room_is_made_loses_nothing(tmp_path: Path, nth: int) -> None:
    storage = UnsyncedLoss(f"room-ahead-{nth}", "tear", nth)
    journal = Journal.open(tmp_path, rules_version=RULES, vfs=storage.name)
    append(journal, 1)
    storage.crash_at(nth)
    with pytest.raises(JournalFailed):
        make_room_and_close(journal)
    journal.close()
    storage.power_loss()
    with Journal.open(tmp_path, rules_version=RULES, vfs=storage.name) as reopened:
        assert reopened.last_sequence == 21
        assert reopened.notices == []


def test_a_full_disk_gives_what_room_it_has(tmp_path: Path) -> None:
    storage = UnsyncedLoss("no-room-ahead", "drop", 3)
    with Journal.open(tmp_path, rules_version=RULES, vfs=storage.name) as journal:
        storage.fail_at("write", 2, apsw.FullError("no room"))
        journal.lay_out(64)
        assert storage.met["full disk"] == 1
        append(journal, 1)
        assert journal.last_sequence == 21


def test_a_disk_that_fails_while_room_is_made_ends_the_journal(tmp_path: Path) -> None:
    storage = UnsyncedLoss("failing-room-ahead", "drop", 3)
    with Journal.open(tmp_path, rules_version=RULES, vfs=storage.name) as journal:
        storage.fail_at("sync", 1)
        with pytest.raises(JournalFailed):
            journal.lay_out(64)
        with pytest.raises(JournalFailed):
            append(journal, 1)


def test_pages_of_the_log_are_counted_as_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_room, "STEP_PAGES", 0)
    log = tmp_path / "journal.db-wal"
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        for number in range(100):
            append(journal, number)
            assert log.stat().st_size == log_bytes(journal._log.pages)


def test_the_log_is_written_over_from_its_beginning_after_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_log, "STANDSTILL_PAGES", 20)
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        pages = []
        for number in range(60):
            append(journal, number)
            pages.append(journal._log.pages)
        assert max(pages) < 30
        assert pages.count(1) >= 2
        assert sum(row.count for row in journal.read()) == journal.last_sequence
