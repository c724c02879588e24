"""Snapshots of the venue's state, so that recovery need not replay the journal from its first row.

They live in a file of their own: saving a large one never delays a commit of the journal. A snapshot is a
convenience and the journal is the record, so nothing here stands in the way of a start: what cannot be
read is left out with a notice, and an older snapshot plus more replay gives the same state. A file that can
be opened and not saved into is set aside, and a new one is begun.

Which of them are kept beside the newest few is up to whoever saves: of a journal that is trimmed, the one that all that
is left can be replayed from has to be among them (`retention.py`).

A backup reads them while one is being saved: readers and the one writer take turns.

Whoever restores a snapshot compares its `chain_hash` with `Journal.hash_at(sequence)`: the checksum proves
that the snapshot is whole, only the chain proves that it belongs to this journal.
"""

import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
    transaction,
)
from exchange.store_errors import SnapshotFailed, StoreError, StoreUnreadable

SNAPSHOTS_FILE = "snapshots.db"
SNAPSHOTS_KEPT = 3
NO_MARK = 0
TIME_NS_MAX = (1 << 63) - 1

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
_DELETE = "DELETE FROM snapshots WHERE sequence = ?"
_TABLE = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'snapshots'"
_DELETE_PARTS = "DELETE FROM snapshot_parts WHERE sequence = ? OR sequence NOT IN (SELECT sequence FROM snapshots)"
_INSERT_PART = "INSERT INTO snapshot_parts VALUES (?, ?, ?)"
_SELECT_PARTS = "SELECT payload FROM snapshot_parts WHERE sequence = ? ORDER BY part"
_PLACES = "SELECT sequence, time_ns FROM snapshots ORDER BY sequence"
_SEQUENCES = "SELECT sequence FROM snapshots ORDER BY sequence DESC"
_SEQUENCES_BEFORE = "SELECT sequence FROM snapshots WHERE time_ns < ? ORDER BY sequence DESC"
_SELECT = """
SELECT sequence, chain_hash, state_digest, CAST(rules_version AS BLOB), time_ns, checksum, payload
FROM snapshots WHERE sequence = ?
"""
# The file is at fault, not the disk: another file may do.
UNUSABLE_ERRORS = (*DAMAGE_ERRORS, apsw.ReadOnlyError, apsw.PermissionsError, apsw.ConstraintError, apsw.MismatchError)
_COLUMN_TYPES = (int, bytes, bytes, bytes, int, bytes, bytes)
_HASHED_FIELDS = struct.Struct("<qqIII")


class _DamagedRow(Exception):  # noqa: N818 - named for what is wrong
    """A row holds values of other types."""


class Snapshot(NamedTuple):
    """The venue's state after the record `sequence`, which was the last of its journal row."""

    sequence: int
    chain_hash: bytes
    state_digest: bytes
    rules_version: str
    time_ns: int
    payload: bytes | memoryview


class Place(NamedTuple):
    """Where a snapshot stands in the journal, and at which time. Nothing is proved by it."""

    sequence: int
    time_ns: int


Keeps = Callable[[list[Place]], set[int]]
"""Which sequences are kept of those that there are, oldest first."""


def newest_few(places: list[Place]) -> set[int]:
    """What is kept where nobody says anything else."""
    return {place.sequence for place in places[-SNAPSHOTS_KEPT:]}


