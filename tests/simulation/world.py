"""A world in which the embedded exchange lives several lives: one seed decides all that happens in it.

The real service runs on the real store. Only what could not repeat itself is replaced: the clocks, the disk beneath
SQLite, and the threads of the sequencer and of snapshots, whose work is done in the caller's turn.

    open ─▶ compare with the replay ─▶ retry ─▶ trade ─▶ lose power, fail, or stop ─▶ damage the store, set clocks

Reads, writes and syncs fail at any moment, and the disk is full at times. What an injected fault explains is expected,
and nothing else is.
"""

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import apsw
import numpy as np
import pytest

from exchange import clock, commands, journal, journal_log, retention, sequencer, service
from exchange.captures import Captures
from exchange.clock import BACKWARD_NS_MAX, DOWNTIME_NS_MAX
from exchange.published import Published
from exchange.recovery import Recovered, replay
from exchange.sequencer import ExchangeStopped, Request, Sequencer
from exchange.service import Exchange, Reply, StorageFull
from exchange.snapshots import SNAPSHOTS_FILE, Snapshot, SnapshotStore
from exchange.store_errors import JournalFailed, StoreError
from exchange.venue.schema import CLIENT_ID_RETENTION_NS, Reject
from exchange.venue.state import State
from exchange.verification import verify
from matching.schema import Side
from tests.simulation.audit import Audit
from tests.simulation.flips import flip_bit, recover_store
from tests.simulation.inline import InlineExecutor
from tests.simulation.storage import UnsyncedLoss
from tests.simulation.traffic import HOUR_S, LIMITS, NANO_PER_S, REFERENCE_TICKS, Answer, CommandId, Traffic

EPOCH_NS = 1_800_000_000 * NANO_PER_S
INSTRUMENTS = 12
CHECKPOINT_PAGES = 12
TRIM_ROWS = 2
SNAPSHOT_EVERY_RECORDS = 50
STEPS_MAX = 20
BURST_MAX = 12
REPLY_S_MAX = 60
CHANGES_UNTIL_POWER_LOSS_MAX = 250
RESERVE_BYTES = 4_096
FLIPS_MAX = 3
# No read gives half of a page: SQLite takes the rest for zeros, and would write them back with the page's next change.
# The system's storage reads on until it has all, and gives less only where the file ends.
FAULTS_WHILE_OPENING = (("read", False), ("write", False), ("write", True), ("sync", False))
FAULTS_WHILE_TRADING = (*FAULTS_WHILE_OPENING, ("full", False), ("full", True))
UNTIL_FAULT_MAX = {"read": 30, "write": 120, "full": 120, "sync": 40}
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


class InlineCaptures(Captures):
    """Gets memory for a snapshot at once: how soon a thread has it would decide when the snapshot is taken."""

    def reserve(self, state: State, additions: int) -> bool:
        """Get memory for a capture after at most so many more commands; False while in use."""
        is_free = self._in_use.acquire(blocking=False)
        if is_free:
            self._reserve(state, additions)
        return is_free


def simulate(monkeypatch: pytest.MonkeyPatch) -> SimulatedTime:
    """Put simulated time and what works inline into the service, and let short runs meet checkpoints and trims."""
    simulated_time = SimulatedTime()
    monkeypatch.setattr(service, "time", simulated_time)
    monkeypatch.setattr(clock, "time", simulated_time)
    monkeypatch.setattr(service, "Sequencer", InlineSequencer)
    for module in (service, journal_log):
        monkeypatch.setattr(module, "ThreadPoolExecutor", InlineExecutor)
    monkeypatch.setattr(sequencer, "Captures", InlineCaptures)
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", CHECKPOINT_PAGES)
    for module in (journal, retention):
        monkeypatch.setattr(module, "TRIM_ROWS", TRIM_ROWS)
    return simulated_time


async def lead(world: "World", lives: int) -> "World":
    """Through all lives, then a last look at the store by the tools."""
    for number in range(lives):
        await world.live(number)
    world.power_loss()
    world.audit.read(world.directory)
    world.audit.check(world.acknowledged)
    verdict = verify(world.directory, LIMITS)
    unexpected = [fault for fault in verdict.faults if "belongs to another journal" not in fault]
    assert unexpected == [], "only snapshots were damaged"
    assert verdict.first_sequence + verdict.records - 1 == world.audit.view.sequence
    assert verdict.state_digest == world.audit.venue.digest().hex()
    return world


