"""The log of the journal's database: there a commit becomes durable, and from there a checkpoint moves it on.

    insert ─▶ log ─▶ sync, while others work ─▶ durable ─▶ checkpoint, in the background ─▶ main file

A checkpoint in the background moves what was committed when it began, and the writer goes on meanwhile. Only once all
that is in the log was moved does it begin anew. While commits follow on each other that never comes about by itself: so
when the log has become long, the writer stands still for what little is left to move, and so it does for more where
those in the background fall behind.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import apsw

from exchange.background import give_way
from exchange.database import abandon, forget_pages, open_beside
from exchange.log_room import LogRoom
from exchange.log_sync import LogSync

# Half a megabyte of rows is soon moved. Small rows go into the same page again and again, of which one is moved: 16 MB
# of log may hold few of them.
CHECKPOINT_BYTES = 1 << 19
CHECKPOINT_PAGES = 1024
# For so much the writer stands still: rows that those in the background left, or pages that are in the log.
STANDSTILL_BYTES = 1 << 21
STANDSTILL_PAGES = 4096
LOG_PAGES_AHEAD = STANDSTILL_PAGES
"""There is room for so many from the start where an exchange trades: to make room is one more journey of the disk."""

SYNCED = "FULL"


def sqlite_level(level: str) -> str:
    """SQLite's level of durability for a journal of this one: commits that are synced are so by the log, not by it."""
    return "NORMAL" if level == SYNCED else level


class JournalLog:
    """What is in it, and when it is moved. One thread writes; whoever calls has the connection to itself."""

    def __init__(
        self, path: Path, connection: apsw.Connection, vfs: str | None, level: str, moved: Callable[[], None]
    ) -> None:
        """`level` is that of durability. `moved` is called after each checkpoint, which it is a part of, in the thread
        of the checkpoint.
        """
        self._path = path
        self._connection = connection
        self._vfs = vfs
        self._level = level
        self._moved = moved
        self._main_file: int | None = None
        """Closed after the connections: SQLite's lock goes with the first that is."""
        self._room = LogRoom(path, vfs)
        self._sync = LogSync(path, vfs) if level == SYNCED else None
        self._mover = ThreadPoolExecutor(1, "checkpoints", initializer=give_way)
        self._moving: Future[None] | None = None
        """What is moved in the background, until the writer has noted what came of it."""
        self._beside: apsw.Connection | None = None
        """What it is moved by."""
        self._moving_bytes = self._moving_pages = 0
        self._unmoved_bytes = self._unmoved_pages = 0
        """Of rows, and of the log, committed since the last checkpoint began that was completed."""
        self._pages = 0
        """In the log, since it last began."""
        connection.set_wal_hook(self._note_pages)

    @property
    def pages(self) -> int:
        """In the log."""
        return self._pages

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether the writer has to stand still for one."""
        return self._unmoved_bytes >= STANDSTILL_BYTES or self._pages >= STANDSTILL_PAGES

    def begin(self) -> None:
        """All that is in it was moved: it will be written over from its beginning."""
        self._unmoved_bytes = self._unmoved_pages = self._pages = 0

    def lay_out(self) -> None:
        """Have room for the next commit. Raises apsw.Error."""
        self._room.lay_out(self._pages)

    def lay_out_ahead(self, pages: int) -> None:
        """Have room for commits up to so many pages, and no commit wait for that. Raises apsw.Error or OSError."""
        self._room.lay_out(pages)
        self.sync()

    def count(self, row_bytes: int) -> None:
        """A transaction was committed, with so many bytes in rows."""
        self._unmoved_bytes += row_bytes

    def move(self) -> None:
        """Move in the background what is in it, if there is enough. Raises apsw.Error or OSError of an earlier time."""
        if self._moving is not None and self._moving.done():
            self._end_moving()
        is_enough = self._unmoved_bytes >= CHECKPOINT_BYTES or self._unmoved_pages >= CHECKPOINT_PAGES
        if self._moving is None and is_enough:
            self._moving_bytes, self._moving_pages = self._unmoved_bytes, self._unmoved_pages
            self._moving = self._mover.submit(self._move)

    def checkpoint_if_due(self) -> None:
        """Move what there is, and wait for it if that is due. On a full disk the log goes on growing while it can: what
        is due stays due. Raises apsw.Error or OSError.
        """
        self.move()
        if self.is_checkpoint_due:
            with suppress(apsw.FullError):
                self.checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)

    def checkpoint(self, mode: int) -> None:
        """Move what is in it into the main file now. Raises apsw.Error or OSError."""
        if self._moving is not None:
            self._end_moving()
        self._connection.wal_checkpoint(mode=mode)
        self._after_move()
        self.begin()

    def begin_sync(self) -> None:
        """Begin to make durable what was committed. Raises apsw.Error or OSError."""
        if self._sync is not None:
            self._sync.begin()

    def wait(self, *, spins: bool = False) -> None:
        """Return once it is durable; see `LogSync.wait`. Raises apsw.Error or OSError."""
        if self._sync is not None:
            self._sync.wait(spins=spins)

    def sync(self) -> None:
        """Make durable what was committed, with nothing to do meanwhile. Raises apsw.Error or OSError."""
        if self._sync is not None:
            self._sync.run()

    def end(self) -> None:
        """Before the writer's connection is closed: end what is under way."""
        if self._sync is not None:
            self._sync.close()
        self._mover.shutdown()
        if self._beside is not None:
            abandon(self._beside)

    def close(self, *, is_tidied: bool) -> None:
        """After it was closed. What SQLite keeps beside the log while that is open is of no use then, and removed if it
        `is_tidied`.
        """
        if self._main_file is not None:
            os.close(self._main_file)
        if is_tidied:
            with suppress(OSError):
                os.unlink(f"{self._path}-shm")

    def _note_pages(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._unmoved_pages += pages - self._pages if pages > self._pages else pages
        self._pages = pages
        return apsw.SQLITE_OK

    def _end_moving(self) -> None:
        """Note what was moved, once it is. A full disk leaves it for the next time, and so does a commit in the way."""
        moving, self._moving = self._moving, None
        assert moving is not None, "nothing is being moved"
        with suppress(apsw.FullError, apsw.BusyError):
            moving.result()
            self._unmoved_bytes -= self._moving_bytes
            self._unmoved_pages -= self._moving_pages

    def _move(self) -> None:
        if self._beside is None:
            self._beside = open_beside(self._path, synchronous=sqlite_level(self._level), vfs=self._vfs)
        self._beside.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._after_move()

    def _after_move(self) -> None:
        if self._main_file is None:
            self._main_file = os.open(self._path, os.O_RDONLY)
        forget_pages(self._main_file)
        self._moved()
