"""How long rows of the journal are kept, and from which snapshot on they can be replayed.

    … rows that may go │ snapshot, the beginning │ rows │ snapshot │ rows │ … │ the newest three snapshots │ rows

Rows alone are of little use: to replay them, one must have the state before the first of them. So rows go up to a
snapshot, never past it: the newest that is old enough, and that was read back and is whole. It is the *beginning* of
what is left, as row 1 is of a journal that has all its rows. Some of those behind it are kept as later beginnings, a
quarter of the kept time apart, so what is there reaches back for the kept time and at most half as much again.

Reading back and choosing are done by the thread that saves snapshots, removing rows by the sequencer's.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

import structlog

from exchange.journal import TRIM_BYTES, TRIM_ROWS, Journal
from exchange.snapshots import SNAPSHOTS_KEPT, Place, Snapshot, SnapshotStore, newest_few
from exchange.store_errors import JournalCorrupt, SnapshotFailed, StoreError, StoreUnreadable

log = structlog.get_logger()

BEGINNINGS = 4
"""So many snapshots stand within the time for which rows are kept, beside the newest few."""
MINUTE_NS = 60 * 1_000_000_000
UNITS_NS = {"m": MINUTE_NS, "h": 60 * MINUTE_NS, "d": 24 * 60 * MINUTE_NS}
_KEEP = re.compile(r"([1-9][0-9]{0,4})([mhd])")


def keep_ns_of(text: str) -> int:
    """A time such as 30d, 12h or 15m in nanoseconds. Raises ValueError for other text."""
    found = _KEEP.fullmatch(text)
    if found is None:
        raise ValueError(f"rows are kept for a time such as 30d, 12h or 15m, not {text!r}")
    return int(found[1]) * UNITS_NS[found[2]]


class Retention:
    """Decides which snapshots are kept, and lets a trimmer remove the rows that may go. Without `keep_ns` none do."""

    def __init__(
        self,
        journal: Journal,
        snapshots: SnapshotStore,
        rules_version: str,
        keep_ns: int | None,
        tell: Callable[[Exception], None],
    ) -> None:
        """`tell` is called, in the sequencer's thread, if rows that should go do not fit those that would be left."""
        self.trimmer = Trimmer(journal, tell)
        self._journal = journal
        self._snapshots = snapshots
        self._rules_version = rules_version
        self._keep_ns = keep_ns
        self._beginning = 0
        """Of what will be left: the snapshot there is kept, and none before it."""

    @property
    def spacing_ns(self) -> int | None:
        """How far apart snapshots may be at most, so that rows are not kept for much longer than was asked for."""
        return None if self._keep_ns is None else self._keep_ns // BEGINNINGS

    @property
    def notices(self) -> list[str]:
        """From where on rows are there, if some are not."""
        anchor = self._journal.anchor
        if not anchor.sequence:
            return []
        until = datetime.fromtimestamp(anchor.time_ns // 10**9, UTC).isoformat(timespec="seconds")
        return [f"the journal begins at sequence {anchor.sequence + 1}: commands up to {until} were trimmed"]

    def save(self, snapshot: Snapshot) -> None:
        """Save a snapshot, keep of the others what is needed, and look which rows may go. Raises SnapshotFailed.

        Where one cannot be saved, those that there are may be all that will be, and no row goes until one is.
        """
        try:
            self._snapshots.save(snapshot, self.keeps)
        except SnapshotFailed:
            self.trimmer.up_to = 0
            raise
        self.look(snapshot.time_ns)

    def look(self, now_ns: int) -> None:
        """Let the rows go that are too old by this venue time, up to a snapshot that is read back before.

        Of the newest few, however old they are, all but the first stay behind it.
        """
        if self._keep_ns is None:
            return
        for place in reversed(self._snapshots.places()[: 1 - SNAPSHOTS_KEPT]):
            if place.sequence <= self.trimmer.up_to:
                return
            if place.time_ns <= now_ns - self._keep_ns and self._is_good(place):
                self._beginning = self.trimmer.up_to = place.sequence
                first_sequence = self._journal.first_sequence
                if first_sequence <= place.sequence:
                    log.info("journal_trimmed", first_sequence=first_sequence, up_to_sequence=place.sequence)
                return

    def keeps(self, places: list[Place]) -> set[int]:
        """Which snapshots are kept, of those that there are, oldest first.

        A life without `keep_ns` in between takes no beginnings away from those to come.
        """
        is_trimmed, has_beginnings = self._journal.first_sequence > 1, len(places) > SNAPSHOTS_KEPT + 1
        if self._keep_ns is None and not is_trimmed and not has_beginnings:
            return newest_few(places)
        least = max(self._beginning, self._journal.anchor.sequence)
        left = [place for place in places if place.sequence >= least]
        spacing_ns = self.spacing_ns or (left[-1].time_ns - left[0].time_ns) // BEGINNINGS if left else 0
        return newest_few(places) | _spaced(left, spacing_ns)

    def _is_good(self, place: Place) -> bool:
        snapshot = self._snapshots.look_at(place.sequence)
        if snapshot is None or snapshot.rules_version != self._rules_version:
            return False
        try:
            return snapshot.chain_hash == self._journal.hash_at(snapshot.sequence)
        except StoreError:
            return False


class Trimmer:
    """Removes rows in the turns of the sequencer: twice as many as it appends, and more while it has nothing to do."""

    def __init__(self, journal: Journal, tell: Callable[[Exception], None]) -> None:
        """`tell` is called where rows do not fit those that would be left: none is removed from then on."""
        self.up_to = 0
        """The sequence up to which rows may go; set in any thread."""
        self._journal = journal
        self._tell = tell
        self._turns = 0
        self._trimmed_at_bytes = journal.appended_bytes
        """What had been appended when a slice was removed last."""
        self._gave_up = False

    @property
    def has_work(self) -> bool:
        """Whether there are rows that may go."""
        return not self._gave_up and self._journal.first_sequence <= self.up_to

    def turn(self, *, is_idle: bool) -> None:
        """Remove a slice if it is time for one. Raises JournalFailed."""
        if not self.has_work:
            return
        self._turns += 1
        appended_bytes = self._journal.appended_bytes - self._trimmed_at_bytes
        if is_idle or 2 * self._turns >= TRIM_ROWS or 2 * appended_bytes >= TRIM_BYTES:
            self._turns, self._trimmed_at_bytes = 0, self._journal.appended_bytes
            self._trim()

    def _trim(self) -> None:
        try:
            self._journal.trim(self.up_to)
        except (JournalCorrupt, StoreUnreadable) as error:
            self._gave_up = True
            self._tell(error)


def _spaced(places: list[Place], spacing_ns: int) -> set[int]:
    """The first, the last, and as few in between as leave no wider gap than there is already."""
    kept = places[:1]
    for place, following in pairwise(places[1:]):
        if following.time_ns - kept[-1].time_ns > spacing_ns:
            kept.append(place)
    return {place.sequence for place in (*kept, *places[-1:])}
