"""A journal from which the oldest rows go: what is left is proved as ever, and what is gone is named."""

import random
import threading
from pathlib import Path

import apsw
import pytest

from exchange import journal as journal_module
from exchange.anchor import NOTHING_TRIMMED
from exchange.head import SLOT_BYTES, SLOT_OFFSETS_BYTES
from exchange.journal import Journal
from exchange.journal_rows import JournalRow
from exchange.store_errors import (
    HeadMissing,
    JournalCorrupt,
    JournalFailed,
    JournalShorterThanHead,
    JournalTrimmed,
    SequenceRefused,
)
from tests.exchange.rows import RULES, alter, fill_rows, records
from tests.exchange.trimmed import COUNTS, trim_all, trimmed
from tests.simulation.storage import Quota, UnsyncedLoss


def opened(directory: Path, **options) -> Journal:
    return Journal.open(directory, rules_version=RULES, **options)


def read_kept(directory: Path, **options) -> list[JournalRow]:
    with opened(directory, create=False, **options) as journal:
        return list(journal.read(journal.first_sequence))


# What is left, and what is gone.


def test_a_journal_that_has_all_its_rows_begins_with_the_first(tmp_path):
    fill_rows(tmp_path, COUNTS)
    with opened(tmp_path) as journal:
        assert (journal.first_sequence, journal.anchor) == (1, NOTHING_TRIMMED)


@pytest.mark.parametrize("row", range(len(COUNTS) - 2))
def test_what_is_left_is_what_was_there_and_the_anchor_is_the_last_that_went(tmp_path, row):
    rows = fill_rows(tmp_path, COUNTS)
    with opened(tmp_path) as journal:
        assert trim_all(journal, rows[row].last_sequence) == [row + 1]
        assert journal.anchor == (rows[row].last_sequence, rows[row].hash, rows[row].time_ns)
        assert journal.first_sequence == rows[row + 1].first_sequence
        assert list(journal.read(journal.first_sequence)) == rows[row + 1 :]
        assert journal.notices == []
    assert read_kept(tmp_path) == rows[row + 1 :]


def test_a_sequence_within_a_row_does_not_take_the_row(tmp_path):
    rows = fill_rows(tmp_path, COUNTS)
    with opened(tmp_path) as journal:
        assert journal.trim(rows[2].last_sequence - 1) == 2
        assert journal.first_sequence == rows[2].first_sequence


def test_rows_that_are_gone_are_refused_by_name_and_those_that_never_were_as_before(tmp_path):
    rows, anchor = trimmed(tmp_path)
    with opened(tmp_path) as journal:
        for sequence in (1, 2, anchor.sequence):
            with pytest.raises(JournalTrimmed, match=f"begins at sequence {anchor.sequence + 1}"):
                journal.read(sequence)
        with pytest.raises(JournalTrimmed, match="restore a backup"):
            journal.read()
        for sequence in (-1, 0, rows[-1].last_sequence + 2):
            with pytest.raises(SequenceRefused):
                journal.read(sequence)


def test_the_hash_before_the_first_row_is_the_anchors_and_earlier_ones_are_gone(tmp_path):
    rows, anchor = trimmed(tmp_path)
    with opened(tmp_path) as journal:
        assert journal.hash_at(anchor.sequence) == anchor.hash == rows[3].hash
        assert [journal.hash_at(row.last_sequence) for row in rows[4:]] == [row.hash for row in rows[4:]]
        assert {journal.hash_at(sequence) for sequence in (0, 3, 4, anchor.sequence - 1)} == {None}


def test_rows_are_found_by_their_time_among_those_that_are_left(tmp_path):
    rows, anchor = trimmed(tmp_path)
    with opened(tmp_path) as journal:
        assert journal.sequence_at(0) == anchor.sequence + 1
        for row in rows[4:]:
            assert journal.sequence_at(row.time_ns) == row.first_sequence
        assert journal.sequence_at(10_000) == journal.last_sequence + 1


