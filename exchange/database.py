"""How the SQLite files of the store are opened, and what may lie in a log without being durable, or behind its end."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import apsw

from exchange.store_errors import StoreLocked, StoreMissing, StoreUnreadable

OWNER_ONLY = 0o600
"""The rights of files that hold secrets."""

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

BUSY_MS = 1_000
"""A connection that has another beside it may have to wait for it, for as long as that looks at the head of the log."""

# SQLite's documented layout of a write-ahead log: a header that holds two salts, then frames that repeat
# them. A frame that ends a commit holds the size of the database, any other holds zero.
_LOG_HEADER = struct.Struct(">IIIIIIII")
_FRAME_HEADER = struct.Struct(">IIIIII")
# SQLite hands a system no more than 128 KiB in one write.
COPIED_BYTES = 1 << 16


def open_database(
    path: Path, journal_mode: str, *, synchronous: str, vfs: str | None, create: bool, is_exclusive: bool = True
) -> apsw.Connection:
    """Open one SQLite file, for this opener alone unless it is not `is_exclusive`, until the connection is closed.

    The lock is SQLite's own exclusive locking mode. It also spares a write-ahead log its shared memory, so that any VFS
    can lie beneath. Nothing is checkpointed behind the caller's back: the errors of an automatic checkpoint would be
    swallowed.

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
        _configure(connection, journal_mode, synchronous, is_exclusive)
    except (apsw.Error, UnicodeDecodeError) as error:
        if connection is not None:
            abandon(connection)
        if isinstance(error, apsw.BusyError):
            raise StoreLocked(path) from error
        raise StoreUnreadable(path, error) from error
    return connection


