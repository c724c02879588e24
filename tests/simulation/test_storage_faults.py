"""The store on storage that fails: crashes at every operation, errors, full disks and flipped bits.

The head lies on ordinary storage and survives each simulated crash, which is the harder case: a journal
that lost a row which its head has seen is refused. Some tests put an older head back, to look past it.
"""

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import apsw
import pytest

from exchange import journal_log, log_room
from exchange.head import SLOT_OFFSETS_BYTES, Head, HeadFile
from exchange.journal import Journal
from exchange.snapshots import Snapshot, SnapshotStore
from exchange.store_errors import (
    JournalCorrupt,
    JournalFailed,
    JournalFull,
    JournalShorterThanHead,
    SnapshotFailed,
    StoreError,
    StoreUnreadable,
)
from tests.simulation.flips import flip_bit
from tests.simulation.inline import InlineExecutor
from tests.simulation.storage import UnsyncedLoss

RULES = "rules-1"
ROWS = 14
REPOSITORY = Path(__file__).parents[2]


def payload(row: int) -> bytes:
    """Rows of one record, and of enough records to spread over several pages."""
    return random.Random(row).randbytes(64 * (1, 30, 400)[row % 3])


@pytest.fixture(autouse=True)
def frequent_checkpoints(monkeypatch):
    """Short runs then meet checkpoints as well as commits, and each at the same operations again."""
    monkeypatch.setattr(journal_log, "ThreadPoolExecutor", InlineExecutor)
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 12)


class Run:
    """One run of the journal on failing storage, and what it acknowledged before it failed."""

    def __init__(self, directory: Path, storage: UnsyncedLoss, synchronous: str = "FULL") -> None:
        self.directory = directory
        self.storage = storage
        self.synchronous = synchronous
        self.acknowledged: list[bytes] = []
        self.heads: list[bytes] = []
        self.failure: StoreError | None = None

    def append(self, rows: int = ROWS, crash_before_close: bool = False) -> "Run":
        """Open, append and close; a refusal of the store ends the run."""
        try:
            with self.open() as journal:
                for row in range(rows):
                    row_hash = journal.append(journal.last_sequence + 1, row, payload(row))
                    self.acknowledged.append(row_hash)
                    self.heads.append((self.directory / "head").read_bytes())
                if crash_before_close:
                    self.storage.crash_at(1)
        except (JournalFailed, StoreUnreadable) as failure:
            self.failure = failure
        return self

    def open(self) -> Journal:
        return Journal.open(self.directory, rules_version=RULES, vfs=self.storage.name, synchronous=self.synchronous)

    def durable(self) -> list[bytes]:
        """The hashes of all rows that the journal holds now."""
        with self.open() as journal:
            return [row.hash for row in journal.read()]

    def check(self) -> None:
        """Every acknowledged row is there; one more may be, wholly."""
        durable = self.durable()
        assert durable[: len(self.acknowledged)] == self.acknowledged
        assert len(durable) <= len(self.acknowledged) + 1


def runs(tmp_path: Path, mode: str, synchronous: str = "FULL", step: int = 1) -> Iterator[Run]:
    """A run for each moment at which the power can fail, ended by that failure."""
    storage = UnsyncedLoss(f"{mode}-{synchronous}", mode, seed=20)
    whole = Run(tmp_path / "whole", storage, synchronous).append()
    assert whole.failure is None
    for crash_at in range(1, storage.changes + 2, step):
        storage.crash_at(crash_at)
        yield Run(tmp_path / str(crash_at), storage, synchronous).append()
        storage.power_loss()


# --- loss of power


@pytest.mark.parametrize("mode", ["drop", "tear"])
def test_after_a_power_loss_at_any_moment_every_acknowledged_row_is_there(tmp_path, mode):
    acknowledged = []
    for run in runs(tmp_path, mode):
        run.storage.power_loss()
        run.check()
        acknowledged.append(len(run.acknowledged))
    assert set(acknowledged) == set(range(ROWS + 1))


