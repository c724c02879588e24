"""`bwx` on a disk whose next sync fails as soon as a line comes on standard input, and never before.

python -m tests.simulation.serve_child serve --directory STORE
"""

import sys
import threading

from gateway.cli import app
from tests.simulation.storage import install, installed


def main() -> None:
    """Put the layer beneath every store, then be the command."""
    install("failing", "drop", seed=1)
    threading.Thread(target=fail_when_told, daemon=True).start()
    app()


def fail_when_told() -> None:
    """Wait for the line."""
    if sys.stdin.readline():
        installed("failing").fail_at("sync", 1)


if __name__ == "__main__":
    main()
