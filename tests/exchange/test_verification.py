"""Whether a store can be trusted, told without changing a byte of it."""

import random
from hashlib import sha256
from pathlib import Path

import apsw
import pytest

from exchange.journal import Journal
from exchange.overlay import read_only_storage
from exchange.recovery import recover
from exchange.snapshots import Snapshot, SnapshotStore, _checksum
from exchange.verification import verify
from tests.exchange.stores import RULES, Written
from tests.exchange.venue.market import LIMITS
from tests.simulation.storage import UnsyncedLoss

LAST_ROW = 4


def save(directory: Path, snapshot: Snapshot) -> None:
    with SnapshotStore.open(directory) as snapshots:
        snapshots.save(snapshot)


def newest(directory: Path) -> Snapshot:
    with SnapshotStore.open(directory) as snapshots:
        return next(snapshots.newest_first())


def flipped(payload: bytes | memoryview, at: int) -> bytes:
    changed = bytearray(payload)
    changed[at] ^= 1
    return bytes(changed)


def test_a_sound_store_is_verified_down_to_every_digest(tmp_path: Path) -> None:
    written = Written(tmp_path, snapshots_after=(0, 2, LAST_ROW))
    told: list[tuple[int, int]] = []
    verdict = verify(tmp_path, LIMITS, lambda done, whole: told.append((done, whole)))
    assert (verdict.faults, verdict.notices) == ([], [])
    assert (verdict.rows, verdict.records) == (LAST_ROW + 1, written.last_sequences[-1])
    assert verdict.trades == 1
    assert verdict.events > verdict.rows
    assert verdict.snapshots_compared == 3
    assert verdict.state_digest == written.venue.digest().hex()
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        assert verdict.chain_hash == journal.last_hash.hex()
    assert told[-1] == (written.last_sequences[-1], written.last_sequences[-1])


@pytest.mark.parametrize("row", range(LAST_ROW + 1))
def test_the_first_bad_row_is_named(tmp_path: Path, row: int) -> None:
    first_sequence = Written(tmp_path).first_sequence(row)
    damage(tmp_path, first_sequence)
    (fault,) = verify(tmp_path, LIMITS).faults
    assert f"damaged from sequence {first_sequence} on" in fault


def damage(directory: Path, first_sequence: int) -> None:
    """Flip a bit of a row of the journal."""
    connection = apsw.Connection(str(directory / "journal.db"))
    selected = connection.execute("SELECT payload FROM journal WHERE first_sequence = ?", (first_sequence,))
    ((payload,),) = selected.fetchall()
    update = "UPDATE journal SET payload = ? WHERE first_sequence = ?"
    connection.execute(update, (flipped(payload, 10), first_sequence))
    connection.close()


def test_a_snapshot_that_the_replay_does_not_reach_is_a_fault(tmp_path: Path) -> None:
    Written(tmp_path, snapshots_after=(2,))
    save(tmp_path, newest(tmp_path)._replace(sequence=newest(tmp_path).sequence + 1))
    verdict = verify(tmp_path, LIMITS)
    assert [fault for fault in verdict.faults if "ends inside a row or after the journal" in fault]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"chain_hash": bytes(32)}, "belongs to another journal"),
        ({"state_digest": bytes(32)}, "the replay differs from the snapshot"),
    ],
)
def test_a_snapshot_that_differs_from_the_replay_is_a_fault(
    tmp_path: Path, changes: dict[str, bytes], fault: str
) -> None:
    Written(tmp_path, snapshots_after=(2,))
    save(tmp_path, newest(tmp_path)._replace(**changes))
    verdict = verify(tmp_path, LIMITS)
    assert len(verdict.faults) == 1
    assert fault in verdict.faults[0]


def test_a_store_without_snapshots_is_verified_all_the_same(tmp_path: Path) -> None:
    Written(tmp_path)
    (tmp_path / "snapshots.db").unlink()
    verdict = verify(tmp_path, LIMITS)
    assert verdict.faults == []
    assert "no snapshots are compared" in verdict.notices[0]
    assert not (tmp_path / "snapshots.db").exists()