@pytest.mark.parametrize("mode", ["drop", "tear"])
def test_a_power_loss_beside_a_checkpoint_in_the_background_loses_no_acknowledged_row(tmp_path, mode, monkeypatch):
    """Here the checkpoints have their thread, so that commits and syncs come between any two of their operations."""
    monkeypatch.setattr(journal_log, "ThreadPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 3)
    acknowledged = []
    for run in runs(tmp_path, mode, step=2):
        run.storage.power_loss()
        run.check()
        acknowledged.append(len(run.acknowledged))
    assert len(set(acknowledged)) > ROWS // 2


@pytest.mark.parametrize("mode", ["drop", "tear"])
def test_after_a_power_loss_with_an_older_head_every_acknowledged_row_is_there(tmp_path, mode):
    generator = random.Random(4)
    caught_up = 0
    for run in runs(tmp_path, mode, step=3):
        run.storage.power_loss()
        if run.heads:
            (run.directory / "head").write_bytes(lose_writes(run.heads, generator))
        with run.open() as journal:
            caught_up += any("was brought to" in notice for notice in journal.notices)
        run.check()
    assert caught_up > 10


def lose_writes(heads: list[bytes], generator: random.Random) -> bytes:
    """A head file each slot of which stems from a moment of its own."""
    first, second = generator.choice(heads), generator.choice(heads)
    return first[: SLOT_OFFSETS_BYTES[1]] + second[SLOT_OFFSETS_BYTES[1] :]


def test_a_journal_goes_on_after_one_power_loss_upon_another(tmp_path):
    storage = UnsyncedLoss("again-and-again", mode="tear", seed=3)
    generator = random.Random(5)
    expected: list[bytes] = []
    for _ in range(25):
        storage.crash_at(generator.randrange(1, 150))
        run = Run(tmp_path, storage).append()
        storage.power_loss()
        durable = run.durable()
        assert durable[: len(expected) + len(run.acknowledged)] == expected + run.acknowledged
        expected = durable
    assert len(expected) > 100


@pytest.mark.parametrize("mode", ["drop", "tear"])
def test_without_syncs_acknowledged_rows_are_lost_and_the_head_notices(tmp_path, mode):
    refused = lost = 0
    for run in runs(tmp_path, mode, synchronous="OFF", step=5):
        run.storage.power_loss()
        try:
            run.check()
        except (JournalShorterThanHead, JournalCorrupt, StoreUnreadable):
            refused += 1
            lost += missing_rows(run) > 0
    assert refused > 10
    assert lost > 10


def missing_rows(run: Run) -> int:
    """How many acknowledged rows are gone, once the head no longer tells of them."""
    HeadFile.create(run.directory / "head", Head(0, bytes(32))).close()
    try:
        return len(run.acknowledged) - len(run.durable())
    except StoreError:
        return len(run.acknowledged)


# --- a process that is killed


CHILD = f"""
import sys
from pathlib import Path
from tests.simulation.storage import install
directory, mode, synchronous = sys.argv[1:]
install("child", mode, 8)
from exchange.journal import Journal
with Journal.open(Path(directory), rules_version={RULES!r}, synchronous=synchronous) as journal:
    while True:
        print(journal.append(journal.last_sequence + 1, 0, bytes(64 * 20)).hex(), flush=True)
"""


def kill_after(rows: int, directory: Path, mode: str, synchronous: str) -> list[bytes]:
    """Kill a process that appends; the rows that it acknowledged, of those that it reported whole."""
    command = [sys.executable, "-c", CHILD, str(directory), mode, synchronous]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as child:
        lines = [child.stdout.readline() for _ in range(rows)]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
    return [bytes.fromhex(line) for line in lines if line.endswith("\n")]


@pytest.mark.parametrize("mode", ["drop", "tear"])
def test_a_killed_process_leaves_every_row_that_it_acknowledged(tmp_path, mode):
    acknowledged = kill_after(50, tmp_path, mode, synchronous="FULL")
    assert len(acknowledged) >= 50
    with Journal.open(tmp_path, rules_version=RULES, create=False) as journal:
        durable = [row.hash for row in journal.read()]
    assert durable[: len(acknowledged)] == acknowledged
    assert len(durable) <= len(acknowledged) + 1


def test_a_killed_process_that_never_synced_has_lost_what_it_acknowledged(tmp_path):
    acknowledged = kill_after(50, tmp_path, "drop", synchronous="OFF")
    with pytest.raises(JournalShorterThanHead) as refusal:
        Journal.open(tmp_path, rules_version=RULES)
    assert refusal.value.journal_sequence < 20 * len(acknowledged) <= refusal.value.head_sequence


# --- errors of the disk


@pytest.mark.parametrize("operation", ["write", "sync"])
@pytest.mark.parametrize("power_is_lost", [False, True])
def test_an_error_of_the_disk_stops_the_journal_and_loses_nothing(tmp_path, operation, power_is_lost):
    storage = UnsyncedLoss(f"errors-{operation}-{power_is_lost}", mode="drop", seed=6)
    Run(tmp_path / "whole", storage).append()
    failures = []
    for nth in range(1, storage.counts[operation] + 1):
        storage.fail_at(operation, nth)
        run = Run(tmp_path / str(nth), storage).append()
        failures.append(run.failure)
        if power_is_lost:
            storage.power_loss()
        run.check()
    assert all(isinstance(failure, JournalFailed | StoreUnreadable) for failure in failures)
    assert sum(isinstance(failure, JournalFailed) for failure in failures) > ROWS


def test_rows_that_follow_a_failed_sync_and_a_restart_are_durable(tmp_path):
    """After the failed sync the row is only in the system's cache: reopening must write it once more."""
    storage = UnsyncedLoss("failed-sync", mode="drop", seed=7)
    Run(tmp_path / "whole", storage).append()
    for nth in range(1, storage.counts["sync"] + 1):
        directory = tmp_path / str(nth)
        storage.fail_at("sync", nth)
        before = Run(directory, storage).append()
        after = Run(directory, storage).append(rows=3, crash_before_close=True)
        storage.power_loss()
        assert len(after.acknowledged) == 3
        durable = after.durable()
        assert durable[: len(before.acknowledged)] == before.acknowledged
        assert durable[-3:] == after.acknowledged
        assert len(durable) - 3 - len(before.acknowledged) in (0, 1)


@pytest.mark.parametrize("mode", ["drop", "tear"])
def test_a_power_loss_on_reopening_after_a_failed_sync_loses_nothing(tmp_path, mode):
    """What only the system's cache has is made durable in the log before it gets into the main file."""
    rows = 4
    storage = UnsyncedLoss(f"failed-sync-then-{mode}", mode=mode, seed=15)
    Run(tmp_path / "whole", storage).append(rows)
    power_losses = 0
    for nth in range(1, storage.counts["sync"] + 1):
        for crash_at in count(1):
            storage.fail_at("sync", nth)
            run = Run(tmp_path / f"{nth}-{crash_at}", storage).append(rows)
            storage.crash_at(crash_at)
            Run(run.directory, storage).append(rows=0)
            lost_power = storage.crashed
            storage.power_loss()
            run.check()
            if not lost_power:
                break
            power_losses += 1
    assert power_losses > 100


@pytest.mark.parametrize("operation", ["write", "sync"])
def test_after_a_failed_append_all_later_ones_are_refused_and_reading_goes_on(tmp_path, operation):
    storage = UnsyncedLoss(f"refuses-{operation}", mode="drop", seed=8)
    with Journal.open(tmp_path, rules_version=RULES, vfs=storage.name) as journal:
        journal.append(1, 0, payload(0))
        storage.fail_at(operation, 1)
        with pytest.raises(JournalFailed, match="mend the disk") as failure:
            journal.append(2, 0, payload(1))
        syncs = storage.counts["sync"]
        for _ in range(3):
            with pytest.raises(JournalFailed, match="an earlier append failed") as refusal:
                journal.append(2, 0, payload(1))
            assert refusal.value.__cause__ is failure.value
        assert [row.payload for row in journal.read()] == [payload(0)]
    assert storage.counts["sync"] == syncs


def test_a_head_that_cannot_be_written_stops_the_journal(tmp_path):
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        journal.append(1, 0, payload(0))
        journal._head.close()
        with pytest.raises(JournalFailed, match="Bad file descriptor"):
            journal.append(2, 0, payload(0))
        with pytest.raises(JournalFailed, match="an earlier append failed"):
            journal.append(2, 0, payload(0))
        journal._head = None
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        assert journal.last_sequence == 2


def test_a_full_disk_is_named_and_leaves_the_journal_whole(tmp_path):
    storage = UnsyncedLoss("full-disk", mode="drop", seed=9)
    with Journal.open(tmp_path, rules_version=RULES, vfs=storage.name) as journal:
        journal.append(1, 0, payload(0))
        for nth in range(1, 6):
            storage.fail_at("write", nth, apsw.FullError("no room"))
        with pytest.raises(JournalFull, match="sequence 2"):
            journal.append(2, 0, payload(1))
        assert len(list(journal.read())) == 1
    storage.power_loss()
    with Journal.open(tmp_path, rules_version=RULES, vfs=storage.name) as journal:
        assert journal.last_sequence == 1
        journal.append(2, 0, payload(1))


def test_a_failing_read_is_refused_by_name_and_harms_nothing(tmp_path):
    storage = UnsyncedLoss("reads", mode="drop", seed=10)
    run = Run(tmp_path, storage).append()
    outcomes = set()
    for nth in range(1, 40):
        storage.fail_at("read", nth)
        try:
            assert run.durable() == run.acknowledged
            outcomes.add("read")
        except StoreError as refusal:
            outcomes.add(type(refusal))
        storage.power_loss()
    assert StoreUnreadable in outcomes
    assert run.durable() == run.acknowledged


# --- flipped bits


@pytest.fixture
def killed(tmp_path, monkeypatch):
    """A run cut off after its last acknowledged row, which leaves rows in the log only, and nothing behind them."""
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 1_000)
    monkeypatch.setattr(log_room, "STEP_PAGES", 0)
    storage = UnsyncedLoss("killed", mode="drop", seed=11)
    run = Run(tmp_path, storage).append(rows=8, crash_before_close=True)
    storage.power_loss()
    return run


