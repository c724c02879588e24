"""The exchange as one object for doors and tools: open it, submit commands, read the view, listen to what is published.

Everything here belongs to one event loop. The sequencer works in its own thread and hands each durable batch over, or
the loop takes its turn for it. Replies go out, the view follows in the same turn of the loop, and listeners hear of it
then, or in the next turn where tasks have to answer first: no reader is behind its own answer. Whoever is told at once
lets the view follow before reading it (`follow`).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Self, TypeVar

import numpy as np
import structlog

from exchange import commands
from exchange.background import give_way
from exchange.backup import Copied, Source, copy_store
from exchange.clock import DOWNTIME_NOTICE_NS, DRIFT_ALERT_NS, VenueClock, anchor
from exchange.full_disk import DiskGuard, StorageFull
from exchange.journal import Journal
from exchange.published import Published
from exchange.recovery import Progress, Recovered, recover, snapshot_of
from exchange.replies import Reply, Ticket, replies_of
from exchange.reserve import Reserve
from exchange.retention import Retention
from exchange.sequencer import Delivery, ExchangeStopped, Look, Outcome, Overloaded, Request, Sequencer
from exchange.snapshots import SnapshotStore
from exchange.stages import Stage, Stages
from exchange.standing import standing_parameters
from exchange.statements.desk import StatementDesk
from exchange.store_errors import CopyRefused, JournalFull, StoreError
from exchange.venue.balances import find_imbalance
from exchange.venue.machine import Venue
from exchange.venue.state import VenueLimits
from exchange.view import FrozenView, MarketView

__all__ = ["Exchange", "ExchangeStopped", "Overloaded", "Published", "Reply", "StorageFull", "Ticket"]

log = structlog.get_logger()
Listener = Callable[[Published], None]
PAUSES_KEPT = 100
ORDERS_AHEAD = 1 << 17
"""An exchange opens ready for so many orders more: until there are as many, nobody waits for memory."""
FoundT = TypeVar("FoundT")
TakenT = TypeVar("TakenT")


class Exchange:
    """A running market. Make one with `open`; `close` it in the end."""

    def __init__(
        self,
        journal: Journal,
        snapshots: SnapshotStore,
        recovered: Recovered,
        limits: VenueLimits,
        clock: VenueClock,
        guard: DiskGuard,
        snapshot_every_records: int,
        keep_ns: int | None,
    ) -> None:
        self.view: MarketView = recovered.view
        self.limits = limits
        self.replayed_records = recovered.replayed_records
        self.standing_at_start = standing_parameters(recovered.venue)
        """The risk parameters with which the market opened, by instrument."""
        self.clock = clock
        self.started_ns = time.time_ns()
        self.snapshot_pauses_ns: deque[int] = deque(maxlen=PAUSES_KEPT)
        """How long the sequencer stood still for each of the latest snapshots."""
        self.stages = Stages()
        """Where the time goes."""
        self.failure: BaseException | None = None
        self.failed = asyncio.Event()
        self._closing = False
        self._has_alerted = False
        self._halting: asyncio.Task[Reply] | None = None
        """Of a market whose books do not add up."""
        self._guard = guard
        self._was_full = False
        self._journal = journal
        self._snapshots = snapshots
        self._retention = Retention(
            journal, snapshots, limits.rules_version(), keep_ns, lambda error: self._on_loop(self._keep_all, error)
        )
        self.notices = [*journal.notices, *self._retention.notices, *recovered.notices]
        self._saver = ThreadPoolExecutor(1, "snapshots", initializer=give_way)
        self._saving: asyncio.Future[None] | None = None
        """What it does last: one after the other, as they were given to it."""
        self._copying: set[asyncio.Future[Copied]] = set()
        self.statements = StatementDesk(journal, snapshots, limits)
        self._listeners: list[Listener] = []
        self._is_waking = False
        """Whether the sequencer is about to be told of commands."""
        self._unfollowed: Published | None = None
        """The latest batch, while the view has not followed it."""
        self._follow_ns = 0
        """How long it took."""
        self._untold: Published | None = None
        """The latest batch, while those who listen have not heard of it."""
        self._prepared: tuple[Published, list[Reply]] | None = None
        """The replies to a batch that is not durable yet."""
        self._prepare_ns = 0
        """How long it took to find them, and to prepare answers."""
        self._loop = asyncio.get_running_loop()
        self._sequencer = Sequencer(
            recovered.venue,
            journal,
            clock,
            lambda delivery: self._on_loop(self._receive, delivery),
            lambda error, tickets: self._on_loop(self._stop_on, error, tickets),
            lambda error, tickets: self._on_loop(self._refuse, error, tickets),
            guard,
            lambda look, found: self._on_loop(self._show, look, found),
            self.stages,
            snapshot_every_records=snapshot_every_records,
            snapshot_every_ns=self._retention.spacing_ns,
            last_snapshot_sequence=recovered.sequence - recovered.replayed_records,
            trimmer=self._retention.trimmer,
        )

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        limits: VenueLimits = VenueLimits(),  # noqa: B008 - a tuple of integers
        synchronous: str = "FULL",
        vfs: str | None = None,
        snapshot_every_records: int = 1_000_000,
        reserve_bytes: int = 0,
        accept_clock: bool = False,
        keep_ns: int | None = None,
        orders_ahead: int = ORDERS_AHEAD,
        log_pages_ahead: int = 0,
        progress: Progress | None = None,
    ) -> Self:
        """Recover the market in a directory, or begin one there, and start to take commands.

        Memory for `orders_ahead` orders more than there are is there before the first command is taken, and room for
        `log_pages_ahead` pages in the log of the journal, unless the disk is full.
        `reserve_bytes` of disk are kept for cancels and halts. Rows of the journal that are older than `keep_ns` are
        removed bit by bit; without it all are kept. With an implausible system clock the market starts halted and
        time goes on from where it stood, unless `accept_clock` says that the clock is right. Raises the store's errors.
        """
        reserve = Reserve(directory, reserve_bytes, vfs)
        with ExitStack() as opened:
            journal, was_full = _open_journal(directory, limits, synchronous, vfs, reserve)
            opened.enter_context(journal)
            snapshots = opened.enter_context(SnapshotStore.open(directory, vfs=vfs))
            recovered = await asyncio.to_thread(recover, journal, snapshots, limits, progress)
            is_held = await asyncio.to_thread(reserve.acquire, leaves_as_much=was_full)
            await asyncio.to_thread(recovered.make_ready, min(limits.orders, orders_ahead))
            if log_pages_ahead and is_held:
                await asyncio.to_thread(journal.lay_out, log_pages_ahead)
            opened.pop_all()
        last_ns = 0 if accept_clock else recovered.venue.time_ns
        anchored = anchor(last_ns, time.time_ns())
        guard = DiskGuard(reserve, is_full=not is_held)
        venue_clock = VenueClock(anchored)
        exchange = cls(journal, snapshots, recovered, limits, venue_clock, guard, snapshot_every_records, keep_ns)
        await asyncio.to_thread(exchange._sequencer.make_ready, min(limits.orders, orders_ahead))
        exchange._sequencer.start()
        if keep_ns is not None:
            # What the life before was about to remove goes now, and what became too old meanwhile.
            time_ns = exchange.view.time_ns
            exchange._saving = exchange._loop.run_in_executor(exchange._saver, exchange._retention.look, time_ns)
        if anchored.downtime_ns > DOWNTIME_NOTICE_NS:
            exchange.notices.append(f"the exchange was down for {anchored.downtime_ns / 60e9:.0f} minutes by the clock")
        if anchored.doubt is not None:
            exchange.notices.append(f"{anchored.doubt}: the market starts halted")
            try:
                await exchange.submit(commands.halt_market())
            except BaseException:
                await exchange.close()
                raise
        return exchange

    @property
    def first_sequence(self) -> int:
        """Of the journal: 1 while no row of it was trimmed."""
        return self._journal.first_sequence

    @property
    def trimmed_until_ns(self) -> int | None:
        """The venue time of the last row that was trimmed; statements are of later days. None without one."""
        return self._journal.anchor.time_ns if self._journal.first_sequence > 1 else None

    @property
    def is_busy(self) -> bool:
        """Whether commands wait or are being carried out: those who listen hear of a batch soon."""
        return self._sequencer.is_busy

    @property
    def is_between_batches(self) -> bool:
        """Whether a batch is being carried out, and nothing yet of the next one is there."""
        return self._sequencer.is_busy and not self._sequencer.is_queueing

    @property
    def phase(self) -> str:
        """`trading`, `halted`, `cancel_only` on a full disk, or `stopping`."""
        if self._closing or self.failure is not None:
            return "stopping"
        if self._guard.is_full:
            return "cancel_only"
        return "halted" if self.view.market_halted else "trading"

    async def submit(self, group: np.ndarray) -> Reply:
        """Run one command, and return once it is durable. Raises Overloaded, StorageFull or ExchangeStopped."""
        return await self.submit_many([group])[0]

    def submit_many(self, groups: Sequence[np.ndarray]) -> list[asyncio.Future[Reply]]:
        """Queue commands, all or none, and return the future of each reply, which raises what `submit` does.

        Raises Overloaded or ExchangeStopped.
        """
        futures = [self._loop.create_future() for _ in groups]
        self.enter(groups, futures)
        return futures

    def enter(self, groups: Sequence[np.ndarray], tickets: Sequence[Ticket], *, wakes: bool = True) -> None:
        """Queue commands, all or none, each with who waits for its reply. Raises Overloaded or ExchangeStopped.

        They are carried out when this turn of the loop is over: what comes in one turn is one batch. Whoever will call
        `wake` in the next turn at the latest, and can say that nothing more comes, need not have it called.
        """
        self._sequencer.submit([Request(group, ticket) for group, ticket in zip(groups, tickets, strict=True)])
        if not self._is_waking:
            self._is_waking = True
            if wakes:
                self._loop.call_soon(self.wake)

    def wake(self, *, has_more: bool = False) -> None:
        """Let what was queued be carried out: by the sequencer, or here and now where it is little beside a commit.

        Whoever `has_more` to queue does so while this is written.
        """
        if not self._is_waking:
            return
        self._is_waking = False
        delivery = None if has_more else self._sequencer.turn_at_once(self._prepare)
        if delivery is None:
            self._sequencer.wake()
        else:
            self._receive(delivery)

    def follow(self) -> None:
        """Let the view follow the latest batch, if it has not yet: who is told of a reply, and reads it, needs that."""
        unfollowed, self._unfollowed = self._unfollowed, None
        if unfollowed is None:
            return
        began_ns = perf_counter_ns()
        self.view.apply(unfollowed)
        self._follow_ns = perf_counter_ns() - began_ns

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear of every durable batch, in the loop's thread; call what is returned to stop."""
        self.tell()
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self) -> None:
        """Let all who listen hear of the latest batch now: whoever reads the view and listens from then on needs that.

        Otherwise they hear of it when its replies are out; where tasks have to send them, a turn of the loop later.
        """
        self.follow()
        untold, self._untold = self._untold, None
        if untold is None:
            return
        began_ns = perf_counter_ns()
        for listener in tuple(self._listeners):
            try:
                listener(untold)
            except Exception:
                # It is the listener's own: neither the next batch nor whoever looks may fail for it.
                log.exception("listener_failed")
        self.stages.note((Stage.TELL, perf_counter_ns() - began_ns))

    def look(self, read: Callable[[Venue], FoundT], take: Callable[[FoundT], TakenT]) -> asyncio.Future[TakenT]:
        """Read the venue between two batches, in the sequencer's thread, which stands still for as long as it takes.

        `take` gets what was found, in the loop's thread, while the view is of the very same sequence; what it returns
        is the result. Raises Overloaded or ExchangeStopped; the future raises what they do, or ExchangeStopped.
        """
        future: asyncio.Future[TakenT] = self._loop.create_future()
        self._sequencer.look(Look(read, take, future))
        return future

    async def back_up(self, target: Path, copy_keys: Callable[[Path], None], progress: Progress) -> Copied:
        """Copy the store to a new folder while trading goes on. Raises StoreError; then nothing is there."""

        def report(done: int, total: int) -> None:
            if self._closing:
                raise CopyRefused(target, "the exchange is stopping")
            progress(done, total)

        source = Source(self._journal, self._snapshots, copy_keys)
        copying = asyncio.ensure_future(asyncio.to_thread(copy_store, source, target, report))
        self._copying.add(copying)
        copying.add_done_callback(self._copying.discard)
        return await asyncio.shield(copying)

    async def close(self) -> None:
        """Finish what was submitted, take a last snapshot, and release the store."""
        if self._closing:
            return
        self._closing = True
        await asyncio.gather(*self._copying, return_exceptions=True)
        await self.statements.close()
        await asyncio.to_thread(self._sequencer.stop)
        if self._saving is not None:
            await self._saving
        self._saver.shutdown()
        await asyncio.to_thread(self._snapshots.close)
        await asyncio.to_thread(self._journal.close)

    def _on_loop(self, function: Callable[..., None], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(function, *arguments)

    def _prepare(self, outcome: Outcome) -> None:
        """Find the replies to a batch while it is written, and let answers be prepared. A fault in that is no fault of
        the batch: who is not prepared is told all the same."""
        began_ns = perf_counter_ns()
        replies = replies_of(outcome.published, outcome.sequences, outcome.end_sequences)
        self._prepared = outcome.published, replies
        try:
            for ticket, reply in zip(outcome.tickets, replies, strict=True):
                prepare = getattr(ticket, "prepare", None)
                if prepare is not None:
                    prepare(reply)
        except Exception:
            log.exception("answers_not_prepared")
        self._prepare_ns = perf_counter_ns() - began_ns

    def _receive(self, delivery: Delivery) -> None:
        self.tell()
        received_ns = perf_counter_ns()
        self._unfollowed = self._untold = delivery.published
        is_told_later = any(map(asyncio.isfuture, delivery.tickets))
        if is_told_later:
            # Before the replies: a task that waits for one goes on when everybody has been told.
            self._loop.call_soon(self.tell)
        try:
            self._reply(delivery)
        finally:
            self._sequencer.delivered()
            self.follow()
        replied_ns = perf_counter_ns()
        if not is_told_later:
            self.tell()
        self.stages.note(
            (Stage.HAND_OVER, received_ns - delivery.done_ns),
            (Stage.FOLLOW, self._follow_ns),
            (Stage.REPLY, self._prepare_ns + replied_ns - received_ns - self._follow_ns),
        )
        self._prepare_ns = 0
        if delivery.capture is not None:
            self.snapshot_pauses_ns.append(delivery.capture.pause_ns)
            self._save(delivery)
        self._watch_clock()
        self._watch_disk()

    def _reply(self, delivery: Delivery) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared[0] is delivery.published:
            replies = prepared[1]
        else:
            replies = replies_of(delivery.published, delivery.sequences, delivery.end_sequences)
        for ticket, reply in zip(delivery.tickets, replies, strict=True):
            if not ticket.done():
                ticket.set_result(reply)

    def _show(self, look: Look, found: Any) -> None:
        self._sequencer.shown()
        if look.ticket.done():
            return
        self.tell()
        try:
            if isinstance(found, Exception):
                raise found
            look.ticket.set_result(look.take(found))
        except Exception as error:
            look.ticket.set_exception(error)

    def _save(self, delivery: Delivery) -> None:
        """Write a snapshot in the background, after the one before."""
        self._saving = self._loop.create_task(self._save_in_thread(delivery, self.view.freeze()))

    async def _save_in_thread(self, delivery: Delivery, frozen: FrozenView) -> None:
        published = delivery.published
        last_sequence = published.first_sequence + len(published.commands) - 1
        try:
            await self._loop.run_in_executor(self._saver, self._write_snapshot, delivery, frozen, last_sequence)
        except StoreError as error:
            log.error("snapshot_failed", reason=str(error))

    def _write_snapshot(self, delivery: Delivery, frozen: FrozenView, sequence: int) -> None:
        assert delivery.capture is not None
        rules = self.limits.rules_version()
        time_ns = delivery.published.time_ns
        image = delivery.capture.image()
        imbalance = find_imbalance(image)
        if imbalance:
            self._on_loop(self._stand_still, imbalance, sequence)
            return
        known = len(self._snapshots.notices)
        self._retention.save(snapshot_of(image, frozen.dump(), delivery.chain_hash, sequence, time_ns, rules))
        for notice in self._snapshots.notices[known:]:
            log.error("snapshots_set_aside", reason=notice)

    def _keep_all(self, error: Exception) -> None:
        log.error("journal_not_trimmed", reason=str(error), effect="none for trading: all rows are kept from now on")
        self.notices.append(f"no row is trimmed from the journal any more: {error}")

    def _stand_still(self, imbalance: str, sequence: int) -> None:
        """Books that do not add up are traded on no more: orders can be cancelled, and somebody has to look."""
        notice = f"the books do not add up after sequence {sequence}: {imbalance}"
        log.error(
            "books_do_not_add_up", reason=notice, effect="cancel-only: the market is halted, no snapshot is taken"
        )
        self.notices.append(notice)
        if not self._closing and self._halting is None:
            self._halting = self._loop.create_task(self.submit(commands.halt_market()))

    def _stop_on(self, error: BaseException, tickets: list[Ticket]) -> None:
        self.failure = error
        log.error("exchange_stopped", reason=str(error))
        stopped = ExchangeStopped(f"the exchange stopped: {error}")
        for ticket in tickets:
            if not ticket.done():
                ticket.set_exception(stopped)
        self.failed.set()

    def _refuse(self, error: StorageFull, tickets: list[Ticket]) -> None:
        self._watch_disk()
        for ticket in tickets:
            if not ticket.done():
                ticket.set_exception(error)

    def _watch_disk(self) -> None:
        """Tell the operator when the disk is full, and when there is room again."""
        if self._guard.is_full != self._was_full:
            self._was_full = self._guard.is_full
            if self._was_full:
                log.error("storage_full", effect="cancel-only: cancels and halts are taken, nothing else is")
            else:
                log.warning("storage_has_room", effect="the reserve is held again, everything is taken")

    def _watch_clock(self) -> None:
        """Tell the operator once when the wall clock jumps; venue time goes on by the monotonic clock."""
        drift_ns = self.clock.drift_ns()
        if abs(drift_ns) > DRIFT_ALERT_NS and not self._has_alerted and self.clock.anchor.doubt is None:
            self._has_alerted = True
            log.warning("clock_drift", drift_s=drift_ns / 1e9, effect="none: venue time goes on by the monotonic clock")


def _open_journal(
    directory: Path, limits: VenueLimits, synchronous: str, vfs: str | None, reserve: Reserve
) -> tuple[Journal, bool]:
    """Opening writes too: on a full disk the reserve is given back for that, as the second value tells."""
    rules = limits.rules_version()
    try:
        return Journal.open(directory, rules_version=rules, synchronous=synchronous, vfs=vfs), False
    except JournalFull:
        if not reserve.release():
            raise
        return Journal.open(directory, rules_version=rules, synchronous=synchronous, vfs=vfs), True
