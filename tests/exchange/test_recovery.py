"""From a store back to the market, with snapshots that are trusted only when everything about them is right."""

import gc
import resource
from collections.abc import Callable
from pathlib import Path

import apsw
import orjson
import pytest

from exchange.journal import Journal
from exchange.recovery import Recovered, pack, recover, replay, unpack
from exchange.snapshots import Snapshot, SnapshotStore
from exchange.store_errors import JournalCorrupt, JournalOfOtherRules, JournalTrimmed
from exchange.venue.image import LAYOUTS, digest
from exchange.venue.machine import Venue
from exchange.venue.schema import CLOCK_COMMAND
from tests.exchange.stores import RULES, Written
from tests.exchange.venue.market import LIMITS

LAST_ROW = 4


def recovered(directory: Path, **options) -> Recovered:
    with Journal.open(directory, rules_version=RULES) as journal, SnapshotStore.open(directory) as snapshots:
        return recover(journal, snapshots, LIMITS, **options)


def alter(path: Path, statement: str, *bindings: object) -> None:
    """Change a closed file of the store behind its back."""
    connection = apsw.Connection(str(path))
    connection.execute(statement, bindings)
    connection.close()


def save(directory: Path, snapshot: Snapshot) -> None:
    with SnapshotStore.open(directory) as snapshots:
        snapshots.save(snapshot)


def newest(directory: Path) -> Snapshot:
    with SnapshotStore.open(directory) as snapshots:
        return next(snapshots.newest_first())


# Money.


@pytest.mark.parametrize("snapshots_after", [(), (1,), (LAST_ROW,)])
def test_after_a_recovery_readers_see_the_money_of_every_account(tmp_path: Path, snapshots_after) -> None:
    written = Written(tmp_path, snapshots_after)
    found = recovered(tmp_path)
    figures = written.venue.figures_of_all()
    assert (figures["margin_nano"] > 0).any()
    for account_id, cash_nano, margin_nano in figures[["account_id", "cash_nano", "margin_nano"]].tolist():
        balances = found.view.balances(account_id)
        assert (balances.cash_nano, balances.margin_nano) == (cash_nano, margin_nano)


def test_a_market_made_ready_has_the_same_in_it_and_memory_for_what_comes(tmp_path: Path) -> None:
    Written(tmp_path, ())
    found = recovered(tmp_path)
    before, seen = digest(found.venue.image()), bytes(found.view.dump())
    orders = 20_000
    found.make_ready(orders)
    assert (digest(found.venue.image()), bytes(found.view.dump())) == (before, seen)
    columns = found.view.store.columns
    tables = found.venue.state.book.ids, found.venue.state.ledger.position_table, columns.order_table, columns.trades
    tables += (found.view._copy_memory._kept["orders"],)
    assert min(map(len, tables)) >= orders
    found.venue.make_room(orders)
    found.view.store.make_room(orders)
    assert found.venue.state.book.ids is tables[0]
    assert found.view.store.columns.order_table is tables[2]
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for table in tables:
        table.view("u1")[:orders] |= 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begin <= 4


# Packing.


def test_what_was_packed_comes_out_of_it(tmp_path: Path) -> None:
    written = Written(tmp_path)
    image = written.venue.image()
    rows, view_dump = unpack(pack(image, b"the view\nof it"))
    assert view_dump == b"the view\nof it"
    assert {name: part.tobytes() for name, part in rows.items()} == {
        name: part.tobytes() for name, part in image.items()
    }
    assert digest(rows) == written.venue.digest()


def test_rows_come_out_as_kernels_take_them(tmp_path: Path) -> None:
    rows, _ = unpack(pack(Written(tmp_path).venue.image(), b""))
    assert all(part.flags.writeable for part in rows.values())


def payload_of(header: object, body: bytes = b"") -> bytes:
    return orjson.dumps(header) + b"\n" + body


