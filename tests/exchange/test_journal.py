"""The journal and its head, on storage that works: what is written is what is read, or it is refused."""

import itertools
import os
import random
import struct
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import apsw
import numpy as np
import pytest

from exchange import journal_log, log_room
from exchange.head import SLOT_BYTES, SLOT_OFFSETS_BYTES, HeadFile
from exchange.journal import Journal
from exchange.journal_rows import JournalRow, chain_hash
from exchange.store_errors import (
    HeadMissing,
    JournalCorrupt,
    JournalFailed,
    JournalOfOtherRules,
    JournalShorterThanHead,
    JournalUnlikeHead,
    SequenceRefused,
    StoreLocked,
    StoreMissing,
    StoreUnreadable,
)
from tests.exchange.rows import RULES, alter, fill_rows, flip_bit, read_all, records

COUNTS = (3, 1, 400, 2, 5, 1)
FIRST_SEQUENCES = tuple(1 + sum(COUNTS[:row]) for row in range(len(COUNTS)))


def fill(directory: Path, counts: tuple[int, ...] = COUNTS, **options) -> list[JournalRow]:
    return fill_rows(directory, counts, **options)


def flips_of(value: int | str | bytes, generator: random.Random, count: int) -> list[int | bytes]:
    """The value with one bit flipped, in several ways."""
    if isinstance(value, int):
        packed = struct.pack("<q", value)
        return [struct.unpack("<q", flip_bit(packed, generator.randrange(64)))[0] for _ in range(count)]
    raw = value.encode() if isinstance(value, str) else value
    return [flip_bit(raw, generator.randrange(8 * len(raw))) for _ in range(count)]


# --- writing and reading back


def test_rows_are_read_back_as_they_were_appended(tmp_path):
    rows = fill(tmp_path)
    assert [row.payload for row in rows] == [records(count, seed) for seed, count in enumerate(COUNTS)]
    assert [row.first_sequence for row in rows] == list(FIRST_SEQUENCES)
    assert [row.time_ns for row in rows] == [1_000 + number for number in range(len(COUNTS))]
    assert {row.rules_version for row in rows} == {RULES}
    assert read_all(tmp_path) == rows


def test_the_chain_is_what_its_description_says(tmp_path):
    previous_hash = bytes(32)
    for row in fill(tmp_path):
        assert row.count * 64 == len(row.payload)
        numbers = struct.pack("<qqqI", row.first_sequence, row.count, row.time_ns, len(RULES))
        written_out = previous_hash + numbers + RULES.encode() + row.payload
        previous_hash = blake2b(written_out, digest_size=32).digest()
        assert row.hash == previous_hash


def test_append_returns_the_hash_that_the_journal_then_ends_with(tmp_path):
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        assert (journal.last_sequence, journal.last_hash) == (0, bytes(32))
        row_hash = journal.append(1, 7, records(4, seed=1))
        assert (journal.last_sequence, journal.last_hash) == (4, row_hash)
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        assert (journal.last_sequence, journal.last_hash) == (4, row_hash)


def test_records_are_taken_from_an_array_without_a_copy_by_the_caller(tmp_path):
    commands = np.zeros(3, dtype=[("sequence", "i8"), ("rest", "u1", 56)])
    commands["sequence"] = 1, 2, 3
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        journal.append(1, 0, commands.data)
        assert [row.payload for row in journal.read()] == [commands.tobytes()]


@pytest.mark.parametrize("first_sequence", [-1, 0, 3, 5])
def test_a_batch_that_does_not_continue_the_journal_is_refused(tmp_path, first_sequence):
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        journal.append(1, 0, records(3, seed=1))
        with pytest.raises(SequenceRefused, match="ends at sequence 3"):
            journal.append(first_sequence, 0, records(1, seed=2))
        journal.append(4, 0, records(1, seed=3))
        assert [row.first_sequence for row in journal.read()] == [1, 4]


