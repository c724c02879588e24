"""The exchange on a disk that fails at one operation, for each operation of a whole life of it.

A life opens a store, founds a market, trades, takes snapshots, and closes. It is led once to count its reads, writes
and syncs, then once for each of them, with that one failing, done by half, or cut short, or the last before the power
fails. Every acknowledged command
must be there afterwards; one that was not acknowledged is wholly there or wholly absent, and a retry gives it one
outcome. A failure while trading ends the exchange by name, and nothing is synced again after a sync has failed.
`BWX_SIM_FAULTS=all` leaves no operation out.
"""

import os
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from exchange import commands
from exchange.head import HeadFile
from exchange.journal import Journal
from exchange.sequencer import ExchangeStopped
from exchange.service import Exchange
from exchange.store_errors import JournalFailed, StoreError
from exchange.verification import verify
from matching.schema import Side
from tests.simulation.audit import Audit
from tests.simulation.storage import MODES, UnsyncedLoss
from tests.simulation.traffic import LIMITS, REFERENCE_TICKS, Answer, CommandId, Traffic
from tests.simulation.world import EPOCH_NS, simulate

COMMANDS = 14
SEED = 5
STEP = 1 if os.environ.get("BWX_SIM_FAULTS") == "all" else 17
FAULTS = [("read", False), ("read", True), ("write", False), ("write", True), ("sync", False)]


class Life(NamedTuple):
    """How far it came."""

    acknowledged: dict[CommandId, Answer]
    failure: BaseException | None


@pytest.fixture(autouse=True)
def repeatable(monkeypatch):
    """Clocks and a sequencer that do the same in each life."""
    simulate(monkeypatch)


async def live(directory: Path, storage: UnsyncedLoss, seed: int = SEED, *, keep_ns: int | None = None) -> Life:
    """Open, found, trade, close; the first refusal of the store ends it."""
    traffic = Traffic(seed, EPOCH_NS)
    acknowledged: dict[CommandId, Answer] = {}
    try:
        exchange = await Exchange.open(
            directory, limits=LIMITS, vfs=storage.name, snapshot_every_records=12, keep_ns=keep_ns
        )
    except StoreError as error:
        return Life(acknowledged, error)
    failure: BaseException | None = None
    try:
        for group in traffic.founding():
            await exchange.submit(group)
        for index in range(COMMANDS):
            which = CommandId(0, index)
            reply = await exchange.submit(traffic.command(which))
            answer, _ = Answer.of(reply.events[-1:])
            acknowledged[which] = answer
            if exchange._saving is not None:
                await exchange._saving
    except ExchangeStopped:
        assert isinstance(exchange.failure, JournalFailed), "it stopped for another reason"
        with pytest.raises(ExchangeStopped):
            await exchange.submit(commands.halt_market())
        failure = exchange.failure
    try:
        await exchange.close()
    except JournalFailed as error:
        failure = error
    return Life(acknowledged, failure)


async def retry_all(exchange: Exchange, traffic: Traffic, life: Life) -> dict[CommandId, Answer]:
    """Send every command once more: what was told is still known. Returns what is told now."""
    for group in traffic.founding():
        await exchange.submit(group)
        if exchange._saving is not None:
            await exchange._saving
    answers = {}
    for index in range(COMMANDS):
        which = CommandId(0, index)
        answers[which], is_repeat = Answer.of((await exchange.submit(traffic.command(which))).events[-1:])
        if which in life.acknowledged:
            assert is_repeat, f"{which} was acknowledged and is gone"
            assert life.acknowledged[which] == answers[which]
    return answers


async def check_after(directory: Path, storage: UnsyncedLoss, life: Life, seed: int = SEED) -> None:
    """What was told is there, what was not told has one outcome at most, and a retry tells it."""
    audit = Audit()
    traffic = Traffic(seed, EPOCH_NS)
    exchange = await Exchange.open(directory, limits=LIMITS, vfs=storage.name)
    life.acknowledged.update(await retry_all(exchange, traffic, life))
    await exchange.close()
    audit.read(directory)
    audit.check(life.acknowledged)
    assert audit.venue.digest() == exchange._sequencer._venue.digest()
    verdict = verify(directory, LIMITS)
    assert (verdict.faults, verdict.state_digest) == ([], audit.venue.digest().hex())