def test_a_store_that_is_not_there_is_a_fault_and_is_not_made(tmp_path: Path) -> None:
    verdict = verify(tmp_path / "nowhere", LIMITS)
    assert "there is no store" in verdict.faults[0]
    assert not (tmp_path / "nowhere").exists()


def test_verifying_under_other_limits_is_a_fault(tmp_path: Path) -> None:
    Written(tmp_path)
    (fault,) = verify(tmp_path, LIMITS._replace(orders=17)).faults
    assert "was written under rules" in fault


# What was trimmed.


def test_of_a_trimmed_store_what_is_left_is_verified_from_its_oldest_snapshot_on(tmp_path: Path) -> None:
    written = Written(tmp_path, snapshots_after=(1, 2, LAST_ROW))
    written.trim(1)
    before = prints(tmp_path)
    verdict = verify(tmp_path, LIMITS)
    assert (verdict.faults, verdict.snapshots_compared) == ([], 2)
    assert verdict.first_sequence == verdict.replayed_from == written.first_sequence(2)
    assert (verdict.rows, verdict.records) == (3, written.last_sequences[-1] - written.last_sequences[1])
    assert (verdict.state_digest, verdict.trades) == (written.venue.digest().hex(), 1)
    gone, begun = verdict.notices
    assert f"begins at sequence {written.first_sequence(2)}" in gone
    assert "cannot be proved any more" in gone
    assert f"snapshot at sequence {written.last_sequences[1]} is taken at its word" in begun
    assert prints(tmp_path) == before


def test_of_rows_before_the_oldest_good_snapshot_the_chain_is_proved(tmp_path: Path) -> None:
    written = Written(tmp_path, snapshots_after=(1, 2, LAST_ROW))
    written.trim(1)
    alter(tmp_path / "snapshots.db", "UPDATE snapshots SET time_ns = 0 WHERE sequence = ?", written.last_sequences[1])
    verdict = verify(tmp_path, LIMITS)
    assert (verdict.faults, verdict.rows, verdict.snapshots_compared) == ([], 3, 1)
    assert verdict.replayed_from == written.first_sequence(3)
    assert verdict.state_digest == written.venue.digest().hex()
    damage(tmp_path, written.first_sequence(2))
    (fault,) = verify(tmp_path, LIMITS).faults
    assert f"damaged from sequence {written.first_sequence(2)} on" in fault


def test_a_snapshot_of_another_journal_is_a_fault_of_a_trimmed_store_and_one_that_is_too_old_is_not(
    tmp_path: Path,
) -> None:
    written = Written(tmp_path, snapshots_after=(0, 2, 3))
    written.trim(1)
    verdict = verify(tmp_path, LIMITS)
    assert (verdict.faults, verdict.snapshots_compared) == ([], 1)
    assert f"at sequence {written.last_sequences[0]} stands before the journal's first row" in verdict.notices[-1]
    other = "UPDATE snapshots SET chain_hash = zeroblob(32), checksum = ? WHERE sequence = ?"
    with SnapshotStore.open(tmp_path) as snapshots:
        foreign = snapshots.load(written.last_sequences[2])
    assert foreign is not None
    checksum = _checksum(foreign._replace(chain_hash=bytes(32)))
    alter(tmp_path / "snapshots.db", other, checksum, written.last_sequences[2])
    verdict = verify(tmp_path, LIMITS)
    assert verdict.faults == [f"the snapshot at sequence {written.last_sequences[2]} belongs to another journal"]
    assert verdict.state_digest == written.venue.digest().hex()


@pytest.mark.parametrize("has_file", [True, False])
def test_a_trimmed_store_without_a_snapshot_is_a_fault(tmp_path: Path, has_file: bool) -> None:
    written = Written(tmp_path, snapshots_after=(1,))
    written.trim(1)
    alter(tmp_path / "snapshots.db", "DELETE FROM snapshots")
    if not has_file:
        (tmp_path / "snapshots.db").unlink()
    (fault,) = verify(tmp_path, LIMITS).faults
    assert "older rows were trimmed" in fault


def alter(path: Path, statement: str, *bindings: object) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement, bindings)
    connection.close()


# Nothing changes.


