"""The one writer: orders requests, gives them time and sequence, journals them, applies them, hands out what happened.

It runs in a thread of its own. Whatever arrives while one batch is being committed makes up the next (group commit),
so the cost of a durable commit is shared by as many commands as there are.

    requests ─▶ take batch ─▶ stamp time, sequence, order ids ─▶ journal ─┬▶ sync ─────────┬▶ publish ─▶ trim
                                                                          └▶ venue.apply ──┘

A batch is applied while the disk makes it durable, and nothing of it leaves before it is: what the journal lost was
never seen. When a sync fails the venue has run ahead of the journal: the sequencer stops, names the reason to everyone
who waits, and never tries again; the venue is read no more. A full disk is no such failure, since it is met before the
batch is applied: see `full_disk`.

Commands that are few need not wait for another thread to wake: whoever queued them may take the turn for them, where
nothing but their commit is to be waited for (`turn_at_once`).

Whoever wants to read the venue itself takes a look: it is read between two batches, and stands still meanwhile.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from exchange import commands, delivery_commands
from exchange.captures import Capture, Captures
from exchange.clock import DOWNTIME_TOLD_NS, VenueClock
from exchange.full_disk import DiskGuard, StorageFull, ends_risk
from exchange.journal import Journal
from exchange.published import Published
from exchange.retention import Trimmer
from exchange.snapshot_pace import SnapshotPace
from exchange.stages import Stage, Stages
from exchange.store_errors import JournalFull
from exchange.venue.batches import Batch
from exchange.venue.calendar import next_due
from exchange.venue.machine import Venue
from exchange.venue.schema import CONTINUATIONS_MAX
from exchange.venue.stamping import stamp_ids

BATCH_RECORDS_MAX = 4_096
BLOCK_RECORDS_MAX = 2_048
"""A block of commands is never split between batches, so it is no longer than half of one."""
QUEUED_RECORDS_MAX = 1 << 17
QUEUED_TO_END_RISK_MAX = QUEUED_RECORDS_MAX + (1 << 14)
"""A queue that is full of other commands has room for cancels and halts."""
QUEUED_LOOKS_MAX = 1_024
LOOKS_BETWEEN_BATCHES_MAX = 16
UNDELIVERED_BATCHES_MAX = 64
IDLE_TICK_S = 0.25
"""Time passes for the venue at least this often."""
AT_ONCE_RECORDS_MAX = 512
"""So few are carried out by whoever queued them: some hundred orders."""
QUICK_NS = 1_000_000
QUICK_COMMITS = 2
"""Nobody but the sequencer's own thread waits for a disk unless so many commits on end took no longer than that."""


class Overloaded(Exception):  # noqa: N818 - named for what is wrong
    """The queue of the sequencer is full; nothing of this request was taken."""


class ExchangeStopped(Exception):  # noqa: N818 - named for what is wrong
    """The exchange takes no more commands; whether one that was under way is durable shows after the restart."""


class Request(NamedTuple):
    """One command, or a block of whole ones that stay together, with what the caller wants back."""

    group: np.ndarray
    ticket: Any


class Look(NamedTuple):
    """A reading of the venue at rest, what its readers make of it, and who waits for that."""

    read: Callable[[Venue], Any]
    take: Callable[[Any], Any]
    ticket: Any


class Outcome(NamedTuple):
    """What became of a batch, with the tickets of its requests, the sequence of the first record of each, and the one
    behind its last. It leaves the exchange once the batch is durable."""

    published: Published
    tickets: list[Any]
    sequences: list[int]
    end_sequences: list[int]


class Delivery(NamedTuple):
    """A durable batch, as its outcome says."""

    published: Published
    tickets: list[Any]
    sequences: list[int]
    end_sequences: list[int]
    capture: Capture | None
    chain_hash: bytes
    done_ns: int
    """When it was durable and applied, by the clock of `perf_counter_ns`."""


