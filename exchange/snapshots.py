"""Snapshots of the venue's state, so that recovery need not replay the journal from its first row.

They live in a file of their own: saving a large one never delays a commit of the journal. A snapshot is a
convenience and the journal is the record, so nothing here stands in the way of a start: what cannot be
read is left out with a notice, and an older snapshot plus more replay gives the same state.

Whoever restores a snapshot compares its `chain_hash` with `Journal.hash_at(sequence)`: the checksum proves
that the snapshot is whole, only the chain proves that it belongs to this journal.
"""

import struct
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, Self

import apsw

from exchange.database import (
    DAMAGE_ERRORS,
    READ_ERRORS,
    abandon,
    make_directory,
    open_database,
    sync_directory,
)
from exchange.store_errors import SnapshotFailed, StoreUnreadable

SNAPSHOTS_FILE = "snapshots.db"
SNAPSHOTS_KEPT = 3

_SCHEMA = """
CREATE TABLE IF NOT EXISTS snapshots (
    sequence INTEGER PRIMARY KEY,
    chain_hash BLOB NOT NULL,
    state_digest BLOB NOT NULL,
    rules_version TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    checksum BLOB NOT NULL,
    payload BLOB NOT NULL
)
"""
# What a payload is longer than its first part. Binding one large value would hold up every other thread.
_PARTS_SCHEMA = """
CREATE TABLE IF NOT EXISTS snapshot_parts (
    sequence INTEGER NOT NULL,
    part INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (sequence, part)
)
"""
PART_BYTES = 1 << 20
_INSERT = "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?)"
# A snapshot beyond the one being saved tells of a future that this journal does not hold.
_TRIM = """
DELETE FROM snapshots WHERE sequence NOT IN (
    SELECT sequence FROM snapshots WHERE sequence <= :newest ORDER BY sequence DESC LIMIT :kept
)
"""
_DELETE_PARTS = "DELETE FROM snapshot_parts WHERE sequence = ? OR sequence NOT IN (SELECT sequence FROM snapshots)"
_INSERT_PART = "INSERT INTO snapshot_parts VALUES (?, ?, ?)"
_SELECT_PARTS = "SELECT payload FROM snapshot_parts WHERE sequence = ? ORDER BY part"
_SEQUENCES = "SELECT sequence FROM snapshots ORDER BY sequence DESC"
_SELECT = """
SELECT sequence, chain_hash, state_digest, CAST(rules_version AS BLOB), time_ns, checksum, payload
FROM snapshots WHERE sequence = ?
"""
_COLUMN_TYPES = (int, bytes, bytes, bytes, int, bytes, bytes)
_HASHED_FIELDS = struct.Struct("<qqIII")


class Snapshot(NamedTuple):
    """The venue's state after the record `sequence`, which was the last of its journal row."""

    sequence: int
    chain_hash: bytes
    state_digest: bytes
    rules_version: str
    time_ns: int
    payload: bytes | memoryview