@pytest.mark.parametrize("payload", [b"", bytes(63), bytes(65), bytes(64 * ((1 << 20) + 1))], ids=len)
def test_a_payload_that_is_not_whole_records_within_the_limit_is_refused(tmp_path, payload):
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        with pytest.raises(ValueError, match="records of 64 bytes"):
            journal.append(1, 0, payload)
        assert journal.append(1, 0, bytes(64)) == journal.last_hash


def test_reading_starts_with_the_row_that_holds_the_sequence(tmp_path):
    rows = fill(tmp_path)
    last_sequence = rows[-1].last_sequence
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        for number, row in enumerate(rows):
            for sequence in {row.first_sequence, row.last_sequence}:
                assert list(journal.read(sequence)) == rows[number:]
        assert list(journal.read(last_sequence + 1)) == []
        for absent_sequence in (0, last_sequence + 2):
            with pytest.raises(SequenceRefused):
                journal.read(absent_sequence)


def test_rows_appended_during_a_read_are_read_too(tmp_path):
    fill(tmp_path, counts=(1, 1))
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        reader = journal.read()
        assert next(reader).first_sequence == 1
        journal.append(3, 0, records(1, seed=3))
        assert [row.first_sequence for row in reader] == [2, 3]


def test_only_the_end_of_a_row_has_a_hash(tmp_path):
    rows = fill(tmp_path, counts=(3, 2))
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        hashes = [journal.hash_at(sequence) for sequence in range(7)]
    assert hashes == [bytes(32), None, None, rows[0].hash, None, rows[1].hash, None]


@pytest.mark.parametrize(
    ("name", "value"), [("STANDSTILL_PAGES", 8), ("STANDSTILL_BYTES", 8 * 100 * 64)], ids=["pages", "bytes"]
)
def test_the_log_stays_small_and_is_empty_after_closing(tmp_path, monkeypatch, name, value):
    monkeypatch.setattr(journal_log, name, value)
    monkeypatch.setattr(log_room, "STEP_PAGES", 2)
    log = tmp_path / "journal.db-wal"
    log_sizes = []
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        for number in range(60):
            journal.append(journal.last_sequence + 1, number, records(100, seed=number))
            log_sizes.append(log.stat().st_size)
    assert max(log_sizes) < 20 * 16_384
    assert log.stat().st_size == 0
    assert len(read_all(tmp_path)) == 60


def test_small_rows_go_on_in_the_log_for_long(tmp_path):
    log = tmp_path / "journal.db-wal"
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        for number in range(100):
            journal.append(journal.last_sequence + 1, number, records(1, seed=number))
        assert log.stat().st_size > 100 * 16_384


# --- who may open it


def test_a_second_opener_is_refused_until_the_first_closes(tmp_path):
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        with pytest.raises(StoreLocked, match="stop the exchange"):
            Journal.open(tmp_path, rules_version=RULES)
        journal.append(1, 0, records(1, seed=1))
    assert len(read_all(tmp_path)) == 1


def test_an_opener_in_another_process_is_refused(tmp_path):
    program = (
        "import sys, pathlib; from exchange.journal import Journal; "
        f"Journal.open(pathlib.Path(sys.argv[1]), rules_version={RULES!r})"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    root = Path(__file__).parents[2]
    with Journal.open(tmp_path, rules_version=RULES):
        while_open = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    afterwards = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert while_open.returncode == 1
    assert "StoreLocked" in while_open.stderr
    assert afterwards.returncode == 0, afterwards.stderr


def test_a_store_is_created_only_when_asked_for(tmp_path):
    directory = tmp_path / "some" / "where"
    with pytest.raises(StoreMissing, match="no store at"):
        Journal.open(directory, rules_version=RULES, create=False)
    assert not directory.exists()
    assert len(fill(directory)) == len(COUNTS)


def test_a_directory_that_cannot_be_created_is_refused_by_name(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnreadable, match="check the disk and the permissions"):
        Journal.open(tmp_path / "file" / "store", rules_version=RULES)


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path):
    (tmp_path / "journal.db").write_bytes(b"not a database " * 100)
    with pytest.raises(StoreUnreadable, match="restore the directory"):
        Journal.open(tmp_path, rules_version=RULES)


