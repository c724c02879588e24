"""Snapshots: whole ones are given, newest first; all others are left out with a notice."""

from pathlib import Path
from random import Random

import apsw
import pytest

from exchange.journal import Journal
from exchange.snapshots import PART_BYTES, Place, Snapshot, SnapshotStore
from exchange.store_errors import SnapshotFailed, StoreLocked, StoreMissing
from tests.simulation.storage import UnsyncedLoss


def snapshot(sequence: int, payload: bytes = b"state") -> Snapshot:
    return Snapshot(
        sequence=sequence,
        chain_hash=bytes([sequence % 256]) * 32,
        state_digest=b"digest",
        rules_version="rules-1",
        time_ns=sequence * 1_000,
        payload=payload * sequence,
    )


def fill(directory: Path, *sequences: int) -> None:
    with SnapshotStore.open(directory) as store:
        for sequence in sequences:
            store.save(snapshot(sequence))


def load(directory: Path) -> tuple[list[int], list[str]]:
    """The sequences of the snapshots that are whole, and the notices about the others."""
    with SnapshotStore.open(directory, create=False) as store:
        return [whole.sequence for whole in store.newest_first()], store.notices


def alter(directory: Path, statement: str, *bindings: object) -> None:
    connection = apsw.Connection(str(directory / "snapshots.db"))
    connection.execute(statement, bindings)
    connection.close()


def test_snapshots_come_back_as_they_were_saved_newest_first(tmp_path):
    fill(tmp_path, 10, 20, 30)
    with SnapshotStore.open(tmp_path) as store:
        assert list(store.newest_first()) == [snapshot(30), snapshot(20), snapshot(10)]
        assert store.notices == []


def test_only_those_from_before_a_time_are_given_when_one_is_named(tmp_path):
    fill(tmp_path, 10, 20, 30)
    with SnapshotStore.open(tmp_path) as store:
        assert [whole.sequence for whole in store.newest_first(20_001)] == [20, 10]
        assert [whole.sequence for whole in store.newest_first(20_000)] == [10]
        assert list(store.newest_first(10_000)) == []


def test_only_the_newest_three_are_kept(tmp_path):
    fill(tmp_path, 10, 20, 30, 40, 50)
    assert load(tmp_path) == ([50, 40, 30], [])


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 5])
def test_a_payload_comes_back_whole_at_any_size(tmp_path, size):
    whole = snapshot(1)._replace(payload=Random(size).randbytes(size))
    with SnapshotStore.open(tmp_path) as store:
        store.save(whole)
        assert list(store.newest_first()) == [whole]


def test_a_snapshot_that_is_only_looked_at_comes_without_its_payload_and_is_proved_all_the_same(tmp_path):
    with SnapshotStore.open(tmp_path) as store:
        store.save(snapshot(10)._replace(payload=Random(1).randbytes(2 * PART_BYTES + 5)))
        assert store.look_at(10) == store.load(10)._replace(payload=b"")
        assert (store.look_at(11), store.load(11)) == (None, None)
    alter(tmp_path, "UPDATE snapshot_parts SET payload = zeroblob(7) WHERE part = 2")
    with SnapshotStore.open(tmp_path) as store:
        assert store.look_at(10) is None
        assert "sequence 10" in store.notices[0]


def test_snapshots_come_oldest_first_too_and_their_places_with_their_times(tmp_path):
    fill(tmp_path, 10, 20, 30)
    alter(tmp_path, "UPDATE snapshots SET payload = x'00' WHERE sequence = 20")
    with SnapshotStore.open(tmp_path) as store:
        assert [whole.sequence for whole in store.oldest_first()] == [10, 30]
        assert store.places() == [Place(10, 10_000), Place(20, 20_000), Place(30, 30_000)]


def test_whoever_saves_says_which_are_kept_and_none_from_a_future_is(tmp_path):
    told: list[list[Place]] = []

    def keeps(places: list[Place]) -> set[int]:
        told.append(places)
        return {10, 20, 40}

    fill(tmp_path, 10, 20, 50)
    with SnapshotStore.open(tmp_path) as store:
        store.save(snapshot(40), keeps)
        assert [place.sequence for place in store.places()] == [10, 20, 40]
    assert [place.sequence for place in told[0]] == [10, 20, 40]
    assert load(tmp_path) == ([40, 20, 10], [])