NO_ROWS = dict.fromkeys(LAYOUTS, 0)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no header at all",
        payload_of([]),
        payload_of({}),
        payload_of({"counts": {}, "view_bytes": 0}),
        payload_of({"counts": NO_ROWS}, b"x"),
        payload_of({"counts": NO_ROWS, "view_bytes": 2}, b"x"),
        payload_of({"counts": NO_ROWS | {"orders": 1}, "view_bytes": 0}, b"short"),
        payload_of({"counts": NO_ROWS | {"orders": "1"}, "view_bytes": 0}, b"x" * 100),
    ],
)
def test_other_bytes_are_no_snapshot(payload: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - numpy, orjson and unpack itself complain in words of their own
        unpack(payload)


# Recovering.


@pytest.mark.parametrize("row", [1, 2, 3])
def test_a_trimmed_store_gives_the_market_that_it_gave_before(tmp_path: Path, row: int) -> None:
    written = Written(tmp_path, snapshots_after=(row, 3, LAST_ROW))
    written.trim(row)
    for gone in ((), (LAST_ROW,), (3, LAST_ROW))[: 2 + (row < 3)]:
        for number in gone:
            alter(tmp_path / "snapshots.db", "DELETE FROM snapshots WHERE sequence = ?", written.last_sequences[number])
        found = recovered(tmp_path)
        assert (found.venue.digest(), found.view) == (written.venue.digest(), written.view)


def test_a_trimmed_store_without_a_good_snapshot_is_refused_and_says_what_became_of_them(tmp_path: Path) -> None:
    written = Written(tmp_path, snapshots_after=(1, 3))
    written.trim(1)
    alter(tmp_path / "snapshots.db", "UPDATE snapshots SET time_ns = time_ns + 1")
    with pytest.raises(JournalTrimmed, match="without a good snapshot") as refusal:
        recovered(tmp_path)
    assert refusal.value.first_sequence == written.first_sequence(2)
    for row in (1, 3):
        assert f"the snapshot at sequence {written.last_sequences[row]}" in str(refusal.value)
    (tmp_path / "snapshots.db").unlink()
    with pytest.raises(JournalTrimmed):
        recovered(tmp_path)


def test_a_snapshot_from_before_what_is_left_is_of_no_use(tmp_path: Path) -> None:
    written = Written(tmp_path, snapshots_after=(0, 3))
    written.trim(2)
    alter(tmp_path / "snapshots.db", "DELETE FROM snapshots WHERE sequence = ?", written.last_sequences[3])
    with pytest.raises(JournalTrimmed, match="belongs to another journal"):
        recovered(tmp_path)


def test_a_new_store_gives_an_empty_market(tmp_path: Path) -> None:
    found = recovered(tmp_path)
    assert (found.sequence, found.replayed_records, found.notices) == (0, 0, [])


def test_the_journal_alone_gives_the_market_back(tmp_path: Path) -> None:
    written = Written(tmp_path)
    found = recovered(tmp_path)
    assert found.venue.digest() == written.venue.digest()
    assert found.view == written.view
    assert found.sequence == found.replayed_records == written.last_sequences[-1]


@pytest.mark.parametrize("row", range(LAST_ROW + 1))
def test_a_snapshot_and_the_rows_after_it_give_the_same_as_all_rows(tmp_path: Path, row: int) -> None:
    written = Written(tmp_path, snapshots_after=(row,))
    found = recovered(tmp_path)
    assert found.venue.digest() == written.venue.digest()
    assert found.view == written.view
    assert found.replayed_records == written.last_sequences[-1] - written.last_sequences[row]
    assert found.notices == []


def test_the_newest_of_several_snapshots_serves(tmp_path: Path) -> None:
    written = Written(tmp_path, snapshots_after=(0, 1, 3))
    assert recovered(tmp_path).replayed_records == written.last_sequences[-1] - written.last_sequences[3]


def test_progress_is_told_row_by_row(tmp_path: Path) -> None:
    written = Written(tmp_path)
    told: list[tuple[int, int]] = []
    recovered(tmp_path, progress=lambda done, whole: told.append((done, whole)))
    assert told == [(sequence, written.last_sequences[-1]) for sequence in written.last_sequences]


@pytest.mark.parametrize("is_collected", [True, False])
def test_garbage_is_looked_for_after_a_recovery_as_before(tmp_path: Path, is_collected: bool) -> None:
    """While rows are replayed it is not: objects are many, and none of them garbage."""
    Written(tmp_path)
    meanwhile: list[bool] = []
    try:
        (gc.enable if is_collected else gc.disable)()
        recovered(tmp_path, progress=lambda *_: meanwhile.append(gc.isenabled()))
        assert (set(meanwhile), gc.isenabled()) == ({False}, is_collected)
    finally:
        gc.enable()


def flipped(payload: bytes | memoryview, at: int) -> bytes:
    changed = bytearray(payload)
    changed[at] ^= 1
    return bytes(changed)


def first_record(snapshot: Snapshot) -> int:
    """Where the records of a payload begin."""
    return bytes(snapshot.payload).index(b"\n") + 1


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda whole: whole._replace(rules_version="other"), "made under rules 'other'"),
        (lambda whole: whole._replace(chain_hash=bytes(32)), "belongs to another journal"),
        (lambda whole: whole._replace(sequence=whole.sequence - 1), "belongs to another journal"),
        (lambda whole: whole._replace(state_digest=bytes(32)), "another digest than it says"),
        (
            lambda whole: whole._replace(payload=flipped(whole.payload, bytes(whole.payload).index(b"\n") + 50)),
            "another digest",
        ),
        (lambda whole: whole._replace(payload=bytes(whole.payload)[:-1]), "other bytes than its header says"),
        (
            lambda whole: whole._replace(
                payload=bytes(whole.payload).replace(b'"ended_tranches"', b'"ended_franches"')
            ),
            "no dump of a market view",
        ),
        (lambda whole: whole._replace(payload=b"[]\n"), "without the header"),
    ],
)
def test_a_snapshot_with_anything_wrong_is_left_out_with_a_notice(
    tmp_path: Path, spoil: Callable[[Snapshot], Snapshot], reason: str
) -> None:
    written = Written(tmp_path, snapshots_after=(1, 3))
    spoiled = spoil(newest(tmp_path))
    alter(tmp_path / "snapshots.db", "DELETE FROM snapshots WHERE sequence = ?", written.last_sequences[3])
    save(tmp_path, spoiled)
    found = recovered(tmp_path)
    assert len(found.notices) == 1
    assert f"the snapshot at sequence {spoiled.sequence} is left out: " in found.notices[0]
    assert reason in found.notices[0]
    assert found.venue.digest() == written.venue.digest()
    assert found.view == written.view
    assert found.replayed_records == written.last_sequences[-1] - written.last_sequences[1]


