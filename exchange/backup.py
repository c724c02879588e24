"""Copies of a whole store: backups of a running or stopped exchange, and the way back.

    journal ─▶ rows, proved against the chain ─▶ a journal beside the target ─▶ read back, proved, synced ─▶ renamed

What is copied is rows, not pages: a copy proves the chain on its way, cannot be torn by what is appended meanwhile, and
takes turns with the running exchange row by row; no row is trimmed meanwhile. It reaches as far as the journal did when
it began. Newest snapshot and keys come along, and of a trimmed journal its anchor and the snapshot that what is left is
replayed from; a reserve of disk does not. A target that is there holds a whole copy, or there is none.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from exchange.database import make_directory, sync_directory
from exchange.journal import Journal
from exchange.overlay import read_only_storage
from exchange.snapshots import Snapshot, SnapshotStore
from exchange.store_errors import CopyRefused, JournalTrimmed, StoreError, StoreUnreadable

Progress = Callable[[int, int], None]
KEYS_FILES = ("keys.db", "keys.db-journal", "sealing.key", "reservations.pem", "audit.db", "audit.db-journal")


class Source(NamedTuple):
    """An open store, and how its keys get into another folder."""

    journal: Journal
    snapshots: SnapshotStore | None
    copy_keys: Callable[[Path], None]


class Copied(NamedTuple):
    """What a copy holds."""

    sequence: int
    chain_hash: str
    rows: int
    bytes: int


@contextmanager
def stopped_store(directory: Path, *, rules_version: str | None = None, vfs: str | None = None) -> Iterator[Source]:
    """A store that nobody runs on, opened without changing it, for rows of all rules or of some. Raises StoreError."""
    with ExitStack() as opened:
        storage = opened.enter_context(read_only_storage(vfs))
        journal = opened.enter_context(
            Journal.open(directory, rules_version=rules_version, create=False, vfs=storage, read_only=True)
        )
        snapshots = None
        try:
            snapshots = opened.enter_context(SnapshotStore.open(directory, create=False, vfs=storage))
        except StoreError as error:
            journal.notices.append(f"no snapshot is used: {error}")
        yield Source(journal, snapshots, lambda target: _copy_keys(directory, target))


def copy_store(source: Source, target: Path, progress: Progress | None = None, *, vfs: str | None = None) -> Copied:
    """Copy a store to a folder that is not there yet, or is empty. `progress` may raise to give up.

    Raises CopyRefused or another StoreError; then there is no target.
    """
    _check_target(target)
    make_directory(target.parent)
    partial = target.with_name(f"{target.name}.partial-{secrets.token_hex(4)}")
    report = progress or _tell_nobody
    try:
        with source.journal.held():
            last_sequence = source.journal.last_sequence
            _copy_rows(source.journal, last_sequence, partial, report, vfs)
            _copy_snapshots(source, last_sequence, partial, vfs)
            last_hash = source.journal.hash_at(last_sequence)
        source.copy_keys(partial)
        copied = _prove(partial, last_hash, report, vfs)
        _sync_files(partial)
        partial.replace(target)
        sync_directory(target.parent)
    except OSError as error:
        raise StoreUnreadable(target, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return copied


def _check_target(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CopyRefused(target, "something is there already; name another folder, or move that one away")


def _copy_rows(journal: Journal, last_sequence: int, partial: Path, report: Progress, vfs: str | None) -> None:
    """Without syncs: nothing counts before all of it is synced."""
    bases = set(journal.bases())
    with Journal.open(partial, rules_version=None, synchronous="OFF", vfs=vfs) as copy:
        if journal.first_sequence > 1:
            copy.begin_after(journal.anchor)
        for row in journal.read(journal.first_sequence, any_rules=True):
            if row.first_sequence > last_sequence:
                break
            copy.copy(row, journal.base_before(row.first_sequence) if row.first_sequence in bases else None)
            report(row.last_sequence, 2 * last_sequence)


def _copy_snapshots(source: Source, last_sequence: int, partial: Path, vfs: str | None) -> None:
    """The newest that belongs to what was copied; of a trimmed journal the oldest too, or it would be no market."""
    with SnapshotStore.open(partial, vfs=vfs) as copy:
        for snapshot in _chosen(source.journal, source.snapshots, last_sequence):
            copy.save(snapshot)


def _chosen(journal: Journal, snapshots: SnapshotStore | None, last_sequence: int) -> Iterator[Snapshot]:
    """Oldest first. Raises JournalTrimmed where there is none and must be one."""

    def first_of(given: Iterator[Snapshot]) -> Snapshot | None:
        fitting = (each for each in given if each.sequence <= last_sequence and _fits(journal, each))
        return next(fitting, None)

    newest = None if snapshots is None else first_of(snapshots.newest_first())
    if journal.first_sequence > 1:
        oldest = None if snapshots is None else first_of(snapshots.oldest_first())
        if oldest is not None:
            yield oldest
        elif not journal.bases():
            raise JournalTrimmed(journal.path, journal.first_sequence, "a copy of a store without a good snapshot")
    if newest is not None:
        yield newest


def _fits(journal: Journal, snapshot: Snapshot) -> bool:
    return snapshot.chain_hash == journal.hash_at(snapshot.sequence)


def _prove(partial: Path, expected_hash: bytes | None, report: Progress, vfs: str | None) -> Copied:
    """Read all of the copy back."""
    rows = 0
    with Journal.open(partial, rules_version=None, create=False, vfs=vfs) as copy:
        for row in copy.read(copy.first_sequence, any_rules=True):
            rows += 1
            report(copy.last_sequence + row.last_sequence, 2 * copy.last_sequence)
        if copy.last_hash != expected_hash:
            raise CopyRefused(partial, "what was written is not what was read")
        sequence, chain_hash = copy.last_sequence, copy.last_hash.hex()
    return Copied(sequence, chain_hash, rows, sum(path.stat().st_size for path in partial.iterdir()))


def _sync_files(directory: Path) -> None:
    for path in directory.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sync_directory(directory)


def _copy_keys(directory: Path, target: Path) -> None:
    """The files as they are: whoever makes keys holds the store, which nobody does now."""
    for name in KEYS_FILES:
        if (directory / name).exists():
            shutil.copy(directory / name, target / name)


def _tell_nobody(_done: int, _total: int) -> None:
    pass
