"""Storage that loses what was not synced: a layer of the test's own beneath SQLite.

Killing a process proves nothing about syncing, because the system still holds what it wrote. Here a write
goes to memory, which reads see, and reaches the file when it is synced. A process that dies takes the rest
with it, exactly as a machine that loses power does.

Modes:

- `drop`: nothing that was not synced has reached the file.
- `tear`: of each write a random part of its 512-byte sectors has reached the file at once, and a sync that
  is cut off by `crash_at` may or may not have taken place.

In one process, `UnsyncedLoss` crashes at any operation, and `power_loss()` forgets the memory:

    storage = UnsyncedLoss("name", mode="tear", seed=7)
    storage.crash_at(31)                       # operation 31 and all later ones fail
    ...                                        # Journal.open(directory, vfs="name", ...), append, ...
    storage.power_loss()                       # what was not synced is gone, the storage works again

In a child process, call `install` before anything opens a store. The layer becomes the default for every
apsw connection, so that the program under test needs no setting; then kill the child at any moment:

    python -c 'from tests.simulation.storage import install; install("loss", "tear", 7); serve()'

A sync that succeeds writes to the system, and no further: nobody pulls the plug of the machine that tests.

What is not simulated: names of files (creating, deleting and renaming take effect at once) and files that
SQLite does not write, such as the journal's head. A head that survives is the harder case: it must never be
ahead of the journal. Tests of an old, torn or missing head alter that file by hand.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import apsw

SECTOR_BYTES = 512
MODES = ("drop", "tear")
# Named once, before this layer may become the default itself.
SYSTEM_VFS = apsw.vfs_names()[0]

_installed: dict[str, "UnsyncedLoss"] = {}


def install(name: str, mode: str, seed: int, *, sync_s: float = 0) -> None:
    """Put the layer beneath every connection that this process opens from now on."""
    _installed[name] = UnsyncedLoss(name, mode, seed, sync_s=sync_s, make_default=True)


def installed(name: str) -> "UnsyncedLoss":
    """The layer that was put beneath every connection under this name."""
    return _installed[name]


@dataclass
class CachedFile:
    """What the process sees of one file, and the changes that the file on disk has not got for sure."""

    content: bytearray
    unsynced: list[tuple[int, bytes | None]] = field(default_factory=list)

    def write(self, offset: int, data: bytes) -> None:
        gap_bytes = offset - len(self.content)
        if gap_bytes > 0:
            self.content.extend(bytes(gap_bytes))
        self.content[offset : offset + len(data)] = data
        self.unsynced.append((offset, data))

    def truncate(self, size: int) -> None:
        del self.content[size:]
        self.unsynced.append((size, None))


class Fault(NamedTuple):
    """How one operation fails."""

    error: apsw.Error
    done_by_half: bool

    def name(self, operation: str) -> str:
        if isinstance(self.error, apsw.FullError):
            return "full disk"
        return f"{operation} done by half" if self.done_by_half else f"{operation} failed"


class UnsyncedLoss(apsw.VFS):
    """The layer itself. Operations that count are reads, writes, truncations and syncs, of all files."""

    def __init__(self, name: str, mode: str, seed: int, *, sync_s: float = 0, make_default: bool = False) -> None:
        """A sync takes `sync_s`, as on a disk, so that a kill can fall into it: its work is done half way through."""
        assert mode in MODES, mode
        super().__init__(name, SYSTEM_VFS, make_default)
        self.name = name
        self.tears = mode == "tear"
        self.sync_s = sync_s
        self.random = random.Random(seed)
        self.lock = threading.RLock()
        """One operation at a time: what is written and what is synced may come from several threads."""
        self.files: dict[str, CachedFile] = {}
        self.counts = {"read": 0, "write": 0, "sync": 0}
        self.met: Counter[str] = Counter()
        """The faults that operations met, by name."""
        self._faults: dict[tuple[str, int], Fault] = {}
        self._crash_at: int | None = None

    def fail_at(self, operation: str, nth: int, error: apsw.Error | None = None, *, done_by_half: bool = False) -> None:
        """Let the nth read, write or sync from now on fail, once; a write can first be done by half.

        A read that is done by half does not fail: it gives half of what it was asked for, as at the end of a file.
        """
        self._faults[operation, self.counts[operation] + nth] = Fault(error or apsw.IOError("injected"), done_by_half)

    def crash_at(self, nth: int) -> None:
        """Let the power fail at the nth change or sync from now on: nothing works until `power_loss`."""
        self._crash_at = self.changes + nth

    def power_loss(self) -> None:
        """Forget what the files have not got, and all faults. Close the connections before."""
        self.files.clear()
        self.mend()

    def mend(self) -> None:
        """Forget all faults to come: what was written and not synced is still there to be read."""
        self.forget_faults()
        self._crash_at = None

    def forget_faults(self) -> None:
        """Let no operation fail but for want of power."""
        self._faults.clear()

    @property
    def changes(self) -> int:
        """How many writes, truncations and syncs there have been."""
        return self.counts["write"] + self.counts["sync"]

    @property
    def crashed(self) -> bool:
        """Whether the power is off."""
        return self._crash_at is not None and self.changes >= self._crash_at

    def count(self, operation: str) -> None:
        """Count one operation, and raise if it is to fail."""
        self.counts[operation] += 1
        fault = self._faults.pop((operation, self.counts[operation]), None)
        if fault is not None:
            self.met[fault.name(operation)] += 1
            raise fault.error
        if self.crashed:
            raise apsw.IOError("the power is off")

    def is_next_by_half(self, operation: str) -> bool:
        """Whether the next operation of this kind is to be done by half."""
        fault = self._faults.get((operation, self.counts[operation] + 1))
        return fault is not None and fault.done_by_half

    def is_next_without_room(self) -> bool:
        """Whether the next write is to fail on a full disk."""
        fault = self._faults.get(("write", self.counts["write"] + 1))
        return fault is not None and isinstance(fault.error, apsw.FullError)

    def tosses_for_tear(self) -> bool:
        """Whether a change that cannot be torn, a sync or a truncation, reaches the disk early."""
        return self.tears and self.random.random() < 0.5

    def xOpen(self, name, flags):  # noqa: N802 - the names are SQLite's
        return UnsyncedLossFile(self, name, flags)

    def xDelete(self, name, sync_directory):  # noqa: N802
        if self.crashed:
            raise apsw.IOError("the power is off")
        self.files.pop(name, None)
        super().xDelete(name, sync_directory)


class UnsyncedLossFile(apsw.VFSFile):
    """One open file: locks and sizes of sectors are those of the real one beneath."""

    def __init__(self, storage: UnsyncedLoss, name, flags) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if not os.path.exists(path):  # moved away or removed by somebody other than SQLite
            storage.files.pop(path, None)
        super().__init__(SYSTEM_VFS, name, flags)
        self._storage = storage
        if path not in storage.files:
            storage.files[path] = CachedFile(bytearray(super().xRead(super().xFileSize(), 0)))
        self._file = storage.files[path]

    def xRead(self, amount, offset):  # noqa: N802
        with self._storage.lock:
            if self._storage.is_next_by_half("read"):
                amount //= 2
                with suppress(apsw.Error):
                    self._storage.count("read")
            else:
                self._storage.count("read")
            return bytes(self._file.content[offset : offset + amount])

    def xWrite(self, data, offset):  # noqa: N802
        with self._storage.lock:
            self._write(bytes(data), offset)

    def _write(self, data: bytes, offset: int) -> None:
        if self._storage.tears and not self._storage.crashed:
            # What finds no room does not reach the disk as a whole.
            self._write_torn(offset, data[: len(data) // 2] if self._storage.is_next_without_room() else data)
        if self._storage.is_next_by_half("write"):
            self._file.write(offset, data[: len(data) // 2])
        self._storage.count("write")
        self._file.write(offset, data)

    def xTruncate(self, size):  # noqa: N802
        with self._storage.lock:
            if not self._storage.crashed and size < super().xFileSize() and self._storage.tosses_for_tear():
                super().xTruncate(size)
            self._storage.count("write")
            self._file.truncate(size)

    def xSync(self, flags):  # noqa: N802
        with self._storage.lock:
            self._sync()

    def _sync(self) -> None:
        had_power = not self._storage.crashed
        try:
            self._storage.count("sync")
        except apsw.Error:
            if had_power and self._storage.crashed and self._storage.tosses_for_tear():
                self._write_back()
            # After a sync that failed the system believes the pages clean: no later sync writes them.
            self._file.unsynced.clear()
            raise
        time.sleep(self._storage.sync_s / 2)
        self._write_back()
        time.sleep(self._storage.sync_s / 2)

    def xFileSize(self):  # noqa: N802
        return len(self._file.content)

    def _write_back(self) -> None:
        for offset, data in self._file.unsynced:
            if data is None:
                super().xTruncate(offset)
            else:
                super().xWrite(data, offset)
        self._file.unsynced.clear()

    def _write_torn(self, offset: int, data: bytes) -> None:
        """Let some sectors reach the disk early: none, all, or each by chance."""
        share = self._storage.random.choice((0.0, 0.5, 1.0))
        for sector_offset, sector in sectors(offset, data):
            if self._storage.random.random() < share:
                super().xWrite(sector, sector_offset)


def sectors(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut a write at the boundaries of sectors."""
    start = 0
    while start < len(data):
        end = min(len(data), start + SECTOR_BYTES - (offset + start) % SECTOR_BYTES)
        yield offset + start, data[start:end]
        start = end