def outcome_of_flip(run: Run, files: dict[Path, bytes], path: Path, bit: int) -> type[StoreError] | None:
    """Read a store with one bit flipped: a refusal by name, or None for all rows as they were."""
    for original, content in files.items():
        original.write_bytes(content)
    flip_bit(path, bit)
    run.storage.power_loss()
    try:
        assert run.durable() == run.acknowledged, f"bit {bit} of {path.name} changed rows in silence"
    except StoreError as refusal:
        return type(refusal)
    return None


def test_any_flipped_bit_of_the_log_is_noticed_through_the_head(killed):
    log = killed.directory / "journal.db-wal"
    files = {path: path.read_bytes() for path in killed.directory.iterdir()}
    bits = random.Random(12).sample(range(8 * len(files[log])), 150)
    assert {outcome_of_flip(killed, files, log, bit) for bit in bits} == {JournalShorterThanHead}


def test_any_flipped_bit_of_the_main_file_is_refused_by_name_or_harmless(tmp_path):
    run = Run(tmp_path, UnsyncedLoss("flips", mode="drop", seed=13)).append()
    (tmp_path / "journal.db-wal").write_bytes(b"")
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    main_file = tmp_path / "journal.db"
    header_bits = range(0, 8 * 200, 7)
    bits = [*header_bits, *random.Random(14).sample(range(8 * len(files[main_file])), 250)]
    outcomes = [outcome_of_flip(run, files, main_file, bit) for bit in bits]
    assert outcomes.count(JournalCorrupt) > 50
    assert None in outcomes


