"""How long rows are kept: which snapshots stand at their beginning, and how fast those before it go."""

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from exchange import journal as journal_module
from exchange import journal_log
from exchange.anchor import Anchor
from exchange.journal import Journal
from exchange.retention import MINUTE_NS, Retention, Trimmer, keep_ns_of
from exchange.snapshots import Place, Snapshot, SnapshotStore
from exchange.store_errors import JournalCorrupt, SnapshotFailed
from tests.exchange.rows import RULES, fill_rows, records
from tests.simulation.inline import InlineExecutor
from tests.simulation.storage import Quota

KEEP_NS = 1_000


class Kept(NamedTuple):
    """A store to which a row is appended every ten nanoseconds, and what decides about it."""

    journal: Journal
    snapshots: SnapshotStore
    retention: Retention

    def append(self, time_ns: int) -> None:
        self.journal.append(self.journal.last_sequence + 1, time_ns, records(2, seed=time_ns))

    def save(self, time_ns: int, **changes) -> int:
        """A snapshot of the newest row; its sequence."""
        sequence = self.journal.last_sequence
        whole = Snapshot(sequence, self.journal.last_hash, bytes(32), RULES, time_ns, b"state")._replace(**changes)
        self.retention.save(whole)
        return sequence

    def run(self, until_ns: int, every_ns: int) -> None:
        """A row every ten nanoseconds, and a snapshot after so many; rows go as a sequencer lets them."""
        while (time_ns := self.time_ns + 10) <= until_ns:
            self.append(time_ns)
            if time_ns % every_ns == 0:
                self.save(time_ns)
            self.retention.trimmer.turn(is_idle=True)

    @property
    def time_ns(self) -> int:
        newest = self.journal._table.newest()
        return 0 if newest is None else newest.time_ns

    @property
    def places(self) -> list[int]:
        """The times of all snapshots."""
        return [place.time_ns for place in self.snapshots.places()]


def opened(directory: Path, keep_ns: int | None, told: list[Exception] | None = None) -> Kept:
    journal = Journal.open(directory, rules_version=RULES, synchronous="OFF")
    snapshots = SnapshotStore.open(directory, synchronous="OFF")
    tell = (lambda error: None) if told is None else told.append
    return Kept(journal, snapshots, Retention(journal, snapshots, RULES, keep_ns, tell))


def close(kept: Kept) -> None:
    kept.snapshots.close()
    kept.journal.close()


def leave_trimmed(directory: Path) -> Anchor:
    """A store that ran and was closed; the anchor that it has."""
    store = opened(directory, KEEP_NS)
    store.run(3_000, every_ns=100)
    close(store)
    return store.journal.anchor


@pytest.fixture(autouse=True)
def frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """The head vouches for rows soon, so that short runs trim them."""
    monkeypatch.setattr(journal_log, "ThreadPoolExecutor", InlineExecutor)
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 4)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    store = opened(tmp_path, KEEP_NS)
    yield store
    close(store)


# What an operator writes.


@pytest.mark.parametrize(("text", "minutes"), [("15m", 15), ("12h", 720), ("30d", 43_200), ("1m", 1)])
def test_a_time_is_read_as_it_is_written(text, minutes):
    assert keep_ns_of(text) == minutes * MINUTE_NS


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5h", "30 d", "30D", "10s", "1d12h", "٣d", "999999d"])
def test_any_other_text_is_refused_by_name(text):
    with pytest.raises(ValueError, match="such as 30d, 12h or 15m"):
        keep_ns_of(text)


# Which rows go.


def test_without_a_time_nothing_goes_and_the_newest_few_snapshots_are_kept(tmp_path):
    store = opened(tmp_path, None)
    store.run(10_000, every_ns=100)
    assert (store.journal.first_sequence, store.retention.spacing_ns) == (1, None)
    assert store.places == [9_800, 9_900, 10_000]
    close(store)


@pytest.mark.parametrize("every_ns", [30, 100, 250])
def test_what_is_left_reaches_back_for_the_time_and_half_as_much_again_at_most(kept, every_ns):
    """The snapshots come at least as often as the spacing asks for."""
    assert kept.retention.spacing_ns == 250
    for until_ns in range(2_000, 6_000, 70):
        kept.run(until_ns, every_ns)
        assert KEEP_NS <= kept.time_ns - kept.journal.anchor.time_ns <= 1.5 * KEEP_NS + 20
        assert len(kept.places) <= 3 + 9