def test_an_unknown_level_of_durability_is_not_taken_for_a_weaker_one(tmp_path):
    with pytest.raises(ValueError, match="synchronous"):
        Journal.open(tmp_path, rules_version=RULES, synchronous="full speed")


def test_closing_twice_does_nothing(tmp_path):
    journal = Journal.open(tmp_path, rules_version=RULES)
    journal.close()
    journal.close()
    assert read_all(tmp_path) == []


def test_rows_of_other_rules_are_refused_naming_both(tmp_path):
    fill(tmp_path)
    with pytest.raises(JournalOfOtherRules) as refusal:
        read_all(tmp_path, rules_version="rules-2")
    assert (refusal.value.found, refusal.value.expected) == (RULES, "rules-2")
    assert "'rules-1'" in str(refusal.value)
    assert "'rules-2'" in str(refusal.value)


# --- damage


def first_bad_sequence(directory: Path) -> int:
    with pytest.raises(JournalCorrupt) as refusal:
        read_all(directory)
    assert f"damaged from sequence {refusal.value.first_bad_sequence} " in str(refusal.value)
    return refusal.value.first_bad_sequence


@pytest.mark.parametrize("column", ["payload", "hash", "time_ns", "count", "rules_version"])
@pytest.mark.parametrize("row_number", [0, 2, 5])
def test_a_flipped_bit_names_the_row_that_it_is_in(tmp_path, row_number, column):
    row = fill(tmp_path)[row_number]
    # The rules are text of any bytes, as a flipped bit leaves them.
    value = "CAST(? AS TEXT)" if column == "rules_version" else "?"
    update = f"UPDATE journal SET {column} = {value} WHERE first_sequence = ?"
    was = getattr(row, column)
    for altered in flips_of(was, random.Random(f"{column} {row_number}"), count=8):
        alter(tmp_path, update, altered, row.first_sequence)
        assert first_bad_sequence(tmp_path) == row.first_sequence, (column, altered)
        alter(tmp_path, update, was, row.first_sequence)
    assert len(read_all(tmp_path)) == len(COUNTS)


@pytest.mark.parametrize("row_number", [0, 2, 5])
def test_a_row_whose_own_sequence_is_flipped_is_missed_where_it_was(tmp_path, row_number):
    was = fill(tmp_path)[row_number].first_sequence
    update = "UPDATE journal SET first_sequence = ? WHERE first_sequence = ?"
    for altered in flips_of(was, random.Random(row_number), count=20):
        if altered in FIRST_SEQUENCES:
            continue
        alter(tmp_path, update, altered, was)
        with pytest.raises((JournalCorrupt, JournalShorterThanHead)) as refusal:
            read_all(tmp_path)
        if isinstance(refusal.value, JournalCorrupt):
            assert refusal.value.first_bad_sequence == was
        else:
            assert refusal.value.journal_sequence == was - 1
        alter(tmp_path, update, was, altered)
    assert len(read_all(tmp_path)) == len(COUNTS)


@pytest.mark.parametrize("column", ["payload", "hash", "time_ns", "count", "rules_version"])
def test_a_value_of_another_type_is_damage(tmp_path, column):
    row = fill(tmp_path)[2]
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    connection.pragma("writable_schema", True)
    connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')")
    connection.close()
    for value in (None, 1.5, "text"):
        if column == "rules_version" and value == "text":
            continue
        alter(tmp_path, f"UPDATE journal SET {column} = ? WHERE first_sequence = ?", value, row.first_sequence)
        assert first_bad_sequence(tmp_path) in range(row.first_sequence, row.last_sequence + 1)
        with Journal.open(tmp_path, rules_version=RULES) as journal:
            # A read that starts with the next row takes only the hash of this one.
            later_rows = journal.read(row.last_sequence + 1)
            if column in ("hash", "count"):
                with pytest.raises(JournalCorrupt):
                    list(later_rows)
            else:
                assert len(list(later_rows)) == 3


