"""Exchanges whose journal is trimmed all the while, on disks that fail, fill up, and lose power at any moment.

Rows are kept for no time at all: after each batch a snapshot is taken, and rows go up to the third newest, two at a
time. What is left must always open, replay to the same market, and know every command that was acknowledged.
"""

import os
import shutil
from pathlib import Path

import apsw
import pytest

from exchange import commands
from exchange.full_disk import StorageFull
from exchange.journal import Journal
from exchange.service import Exchange
from exchange.store_errors import JournalTrimmed, StoreError
from exchange.verification import verify
from tests.simulation.flips import flip_bit, recover_store
from tests.simulation.storage import MODES, Quota, UnsyncedLoss
from tests.simulation.test_every_operation import COMMANDS, Life, live, retry_all
from tests.simulation.traffic import LIMITS, CommandId, Traffic
from tests.simulation.world import EPOCH_NS, SimulatedTime, TrimmedWorld, lead, simulate

SEED = 5
STEP = 1 if os.environ.get("BWX_SIM_FAULTS") == "all" else 59
FAULTS = [("read", False), ("read", True), ("write", False), ("write", True), ("sync", False)]
LIVES = 12
WORLDS = int(os.environ.get("BWX_SIM_SEEDS", "4"))


@pytest.fixture(autouse=True)
def simulated_time(monkeypatch: pytest.MonkeyPatch) -> SimulatedTime:
    """Clocks and a sequencer that do the same in each life."""
    return simulate(monkeypatch)


async def check_after(directory: Path, storage: UnsyncedLoss, life: Life) -> int:
    """What was told is there, and the store can be proved; returns the first sequence that is left."""
    traffic = Traffic(SEED, EPOCH_NS)
    exchange = await Exchange.open(directory, limits=LIMITS, vfs=storage.name, keep_ns=0)
    await retry_all(exchange, traffic, life)
    await exchange.close()
    verdict = verify(directory, LIMITS)
    assert verdict.faults == []
    assert verdict.state_digest == exchange._sequencer._venue.digest().hex()
    assert verdict.first_sequence == exchange.first_sequence
    return exchange.first_sequence


async def test_a_trimmed_exchange_comes_to_the_same_market_as_one_that_keeps_everything(tmp_path):
    storage = UnsyncedLoss("same", mode="drop", seed=1)
    digests, firsts = [], []
    for keep_ns in (None, 0):
        directory = tmp_path / str(keep_ns)
        life = await live(directory, storage, SEED, keep_ns=keep_ns)
        assert (len(life.acknowledged), life.failure) == (COMMANDS, None)
        recovered = recover_store(directory)
        digests.append((recovered.venue.digest(), recovered.view.dump(), life.acknowledged))
        with Journal.open(directory, rules_version=LIMITS.rules_version()) as journal:
            firsts.append(journal.first_sequence)
    assert digests[0] == digests[1]
    assert firsts[0] == 1
    assert firsts[1] > 20


