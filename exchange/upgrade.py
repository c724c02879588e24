"""Bringing a store of older rules forward: its last state becomes the first of the new rules.

    old journal … last row │ snapshot at its end ─▶ read by names ─▶ base + first row under the new rules │ …

This program cannot decide the old rows again, so it begins where the old program stopped: at the snapshot that an
exchange takes when it is closed. The base and the row that names it become durable in one transaction: a store is
upgraded or it is not. There is no way back but a backup.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from exchange.bases import encode, first_records
from exchange.forward import (
    READABLE_ENGINES,
    beyond_bounds,
    complete_view,
    lost_fields,
    note_short,
    read_image,
    read_view,
)
from exchange.journal import Journal
from exchange.recovery import snapshot_of
from exchange.snapshots import Snapshot, SnapshotStore
from exchange.store_errors import UpgradeRefused
from exchange.venue import state
from exchange.venue.machine import Venue
from exchange.venue.state import VenueLimits

NAMED_MAX = 10
"""So many reasons of one kind are told, not all."""


@dataclass(frozen=True)
class Upgraded:
    """A store under the rules of this program; with `from_rules` equal to `to_rules` it was so before."""

    from_rules: str
    to_rules: str
    sequence: int
    """Of the last record under the old rules."""


def upgrade(
    directory: Path, limits: VenueLimits, progress: Callable[[int, int], None] | None = None, *, vfs: str | None = None
) -> Upgraded:
    """Prove a stopped store's whole chain, then let it go on under this program's rules.

    Raises UpgradeRefused, with the reason, or another StoreError; the store is then as it was.
    """
    rules = limits.rules_version()
    with ExitStack() as opened:
        journal = opened.enter_context(Journal.open(directory, rules_version=None, create=False, vfs=vfs))
        old_rules, end = journal.newest_rules or rules, journal.last_sequence
        if old_rules != rules:
            _check_engine(journal, old_rules)
            _prove_all(journal, progress)
            snapshots = opened.enter_context(SnapshotStore.open(directory, vfs=vfs))
            base = _forward(journal, _snapshot_at_end(journal, snapshots, old_rules), limits)
            encoded = encode(base)
            journal.begin_rules(rules, base.time_ns, first_records(base.time_ns, encoded).tobytes(), encoded)
    return Upgraded(old_rules, rules, end)


def _check_engine(journal: Journal, rules: str) -> None:
    engine = rules.partition(":")[0]
    if engine not in READABLE_ENGINES | {state.ENGINE_VERSION}:
        reason = f"its rules are {rules!r}, and this program does not read engine {engine!r}"
        raise UpgradeRefused(journal.path, f"{reason}; upgrade with the versions in between, one after the other")


def _prove_all(journal: Journal, progress: Callable[[int, int], None] | None) -> None:
    for row in journal.read(journal.first_sequence, any_rules=True):
        if progress is not None:
            progress(row.last_sequence, journal.last_sequence)


def _snapshot_at_end(journal: Journal, snapshots: SnapshotStore, rules: str) -> Snapshot:
    expected = journal.last_sequence, journal.last_hash, rules
    for snapshot in snapshots.newest_first():
        if (snapshot.sequence, snapshot.chain_hash, snapshot.rules_version) == expected:
            return snapshot
    raise UpgradeRefused(
        journal.path,
        f"no good snapshot stands at its end, sequence {journal.last_sequence}; start and stop the store once with the "
        f"program of rules {rules!r}, which takes one",
    )


def _forward(journal: Journal, snapshot: Snapshot, limits: VenueLimits) -> Snapshot:
    """The same market under the rules of this program, restored once and compared field by field."""
    try:
        stored, image, view_dump = read_image(bytes(snapshot.payload))
        beyond = beyond_bounds(image)
        if beyond:
            raise UpgradeRefused(journal.path, f"these rules cannot reckon with it: {', '.join(beyond[:NAMED_MAX])}")
        venue = Venue.from_image(image, limits)
        note_short(venue)
        view = read_view(view_dump)
        complete_view(view, venue)
    except (ValueError, LookupError, TypeError) as error:
        raise UpgradeRefused(journal.path, f"its snapshot cannot be read under these rules: {error!r}") from error
    restored = venue.image()
    lost = lost_fields(stored, restored)
    if lost:
        raise UpgradeRefused(journal.path, f"these rules would change {', '.join(lost)}")
    sequence, time_ns = snapshot.sequence, venue.time_ns
    return snapshot_of(restored, view.dump(), snapshot.chain_hash, sequence, time_ns, limits.rules_version())
