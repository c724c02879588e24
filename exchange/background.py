"""Work that nobody waits for, in threads that give way to those that trade."""

import os
import sys
import threading

NICENESS = 19


def give_way() -> None:
    """Let this thread have what others leave of a busy machine. Where the system ranks no single threads it stays."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