class Sequencer:
    """Owns venue and journal while it runs."""

    def __init__(
        self,
        venue: Venue,
        journal: Journal,
        clock: VenueClock,
        deliver: Callable[[Delivery], None],
        fail: Callable[[BaseException, list[Any]], None],
        refuse: Callable[[StorageFull, list[Any]], None],
        guard: DiskGuard,
        show: Callable[[Look, Any], None],
        stages: Stages,
        *,
        snapshot_every_records: int = 1_000_000,
        snapshot_every_ns: int | None = None,
        last_snapshot_sequence: int = 0,
        trimmer: Trimmer | None = None,
    ) -> None:
        """`deliver` is called in the sequencer's thread after each batch, `fail` once if it has to stop, and `refuse`
        for the commands of a batch for which the disk had no room; `show` with what a look found, or with the exception
        that it ended with."""
        self._venue = venue
        self._journal = journal
        self._clock = clock
        self._deliver = deliver
        self._fail = fail
        self._refuse = refuse
        self._guard = guard
        self._show = show
        self._stages = stages
        self._trimmer = trimmer
        self._pace = SnapshotPace(
            snapshot_every_records, snapshot_every_ns, last_snapshot_sequence, venue.time_ns, self._resting_orders()
        )
        self._captures = Captures()
        self._has_reserved = False
        self._tells_downtime = clock.anchor.downtime_ns > DOWNTIME_TOLD_NS
        self._requests: deque[Request] = deque()
        self._looks: deque[Look] = deque()
        self._unshown: deque[Look] = deque()
        """Those whose readings were not shown yet."""
        self._queued_records = 0
        self._waits_since_ns = 0
        """Since when the first request that waits does so."""
        self._lock = threading.Lock()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._is_rung = False
        """Whether somebody rang whom the sequencer has not heard: it is rung once, however many do."""
        self._stopping = False
        self._failed = False
        self._turning = threading.Lock()
        """Held by the one thread that takes a turn."""
        self._quick_commits = 0
        """How many there were since the last one that was not."""
        self._room: SimpleQueue[None] = SimpleQueue()
        """One for each batch that may be delivered before others were dealt with."""
        for _ in range(UNDELIVERED_BATCHES_MAX):
            self._room.put(None)
        self._thread = threading.Thread(target=self._run, name="sequencer")

    def make_ready(self, orders: int) -> None:
        """Have memory for a capture with so many orders more, before anybody waits for it; called before `start`."""
        self._captures.make_ready(self._venue.state, orders)

    def start(self) -> None:
        """Begin to take commands."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what was submitted, take a last capture, and end."""
        with self._lock:
            self._stopping = True
        self.wake()
        self._thread.join()

    def submit(self, requests: list[Request]) -> None:
        """Queue commands, all or none; `wake` tells of them. Raises Overloaded or ExchangeStopped."""
        records = 0
        for request in requests:
            assert 1 <= len(request.group) <= BLOCK_RECORDS_MAX, "a block is too long"
            records += len(request.group)
        with self._lock:
            if self._stopping or self._failed:
                raise ExchangeStopped("the exchange is stopping")
            if self._queued_records + records > QUEUED_RECORDS_MAX and not self._has_reserve_for(requests, records):
                raise Overloaded(f"{self._queued_records} records are waiting; send again later")
            if not self._requests:
                self._waits_since_ns = perf_counter_ns()
            self._requests.extend(requests)
            self._queued_records += records

    def wake(self) -> None:
        """Commands were queued: a sequencer at rest takes them."""
        if not self._is_rung:
            self._is_rung = True
            self._bell.put(None)

    @property
    def is_busy(self) -> bool:
        """Whether commands wait, or a batch is being carried out or was not dealt with yet."""
        return self.is_queueing or self._is_delivering

    @property
    def is_queueing(self) -> bool:
        """Whether commands wait."""
        return bool(self._requests)

    def turn_at_once(self, prepare: Callable[[Outcome], None] = lambda _: None) -> Delivery | None:
        """Carry out what was queued, in the caller's thread, if that is little and nothing else is under way or due.

        What comes of it is returned, and not delivered. `prepare` is called with it while the disk makes it durable, if
        it does: what nobody sees can be done then. It must not raise. None if nothing was carried out: `wake` lets the
        thread of the sequencer do it. Only whoever deals with deliveries may call this, and all of them are dealt with
        then.
        """
        if self._queued_records > AT_ONCE_RECORDS_MAX or self._quick_commits < QUICK_COMMITS:
            return None
        if not self._turning.acquire(blocking=False):
            return None
        batch: list[Request] = []
        try:
            if not self._has_only_commits_to_do():
                return None
            batch = self._take_batch()
            self._room.get()
            delivery = self._process(batch, False, prepare, spins=True)
            if self._journal.is_checkpoint_due:
                self.wake()  # for the thread, while answers go out
            return delivery
        except JournalFull as error:
            self.delivered()
            self._go_on_full_disk(batch, False, error)
        except BaseException as error:
            self._give_up(error, batch)
        finally:
            self._turning.release()
        return None

    def look(self, look: Look) -> None:
        """Read the venue after the batch at work, or at once. Raises Overloaded or ExchangeStopped."""
        with self._lock:
            if self._stopping or self._failed:
                raise ExchangeStopped("the exchange is stopping")
            if len(self._looks) >= QUEUED_LOOKS_MAX:
                raise Overloaded(f"{QUEUED_LOOKS_MAX} readings are waiting; ask again later")
            self._looks.append(look)
        self.wake()

    def delivered(self) -> None:
        """Tell that one delivery was dealt with: so many at most are under way."""
        assert self._is_delivering, "a delivery was dealt with twice"
        self._room.put(None)

    def shown(self) -> None:
        """Tell that the oldest reading was shown."""
        self._unshown.popleft()

    @property
    def _is_delivering(self) -> bool:
        """Whether a batch is being carried out or was not dealt with yet."""
        return self._room.qsize() < UNDELIVERED_BATCHES_MAX

    def _has_only_commits_to_do(self) -> bool:
        """Whether commands wait, and nothing beside them; called by whoever takes the turn."""
        if not self._requests or self._stopping or self._failed or self._guard.is_full:
            return False
        if self._looks or self._unshown:
            # Who takes a reading sees the market as it was read: no batch may come between.
            return False
        if self._is_delivering or self._journal.is_checkpoint_due:
            return False
        if self._trimmer is not None and self._trimmer.has_work:
            return False
        return not self._pace.is_due(self._journal.last_sequence + BATCH_RECORDS_MAX, self._clock.now_ns())

    def _has_reserve_for(self, requests: list[Request], records: int) -> bool:
        """Whether a queue that is full takes these all the same."""
        has_room = self._queued_records + records <= QUEUED_TO_END_RISK_MAX
        return has_room and all(ends_risk(request.group) for request in requests)

    def _run(self) -> None:
        is_over = False
        while not is_over:
            self._rest()
            with self._turning:
                is_over = self._failed or self._turn_or_give_up()

    def _turn_or_give_up(self) -> bool:
        """Take a turn; whether it was the last one."""
        batch: list[Request] = []
        try:
            batch = self._take_batch()
            is_last = self._stopping and not batch
            self._turn(batch, is_last)
        except BaseException as error:
            self._give_up(error, batch)
            return True
        return is_last

    def _turn(self, batch: list[Request], is_last: bool) -> None:
        self._guard.look_for_room()
        self._carry_out(batch, is_last)
        if not batch and not is_last:  # closing the journal is one
            self._journal.checkpoint_if_due()
        if self._trimmer is not None and not self._guard.is_full and not is_last:
            self._trimmer.turn(is_idle=not batch)
        self._take_looks(QUEUED_LOOKS_MAX if is_last else LOOKS_BETWEEN_BATCHES_MAX)

    def _take_looks(self, most: int) -> None:
        """Let some who wait read the venue. A fault of a reader is its own."""
        for _ in range(min(most, len(self._looks))):
            look = self._looks.popleft()
            self._unshown.append(look)
            try:
                found = look.read(self._venue)
            except Exception as error:
                found = error
            self._show(look, found)

    def _carry_out(self, batch: list[Request], is_last: bool) -> None:
        """Make what was taken durable, apply it, hand it out; on a full disk, only what ends risk."""
        if self._guard.is_full:
            batch = self._admitted(batch)
        if not batch and (self._guard.is_full or not (is_last or self._is_tick_due())):
            return
        self._room.get()
        try:
            delivery = self._process(batch, is_last, lambda _: None, spins=False)
        except JournalFull as error:
            self.delivered()
            self._go_on_full_disk(batch, is_last, error)
        else:
            self._deliver(delivery)

    def _admitted(self, batch: list[Request]) -> list[Request]:
        refused = [request.ticket for request in batch if not self._guard.takes(request.group)]
        if refused:
            self._refuse(StorageFull("the disk is full: cancels and halts are taken, and nothing else"), refused)
        return [request for request in batch if self._guard.takes(request.group)]

    def _go_on_full_disk(self, batch: list[Request], is_last: bool, error: JournalFull) -> None:
        """Nothing of the batch happened: try what ends risk on the room of the reserve, if there is any left."""
        if self._guard.meet_full_disk():
            self._carry_out(batch, is_last)
        elif batch:
            self._refuse(StorageFull(str(error)), [request.ticket for request in batch])

    def _rest(self) -> None:
        """Wait for something to do, or for time to pass."""
        if not self._requests and not self._looks and not self._stopping:
            with suppress(Empty):
                self._bell.get(timeout=IDLE_TICK_S)
        self._is_rung = False

    def _take_batch(self) -> list[Request]:
        with self._lock:
            batch: list[Request] = []
            first = records = 2 if self._tells_downtime else 1  # the time, and before it the downtime
            while self._requests and records + len(self._requests[0].group) <= BATCH_RECORDS_MAX:
                request = self._requests.popleft()
                records += len(request.group)
                batch.append(request)
            self._queued_records -= records - first
            if batch:
                now_ns = perf_counter_ns()
                self._stages.note((Stage.QUEUE, now_ns - self._waits_since_ns))
                self._waits_since_ns = now_ns
            return batch

    def _is_tick_due(self) -> bool:
        now_ns = self._clock.now_ns()
        idle_ns = now_ns - self._venue.time_ns
        return idle_ns >= 1_000_000_000 or next_due(self._venue.state) <= now_ns

    def _process(
        self, batch: list[Request], is_last: bool, prepare: Callable[[Outcome], None], *, spins: bool
    ) -> Delivery:
        """Make one batch durable, and apply it meanwhile. Who `spins` would only wait for the disk then."""
        time_ns = max(self._clock.now_ns(), self._venue.time_ns)
        first_sequence = self._journal.last_sequence + 1
        heads = [*self._downtime(time_ns), commands.tick(time_ns)]
        records = commands.concatenate(*heads, *(request.group for request in batch))
        stamp_order_ids(records, first_sequence)
        began_ns = perf_counter_ns()
        self._journal.checkpoint_if_due()
        commit_began_ns = perf_counter_ns()
        self._journal.begin_append(first_sequence, time_ns, records.tobytes())
        written_ns = perf_counter_ns()
        try:
            events = self._venue.apply(records, first_sequence)
            figures = self._venue.figures_after(events)
            applied_ns = perf_counter_ns()
            outcome = Outcome(
                Published(first_sequence, time_ns, records, events, figures),
                [request.ticket for request in batch],
                *_sequences_of(batch, first_sequence + len(heads)),
            )
            prepare(outcome)
        finally:
            waits_from_ns = perf_counter_ns()
            self._journal.finish_append(spins=spins)
        done_ns = perf_counter_ns()
        others_ns = waits_from_ns - written_ns
        self._quick_commits = self._quick_commits + 1 if done_ns - commit_began_ns - others_ns <= QUICK_NS else 0
        self._stages.note((Stage.JOURNAL, done_ns - began_ns - others_ns), (Stage.APPLY, applied_ns - written_ns))
        self._tells_downtime = False
        return Delivery(*outcome, self._capture_if_due(is_last), self._journal.last_hash, done_ns)

    def _downtime(self, time_ns: int) -> list[np.ndarray]:
        """What the venue must know before the first time after a restart: waits that met it begin again."""
        return [delivery_commands.note_downtime(self._venue.time_ns, time_ns)] if self._tells_downtime else []

    def _capture_if_due(self, is_last: bool) -> Capture | None:
        """Some time before a snapshot memory is got for it; one that finds it still in use is taken a batch later."""
        if self._guard.is_full:
            return None
        sequence, time_ns = self._journal.last_sequence, self._venue.time_ns
        if not self._pace.is_due(sequence, time_ns) and not is_last:
            ahead = self._pace.records_ahead(sequence, time_ns)
            if not self._has_reserved and ahead is not None:
                self._has_reserved = self._captures.reserve(self._venue.state, ahead + BATCH_RECORDS_MAX)
            return None
        capture = self._captures.take(self._venue.state, is_urgent=is_last)
        if capture is not None:
            self._pace.note(sequence, time_ns, self._resting_orders())
            self._has_reserved = False
        return capture

    def _resting_orders(self) -> int:
        return int(self._venue.state.book.counters[0]["resting_orders"])

    def _give_up(self, error: BaseException, batch: list[Request]) -> None:
        with self._lock:
            self._failed = True
            waiting = [request.ticket for request in (*batch, *self._requests)]
            waiting += [look.ticket for look in self._looks]
            self._requests.clear()
            self._looks.clear()
        self._fail(error, waiting)


def _sequences_of(batch: list[Request], sequence: int) -> tuple[list[int], list[int]]:
    """The sequence with which each request begins, the first of them with this one, and the one behind its end."""
    sequences, end_sequences = [], []
    for request in batch:
        sequences.append(sequence)
        sequence += len(request.group)
        end_sequences.append(sequence)
    return sequences, end_sequences


def stamp_order_ids(records: np.ndarray, first_sequence: int) -> None:
    """Give every new order that has no id its sequence as id, and so every leg of a basket."""
    stamp_ids(Batch(records), first_sequence)


assert 1 + CONTINUATIONS_MAX <= BLOCK_RECORDS_MAX, "a single command is too long for a request"
