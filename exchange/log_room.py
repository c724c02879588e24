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
    """For how many pages there is room in the log of a database."""

    def __init__(self, path: Path, vfs: str | None) -> None:
        self._path = path
        self._vfs = vfs
        self._laid_out = 0

    def lay_out(self, pages: int) -> None:
        """Have room for commits after so many pages. A full disk is met by the commit that finds none.

        Raises apsw.Error.
        """
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