def test_a_trimmed_journal_goes_on_and_is_trimmed_further(tmp_path):
    expected = fill_rows(tmp_path, COUNTS)
    for number in range(20):
        with opened(tmp_path) as journal:
            for row in range(3):
                journal.append(journal.last_sequence + 1, 2_000 + number, records(1 + row, seed=number))
            expected = [*expected, *list(journal.read(expected[-1].last_sequence + 1))]
            trim_all(journal, expected[2].last_sequence)
            expected = expected[3:]
            assert journal.first_sequence == expected[0].first_sequence
    assert read_kept(tmp_path) == expected


# Slices.


def test_a_slice_is_bounded_by_rows_and_by_bytes(tmp_path, monkeypatch):
    rows = fill_rows(tmp_path, (1,) * 20 + (100,) * 5 + (1,) * 3)
    monkeypatch.setattr(journal_module, "TRIM_ROWS", 8)
    monkeypatch.setattr(journal_module, "TRIM_BYTES", 64 * 210)
    with opened(tmp_path) as journal:
        assert trim_all(journal, rows[25].last_sequence) == [8, 8, 6, 2, 2]


def test_a_row_that_is_larger_than_a_slice_goes_alone(tmp_path, monkeypatch):
    rows = fill_rows(tmp_path, COUNTS)
    monkeypatch.setattr(journal_module, "TRIM_BYTES", 64)
    with opened(tmp_path) as journal:
        assert trim_all(journal, rows[3].last_sequence) == [1] * 4


def test_the_newest_row_never_goes(tmp_path):
    fill_rows(tmp_path, COUNTS)
    with opened(tmp_path) as journal:
        assert sum(trim_all(journal, journal.last_sequence + 10)) == len(COUNTS) - 1
        assert journal.first_sequence == journal.last_sequence
        assert trim_all(journal, journal.last_sequence) == []


def test_rows_stay_that_the_head_might_not_vouch_for_after_a_power_loss(tmp_path):
    """The head is synced with checkpoints only: an older one must not come back that knows nothing of what is left."""
    with opened(tmp_path) as journal:
        for number in range(10):
            journal.append(journal.last_sequence + 1, number, records(2, seed=number))
        assert trim_all(journal, 10) == []
    with opened(tmp_path) as journal:
        assert trim_all(journal, 10) == [5]


def test_no_row_goes_while_somebody_holds_them_and_all_the_sooner_afterwards(tmp_path):
    rows = fill_rows(tmp_path, COUNTS)
    with opened(tmp_path) as journal:
        with journal.held(), journal.held():
            assert journal.trim(rows[2].last_sequence) == 0
        with journal.held():
            assert journal.trim(rows[2].last_sequence) == 0
        assert journal.trim(rows[2].last_sequence) == 3


def test_a_reader_who_is_overtaken_hears_that_the_rows_were_trimmed(tmp_path):
    rows = fill_rows(tmp_path, COUNTS)
    with opened(tmp_path) as journal:
        reader = journal.read()
        assert next(reader) == rows[0]
        trim_all(journal, rows[3].last_sequence)
        with pytest.raises(JournalTrimmed, match=f"from sequence {rows[1].first_sequence} on"):
            next(reader)
        late = journal.read(rows[4].first_sequence)
        trim_all(journal, rows[5].last_sequence)
        with pytest.raises(JournalTrimmed):
            next(late)


def test_readers_in_other_threads_see_rows_or_hear_that_they_were_trimmed(tmp_path):
    fill_rows(tmp_path, (1,) * 400)
    outcomes: list[type] = []

    def read_again_and_again(journal: Journal) -> None:
        while journal.first_sequence < 300:
            try:
                rows = list(journal.read(journal.first_sequence))
                assert rows[-1].last_sequence == 400
                outcomes.append(list)
            except JournalTrimmed:
                outcomes.append(JournalTrimmed)

    with opened(tmp_path) as journal:
        readers = [threading.Thread(target=read_again_and_again, args=(journal,)) for _ in range(3)]
        for reader in readers:
            reader.start()
        for sequence in range(1, 301):
            journal.trim(sequence)
        for reader in readers:
            reader.join()
    assert outcomes


