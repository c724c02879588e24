"""From a store back to the market, with snapshots that are trusted only when everything about them is right."""

from collections.abc import Callable
from pathlib import Path

import apsw
import orjson
import pytest

from exchange.journal import Journal
from exchange.recovery import Recovered, pack, recover, replay, unpack, verify
from exchange.snapshots import Snapshot, SnapshotStore
from exchange.store_errors import JournalCorrupt, JournalOfOtherRules
from exchange.venue.image import LAYOUTS, digest
from exchange.venue.machine import Venue
from exchange.venue.schema import CLOCK_COMMAND
from tests.exchange.stores import RULES, Written
from tests.exchange.venue.market import LIMITS

LAST_ROW = 4


def recovered(directory: Path, **options) -> Recovered:
    with Journal.open(directory, rules_version=RULES) as journal, SnapshotStore.open(directory) as snapshots:
        return recover(journal, snapshots, LIMITS, **options)


def alter(path: Path, statement: str, *bindings: object) -> None:
    """Change a closed file of the store behind its back."""
    connection = apsw.Connection(str(path))
    connection.execute(statement, bindings)
    connection.close()


def save(directory: Path, snapshot: Snapshot) -> None:
    with SnapshotStore.open(directory) as snapshots:
        snapshots.save(snapshot)


def newest(directory: Path) -> Snapshot:
    with SnapshotStore.open(directory) as snapshots:
        return next(snapshots.newest_first())


# Packing.


def test_what_was_packed_comes_out_of_it(tmp_path: Path) -> None:
    written = Written(tmp_path)
    image = written.venue.image()
    rows, view_dump = unpack(pack(image, b"the view\nof it"))
    assert view_dump == b"the view\nof it"
    assert {name: part.tobytes() for name, part in rows.items()} == {
        name: part.tobytes() for name, part in image.items()
    }
    assert digest(rows) == written.venue.digest()


def test_rows_come_out_as_kernels_take_them(tmp_path: Path) -> None:
    rows, _ = unpack(pack(Written(tmp_path).venue.image(), b""))
    assert all(part.flags.writeable for part in rows.values())


def payload_of(header: object, body: bytes = b"") -> bytes:
    return orjson.dumps(header) + b"\n" + body


