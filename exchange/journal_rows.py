"""The journal's tables: how a row lies in them, how rows are chained, and how they are proved on reading.

Beside the rows stand *bases*: the state that a new version of the rules began with. A base is committed together with
the first row of its rules, which carries its digest, so that the chain vouches for it as for any row. An *anchor* takes
the place of rows that were removed from the beginning.
"""

import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from exchange.anchor import (
    ANCHOR_COLUMNS,
    ANCHOR_NUMBER,
    ANCHOR_TABLE,
    NOTHING_TRIMMED,
    Anchor,
    read_anchor,
    write_anchor,
)
from exchange.database import DAMAGE_ERRORS, READ_ERRORS, transaction
from exchange.journal_payloads import PayloadError, pack, unpack
from exchange.store_errors import JournalCorrupt, JournalOfOtherRules, JournalTrimmed, StoreUnreadable

RECORD_BYTES = 64
BATCH_RECORDS_MAX = 1 << 20

# The hash stands before the payload, so that it is read without walking the payload's pages.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
    first_sequence INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    rules_version TEXT NOT NULL,
    hash BLOB NOT NULL,
    payload BLOB NOT NULL
)
"""
_BASES_SCHEMA = "CREATE TABLE IF NOT EXISTS bases (first_sequence INTEGER PRIMARY KEY, state BLOB NOT NULL)"
_TABLE = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
_INSERT = "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_BASE = "INSERT INTO bases VALUES (?, ?)"
_BASES = "SELECT first_sequence FROM bases WHERE first_sequence > ? ORDER BY first_sequence"
_BASE = "SELECT state FROM bases WHERE first_sequence = ?"
_DELETE = "DELETE FROM journal WHERE first_sequence <= ?"
_DELETE_BASES = "DELETE FROM bases WHERE first_sequence <= ?"
_FIRST_BEHIND = "SELECT first_sequence FROM journal WHERE first_sequence > ? ORDER BY first_sequence LIMIT 1"
# The rules are read as bytes, because a damaged text may not decode.
_SELECT = "SELECT first_sequence, count, time_ns, CAST(rules_version AS BLOB), hash, payload FROM journal"
_ROW_FROM = f"{_SELECT} WHERE first_sequence >= ? ORDER BY first_sequence LIMIT 1"
_ROW_UP_TO = f"{_SELECT} WHERE first_sequence <= ? ORDER BY first_sequence DESC LIMIT 1"
_END_UP_TO = """
SELECT first_sequence + count - 1, hash FROM journal
WHERE first_sequence <= ? ORDER BY first_sequence DESC LIMIT 1
"""
_PLACE_OF = """
SELECT first_sequence, count, time_ns FROM journal WHERE first_sequence <= ? ORDER BY first_sequence DESC LIMIT 1
"""
# All at once: each step of SQLite gives up the lock of the interpreter, and may have to wait for it.
_SLICE = """
WITH oldest AS (
    SELECT first_sequence, count, length(payload) AS bytes FROM journal
    WHERE first_sequence > ? ORDER BY first_sequence LIMIT ?
), summed AS (
    SELECT *, row_number() OVER placed AS number, sum(bytes) OVER placed AS bytes_so_far
    FROM oldest WINDOW placed AS (ORDER BY first_sequence)
), slice AS (
    SELECT count(*) AS rows, sum(count) AS records, max(first_sequence) AS last FROM summed
    WHERE first_sequence + count - 1 <= ? AND (bytes_so_far <= ? OR number = 1)
)
SELECT rows, records, last + newest.count - 1, newest.hash, newest.time_ns,
    following.first_sequence, following.count, following.time_ns, CAST(following.rules_version AS BLOB),
    following.hash, following.payload