def test_parts_are_removed_with_their_snapshot(tmp_path):
    large = b"x" * (2 * PART_BYTES)
    with SnapshotStore.open(tmp_path) as store:
        for sequence in (10, 20, 30, 40):
            store.save(snapshot(sequence)._replace(payload=large))
        store.save(snapshot(40)._replace(payload=b"small"))
        assert [len(whole.payload) for whole in store.newest_first()] == [5, len(large), len(large)]
    connection = apsw.Connection(str(tmp_path / "snapshots.db"))
    assert connection.execute("SELECT sequence, part FROM snapshot_parts").fetchall() == [(20, 1), (30, 1)]
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM snapshot_parts WHERE part = 1",
        "UPDATE snapshot_parts SET part = 9 WHERE part = 1",
        "UPDATE snapshot_parts SET payload = 'text' WHERE part = 2",
        "UPDATE snapshot_parts SET payload = zeroblob(7) WHERE part = 2",
        "INSERT INTO snapshot_parts VALUES (10, 3, x'00')",
    ],
)
def test_a_payload_with_a_part_amiss_is_left_out(tmp_path, statement):
    with SnapshotStore.open(tmp_path) as store:
        store.save(snapshot(10)._replace(payload=Random(1).randbytes(2 * PART_BYTES + 5)))
    alter(tmp_path, statement)
    sequences, notices = load(tmp_path)
    assert (sequences, len(notices)) == ([], 1)


def test_room_of_older_snapshots_is_used_again(tmp_path):
    large = b"x" * 1_000
    sizes = []
    with SnapshotStore.open(tmp_path) as store:
        for sequence in range(1_000, 1_012):
            store.save(snapshot(sequence, large))
            sizes.append((tmp_path / "snapshots.db").stat().st_size)
    assert sizes[3] < 4.1e6
    assert max(sizes) < 1.05 * sizes[3]


def test_saving_the_same_sequence_again_replaces_it(tmp_path):
    fill(tmp_path, 10)
    with SnapshotStore.open(tmp_path) as store:
        store.save(snapshot(10, b"other"))
        assert [whole.payload for whole in store.newest_first()] == [b"other" * 10]


def test_snapshots_of_a_future_that_did_not_happen_give_way(tmp_path):
    fill(tmp_path, 10, 20, 30, 25)
    assert load(tmp_path) == ([25, 20, 10], [])


def test_a_payload_may_be_a_view_of_memory_held_elsewhere(tmp_path):
    buffer = bytearray(b"a large state")
    with SnapshotStore.open(tmp_path) as store:
        store.save(snapshot(1)._replace(payload=memoryview(buffer)))
        assert [whole.payload for whole in store.newest_first()] == [b"a large state"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("chain_hash", bytes(32)),
        ("state_digest", b"digesT"),
        ("rules_version", "rules-2"),
        ("time_ns", 20_001),
        ("checksum", bytes(32)),
        ("payload", b"half of i"),
        ("payload", "text"),
    ],
)
def test_a_damaged_snapshot_is_left_out_with_a_notice_and_an_older_one_is_used(tmp_path, column, value):
    fill(tmp_path, 10, 20)
    alter(tmp_path, f"UPDATE snapshots SET {column} = ? WHERE sequence = 20", value)
    sequences, notices = load(tmp_path)
    assert sequences == [10]
    assert len(notices) == 1
    assert "sequence 20" in notices[0]


def test_a_snapshot_in_the_place_of_another_is_left_out(tmp_path):
    fill(tmp_path, 10, 20)
    alter(tmp_path, "DELETE FROM snapshots WHERE sequence = 20")
    alter(tmp_path, "UPDATE snapshots SET sequence = 20 WHERE sequence = 10")
    sequences, notices = load(tmp_path)
    assert sequences == []
    assert "does not hold" in notices[0]
    assert "checksum" in notices[1]


def test_a_snapshot_that_is_gone_is_missed(tmp_path):
    fill(tmp_path, 10, 20, 30)
    for sequence in (30, 10):
        alter(tmp_path, "DELETE FROM snapshots WHERE sequence = ?", sequence)
        sequences, notices = load(tmp_path)
        assert sequence not in sequences
        assert "does not hold the snapshots that were saved to it last" in notices[0]


