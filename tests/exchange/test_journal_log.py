"""Checkpoints beside the writer, when it has to stand still for one, and what becomes of their failures."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import apsw
import numpy as np
import pytest

from exchange import journal_log
from exchange.database import log_bytes
from exchange.journal import Journal
from exchange.journal_log import JournalLog
from exchange.overlay import read_only_storage
from exchange.store_errors import JournalFailed
from tests.simulation.inline import InlineExecutor
from tests.simulation.storage import UnsyncedLoss

RULES = "rules-1"
PATIENCE_S = 20


def append(journal: Journal, times: int = 1, records: int = 40) -> None:
    for _ in range(times):
        number = journal.last_sequence + 1
        journal.append(number, number, np.random.default_rng(number).bytes(64 * records))


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never came about"
        time.sleep(0.001)


def stored(directory: Path) -> int:
    """How many rows are in the main file alone."""
    copy = directory / "copy.db"
    copy.write_bytes((directory / "journal.db").read_bytes())
    connection = apsw.Connection(str(copy))
    rows = connection.execute("SELECT count(*) FROM journal").fetchall()[0][0]
    connection.close()
    copy.unlink()
    return rows


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Checkpoints in the background that stand still before they move anything: one that began, and what lets it go."""
    began, go = threading.Event(), threading.Event()
    move = JournalLog._move

    def move_late(log: JournalLog) -> None:
        began.set()
        assert go.wait(PATIENCE_S)
        move(log)

    monkeypatch.setattr(JournalLog, "_move", move_late)
    yield began, go
    go.set()


def test_a_checkpoint_in_the_background_moves_rows_while_others_are_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: tuple[threading.Event, threading.Event]
) -> None:
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 8)
    began, go = held
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        append(journal, 10)
        assert began.wait(PATIENCE_S)
        append(journal, 10)
        assert not journal.is_checkpoint_due
        assert stored(tmp_path) == 0
        go.set()
        until(lambda: stored(tmp_path) >= 8)
        append(journal, 10)
        assert [row.count for row in journal.read()] == [40] * 30


def test_a_log_of_which_all_was_moved_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_log, "ThreadPoolExecutor", InlineExecutor)
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 8)
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        pages = []
        for _ in range(60):
            append(journal)
            pages.append(journal._log.pages)
    assert max(pages) < 20
    assert sum(later < earlier for earlier, later in pairwise(pages)) >= 4


@pytest.mark.parametrize(
    ("name", "value"), [("STANDSTILL_PAGES", 24), ("STANDSTILL_BYTES", 24 * 40 * 64)], ids=["pages", "bytes"]
)
def test_the_writer_stands_still_when_those_in_the_background_do_not_keep_up(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    held: tuple[threading.Event, threading.Event],
    name: str,
    value: int,
) -> None:
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 8)
    monkeypatch.setattr(journal_log, name, value)
    began, go = held
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        while not journal.is_checkpoint_due:
            append(journal)
            assert journal._log.pages < 40
        assert began.is_set()
        threading.Timer(0.05, go.set).start()
        rows = journal.last_sequence
        journal.checkpoint_if_due()
        assert go.is_set()
        assert not journal.is_checkpoint_due
        assert stored(tmp_path) * 40 == rows
        append(journal)
        assert journal._log.pages < 8
    assert (tmp_path / "journal.db-wal").stat().st_size == 0


def test_a_journal_that_is_closed_waits_for_the_checkpoint_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: tuple[threading.Event, threading.Event]
) -> None:
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 8)
    began, go = held
    journal = Journal.open(tmp_path, rules_version=RULES)
    append(journal, 10)
    assert began.wait(PATIENCE_S)
    threading.Timer(0.05, go.set).start()
    journal.close()
    assert stored(tmp_path) == 10
    with Journal.open(tmp_path, rules_version=RULES) as reopened:
        assert reopened.notices == []
        assert reopened.last_sequence == 400


@pytest.mark.parametrize("close_fails", [False, True])
def test_a_sync_that_fails_in_the_background_ends_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, close_fails: bool
) -> None:
    monkeypatch.setattr(journal_log, "ThreadPoolExecutor", InlineExecutor)
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 8)
    storage = UnsyncedLoss(f"background-{close_fails}", "drop", 3)
    journal = Journal.open(tmp_path, rules_version=RULES, vfs=storage.name)
    while journal._log._unmoved_pages < 8:
        append(journal)
    storage.fail_at("sync", 1)
    append(journal)
    appended = journal.last_sequence
    syncs = storage.counts["sync"]
    with pytest.raises(JournalFailed):
        journal.close() if close_fails else append(journal)
    assert storage.counts["sync"] == syncs
    journal.close()
    storage.power_loss()
    with Journal.open(tmp_path, rules_version=RULES, vfs=storage.name) as reopened:
        assert reopened.last_sequence == appended


def test_a_full_disk_leaves_rows_in_the_log_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_log, "ThreadPoolExecutor", InlineExecutor)
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 8)
    monkeypatch.setattr("exchange.log_room.STEP_PAGES", 0)
    storage = UnsyncedLoss("full-in-the-background", "drop", 3)
    with Journal.open(tmp_path, rules_version=RULES, vfs=storage.name) as journal:
        while journal._log._unmoved_pages < 8:
            append(journal)
        storage.fail_at("write", 1, apsw.FullError("no room"))
        append(journal)
        assert storage.met["full disk"] == 1
        assert journal._log._unmoved_pages >= 8
        append(journal, 2)
        assert journal._log._unmoved_pages < 8
        assert [row.count for row in journal.read()] == [40] * (journal.last_sequence // 40)


def test_pages_of_the_log_are_those_that_sqlite_tells_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.log_room.STEP_PAGES", 0)
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        for _ in range(20):
            append(journal)
            assert (tmp_path / "journal.db-wal").stat().st_size == log_bytes(journal._log.pages)


def test_a_closed_journal_leaves_three_files_and_an_open_one_a_fourth(tmp_path: Path) -> None:
    files = {"journal.db", "journal.db-wal", "head"}
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        append(journal)
        assert {path.name for path in tmp_path.iterdir()} == files | {"journal.db-shm"}
    assert {path.name for path in tmp_path.iterdir()} == files


def test_whoever_only_reads_leaves_what_a_killed_exchange_left(tmp_path: Path) -> None:
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        append(journal)
    (tmp_path / "journal.db-shm").write_bytes(b"left")
    with read_only_storage(None) as layer:
        Journal.open(tmp_path, rules_version=RULES, create=False, vfs=layer, read_only=True).close()
    assert (tmp_path / "journal.db-shm").read_bytes() == b"left"
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        assert journal.last_sequence == 40