def test_a_snapshot_stands_at_the_beginning_of_what_is_left_and_the_newest_three_at_its_end(kept):
    for until_ns in range(2_000, 6_000, 70):
        kept.run(until_ns, 50)
        assert kept.journal.anchor.time_ns in kept.places[:2], "one from before is removed with the next save"
        assert kept.places[-3:] == [until_ns // 50 * 50 - 50 * back for back in (2, 1, 0)]
        assert kept.snapshots.load(kept.journal.anchor.sequence).chain_hash == kept.journal.anchor.hash


def test_rows_stay_that_are_too_old_while_no_snapshot_is(kept):
    for time_ns in range(10, 5_000, 10):
        kept.append(time_ns)
    kept.run(5_900, every_ns=100)
    assert kept.journal.first_sequence == 1
    kept.run(6_090, every_ns=100)
    assert kept.journal.anchor.time_ns == 5_000


def test_of_three_snapshots_that_are_all_too_old_two_stay_to_recover_from(kept):
    for time_ns in (100, 200, 300):
        kept.append(time_ns)
        kept.save(time_ns)
    kept.append(10_000)
    kept.retention.look(10_000)
    kept.retention.trimmer.turn(is_idle=True)
    assert kept.retention.trimmer.up_to == kept.snapshots.places()[0].sequence
    assert len(kept.places) == 3


@pytest.mark.parametrize(
    "changes", [{"chain_hash": bytes(32)}, {"rules_version": "rules-0"}, {"payload": b"damaged"}], ids=str
)
def test_no_row_goes_up_to_a_snapshot_that_is_not_good(kept, tmp_path, changes):
    kept.append(10)
    sequence = kept.save(10, **changes)
    if "payload" in changes:
        alter(kept, "UPDATE snapshots SET payload = x'00' WHERE sequence = ?", sequence)
    kept.run(1_300, every_ns=600)
    assert kept.journal.first_sequence == 1
    kept.run(2_300, every_ns=600)
    assert kept.journal.anchor.time_ns == 600


def alter(kept: Kept, statement: str, *bindings: object) -> None:
    """Change the snapshots behind the back of their owner, who holds the lock."""
    assert isinstance(kept.snapshots._connection, apsw.Connection)
    kept.snapshots._connection.execute(statement, bindings)


def test_while_snapshots_cannot_be_saved_no_row_goes(tmp_path):
    disk = Quota(f"snapshots-{tmp_path}", tmp_path)
    journal = Journal.open(tmp_path, rules_version=RULES, synchronous="OFF")
    snapshots = SnapshotStore.open(tmp_path, vfs=disk.name)
    kept = Kept(journal, snapshots, Retention(journal, snapshots, RULES, KEEP_NS, lambda error: None))
    kept.run(3_000, every_ns=100)
    first_sequence = journal.first_sequence
    disk.leave_room(0)
    with pytest.raises(SnapshotFailed):
        kept.save(3_000, payload=bytes(1 << 20))
    kept.retention.trimmer.turn(is_idle=True)
    assert (journal.first_sequence, kept.retention.trimmer.up_to) == (first_sequence, 0)
    disk.bytes_max = None
    kept.run(4_000, every_ns=100)
    assert journal.first_sequence > first_sequence
    close(kept)


# From one life to the next.


def test_a_restart_goes_on_where_the_last_life_stopped_in_the_midst_of_trimming(tmp_path):
    store = opened(tmp_path, KEEP_NS)
    for time_ns in range(10, 3_000, 10):
        store.append(time_ns)
        if time_ns % 100 == 0:
            store.save(time_ns)
    up_to = store.retention.trimmer.up_to
    assert store.journal.first_sequence == 1 < up_to
    close(store)
    again = opened(tmp_path, KEEP_NS)
    again.retention.look(2_990)
    assert again.retention.trimmer.up_to == up_to
    again.retention.trimmer.turn(is_idle=True)
    assert again.journal.first_sequence > 1
    close(again)


def test_a_store_that_was_trimmed_keeps_its_beginning_without_a_time_too(tmp_path):
    anchor = leave_trimmed(tmp_path)
    later = opened(tmp_path, None)
    later.run(6_000, every_ns=100)
    assert later.journal.anchor == anchor
    assert later.places[0] == anchor.time_ns
    assert later.places[-3:] == [5_800, 5_900, 6_000]
    assert len(later.places) <= 3 + 9
    close(later)


def test_a_life_without_a_time_in_between_puts_nothing_off(tmp_path):
    """As when a key is made while the exchange is stopped: its close takes a snapshot."""
    for life in range(100):
        store = opened(tmp_path, KEEP_NS)
        store.run(store.time_ns + 180, every_ns=50)
        close(store)
        between = opened(tmp_path, None)
        between.append(between.time_ns + 10)
        between.save(between.time_ns)
        assert life < 12 or between.time_ns - between.journal.anchor.time_ns <= 2 * KEEP_NS
        close(between)


def test_a_longer_time_keeps_what_there_still_is(tmp_path):
    anchor = leave_trimmed(tmp_path)
    later = opened(tmp_path, 4 * KEEP_NS)
    later.run(5_900, every_ns=100)
    assert later.journal.anchor == anchor
    later.run(9_000, every_ns=100)
    assert 4 * KEEP_NS <= 9_000 - later.journal.anchor.time_ns <= 6 * KEEP_NS
    close(later)


def test_snapshots_of_any_times_are_kept_as_far_apart_as_they_may_be(tmp_path):
    generator = random.Random(5)
    store = opened(tmp_path, KEEP_NS)
    for _ in range(200):
        times = sorted(generator.sample(range(5_000), generator.randrange(1, 60)))
        kept = store.retention.keeps([Place(number, time_ns) for number, time_ns in enumerate(times)])
        assert kept >= {0, *range(max(0, len(times) - 3), len(times))}
        left = [time_ns for number, time_ns in enumerate(times) if number in kept]
        for earlier, later in pairwise(left):
            between = [time_ns for time_ns in times if earlier < time_ns < later]
            assert later - earlier <= 250 or not between, "a gap is wider than it has to be"
        assert len(left) <= 3 + 2 + 2 * (times[-1] - times[0]) / 250
    close(store)


# How fast rows go.


class Turns:
    """A trimmer on a journal of many rows, and what goes in its turns."""

    def __init__(self, directory: Path, told: list[Exception]) -> None:
        fill_rows(directory, (1,) * 2_000)
        self.journal = Journal.open(directory, rules_version=RULES, synchronous="OFF")
        self.trimmer = Trimmer(self.journal, told.append)
        self.trimmer.up_to = 1_900

    def take(self, *, is_idle: bool, count: int = 0) -> int:
        """One turn, behind a batch of so many records; how many rows went."""
        if count:
            self.journal.append(self.journal.last_sequence + 1, 10_000, records(count, seed=count))
        before = self.journal.first_sequence
        self.trimmer.turn(is_idle=is_idle)
        return self.journal.first_sequence - before


@pytest.fixture
def told() -> list[Exception]:
    return []


@pytest.fixture
def turns(tmp_path: Path, told: list[Exception]) -> Iterator[Turns]:
    taken = Turns(tmp_path, told)
    yield taken
    taken.journal.close()


def test_an_idle_sequencer_removes_a_slice_in_each_turn(turns):
    went = [turns.take(is_idle=True) for _ in range(20)]
    assert went[:14] == [journal_module.TRIM_ROWS] * 14
    assert sum(went) == 1_900
    assert went[-1] == 0


def test_a_busy_one_removes_two_rows_for_each_that_it_appends(turns):
    went = [turns.take(is_idle=False, count=1) for _ in range(256)]
    assert sum(went) == 512
    assert sum(count > 0 for count in went) == 4, "in slices, for each of which the disk is synced"


def test_large_rows_bring_a_slice_sooner(turns):
    went = [turns.take(is_idle=False, count=4_096) for _ in range(4)]
    assert went == [journal_module.TRIM_ROWS] * 4


def test_rows_count_for_what_they_take_in_the_file(turns):
    for _ in range(4):
        turns.journal.append(turns.journal.last_sequence + 1, 10_000, bytes(64 * 4_096))
        assert turns.take(is_idle=False) == 0, "packed, such rows are small"


def test_nothing_is_looked_at_before_there_is_something_to_go(turns, monkeypatch):
    turns.trimmer.up_to = 0
    monkeypatch.setattr(turns.journal, "trim", None)
    assert turns.take(is_idle=True) == 0


def test_rows_that_do_not_fit_are_told_of_once_and_none_goes_any_more(turns, told):
    turns.journal._connection.execute("UPDATE journal SET time_ns = 0 WHERE first_sequence = 257")
    assert [turns.take(is_idle=True) for _ in range(4)] == [128, 0, 0, 0]
    (error,) = told
    assert isinstance(error, JournalCorrupt)
    assert error.first_bad_sequence == 257