@pytest.mark.parametrize("power_is_lost", [False, True])
@pytest.mark.parametrize(("operation", "done_by_half"), FAULTS)
async def test_a_fault_at_any_operation_loses_nothing_that_was_acknowledged(
    tmp_path, operation, done_by_half, power_is_lost
):
    storage = UnsyncedLoss(f"any-{operation}-{done_by_half}-{power_is_lost}", mode="drop", seed=41)
    whole = await live(tmp_path / "whole", storage)
    assert (len(whole.acknowledged), whole.failure) == (COMMANDS, None)
    operations, failures = storage.counts[operation], 0
    for nth in range(1 + STEP * power_is_lost // 2, operations + 1, STEP):
        directory = tmp_path / str(nth)
        storage.fail_at(operation, nth, done_by_half=done_by_half)
        life = await live(directory, storage)
        failures += life.failure is not None
        if power_is_lost:
            storage.power_loss()
        storage.mend()
        await check_after(directory, storage, life)
    assert failures > 0 or (operation == "read" and done_by_half)


@pytest.mark.parametrize("mode", MODES)
async def test_a_crash_at_any_change_loses_nothing_that_was_acknowledged(tmp_path, mode):
    storage = UnsyncedLoss(f"any-change-{mode}", mode=mode, seed=44)
    await live(tmp_path / "whole", storage)
    changes, acknowledged = storage.changes, set()
    for nth in range(1, changes + 1, STEP):
        storage.power_loss()
        storage.crash_at(nth)
        life = await live(tmp_path / str(nth), storage)
        assert storage.crashed or nth > changes - STEP, "a life ended long before the one that was counted"
        acknowledged.add(len(life.acknowledged))
        storage.power_loss()
        await check_after(tmp_path / str(nth), storage, life)
    assert min(acknowledged) == 0
    assert max(acknowledged) == COMMANDS


async def test_no_sync_is_tried_again_after_one_has_failed(tmp_path):
    """Neither by the journal nor at its close: the system may have forgotten what the sync was for."""
    storage = UnsyncedLoss("no-retry", mode="drop", seed=42)
    await live(tmp_path / "whole", storage)
    stopped = 0
    for nth in range(1, storage.counts["sync"] + 1):
        log = JournalSyncs(storage)
        storage.fail_at("sync", nth)
        life = await live(tmp_path / str(nth), storage)
        if isinstance(life.failure, JournalFailed):
            stopped += 1
            assert log.after_failure("journal.db") == [], f"sync {nth} failed, and others followed"
        log.stop()
        storage.power_loss()
    assert stopped > COMMANDS


class JournalSyncs:
    """Which files were synced, in order; `None` marks the sync that failed."""

    def __init__(self, storage: UnsyncedLoss) -> None:
        self.synced: list[str | None] = []
        self._open = storage.xOpen
        self._storage = storage
        storage.xOpen = self._watched

    def _watched(self, name, flags):
        file = self._open(name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        sync = file.xSync

        def watched_sync(flags):
            try:
                sync(flags)
            except apsw.Error:
                self.synced.append(None)
                raise
            self.synced.append(Path(path).name)

        file.xSync = watched_sync
        return file

    def after_failure(self, name: str) -> list[str]:
        """Syncs of the journal's files behind the first that failed."""
        behind = self.synced[self.synced.index(None) + 1 :]
        return [synced for synced in behind if synced is None or synced.startswith(name)]

    def stop(self) -> None:
        self._storage.xOpen = self._open


# The answer is lost, and the client asks again.


async def test_an_order_that_became_durable_when_the_answer_was_lost_is_one_order(tmp_path, monkeypatch):
    """The commit is durable and the head cannot be written: nobody is told, and the retry hears the first outcome."""
    exchange = await Exchange.open(tmp_path, limits=LIMITS)
    for group in Traffic(5, EPOCH_NS).founding():
        await exchange.submit(group)
    order = commands.place(1, 1, Side.BUY, REFERENCE_TICKS, 3, client_id="mine")
    before = exchange._journal.last_sequence
    with monkeypatch.context() as failing:
        failing.setattr(HeadFile, "write", lambda *_: (_ for _ in ()).throw(OSError("the head is out of reach")))
        with pytest.raises(ExchangeStopped, match="out of reach"):
            await exchange.submit(order)
    await exchange.close()
    with Journal.open(tmp_path, rules_version=LIMITS.rules_version()) as journal:
        assert journal.last_sequence == before + 3, "the order is durable, behind its tick"
        assert any("was brought to" in notice for notice in journal.notices)
    again = await Exchange.open(tmp_path, limits=LIMITS)
    for _ in range(3):
        answer, is_repeat = Answer.of((await again.submit(order)).events[-1:])
        assert is_repeat
        assert answer.order_id == answer.sequence == before + 2
    assert [each.order_id for each in again.view.open_orders(1)] == [before + 2]
    await again.close()


@pytest.mark.parametrize("operation", ["write", "sync"])
async def test_whatever_became_of_a_commit_that_failed_the_retry_makes_it_one_order(tmp_path, operation):
    storage = UnsyncedLoss(f"retry-{operation}", mode="tear", seed=43)
    was_durable = set()
    for number in range(24):
        directory = tmp_path / str(number)
        exchange = await Exchange.open(directory, limits=LIMITS, vfs=storage.name)
        for group in Traffic(5, EPOCH_NS).founding():
            await exchange.submit(group)
        order = commands.place(1, 1, Side.BUY, REFERENCE_TICKS, 3, client_id="mine")
        storage.fail_at(operation, 1 + number % 2 if operation == "write" else 1)
        with pytest.raises(ExchangeStopped):
            await exchange.submit(order)
        await exchange.close()
        if number % 3:
            storage.power_loss()
        again = await Exchange.open(directory, limits=LIMITS, vfs=storage.name)
        first, is_repeat = Answer.of((await again.submit(order)).events[-1:])
        second, is_second_repeat = Answer.of((await again.submit(order)).events[-1:])
        assert (first, True) == (second, is_second_repeat)
        assert len(again.view.open_orders(1)) == 1
        was_durable.add(is_repeat)
        await again.close()
    assert was_durable == {False, True}
