"""Syncs that go on while others work: what is durable after them, and how they fail and end."""

import os
import threading
import time
from pathlib import Path

import apsw
import pytest

from exchange import log_sync
from exchange.journal import Journal
from exchange.log_sync import LogSync
from exchange.store_errors import JournalFailed
from tests.simulation.storage import UnsyncedLoss

RULES = "rules-1"
PATIENCE_S = 20


def payload(number: int) -> bytes:
    return bytes([number]) * 64


def threads() -> int:
    return sum(thread.name == "log-sync" for thread in threading.enumerate())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A database's path, with a log beside it."""
    path = tmp_path / "some.db"
    path.touch()
    Path(f"{path}-wal").write_bytes(b"what was written")
    return path


def opened(tmp_path: Path, vfs: str | None = None) -> Journal:
    return Journal.open(tmp_path, rules_version=RULES, vfs=vfs)


def begun_to_fail(tmp_path: Path, storage: UnsyncedLoss) -> Journal:
    """A journal with a row, and a second one whose sync is under way and fails."""
    journal = opened(tmp_path, storage.name)
    journal.append(1, 1, payload(1))
    storage.fail_at("sync", 1)
    journal.begin_append(2, 2, payload(2))
    return journal


@pytest.mark.parametrize("spins", [False, True])
def test_others_work_while_a_sync_is_under_way(log: Path, monkeypatch: pytest.MonkeyPatch, spins: bool) -> None:
    began, go = threading.Event(), threading.Event()

    def stand_still(_descriptor: int) -> None:
        began.set()
        assert go.wait(PATIENCE_S)

    monkeypatch.setattr(log_sync.os, "fdatasync", stand_still)
    sync = LogSync(log, None)
    sync.begin()
    assert began.wait(PATIENCE_S)
    waiting = threading.Thread(target=lambda: sync.wait(spins=spins))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    go.set()
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()
    sync.close()


@pytest.mark.parametrize("spins", [False, True])
@pytest.mark.parametrize("layer", [None, "log-sync-layer"])
def test_a_sync_that_fails_tells_whoever_waits_for_it_and_is_not_told_again(
    log: Path, monkeypatch: pytest.MonkeyPatch, layer: str | None, spins: bool
) -> None:
    storage = UnsyncedLoss("log-sync-layer", "drop", 1)
    sync = LogSync(log, layer)
    sync.begin()
    sync.wait()
    monkeypatch.setattr(log_sync.os, "fdatasync", fail)
    storage.fail_at("sync", 1)
    sync.begin()
    with pytest.raises((OSError, apsw.IOError), match="injected"):
        sync.wait(spins=spins)
    sync.close()


def test_who_spins_sleeps_once_a_sync_takes_long(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spun: list[float] = []
    sched_yield = os.sched_yield

    def count() -> None:
        spun.append(time.monotonic())
        sched_yield()

    monkeypatch.setattr(log_sync.os, "fdatasync", lambda _descriptor: time.sleep(0.2))
    sync = LogSync(log, None)
    sync.begin()
    monkeypatch.setattr(log_sync.os, "sched_yield", count)
    began_s = time.monotonic()
    sync.wait(spins=True)
    assert spun
    assert time.monotonic() - began_s > 0.15
    assert spun[-1] - began_s < 0.1
    sync.close()


def fail(_descriptor: int) -> None:
    raise OSError("injected")


def test_one_that_is_closed_ends_its_thread_after_the_sync_under_way(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, done = threads(), []

    def take_long(_descriptor: int) -> None:
        time.sleep(0.05)
        done.append(True)

    monkeypatch.setattr(log_sync.os, "fdatasync", take_long)
    sync = LogSync(log, None)
    assert threads() == before
    sync.begin()
    assert threads() == before + 1
    sync.close()
    assert done == [True]
    assert threads() == before


def test_a_log_that_is_not_there_is_no_log_to_sync(tmp_path: Path) -> None:
    sync = LogSync(tmp_path / "none.db", None)
    with pytest.raises(FileNotFoundError):
        sync.begin()
    sync.close()


def test_a_batch_is_in_the_journal_when_its_append_is_finished_and_not_before(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append(1, 1, payload(1))
        journal.begin_append(2, 2, payload(2))
        assert journal.last_sequence == 1
        assert [row.last_sequence for row in journal.read()] == [1]
        journal.finish_append()
        assert journal.last_sequence == 2
        assert [row.payload for row in journal.read()] == [payload(1), payload(2)]


@pytest.mark.parametrize("mode", ["drop", "tear"])
def test_what_was_begun_is_durable_once_it_is_finished(tmp_path: Path, mode: str) -> None:
    storage = UnsyncedLoss(f"begun-{mode}", mode, 3)
    journal = opened(tmp_path, storage.name)
    for number in range(1, 6):
        journal.begin_append(number, number, payload(number))
        journal.finish_append()
    storage.crash_at(1)
    with pytest.raises(JournalFailed):
        journal.append(6, 6, payload(6))
    with pytest.raises(JournalFailed):
        journal.append(6, 6, payload(6))
    journal.close()
    storage.power_loss()
    with opened(tmp_path, storage.name) as reopened:
        assert [row.payload for row in reopened.read()][:5] == [payload(number) for number in range(1, 6)]


def test_a_journal_that_is_closed_finishes_what_was_begun(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.begin_append(1, 1, payload(1))
    journal.close()
    with opened(tmp_path) as reopened:
        assert reopened.last_sequence == 1
        assert reopened.notices == []


def test_a_failed_sync_is_told_where_its_append_is_finished_and_ends_the_journal(tmp_path: Path) -> None:
    storage = UnsyncedLoss("failed-sync", "drop", 3)
    journal = begun_to_fail(tmp_path, storage)
    with pytest.raises(JournalFailed, match="sequence 2"):
        journal.finish_append()
    assert journal.last_sequence == 1
    with pytest.raises(JournalFailed, match="an earlier append failed"):
        journal.append(2, 2, payload(2))
    journal.close()
    storage.power_loss()
    with opened(tmp_path, storage.name) as reopened:
        assert reopened.last_sequence == 1


def test_closing_tells_of_a_failed_sync_under_way(tmp_path: Path) -> None:
    storage = UnsyncedLoss("failed-at-the-end", "drop", 3)
    journal = begun_to_fail(tmp_path, storage)
    with pytest.raises(JournalFailed, match="sequence 2"):
        journal.close()
    storage.mend()
    opened(tmp_path, storage.name).close()


def test_with_nothing_to_do_meanwhile_a_sync_needs_no_thread(tmp_path: Path) -> None:
    before = threads()
    storage = UnsyncedLoss("no-thread", "drop", 3)
    with opened(tmp_path, storage.name) as journal:
        journal.append(1, 1, payload(1))
        assert threads() == before
        storage.fail_at("sync", 1)
        with pytest.raises(JournalFailed, match="sequence 2"):
            journal.append(2, 2, payload(2))
    storage.power_loss()
    with opened(tmp_path, storage.name) as reopened:
        assert reopened.last_sequence == 1
