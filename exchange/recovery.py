"""From a directory back to a market: the newest good snapshot, then every later row of the journal.

A snapshot is used only if everything about it is right: its checksum, the rules it was made under, the journal's hash
at its sequence, and the digest of the state that comes out of it. Otherwise an older one serves, or the journal
alone: from its first row, or from the base that its newest rules began with. A journal that was trimmed has no first
row to begin from: it takes the base, if that is left, or one of its snapshots.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import orjson

from exchange.bases import newest_base
from exchange.journal import Journal
from exchange.published import Published
from exchange.read_ahead import ReadAhead
from exchange.snapshots import Snapshot, SnapshotStore
from exchange.store_errors import JournalCorrupt, JournalTrimmed
from exchange.venue.image import LAYOUTS, Image, digest
from exchange.venue.machine import Venue
from exchange.venue.state import VenueLimits
from exchange.view import MarketView
from kernels.records import copied
from matching.arena import touch
from matching.schema import ORDER_COMMAND

HEADER_BYTES_MAX = 1 << 16
"""Of the line that counts, with room for as many subjects again."""

Progress = Callable[[int, int], None]
"""Told (records done, records in all) while rows are replayed."""

_STORED_LAYOUTS = {name: [[*field] for field in layout.descr] for name, layout in LAYOUTS.items()}


@dataclass
class Recovered:
    """A market as it stood after the last durable row."""

    venue: Venue
    view: MarketView
    sequence: int
    replayed_records: int
    notices: list[str] = field(default_factory=list)

    def make_ready(self, orders: int) -> None:
        """Have room for so many orders more, and memory for them, before anybody waits for either."""
        self.venue.make_ready(orders)
        self.view.make_room(orders)


def recover(
    journal: Journal, snapshots: SnapshotStore, limits: VenueLimits, progress: Progress | None = None
) -> Recovered:
    """Rebuild the market. Raises the journal's StoreErrors if a row cannot be trusted, or is missed."""
    recovered = newest_good(journal, snapshots, limits)
    touch(recovered.venue.state.book)
    with _no_garbage():
        for published in replay(recovered.venue, journal, recovered.sequence + 1):
            recovered.view.apply(published)
            recovered.sequence = published.first_sequence + len(published.commands) - 1
            recovered.replayed_records += len(published.commands)
            if progress is not None:
                progress(recovered.sequence, journal.last_sequence)
    recovered.view.set_figures(recovered.venue.figures_of_all())
    return recovered


@contextmanager
def _no_garbage() -> Iterator[None]:
    """A market that grows by millions of objects, none of them garbage, is not searched for it again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def newest_good(
    journal: Journal, snapshots: SnapshotStore | None, limits: VenueLimits, before_ns: int | None = None
) -> Recovered:
    """The market of the newest snapshot that can be used, taken before a time if one is given, or the beginning.

    Raises what `beginning` does.
    """
    if snapshots is None:
        return beginning(journal, limits)
    return _first_good(journal, snapshots, snapshots.newest_first(before_ns), limits)


def oldest_good(journal: Journal, snapshots: SnapshotStore, limits: VenueLimits) -> Recovered:
    """The market from which all that is left of a trimmed journal can be replayed, or nearly all. Raises as above."""
    return _first_good(journal, snapshots, snapshots.oldest_first(), limits)


def _first_good(
    journal: Journal, store: SnapshotStore, snapshots: Iterator[Snapshot], limits: VenueLimits
) -> Recovered:
    notices: list[str] = []
    for snapshot in snapshots:
        try:
            recovered = _restored(journal, snapshot, limits)
            break
        except (ValueError, JournalCorrupt) as error:
            notices.append(f"the snapshot at sequence {snapshot.sequence} is left out: {error}")
    else:
        recovered = beginning(journal, limits, [*notices, *store.notices])
    recovered.notices = notices + store.notices
    return recovered


def beginning(journal: Journal, limits: VenueLimits, left_out: Sequence[str] = ()) -> Recovered:
    """The market that the journal's newest rules began with: an empty one, unless others came before them.

    Raises JournalCorrupt where that market is missing or altered, and JournalTrimmed where the rows that led to it are
    gone; `left_out` tells then what became of the snapshots.
    """
    base = newest_base(journal)
    if base is None and journal.first_sequence > 1:
        needed_for = "a market that is rebuilt without a good snapshot"
        raise JournalTrimmed(journal.path, journal.first_sequence, needed_for, left_out)
    if base is None:
        return Recovered(Venue(limits), MarketView(), 0, 0)
    try:
        return _restored(journal, base, limits)
    except ValueError as error:
        raise JournalCorrupt(
            journal.path, base.sequence + 1, f"the state that its rules began with: {error}"
        ) from error


def replay(venue: Venue, journal: Journal, from_sequence: int) -> Iterator[Published]:
    """Apply every row from a sequence on, and give what each one published; its events are good until the next one.

    Rows are read and proved in another thread: until the end, the journal belongs to it.
    """
    with ReadAhead(journal.read(from_sequence)) as rows:
        for row in rows:
            commands = np.frombuffer(row.payload, ORDER_COMMAND)
            events = venue.run(commands, row.first_sequence)
            yield Published(row.first_sequence, row.time_ns, commands, events)


def snapshot_of(
    image: Image, view_dump: bytes | memoryview, chain_hash: bytes, sequence: int, time_ns: int, rules: str
) -> Snapshot:
    """A snapshot of a market after the row that ends at `sequence`."""
    return Snapshot(sequence, chain_hash, digest(image), rules, time_ns, pack(image, view_dump))


def pack(image: Image, view_dump: bytes | memoryview) -> memoryview:
    """An image and a read model as bytes: a line that counts and names, then all records, then the read model."""
    counts = {name: len(image[name]) for name in LAYOUTS}
    header = orjson.dumps({"counts": counts, "layouts": _STORED_LAYOUTS, "view_bytes": len(view_dump)}) + b"\n"
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
        if header["layouts"] != _STORED_LAYOUTS:
            raise ValueError("a snapshot in the layouts of another version")
        for name, layout in LAYOUTS.items():
            count = header["counts"][name]
            # Kernels are compiled for arrays that can be written to.
            image[name] = copied(np.frombuffer(body, layout, count, at))
            at += count * layout.itemsize
        view_bytes = header["view_bytes"]
    except (LookupError, TypeError) as error:
        raise ValueError(f"a snapshot without the header that this version writes: {error!r}") from error
    if len(body) - at != view_bytes:
        raise ValueError("a snapshot has other bytes than its header says")
    return image, body[at:].data


def _restored(journal: Journal, snapshot: Snapshot, limits: VenueLimits) -> Recovered:
    if snapshot.rules_version != limits.rules_version():
        raise ValueError(f"it was made under rules {snapshot.rules_version!r}")
    if snapshot.chain_hash != journal.hash_at(snapshot.sequence):
        raise ValueError("it belongs to another journal")
    image, view_dump = unpack(snapshot.payload)
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(MarketView.load, view_dump)
        venue = Venue.from_image(image, limits)
        if venue.digest() != snapshot.state_digest:
            raise ValueError("its state has another digest than it says")
        return Recovered(venue, loading.result(), snapshot.sequence, 0)
