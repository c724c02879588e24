"""What was freed is kept: arrays of the same size come without new pages. What stays is left alone."""

import gc
import platform
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exchange.allocation import OLD_PASSES, keep_freed_memory, lay_into_large_pages, leave_what_stays

BYTES = 1 << 20
ROUNDS = 100


def new_pages() -> int:
    """How many the system gives out while arrays come and go, after the first."""
    np.ones(BYTES, np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(ROUNDS):
        np.ones(BYTES, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are left as they are")
def test_an_array_that_was_freed_makes_room_for_the_next_one_without_new_pages() -> None:
    told = subprocess.run([sys.executable, "-m", __name__], check=True, capture_output=True, text=True)
    assert int(told.stdout) < ROUNDS


def test_what_is_there_is_looked_through_no_more_and_what_grows_old_rarely() -> None:
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    staying = [[]]
    try:
        leave_what_stays()
        assert gc.get_freeze_count() > frozen
        assert not any(each is staying for each in gc.get_objects())
        assert gc.get_threshold() == (*thresholds[:2], OLD_PASSES)
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def large_kib() -> int:
    """Of the memory of this process in large pages."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages"))


def is_collapsing() -> bool:
    """Whether this is a system that can, as its version says."""
    if sys.platform != "linux" or not Path("/sys/kernel/mm/transparent_hugepage").exists():
        return False
    major, minor = map(int, re.findall(r"\d+", platform.release())[:2])
    return (major, minor) >= (6, 1)


@pytest.mark.skipif(not is_collapsing(), reason="only Linux 6.1 and later lays out memory anew")
def test_many_small_things_lie_in_large_pages_and_are_what_they_were() -> None:
    told = subprocess.run([sys.executable, "-m", __name__, "large"], check=True, capture_output=True, text=True)
    before_kib, after_kib, laid_bytes, is_same = told.stdout.split()
    assert int(after_kib) - int(before_kib) > 30 << 10
    assert int(laid_bytes) >= 30 << 20
    assert is_same == "True"


if __name__ == "__main__" and sys.argv[1:] == ["large"]:
    things = [bytes([number % 251]) * 100 for number in range(400_000)]
    print(large_kib())
    laid_bytes = lay_into_large_pages()
    print(large_kib(), laid_bytes)
    print(things == [bytes([number % 251]) * 100 for number in range(400_000)])
elif __name__ == "__main__":
    keep_freed_memory()
    print(new_pages())
