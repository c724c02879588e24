"""How this process holds memory: what was freed is kept for what comes next, and what stays is left alone."""

import ctypes
import gc
import sys

# Names and numbers of mallopt in GNU's C library.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 256 << 20
FROM_HEAP_BYTES = 32 << 20
"""The largest that the library takes there."""

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
