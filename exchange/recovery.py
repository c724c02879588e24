"""From a directory back to a market: the newest good snapshot, then every later row of the journal.

A snapshot is used only if everything about it is right: its checksum, the rules it was made under, the journal's hash
at its sequence, and the digest of the state that comes out of it. Otherwise an older one serves, or the journal
alone. `verify` trusts no snapshot: it replays from the first row and compares.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson

from exchange.journal import Journal
from exchange.published import Published
from exchange.read_ahead import ReadAhead
from exchange.snapshots import Snapshot, SnapshotStore
from exchange.store_errors import JournalCorrupt, StoreError
from exchange.venue.image import LAYOUTS, Image, digest
from exchange.venue.machine import Venue
from exchange.venue.state import VenueLimits
from exchange.view import MarketView
from matching.schema import ORDER_COMMAND

HEADER_BYTES_MAX = 4_096
"""Of the line that counts, with room for as many subjects again."""

Progress = Callable[[int, int], None]
"""Told (records done, records in all) while rows are replayed."""


@dataclass
class Recovered:
    """A market as it stood after the last durable row."""

    venue: Venue
    view: MarketView
    sequence: int
    replayed_records: int
    notices: list[str] = field(default_factory=list)


def recover(
    journal: Journal, snapshots: SnapshotStore, limits: VenueLimits, progress: Progress | None = None
) -> Recovered:
    """Rebuild the market. Raises the journal's StoreErrors if a row cannot be trusted."""
    recovered = _newest_good(journal, snapshots, limits)
    for published in replay(recovered.venue, journal, recovered.sequence + 1):
        recovered.view.apply(published)
        recovered.sequence = published.first_sequence + len(published.commands) - 1
        recovered.replayed_records += len(published.commands)
        if progress is not None:
            progress(recovered.sequence, journal.last_sequence)
    return recovered


def replay(venue: Venue, journal: Journal, from_sequence: int) -> Iterator[Published]:
    """Apply every row from a sequence on, and give what each one published.

    Rows are read and proved in another thread: until the end, the journal belongs to it.
    """
    with ReadAhead(journal.read(from_sequence)) as rows:
        for row in rows:
            commands = np.frombuffer(row.payload, ORDER_COMMAND)
            events = venue.apply(commands, row.first_sequence)
            yield Published(row.first_sequence, row.time_ns, commands, events)


def snapshot_of(
    image: Image, view_dump: bytes | memoryview, chain_hash: bytes, sequence: int, time_ns: int, rules: str
) -> Snapshot:
    """A snapshot of a market after the row that ends at `sequence`."""
    return Snapshot(sequence, chain_hash, digest(image), rules, time_ns, pack(image, view_dump))


def pack(image: Image, view_dump: bytes | memoryview) -> memoryview:
    """An image and a read model as bytes: a line that counts, then all records, then the read model."""
    counts = {name: len(image[name]) for name in LAYOUTS}
    header = orjson.dumps({"counts": counts, "view_bytes": len(view_dump)}) + b"\n"
    parts = [np.frombuffer(header, np.uint8), *(image[name].view(np.uint8) for name in LAYOUTS)]
    # Not by joining bytes, which would hold every other thread up for as long as a large copy takes.
    return np.concatenate([*parts, np.frombuffer(view_dump, np.uint8)]).data


def unpack(payload: bytes | memoryview) -> tuple[dict[str, np.ndarray], memoryview]:
    """What `pack` packed. Raises ValueError for other bytes."""
    header_bytes, _, _ = bytes(payload[:HEADER_BYTES_MAX]).partition(b"\n")
    body = np.frombuffer(payload, np.uint8)[len(header_bytes) + 1 :]
    image: dict[str, np.ndarray] = {}
    at = 0
    try:
        header = orjson.loads(header_bytes)
        for name, layout in LAYOUTS.items():
            count = header["counts"][name]
            # Kernels are compiled for arrays that can be written to.
            image[name] = np.frombuffer(body, layout, count, at).copy()
            at += count * layout.itemsize
        view_bytes = header["view_bytes"]
    except (LookupError, TypeError) as error:
        raise ValueError(f"a snapshot without the header that this version writes: {error!r}") from error
    if len(body) - at != view_bytes:
        raise ValueError("a snapshot has other bytes than its header says")
    return image, body[at:].data


