"""Room in a database's log: it is made longer before it is full.

A commit into a log that grows has the file system write its own journal as well, which takes as long as the commit
does. What is written over is there with one write and one flush.
"""

from contextlib import suppress
from pathlib import Path

import apsw

from exchange.database import COPIED_BYTES, log_bytes

STEP_PAGES = 16
"""By so much at a time, until there is room for what lies between two checkpoints."""


class LogRoom:
    """How many pages are in the log of an open database, and for how many there is room.

    Whoever calls has the connection to itself: SQLite tells its numbers to nobody while another thread is in it.
    """

    def __init__(self, path: Path, connection: apsw.Connection, vfs: str | None) -> None:
        self._path = path
        self._connection = connection
        self._vfs = vfs
        self._written_before = 0
        self._laid_out = 0

    @property
    def pages(self) -> int:
        """Written to the log since it last began."""
        return self._written() - self._written_before

    def begin(self) -> None:
        """What is in the log is in the main file too: it will be written over from its beginning."""
        self._written_before = self._written()

    def lay_out(self) -> None:
        """Have room for the next commits. A full disk is met by the commit that finds none. Raises apsw.Error."""
        pages = self.pages
        if pages + STEP_PAGES // 2 > self._laid_out:
            self._laid_out = pages + STEP_PAGES
            with suppress(apsw.FullError):
                self._lengthen(log_bytes(self._laid_out))

    def _lengthen(self, size_bytes: int) -> None:
        """Write zeros behind what is in it, to which SQLite pays no heed. They are as durable as the next commit."""
        log = apsw.VFSFile(self._vfs or "", f"{self._path}-wal", [apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_READWRITE, 0])
        try:
            for offset in range(log.xFileSize(), size_bytes, COPIED_BYTES):
                log.xWrite(bytes(min(COPIED_BYTES, size_bytes - offset)), offset)
        finally:
            log.xClose()

    def _written(self) -> int:
        return self._connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE)[0]
