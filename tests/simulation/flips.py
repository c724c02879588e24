"""Flipped bits of a store, and what a start makes of what is left of it."""

from pathlib import Path

from exchange.journal import Journal
from exchange.recovery import Recovered, recover
from exchange.snapshots import SnapshotStore
from exchange.store_errors import StoreError
from exchange.venue.state import VenueLimits
from tests.simulation.traffic import LIMITS


def flip_bit(path: Path, bit: int) -> None:
    """Flip one bit of a file, and leave all others alone."""
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


def recover_from(directory: Path, storage: str | None, journal: Journal, limits: VenueLimits) -> Recovered:
    """As a start does it, which sets a file of snapshots past opening aside and goes on without."""
    try:
        with SnapshotStore.open(directory, create=False, vfs=storage) as snapshots:
            return recover(journal, snapshots, limits)
    except StoreError:
        with SnapshotStore.open(directory / "none") as snapshots:
            return recover(journal, snapshots, limits)


def recover_store(directory: Path) -> Recovered:
    """The market of a simulated store, which a start may mend on the way. Raises the journal's errors."""
    with Journal.open(directory, rules_version=LIMITS.rules_version(), create=False) as journal:
        return recover_from(directory, None, journal, LIMITS)
