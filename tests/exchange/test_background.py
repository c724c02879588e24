"""What nobody waits for gives way, and nothing else does."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from exchange.background import NICENESS, give_way


@pytest.mark.skipif(sys.platform != "linux", reason="this system ranks no single threads")
def test_a_thread_that_gives_way_leaves_the_others_as_they_are() -> None:
    before = niceness()
    with ThreadPoolExecutor(1, initializer=give_way) as pool:
        assert pool.submit(niceness).result() == NICENESS
        assert niceness() == before


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