FROM slice JOIN journal AS newest ON newest.first_sequence = last
LEFT JOIN journal AS following ON following.first_sequence = last + newest.count
"""
_SEQUENCE_MAX = (1 << 63) - 1
_COLUMN_TYPES = (int, int, int, bytes, bytes, bytes)
_END_TYPES = (int, bytes, int)
_HASHED_FIELDS = struct.Struct("<32sqqqI")


class JournalRow(NamedTuple):
    """One batch as it was appended; `time_ns` is the time that the caller gave it."""

    first_sequence: int
    count: int  # type: ignore[assignment]  # a field, not the method of tuples
    time_ns: int
    rules_version: str
    hash: bytes
    payload: bytes | memoryview

    @property
    def last_sequence(self) -> int:
        """Sequence of the batch's last record."""
        return self.first_sequence + self.count - 1


def chain_hash(
    previous_hash: bytes,
    first_sequence: int,
    count: int,
    time_ns: int,
    rules_version: str,
    payload: bytes | memoryview,
) -> bytes:
    """Hash a row onto the row before it: BLAKE2b, 32 bytes.

    The bytes hashed are, little-endian: the previous hash (32 zero bytes before the first row), first
    sequence, count and time as int64, the length of the rules version as uint32, its UTF-8, the payload.
    """
    rules = rules_version.encode()
    fields = _HASHED_FIELDS.pack(previous_hash, first_sequence, count, time_ns, len(rules))
    hasher = blake2b(fields, digest_size=32)
    hasher.update(rules)
    hasher.update(payload)
    return hasher.digest()


def record_count(payload: bytes | memoryview) -> int:
    """How many records are in a batch. Raises ValueError unless they are whole and within the limit."""
    payload_bytes = memoryview(payload).nbytes
    count, remainder = divmod(payload_bytes, RECORD_BYTES)
    if remainder or not 1 <= count <= BATCH_RECORDS_MAX:
        raise ValueError(
            f"a batch is 1 to {BATCH_RECORDS_MAX} records of {RECORD_BYTES} bytes, not {payload_bytes} bytes"
        )
    return count


