"""The journal: every batch of commands, in order, durable before anything of it is shown.

One SQLite file, one row a batch. Each row carries a hash over itself and the hash of the row before, so
that a row altered, lost or moved breaks the chain at a sequence that can be named. `head.py` guards the
one thing that a chain cannot: rows missing from its end.

    append ─▶ one transaction, synced ─▶ head written ─▶ acknowledged

The journal knows that a record has 64 bytes, and nothing else about it. Sequences number records, from 1.

An opener holds the directory for itself until it closes: a running exchange and a tool such as
`bwx verify` exclude each other, and tools work on the store of a stopped exchange. All methods may be
called from any thread, but from one at a time; SQLite runs without the interpreter's lock.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import apsw

from exchange.database import abandon, log_tail, make_directory, open_database, sync_directory
from exchange.head import GENESIS_HASH, Head, HeadFile
from exchange.journal_rows import RECORD_BYTES, JournalRow, JournalTable, chain_hash
from exchange.store_errors import (
    HeadMissing,
    JournalCorrupt,
    JournalFailed,
    JournalFull,
    JournalShorterThanHead,
    JournalUnlikeHead,
    SequenceRefused,
    StoreUnreadable,
)

BATCH_RECORDS_MAX = 1 << 20
# About 4 MB of log: a checkpoint then takes a few milliseconds, and comes every 50 batches of 1,000 records.
CHECKPOINT_PAGES = 256

JOURNAL_FILE = "journal.db"
LOG_FILE = "journal.db-wal"
HEAD_FILE = "head"


class Journal:
    """The open journal of one directory. `notices` tells what opening found and mended."""

    def __init__(self, directory: Path, connection: apsw.Connection, rules_version: str, vfs: str | None) -> None:
        self._path = directory / JOURNAL_FILE
        self._head_path = directory / HEAD_FILE
        self._connection = connection
        self._vfs = vfs
        self._table = JournalTable(self._path, connection, rules_version)
        self._rules_version = rules_version
        self._head: HeadFile | None = None
        self._failure: JournalFailed | None = None
        self._closed = False
        self._log_pages = 0
        self._last_sequence = 0
        self._last_hash = GENESIS_HASH
        self.notices: list[str] = []

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        rules_version: str,
        create: bool = True,
        synchronous: str = "FULL",
        vfs: str | None = None,
        accept_missing_head: bool = False,
    ) -> Self:
        """Open the journal in `directory`, proving its end: every row from the one that the head names on.

        Anything but "FULL" for `synchronous` gives up durability, and `vfs` names the layer of storage to
        use; both are there for tests. `accept_missing_head` takes a journal without a head at its word.

        Raises StoreLocked, StoreMissing, StoreUnreadable, HeadMissing, JournalCorrupt, JournalUnlikeHead,
        JournalShorterThanHead, JournalOfOtherRules or JournalFailed.
        """
        if create:
            make_directory(directory)
        path = directory / JOURNAL_FILE
        connection = open_database(path, journal_mode="WAL", synchronous=synchronous, vfs=vfs, create=create)
        journal = cls(directory, connection, rules_version, vfs)
        try:
            journal._recover(accept_missing_head)
        except BaseException:
            journal._release()
            raise
        return journal

    @property
    def last_sequence(self) -> int:
        """Sequence of the newest durable record; 0 for an empty journal."""
        return self._last_sequence

    @property
    def last_hash(self) -> bytes:
        """Hash of the newest durable row; 32 zero bytes for an empty journal."""
        return self._last_hash

    def append(self, first_sequence: int, time_ns: int, payload: bytes | memoryview) -> bytes:
        """Append one batch of records, and return its hash once the batch is durable.

        Raises SequenceRefused where `first_sequence` does not follow the newest record. Raises
        JournalFailed when the disk fails; from then on every append does, until the journal is reopened.
        """
        if self._failure is not None:
            raise JournalFailed(self._path, first_sequence, "an earlier append failed") from self._failure
        if first_sequence != self._last_sequence + 1:
            raise SequenceRefused(self._path, first_sequence, self._last_sequence)
        row = self._chained(first_sequence, time_ns, payload)
        try:
            if self._log_pages >= CHECKPOINT_PAGES:
                self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._table.insert(row)
            self._opened_head.write(Head(row.last_sequence, row.hash))
        except (apsw.Error, OSError) as error:
            raise self._fail(first_sequence, error) from error
        self._last_sequence, self._last_hash = row.last_sequence, row.hash
        return row.hash

    def read(self, from_sequence: int = 1) -> Iterator[JournalRow]:
        """Give the rows from the one that holds `from_sequence` to the end, each proved against the chain.

        Rows appended meanwhile are given too. One past the end gives none. Raises SequenceRefused for
        other sequences that the journal does not hold, and on the way JournalCorrupt, JournalOfOtherRules
        or StoreUnreadable.
        """
        if not 1 <= from_sequence <= self._last_sequence + 1:
            raise SequenceRefused(self._path, from_sequence, self._last_sequence)
        return self._table.walk(from_sequence, lambda: self._last_sequence)

    def hash_at(self, sequence: int) -> bytes | None:
        """The hash of the row that ends at `sequence`, or None if no row ends there.

        A snapshot belongs to this journal only if it carries this very hash. Sequence 0 has the hash
        before the first row.
        """
        return self._table.hash_at(sequence)

    def close(self) -> None:
        """Bring everything into the main file and release the directory; a second call does nothing.

        Raises JournalFailed if that fails, with the directory released. A failed journal is released as
        it is: a checkpoint would sync once more what a sync has already failed on.
        """
        if self._closed:
            return
        try:
            if self._failure is None:
                self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except (apsw.Error, OSError) as error:
            raise self._fail(self._last_sequence + 1, error) from error
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _recover(self, accept_missing_head: bool) -> None:
        """Find the end, prove it against the head, then bring log and head to the same durable end."""
        trusted = self._open_head()
        if trusted is None or trusted.sequence == 0:
            # Not once the head vouches for rows: a table that was lost must not come back as an empty one.
            self._table.create()
        try:
            self._find_end()
            if trusted is None and self._last_sequence > 0 and not accept_missing_head:
                raise HeadMissing(self._head_path, self._last_sequence)
            self._prove_end(trusted or Head(0, GENESIS_HASH))
        except JournalCorrupt:
            self._look_for_earlier_damage(trusted)
            raise
        try:
            self._settle_log()
            self._settle_head()
        except (apsw.Error, OSError) as error:
            raise self._fail(self._last_sequence + 1, error) from error

    def _open_head(self) -> Head | None:
        try:
            self._head = HeadFile.open(self._head_path)
        except OSError as error:
            raise StoreUnreadable(self._head_path, error) from error
        if self._head is None:
            return None
        if self._head.torn_slots:
            self.notices.append(f"one slot of {self._head_path} was torn; the other one is used")
        return self._head.newest

    def _find_end(self) -> None:
        newest = self._table.newest()
        if newest is not None:
            self._last_sequence, self._last_hash = newest.last_sequence, newest.hash

    def _prove_end(self, trusted: Head) -> None:
        """The newest row is proved even in a journal too short, so that damage is told from loss."""
        if self._last_sequence > 0:
            for _ in self.read(max(1, min(trusted.sequence, self._last_sequence))):
                pass
        if self._last_sequence < trusted.sequence:
            raise JournalShorterThanHead(self._path, self._last_sequence, trusted.sequence)
        if self.hash_at(trusted.sequence) != trusted.hash:
            raise JournalUnlikeHead(self._path, trusted.sequence, f"{self._head_path} holds another hash")

    def _look_for_earlier_damage(self, trusted: Head | None) -> None:
        """The end is damaged: prove all rows that there should be, so that the first bad one is named."""
        if trusted is not None:
            for _ in self._table.walk(1, lambda: trusted.sequence):
                pass

    def _settle_log(self) -> None:
        """Copy all that was recovered into the main file, and empty the log.

        A sync that failed before the restart may have left rows that can be read, because the system
        caches them, and yet are not on the disk. Once they are written again, their sync can be believed.
        """
        self._connection.set_wal_hook(self._note_log_pages)
        accepted_frames, _ = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        tail = log_tail(self._path.with_name(LOG_FILE), max(accepted_frames, 0), self._vfs)
        if tail.commits > 1:
            reason = f"its log breaks off, yet {tail.commits} commits follow"
            raise JournalCorrupt(self._path, self._last_sequence + 1, reason)
        if tail.frames:
            self.notices.append(
                f"an append to {self._path} after sequence {self._last_sequence} was cut off before it was "
                f"durable; {tail.frames} pages of it are dropped"
            )
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def _settle_head(self) -> None:
        end = Head(self._last_sequence, self._last_hash)
        if self._head is None:
            self._head = HeadFile.create(self._head_path, end)
            sync_directory(self._path.parent)
        elif self._head.newest != end:
            self.notices.append(
                f"{self._head_path} stood at sequence {self._head.newest.sequence} and was brought to the "
                f"journal's {end.sequence}"
            )
            self._head.write(end)
            self._head.sync()

    def _chained(self, first_sequence: int, time_ns: int, payload: bytes | memoryview) -> JournalRow:
        count = _record_count(payload)
        rules_version = self._rules_version
        row_hash = chain_hash(self._last_hash, first_sequence, count, time_ns, rules_version, payload)
        return JournalRow(first_sequence, count, time_ns, rules_version, row_hash, payload)

    @property
    def _opened_head(self) -> HeadFile:
        assert self._head is not None, "the head is open once the journal is"
        return self._head

    def _checkpoint(self, mode: int) -> None:
        self._connection.wal_checkpoint(mode=mode)
        self._opened_head.sync()
        self._log_pages = 0

    def _note_log_pages(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _fail(self, sequence: int, error: Exception) -> JournalFailed:
        kind = JournalFull if isinstance(error, apsw.FullError) else JournalFailed
        self._failure = kind(self._path, sequence, error)
        return self._failure

    def _release(self) -> None:
        self._closed = True
        abandon(self._connection)
        if self._head is not None:
            self._head.close()


def _record_count(payload: bytes | memoryview) -> int:
    payload_bytes = memoryview(payload).nbytes
    count, remainder = divmod(payload_bytes, RECORD_BYTES)
    if remainder or not 1 <= count <= BATCH_RECORDS_MAX:
        raise ValueError(
            f"a batch is 1 to {BATCH_RECORDS_MAX} records of {RECORD_BYTES} bytes, not {payload_bytes} bytes"
        )
    return count