class SnapshotStore:
    """The open snapshots of one directory. `notices` tells what was left out, and why."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self._path = path
        self._connection = connection
        self._failure: SnapshotFailed | None = None
        self.notices: list[str] = []

    @classmethod
    def open(cls, directory: Path, *, create: bool = True, synchronous: str = "FULL", vfs: str | None = None) -> Self:
        """Open the snapshots in `directory` for this opener alone; a file past reading is set aside.

        Raises StoreLocked, StoreMissing or StoreUnreadable.
        """
        if create:
            make_directory(directory)
        path = directory / SNAPSHOTS_FILE
        try:
            return cls(path, _open_table(path, create, synchronous, vfs))
        except StoreUnreadable as error:
            if not create or not isinstance(error.__cause__, DAMAGE_ERRORS):
                raise
            set_aside = path.with_name(f"{SNAPSHOTS_FILE}.damaged")
            path.replace(set_aside)
            store = cls(path, _open_table(path, create, synchronous, vfs))
            store.notices.append(f"{error}; it was moved to {set_aside}, recovery replays the journal instead")
            return store

    def save(self, snapshot: Snapshot) -> None:
        """Save durably, keep the newest few. Raises SnapshotFailed, then and on every later call."""
        if self._failure is not None:
            raise SnapshotFailed(self._path, snapshot.sequence, "an earlier one failed") from self._failure
        sequence, chain_hash, state_digest, rules_version, time_ns, payload = snapshot
        first, *parts = _parts(payload)
        row = (sequence, chain_hash, state_digest, rules_version, time_ns, _checksum(snapshot), first)
        try:
            with self._connection:
                self._connection.execute(_INSERT, row)
                self._connection.execute(_TRIM, {"newest": sequence, "kept": SNAPSHOTS_KEPT})
                self._connection.execute(_DELETE_PARTS, (sequence,))
                for number, part in enumerate(parts, 1):
                    self._connection.execute(_INSERT_PART, (sequence, number, part))
        except (apsw.Error, OSError) as error:
            self._failure = SnapshotFailed(self._path, sequence, error)
            raise self._failure from error

    def newest_first(self) -> Iterator[Snapshot]:
        """Give the snapshots that are whole, one at a time; each other one adds a notice."""
        for sequence in self._sequences():
            snapshot = self._load(sequence)
            if snapshot is not None:
                yield snapshot

    def close(self) -> None:
        """Release the file; a second call does nothing. All that `save` returned from is durable already."""
        abandon(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sequences(self) -> list[int]:
        try:
            rows: list[Any] = self._connection.execute(_SEQUENCES).fetchall()
            return [sequence for (sequence,) in rows]
        except (*DAMAGE_ERRORS, *READ_ERRORS) as error:
            self.notices.append(f"{self._path} cannot be read ({error}): no snapshot is used")
            return []

    def _load(self, sequence: int) -> Snapshot | None:
        try:
            rows: list[Any] = self._connection.execute(_SELECT, (sequence,)).fetchall()
            parts: list[Any] = [part for (part,) in self._connection.execute(_SELECT_PARTS, (sequence,))]
        except (*DAMAGE_ERRORS, *READ_ERRORS) as error:
            self._leave_out(sequence, error)
            return None
        if not rows or tuple(map(type, rows[0])) != _COLUMN_TYPES or any(type(part) is not bytes for part in parts):
            self._leave_out(sequence, "its row is damaged")
            return None
        found_sequence, chain_hash, state_digest, rules, time_ns, checksum, payload = rows[0]
        rules_version = rules.decode(errors="replace")
        whole = b"".join([payload, *parts]) if parts else payload
        snapshot = Snapshot(found_sequence, chain_hash, state_digest, rules_version, time_ns, whole)
        if checksum != _checksum(snapshot):
            self._leave_out(sequence, "its checksum is wrong")
            return None
        return snapshot

    def _leave_out(self, sequence: int, reason: object) -> None:
        self.notices.append(f"the snapshot at sequence {sequence} in {self._path} is left out: {reason}")


def _open_table(path: Path, create: bool, synchronous: str, vfs: str | None) -> apsw.Connection:
    """A rollback journal, kept and truncated, writes a large snapshot once; a log would write it twice."""
    connection = open_database(path, journal_mode="TRUNCATE", synchronous=synchronous, vfs=vfs, create=create)
    try:
        connection.execute(_SCHEMA)
        connection.execute(_PARTS_SCHEMA)
        sync_directory(path.parent)
    except (apsw.Error, OSError) as error:
        abandon(connection)
        raise StoreUnreadable(path, error) from error
    return connection


def _parts(payload: bytes | memoryview) -> list[memoryview]:
    """A payload in pieces, the first of which may be empty."""
    whole = memoryview(payload)
    return [whole[first : first + PART_BYTES] for first in range(0, max(len(whole), 1), PART_BYTES)]


def _checksum(snapshot: Snapshot) -> bytes:
    """BLAKE2b over all fields; lengths keep neighbours apart, the sequence ties the row to its place."""
    rules = snapshot.rules_version.encode()
    lengths = len(snapshot.chain_hash), len(snapshot.state_digest), len(rules)
    hasher = blake2b(_HASHED_FIELDS.pack(snapshot.sequence, snapshot.time_ns, *lengths), digest_size=32)
    for part in (snapshot.chain_hash, snapshot.state_digest, rules, snapshot.payload):
        hasher.update(part)
    return hasher.digest()