def test_a_row_whose_count_and_payload_disagree_is_refused_even_with_a_right_hash(tmp_path):
    row = fill(tmp_path, counts=(2, 3))[1]
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        previous_hash = journal.hash_at(2)
    longer = row.payload + bytes(64)
    forged_hash = chain_hash(previous_hash, 3, 3, row.time_ns, RULES, longer)
    update = "UPDATE journal SET payload = ?, hash = ? WHERE first_sequence = 3"
    alter(tmp_path, update, longer, forged_hash)
    (tmp_path / "head").unlink()
    with pytest.raises(JournalCorrupt, match="counts 3 records and holds 256 bytes"):
        read_all(tmp_path, accept_missing_head=True)


@pytest.mark.parametrize("row_number", range(len(COUNTS) - 1))
def test_a_missing_row_is_named(tmp_path, row_number):
    row = fill(tmp_path)[row_number]
    alter(tmp_path, "DELETE FROM journal WHERE first_sequence = ?", row.first_sequence)
    assert first_bad_sequence(tmp_path) == row.first_sequence


def test_two_rows_that_changed_places_are_found(tmp_path):
    fill(tmp_path, counts=(2, 2, 2))
    for altered, was in ((100, 1), (1, 3), (3, 100)):
        alter(tmp_path, "UPDATE journal SET first_sequence = ? WHERE first_sequence = ?", altered, was)
    assert first_bad_sequence(tmp_path) == 1


def test_a_read_that_starts_late_still_finds_a_row_missing_before_it(tmp_path):
    rows = fill(tmp_path)
    alter(tmp_path, "DELETE FROM journal WHERE first_sequence = ?", rows[2].first_sequence)
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        for sequence in (rows[2].first_sequence, rows[2].last_sequence, rows[3].first_sequence):
            with pytest.raises(JournalCorrupt):
                list(journal.read(sequence))
        assert list(journal.read(rows[4].first_sequence)) == rows[4:]


# --- the head


def test_a_journal_shorter_than_its_head_is_refused_naming_both_ends(tmp_path):
    rows = fill(tmp_path)
    alter(tmp_path, "DELETE FROM journal WHERE first_sequence >= ?", rows[4].first_sequence)
    with pytest.raises(JournalShorterThanHead) as refusal:
        read_all(tmp_path)
    assert refusal.value.journal_sequence == rows[3].last_sequence
    assert refusal.value.head_sequence == rows[5].last_sequence


def test_a_journal_that_lost_every_row_or_its_table_or_its_file_is_refused(tmp_path):
    fill(tmp_path)
    alter(tmp_path, "DELETE FROM journal")
    with pytest.raises(JournalShorterThanHead):
        read_all(tmp_path)
    alter(tmp_path, "DROP TABLE journal")
    with pytest.raises(JournalShorterThanHead):
        read_all(tmp_path)
    (tmp_path / "journal.db").unlink()
    (tmp_path / "journal.db-wal").unlink()
    with pytest.raises(JournalShorterThanHead):
        Journal.open(tmp_path, rules_version=RULES)


def test_a_head_behind_the_journal_is_caught_up_with_a_notice(tmp_path):
    fill(tmp_path, counts=(3, 1))
    old_head = (tmp_path / "head").read_bytes()
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        journal.append(5, 0, records(2, seed=5))
        journal.append(7, 0, records(2, seed=7))
        assert journal.notices == []
    new_head = (tmp_path / "head").read_bytes()
    (tmp_path / "head").write_bytes(old_head)
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        assert journal.last_sequence == 8
        assert [notice for notice in journal.notices if "sequence 4" in notice]
    assert (tmp_path / "head").read_bytes() != old_head
    (tmp_path / "head").write_bytes(new_head)
    assert len(read_all(tmp_path)) == 4


