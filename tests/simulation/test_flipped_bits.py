"""Every byte of a small store with one bit flipped: found by name, or of no consequence whatever.

A flip is found when opening or reading refuses the store by name, or leaves something out with a notice. Bits that no
reader depends on, such as unused bytes of a page or of SQLite's header, may flip unseen: then all that is read is what
was written. `BWX_SIM_FLIPS=all` tries all eight bits of each byte.
"""

import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from exchange import database, journal_log, log_room
from exchange.head import SLOT_BYTES, SLOT_OFFSETS_BYTES
from exchange.journal import Journal
from exchange.journal_rows import JournalRow
from exchange.overlay import read_only_storage
from exchange.snapshots import Snapshot, SnapshotStore
from exchange.store_errors import JournalCorrupt, JournalShorterThanHead, StoreError
from tests.exchange.stores import RULES as MARKET_RULES
from tests.exchange.stores import Written
from tests.exchange.trimmed import trim_all
from tests.exchange.venue.market import LIMITS
from tests.simulation.flips import flip_bit, recover_from
from tests.simulation.storage import UnsyncedLoss

RULES = "rules-1"
SMALL_PAGE_BYTES = 512
RECORDS = (1, 3, 12, 1, 5)
EVERY_BIT = os.environ.get("BWX_SIM_FLIPS") == "all"


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    """A store of few bytes, so that each can be tried."""
    monkeypatch.setattr(database, "PAGE_BYTES", SMALL_PAGE_BYTES)
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 1_000)
    monkeypatch.setattr(log_room, "STEP_PAGES", 0)


def payload(row: int) -> bytes:
    return random.Random(row).randbytes(64 * RECORDS[row])


def append_all(directory: Path, vfs: str | None = None) -> list[JournalRow]:
    with Journal.open(directory, rules_version=RULES, vfs=vfs) as journal:
        for row in range(len(RECORDS)):
            journal.append(journal.last_sequence + 1, row, payload(row))
        return [*journal.read()]


def append_and_die(directory: Path) -> list[JournalRow]:
    """All rows are in the log only, as a process leaves them that is killed."""
    storage = UnsyncedLoss(f"flips-{directory}", mode="drop", seed=1)
    journal = Journal.open(directory, rules_version=RULES, vfs=storage.name)
    for row in range(len(RECORDS)):
        journal.append(journal.last_sequence + 1, row, payload(row))
    rows = [*journal.read()]
    storage.crash_at(1)
    with pytest.raises(StoreError):
        journal.close()
    storage.power_loss()
    return rows


def bits_of(content: bytes) -> Iterator[int]:
    """One bit of each byte, by chance but always the same; or all of them."""
    generator = random.Random(len(content))
    for byte in range(len(content)):
        yield from (8 * byte + bit for bit in (range(8) if EVERY_BIT else [generator.randrange(8)]))


def flips(path: Path, step: int = 1) -> Iterator[int]:
    """Flip one bit of a file after the other, or some of them; in the end the file is whole again."""
    content = path.read_bytes()
    for bit in islice(bits_of(content), 0, None, step):
        flip_bit(path, bit)
        yield bit
        path.write_bytes(content)


def outcomes(directory: Path, path: Path, expected: list[JournalRow]) -> dict[int, type[StoreError] | str | None]:
    """What reading all rows came to, for each flip: a refusal, a notice, or None for nothing that could be seen."""
    found: dict[int, type[StoreError] | str | None] = {}
    for bit in flips(path):
        try:
            with (
                read_only_storage(None) as storage,
                Journal.open(directory, rules_version=RULES, create=False, vfs=storage, read_only=True) as journal,
            ):
                rows = [*journal.read(journal.first_sequence)]
                assert rows == expected, f"bit {bit} of {path.name} changed rows in silence"
                found[bit] = "".join(journal.notices) or None
        except StoreError as refusal:
            found[bit] = type(refusal)
    return found


def is_guarded(part: bytes, content: bytes, hidden: set[int]) -> bool:
    """Whether no byte of a part can flip unseen; where pages were split there are dead copies, which nobody reads."""
    places = [match.start() for match in re.finditer(re.escape(part), content)]
    return any(hidden.isdisjoint(range(at, at + len(part))) for at in places)


# The journal.