def prints(directory: Path) -> dict[str, tuple[str, int]]:
    """What a folder holds: each file's hash, and when it was last written to."""
    return {path.name: (sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in directory.iterdir()}


def killed(directory: Path) -> Written:
    """A store cut off in the middle of an append: rows in the log only, and a head that is behind them."""
    written = Written(directory, snapshots_after=(1, 3))
    storage = UnsyncedLoss(f"verify-{directory}", mode="tear", seed=2)
    journal = Journal.open(directory, rules_version=RULES, vfs=storage.name)
    head = (directory / "head").read_bytes()
    journal.append(journal.last_sequence + 1, 0, bytes(64))
    storage.crash_at(6)
    with pytest.raises(Exception, match="failed at sequence"):
        journal.append(journal.last_sequence + 1, 0, random.Random(1).randbytes(64 * 700))
    journal.close()
    storage.power_loss()
    (directory / "head").write_bytes(head)
    return written


def test_a_store_is_verified_without_changing_a_byte_of_it(tmp_path: Path) -> None:
    Written(tmp_path, snapshots_after=(1, 3))
    before = prints(tmp_path)
    assert verify(tmp_path, LIMITS).faults == []
    assert prints(tmp_path) == before


def test_a_store_that_was_cut_off_is_verified_as_the_next_start_would_find_it_and_left_as_it_is(tmp_path: Path) -> None:
    written = killed(tmp_path)
    before = prints(tmp_path)
    first, second = verify(tmp_path, LIMITS), verify(tmp_path, LIMITS)
    assert first == second
    assert first.faults == []
    assert first.records == written.last_sequences[-1] + 1
    assert any("behind its journal" in notice for notice in first.notices)
    assert any("was cut off" in notice for notice in first.notices)
    assert prints(tmp_path) == before
    with Journal.open(tmp_path, rules_version=RULES) as journal, SnapshotStore.open(tmp_path) as snapshots:
        recovered = recover(journal, snapshots, LIMITS)
        assert (first.state_digest, first.chain_hash) == (recovered.venue.digest().hex(), journal.last_hash.hex())


@pytest.mark.parametrize("name", ["journal.db", "head", "snapshots.db"])
def test_a_damaged_store_is_left_as_it_is(tmp_path: Path, name: str) -> None:
    Written(tmp_path, snapshots_after=(1, 3))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(bytes(100) + content[100:] if name != "head" else b"")
    before = prints(tmp_path)
    verdict = verify(tmp_path, LIMITS)
    assert verdict.faults or verdict.notices
    assert prints(tmp_path) == before


def test_a_hot_journal_of_the_snapshots_is_rolled_back_in_memory_alone(tmp_path: Path) -> None:
    written = Written(tmp_path, snapshots_after=(1, 3))
    connection = apsw.Connection(str(tmp_path / "snapshots.db"))
    connection.pragma("journal_mode", "TRUNCATE")
    connection.pragma("cache_size", 1)
    connection.execute("BEGIN; UPDATE snapshots SET payload = zeroblob(100000)")
    hot = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("snapshots.db")}
    connection.execute("ROLLBACK")
    connection.close()
    assert hot["snapshots.db-journal"]
    for name, content in hot.items():
        (tmp_path / name).write_bytes(content)
    before = prints(tmp_path)
    verdict = verify(tmp_path, LIMITS)
    assert (verdict.faults, verdict.snapshots_compared) == ([], 2)
    assert verdict.records == written.last_sequences[-1]
    assert prints(tmp_path) == before


def test_a_store_in_use_is_not_verified_and_two_may_verify_at_once(tmp_path: Path) -> None:
    Written(tmp_path)
    with Journal.open(tmp_path, rules_version=RULES):
        (fault,) = verify(tmp_path, LIMITS).faults
        assert "held by another opener" in fault
    with (
        read_only_storage(None) as storage,
        Journal.open(tmp_path, rules_version=RULES, create=False, vfs=storage, read_only=True) as journal,
    ):
        assert verify(tmp_path, LIMITS).faults == []
        (fault,) = (str(error) for error in refusals(tmp_path))
        assert "held by another opener" in fault
        assert len([*journal.read()]) == LAST_ROW + 1


def refusals(directory: Path) -> list[Exception]:
    """What an exchange hears that wants the store for itself."""
    try:
        Journal.open(directory, rules_version=RULES).close()
    except Exception as error:
        return [error]
    return []
