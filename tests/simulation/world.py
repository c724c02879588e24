"""A world in which the embedded exchange lives several lives: one seed decides all that happens in it.

The real service runs on the real store. Only what could not repeat itself is replaced: the clocks, the disk beneath
SQLite, and the thread of the sequencer, whose work is done in the caller's turn.

    open ─▶ compare with the replay ─▶ retry ─▶ trade ─▶ lose power, or stop ─▶ damage snapshots, set the clock wrong
"""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from exchange import clock, commands, journal, service
from exchange.clock import BACKWARD_NS_MAX, DOWNTIME_NS_MAX
from exchange.published import Published
from exchange.recovery import replay
from exchange.sequencer import ExchangeStopped, Request, Sequencer
from exchange.service import Exchange
from exchange.snapshots import SNAPSHOTS_FILE, SnapshotStore
from exchange.store_errors import JournalFailed, StoreError
from exchange.venue.schema import CLIENT_ID_RETENTION_NS, Reject
from matching.schema import Side
from tests.simulation.audit import Audit
from tests.simulation.storage import UnsyncedLoss
from tests.simulation.traffic import HOUR_S, LIMITS, NANO_PER_S, REFERENCE_TICKS, Answer, CommandId, Traffic

EPOCH_NS = 1_800_000_000 * NANO_PER_S
INSTRUMENTS = 12
CHECKPOINT_PAGES = 12
SNAPSHOT_EVERY_RECORDS = 50
STEPS_MAX = 20
BURST_MAX = 12
REPLY_S_MAX = 60
CHANGES_UNTIL_POWER_LOSS_MAX = 250
WRONG_CLOCKS_S = (0, 0, 0, HOUR_S, -HOUR_S, 10 * 24 * HOUR_S)
DOWNTIMES_S = (1, 20, 90, 600, HOUR_S)
PAUSES_NS = (1, 1_000_000, 1_000_000, NANO_PER_S, 10 * NANO_PER_S, 300 * NANO_PER_S)


class SimulatedTime:
    """Stands where the service looks for the module `time`: passes on command, and the wall clock can be wrong."""

    def __init__(self) -> None:
        self._passed_ns = 0
        self._wrong_ns = 0

    def monotonic_ns(self) -> int:
        """Nanoseconds since this world began."""
        return self._passed_ns

    def time_ns(self) -> int:
        """What the wall clock shows."""
        return EPOCH_NS + self._passed_ns + self._wrong_ns

    def spend(self, time_ns: int) -> None:
        """Let time pass."""
        self._passed_ns += time_ns

    def set_wrong(self, by_s: int) -> None:
        """Let the wall clock be so far ahead of the truth."""
        self._wrong_ns = by_s * NANO_PER_S


class InlineSequencer(Sequencer):
    """Makes each submission durable in the turn of the caller: a batch for each, and no thread."""

    def start(self) -> None:
        """There is nothing to start."""

    def submit(self, requests: list[Request]) -> None:
        """Queue commands, and run them."""
        super().submit(requests)
        self._run_batch(self._take_batch(), is_last=False)

    def stop(self) -> None:
        """Take a last image, if there was no failure."""
        self._stopping = True
        if not self._failed:
            self._run_batch([], is_last=True)

    def _run_batch(self, batch: list[Request], is_last: bool) -> None:
        try:
            self._turn(batch, is_last)
        except StoreError as error:
            self._give_up(error, batch)


def simulate(monkeypatch: pytest.MonkeyPatch) -> SimulatedTime:
    """Put simulated time and the inline sequencer into the service, and let short runs meet checkpoints."""
    simulated_time = SimulatedTime()
    monkeypatch.setattr(service, "time", simulated_time)
    monkeypatch.setattr(clock, "time", simulated_time)
    monkeypatch.setattr(service, "Sequencer", InlineSequencer)
    monkeypatch.setattr(journal, "CHECKPOINT_PAGES", CHECKPOINT_PAGES)
    return simulated_time


