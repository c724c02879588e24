"""Copies of a whole store, made while its exchange runs or not."""

import asyncio
import shutil
import stat
import threading
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import apsw
import orjson
import pytest

from exchange import commands
from exchange.backup import Copied, Source, copy_store, stopped_store
from exchange.control import CONTROL_FILE, ask_for_backup, serve_control
from exchange.journal import Journal
from exchange.service import Exchange
from exchange.snapshots import SnapshotStore
from exchange.store_errors import (
    CopyRefused,
    HeadMissing,
    JournalCorrupt,
    JournalTrimmed,
    StoreError,
    StoreLocked,
    StoreMissing,
)
from exchange.verification import verify
from gateway.clearing.reservation_key import ReservationKey
from gateway.identity.keys import KeyStore
from tests.exchange.stores import RULES, Written
from tests.exchange.venue.market import LIMITS as WRITTEN_LIMITS
from tests.simulation.storage import Quota, UnsyncedLoss
from tests.simulation.traffic import LIMITS, Traffic

LAST_ROW = 4
FAULTS = (("read", apsw.IOError), ("write", apsw.IOError), ("write", apsw.FullError), ("sync", apsw.IOError))


def copied(directory: Path, target: Path, **options) -> Copied:
    with stopped_store(directory) as source:
        return copy_store(source, target, **options)


def rows_of(directory: Path) -> list[bytes]:
    with Journal.open(directory, rules_version=None, create=False) as journal:
        return [row.hash for row in journal.read(journal.first_sequence, any_rules=True)]


def no_keys(_: Path) -> None:
    pass


# A stopped store.


def test_a_copy_holds_every_row_the_newest_snapshot_and_the_keys(tmp_path):
    written = Written(tmp_path / "store", snapshots_after=(1, 3))
    keys = KeyStore.open(tmp_path / "store")
    key = keys.create(1, ["trader"])
    reservation_key = ReservationKey.open(tmp_path / "store")
    keys.close()
    (tmp_path / "store" / "reserve").write_bytes(bytes(1_000))
    told: list[tuple[int, int]] = []
    result = copied(tmp_path / "store", tmp_path / "copy", progress=lambda done, total: told.append((done, total)))
    assert (result.sequence, result.rows) == (written.last_sequences[-1], LAST_ROW + 1)
    assert rows_of(tmp_path / "copy") == rows_of(tmp_path / "store")
    verdict = verify(tmp_path / "copy", WRITTEN_LIMITS)
    assert (verdict.faults, verdict.snapshots_compared) == ([], 1)
    assert (verdict.state_digest, verdict.chain_hash) == (written.venue.digest().hex(), result.chain_hash)
    assert told == sorted(told)
    assert told[-1] == (2 * result.sequence, 2 * result.sequence)
    assert stat.S_IMODE((tmp_path / "copy" / "keys.db").stat().st_mode) == 0o600
    copied_keys = KeyStore.open(tmp_path / "copy")
    assert copied_keys.find(key.key_id) == key
    copied_keys.close()
    assert stat.S_IMODE((tmp_path / "copy" / "reservations.pem").stat().st_mode) == 0o600
    assert ReservationKey.open(tmp_path / "copy").key_id == reservation_key.key_id
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "store"], "nothing else is left over"


def test_copying_changes_no_byte_of_the_store(tmp_path):
    Written(tmp_path / "store", snapshots_after=(3,))
    before = {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()}
    copied(tmp_path / "store", tmp_path / "copy")
    assert {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()} == before


def test_a_copy_of_a_copy_is_the_same(tmp_path):
    Written(tmp_path / "store", snapshots_after=(3,))
    first, second = copied(tmp_path / "store", tmp_path / "one"), copied(tmp_path / "one", tmp_path / "two" / "deeper")
    assert first[:3] == second[:3]


