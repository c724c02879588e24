"""The journal's table: how a row lies in it, how rows are chained, and how they are proved on reading."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import apsw

from exchange.database import DAMAGE_ERRORS, READ_ERRORS
from exchange.head import GENESIS_HASH
from exchange.store_errors import JournalCorrupt, JournalOfOtherRules, StoreUnreadable

RECORD_BYTES = 64

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
_TABLE = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
_INSERT = "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)"
# The rules are read as bytes, because a damaged text may not decode.
_SELECT = "SELECT first_sequence, count, time_ns, CAST(rules_version AS BLOB), hash, payload FROM journal"
_ROW_FROM = f"{_SELECT} WHERE first_sequence >= ? ORDER BY first_sequence LIMIT 1"
_ROW_UP_TO = f"{_SELECT} WHERE first_sequence <= ? ORDER BY first_sequence DESC LIMIT 1"
_END_UP_TO = """
SELECT first_sequence + count - 1, hash FROM journal
WHERE first_sequence <= ? ORDER BY first_sequence DESC LIMIT 1
"""
_SEQUENCE_MAX = (1 << 63) - 1
_COLUMN_TYPES = (int, int, int, bytes, bytes, bytes)
_HASHED_FIELDS = struct.Struct("<32sqqqI")


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One batch as it was appended; `time_ns` is the time that the caller gave it."""

    first_sequence: int
    count: int
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


class JournalTable:
    """Reads and writes the rows of an open database. `path` is only for messages."""

    def __init__(self, path: Path, connection: apsw.Connection, rules_version: str) -> None:
        self._path = path
        self._connection = connection
        self._rules_version = rules_version

    def create(self) -> None:
        """Create the table if it is not there."""
        try:
            self._connection.execute(_SCHEMA)
        except apsw.Error as error:
            raise StoreUnreadable(self._path, error) from error

    def insert(self, row: JournalRow) -> None:
        """Commit one row as a transaction of its own; leaves SQLite's errors as they are."""
        columns = (row.first_sequence, row.count, row.time_ns, row.rules_version, row.hash, row.payload)
        self._connection.execute(_INSERT, columns)

    def newest(self) -> JournalRow | None:
        """The row with the greatest sequence, not proved; None without rows, or without the table."""
        if self._query(_TABLE, "journal", blamed_sequence=1) is None:
            return None
        return self._fetch(_ROW_UP_TO, _SEQUENCE_MAX, blamed_sequence=1)

    def hash_at(self, sequence: int) -> bytes | None:
        """The hash of the row that ends at `sequence`, or None if none does; the genesis hash for 0."""
        if sequence == 0:
            return GENESIS_HASH
        found = self._query(_END_UP_TO, sequence, blamed_sequence=sequence)
        if found is None or found[0] != sequence:
            return None
        if not isinstance(found[1], bytes):
            raise JournalCorrupt(self._path, sequence, "the row's hash is of another type")
        return found[1]

    def walk(self, from_sequence: int, last_sequence: Callable[[], int]) -> Iterator[JournalRow]:
        """Give proved rows from the one that holds `from_sequence`, until one ends at `last_sequence()`."""
        row = self._fetch(_ROW_UP_TO, from_sequence, blamed_sequence=from_sequence)
        expected = from_sequence if row is None or row.last_sequence < from_sequence else row.first_sequence
        previous_hash = self.hash_at(expected - 1)
        if previous_hash is None:
            raise JournalCorrupt(self._path, expected - 1, "no row ends there")
        while expected <= last_sequence():
            row = self._fetch(_ROW_FROM, expected, blamed_sequence=expected)
            if row is None or row.first_sequence != expected:
                raise JournalCorrupt(self._path, expected, "the row is missing")
            self._prove(row, previous_hash)
            yield row
            expected, previous_hash = row.last_sequence + 1, row.hash

    def _prove(self, row: JournalRow, previous_hash: bytes) -> None:
        first_sequence, rules_version = row.first_sequence, row.rules_version
        proved = chain_hash(previous_hash, first_sequence, row.count, row.time_ns, rules_version, row.payload)
        if row.hash != proved:
            raise JournalCorrupt(self._path, first_sequence, "the row does not match its hash")
        if rules_version != self._rules_version:
            raise JournalOfOtherRules(self._path, first_sequence, rules_version, self._rules_version)

    def _fetch(self, statement: str, sequence: int, blamed_sequence: int) -> JournalRow | None:
        columns = self._query(statement, sequence, blamed_sequence)
        if columns is None:
            return None
        if tuple(map(type, columns)) != _COLUMN_TYPES:
            raise JournalCorrupt(self._path, blamed_sequence, "the row holds values of other types")
        first_sequence, count, time_ns, rules, row_hash, payload = columns
        if count < 1 or len(payload) != count * RECORD_BYTES:
            reason = f"the row counts {count} records and holds {len(payload)} bytes"
            raise JournalCorrupt(self._path, first_sequence, reason)
        # Bytes that are not UTF-8 become characters that no hash was taken of.
        return JournalRow(first_sequence, count, time_ns, rules.decode(errors="replace"), row_hash, payload)

    def _query(self, statement: str, key: int | str, blamed_sequence: int) -> tuple[Any, ...] | None:
        """Fetch one row, to the end of the statement: an open one would block checkpoints."""
        try:
            rows = self._connection.execute(statement, (key,)).fetchall()
        except DAMAGE_ERRORS as error:
            raise JournalCorrupt(self._path, blamed_sequence, error) from error
        except READ_ERRORS as error:
            raise StoreUnreadable(self._path, error) from error
        return rows[0] if rows else None