def open_beside(path: Path, *, synchronous: str, vfs: str | None) -> apsw.Connection:
    """A second connection to a file that this process has open and not for one alone. Raises apsw.Error."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    try:
        _set_durability(connection, synchronous)
        connection.execute("SELECT 1 FROM sqlite_schema").fetchall()  # only who has read has the log open
    except apsw.Error:
        abandon(connection)
        raise
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


def _configure(connection: apsw.Connection, journal_mode: str, synchronous: str, is_exclusive: bool) -> None:
    connection.pragma("locking_mode", "EXCLUSIVE" if is_exclusive else "NORMAL")
    connection.pragma("page_size", PAGE_BYTES)
    mode = connection.pragma("journal_mode", journal_mode)
    if mode.upper() != journal_mode:
        raise apsw.SQLError(f"journal mode {journal_mode} was refused, the file is in {mode}")
    _set_durability(connection, synchronous)
    connection.execute("BEGIN EXCLUSIVE; COMMIT")
    if not is_exclusive:
        connection.set_busy_timeout(BUSY_MS)


def _set_durability(connection: apsw.Connection, synchronous: str) -> None:
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.pragma("synchronous", synchronous)
    # On macOS a plain fsync leaves the data in the drive's cache; elsewhere this changes nothing.
    connection.pragma("fullfsync", True)
    connection.pragma("wal_autocheckpoint", 0)


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


def rewrite_log(path: Path, vfs: str | None) -> None:
    """Write a database's log once more as it is read, and sync it.

    After a sync that failed the system may go on giving what is not on the disk, and hold it for written. SQLite would
    copy such commits into the main file, and after a power loss the log that the disk has could not mend a page torn
    meanwhile, or would bring older pages back over newer ones. Written again, they are on the disk or the sync fails.
    A write that is cut off does no harm: what the disk had got already is overwritten with itself.

    Raises apsw.Error.
    """
    log = apsw.VFSFile(vfs or "", f"{path}-wal", [apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_READWRITE, 0])
    try:
        size_bytes = log.xFileSize()
        for offset in range(0, size_bytes, COPIED_BYTES):
            log.xWrite(_read_whole(log, min(COPIED_BYTES, size_bytes - offset), offset), offset)
        if size_bytes > 0:
            log.xSync(apsw.SQLITE_SYNC_FULL)
    finally:
        log.xClose()


def log_bytes(pages: int) -> int:
    """How long a log of so many pages is."""
    return _LOG_HEADER.size + pages * (_FRAME_HEADER.size + PAGE_BYTES)


def forget_pages(descriptor: int) -> None:
    """Let the system's cache go of what it has of a file and is on the disk, where the system can be told to.

    What is written next finds memory then that was in use just now. A file that grows for ever takes memory that
    nothing has touched for long, if at all, which on virtual machines takes longer to get at than to write to.
    """
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


class LogTail(NamedTuple):
    """Frames in a write-ahead log behind the last commit that SQLite accepted."""

    frames: int
    commits: int


def log_tail(path: Path, accepted_frames: int, vfs: str | None) -> LogTail:
    """Count what SQLite left out of a database's log, of which it accepted the first `accepted_frames` frames.

    Frames of an earlier use of the file carry other salts and are not counted; nor is a log of which nothing was
    accepted and nothing is missing in the database, as when the beginning of its next use was cut off. An interrupted
    commit leaves at most one commit mark; more of them mean that the log was damaged before its end.

    Raises apsw.Error.
    """
    log = apsw.VFSFile(vfs or "", f"{path}-wal", [apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_READONLY, 0])
    try:
        if log.xFileSize() < _LOG_HEADER.size:
            return LogTail(0, 0)
        frames = _frames(log, accepted_frames)
        commits = sum(frame.ends_commit for frame in frames)
        if commits > 1 and accepted_frames == 0 and _are_in_database(log, frames, path, vfs):
            return LogTail(0, 0)
        return LogTail(len(frames), commits)
    finally:
        log.xClose()


class _Frame(NamedTuple):
    page: int
    ends_commit: bool
    offset: int
    page_bytes: int


def _frames(log: apsw.VFSFile, skipped: int) -> list[_Frame]:
    _, _, page_bytes, _, *salts, _, _ = _LOG_HEADER.unpack(_read_whole(log, _LOG_HEADER.size, 0))
    frames: list[_Frame] = []
    if page_bytes == 0:
        return frames  # Lengthened, and not begun.
    frame_bytes = _FRAME_HEADER.size + page_bytes
    start = _LOG_HEADER.size + skipped * frame_bytes
    for offset in range(start, log.xFileSize() - _FRAME_HEADER.size + 1, frame_bytes):
        frame_header = _read_whole(log, _FRAME_HEADER.size, offset)
        page, database_pages, *frame_salts, _, _ = _FRAME_HEADER.unpack(frame_header)
        if frame_salts == salts:
            frames.append(_Frame(page, database_pages > 0, offset + _FRAME_HEADER.size, page_bytes))
    return frames


def _are_in_database(log: apsw.VFSFile, frames: list[_Frame], path: Path, vfs: str | None) -> bool:
    """Whether the database has every page as the last commit among the frames left it."""
    last = max(at for at, frame in enumerate(frames) if frame.ends_commit)
    newest = {frame.page: frame for frame in frames[: last + 1]}
    database = apsw.VFSFile(vfs or "", str(path), [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY, 0])
    try:
        return all(
            frame.page > 0
            and log.xRead(frame.page_bytes, frame.offset)
            == database.xRead(frame.page_bytes, (frame.page - 1) * frame.page_bytes)
            for frame in newest.values()
        )
    finally:
        database.xClose()


def _read_whole(log: apsw.VFSFile, amount: int, offset: int) -> bytes:
    content = log.xRead(amount, offset)
    if len(content) != amount:
        raise apsw.IOError(f"a read of {amount} bytes gave {len(content)}")
    return content


def copy_for_owner(connection: apsw.Connection, path: Path) -> None:
    """Write a small database to a new file that its owner alone can read. Raises FileExistsError."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
    copy = apsw.Connection(str(path))
    try:
        with copy.backup("main", connection, "main") as backup:
            backup.step()
    finally:
        copy.close()
