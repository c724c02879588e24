"""How the SQLite files of the store are opened, and what may lie behind a log's last commit."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import apsw

from exchange.store_errors import StoreLocked, StoreMissing, StoreUnreadable

# What SQLite answers when a file's contents make no sense, and when the system did not give them.
DAMAGE_ERRORS = (
    *(apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.TooBigError, apsw.SQLError),
    UnicodeDecodeError,
)
READ_ERRORS = (apsw.IOError, apsw.NoMemError, apsw.CantOpenError)

SYNCHRONOUS_LEVELS = frozenset({"OFF", "NORMAL", "FULL", "EXTRA"})
# Larger than SQLite's default: a batch then spans fewer pages, which halves the time of a checkpoint,
# while a commit of a single record still writes one page only.
PAGE_BYTES = 16_384

# SQLite's documented layout of a write-ahead log: a header that holds two salts, then frames that repeat
# them. A frame that ends a commit holds the size of the database, any other holds zero.
_LOG_HEADER = struct.Struct(">IIIIIIII")
_FRAME_HEADER = struct.Struct(">IIIIII")


def open_database(path: Path, *, journal_mode: str, synchronous: str, vfs: str | None, create: bool) -> apsw.Connection:
    """Open one SQLite file for this opener alone, and hold its lock until the connection is closed.

    The lock is SQLite's own exclusive locking mode. It also spares the write-ahead log its shared
    memory, so that any VFS can lie beneath. Nothing is checkpointed behind the caller's back: the errors
    of an automatic checkpoint would be swallowed.

    Raises StoreMissing, StoreLocked or StoreUnreadable.
    """
    if synchronous not in SYNCHRONOUS_LEVELS:
        raise ValueError(f"synchronous is one of {sorted(SYNCHRONOUS_LEVELS)}, not {synchronous!r}")
    if not create and not path.exists():
        raise StoreMissing(path)
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    connection = None
    try:
        connection = apsw.Connection(str(path), flags=flags, vfs=vfs)
        _configure(connection, journal_mode, synchronous)
    except (apsw.Error, UnicodeDecodeError) as error:
        if connection is not None:
            abandon(connection)
        if isinstance(error, apsw.BusyError):
            raise StoreLocked(path) from error
        raise StoreUnreadable(path, error) from error
    return connection


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """All or nothing. What failed is told as it was, even where SQLite has rolled back by itself."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def abandon(connection: apsw.Connection) -> None:
    """Close a connection that has failed; what fails on the way out adds nothing to what already did."""
    with suppress(apsw.Error, OSError):
        connection.close()


def _configure(connection: apsw.Connection, journal_mode: str, synchronous: str) -> None:
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.pragma("locking_mode", "EXCLUSIVE")
    connection.pragma("page_size", PAGE_BYTES)
    mode = connection.pragma("journal_mode", journal_mode)
    if mode.upper() != journal_mode:
        raise apsw.SQLError(f"journal mode {journal_mode} was refused, the file is in {mode}")
    connection.pragma("synchronous", synchronous)
    # On macOS a plain fsync leaves the data in the drive's cache; elsewhere this changes nothing.
    connection.pragma("fullfsync", True)
    connection.pragma("wal_autocheckpoint", 0)
    connection.execute("BEGIN EXCLUSIVE; COMMIT")


def make_directory(directory: Path) -> None:
    """Create a directory and those above it, so that their names outlive a power loss.

    Raises StoreUnreadable where the system refuses.
    """
    if directory.is_dir():
        return
    make_directory(directory.parent)
    try:
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)
    except OSError as error:
        raise StoreUnreadable(directory, error) from error


def sync_directory(directory: Path) -> None:
    """Make the names of files just created in this directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class LogTail(NamedTuple):
    """Frames in a write-ahead log behind the last commit that SQLite accepted."""

    frames: int
    commits: int


def log_tail(log_path: Path, accepted_frames: int, vfs: str | None) -> LogTail:
    """Count what SQLite left out of a log of which it accepted the first `accepted_frames` frames.

    Frames of an earlier use of the file carry other salts and are not counted. An interrupted commit
    leaves at most one commit mark; more of them mean that the log was damaged before its end.
    """
    log = apsw.VFSFile(vfs or "", str(log_path), [apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_READONLY, 0])
    try:
        return _log_tail(log, accepted_frames)
    finally:
        log.xClose()


def _log_tail(log: apsw.VFSFile, accepted_frames: int) -> LogTail:
    frames = commits = 0
    log_bytes = log.xFileSize()
    if log_bytes >= _LOG_HEADER.size:
        _, _, page_bytes, _, *salts, _, _ = _LOG_HEADER.unpack(log.xRead(_LOG_HEADER.size, 0))
        frame_bytes = _FRAME_HEADER.size + page_bytes
        start = _LOG_HEADER.size + accepted_frames * frame_bytes
        for offset in range(start, log_bytes - _FRAME_HEADER.size + 1, frame_bytes):
            frame = _FRAME_HEADER.unpack(log.xRead(_FRAME_HEADER.size, offset))
            _, database_pages, *frame_salts, _, _ = frame
            if frame_salts == salts:
                frames += 1
                commits += database_pages > 0
    return LogTail(frames, commits)
