"""Syncing a database's log while others work: a commit waits for the disk, and most of what follows on it does not."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter_ns

import apsw

YIELDS_MAX = 8 if hasattr(os, "sched_yield") else 0
"""One does as a rule; some more do where a third thread wants the same core."""
SPIN_NS = 1_000_000
"""So long at most is a sync waited for without rest: a disk that takes longer is no faster for it."""


class LogSync:
    """Brings what was written to a log onto the disk, in a thread of its own: one sync at a time.

    SQLite syncs a log within a commit or not at all. So the database is one that does not (`synchronous` is NORMAL),
    and a commit is durable once the sync that was begun after it is over.
    """

    def __init__(self, path: Path, vfs: str | None) -> None:
        """`path` is the database's; its log has to be there when the first sync begins."""
        self._path = f"{path}-wal"
        self._vfs = vfs
        self._thread: threading.Thread | None = None
        self._sync: Callable[[], None]
        self._release: Callable[[], None]
        self._is_open = False
        self._is_under_way = False
        self._is_at_disk = False
        """Whether the thread has come so far as to ask for the sync."""
        self._is_closing = False
        self._error: BaseException | None = None
        # Two locks, each of which the one side waits for and the other opens.
        self._begun, self._ended = threading.Lock(), threading.Lock()
        self._begun.acquire()
        self._ended.acquire()

    def begin(self) -> None:
        """Have the disk begin; `wait` tells what came of it. Raises apsw.Error or OSError."""
        assert not self._is_under_way, "one sync at a time"
        if self._thread is None:
            self._open()
            self._thread = threading.Thread(target=self._serve, name="log-sync", daemon=True)
            self._thread.start()
        self._is_under_way, self._is_at_disk = True, False
        self._begun.release()
        for _ in range(YIELDS_MAX):
            # Where both share a core, the disk would otherwise stand still until this thread does.
            os.sched_yield()
            if self._is_at_disk:
                break

    def wait(self, *, spins: bool = False) -> None:
        """Return once the sync is over. Raises apsw.Error or OSError where it failed.

        Who `spins` keeps the core awake meanwhile. One that sleeps is woken two or three times in a sync, for the data,
        for the flush and for whoever waits, and on a virtual machine each takes from tens of microseconds to
        milliseconds. Others who want the core or the interpreter get it.
        """
        if not (spins and self._is_over_soon()):
            self._ended.acquire()
        self._is_under_way = False
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _is_over_soon(self) -> bool:
        """Whether it is over, after some waiting without rest; who is told so has acquired what ends it."""
        if not YIELDS_MAX:
            return False
        until_ns = perf_counter_ns() + SPIN_NS
        while not self._ended.acquire(blocking=False):
            if perf_counter_ns() > until_ns:
                return False
            os.sched_yield()
        return True

    def run(self) -> None:
        """Sync in the caller's thread. Raises apsw.Error or OSError."""
        assert not self._is_under_way, "one sync at a time"
        self._open()
        self._sync()

    def close(self) -> None:
        """End the thread, after the sync under way."""
        if self._thread is not None:
            if self._is_under_way:
                with suppress(apsw.Error, OSError):
                    self.wait()
            self._is_closing = True
            self._begun.release()
            self._thread.join()
            self._thread = None
        if self._is_open:
            self._is_open = False
            with suppress(apsw.Error, OSError):
                self._release()

    def _open(self) -> None:
        """A file of the system is synced with the interpreter's lock free; any other as its layer does it."""
        if self._is_open:
            return
        is_of_system = (self._vfs or apsw.vfs_names()[0]) == "unix"
        if is_of_system and sys.platform == "linux":
            descriptor = os.open(self._path, os.O_RDWR)
            self._sync = lambda: os.fdatasync(descriptor)
            self._release = lambda: os.close(descriptor)
        else:
            flags = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_READWRITE
            log = apsw.VFSFile(self._vfs or "", self._path, [flags, 0])
            self._sync = lambda: log.xSync(apsw.SQLITE_SYNC_FULL)
            self._release = log.xClose
        self._is_open = True

    def _serve(self) -> None:
        while True:
            self._begun.acquire()
            if self._is_closing:
                return
            try:
                self._is_at_disk = True
                self._sync()
            except BaseException as error:
                self._error = error
            self._ended.release()