def test_every_flipped_bit_of_the_main_file_is_refused_by_name_or_of_no_consequence(tmp_path):
    rows = append_all(tmp_path)
    path = tmp_path / "journal.db"
    content = path.read_bytes()
    found = outcomes(tmp_path, path, rows)
    assert len(found) == len(content) * (8 if EVERY_BIT else 1)
    assert set(map(type, found.values())) <= {type, type(None)}, "nothing is only noticed"
    hidden = {bit // 8 for bit, outcome in found.items() if outcome is None}
    for row in rows:
        for part in (row.hash, bytes(row.payload)[:64]):
            assert is_guarded(part, content, hidden), "a bit of a row flipped unseen"
    told = Counter(outcome.__name__ for outcome in found.values() if isinstance(outcome, type))
    assert told["JournalCorrupt"] > len(content) // 3
    assert len(hidden) < 0.4 * len(content), "more is read by nobody than the documents say"


def test_every_flipped_bit_of_a_trimmed_main_file_is_refused_by_name_or_of_no_consequence(tmp_path):
    rows = append_all(tmp_path)
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        trim_all(journal, rows[1].last_sequence)
        anchor = journal.anchor
    path = tmp_path / "journal.db"
    content = path.read_bytes()
    found = outcomes(tmp_path, path, rows[2:])
    hidden = {bit // 8 for bit, outcome in found.items() if outcome is None}
    for part in (anchor.hash, *(row.hash for row in rows[2:])):
        assert is_guarded(part, content, hidden), "a bit of the anchor or of a row flipped unseen"


def test_every_flipped_bit_of_the_log_is_refused_by_name(tmp_path):
    """SQLite drops what follows a bad frame in silence; the head tells that there was more."""
    rows = append_and_die(tmp_path)
    found = outcomes(tmp_path, tmp_path / "journal.db-wal", rows)
    hidden = [bit for bit, outcome in found.items() if outcome is None]
    assert hidden == []
    assert {outcome for outcome in found.values() if isinstance(outcome, type)} >= {JournalShorterThanHead}
    assert all(isinstance(outcome, type) for outcome in found.values())


def test_what_the_log_was_lengthened_by_is_of_no_consequence_whatever_becomes_of_it(tmp_path, monkeypatch):
    append_and_die(tmp_path / "short")
    monkeypatch.setattr(log_room, "STEP_PAGES", 8)
    rows = append_and_die(tmp_path / "long")
    log = tmp_path / "long" / "journal.db-wal"
    used_bytes = (tmp_path / "short" / "journal.db-wal").stat().st_size
    content = log.read_bytes()
    assert used_bytes < len(content)
    assert not any(content[used_bytes:])
    for bit in range(8 * used_bytes, 8 * len(content), 61):
        copy = tmp_path / "copy"
        shutil.copytree(tmp_path / "long", copy)
        flip_bit(copy / "journal.db-wal", bit)
        assert told(copy, rows) is True, f"bit {bit} behind the end was taken for something"
        shutil.rmtree(copy)


def test_a_log_that_was_lengthened_and_not_begun_holds_nothing(tmp_path):
    rows = append_all(tmp_path)
    (tmp_path / "journal.db-wal").write_bytes(bytes(20 * SMALL_PAGE_BYTES))
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        assert journal.notices == []
        assert [*journal.read()] == rows


def test_every_flipped_bit_of_a_slot_of_the_head_is_noticed_and_the_other_slot_serves(tmp_path):
    rows = append_all(tmp_path)
    found = outcomes(tmp_path, tmp_path / "head", rows)
    for bit, outcome in found.items():
        is_in_slot = any(start <= bit // 8 < start + SLOT_BYTES for start in SLOT_OFFSETS_BYTES)
        assert ("was torn" in str(outcome)) == is_in_slot, bit
        assert not isinstance(outcome, type)


def test_a_flip_in_the_newest_slot_hides_no_loss_but_of_the_newest_row(tmp_path):
    """The other slot is one row older: what it vouches for must still be there."""
    rows = append_and_die(tmp_path)
    log = tmp_path / "journal.db-wal"
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])
    head = (tmp_path / "head").read_bytes()
    for start in SLOT_OFFSETS_BYTES:
        flipped = bytearray(head)
        flipped[start + 8] ^= 1
        (tmp_path / "head").write_bytes(flipped)
        with pytest.raises((JournalShorterThanHead, JournalCorrupt)):
            Journal.open(tmp_path, rules_version=RULES)
    assert len(rows) == len(RECORDS)


def test_opening_for_writing_finds_what_reading_finds(tmp_path):
    """The same flips, some of them, on the road of a start: which also mends, and must not mend damage away."""
    rows = append_and_die(tmp_path / "store")
    for name in ("journal.db", "journal.db-wal", "head"):
        for bit in flips(tmp_path / "store" / name, step=61):
            copy = tmp_path / "copy"
            shutil.copytree(tmp_path / "store", copy)
            for _ in range(2):
                assert told(copy, rows) is not False, f"bit {bit} of {name} changed rows in silence"
            shutil.rmtree(copy)


def told(directory: Path, expected: list[JournalRow]) -> bool | None:
    """Whether all rows were read as they were; None where that was refused by name."""
    try:
        with Journal.open(directory, rules_version=RULES, create=False) as journal:
            return [*journal.read()] == expected
    except StoreError:
        return None


# What is missing.


@pytest.mark.parametrize("cut", ["pages", "bytes"])
def test_every_shorter_main_file_is_refused_by_name(tmp_path, cut):
    rows = append_all(tmp_path)
    path = tmp_path / "journal.db"
    content = path.read_bytes()
    step = SMALL_PAGE_BYTES if cut == "pages" else 97
    for kept_bytes in range(0, len(content), step):
        path.write_bytes(content[:kept_bytes])
        assert told(tmp_path, rows) is None, f"{kept_bytes} bytes were taken for all"
        (tmp_path / "journal.db-wal").unlink(missing_ok=True)


def test_every_shorter_log_is_refused_by_name(tmp_path):
    rows = append_and_die(tmp_path / "store")
    content = (tmp_path / "store" / "journal.db-wal").read_bytes()
    for kept_bytes in range(0, len(content), 53):
        copy = tmp_path / "copy"
        shutil.copytree(tmp_path / "store", copy)
        (copy / "journal.db-wal").write_bytes(content[:kept_bytes])
        assert told(copy, rows) is None, f"{kept_bytes} bytes of the log were taken for all"
        shutil.rmtree(copy)


# Snapshots.


def test_every_flipped_bit_of_the_snapshots_gives_whole_ones_or_a_notice(tmp_path):
    saved = [Snapshot(number, bytes([number]) * 32, bytes(32), RULES, number, payload(number)) for number in (1, 2, 3)]
    with SnapshotStore.open(tmp_path) as store:
        for snapshot in saved:
            store.save(snapshot)
    path = tmp_path / "snapshots.db"
    content, hidden = path.read_bytes(), set()
    for bit in flips(path):
        loaded, notices = load(tmp_path)
        assert all(snapshot in saved for snapshot in loaded), f"bit {bit} gave another snapshot"
        assert loaded == saved[::-1] or notices, f"bit {bit} lost a snapshot in silence"
        if not notices:
            hidden.add(bit // 8)
    for snapshot in saved:
        for part in (snapshot.chain_hash, bytes(snapshot.payload)[:64]):
            assert is_guarded(part, content, hidden), "a bit of a snapshot flipped unseen"


def load(directory: Path) -> tuple[list[Snapshot], list[str]]:
    try:
        with (
            read_only_storage(None) as storage,
            SnapshotStore.open(directory, create=False, vfs=storage) as store,
        ):
            return [*store.newest_first()], store.notices
    except StoreError as refusal:
        return [], [str(refusal)]


def test_with_any_flip_in_the_snapshots_recovery_gives_the_same_market(tmp_path):
    written = Written(tmp_path, snapshots_after=(0, 2, 3))
    expected = written.venue.digest()
    path = tmp_path / "snapshots.db"
    ways: Counter[int] = Counter()
    for _ in flips(path, step=path.stat().st_size // 40):
        with (
            read_only_storage(None) as storage,
            Journal.open(tmp_path, rules_version=MARKET_RULES, create=False, vfs=storage, read_only=True) as journal,
        ):
            recovered = recover_from(tmp_path, storage, journal, LIMITS)
        assert recovered.venue.digest() == expected
        assert recovered.view == written.view
        ways[recovered.replayed_records] += 1
    assert len(ways) > 1, "no flip made an older snapshot serve"