class SnapshotStore:
    """The open snapshots of one directory. `notices` tells what was left out, and why."""

    def __init__(self, path: Path, connect: Callable[[], apsw.Connection]) -> None:
        self._path = path
        self._connect = connect
        self._connection = connect()
        self._lock = threading.Lock()
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

        def connect() -> apsw.Connection:
            return _open_table(path, create, synchronous, vfs)

        try:
            return cls(path, connect)
        except StoreUnreadable as error:
            if not create or not isinstance(error.__cause__, UNUSABLE_ERRORS):
                raise
            _set_aside(path)
            store = cls(path, connect)
            store.notices.append(f"{error}; it was moved to {path}.damaged, recovery replays the journal instead")
            return store

    def save(self, snapshot: Snapshot, keeps: Keeps = newest_few) -> None:
        """Save durably, and keep some of those before. A file that does not take it is set aside, with a notice.

        Raises SnapshotFailed when the disk fails, then and on every later call; on a full disk only then.
        """
        if self._failure is not None:
            reason = f"an earlier one failed: {self._failure.reason}"
            raise SnapshotFailed(self._path, snapshot.sequence, reason) from self._failure
        try:
            with self._lock:
                self._insert_somewhere(snapshot, keeps)
        except apsw.FullError as error:
            raise SnapshotFailed(self._path, snapshot.sequence, error) from error
        except (apsw.Error, OSError, StoreError) as error:
            self._failure = SnapshotFailed(self._path, snapshot.sequence, error)
            raise self._failure from error

    def newest_first(self, before_ns: int | None = None) -> Iterator[Snapshot]:
        """Give the snapshots that are whole, taken before a time if one is given, one at a time; each other one adds a
        notice.
        """
        for sequence in self._sequences(TIME_NS_MAX if before_ns is None else before_ns):
            snapshot = self.load(sequence)
            if snapshot is not None:
                yield snapshot

    def oldest_first(self) -> Iterator[Snapshot]:
        """Give the snapshots that are whole, the other way round."""
        for sequence in reversed(self._sequences(TIME_NS_MAX)):
            snapshot = self.load(sequence)
            if snapshot is not None:
                yield snapshot

    def load(self, sequence: int) -> Snapshot | None:
        """The snapshot of a sequence if it is whole, else a notice."""
        parts: list[bytes] = []
        snapshot = self._read(sequence, parts.append)
        if snapshot is None:
            return None
        return snapshot._replace(payload=b"".join(parts) if len(parts) > 1 else parts[0])

    def look_at(self, sequence: int) -> Snapshot | None:
        """The same without its payload, which is proved and not put together: that would hold up every thread."""
        return self._read(sequence, lambda _part: None)

    def places(self) -> list[Place]:
        """Where there are snapshots, whole or not, oldest first."""
        try:
            with self._lock:
                return _places(self._connection)
        except (*DAMAGE_ERRORS, *READ_ERRORS) as error:
            self.notices.append(f"{self._path} cannot be read ({error})")
            return []

    def close(self) -> None:
        """Release the file; a second call does nothing. All that `save` returned from is durable already."""
        abandon(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _insert_somewhere(self, snapshot: Snapshot, keeps: Keeps) -> None:
        try:
            self._insert(snapshot, keeps)
        except UNUSABLE_ERRORS as error:
            self._begin_anew(error)
            self._insert(snapshot, keeps)

    def _insert(self, snapshot: Snapshot, keeps: Keeps) -> None:
        sequence, chain_hash, state_digest, rules_version, time_ns, payload = snapshot
        first, *parts = _parts(payload)
        row = (sequence, chain_hash, state_digest, rules_version, time_ns, _checksum(snapshot), first)
        with transaction(self._connection):
            self._connection.execute(_INSERT, row)
            places = _places(self._connection)
            # A snapshot beyond the one being saved tells of a future that this journal does not hold.
            kept = keeps([place for place in places if place.sequence <= sequence])
            for place in places:
                if place.sequence not in kept:
                    self._connection.execute(_DELETE, (place.sequence,))
            self._connection.execute(_DELETE_PARTS, (sequence,))
            for number, part in enumerate(parts, 1):
                self._connection.execute(_INSERT_PART, (sequence, number, part))
            sequences = [kept for (kept,) in self._connection.execute(_SEQUENCES)]
            self._connection.pragma("user_version", _mark_of(sequences))

    def _begin_anew(self, error: Exception) -> None:
        abandon(self._connection)
        _set_aside(self._path)
        self._connection = self._connect()
        self.notices.append(f"{self._path} took no snapshot ({error}): it was moved to {self._path}.damaged")

    def _sequences(self, before_ns: int) -> list[int]:
        try:
            with self._lock:
                rows: list[Any] = self._connection.execute(_SEQUENCES).fetchall()
                mark = self._connection.pragma("user_version")
            sequences = [sequence for (sequence,) in rows]
            if mark not in (NO_MARK, _mark_of(sequences)):
                self.notices.append(f"{self._path} does not hold the snapshots that were saved to it last")
            if before_ns == TIME_NS_MAX:
                return sequences
            with self._lock:
                return [sequence for (sequence,) in self._connection.execute(_SEQUENCES_BEFORE, (before_ns,))]
        except (*DAMAGE_ERRORS, *READ_ERRORS) as error:
            self.notices.append(f"{self._path} cannot be read ({error}): no snapshot is used")
            return []

    def _read(self, sequence: int, take: Callable[[bytes], None]) -> Snapshot | None:
        """Read a snapshot part by part. What is read is hashed in another thread meanwhile."""
        try:
            with self._lock, ThreadPoolExecutor(1, "checksum") as beside:
                rows: list[Any] = self._connection.execute(_SELECT, (sequence,)).fetchall()
                if not rows or tuple(map(type, rows[0])) != _COLUMN_TYPES:
                    raise _DamagedRow
                found_sequence, chain_hash, state_digest, rules, time_ns, checksum, first = rows[0]
                rules_version = rules.decode(errors="replace")
                hasher = _hasher_of(found_sequence, chain_hash, state_digest, rules_version, time_ns)
                beside.submit(hasher.update, first)
                take(first)
                for (part,) in self._connection.execute(_SELECT_PARTS, (sequence,)):
                    if type(part) is not bytes:
                        raise _DamagedRow
                    beside.submit(hasher.update, part)
                    take(part)
        except _DamagedRow:
            self._leave_out(sequence, "its row is damaged")
            return None
        except (*DAMAGE_ERRORS, *READ_ERRORS) as error:
            self._leave_out(sequence, error)
            return None
        if checksum != hasher.digest():
            self._leave_out(sequence, "its checksum is wrong")
            return None
        return Snapshot(found_sequence, chain_hash, state_digest, rules_version, time_ns, b"")

    def _leave_out(self, sequence: int, reason: object) -> None:
        self.notices.append(f"the snapshot at sequence {sequence} in {self._path} is left out: {reason}")


def _places(connection: apsw.Connection) -> list[Place]:
    """A time that is none, because bits flipped, is taken for the first: such a snapshot is of no use anyway."""
    rows: list[Any] = connection.execute(_PLACES).fetchall()
    return [Place(sequence, time_ns if type(time_ns) is int else 0) for sequence, time_ns in rows]


def _mark_of(sequences: list[int]) -> int:
    """What the file's header says of the list of its snapshots, so that one that is lost does not go unnoticed."""
    return 1 + zlib.crc32(str(sequences).encode()) % ((1 << 31) - 1)


def _set_aside(path: Path) -> None:
    """Keep the file for inspection, under another name."""
    path.replace(path.with_name(f"{path.name}.damaged"))


def _open_table(path: Path, create: bool, synchronous: str, vfs: str | None) -> apsw.Connection:
    """A rollback journal, kept and truncated, writes a large snapshot once; a log would write it twice."""
    connection = open_database(path, "TRUNCATE", synchronous=synchronous, vfs=vfs, create=create)
    try:
        if connection.pragma("page_count") > 1 and not connection.execute(_TABLE).fetchall():
            raise apsw.CorruptError("the table of the snapshots is gone")
        connection.execute(_SCHEMA)
        connection.execute(_PARTS_SCHEMA)
        sync_directory(path.parent)
    except (apsw.Error, UnicodeDecodeError, OSError) as error:
        abandon(connection)
        raise StoreUnreadable(path, error) from error
    return connection


def _parts(payload: bytes | memoryview) -> list[memoryview]:
    """A payload in pieces, the first of which may be empty."""
    whole = memoryview(payload)
    return [whole[first : first + PART_BYTES] for first in range(0, max(len(whole), 1), PART_BYTES)]


def _checksum(snapshot: Snapshot) -> bytes:
    """BLAKE2b over all fields, the payload last."""
    hasher = _hasher_of(*snapshot[:5])
    hasher.update(snapshot.payload)
    return hasher.digest()


def _hasher_of(sequence: int, chain_hash: bytes, state_digest: bytes, rules_version: str, time_ns: int) -> blake2b:
    """Has seen all fields but the payload: lengths keep neighbours apart, the sequence ties the row to its place."""
    rules = rules_version.encode()
    lengths = len(chain_hash), len(state_digest), len(rules)
    hasher = blake2b(_HASHED_FIELDS.pack(sequence, time_ns, *lengths), digest_size=32)
    for part in (chain_hash, state_digest, rules):
        hasher.update(part)
    return hasher