NO_ROWS = dict.fromkeys(LAYOUTS, 0)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no header at all",
        payload_of([]),
        payload_of({}),
        payload_of({"counts": {}, "view_bytes": 0}),
        payload_of({"counts": NO_ROWS}, b"x"),
        payload_of({"counts": NO_ROWS, "view_bytes": 2}, b"x"),
        payload_of({"counts": NO_ROWS | {"orders": 1}, "view_bytes": 0}, b"short"),
        payload_of({"counts": NO_ROWS | {"orders": "1"}, "view_bytes": 0}, b"x" * 100),
    ],
)
def test_other_bytes_are_no_snapshot(payload: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - numpy, orjson and unpack itself complain in words of their own
        unpack(payload)


# Recovering.


def test_a_new_store_gives_an_empty_market(tmp_path: Path) -> None:
    found = recovered(tmp_path)
    assert (found.sequence, found.replayed_records, found.notices) == (0, 0, [])


def test_the_journal_alone_gives_the_market_back(tmp_path: Path) -> None:
    written = Written(tmp_path)
    found = recovered(tmp_path)
    assert found.venue.digest() == written.venue.digest()
    assert found.view == written.view
    assert found.sequence == found.replayed_records == written.last_sequences[-1]


@pytest.mark.parametrize("row", range(LAST_ROW + 1))
def test_a_snapshot_and_the_rows_after_it_give_the_same_as_all_rows(tmp_path: Path, row: int) -> None:
    written = Written(tmp_path, snapshots_after=(row,))
    found = recovered(tmp_path)
    assert found.venue.digest() == written.venue.digest()
    assert found.view == written.view
    assert found.replayed_records == written.last_sequences[-1] - written.last_sequences[row]
    assert found.notices == []


def test_the_newest_of_several_snapshots_serves(tmp_path: Path) -> None:
    written = Written(tmp_path, snapshots_after=(0, 1, 3))
    assert recovered(tmp_path).replayed_records == written.last_sequences[-1] - written.last_sequences[3]


def test_progress_is_told_row_by_row(tmp_path: Path) -> None:
    written = Written(tmp_path)
    told: list[tuple[int, int]] = []
    recovered(tmp_path, progress=lambda done, whole: told.append((done, whole)))
    assert told == [(sequence, written.last_sequences[-1]) for sequence in written.last_sequences]


def flipped(payload: bytes | memoryview, at: int) -> bytes:
    changed = bytearray(payload)
    changed[at] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda whole: whole._replace(rules_version="other"), "made under rules 'other'"),
        (lambda whole: whole._replace(chain_hash=bytes(32)), "belongs to another journal"),
        (lambda whole: whole._replace(sequence=whole.sequence - 1), "belongs to another journal"),
        (lambda whole: whole._replace(state_digest=bytes(32)), "another digest than it says"),
        (lambda whole: whole._replace(payload=flipped(whole.payload, len(whole.payload) // 4)), "another digest"),
        (lambda whole: whole._replace(payload=bytes(whole.payload)[:-1]), "other bytes than its header says"),
        (
            lambda whole: whole._replace(payload=bytes(whole.payload).replace(b'"regions"', b'"legions"')),
            "no dump of a market view",
        ),
        (lambda whole: whole._replace(payload=b"[]\n"), "without the header"),
    ],
)
def test_a_snapshot_with_anything_wrong_is_left_out_with_a_notice(
    tmp_path: Path, spoil: Callable[[Snapshot], Snapshot], reason: str
) -> None:
    written = Written(tmp_path, snapshots_after=(1, 3))
    spoiled = spoil(newest(tmp_path))
    alter(tmp_path / "snapshots.db", "DELETE FROM snapshots WHERE sequence = ?", written.last_sequences[3])
    save(tmp_path, spoiled)
    found = recovered(tmp_path)
    assert len(found.notices) == 1
    assert f"the snapshot at sequence {spoiled.sequence} is left out: " in found.notices[0]
    assert reason in found.notices[0]
    assert found.venue.digest() == written.venue.digest()
    assert found.view == written.view
    assert found.replayed_records == written.last_sequences[-1] - written.last_sequences[1]


def test_a_snapshot_damaged_on_the_disk_is_left_out_with_a_notice_though_an_older_one_serves(tmp_path: Path) -> None:
    written = Written(tmp_path, snapshots_after=(1, 3))
    sequence = written.last_sequences[3]
    alter(tmp_path / "snapshots.db", "UPDATE snapshots SET time_ns = time_ns + 1 WHERE sequence = ?", sequence)
    found = recovered(tmp_path)
    assert found.replayed_records == written.last_sequences[-1] - written.last_sequences[1]
    assert len(found.notices) == 1
    assert f"the snapshot at sequence {sequence}" in found.notices[0]


def test_a_snapshot_of_the_future_is_left_out(tmp_path: Path) -> None:
    written = Written(tmp_path, snapshots_after=(LAST_ROW,))
    future = newest(tmp_path)._replace(sequence=written.last_sequences[-1] + 10)
    save(tmp_path, future)
    assert "belongs to another journal" in recovered(tmp_path).notices[0]


def test_rows_of_other_rules_are_not_replayed(tmp_path: Path) -> None:
    Written(tmp_path)
    with pytest.raises(JournalOfOtherRules):
        Journal.open(tmp_path, rules_version=LIMITS._replace(orders=17).rules_version())


# Verifying.


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


def test_a_bad_row_is_refused_by_recovery_too(tmp_path: Path) -> None:
    damage(tmp_path, Written(tmp_path).first_sequence(1))
    with pytest.raises(JournalCorrupt):
        recovered(tmp_path)


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


def test_a_replay_gives_what_was_published(tmp_path: Path) -> None:
    written = Written(tmp_path)
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        published = list(replay(Venue(LIMITS), journal, 1))
    assert [batch.first_sequence + len(batch.commands) - 1 for batch in published] == written.last_sequences
    for batch in published:
        assert batch.time_ns == batch.commands.view(CLOCK_COMMAND)["time_ns"][0]
        assert batch.events["kind"][-1] != 0
