"""`bwx` on a disk whose next sync fails as soon as a line comes on standard input, and never before.

python -m tests.simulation.serve_child serve --directory STORE
"""

import sys
import threading
import time

from gateway.cli import app
from tests.simulation.storage import install, installed

MISSED_S = 0.5
"""A disk that is written to syncs within that time."""


def main() -> None:
    """Put the layer beneath every store, then be the command."""
    install("failing", "drop", seed=1)
    threading.Thread(target=fail_when_told, daemon=True).start()
    app()


def fail_when_told() -> None:
    """Wait for the line. Other threads sync meanwhile, so that the next sync may be over before it is told to fail."""
    if sys.stdin.readline():
        disk = installed("failing")
        while not disk.met:
            disk.forget_faults()
            disk.fail_at("sync", 1)
            time.sleep(MISSED_S)


if __name__ == "__main__":
    main()