@pytest.mark.parametrize("power_is_lost", [False, True])
@pytest.mark.parametrize(("operation", "done_by_half"), FAULTS)
async def test_a_fault_at_any_operation_loses_nothing_that_was_acknowledged(
    tmp_path, operation, done_by_half, power_is_lost
):
    storage = UnsyncedLoss(f"trim-{operation}-{done_by_half}-{power_is_lost}", mode="drop", seed=41)
    await live(tmp_path / "whole", storage, SEED, keep_ns=0)
    failures = 0
    for nth in range(1 + STEP * power_is_lost // 2, storage.counts[operation] + 1, STEP):
        directory = tmp_path / str(nth)
        storage.fail_at(operation, nth, done_by_half=done_by_half)
        life = await live(directory, storage, SEED, keep_ns=0)
        failures += life.failure is not None
        if power_is_lost:
            storage.power_loss()
        storage.mend()
        assert await check_after(directory, storage, life) > 1
        storage.power_loss()
        shutil.rmtree(directory)
    assert failures > 0 or operation == "read"


@pytest.mark.parametrize("mode", MODES)
async def test_a_crash_at_any_change_loses_nothing_that_was_acknowledged(tmp_path, mode):
    storage = UnsyncedLoss(f"trim-change-{mode}", mode=mode, seed=44)
    await live(tmp_path / "whole", storage, SEED, keep_ns=0)
    changes, acknowledged = storage.changes, set()
    for nth in range(1, changes + 1, STEP):
        storage.power_loss()
        storage.crash_at(nth)
        life = await live(tmp_path / str(nth), storage, SEED, keep_ns=0)
        acknowledged.add(len(life.acknowledged))
        storage.power_loss()
        await check_after(tmp_path / str(nth), storage, life)
        shutil.rmtree(tmp_path / str(nth))
    assert min(acknowledged) == 0
    assert max(acknowledged) == COMMANDS


async def test_a_full_disk_trims_nothing_and_room_lets_it_go_on(tmp_path):
    disk = Quota(f"trim-full-{tmp_path}", tmp_path)
    exchange = await Exchange.open(tmp_path, limits=LIMITS, vfs=disk.name, keep_ns=0, reserve_bytes=1 << 19)
    traffic = Traffic(SEED, EPOCH_NS)
    for group in traffic.founding():
        await exchange.submit(group)
    disk.leave_room(0)
    for index in range(200):
        if exchange.phase == "cancel_only":
            break
        try:
            await exchange.submit(traffic.command(CommandId(0, index)))
        except StorageFull:
            break
    first_sequence = exchange.first_sequence
    for _ in range(20):
        await exchange.submit(commands.halt_market())
    assert exchange.phase == "cancel_only"
    assert exchange.first_sequence == first_sequence
    await exchange._saving
    disk.bytes_max = None
    exchange._guard._look_every_s = 0
    for _ in range(40):
        await exchange.submit(commands.resume_market())
        if exchange._saving is not None:
            await exchange._saving
    assert exchange.phase == "trading"
    assert exchange.first_sequence > first_sequence
    await exchange.close()
    assert verify(tmp_path, LIMITS).faults == []


async def test_any_flipped_bit_of_a_trimmed_store_is_refused_by_name_or_recovered_from(tmp_path):
    storage = UnsyncedLoss("trim-flips", mode="drop", seed=2)
    await live(tmp_path / "store", storage, SEED, keep_ns=0)
    expected = recover_store(tmp_path / "store").venue.digest()
    refused = recovered = 0
    for name in ("journal.db", "snapshots.db", "head"):
        size = (tmp_path / "store" / name).stat().st_size
        for bit in range(11, 8 * size, 8 * size // 30):
            copy = tmp_path / "copy"
            shutil.copytree(tmp_path / "store", copy)
            flip_bit(copy / name, bit)
            try:
                assert recover_store(copy).venue.digest() == expected, f"bit {bit} of {name}"
                recovered += 1
            except StoreError:
                refused += 1
            shutil.rmtree(copy)
    assert refused > 0
    assert recovered > 0


async def test_a_trimmed_store_whose_snapshots_are_gone_is_refused_by_name_and_left_as_it_is(tmp_path):
    storage = UnsyncedLoss("trim-gone", mode="drop", seed=2)
    await live(tmp_path, storage, SEED, keep_ns=0)
    (tmp_path / "snapshots.db").unlink()
    with pytest.raises(JournalTrimmed, match="without a good snapshot"):
        await Exchange.open(tmp_path, limits=LIMITS)
    with Journal.open(tmp_path, rules_version=LIMITS.rules_version()) as journal:
        assert len([*journal.read(journal.first_sequence)]) > 1


async def test_rows_that_do_not_fit_those_behind_them_stay_are_told_of_and_trading_goes_on(tmp_path):
    storage = UnsyncedLoss("trim-damaged", mode="drop", seed=2)
    await live(tmp_path, storage, SEED)
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    ((first_left,),) = connection.execute("SELECT first_sequence FROM journal ORDER BY 1 LIMIT 1 OFFSET 2")
    connection.execute("UPDATE journal SET time_ns = time_ns + 1 WHERE first_sequence = ?", (first_left,))
    connection.close()
    exchange = await Exchange.open(tmp_path, limits=LIMITS, keep_ns=0)
    for _ in range(10):
        await exchange.submit(commands.halt_market())
        await exchange._saving
    assert exchange.first_sequence == 1
    (notice,) = [each for each in exchange.notices if "no row is trimmed" in each]
    assert f"damaged from sequence {first_left} on" in notice
    await exchange.close()


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_every_recovery_of_a_trimmed_store_equals_a_replay_of_all_that_was_acknowledged(
    seed, tmp_path, simulated_time
):
    world = await lead(TrimmedWorld(seed, tmp_path, simulated_time), LIVES)
    assert len(world.acknowledged) > 10 * LIVES
    assert verify(tmp_path, LIMITS).first_sequence > 1
