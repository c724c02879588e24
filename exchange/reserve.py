"""A reserve of disk, so that orders can be cancelled and the market halted when the disk is full.

It is a file beside the journal, filled with bytes that no file system can squeeze or leave out. When an append finds
no room the file is removed, and what it held is there for the commands that end risk. The reserve is written again
once there is room for it and as much again, so that it never takes the last of what those commands need.
"""

import os
import shutil
from pathlib import Path

import apsw

from exchange.database import sync_directory

RESERVE_FILE = "reserve"
# SQLite hands a system no more than 128 KiB in one write.
_BLOCK_BYTES = 1 << 16


class Reserve:
    """The reserve of one store; one of 0 bytes is always held and never any help."""

    def __init__(self, directory: Path, size_bytes: int, vfs: str | None = None) -> None:
        self.path = directory / RESERVE_FILE
        self.size_bytes = size_bytes
        self._vfs = vfs or ""

    @property
    def is_held(self) -> bool:
        """Whether all of it is there."""
        return not self.size_bytes or (self.path.exists() and self.path.stat().st_size == self.size_bytes)

    def release(self) -> bool:
        """Give the room back. True if there was any to give. Raises OSError."""
        held = self.path.exists()
        self.path.unlink(missing_ok=True)
        return held

    def acquire(self, *, leaves_as_much: bool = False) -> bool:
        """Hold all of it, durably; False, with nothing held, while there is no room for it. Raises OSError.

        With `leaves_as_much` there must be room for as much again, which is proved by taking it for a moment: what a
        system says to be free may be more than a quota allows.
        """
        if self.is_held:
            return True
        self.release()
        taken_bytes = self.size_bytes * (2 if leaves_as_much else 1)
        if shutil.disk_usage(self.path.parent).free < taken_bytes:
            return False
        try:
            self._write(taken_bytes)
        except (apsw.Error, OSError):
            self.release()
            return False
        sync_directory(self.path.parent)
        return True

    def _write(self, taken_bytes: int) -> None:
        kind = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        file = apsw.VFSFile(self._vfs, str(self.path), [kind, 0])
        try:
            for offset in range(0, taken_bytes, _BLOCK_BYTES):
                file.xWrite(os.urandom(min(_BLOCK_BYTES, taken_bytes - offset)), offset)
            file.xTruncate(self.size_bytes)
            file.xSync(apsw.SQLITE_SYNC_FULL)
        finally:
            file.xClose()
