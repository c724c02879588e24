"""Room in the journal's log: commits find it there, and what is counted is what was written."""

from pathlib import Path

import numpy as np
import pytest

from exchange import journal_log, log_room
from exchange.database import log_bytes
from exchange.journal import Journal

RULES = "rules-1"


def append(journal: Journal, number: int) -> None:
    """A row that fills pages faster or slower."""
    payload = np.random.default_rng(number).bytes(64 * (1 + 20 * (number % 5)))
    journal.append(journal.last_sequence + 1, number, payload)


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