class Quota(apsw.VFS):
    """A disk on which one folder may hold so many bytes, in all of its files.

    A write that does not fit is done as far as it fits, and fails as on a full disk.
    """

    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(name, SYSTEM_VFS)
        self.name = name
        self.directory = directory
        self.bytes_max: int | None = None

    def leave_room(self, room_bytes: int) -> None:
        """Let so many bytes be free from now on."""
        self.bytes_max = self.used_bytes() + room_bytes

    def used_bytes(self) -> int:
        """In all files; one may go while another is looked at."""
        used_bytes = 0
        for path in self.directory.iterdir():
            with suppress(FileNotFoundError):
                used_bytes += path.stat().st_size
        return used_bytes

    def xOpen(self, name, flags):  # noqa: N802
        return QuotaFile(self, name, flags)


class QuotaFile(apsw.VFSFile):
    """One file on such a disk."""

    def __init__(self, disk: Quota, name, flags) -> None:
        super().__init__(SYSTEM_VFS, name, flags)
        self._disk = disk

    def xWrite(self, data, offset):  # noqa: N802
        growth_bytes = offset + len(data) - self.xFileSize()
        if growth_bytes > 0 and self._disk.bytes_max is not None:
            lacking_bytes = self._disk.used_bytes() + growth_bytes - self._disk.bytes_max
            if lacking_bytes > 0:
                fitting = bytes(data)[: max(0, len(data) - lacking_bytes)]
                if fitting:
                    super().xWrite(fitting, offset)
                raise apsw.FullError("no room")
        super().xWrite(data, offset)
