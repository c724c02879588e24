"""Memory for arrays that lie as the processor and the system like it."""

import mmap
from contextlib import suppress
from typing import Any

import numpy as np

CACHE_LINE_BYTES = 64
HUGE_PAGE_BYTES = 1 << 21
PAGE_BYTES = 4_096
"""The smallest that a system gives out."""


def aligned_zeros(length: int, dtype: Any) -> np.ndarray:
    """Zeroed records that begin on a cache line, so that none of up to 64 bytes lies across two.

    Large ones begin on a huge page, and the system is asked to back them by such pages: what is touched at random
    then costs no walk through page tables.
    """
    size = length * np.dtype(dtype).itemsize
    if size < HUGE_PAGE_BYTES:
        return _aligned(np.zeros(size + CACHE_LINE_BYTES, np.uint8), size, CACHE_LINE_BYTES).view(dtype)
    pages = mmap.mmap(-1, size + 2 * HUGE_PAGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a system without them serves all the same
            pages.madvise(mmap.MADV_HUGEPAGE)
    return _aligned(np.frombuffer(pages, np.uint8), size, HUGE_PAGE_BYTES).view(dtype)


def give_out(array: np.ndarray, items: int | None = None) -> None:
    """Have the system give memory for the first so many items, or for all, whatever they hold.

    It would otherwise do so when each page is first used, and whoever uses it waits: on a virtual machine for
    milliseconds.
    """
    pages = array[:items].view(np.uint8)[::PAGE_BYTES]
    pages |= np.uint8(0)


def _aligned(memory: np.ndarray, size: int, boundary: int) -> np.ndarray:
    """So many bytes of a larger piece of memory, from a multiple of the boundary on."""
    start = -memory.ctypes.data % boundary
    return memory[start : start + size]