class World:
    """One store, its clients, and all that goes wrong. `met` counts the dangers that came up."""

    def __init__(self, seed: int, directory: Path, simulated_time: SimulatedTime) -> None:
        self.directory = directory
        self.audit = Audit()
        self.acknowledged: dict[CommandId, Answer] = {}
        self.met: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._time = simulated_time
        self._storage = UnsyncedLoss(str(directory), ("drop", "tear")[seed % 2], seed)
        self._traffic = Traffic(seed, EPOCH_NS, instruments=INSTRUMENTS, expiry_s_max=2 * HOUR_S)
        self._sent_ns: dict[CommandId, int] = {}
        self._heard: list[Published] = []
        self._old_snapshots = b""
        self._untold_rows_max = 0

    async def live(self, number: int) -> None:
        """One life of the exchange, from opening to its end, and what happens to the store before the next."""
        if self._random.random() < 0.75:
            self._storage.crash_at(self._random.randint(1, CHANGES_UNTIL_POWER_LOSS_MAX))
        try:
            exchange = await self._open()
        except (StoreError, ExchangeStopped):
            self._note_power_loss("power loss while opening")
        else:
            await self._use(exchange, number)
        self._storage.power_loss()
        self._damage_snapshots()
        self._time.spend(self._random.choice(DOWNTIMES_S) * NANO_PER_S)
        self._time.set_wrong(self._random.choice(WRONG_CLOCKS_S))

    async def _use(self, exchange: Exchange, number: int) -> None:
        danger = "power loss while closing"
        try:
            await self._trade(exchange, number)
        except ExchangeStopped:
            danger = "power loss while trading"
        if not self._storage.crashed and self._random.random() < 0.5:
            self._storage.crash_at(1)
        with suppress(JournalFailed):
            await exchange.close()
        self._take_heard()
        if exchange.failure is not None or self._storage.crashed:
            self._note_power_loss(danger)
        else:
            self.met["stop"] += 1

    def _note_power_loss(self, danger: str) -> None:
        """The exchange may fail only for this reason, and leaves one batch at most that nobody was told of."""
        assert self._storage.crashed, "the exchange failed, and the power was on"
        self.met[danger] += 1
        self._untold_rows_max += 1

    # --- recovery

    async def _open(self) -> Exchange:
        accept_clock = self._random.random() < 0.3
        exchange = await Exchange.open(
            self.directory,
            limits=LIMITS,
            vfs=self._storage.name,
            snapshot_every_records=SNAPSHOT_EVERY_RECORDS,
            accept_clock=accept_clock,
        )
        self._compare(exchange, accept_clock)
        return exchange

    def _compare(self, exchange: Exchange, accept_clock: bool) -> None:
        """Take in what nobody was told of, and the halt of a doubted clock: then the replay equals the recovered."""
        is_doubted = any("starts halted" in notice for notice in exchange.notices)
        last_ns = [self.audit.view.time_ns]
        for published in replay(self.audit.venue, exchange._journal, self.audit.view.sequence + 1):
            self.audit.take(published)
            last_ns.append(published.time_ns)
        untold_rows = len(last_ns) - 1 - is_doubted
        assert 0 <= untold_rows <= self._untold_rows_max, "rows appeared that nobody sent"
        assert is_doubted == (not accept_clock and self._is_clock_doubtful(last_ns[untold_rows]))
        assert exchange._sequencer._venue.digest() == self.audit.venue.digest()
        assert exchange.view.dump() == self.audit.view.dump()
        self._untold_rows_max = 0
        self.met["durable, and nobody was told"] += untold_rows
        self.met["clock doubted"] += is_doubted
        self.met["snapshot used"] += exchange.replayed_records < self.audit.view.sequence
        self.met["snapshot left out"] += any("is left out" in notice for notice in exchange.notices)

    def _is_clock_doubtful(self, last_ns: int) -> bool:
        ahead_ns = self._time.time_ns() - last_ns
        return last_ns != 0 and not -BACKWARD_NS_MAX <= ahead_ns <= DOWNTIME_NS_MAX

    # --- trading

    async def _trade(self, exchange: Exchange, number: int) -> None:
        exchange.subscribe(self._heard.append)
        if not exchange.view.accounts:
            await self._submit(exchange, self._traffic.founding())
        if exchange.phase == "halted":
            await self._resume(exchange)
        await self._retry(exchange)
        index = 0
        for _ in range(self._random.randint(1, STEPS_MAX)):
            self._time.spend(self._random.choice(PAUSES_NS))
            if self._random.random() < 0.1:
                await self._retry(exchange)
            if self._random.random() < 0.1:
                self._time.set_wrong(self._random.choice(WRONG_CLOCKS_S))
            new = [CommandId(number, index + at) for at in range(self._random.randint(1, BURST_MAX))]
            index += len(new)
            await self._send(exchange, [*new, *self._lately_acknowledged(exchange)])

    async def _resume(self, exchange: Exchange) -> None:
        """A halted market refuses orders by name until somebody lets it trade again."""
        order = commands.place(1, 1, Side.BUY, REFERENCE_TICKS, 1)
        (refusal, _), _ = await self._submit(exchange, [order, commands.resume_market()])
        assert refusal.reason == Reject.MARKET_HALTED
        assert exchange.phase == "trading"

    async def _retry(self, exchange: Exchange) -> None:
        """Send again what was not answered; whose answer the exchange may have forgotten looks for it instead."""
        unanswered = [which for which in self._sent_ns if which not in self.acknowledged]
        durable = [which for which in unanswered if self.audit.answer(which) is not None]
        looked_up = [which for which in durable if not self._is_remembered(exchange, which)]
        self.acknowledged.update((which, self.audit.answer(which)) for which in looked_up)
        for which in set(unanswered) - set(durable):
            del self._sent_ns[which]
        await self._send(exchange, [which for which in unanswered if which not in looked_up])
        self.met["retry of what was lost"] += len(unanswered) - len(durable)
        self.met["retry of what was durable"] += len(durable) - len(looked_up)

    def _lately_acknowledged(self, exchange: Exchange) -> list[CommandId]:
        lately = [which for which in list(self.acknowledged)[-50:] if self._is_remembered(exchange, which)]
        return self._random.sample(lately, min(len(lately), self._random.randint(0, 3)))

    def _is_remembered(self, exchange: Exchange, which: CommandId) -> bool:
        return now_ns(exchange) - self._sent_ns[which] < CLIENT_ID_RETENTION_NS

    async def _send(self, exchange: Exchange, wanted: list[CommandId]) -> None:
        """What the journal has is answered as it was; what it does not have is done now, and only now."""
        known = {which for which in wanted if self.audit.answer(which) is not None}
        for which in wanted:
            self._sent_ns.setdefault(which, now_ns(exchange))
        answers = await self._submit(exchange, [self._traffic.command(which) for which in wanted])
        if self._random.random() < 0.1:
            self.met["answers lost"] += 1
            return
        for which, (answer, is_repeat) in zip(wanted, answers, strict=True):
            assert is_repeat == (which in known), which
            assert self.acknowledged.setdefault(which, answer) == answer, which

    async def _submit(self, exchange: Exchange, groups: list[np.ndarray]) -> list[tuple[Answer, bool]]:
        if not groups:
            return []
        async with asyncio.timeout(REPLY_S_MAX):
            replies = await asyncio.gather(*exchange.submit_many(groups))
        if exchange._saving is not None:
            await exchange._saving
        self._take_heard()
        return [Answer.of(reply.events[-1:]) for reply in replies]

    def _take_heard(self) -> None:
        """Let the second venue do what was published, and compare."""
        for published in self._heard:
            events = self.audit.venue.apply(published.commands, published.first_sequence)
            assert events.tobytes() == published.events.tobytes()
            self.audit.take(published)
        self._heard.clear()

    # --- between two lives

    def _damage_snapshots(self) -> None:
        path = self.directory / SNAPSHOTS_FILE
        content = path.read_bytes() if path.exists() else b""
        damage = self._random.choice(("none", "none", "stale", "half-written", "misdirected", "missing"))
        if damage == "stale" and self._old_snapshots:
            path.write_bytes(self._old_snapshots)
        elif damage == "half-written" and content:
            kept_bytes = self._random.randrange(len(content))
            path.write_bytes(content[:kept_bytes] + bytes(self._random.choice((0, len(content) - kept_bytes))))
        elif damage == "misdirected":
            self._save_of_other_journal()
        elif damage == "missing":
            path.unlink(missing_ok=True)
        if self._random.random() < 0.3:
            self._old_snapshots = content

    def _save_of_other_journal(self) -> None:
        """Give the newest snapshot the hash of another history; where none can be read there is nothing to do."""
        with suppress(StoreError), SnapshotStore.open(self.directory) as store:
            for snapshot in [*store.newest_first()][:1]:
                store.save(snapshot._replace(chain_hash=bytes(32)))


def now_ns(exchange: Exchange) -> int:
    """Venue time: that of the next batch."""
    return max(exchange.clock.now_ns(), exchange.view.time_ns)