def test_the_file_stops_growing(tmp_path):
    sizes = []
    with opened(tmp_path, synchronous="OFF") as journal:
        for number in range(3_000):
            journal.append(journal.last_sequence + 1, number, records((1, 1, 1, 700)[number % 4], seed=number))
            journal.trim(journal.last_sequence - 20_000)
            sizes.append((tmp_path / "journal.db").stat().st_size)
    assert sizes[-1] < 1.2 * sizes[1_000]
    assert sizes[-1] < 40_000 * 64


# Damage.


@pytest.mark.parametrize(("row", "column"), [(3, "hash"), (4, "payload"), (4, "hash"), (4, "time_ns")])
def test_no_row_goes_that_the_first_one_left_does_not_follow_on(tmp_path, row, column):
    rows = fill_rows(tmp_path, COUNTS)
    changed = random.Random("x").randbytes(len(rows[row].payload if column == "payload" else rows[row].hash))
    value = 7 if column == "time_ns" else changed
    alter(tmp_path, f"UPDATE journal SET {column} = ? WHERE first_sequence = ?", value, rows[row].first_sequence)
    with opened(tmp_path) as journal:
        with pytest.raises(JournalCorrupt, match=f"sequence {rows[4].first_sequence} on"):
            journal.trim(rows[3].last_sequence)
        assert journal.first_sequence == 1
        journal.append(journal.last_sequence + 1, 9_000, records(1, seed=9))


@pytest.mark.parametrize("row", range(5))
def test_no_row_goes_where_one_is_missing(tmp_path, row):
    rows = fill_rows(tmp_path, COUNTS)
    with opened(tmp_path) as journal:
        journal._connection.execute("DELETE FROM journal WHERE first_sequence = ?", (rows[row].first_sequence,))
        with pytest.raises(JournalCorrupt, match="missing or damaged from there on"):
            journal.trim(rows[3].last_sequence)
        assert journal.first_sequence == 1


def test_no_row_goes_up_to_one_whose_values_are_of_other_types(tmp_path):
    rows = fill_rows(tmp_path, COUNTS)
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    connection.pragma("writable_schema", True)
    connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')")
    connection.close()
    for column, value in (("hash", "text"), ("time_ns", 1.5), ("count", None)):
        alter(tmp_path, f"UPDATE journal SET {column} = ? WHERE first_sequence = ?", value, rows[3].first_sequence)
        with opened(tmp_path) as journal, pytest.raises(JournalCorrupt):
            journal.trim(rows[3].last_sequence)
        alter(
            tmp_path,
            f"UPDATE journal SET {column} = ? WHERE first_sequence = ?",
            getattr(rows[3], column),
            rows[3].first_sequence,
        )


def test_a_flipped_bit_in_what_is_left_names_its_row(tmp_path):
    rows, _ = trimmed(tmp_path)
    for row in rows[4:]:
        alter(tmp_path, "UPDATE journal SET time_ns = time_ns + 1 WHERE first_sequence = ?", row.first_sequence)
        with pytest.raises(JournalCorrupt, match=f"sequence {row.first_sequence} on"):
            read_kept(tmp_path)
        alter(tmp_path, "UPDATE journal SET time_ns = time_ns - 1 WHERE first_sequence = ?", row.first_sequence)
    assert read_kept(tmp_path) == rows[4:]


def test_a_missing_row_or_end_of_what_is_left_is_named(tmp_path):
    rows, _ = trimmed(tmp_path / "middle")
    alter(tmp_path / "middle", "DELETE FROM journal WHERE first_sequence = ?", rows[5].first_sequence)
    with pytest.raises(JournalCorrupt, match=f"sequence {rows[5].first_sequence} on"):
        read_kept(tmp_path / "middle")
    rows, _ = trimmed(tmp_path / "end")
    alter(tmp_path / "end", "DELETE FROM journal WHERE first_sequence >= ?", rows[6].first_sequence)
    with pytest.raises(JournalShorterThanHead):
        read_kept(tmp_path / "end")


