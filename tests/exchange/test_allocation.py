"""What was freed is kept: arrays of the same size come without new pages. What stays is left alone."""

import gc
import resource
import subprocess
import sys

import numpy as np
import pytest

from exchange.allocation import OLD_PASSES, keep_freed_memory, leave_what_stays

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


if __name__ == "__main__":
    keep_freed_memory()
    print(new_pages())
