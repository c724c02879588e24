"""The log of the journal's database: there a commit becomes durable, and from there a checkpoint moves it on.

insert ─▶ log ─▶ sync, while others work ─▶ durable ─▶ checkpoint, some hundred pages at a time ─▶ main file
"""

import os
from pathlib import Path

import apsw

from exchange.database import forget_pages
from exchange.log_room import LogRoom
from exchange.log_sync import LogSync

# A checkpoint stops the writer for its syncs and for what it copies. So it comes when there is half a megabyte of rows
# to copy, which is soon done. Small rows go into the same page again and again, of which one is copied: it comes after
# 16 MB of log then.
CHECKPOINT_BYTES = 1 << 19
CHECKPOINT_PAGES = 1024


class JournalLog:
    """What is in it, and when it is to be moved. One thread writes; whoever calls has the connection to itself."""

    def __init__(self, path: Path, connection: apsw.Connection, vfs: str | None, *, is_synced: bool) -> None:
        """`is_synced` unless durability was given up. Raises OSError where the main file cannot be opened."""
        self._connection = connection
        self._main_file = os.open(path, os.O_RDONLY)
        """Closed after the connection: SQLite's lock goes with the first that is."""
        self._room = LogRoom(path, connection, vfs)
        self._sync = LogSync(path, vfs) if is_synced else None
        self.pages = 0
        """Written to it since it last began; noted here for whoever looks without the connection."""
        self._row_bytes = 0
        """Of rows in it, likewise."""

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether it is time for one."""
        return self.pages >= CHECKPOINT_PAGES or self._row_bytes >= CHECKPOINT_BYTES

    def begin(self) -> None:
        """All that is in it is in the main file too: it will be written over from its beginning."""
        self._room.begin()
        self.pages = self._row_bytes = 0

    def lay_out(self) -> None:
        """Have room for the next commit. Raises apsw.Error."""
        self._room.lay_out()

    def count(self, row_bytes: int) -> None:
        """A transaction was committed, with so many bytes in rows."""
        self._row_bytes += row_bytes
        self.pages = self._room.pages

    def checkpoint(self, mode: int) -> None:
        """Move what is in it into the main file. Raises apsw.Error."""
        self._connection.wal_checkpoint(mode=mode)
        forget_pages(self._main_file)

    def begin_sync(self) -> None:
        """Begin to make durable what was committed. Raises apsw.Error or OSError."""
        if self._sync is not None:
            self._sync.begin()

    def wait(self) -> None:
        """Return once it is durable. Raises apsw.Error or OSError."""
        if self._sync is not None:
            self._sync.wait()

    def sync(self) -> None:
        """Make durable what was committed. Raises apsw.Error or OSError."""
        self.begin_sync()
        self.wait()

    def end_sync(self) -> None:
        """Before the connection is closed."""
        if self._sync is not None:
            self._sync.close()

    def close(self) -> None:
        """After the connection was closed."""
        os.close(self._main_file)