def test_a_snapshot_damaged_on_the_disk_is_left_out_with_a_notice_though_an_older_one_serves(tmp_path: Path) -> None:
    written = Written(tmp_path, snapshots_after=(1, 3))
    sequence = written.last_sequences[3]
    alter(tmp_path / "snapshots.db", "UPDATE snapshots SET time_ns = time_ns + 1 WHERE sequence = ?", sequence)
    found = recovered(tmp_path)
    assert found.replayed_records == written.last_sequences[-1] - written.last_sequences[1]
    assert len(found.notices) == 1
    assert f"the snapshot at sequence {sequence}" in found.notices[0]


def test_a_snapshot_of_the_future_is_left_out(tmp_path: Path) -> None:
    written = Written(tmp_path, snapshots_after=(LAST_ROW,))
    future = newest(tmp_path)._replace(sequence=written.last_sequences[-1] + 10)
    save(tmp_path, future)
    assert "belongs to another journal" in recovered(tmp_path).notices[0]


def test_rows_of_other_rules_are_not_replayed(tmp_path: Path) -> None:
    Written(tmp_path)
    with pytest.raises(JournalOfOtherRules):
        Journal.open(tmp_path, rules_version=LIMITS._replace(orders=17).rules_version())


def damage(directory: Path, first_sequence: int) -> None:
    """Flip a bit of a row of the journal."""
    connection = apsw.Connection(str(directory / "journal.db"))
    selected = connection.execute("SELECT payload FROM journal WHERE first_sequence = ?", (first_sequence,))
    ((payload,),) = selected.fetchall()
    update = "UPDATE journal SET payload = ? WHERE first_sequence = ?"
    connection.execute(update, (flipped(payload, 10), first_sequence))
    connection.close()


def test_a_bad_row_is_refused_by_recovery_too(tmp_path: Path) -> None:
    damage(tmp_path, Written(tmp_path).first_sequence(1))
    with pytest.raises(JournalCorrupt):
        recovered(tmp_path)


def test_a_replay_gives_what_was_published(tmp_path: Path) -> None:
    written, again = Written(tmp_path), Venue(LIMITS)
    last_sequences = []
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        for batch in replay(Venue(LIMITS), journal, 1):
            assert batch.time_ns == batch.commands.view(CLOCK_COMMAND)["time_ns"][0]
            assert batch.events.tobytes() == again.apply(batch.commands, batch.first_sequence).tobytes() != b""
            last_sequences.append(batch.first_sequence + len(batch.commands) - 1)
    assert last_sequences == written.last_sequences
