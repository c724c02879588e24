"""The anchor of a trimmed journal: what it does not say any more as it was written is refused by name."""

import random
import struct
from pathlib import Path

import apsw
import pytest

from exchange.anchor import Anchor, read_anchor, write_anchor
from exchange.journal import Journal
from exchange.store_errors import JournalCorrupt, JournalShorterThanHead, StoreError
from tests.exchange.rows import RULES, alter
from tests.exchange.trimmed import trimmed

COLUMNS = "sequence, hash, time_ns, checksum"


def opened(directory: Path) -> list[int]:
    with Journal.open(directory, rules_version=RULES, create=False) as journal:
        return [row.first_sequence for row in journal.read(journal.first_sequence)]


def flipped(value: int | bytes, bit: int) -> int | bytes:
    if isinstance(value, int):
        return struct.unpack("<q", flipped(struct.pack("<q", value), bit))[0]
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_an_anchor_is_read_back_as_it_was_written(tmp_path):
    connection = apsw.Connection(str(tmp_path / "file.db"))
    for anchor in (Anchor(5, bytes(32), 0), Anchor(1 << 62, b"h" * 32, (1 << 63) - 1)):
        write_anchor(connection, anchor)
        (columns,) = connection.execute(f"SELECT {COLUMNS} FROM anchor").fetchall()
        assert read_anchor(tmp_path, columns) == anchor


@pytest.mark.parametrize("column", COLUMNS.split(", "))
def test_every_flipped_bit_of_it_is_refused_by_name(tmp_path, column):
    trimmed(tmp_path)
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    ((was,),) = connection.execute(f"SELECT {column} FROM anchor").fetchall()
    connection.close()
    for bit in random.Random(column).sample(range(64 if isinstance(was, int) else 8 * len(was)), 40):
        alter(tmp_path, f"UPDATE anchor SET {column} = ?", flipped(was, bit))
        with pytest.raises(JournalCorrupt, match="its anchor"):
            opened(tmp_path)
    alter(tmp_path, f"UPDATE anchor SET {column} = ?", was)
    assert opened(tmp_path)


@pytest.mark.parametrize("value", [1.5, "text", b"bytes"])
def test_a_value_of_another_type_is_refused_by_name(tmp_path, value):
    trimmed(tmp_path)
    for column in COLUMNS.split(", "):
        if not (isinstance(value, bytes) and column in ("hash", "checksum")):
            connection = apsw.Connection(str(tmp_path / "journal.db"))
            ((was,),) = connection.execute(f"SELECT {column} FROM anchor").fetchall()
            connection.execute(f"UPDATE anchor SET {column} = ?", (value,))
            connection.close()
            with pytest.raises(JournalCorrupt, match="its anchor"):
                opened(tmp_path)
            alter(tmp_path, f"UPDATE anchor SET {column} = ?", was)


def test_an_anchor_that_is_gone_or_stale_leaves_rows_missing(tmp_path):
    rows, anchor = trimmed(tmp_path)
    alter(tmp_path, "DELETE FROM anchor")
    with pytest.raises(JournalCorrupt, match=r"sequence 1 on \(the row is missing"):
        opened(tmp_path)
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    stale = rows[0]
    write_anchor(connection, Anchor(stale.last_sequence, stale.hash, stale.time_ns))
    connection.close()
    with pytest.raises(JournalCorrupt, match=f"sequence {stale.last_sequence + 1} on"):
        opened(tmp_path)
    alter(tmp_path, "DROP TABLE anchor")
    with pytest.raises(JournalCorrupt, match="sequence 1 on"):
        opened(tmp_path)
    assert anchor.sequence > stale.last_sequence


def test_a_missing_row_behind_it_is_named_before_anybody_reads(tmp_path):
    _, anchor = trimmed(tmp_path)
    alter(tmp_path, "DELETE FROM journal WHERE first_sequence = ?", anchor.sequence + 1)
    with pytest.raises(JournalCorrupt, match=f"sequence {anchor.sequence + 1} on"):
        opened(tmp_path)


def test_an_anchor_without_any_row_is_a_journal_that_lost_its_rows(tmp_path):
    _, anchor = trimmed(tmp_path)
    alter(tmp_path, "DELETE FROM journal")
    with pytest.raises(JournalShorterThanHead) as refusal:
        opened(tmp_path)
    assert refusal.value.journal_sequence == anchor.sequence


def test_an_anchor_of_another_history_does_not_fit_the_first_row(tmp_path):
    """Whole in itself, and in the right place: the chain tells."""
    _, anchor = trimmed(tmp_path)
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    write_anchor(connection, anchor._replace(hash=bytes(32)))
    connection.close()
    with pytest.raises(JournalCorrupt, match=f"sequence {anchor.sequence + 1} on .the row does not match its hash"):
        opened(tmp_path)


def test_an_anchor_beyond_the_head_is_no_journal_of_this_head(tmp_path):
    rows, _ = trimmed(tmp_path / "one")
    trimmed(tmp_path / "other", rows_kept=2)
    head = (tmp_path / "one" / "head").read_bytes()
    assert rows
    with Journal.open(tmp_path / "young", rules_version=RULES) as young:
        young.append(1, 0, bytes(64))
    (tmp_path / "other" / "head").write_bytes((tmp_path / "young" / "head").read_bytes())
    with pytest.raises(StoreError, match="has not seen what was trimmed"):
        opened(tmp_path / "other")
    assert opened(tmp_path / "one")
    assert (tmp_path / "one" / "head").read_bytes() == head
