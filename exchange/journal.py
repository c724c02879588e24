"""The journal: every batch of commands, in order, durable before anything of it is shown.

One SQLite file, one row a batch. Each row carries a hash over itself and the hash of the row before, so
that a row altered, lost or moved breaks the chain at a sequence that can be named. `head.py` guards the
one thing that a chain cannot: rows missing from its end.

    begin_append ─▶ one transaction ─▶ sync, while others work ─▶ finish_append ─▶ head written ─▶ acknowledged

A full disk is met before the sync: the transaction is rolled back, nothing of the row is there, and the journal goes on
as soon as there is room. Any other failure ends it until it is reopened; no sync is ever tried again.

Rows that nobody needs any more are removed from the beginning, a slice at a time, by `trim`. In the same transaction an
anchor takes their place, and what is left is proved from there on.

The journal knows that a record has 64 bytes, and nothing else about it. Sequences number records, from 1.

An opener holds the directory for itself until it closes: a running exchange and a tool such as
`bwx verify` exclude each other, and tools work on the store of a stopped exchange. One thread writes; others may read
meanwhile, and take turns with it row by row. What is in SQLite's log is moved in the background: see `journal_log`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

import apsw

from exchange.anchor import Anchor
from exchange.database import abandon, log_tail, make_directory, open_database, rewrite_log, sync_directory
from exchange.directory_lock import DirectoryLock
from exchange.head import GENESIS_HASH, Head, HeadFile
from exchange.journal_log import JournalLog, sqlite_level
from exchange.journal_rows import JournalRow, JournalTable, chain_hash, record_count
from exchange.store_errors import (
    HeadMissing,
    JournalCorrupt,
    JournalFailed,
    JournalFull,
    JournalOfOtherRules,
    JournalShorterThanHead,
    JournalTrimmed,
    JournalUnlikeHead,
    SequenceRefused,
    StoreUnreadable,
)

# What is removed at a time, which the writer stands still for: some milliseconds, most of them for the sync.
TRIM_ROWS = 128
TRIM_BYTES = 1 << 19

JOURNAL_FILE = "journal.db"
HEAD_FILE = "head"


class Journal:
    """The open journal of one directory. `notices` tells what opening found and mended."""

    def __init__(
        self,
        directory: Path,
        lock: DirectoryLock,
        connection: apsw.Connection,
        rules: str | None,
        level: str,
        vfs: str | None,
        read_only: bool,
    ) -> None:
        self.path = directory / JOURNAL_FILE
        self._head_path = directory / HEAD_FILE
        self._lock = lock
        self._connection = connection
        self._vfs = vfs
        self._read_only = read_only
        self._log = JournalLog(self.path, connection, vfs, level, self._sync_head)
        self._table = JournalTable(self.path, connection)
        self._rules_version = rules
        self._found_rules: str | None = None
        self._head: HeadFile | None = None
        self._failure: JournalFailed | None = None
        self._closed = False
        self._pending: JournalRow | None = None
        """The row that is on its way to the disk."""
        self.appended_bytes = 0
        """Of payloads, as they lie in the file, since it was opened."""
        self._vouched_sequence = 0
        """Where the head stands at least, whatever a power loss leaves of it."""
        self._last_sequence = 0
        self._last_hash = GENESIS_HASH
        self.notices: list[str] = []

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        rules_version: str | None,
        create: bool = True,
        synchronous: str = "FULL",
        vfs: str | None = None,
        accept_missing_head: bool = False,
        read_only: bool = False,
    ) -> Self:
        """Open the journal in `directory`, proving its end: every row from the one that the head names on.

        Its newest row must be of the given rules; without any, rows of all rules are taken. `read_only` leaves the head
        as it is; for the other files, see `overlay.read_only_storage`.

        Anything but "FULL" for `synchronous` gives up durability, and `vfs` names the layer of storage to
        use; both are there for tests. `accept_missing_head` takes a journal without a head at its word.

        Raises StoreLocked, StoreMissing, StoreUnreadable, HeadMissing, JournalCorrupt, JournalUnlikeHead,
        JournalShorterThanHead, JournalOfOtherRules or JournalFailed.
        """
        if create:
            make_directory(directory)
        path = directory / JOURNAL_FILE
        lock = DirectoryLock(directory, is_shared=read_only)
        level = sqlite_level(synchronous)
        try:
            connection = open_database(path, "WAL", synchronous=level, vfs=vfs, create=create, is_exclusive=read_only)
        except BaseException:
            lock.release()
            raise
        journal = cls(directory, lock, connection, rules_version, synchronous, vfs, read_only)
        try:
            journal._recover(accept_missing_head)
        except BaseException:
            journal._release()
            raise
        return journal

    @property
    def anchor(self) -> Anchor:
        """The last row that was trimmed; that of a journal that has all its rows is at sequence 0 and time 0."""
        return self._table.anchor

    @property
    def first_sequence(self) -> int:
        """Sequence of the first record that was not trimmed; 1 for a journal that has all its rows."""
        return self._table.anchor.sequence + 1

    @property
    def last_sequence(self) -> int:
        """Sequence of the newest durable record; 0 for an empty journal."""
        return self._last_sequence

    @property
    def last_hash(self) -> bytes:
        """Hash of the newest durable row; 32 zero bytes for an empty journal."""
        return self._last_hash

    @property
    def newest_rules(self) -> str | None:
        """The rules of the newest row; None for an empty journal."""
        return self._found_rules

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether the next append moves the log into the main file first, which takes some commits' time."""
        return self._log.is_checkpoint_due

    def append(self, first_sequence: int, time_ns: int, payload: bytes | memoryview) -> bytes:
        """Append one batch of records, and return its hash once the batch is durable.

        Raises SequenceRefused where `first_sequence` does not follow the newest record, and JournalFull when the disk
        is full: nothing happened then. Raises JournalFailed when the disk fails; from then on every append does,
        until the journal is reopened.
        """
        self._append(self._chained(first_sequence, time_ns, self._rules_version, payload), None)
        return self._last_hash

    def begin_append(self, first_sequence: int, time_ns: int, payload: bytes | memoryview) -> None:
        """Begin to append one batch. Raises as `append` does, and then there is nothing to finish."""
        row = self._chained(first_sequence, time_ns, self._rules_version, payload)
        self._insert(row, None)
        try:
            self._log.begin_sync()
        except (apsw.Error, OSError) as error:
            raise self._fail(first_sequence, error) from error
        self._pending = row

    def finish_append(self, *, spins: bool = False) -> None:
        """Return once the batch that was begun is durable: before, nobody may see it. Raises JournalFailed.

        Who `spins` has nothing else to do, and is told sooner.
        """
        row, self._pending = self._pending, None
        assert row is not None, "no batch was begun"
        self._finish(row, lambda: self._log.wait(spins=spins))

    def checkpoint_if_due(self) -> None:
        """Do now what the next append would wait for. Raises JournalFailed when the disk fails, as `append` does."""
        if self._failure is not None:
            return
        try:
            with self._table.lock:
                self._log.checkpoint_if_due()
        except (apsw.Error, OSError) as error:
            raise self._fail(self._last_sequence + 1, error) from error

    def lay_out(self, pages: int) -> None:
        """Have room in the log for so many pages, as far as the disk has it. Raises JournalFailed when it fails."""
        try:
            self._log.lay_out_ahead(pages)
        except (apsw.Error, OSError) as error:
            raise self._fail(self._last_sequence + 1, error) from error

    def begin_rules(self, rules_version: str, time_ns: int, payload: bytes, base: bytes) -> None:
        """Append the first batch under new rules, and the `base` that they begin with, together.

        Raises as `append` does.
        """
        self._append(self._chained(self._last_sequence + 1, time_ns, rules_version, payload), base)

    def copy(self, row: JournalRow, base: bytes | None) -> None:
        """Append a row of another journal as it is, which must continue this one. Raises as `append` does."""
        parts = row.first_sequence, row.count, row.time_ns, row.rules_version, row.payload
        assert row.hash == chain_hash(self._last_hash, *parts), "rows are copied in order from a proved journal"
        self._append(row, base)

    def begin_after(self, anchor: Anchor) -> None:
        """Let an empty journal continue from where a trimmed one begins. Raises JournalFailed."""
        assert self._last_sequence == 0, "only an empty journal can begin somewhere else"
        try:
            with self._table.lock:
                self._table.remove(anchor)
            self._log.sync()
            self._opened_head.write(Head(anchor.sequence, anchor.hash))
        except (apsw.Error, OSError) as error:
            raise self._fail(anchor.sequence, error) from error
        self._last_sequence, self._last_hash = anchor.sequence, anchor.hash

    def trim(self, up_to_sequence: int) -> int:
        """Remove the oldest rows that end at or before a sequence, as many as take some milliseconds. Returns how many;
        0 as well while somebody holds the rows, and on a full disk.

        The newest row stays, and so do rows that a head would not vouch for after a power loss. Raises JournalCorrupt
        or StoreUnreadable where the first row that would be left does not follow on those that would go: they stay
        then, and the journal goes on. Raises JournalFailed when the disk fails, as `append` does.
        """
        if self._failure is not None:
            raise JournalFailed(self.path, self.first_sequence, "an earlier append failed") from self._failure
        most = min(up_to_sequence, self._vouched_sequence, self._last_sequence - 1)
        rows, anchor = self._table.slice(most, TRIM_ROWS, TRIM_BYTES)
        try:
            with self._table.lock:
                if anchor is None or self._table.holders:
                    return 0
                try:
                    self._table.remove(anchor)
                except apsw.FullError:
                    return 0
                self._log.count(0)
            self._log.sync()
        except (apsw.Error, OSError) as error:
            raise self._fail(self.first_sequence, error) from error
        return rows

    def held(self) -> AbstractContextManager[None]:
        """No row is trimmed while this lasts: for whoever reads rows that the market itself needs no more."""
        return self._table.held()

    def read(self, from_sequence: int = 1, *, any_rules: bool = False) -> Iterator[JournalRow]:
        """Give the rows from the one that holds `from_sequence` to the end, each proved against the chain.

        Rows appended meanwhile are given too. One past the end gives none. Raises JournalTrimmed for a sequence before
        the first, SequenceRefused for others that the journal does not hold, and on the way JournalCorrupt,
        StoreUnreadable, or JournalOfOtherRules where it comes upon a row of other rules than it was opened with.
        Rows can be trimmed on the way too, unless they are held.
        """
        if 1 <= from_sequence < self.first_sequence:
            raise JournalTrimmed(self.path, self.first_sequence, f"whoever reads from sequence {from_sequence} on")
        if not 1 <= from_sequence <= self._last_sequence + 1:
            raise SequenceRefused(self.path, from_sequence, self._last_sequence)
        return self._table.walk(from_sequence, lambda: self._last_sequence, None if any_rules else self._rules_version)

    def bases(self) -> list[int]:
        """The sequences of the first records under each version of the rules, but for those that it begins with."""
        return self._table.bases()

    def base_before(self, first_sequence: int) -> bytes | None:
        """The state that the rules of the row with this sequence began with, if it was committed with the row."""
        return self._table.base_before(first_sequence)

    def hash_at(self, sequence: int) -> bytes | None:
        """The hash of the row that ends at `sequence`, or None if no row ends there.

        A snapshot belongs to this journal only if it carries this very hash. Before the first row stands the hash that
        it is chained onto: at sequence 0, or at the anchor's.
        """
        return self._table.hash_at(sequence)

    def sequence_at(self, time_ns: int) -> int:
        """The first sequence of the first row of this time or later, or one past the end. Nothing is proved by it."""
        return self._table.sequence_at(time_ns, self.first_sequence, self._last_sequence + 1)

    def close(self) -> None:
        """Bring everything into the main file and release the directory; a second call does nothing.

        Raises JournalFailed if that fails, with the directory released. A failed journal is released as
        it is: a checkpoint would sync once more what a sync has already failed on.
        """
        if self._closed:
            return
        try:
            if self._pending is not None:
                self.finish_append()
            if self._failure is None and not self._read_only:
                with self._table.lock:
                    self._log.checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.FullError:
            pass  # All rows are durable in the log, and stay there until there is room for them in the main file.
        except (apsw.Error, OSError) as error:
            raise self._fail(self._last_sequence + 1, error) from error
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, row: JournalRow, base: bytes | None) -> None:
        self._insert(row, base)
        self._finish(row, self._log.sync)

    def _insert(self, row: JournalRow, base: bytes | None) -> None:
        assert self._pending is None, "one batch at a time"
        if self._failure is not None:
            raise JournalFailed(self.path, row.first_sequence, "an earlier append failed") from self._failure
        if row.first_sequence != self._last_sequence + 1:
            raise SequenceRefused(self.path, row.first_sequence, self._last_sequence)
        try:
            with self._table.lock:
                self._log.checkpoint_if_due()
                self._log.lay_out()
                row_bytes = self._table.insert(row, base)
                self.appended_bytes += row_bytes
                self._log.count(row_bytes)
        except apsw.FullError as error:
            raise JournalFull(self.path, row.first_sequence, error) from error
        except (apsw.Error, OSError) as error:
            raise self._fail(row.first_sequence, error) from error

    def _finish(self, row: JournalRow, settle: Callable[[], None]) -> None:
        try:
            settle()
            self._opened_head.write(Head(row.last_sequence, row.hash))
        except (apsw.Error, OSError) as error:
            raise self._fail(row.first_sequence, error) from error
        self._last_sequence, self._last_hash, self._found_rules = row.last_sequence, row.hash, row.rules_version

    def _recover(self, accept_missing_head: bool) -> None:
        """Find the end, prove it against the head, then bring log and head to the same durable end."""
        trusted = self._open_head()
        if trusted is None or trusted.sequence == 0:
            # Not once the head vouches for rows: a table that was lost must not come back as an empty one.
            self._table.create()
        self._table.find_anchor()
        try:
            self._find_end()
            if trusted is None and self._last_sequence > 0 and not accept_missing_head:
                raise HeadMissing(self._head_path, self._last_sequence)
            self._prove_end(trusted or Head(self.anchor.sequence, self.anchor.hash))
        except JournalCorrupt:
            self._look_for_earlier_damage(trusted)
            raise
        if self._rules_version not in (None, self._found_rules or self._rules_version):
            raise JournalOfOtherRules(self.path, self._last_sequence, str(self._found_rules), str(self._rules_version))
        try:
            self._settle_log()
            self._settle_head()
        except apsw.FullError as error:
            raise JournalFull(self.path, self._last_sequence + 1, error) from error
        except (apsw.Error, OSError) as error:
            raise self._fail(self._last_sequence + 1, error) from error

    def _open_head(self) -> Head | None:
        try:
            self._head = HeadFile.open(self._head_path, read_only=self._read_only)
        except OSError as error:
            raise StoreUnreadable(self._head_path, error) from error
        if self._head is None:
            return None
        if self._head.torn_slots:
            self.notices.append(f"one slot of {self._head_path} was torn; the other one is used")
        return self._head.newest

    def _find_end(self) -> None:
        self._last_sequence, self._last_hash = self.anchor.sequence, self.anchor.hash
        newest = self._table.newest()
        if newest is not None:
            self._last_sequence, self._last_hash = newest.last_sequence, newest.hash
            self._found_rules = newest.rules_version

    def _prove_end(self, trusted: Head) -> None:
        """The newest row is proved even in a journal too short, so that damage is told from loss."""
        if self._last_sequence > self.anchor.sequence:
            self._table.check_beginning()
            for _ in self.read(max(self.first_sequence, min(trusted.sequence, self._last_sequence)), any_rules=True):
                pass
        if self._last_sequence < trusted.sequence:
            raise JournalShorterThanHead(self.path, self._last_sequence, trusted.sequence)
        if trusted.sequence < self.anchor.sequence:
            reason = f"{self._head_path} stands at sequence {trusted.sequence}, and has not seen what was trimmed"
            raise JournalUnlikeHead(self.path, self.first_sequence, reason)
        if self.hash_at(trusted.sequence) != trusted.hash:
            raise JournalUnlikeHead(self.path, trusted.sequence, f"{self._head_path} holds another hash")

    def _look_for_earlier_damage(self, trusted: Head | None) -> None:
        """The end is damaged: prove all rows that there should be, so that the first bad one is named."""
        if trusted is not None:
            for _ in self._table.walk(self.first_sequence, lambda: trusted.sequence, None):
                pass

    def _settle_log(self) -> None:
        """Copy all that was recovered into the main file, and empty the log.

        A sync that failed before the restart may have left rows that can be read, because the system
        caches them, and yet are not on the disk. Once they are written again, their sync can be believed:
        first in the log, from which a main file is mended that a power loss tears or leaves behind.
        """
        if not self._read_only:
            rewrite_log(self.path, self._vfs)
        accepted_frames, _ = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        tail = log_tail(self.path, max(accepted_frames, 0), self._vfs)
        if tail.commits > 1:
            reason = f"its log breaks off, yet {tail.commits} commits follow"
            raise JournalCorrupt(self.path, self._last_sequence + 1, reason)
        if tail.frames:
            self.notices.append(
                f"an append to {self.path} after sequence {self._last_sequence} was cut off before it was "
                f"durable; {tail.frames} pages of it are dropped"
            )
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        if not self._read_only:
            self._log.sync()  # or a power loss could mix what it held with the room that is laid out in it
        self._log.begin()

    def _settle_head(self) -> None:
        """Bring the head to the journal's end. What was found of it may be in the system's cache alone: it is written
        again, because a sync that failed before the restart is no sync.
        """
        end = Head(self._last_sequence, self._last_hash)
        if self._read_only:
            if self._head is not None and self._head.newest != end:
                self.notices.append(
                    f"{self._head_path} stands at sequence {self._head.newest.sequence}, behind its journal"
                )
        elif self._head is None:
            self._head = HeadFile.create(self._head_path, end)
            sync_directory(self.path.parent)
        else:
            if self._head.newest != end:
                self.notices.append(
                    f"{self._head_path} stood at sequence {self._head.newest.sequence} and was brought to the "
                    f"journal's {end.sequence}"
                )
                self._head.write(end)
            else:
                self._head.rewrite()
            self._head.sync()
            sync_directory(self.path.parent)
        self._vouched_sequence = self._head.oldest.sequence if self._head is not None else 0

    def _chained(self, first_sequence: int, time_ns: int, rules: str | None, payload: bytes | memoryview) -> JournalRow:
        assert rules is not None, "opened without rules, a journal takes rows of none in particular"
        count = record_count(payload)
        row_hash = chain_hash(self._last_hash, first_sequence, count, time_ns, rules, payload)
        return JournalRow(first_sequence, count, time_ns, rules, row_hash, payload)

    @property
    def _opened_head(self) -> HeadFile:
        assert self._head is not None, "the head is open once the journal is"
        return self._head

    def _sync_head(self) -> None:
        """A part of each checkpoint, whichever thread is at it."""
        oldest = self._opened_head.oldest
        self._opened_head.sync()
        self._vouched_sequence = oldest.sequence

    def _fail(self, sequence: int, error: Exception) -> JournalFailed:
        self._failure = JournalFailed(self.path, sequence, error)
        return self._failure

    def _release(self) -> None:
        self._closed = True
        self._log.end()
        abandon(self._connection)
        self._log.close(is_tidied=not self._read_only)
        self._lock.release()
        if self._head is not None:
            self._head.close()
