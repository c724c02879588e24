"""What was freed is kept: arrays of the same size come without new pages."""

import resource
import subprocess
import sys

import numpy as np
import pytest

from exchange.allocation import keep_freed_memory

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


if __name__ == "__main__":
    keep_freed_memory()
    print(new_pages())