def test_a_trimmed_journal_without_a_head_is_refused_until_accepted_and_then_proved_from_its_anchor(tmp_path):
    rows, anchor = trimmed(tmp_path)
    (tmp_path / "head").unlink()
    with pytest.raises(HeadMissing):
        read_kept(tmp_path)
    alter(tmp_path, "UPDATE journal SET time_ns = 0 WHERE first_sequence = ?", anchor.sequence + 1)
    with pytest.raises(JournalCorrupt, match=f"sequence {anchor.sequence + 1} on"):
        opened(tmp_path, accept_missing_head=True)
    alter(tmp_path, "UPDATE journal SET time_ns = ? WHERE first_sequence = ?", rows[4].time_ns, anchor.sequence + 1)
    assert read_kept(tmp_path, accept_missing_head=True) == rows[4:]


def test_either_slot_of_the_head_serves_a_journal_of_which_little_is_left(tmp_path):
    fill_rows(tmp_path, COUNTS)
    with opened(tmp_path) as journal:
        trim_all(journal, journal.last_sequence)
    head = (tmp_path / "head").read_bytes()
    for start in SLOT_OFFSETS_BYTES:
        (tmp_path / "head").write_bytes(head[:start] + bytes(SLOT_BYTES) + head[start + SLOT_BYTES :])
        assert len(read_kept(tmp_path)) == 1


# The disk.


@pytest.mark.parametrize("operation", ["write", "sync"])
def test_a_disk_that_fails_ends_the_journal_and_leaves_what_there_was(tmp_path, operation):
    rows = fill_rows(tmp_path, COUNTS)
    storage = UnsyncedLoss(f"trim-{operation}", mode="drop", seed=3)
    with opened(tmp_path, vfs=storage.name) as journal:
        storage.fail_at(operation, 1)
        with pytest.raises(JournalFailed):
            journal.trim(rows[3].last_sequence)
        for attempt in (lambda: journal.trim(5), lambda: journal.append(journal.last_sequence + 1, 0, records(1, 1))):
            with pytest.raises(JournalFailed, match="an earlier append failed"):
                attempt()
        assert journal.first_sequence == 1
    storage.power_loss()
    assert read_kept(tmp_path) in (rows, rows[4:])


def test_a_full_disk_leaves_all_rows_and_the_journal_goes_on(tmp_path):
    rows = fill_rows(tmp_path, COUNTS)
    disk = Quota(f"full-{tmp_path}", tmp_path)
    with opened(tmp_path, vfs=disk.name) as journal:
        disk.leave_room(0)
        assert journal.trim(rows[3].last_sequence) == 0
        assert journal.first_sequence == 1
        disk.bytes_max = None
        assert journal.trim(rows[3].last_sequence) == 4
        journal.append(journal.last_sequence + 1, 9_000, records(1, seed=9))
    assert [row.first_sequence for row in read_kept(tmp_path)][:-1] == [row.first_sequence for row in rows[4:]]


@pytest.mark.parametrize("mode", ["drop", "tear"])
def test_a_power_loss_at_any_moment_of_a_trim_leaves_all_rows_or_those_behind_the_anchor(tmp_path, mode):
    storage = UnsyncedLoss(f"trim-loss-{mode}", mode=mode, seed=8)
    begins = set()
    for crash_at in range(1, 40):
        directory = tmp_path / str(crash_at)
        rows = fill_rows(directory, (1, 30, 400, 2, 300, 1, 1))
        journal = opened(directory, vfs=storage.name)
        storage.crash_at(crash_at)
        try:
            trim_all(journal, rows[1].last_sequence)
            trim_all(journal, rows[4].last_sequence)
            journal.close()
        except JournalFailed:
            journal.close()
        storage.power_loss()
        kept = read_kept(directory, vfs=storage.name)
        storage.power_loss()
        assert kept in (rows, rows[2:], rows[5:])
        begins.add(len(kept))
    assert begins == {7, 5, 2}
