"""How this process holds memory: what was freed is kept for what comes next, and what stays is left alone."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from pathlib import Path

# Names and numbers of mallopt in GNU's C library.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 256 << 20
FROM_HEAP_BYTES = 32 << 20
"""The largest that the library takes there."""

LARGE_PAGE_BYTES = 1 << 21
# The number of Linux's madvise, from 6.1 on.
MADV_COLLAPSE = 25

OLD_PASSES = 100
"""So many looks at what is not quite young go by before one at all that is old. Python's own number is ten."""


def keep_freed_memory() -> None:
    """Let arrays of a batch lie where those of the batch before did.

    Otherwise each of some hundred kilobytes comes from the system and goes back to it, and every page of it has to be
    cleared anew: on a virtual machine that takes a sixth of all time. Other libraries than GNU's are left as they are.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, FROM_HEAP_BYTES)
            mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def leave_what_stays() -> None:
    """Look for garbage no more in what is there now, and rarely in what grows old.

    To look through all that is old stops every thread: for milliseconds, about once a second where many orders come.
    Little of it ever is garbage, since what nobody refers to goes at once.
    """
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], OLD_PASSES)


def lay_into_large_pages() -> int:
    """Have what is in memory now in pages of two megabytes, where the system can. Returns in how many bytes.

    Virtual machines look for memory that nobody uses page by page, and take each page from the processor's tables for
    that: whoever comes back to it after a moment's rest waits for the host. With pages of 4 KiB that was 25
    microseconds a page after 0.3 s, and tens of milliseconds for the first order; with large ones it was a hundredth.
    Arrays of megabytes lie in such pages anyway.
    """
    if sys.platform != "linux":
        return 0
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    pages = 0
    for begin, end in _own_memory():
        first = -(-begin // LARGE_PAGE_BYTES) * LARGE_PAGE_BYTES
        for at in range(first, end - LARGE_PAGE_BYTES + 1, LARGE_PAGE_BYTES):
            pages += madvise(at, LARGE_PAGE_BYTES, MADV_COLLAPSE) == 0
    return pages * LARGE_PAGE_BYTES


def _own_memory() -> Iterator[tuple[int, int]]:
    """Where there is memory of no file that this process shares with nobody."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        bounds, rights, _, _, _, *name = line.split(maxsplit=5)
        if rights[0] == "r" and rights[3] == "p" and name in ([], ["[heap]"]):
            begin, _, end = bounds.partition("-")
            yield int(begin, 16), int(end, 16)
