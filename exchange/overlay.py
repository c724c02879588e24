"""Opening a store without changing a byte of it: what SQLite writes stays in memory, and is gone at the end.

Opening a journal mends it: its log is copied into the main file, its head is brought up to date. A tool that judges a
store must see the store as it would be after that, and yet leave it as it is. So a layer beneath SQLite reads the files
and keeps changes to itself. Its locks are shared: a running exchange excludes a reader, readers do not exclude readers.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import apsw

from exchange.database import PAGE_BYTES

# As large as the pages of the store's databases, so that a page is read at once.
BLOCK_BYTES = PAGE_BYTES
SECTOR_BYTES = 4_096

_numbers = count(1)


@contextmanager
def read_only_storage(vfs: str | None) -> Iterator[str]:
    """The name of a layer over `vfs`, to be given as `vfs` to whatever opens the files."""
    overlay = Overlay(f"read-only-{next(_numbers)}", vfs or "")
    try:
        yield overlay.name
    finally:
        overlay.unregister()


class Overlay(apsw.VFS):
    """The layer: files by path, each with what was written to it."""

    def __init__(self, name: str, base: str) -> None:
        super().__init__(name, base)
        self.name = name
        self._base = base
        self._files: dict[str, Changes] = {}
        self._deleted: set[str] = set()

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's
        """A database is read from the disk as it is asked for; logs and journals are small, and are read whole."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        assert path is not None, "the store uses no temporary files"
        flags[1] = flags[0]
        if flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            return DatabaseFile(self._base, name, self._files.setdefault(path, Changes()))
        if path not in self._files or path in self._deleted:
            self._files[path] = Changes(b"" if path in self._deleted else _content(path, self._base, flags[0]))
            self._deleted.discard(path)
        return MemoryFile(self._files[path])

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        """Forget the file; the one on the disk stays."""
        self._deleted.add(filename)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        """Whether the file is there, for those who see it through this layer."""
        if pathname in self._deleted:
            return False
        return pathname in self._files or super().xAccess(pathname, flags)


class Changes:
    """What was written to one file: blocks by number. Of the file on the disk the first `base_bytes` count, if any."""

    def __init__(self, content: bytes = b"") -> None:
        self.blocks = {
            number: bytearray(content[number * BLOCK_BYTES :][:BLOCK_BYTES].ljust(BLOCK_BYTES, b"\0"))
            for number in range(-(-len(content) // BLOCK_BYTES))
        }
        self.size_bytes = len(content)
        self.base_bytes: int | None = None


class MemoryFile(apsw.VFSFile):
    """A file that lives in memory alone. SQLite calls every method that it needs here, so nothing lies beneath."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        """Bytes as they were written; fewer at the end of the file."""
        amount = max(0, min(amount, self._changes.size_bytes - offset))
        first, last = offset // BLOCK_BYTES, (offset + amount - 1) // BLOCK_BYTES
        start = offset - first * BLOCK_BYTES
        return b"".join(self._block(number) for number in range(first, last + 1))[start : start + amount]

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        """Keep what is written."""
        data = bytes(data)
        at = 0
        while at < len(data):
            number, start = divmod(offset + at, BLOCK_BYTES)
            length = min(len(data) - at, BLOCK_BYTES - start)
            if number not in self._changes.blocks:
                self._changes.blocks[number] = bytearray(self._block(number))
            block = self._changes.blocks[number]
            block[start : start + length] = data[at : at + length]
            at += length
        self._changes.size_bytes = max(self._changes.size_bytes, offset + len(data))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        """Cut the end off; what is written behind it later follows on zeros."""
        self.xWrite(bytes(max(0, min(self._changes.size_bytes - newsize, BLOCK_BYTES))), newsize)
        last = -(-newsize // BLOCK_BYTES)
        for number in [number for number in self._changes.blocks if number >= last]:
            del self._changes.blocks[number]
        self._changes.size_bytes = newsize

    def xFileSize(self) -> int:  # noqa: N802
        """The size as written."""
        return self._changes.size_bytes

    def xSync(self, flags: int) -> None:  # noqa: N802
        """There is nothing to sync."""

    def xLock(self, level: int) -> None:  # noqa: N802
        """Nobody else sees this file."""

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """Nobody else sees this file."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        """Nobody else sees this file."""
        return False

    def xClose(self) -> None:  # noqa: N802
        """What was written stays for whoever opens it again through this layer."""

    def xFileControl(self, op: int, ptr: int) -> bool:  # noqa: N802
        """No request is handled."""
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        """As of a disk."""
        return SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        """None that SQLite could make use of."""
        return 0

    def _block(self, number: int) -> bytes | bytearray:
        return self._changes.blocks.get(number, bytes(BLOCK_BYTES))


class DatabaseFile(MemoryFile):
    """A database on the disk, opened for reading, with what was written over it."""

    def __init__(self, base: str, name: str | apsw.URIFilename | None, changes: Changes) -> None:
        flags = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY
        self._file = apsw.VFSFile(base, name, [flags, 0])
        super().__init__(changes)
        if changes.base_bytes is None:
            changes.base_bytes = changes.size_bytes = self._file.xFileSize()

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        """Cut the end off, and let it not come back."""
        super().xTruncate(newsize)
        self._changes.base_bytes = min(self._base_bytes, newsize)

    def xLock(self, level: int) -> None:  # noqa: N802
        """However exclusive the wish, a shared lock does: nobody may write meanwhile."""
        self._file.xLock(min(level, apsw.SQLITE_LOCK_SHARED))

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """Down to what is asked for, which is never more than is held."""
        self._file.xUnlock(level)

    def xClose(self) -> None:  # noqa: N802
        """Release the file."""
        self._file.xClose()

    def _block(self, number: int) -> bytes | bytearray:
        block = self._changes.blocks.get(number)
        if block is not None:
            return block
        start = number * BLOCK_BYTES
        length = max(0, min(BLOCK_BYTES, self._base_bytes - start))
        return (self._file.xRead(length, start) if length else b"").ljust(BLOCK_BYTES, b"\0")

    @property
    def _base_bytes(self) -> int:
        assert self._changes.base_bytes is not None, "the file's size is taken when it is opened"
        return self._changes.base_bytes


def _content(path: str, base: str, flags: int) -> bytes:
    if not os.path.exists(path):
        return b""
    kind = flags & (apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL)
    file = apsw.VFSFile(base, path, [kind | apsw.SQLITE_OPEN_READONLY, 0])
    try:
        return file.xRead(file.xFileSize(), 0)
    finally:
        file.xClose()