class JournalTable:
    """Reads and writes the rows of an open database. `path` is only for messages."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self._path = path
        self._connection = connection
        self.lock = threading.Lock()
        """Held while SQLite works: readers in other threads take turns with the writer, row by row."""
        self.holders = 0
        """How many ask that no row be removed; read with the lock held."""
        self.anchor = NOTHING_TRIMMED
        """The last row that was removed, once `find_anchor` has looked for it."""

    def create(self) -> None:
        """Create the table if it is not there."""
        try:
            self._connection.execute(_SCHEMA)
        except (apsw.Error, UnicodeDecodeError) as error:
            raise StoreUnreadable(self._path, error) from error

    def insert(self, row: JournalRow, base: bytes | None = None) -> int:
        """Commit one row, with the base of its rules if it has one, as a transaction of its own.

        Returns how many bytes its payload takes. The caller holds the lock. Leaves SQLite's errors as they are, with
        the transaction rolled back.
        """
        stored = pack(row.payload)
        columns = (*row[:-1], stored)
        if base is None:
            self._connection.execute(_INSERT, columns)
            return memoryview(stored).nbytes
        with transaction(self._connection):
            self._connection.execute(_BASES_SCHEMA)
            self._connection.execute(_INSERT, columns)
            self._connection.execute(_DELETE_BASES, (self.anchor.sequence,))
            self._connection.execute(_INSERT_BASE, (row.first_sequence, base))
        return memoryview(stored).nbytes

    def find_anchor(self) -> None:
        """Learn where the journal begins. Raises JournalCorrupt for an anchor that is not what was written."""
        columns = None
        if self._has_table(ANCHOR_TABLE):
            columns = self._query(ANCHOR_COLUMNS, ANCHOR_NUMBER, blamed_sequence=1)
        if columns is not None:
            self.anchor = read_anchor(self._path, columns)

    def check_beginning(self) -> None:
        """The first row is the one behind the anchor. Raises JournalCorrupt where it is missing."""
        expected = self.anchor.sequence + 1
        if self._query(_FIRST_BEHIND, self.anchor.sequence, blamed_sequence=expected) != (expected,):
            raise JournalCorrupt(self._path, expected, "the row is missing")

    def slice(self, up_to_sequence: int, rows_max: int, bytes_max: int) -> tuple[int, Anchor | None]:
        """How many of the oldest rows end at or before a sequence, within bounds but for the first of them, and the
        anchor that would take their place. The row behind it, of which there is one, has to prove it.
        """
        began = self.anchor.sequence
        found = self._query(_SLICE, (began, rows_max, up_to_sequence, bytes_max), blamed_sequence=began + 1)
        if found is None:
            return 0, None
        rows, records, end, following = found[0], found[1], found[2:5], found[5:]
        if tuple(map(type, end)) != _END_TYPES or began + records != end[0] or following[0] is None:
            raise JournalCorrupt(self._path, began + 1, "a row is missing or damaged from there on")
        anchor = Anchor(*end)
        self._prove(self._row_of(following, anchor.sequence + 1), anchor.hash)
        return rows, anchor

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be one of the holders while this lasts."""
        with self.lock:
            self.holders += 1
        try:
            yield
        finally:
            with self.lock:
                self.holders -= 1

    def remove(self, anchor: Anchor) -> None:
        """Remove all rows up to one, and leave the anchor in their place, as a transaction of its own.

        The base of a row that goes is of no use any more, and stays in the file until new rules begin: it may be so
        large that to remove it would take long. The caller holds the lock. Leaves SQLite's errors as they are, with the
        transaction rolled back.
        """
        with transaction(self._connection):
            self._connection.execute(_DELETE, (anchor.sequence,))
            write_anchor(self._connection, anchor)
        self.anchor = anchor

    def newest(self) -> JournalRow | None:
        """The row with the greatest sequence, not proved; None without rows, or without the table."""
        if not self._has_table("journal"):
            return None
        return self._fetch(_ROW_UP_TO, _SEQUENCE_MAX, blamed_sequence=1)

    def bases(self) -> list[int]:
        """The first sequences of the rows that bases were committed with, and that are left, oldest first."""
        if not self._has_table("bases"):
            return []
        return [sequence for (sequence,) in self._query_all(_BASES, self.anchor.sequence, blamed_sequence=1)]

    def base_before(self, first_sequence: int) -> bytes | None:
        """The base that was committed with the row of this sequence, not proved; None without one."""
        if not self._has_table("bases"):
            return None
        (state,) = self._query(_BASE, first_sequence, blamed_sequence=first_sequence) or (None,)
        if not isinstance(state, bytes | None):
            raise JournalCorrupt(self._path, first_sequence, "the base of its rules is of another type")
        return state

    def hash_at(self, sequence: int) -> bytes | None:
        """The hash of the row that ends at `sequence`, or of the anchor there (genesis hash for 0), or None."""
        found = self._query(_END_UP_TO, sequence, blamed_sequence=sequence)
        if found is None or found[0] != sequence:
            # Looked at last, because a row that was just removed has become the anchor.
            anchor = self.anchor
            return anchor.hash if sequence == anchor.sequence else None
        if not isinstance(found[1], bytes):
            raise JournalCorrupt(self._path, sequence, "the row's hash is of another type")
        return found[1]

    def sequence_at(self, time_ns: int, low: int, high: int) -> int:
        """The first sequence of the first row of a time or later among those of these sequences, `high` without one."""
        while low < high:
            first_sequence, count, row_time_ns = self.place_of((low + high) // 2)
            if row_time_ns >= time_ns:
                high = first_sequence
            else:
                low = first_sequence + count
        return low

    def place_of(self, sequence: int) -> tuple[int, int, int]:
        """First sequence, count and time of the row that holds a sequence, not proved."""
        found = self._query(_PLACE_OF, sequence, blamed_sequence=sequence)
        if found is None or tuple(map(type, found)) != (int, int, int) or not 0 <= sequence - found[0] < found[1]:
            raise JournalCorrupt(self._path, sequence, "no row holds it")
        return found

    def walk(self, from_sequence: int, last_sequence: Callable[[], int], rules: str | None) -> Iterator[JournalRow]:
        """Give proved rows from the one that holds `from_sequence`, until one ends at `last_sequence()`.

        With `rules`, a row of other rules is refused.
        """
        row = self._fetch(_ROW_UP_TO, from_sequence, blamed_sequence=from_sequence)
        expected = from_sequence if row is None or row.last_sequence < from_sequence else row.first_sequence
        previous_hash = self.hash_at(expected - 1)
        if previous_hash is None:
            raise self._missing(expected - 1, "no row ends there")
        while expected <= last_sequence():
            row = self._fetch(_ROW_FROM, expected, blamed_sequence=expected)
            if row is None or row.first_sequence != expected:
                raise self._missing(expected, "the row is missing")
            self._prove(row, previous_hash)
            if rules is not None and row.rules_version != rules:
                raise JournalOfOtherRules(self._path, row.first_sequence, row.rules_version, rules)
            yield row
            expected, previous_hash = row.last_sequence + 1, row.hash

    def _missing(self, sequence: int, reason: str) -> JournalCorrupt | JournalTrimmed:
        """Rows that were removed while somebody was on the way to them are not lost."""
        if sequence <= self.anchor.sequence:
            return JournalTrimmed(self._path, self.anchor.sequence + 1, f"whoever reads from sequence {sequence} on")
        return JournalCorrupt(self._path, sequence, reason)

    def _prove(self, row: JournalRow, previous_hash: bytes) -> None:
        first_sequence, rules_version = row.first_sequence, row.rules_version
        proved = chain_hash(previous_hash, first_sequence, row.count, row.time_ns, rules_version, row.payload)
        if row.hash != proved:
            raise JournalCorrupt(self._path, first_sequence, "the row does not match its hash")

    def _fetch(self, statement: str, sequence: int, blamed_sequence: int) -> JournalRow | None:
        columns = self._query(statement, sequence, blamed_sequence)
        return None if columns is None else self._row_of(columns, blamed_sequence)

    def _row_of(self, columns: tuple[Any, ...], blamed_sequence: int) -> JournalRow:
        if tuple(map(type, columns)) != _COLUMN_TYPES:
            raise JournalCorrupt(self._path, blamed_sequence, "the row holds values of other types")
        first_sequence, count, time_ns, rules, row_hash, stored = columns
        if not 1 <= count <= BATCH_RECORDS_MAX:
            raise JournalCorrupt(self._path, first_sequence, f"the row counts {count} records")
        try:
            payload = unpack(stored, count * RECORD_BYTES)
        except PayloadError as error:
            raise JournalCorrupt(self._path, first_sequence, f"the row counts {count} records and {error}") from None
        # Bytes that are not UTF-8 become characters that no hash was taken of.
        return JournalRow(first_sequence, count, time_ns, rules.decode(errors="replace"), row_hash, payload)

    def _has_table(self, name: str) -> bool:
        return self._query(_TABLE, name, blamed_sequence=1) is not None

    def _query(self, statement: str, key: int | str | tuple[int, ...], blamed_sequence: int) -> tuple[Any, ...] | None:
        return next(iter(self._query_all(statement, key, blamed_sequence)), None)

    def _query_all(self, statement: str, key: int | str | tuple[int, ...], blamed_sequence: int) -> list[Any]:
        """Fetch rows, to the end of the statement: an open one would block checkpoints."""
        try:
            with self.lock:
                return self._connection.execute(statement, key if isinstance(key, tuple) else (key,)).fetchall()
        except DAMAGE_ERRORS as error:
            raise JournalCorrupt(self._path, blamed_sequence, error) from error
        except READ_ERRORS as error:
            raise StoreUnreadable(self._path, error) from error