def test_a_start_writes_and_syncs_the_head_again_because_what_it_read_may_be_cached_alone(tmp_path, monkeypatch):
    with monkeypatch.context() as failing:
        failing.setattr(HeadFile, "sync", fail_with(OSError("injected")))
        with pytest.raises(JournalFailed):
            Journal.open(tmp_path, rules_version=RULES)
    done = []
    monkeypatch.setattr(os, "pwrite", noted(done, "write", os.pwrite))
    monkeypatch.setattr(os, "fsync", noted(done, "sync", os.fsync))
    Journal.open(tmp_path, rules_version=RULES)._release()
    assert "sync" in done[done.index("write") :]


def fail_with(error):
    def fail(*_):
        raise error

    return fail


def noted(done, name, call):
    def note(*arguments):
        done.append(name)
        return call(*arguments)

    return note


@pytest.mark.parametrize("slot", [0, 1])
def test_a_torn_slot_of_the_head_leaves_the_other(tmp_path, slot):
    rows = fill(tmp_path)
    head = bytearray((tmp_path / "head").read_bytes())
    for torn_bytes in (0, 1, SLOT_BYTES // 2, SLOT_BYTES - 1):
        torn = bytearray(head)
        start = SLOT_OFFSETS_BYTES[slot] + torn_bytes
        torn[start : SLOT_OFFSETS_BYTES[slot] + SLOT_BYTES] = bytes(SLOT_BYTES - torn_bytes)
        (tmp_path / "head").write_bytes(torn)
        with Journal.open(tmp_path, rules_version=RULES) as journal:
            assert list(journal.read()) == rows
            assert any("torn" in notice for notice in journal.notices)


def test_any_flipped_bit_of_the_head_leaves_the_store_readable(tmp_path):
    rows = fill(tmp_path)
    head = (tmp_path / "head").read_bytes()
    for offset, bit in itertools.product(SLOT_OFFSETS_BYTES, range(0, 8 * SLOT_BYTES, 37)):
        (tmp_path / "head").write_bytes(flip_bit(head, 8 * offset + bit))
        assert read_all(tmp_path) == rows


@pytest.mark.parametrize("content", [None, b"", bytes(10_000)], ids=["missing", "empty", "zeros"])
def test_rows_without_a_readable_head_are_refused_until_accepted(tmp_path, content):
    rows = fill(tmp_path)
    (tmp_path / "head").unlink()
    if content is not None:
        (tmp_path / "head").write_bytes(content)
    with pytest.raises(HeadMissing, match="accept_missing_head"):
        read_all(tmp_path)
    assert read_all(tmp_path, accept_missing_head=True) == rows
    assert read_all(tmp_path) == rows


def test_a_journal_accepted_without_a_head_is_proved_from_its_first_row(tmp_path):
    fill(tmp_path)
    (tmp_path / "head").unlink()
    alter(tmp_path, "UPDATE journal SET time_ns = 0 WHERE first_sequence = 1")
    with pytest.raises(JournalCorrupt, match="sequence 1 "):
        Journal.open(tmp_path, rules_version=RULES, accept_missing_head=True)


def test_the_head_of_another_journal_is_refused(tmp_path):
    fill(tmp_path / "one", counts=(2, 2))
    fill(tmp_path / "other", counts=(2, 1, 1))
    (tmp_path / "one" / "head").write_bytes((tmp_path / "other" / "head").read_bytes())
    with pytest.raises(JournalUnlikeHead, match="another hash"):
        read_all(tmp_path / "one")


def test_an_empty_store_whose_creation_was_cut_off_is_created_again(tmp_path):
    Journal.open(tmp_path, rules_version=RULES).close()
    (tmp_path / "head").write_bytes(b"")
    (tmp_path / "journal.db").write_bytes(b"")
    assert len(fill(tmp_path)) == len(COUNTS)