def test_neighbouring_fields_cannot_trade_bytes(tmp_path):
    fill(tmp_path, 10)
    alter(tmp_path, "UPDATE snapshots SET state_digest = ?, rules_version = ?", b"diges", "trules-1")
    assert load(tmp_path)[0] == []


def test_a_stale_snapshot_is_told_by_the_hash_chain(tmp_path):
    with Journal.open(tmp_path, rules_version="rules-1") as journal, SnapshotStore.open(tmp_path) as store:
        journal.append(1, 0, bytes(64))
        journal.append(2, 0, bytes(64))
        store.save(snapshot(1)._replace(chain_hash=journal.hash_at(1)))
        store.save(snapshot(2)._replace(chain_hash=b"of another journal, same sequence"))
        belongs = [journal.hash_at(whole.sequence) == whole.chain_hash for whole in store.newest_first()]
    assert belongs == [False, True]


def test_a_file_past_reading_is_set_aside_and_does_not_stop_the_start(tmp_path):
    fill(tmp_path, 10)
    (tmp_path / "snapshots.db").write_bytes(b"not a database " * 2_000)
    with SnapshotStore.open(tmp_path) as store:
        assert list(store.newest_first()) == []
        assert "snapshots.db.damaged" in store.notices[0]
        store.save(snapshot(20))
    assert load(tmp_path) == ([20], [])
    assert (tmp_path / "snapshots.db.damaged").exists()


def test_a_second_opener_is_refused(tmp_path):
    fill(tmp_path, 10)
    with SnapshotStore.open(tmp_path), pytest.raises(StoreLocked):
        SnapshotStore.open(tmp_path)


def test_a_store_is_created_only_when_asked_for(tmp_path):
    with pytest.raises(StoreMissing):
        SnapshotStore.open(tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("operation", ["write", "sync"])
def test_after_a_failed_save_every_later_one_is_refused_and_older_ones_remain(tmp_path, operation):
    fill(tmp_path, 10)
    storage = UnsyncedLoss("failing-save", mode="drop", seed=1)
    with SnapshotStore.open(tmp_path, vfs=storage.name) as store:
        storage.fail_at(operation, 1)
        with pytest.raises(SnapshotFailed, match="journal is not affected"):
            store.save(snapshot(20))
        with pytest.raises(SnapshotFailed, match="an earlier one failed: injected") as refusal:
            store.save(snapshot(30))
        assert isinstance(refusal.value.__cause__.__cause__, apsw.IOError)
    storage.power_loss()
    assert load(tmp_path) == ([10], [])


def spoil_schema(directory: Path) -> None:
    """What can be read as before and not be saved into."""
    alter(directory, "CREATE TRIGGER spoilt BEFORE INSERT ON snapshots BEGIN SELECT RAISE(ABORT, 'spoilt'); END")


@pytest.mark.parametrize("spoil", ["trigger", "damaged page", "read-only"])
def test_a_file_that_opens_and_takes_no_snapshot_is_set_aside_with_a_notice(tmp_path, spoil):
    fill(tmp_path, 10, 20, 30)
    path = tmp_path / "snapshots.db"
    if spoil == "trigger":
        spoil_schema(tmp_path)
    elif spoil == "damaged page":
        content = bytearray(path.read_bytes())
        content[16_384 : 16_384 + 100] = bytes(100)
        path.write_bytes(content)
    with SnapshotStore.open(tmp_path) as store:
        if spoil == "read-only":
            store._connection.pragma("query_only", True)
        store.save(snapshot(40))
        assert "snapshots.db.damaged" in store.notices[-1]
        store.save(snapshot(50))
    assert load(tmp_path) == ([50, 40], [])
    assert (tmp_path / "snapshots.db.damaged").exists()


def test_a_full_disk_refuses_a_snapshot_and_takes_the_next_one(tmp_path):
    fill(tmp_path, 10)
    storage = UnsyncedLoss("full-save", mode="drop", seed=1)
    with SnapshotStore.open(tmp_path, vfs=storage.name) as store:
        for nth in range(1, 5):
            storage.fail_at("write", nth, apsw.FullError("no room"))
            with pytest.raises(SnapshotFailed, match="no room"):
                store.save(snapshot(20))
        store.save(snapshot(30))
    assert load(tmp_path) == ([30, 10], [])