class World:
    """One store, its clients, and all that goes wrong. `met` counts the dangers that came up."""

    KEEP_NS: int | None = None
    SNAPSHOT_DAMAGE: tuple[str, ...] = ("none", "none", "stale", "half-written", "misdirected", "missing")

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
        faults_before = self._storage.met.total()
        if self._random.random() < 0.6:
            self._storage.crash_at(self._random.randint(1, CHANGES_UNTIL_POWER_LOSS_MAX))
        if self._random.random() < 0.4:
            self._let_fail(FAULTS_WHILE_OPENING)
        try:
            exchange = await self._open()
        except (StoreError, ExchangeStopped) as error:
            self._note_failure("opening", error, faults_before)
        else:
            await self._use(exchange, number, faults_before)
        if self._storage.crashed or self._random.random() < 0.7:
            self.power_loss()
            self._flip_bits()
            self._damage_snapshots()
        else:
            self._storage.mend()
        self._time.spend(self._random.choice(DOWNTIMES_S) * NANO_PER_S)
        self._time.set_wrong(self._random.choice(WRONG_CLOCKS_S))

    def power_loss(self) -> None:
        """What was not synced is gone, and faults with it."""
        self._storage.power_loss()

    def dangers(self) -> Counter[str]:
        """All that came up, with the faults of the disk."""
        return self.met + self._storage.met

    def close(self) -> None:
        """Let go of the storage; the files stay."""
        self._storage.unregister()

    def _let_fail(self, kinds: tuple[tuple[str, bool], ...]) -> None:
        """Let one operation fail from now on, at a moment that may or may not come."""
        kind, done_by_half = self._random.choice(kinds)
        nth = self._random.randint(1, UNTIL_FAULT_MAX[kind])
        if kind == "full":
            self._storage.fail_at("write", nth, apsw.FullError("no room"), done_by_half=done_by_half)
        else:
            self._storage.fail_at(kind, nth, done_by_half=done_by_half)

    async def _use(self, exchange: Exchange, number: int, faults_before: int) -> None:
        doing, error = "closing", None
        try:
            await self._trade(exchange, number)
        except ExchangeStopped as stopped:
            doing, error = "trading", stopped
        if not self._storage.crashed and self._random.random() < 0.4:
            self._storage.crash_at(1)
        with suppress(JournalFailed):
            await exchange.close()
        self._take_heard()
        if exchange.failure is not None or self._storage.crashed:
            self._note_failure(doing, exchange.failure or error, faults_before)
        else:
            self.met["stop"] += 1

    def _note_failure(self, doing: str, error: BaseException | None, faults_before: int) -> None:
        """The exchange may fail only for these reasons, and leaves one batch at most that nobody was told of."""
        if self._storage.crashed:
            self.met[f"power loss while {doing}"] += 1
        else:
            faults = self._storage.met.total() - faults_before
            assert faults > 0, f"the exchange failed, though power and disk were fine: {error!r}"
            self.met[f"fault while {doing}"] += 1
        self._untold_rows_max += 1

    # --- recovery

    async def _open(self) -> Exchange:
        accept_clock = self._random.random() < 0.3
        exchange = await Exchange.open(
            self.directory,
            limits=LIMITS,
            vfs=self._storage.name,
            snapshot_every_records=SNAPSHOT_EVERY_RECORDS,
            reserve_bytes=RESERVE_BYTES,
            accept_clock=accept_clock,
            keep_ns=self.KEEP_NS,
        )
        exchange._guard._look_every_s = 0
        if exchange._saving is not None:
            await exchange._saving
        self._storage.forget_faults()
        if self._storage.crashed:
            # It went off under the snapshot that was just due. Nothing can be compared without power.
            with suppress(JournalFailed):
                await exchange.close()
            raise ExchangeStopped("the power went off right after the opening")
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
        self.audit.view.set_figures(self.audit.venue.figures_of_all())
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
        if exchange.view.market_halted:
            await self._resume(exchange)
        await self._retry(exchange)
        index = 0
        for step in range(self._random.randint(1, STEPS_MAX)):
            self._time.spend(self._random.choice(PAUSES_NS))
            if self._random.random() < 0.1:
                await self._retry(exchange)
            if self._random.random() < 0.1:
                self._time.set_wrong(self._random.choice(WRONG_CLOCKS_S))
            if self._random.random() < 0.1:
                self._let_fail(FAULTS_WHILE_TRADING)
            if self._random.random() < 0.2:
                await self._operate(exchange, number, step)
            new = [CommandId(number, index + at) for at in range(self._random.randint(1, BURST_MAX))]
            index += len(new)
            await self._send(exchange, [*new, *self._lately_acknowledged(exchange)])

    async def _resume(self, exchange: Exchange) -> None:
        """A halted market refuses orders by name until somebody lets it trade again."""
        order = commands.place(1, 1, Side.BUY, REFERENCE_TICKS, 1)
        (refusal, _), _ = await self._submit(exchange, [order, commands.resume_market()])
        assert refusal.reason == Reject.MARKET_HALTED
        assert exchange.phase == "trading" or self._storage.crashed

    async def _operate(self, exchange: Exchange, number: int, step: int) -> None:
        """Somebody who runs the market has it halted, resumed, or priced anew."""
        was_halted = exchange.view.market_halted
        await self._submit(exchange, [self._traffic.operation(number, step)])
        self.met["market halted by command"] += exchange.view.market_halted and not was_halted
        self.met["market resumed by command"] += was_halted and not exchange.view.market_halted

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
        """The answers, in order. What a full disk refused did not happen, and is sent again until it does."""
        answers: dict[int, tuple[Answer, bool]] = {}
        while len(answers) < len(groups):
            waiting = [index for index in range(len(groups)) if index not in answers]
            async with asyncio.timeout(REPLY_S_MAX):
                futures = exchange.submit_many([groups[index] for index in waiting])
                replies = await asyncio.gather(*futures, return_exceptions=True)
            if exchange._saving is not None:
                await exchange._saving
            self._take_heard()
            for index, reply in zip(waiting, replies, strict=True):
                if isinstance(reply, Reply):
                    answers[index] = Answer.of(reply.events[-1:])
                elif not isinstance(reply, StorageFull):
                    raise reply
            refused = len(groups) - len(answers)
            self.met["refused for want of room"] += refused
            if refused and self._storage.crashed:
                raise ExchangeStopped("there is no room without power")
        return [answers[index] for index in range(len(groups))]

    def _take_heard(self) -> None:
        """Let the second venue do what was published, and compare."""
        for published in self._heard:
            events = self.audit.venue.apply(published.commands, published.first_sequence)
            assert events.tobytes() == published.events.tobytes()
            self.audit.take(published)
        self._heard.clear()

    # --- between two lives

    def _flip_bits(self) -> None:
        """Of a copy of the store one bit flips: it is refused by name, or recovered with all that anybody was told."""
        if not (self.directory / "journal.db").exists() or self._random.random() < 0.7:
            return
        copy = self.directory.with_name(f"{self.directory.name}-copy")
        whole = self._recovered_copy(copy, lambda: None)
        for _ in range(self._random.randint(1, FLIPS_MAX)):
            try:
                recovered = self._recovered_copy(copy, lambda: self._flip_one_bit(copy))
            except StoreError:
                self.met["flipped bit refused by name"] += 1
                continue
            assert self.audit.view.sequence <= recovered.sequence <= whole.sequence, "what was told is gone in silence"
            expected = whole.venue if recovered.sequence == whole.sequence else self.audit.venue
            if recovered.sequence in (whole.sequence, self.audit.view.sequence):
                assert recovered.venue.digest() == expected.digest(), "a flipped bit changed the state in silence"
            self.met["flipped bit recovered from"] += 1

    def _recovered_copy(self, copy: Path, damage: Callable[[], None]) -> Recovered:
        try:
            shutil.copytree(self.directory, copy)
            damage()
            return recover_store(copy)
        finally:
            shutil.rmtree(copy)

    def _flip_one_bit(self, directory: Path) -> None:
        paths = sorted(path for path in directory.iterdir() if path.stat().st_size > 0)
        if paths:  # A disk that failed at once leaves nothing to flip.
            path = self._random.choice(paths)
            flip_bit(path, self._random.randrange(8 * path.stat().st_size))

    def _damage_snapshots(self) -> None:
        path = self.directory / SNAPSHOTS_FILE
        content = path.read_bytes() if path.exists() else b""
        damage = self._random.choice(self.SNAPSHOT_DAMAGE)
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
                store.save(snapshot._replace(chain_hash=bytes(32)), lambda places: {each.sequence for each in places})


class TrimmedWorld(World):
    """A world that keeps a minute, in which no damage takes every snapshot away: that is refused, as it must be."""

    KEEP_NS = 60 * NANO_PER_S
    SNAPSHOT_DAMAGE = ("none", "none", "misdirected")

    def _save_of_other_journal(self) -> None:
        good: list[Snapshot] = []
        with suppress(StoreError), SnapshotStore.open(self.directory) as store:
            good = [snapshot for snapshot in store.newest_first() if snapshot.chain_hash != bytes(32)]
        if len(good) > 1:
            super()._save_of_other_journal()


def now_ns(exchange: Exchange) -> int:
    """Venue time: that of the next batch."""
    return max(exchange.clock.now_ns(), exchange.view.time_ns)