def test_a_copy_of_a_trimmed_store_begins_where_it_does_and_can_be_replayed_from_there(tmp_path):
    written = Written(tmp_path / "store", snapshots_after=(1, 2, 3))
    written.trim(1)
    first, second = copied(tmp_path / "store", tmp_path / "one"), copied(tmp_path / "one", tmp_path / "two")
    assert first[:3] == second[:3] == (written.last_sequences[-1], first.chain_hash, LAST_ROW - 1)
    expected = verify(tmp_path / "store", WRITTEN_LIMITS)
    for copy in ("one", "two"):
        assert rows_of(tmp_path / copy) == rows_of(tmp_path / "store")
        verdict = verify(tmp_path / copy, WRITTEN_LIMITS)
        assert (verdict.faults, verdict.notices, verdict.snapshots_compared) == ([], expected.notices, 1)
        assert verdict.replayed_from == written.first_sequence(2)
        assert verdict.state_digest == written.venue.digest().hex()
        with Journal.open(tmp_path / copy, rules_version=RULES) as journal:
            assert journal.anchor.sequence == written.last_sequences[1]
            journal.append(journal.last_sequence + 1, 1 << 62, bytes(64))


def test_a_trimmed_store_without_a_good_snapshot_is_not_copied(tmp_path):
    Written(tmp_path / "store", snapshots_after=(1,)).trim(1)
    connection = apsw.Connection(str(tmp_path / "store" / "snapshots.db"))
    connection.execute("UPDATE snapshots SET chain_hash = zeroblob(32)")
    connection.close()
    with pytest.raises(JournalTrimmed, match="without a good snapshot"):
        copied(tmp_path / "store", tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_no_row_is_trimmed_from_under_a_copy(tmp_path):
    written = Written(tmp_path / "store", snapshots_after=(1, 3))
    removed: list[int] = []
    with (
        Journal.open(tmp_path / "store", rules_version=RULES) as journal,
        SnapshotStore.open(tmp_path / "store") as kept,
    ):
        source = Source(journal, kept, no_keys)
        report = lambda done, total: removed.append(journal.trim(written.last_sequences[2]))  # noqa: E731
        assert copy_store(source, tmp_path / "copy", report).rows == LAST_ROW + 1
        assert removed[: LAST_ROW + 1] == [0] * (LAST_ROW + 1)
        assert sum(removed) > 0, "what is read back afterwards is the copy"


def test_an_empty_store_is_copied(tmp_path):
    Journal.open(tmp_path / "store", rules_version=RULES).close()
    assert copied(tmp_path / "store", tmp_path / "copy").rows == 0
    assert rows_of(tmp_path / "copy") == []


def test_nothing_that_is_there_is_written_over(tmp_path):
    Written(tmp_path / "store")
    Written(tmp_path / "other")
    (tmp_path / "file").write_text("in the way")
    before = rows_of(tmp_path / "other")
    for target in ("other", "file"):
        with pytest.raises(CopyRefused, match="something is there already"):
            copied(tmp_path / "store", tmp_path / target)
    assert rows_of(tmp_path / "other") == before
    (tmp_path / "empty").mkdir()
    assert copied(tmp_path / "store", tmp_path / "empty").rows == LAST_ROW + 1


def test_what_is_no_whole_store_is_not_copied(tmp_path):
    with pytest.raises(StoreMissing):
        copied(tmp_path / "nowhere", tmp_path / "copy")
    Written(tmp_path / "store")
    (tmp_path / "store" / "head").unlink()
    with pytest.raises(HeadMissing):
        copied(tmp_path / "store", tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("row", range(LAST_ROW + 1))
def test_a_damaged_row_is_named_and_not_copied(tmp_path, row):
    first_sequence = Written(tmp_path / "store").first_sequence(row)
    connection = apsw.Connection(str(tmp_path / "store" / "journal.db"))
    connection.execute("UPDATE journal SET time_ns = time_ns + 1 WHERE first_sequence = ?", (first_sequence,))
    connection.close()
    with pytest.raises(JournalCorrupt, match=f"sequence {first_sequence} "):
        copied(tmp_path / "store", tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_snapshot_of_another_history_is_left_behind(tmp_path):
    Written(tmp_path / "store", snapshots_after=(1, 3))
    connection = apsw.Connection(str(tmp_path / "store" / "snapshots.db"))
    connection.execute("UPDATE snapshots SET chain_hash = zeroblob(32) WHERE sequence > 20")
    connection.close()
    copied(tmp_path / "store", tmp_path / "copy")
    assert verify(tmp_path / "copy", WRITTEN_LIMITS).snapshots_compared == 1


def test_a_disk_that_fails_or_is_full_at_any_moment_leaves_a_whole_target_or_none(tmp_path):
    written = Written(tmp_path / "store", snapshots_after=(3,))
    storage = UnsyncedLoss("backup-target", mode="drop", seed=3)
    with stopped_store(tmp_path / "store") as source:
        whole = copy_store(source, tmp_path / "whole", vfs=storage.name)
        operations = dict(storage.counts)
        refused = 0
        for operation, error in FAULTS:
            for nth in range(1, operations[operation] + 1):
                storage.power_loss()
                storage.fail_at(operation, nth, error("injected"))
                try:
                    assert copy_store(source, tmp_path / "copy", vfs=storage.name)[:3] == whole[:3]
                    shutil.rmtree(tmp_path / "copy")
                except StoreError:
                    refused += 1
                assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "whole"]
        assert refused > 50
        storage.power_loss()
        assert copy_store(source, tmp_path / "copy", vfs=storage.name).sequence == written.last_sequences[-1]


def test_a_full_disk_under_the_target_leaves_no_target(tmp_path):
    Written(tmp_path / "store", snapshots_after=(3,))
    (tmp_path / "disk").mkdir()
    disk = Quota("backup-quota", tmp_path / "disk")
    disk.leave_room(0)
    disk.used_bytes = lambda: sum(path.stat().st_size for path in (tmp_path / "disk").rglob("*"))  # type: ignore[method-assign]
    with stopped_store(tmp_path / "store") as source, pytest.raises(StoreError):
        copy_store(source, tmp_path / "disk" / "copy", vfs=disk.name)
    assert [*(tmp_path / "disk").iterdir()] == []


# A running exchange.


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    exchange = await Exchange.open(tmp_path / "store", limits=LIMITS, snapshot_every_records=300)
    epoch_ns = exchange.clock.now_ns()
    await asyncio.gather(*exchange.submit_many(Traffic(0, epoch_ns).founding()))
    yield exchange
    await exchange.close()


class Load:
    """Deposits, one after the other from several tasks; `acknowledged` counts them, and the cash tells of them."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.acknowledged = 0
        self._numbers = count()
        self._news = asyncio.Condition()
        self._tasks = [asyncio.create_task(self._send()) for _ in range(8)]

    async def _send(self) -> None:
        while True:
            await self.exchange.submit(commands.deposit(1, 1, client_id=f"load-{next(self._numbers)}"))
            self.acknowledged += 1
            async with self._news:
                self._news.notify_all()

    async def reach(self, acknowledged: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: self.acknowledged >= acknowledged)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_a_backup_under_load_holds_all_that_was_acknowledged_when_it_began(exchange, tmp_path):
    cash_nano = exchange.view.balances(1).cash_nano
    load = Load(exchange)
    await load.reach(300)
    for number in range(3):
        acknowledged, sequence = load.acknowledged, exchange.view.sequence
        began = load.acknowledged
        copy = await exchange.back_up(tmp_path / f"copy-{number}", no_keys, lambda done, total: None)
        assert copy.sequence >= sequence
        await load.reach(began + 100)
        verdict = verify(tmp_path / f"copy-{number}", LIMITS)
        assert (verdict.faults, verdict.records, verdict.chain_hash) == ([], copy.sequence, copy.chain_hash)
        restored = await restored_exchange(tmp_path / f"copy-{number}", tmp_path / f"restored-{number}")
        in_backup = restored.view.balances(1).cash_nano - cash_nano
        assert acknowledged <= in_backup <= load.acknowledged + 8
        await restored.submit(commands.deposit(1, 1))
        await restored.close()
    await load.stop()
    await exchange.close()
    rows = rows_of(tmp_path / "store")
    for number in range(3):
        copied_rows = rows_of(tmp_path / f"copy-{number}")
        assert copied_rows == rows[: len(copied_rows)], "a backup is a prefix"


async def restored_exchange(backup: Path, directory: Path) -> Exchange:
    await asyncio.to_thread(copied, backup, directory)
    return await Exchange.open(directory, limits=LIMITS)


async def test_a_backup_ends_by_name_when_the_exchange_stops(exchange, tmp_path):
    began, go_on = threading.Event(), threading.Event()

    def hold(_done: int, _total: int) -> None:
        began.set()
        go_on.wait(20)

    backing_up = asyncio.create_task(exchange.back_up(tmp_path / "copy", no_keys, hold))
    await asyncio.to_thread(began.wait, 20)
    closing = asyncio.create_task(exchange.close())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    with pytest.raises(CopyRefused, match="is stopping"):
        await backing_up
    assert not (tmp_path / "copy").exists()


async def test_a_tool_on_this_machine_asks_the_running_exchange(exchange, tmp_path):
    told: list[tuple[int, int]] = []
    keys = KeyStore.open(tmp_path / "store")
    key = keys.create(1, ["trader"])
    reservation_key = ReservationKey.open(tmp_path / "store")

    def copy_keys(target: Path) -> None:
        keys.copy_to(target)
        reservation_key.copy_to(target)

    async with serve_control(exchange, tmp_path / "store", copy_keys):
        assert stat.S_IMODE((tmp_path / "store" / CONTROL_FILE).stat().st_mode) == 0o600
        with pytest.raises(StoreLocked), stopped_store(tmp_path / "store"):
            pass
        result = await asyncio.to_thread(
            ask_for_backup, tmp_path / "store", tmp_path / "copy", lambda done, total: told.append((done, total))
        )
        with pytest.raises(CopyRefused, match="something is there already"):
            await asyncio.to_thread(ask_for_backup, tmp_path / "store", tmp_path / "copy", lambda done, total: None)
    keys.close()
    assert not (tmp_path / "store" / CONTROL_FILE).exists()
    assert verify(tmp_path / "copy", LIMITS).chain_hash == result["chain_hash"]
    assert told == sorted(told)
    copied_keys = KeyStore.open(tmp_path / "copy")
    assert copied_keys.find(key.key_id) == key
    copied_keys.close()
    assert ReservationKey.open(tmp_path / "copy").key_id == reservation_key.key_id


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\r\n",
        b"\n",
        b"[]\n",
        b'{"do":"backup","target":"copy"}\n',
        b'{"token":"","do":"backup","target":"copy"}\n',
        b'{"token":"other","do":"backup","target":"copy"}\n',
    ],
)
async def test_whoever_has_not_read_the_file_gets_nothing(exchange, tmp_path, line):
    async with serve_control(exchange, tmp_path / "store", no_keys):
        port = orjson.loads((tmp_path / "store" / CONTROL_FILE).read_bytes())["port"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(line)
        assert await reader.read() == b""
        writer.close()
    assert not exchange._copying


async def test_an_unknown_request_with_the_right_token_gets_nothing(exchange, tmp_path):
    async with serve_control(exchange, tmp_path / "store", no_keys):
        address = orjson.loads((tmp_path / "store" / CONTROL_FILE).read_bytes())
        reader, writer = await asyncio.open_connection("127.0.0.1", address["port"])
        writer.write(orjson.dumps({"token": address["token"], "do": "format the disk", "target": "/"}) + b"\n")
        assert await reader.read() == b""
        writer.close()
