"""Whether a store can be trusted: its chain from the first row on, and every state that follows from it.

No snapshot is trusted: rows are replayed from the first, or from the base that the newest rules began with, and
snapshots are compared with what comes out. Only where a journal was trimmed its oldest snapshot has to be taken at its
word. Nothing is written: what opening a store would mend is mended in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from exchange.journal import Journal
from exchange.journal_rows import JournalRow
from exchange.overlay import read_only_storage
from exchange.recovery import Progress, Recovered, beginning, oldest_good
from exchange.snapshots import Snapshot, SnapshotStore
from exchange.store_errors import JournalOfOtherRules, StoreError
from exchange.venue.machine import Venue
from exchange.venue.state import VenueLimits
from matching.schema import ORDER_COMMAND


@dataclass
class Verdict:
    """What `verify` found."""

    rows: int = 0
    records: int = 0
    first_sequence: int = 1
    """With which the journal begins: what was trimmed before it cannot be proved any more."""
    replayed_from: int = 0
    """The first sequence that was replayed: of what stands before it only the chain was proved."""
    events: int = 0
    trades: int = 0
    state_digest: str = ""
    chain_hash: str = ""
    snapshots_compared: int = 0
    faults: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def verify(
    directory: Path, limits: VenueLimits, progress: Progress | None = None, *, vfs: str | None = None
) -> Verdict:
    """Replay a store, and compare chain, head, and the digest of every snapshot. No byte of it changes.

    What is wrong ends up in `faults`, the first bad row by its sequence.
    """
    verdict = Verdict()
    rules = limits.rules_version()
    try:
        with (
            read_only_storage(vfs) as storage,
            Journal.open(directory, rules_version=rules, create=False, vfs=storage, read_only=True) as journal,
        ):
            verdict.notices += journal.notices
            verdict.first_sequence = journal.first_sequence
            expected = _snapshots(directory, rules, storage, verdict)
            _verify_rows(journal, _began(journal, directory, limits, storage), expected, verdict, progress)
    except StoreError as error:
        verdict.faults.append(str(error))
    return verdict


def _began(journal: Journal, directory: Path, limits: VenueLimits, storage: str) -> Recovered:
    """What the replay begins with. Raises the journal's StoreErrors."""
    if journal.first_sequence == 1 or journal.bases():
        return beginning(journal, limits)
    try:
        snapshots = SnapshotStore.open(directory, create=False, vfs=storage)
    except StoreError as error:
        return beginning(journal, limits, [str(error)])
    with snapshots:
        return oldest_good(journal, snapshots, limits)


def _verify_rows(
    journal: Journal, began: Recovered, expected: dict[int, Snapshot], verdict: Verdict, progress: Progress | None
) -> None:
    venue = began.venue
    verdict.replayed_from = began.sequence + 1
    if journal.first_sequence > 1:
        _tell_what_is_gone(journal, began, expected, verdict)
    for row in _rows(journal, began):
        verdict.rows += 1
        verdict.records += row.count
        if row.first_sequence > began.sequence:
            verdict.events += len(venue.run(np.frombuffer(row.payload, ORDER_COMMAND), row.first_sequence))
        if row.last_sequence in expected:
            _compare(journal, expected.pop(row.last_sequence), venue, verdict)
        if progress is not None:
            progress(row.last_sequence, journal.last_sequence)
    verdict.trades = int(venue.state.book.counters[0]["trades"])
    verdict.state_digest = venue.digest().hex()
    verdict.chain_hash = journal.last_hash.hex()
    verdict.faults += [f"the snapshot at sequence {other} ends inside a row or after the journal" for other in expected]


def _tell_what_is_gone(journal: Journal, began: Recovered, expected: dict[int, Snapshot], verdict: Verdict) -> None:
    """Of a trimmed journal. The snapshot that the replay begins with is not compared, nor are those before it."""
    verdict.notices.append(
        f"the journal begins at sequence {journal.first_sequence}: what came before was trimmed, and cannot be proved "
        "any more"
    )
    if journal.bases():
        return
    verdict.notices.append(
        f"the snapshot at sequence {began.sequence} is taken at its word: the replay begins there, and of rows before "
        "it only the chain is proved"
    )
    for sequence in [each for each in expected if each <= began.sequence]:
        snapshot = expected.pop(sequence)
        if sequence < journal.anchor.sequence:
            verdict.notices.append(f"the snapshot at sequence {sequence} stands before the journal's first row")
        elif snapshot.chain_hash != journal.hash_at(sequence):
            verdict.faults.append(f"the snapshot at sequence {sequence} belongs to another journal")
        elif sequence < began.sequence:
            verdict.faults.append(f"the snapshot at sequence {sequence} does not give the state that it tells of")


def _rows(journal: Journal, began: Recovered) -> Iterator[JournalRow]:
    """Every row, proved; from the beginning of the newest rules on, only theirs."""
    for row in journal.read(journal.first_sequence, any_rules=True):
        if row.first_sequence > began.sequence and row.rules_version != journal.newest_rules:
            rules = str(journal.newest_rules)
            raise JournalOfOtherRules(journal.path, row.first_sequence, row.rules_version, rules)
        yield row


def _compare(journal: Journal, snapshot: Snapshot, venue: Venue, verdict: Verdict) -> None:
    verdict.snapshots_compared += 1
    if snapshot.chain_hash != journal.hash_at(snapshot.sequence):
        verdict.faults.append(f"the snapshot at sequence {snapshot.sequence} belongs to another journal")
    if snapshot.state_digest != venue.digest():
        verdict.faults.append(f"the replay differs from the snapshot at sequence {snapshot.sequence}")


def _snapshots(directory: Path, rules: str, storage: str, verdict: Verdict) -> dict[int, Snapshot]:
    """Those that can be compared, without their payloads; the others are told of."""
    try:
        with SnapshotStore.open(directory, create=False, vfs=storage) as store:
            good = {}
            for snapshot in store.newest_first():
                if snapshot.rules_version == rules:
                    good[snapshot.sequence] = snapshot._replace(payload=b"")
                else:
                    verdict.notices.append(f"the snapshot at sequence {snapshot.sequence} is of other rules")
            verdict.notices += store.notices
            return good
    except StoreError as error:
        verdict.notices.append(f"no snapshots are compared: {error}")
        return {}
