"""An exchange whose disk is full: what ends risk goes on, all else is refused by name, nothing is lost or half done."""

import random
from pathlib import Path

import apsw
import numpy as np
import pytest
from structlog.testing import capture_logs

from exchange import commands
from exchange.full_disk import TAKEN_WHEN_FULL
from exchange.journal import Journal
from exchange.reserve import RESERVE_FILE, Reserve
from exchange.service import Exchange, StorageFull
from exchange.store_errors import JournalFull, StoreError
from exchange.venue.schema import Command, Event
from exchange.verification import verify
from matching.schema import SUMMARY_EVENT, Side
from tests.simulation.storage import Quota, UnsyncedLoss
from tests.simulation.traffic import LIMITS, REFERENCE_TICKS, Answer, CommandId, Traffic
from tests.simulation.world import EPOCH_NS, InlineSequencer, simulate

KIB = 1 << 10
RESERVE_BYTES = 512 * KIB
ROOM_BYTES = 300 * KIB


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A disk that can be filled, and an exchange that repeats itself."""
    simulate(monkeypatch)
    return Quota(f"quota-{tmp_path}", tmp_path)


async def founded(disk: Quota, **options) -> Exchange:
    """A market on this disk."""
    options = {"limits": LIMITS, "vfs": disk.name, "reserve_bytes": RESERVE_BYTES} | options
    exchange = await Exchange.open(disk.directory, **options)
    for reply in exchange.submit_many(Traffic(0, EPOCH_NS).founding()):
        await reply
    return exchange


def order(number: int) -> np.ndarray:
    return commands.place(1, 1, Side.BUY, REFERENCE_TICKS - number % 50, 1, client_id=f"order-{number}")


def look_for_room_now(exchange: Exchange) -> None:
    """Let the exchange look at every command from now on."""
    exchange._guard._look_every_s = 0


async def trade_until_full(exchange: Exchange) -> list[int]:
    """Rest orders until the disk is full; the ids of those that were acknowledged."""
    order_ids: list[int] = []
    refusals: list[str] = []
    while not refusals:
        try:
            order_ids.append((await exchange.submit(order(len(order_ids)))).sequence)
        except StorageFull as refusal:
            refusals.append(str(refusal))
    assert [text for text in refusals if "disk" in text] == refusals != []
    assert 0 < len(order_ids) < 5_000
    return order_ids


async def is_done(exchange: Exchange, group: np.ndarray) -> bool:
    """Whether there was room for a command."""
    try:
        await exchange.submit(group)
    except StorageFull:
        return False
    return True


async def check_store(exchange: Exchange, acknowledged: int) -> None:
    """Closed, the store is whole, and replays to the state that readers saw."""
    await exchange.close()
    verdict = verify(exchange._journal.path.parent, LIMITS)
    assert verdict.faults == []
    assert verdict.records >= acknowledged
    assert verdict.state_digest == exchange._sequencer._venue.digest().hex()


# Cancel-only.


async def test_on_a_full_disk_all_orders_are_cancelled_and_the_market_is_halted(disk):
    exchange = await founded(disk)
    disk.leave_room(ROOM_BYTES)
    with capture_logs() as logs:
        order_ids = await trade_until_full(exchange)
        assert exchange.phase == "cancel_only"
        assert not (disk.directory / RESERVE_FILE).exists()
        for order_id in order_ids:
            reply = await exchange.submit(commands.cancel(1, order_id=order_id))
            assert reply.events["kind"][-1] == Event.CANCELLED
        await exchange.submit(commands.halt_market())
    assert [log["event"] for log in logs] == ["storage_full"]
    assert exchange.view.market_halted
    assert exchange.view.open_orders(1) == []
    assert exchange.failure is None
    await check_store(exchange, 2 * len(order_ids))


async def test_on_a_full_disk_mass_cancels_take_the_orders_of_one_account_and_then_everybodys(disk):
    exchange = await founded(disk)
    others = [commands.place(account_id, 1, Side.BUY, REFERENCE_TICKS - 60, 1) for account_id in (2, 2, 3)]
    for reply in exchange.submit_many(others):
        await reply
    disk.leave_room(ROOM_BYTES)
    order_ids = await trade_until_full(exchange)
    for account_id, gone, left in ((1, len(order_ids), 3), (None, 3, 0)):
        outcome = (await exchange.submit(commands.mass_cancel(account_id))).events.view(SUMMARY_EVENT)[-1]
        assert (outcome["kind"], outcome["order_count"]) == (Event.MASS_CANCELLED, gone)
        assert exchange.view.resting_orders == left
    assert exchange.phase == "cancel_only"
    await check_store(exchange, len(order_ids) + 2)


async def test_on_a_full_disk_all_that_does_not_end_risk_is_refused_and_did_not_happen(disk):
    exchange = await founded(disk)
    disk.leave_room(ROOM_BYTES)
    order_ids = await trade_until_full(exchange)
    refused = [
        commands.deposit(1, 5, client_id="more"),
        commands.withdraw(1, 5, client_id="less"),
        commands.replace(1, REFERENCE_TICKS, 1, order_id=order_ids[0]),
        commands.resume_market(),
        commands.open_account(5, "late"),
        order(9_999),
    ]
    sequence, digest = exchange.view.sequence, exchange._sequencer._venue.digest()
    for group in refused:
        with pytest.raises(StorageFull):
            await exchange.submit(group)
    assert exchange._journal.last_sequence == exchange.view.sequence == sequence
    assert exchange._sequencer._venue.digest() == digest
    assert exchange.view.order_by_client_id(1, "order-9999") is None
    await exchange.close()


async def test_of_a_batch_that_found_no_room_the_cancels_are_done_and_the_rest_is_refused(disk):
    exchange = await founded(disk)
    resting = (await exchange.submit(order(0))).sequence
    disk.leave_room(0)
    exchange._journal._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    disk.leave_room(0)
    groups = [order(1), commands.cancel(1, order_id=resting), order(2)]
    first, cancel, second = exchange.submit_many(groups)
    assert (await cancel).events["kind"][-1] == Event.CANCELLED
    for refused in (first, second):
        with pytest.raises(StorageFull):
            await refused
    found = [exchange.view.order_by_client_id(1, f"order-{number}") is not None for number in range(3)]
    assert found == [True, False, False]
    await exchange.close()


async def test_with_room_again_the_reserve_is_held_and_trading_resumes(disk):
    exchange = await founded(disk)
    disk.leave_room(ROOM_BYTES)
    order_ids = await trade_until_full(exchange)
    with pytest.raises(StorageFull):
        await exchange.submit(order(9_999))
    look_for_room_now(exchange)
    disk.leave_room(2 * RESERVE_BYTES - 1)
    with pytest.raises(StorageFull):
        await exchange.submit(order(9_999))
    assert not (disk.directory / RESERVE_FILE).exists(), "a reserve in part is no reserve"
    disk.leave_room(2 * RESERVE_BYTES)
    with capture_logs() as logs:
        reply = await exchange.submit(order(9_999))
    assert reply.events["kind"][-1] == Event.RESTED
    assert [log["event"] for log in logs] == ["storage_has_room"]
    assert exchange.phase == "trading"
    assert (disk.directory / RESERVE_FILE).stat().st_size == RESERVE_BYTES
    await check_store(exchange, len(order_ids) + 1)


async def test_when_even_the_reserve_is_used_up_everything_is_refused_and_the_journal_is_whole(disk):
    exchange = await founded(disk, reserve_bytes=32 * KIB)
    disk.leave_room(ROOM_BYTES)
    order_ids = await trade_until_full(exchange)
    done = 0
    while await is_done(exchange, commands.cancel(1, order_id=order_ids[done % len(order_ids)])):
        done += 1
    assert 0 < done < 5_000
    with pytest.raises(StorageFull):
        await exchange.submit(commands.halt_market())
    assert exchange.failure is None
    disk.bytes_max = None
    look_for_room_now(exchange)
    await exchange.submit(commands.halt_market())
    assert exchange.phase == "halted"
    await check_store(exchange, len(order_ids) + done)


async def test_a_database_that_may_not_grow_is_a_full_disk(disk):
    exchange = await founded(disk)
    connection = exchange._journal._connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    order_ids = await trade_until_full(exchange)
    connection.pragma("max_page_count", 1 << 30)
    look_for_room_now(exchange)
    assert (await exchange.submit(order(9_999))).events["kind"][-1] == Event.RESTED
    await check_store(exchange, len(order_ids) + 1)


async def test_a_full_disk_at_the_close_and_at_the_next_start_loses_nothing(disk):
    exchange = await founded(disk)
    disk.leave_room(ROOM_BYTES)
    order_ids = await trade_until_full(exchange)
    disk.leave_room(0)
    await exchange.close()
    disk.leave_room(0)
    with pytest.raises(JournalFull, match="make room"):
        await Exchange.open(disk.directory, limits=LIMITS, vfs=disk.name, reserve_bytes=RESERVE_BYTES)
    (disk.directory / RESERVE_FILE).write_bytes(bytes(RESERVE_BYTES))
    disk.leave_room(0)
    second = await Exchange.open(disk.directory, limits=LIMITS, vfs=disk.name, reserve_bytes=RESERVE_BYTES)
    assert second.phase == "cancel_only"
    assert {each.order_id for each in second.view.open_orders(1)} == set(order_ids)
    reply = await second.submit(commands.cancel(1, order_id=order_ids[0]))
    assert reply.events["kind"][-1] == Event.CANCELLED
    await second.close()


async def test_time_costs_no_room_while_the_disk_is_full(disk, monkeypatch):
    exchange = await founded(disk)
    disk.leave_room(ROOM_BYTES)
    await trade_until_full(exchange)
    sequence = exchange._journal.last_sequence
    monkeypatch.setattr(InlineSequencer, "_is_tick_due", lambda _: True)
    exchange._sequencer._turn([], is_last=False)
    assert exchange._journal.last_sequence == sequence
    await exchange.close()


def test_what_is_taken_on_a_full_disk_only_ends_risk():
    ends_risk = {Command.CANCEL, Command.MASS_CANCEL, Command.HALT, Command.HALT_MARKET, Command.KILL_SWITCH}
    assert ends_risk == TAKEN_WHEN_FULL


# At every write.


async def test_a_disk_that_is_full_at_any_write_loses_nothing_and_does_nothing_twice(tmp_path, monkeypatch):
    simulate(monkeypatch)
    storage = UnsyncedLoss("full-at-any-write", mode="drop", seed=21)
    await lead(tmp_path / "whole", storage)
    refused = 0
    for nth in range(1, storage.counts["write"] + 1, 3):
        storage.power_loss()
        refused += await lead(tmp_path / str(nth), storage, full_at=nth)
        assert verify(tmp_path / str(nth), LIMITS).faults == []
    assert refused > 0


async def lead(directory: Path, storage: UnsyncedLoss, full_at: int = 0) -> int:
    """A few commands, each sent until it is done; how many were refused for want of room."""
    traffic, refused = Traffic(3, EPOCH_NS), 0
    if full_at:
        storage.fail_at("write", full_at, apsw.FullError("no room"))
    try:
        exchange = await Exchange.open(directory, limits=LIMITS, vfs=storage.name)
    except StoreError:
        exchange = await Exchange.open(directory, limits=LIMITS, vfs=storage.name)
    look_for_room_now(exchange)
    for group in (*traffic.founding(), *(traffic.command(CommandId(0, index)) for index in range(12))):
        try:
            reply = await exchange.submit(group)
        except StorageFull:
            refused += 1
            reply = await exchange.submit(group)
        assert not Answer.of(reply.events[-1:])[1], "what was refused had been done"
    await exchange.close()
    return refused


# The reserve.


def test_the_reserve_takes_real_room_and_gives_it_back(tmp_path):
    reserve = Reserve(tmp_path, 1_000_001)
    assert not reserve.is_held
    assert reserve.acquire()
    assert reserve.is_held
    status = (tmp_path / RESERVE_FILE).stat()
    assert status.st_size == 1_000_001
    assert 512 * status.st_blocks >= status.st_size, "the file has holes"
    assert Reserve(tmp_path, 1_000_001).is_held
    assert not Reserve(tmp_path, 2_000_000).is_held
    assert reserve.release()
    assert not reserve.release()
    assert [*tmp_path.iterdir()] == []


def test_a_reserve_larger_than_half_of_what_is_free_is_not_begun(tmp_path):
    assert not Reserve(tmp_path, 1 << 60).acquire()
    assert [*tmp_path.iterdir()] == []


def test_without_a_reserve_there_is_nothing_to_hold(tmp_path):
    reserve = Reserve(tmp_path, 0)
    assert reserve.is_held
    assert reserve.acquire()
    assert not reserve.release()


def test_a_journal_without_room_takes_the_same_row_once_there_is_room(tmp_path):
    disk, payload = Quota("journal-quota", tmp_path), random.Random(1).randbytes(64 * 8_000)
    with Journal.open(tmp_path, rules_version="rules-1", vfs=disk.name) as journal:
        journal.append(1, 0, bytes(64))
        for _ in range(3):
            disk.leave_room(20 * KIB)
            with pytest.raises(JournalFull, match="nothing of it was written"):
                journal.append(2, 0, payload)
        assert [row.first_sequence for row in journal.read()] == [1]
        disk.bytes_max = None
        journal.append(2, 0, payload)
    with Journal.open(tmp_path, rules_version="rules-1") as journal:
        assert [row.count for row in journal.read()] == [1, 8_000]