def test_a_log_damaged_before_its_end_is_refused_even_when_the_head_is_old(killed):
    HeadFile.create(killed.directory / "head", Head(0, bytes(32))).close()
    log = killed.directory / "journal.db-wal"
    flip_bit(log, 8 * log.stat().st_size // 2)
    with pytest.raises(JournalCorrupt, match="commits follow"):
        killed.durable()
    with pytest.raises(JournalCorrupt, match="commits follow"):
        killed.durable()


def test_a_torn_tail_is_cut_with_a_notice(killed):
    log = killed.directory / "journal.db-wal"
    with Journal.open(killed.directory, rules_version=RULES, vfs=killed.storage.name) as journal:
        assert journal.notices == []
        assert log.stat().st_size == 0, "what it held is gone from the disk before anything is written over it"
        journal.append(journal.last_sequence + 1, 0, payload(2))
        journal.append(journal.last_sequence + 1, 0, payload(5))
        killed.storage.crash_at(1)
        with pytest.raises(JournalFailed):
            journal.append(journal.last_sequence + 1, 0, payload(8))
    killed.storage.power_loss()
    whole_log = log.read_bytes()
    HeadFile.create(killed.directory / "head", Head(0, bytes(32))).close()
    log.write_bytes(whole_log[:-20_000])
    with killed.open() as journal:
        assert any("was cut off before it was durable" in notice for notice in journal.notices)
        assert [row.hash for row in journal.read()][:8] == killed.acknowledged
        assert sum(1 for _ in journal.read()) == 9


# --- snapshots


@pytest.mark.parametrize("mode", ["drop", "tear"])
def test_a_snapshot_cut_off_at_any_moment_leaves_those_saved_before(tmp_path, mode):
    storage = UnsyncedLoss(f"snapshots-{mode}", mode, seed=15)
    save_snapshots(tmp_path / "whole", storage)
    for crash_at in range(1, storage.changes + 1, 2):
        storage.crash_at(crash_at)
        saved = save_snapshots(tmp_path / str(crash_at), storage)
        storage.power_loss()
        with SnapshotStore.open(tmp_path / str(crash_at), vfs=storage.name) as store:
            durable = [snapshot.sequence for snapshot in store.newest_first()]
            assert store.notices == []
        following = [*saved, (saved or [0])[-1] + 1]
        assert durable in ([*reversed(saved[-3:])], [*reversed(following[-3:])])


def save_snapshots(directory: Path, storage: UnsyncedLoss) -> list[int]:
    """Save five snapshots of several pages each; the sequences of those reported saved."""
    saved = []
    try:
        with SnapshotStore.open(directory, vfs=storage.name) as store:
            for sequence in range(1, 6):
                state = random.Random(sequence).randbytes(50_000)
                store.save(Snapshot(sequence, bytes(32), bytes(32), RULES, 0, state))
                saved.append(sequence)
    except (SnapshotFailed, StoreUnreadable):
        pass
    return saved