@dataclass
class Verdict:
    """What `verify` found."""

    rows: int = 0
    records: int = 0
    events: int = 0
    trades: int = 0
    state_digest: str = ""
    chain_hash: str = ""
    snapshots_compared: int = 0
    faults: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def verify(directory: Path, limits: VenueLimits, progress: Progress | None = None) -> Verdict:
    """Replay a store from its first row, and compare chain, head, and the digest of every snapshot.

    What is wrong ends up in `faults`, the first bad row by its sequence; nothing is mended.
    """
    verdict = Verdict()
    try:
        with Journal.open(directory, rules_version=limits.rules_version(), create=False) as journal:
            verdict.notices += journal.notices
            _verify_rows(journal, _snapshot_digests(directory, verdict), limits, verdict, progress)
    except StoreError as error:
        verdict.faults.append(str(error))
    return verdict


def _verify_rows(
    journal: Journal, expected: dict[int, Snapshot], limits: VenueLimits, verdict: Verdict, progress: Progress | None
) -> None:
    venue = Venue(limits)
    chain_hashes = {sequence: journal.hash_at(sequence) for sequence in expected}
    for published in replay(venue, journal, 1):
        sequence = published.first_sequence + len(published.commands) - 1
        verdict.rows += 1
        verdict.records += len(published.commands)
        verdict.events += len(published.events)
        if sequence in expected:
            _compare(chain_hashes[sequence], expected.pop(sequence), venue, verdict)
        if progress is not None:
            progress(sequence, journal.last_sequence)
    verdict.trades = int(venue.state.book.counters[0]["trades"])
    verdict.state_digest = venue.digest().hex()
    verdict.chain_hash = journal.last_hash.hex()
    verdict.faults += [f"the snapshot at sequence {other} ends inside a row or after the journal" for other in expected]


def _compare(chain_hash: bytes | None, snapshot: Snapshot, venue: Venue, verdict: Verdict) -> None:
    verdict.snapshots_compared += 1
    if snapshot.chain_hash != chain_hash:
        verdict.faults.append(f"the snapshot at sequence {snapshot.sequence} belongs to another journal")
    if snapshot.state_digest != venue.digest():
        verdict.faults.append(f"the replay differs from the snapshot at sequence {snapshot.sequence}")


def _snapshot_digests(directory: Path, verdict: Verdict) -> dict[int, Snapshot]:
    try:
        with SnapshotStore.open(directory, create=False) as store:
            good = {snapshot.sequence: snapshot for snapshot in store.newest_first()}
            verdict.notices += store.notices
            return good
    except StoreError as error:
        verdict.notices.append(f"no snapshots are compared: {error}")
        return {}


def _newest_good(journal: Journal, snapshots: SnapshotStore, limits: VenueLimits) -> Recovered:
    notices: list[str] = []
    for snapshot in snapshots.newest_first():
        try:
            recovered = _restored(journal, snapshot, limits)
            break
        except (ValueError, JournalCorrupt) as error:
            notices.append(f"the snapshot at sequence {snapshot.sequence} is left out: {error}")
    else:
        recovered = Recovered(Venue(limits), MarketView(), 0, 0)
    recovered.notices = notices + snapshots.notices
    return recovered


def _restored(journal: Journal, snapshot: Snapshot, limits: VenueLimits) -> Recovered:
    if snapshot.rules_version != limits.rules_version():
        raise ValueError(f"it was made under rules {snapshot.rules_version!r}")
    if snapshot.chain_hash != journal.hash_at(snapshot.sequence):
        raise ValueError("it belongs to another journal")
    image, view_dump = unpack(snapshot.payload)
    venue = Venue.from_image(image, limits)
    if venue.digest() != snapshot.state_digest:
        raise ValueError("its state has another digest than it says")
    return Recovered(venue, MarketView.load(view_dump), snapshot.sequence, 0)
