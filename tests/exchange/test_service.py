"""The exchange as one object, on a real store."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from structlog.testing import capture_logs

from exchange import commands
from exchange.clock import BACKWARD_NS_MAX
from exchange.journal import Journal
from exchange.published import Published
from exchange.recovery import Recovered, recover
from exchange.sequencer import QUEUED_RECORDS_MAX
from exchange.service import Exchange, ExchangeStopped, Overloaded, Reply
from exchange.snapshots import SnapshotStore
from exchange.store_errors import JournalFailed, JournalOfOtherRules, StoreLocked
from exchange.venue.schema import ACCOUNT_EVENT, Event, Reject, Tier
from exchange.venue.state import VenueLimits
from exchange.verification import verify
from tests.exchange.venue.market import ALICE, BOB, BUY, NANO_PER_S, SELL
from tests.simulation.storage import UnsyncedLoss

LIMITS = VenueLimits(instruments=16, orders=256, nodes=200, accounts=16, positions=600, client_ids=64)
RULES = LIMITS.rules_version()
HOUR_S = 3_600
CASH_NANO = 10**12
PATIENCE_S = 20


async def open_exchange(directory: Path, **options: Any) -> Exchange:
    return await Exchange.open(directory, limits=LIMITS, **options)


async def open_market(exchange: Exchange) -> int:
    """Two accounts with cash, and windows of an hour; returns the instrument id of the first, once it is listed."""
    hour_ns = HOUR_S * NANO_PER_S
    await exchange.submit(commands.define_region(1, "eu-fra"))
    for account_id, name in ((ALICE, "alice"), (BOB, "bob")):
        await exchange.submit(commands.open_account(account_id, name))
        await exchange.submit(commands.deposit(account_id, CASH_NANO))
    await exchange.submit(
        commands.define_series(
            1,
            1,
            Tier.EF,
            first_start_ns=(exchange.clock.now_ns() // hour_ns + 3) * hour_ns,
            duration_s=HOUR_S,
            gate_lead_s=0,
            horizon_s=4 * HOUR_S,
            reference_ticks=1_000,
        )
    )
    await exchange.submit(commands.resume_market())
    return next(iter(exchange.view.tranches))


async def place(exchange: Exchange, account_id: int, side: int, lots: int, **terms: Any) -> Reply:
    return await exchange.submit(commands.place(account_id, 1, side, 1_000, lots, **terms))


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    """A new exchange with a market."""
    exchange = await open_exchange(tmp_path)
    assert await open_market(exchange) == 1
    yield exchange
    await exchange.close()


def recovered(directory: Path, snapshots_from: Path | None = None) -> Recovered:
    with (
        Journal.open(directory, rules_version=RULES) as journal,
        SnapshotStore.open(snapshots_from or directory) as snapshots,
    ):
        return recover(journal, snapshots, LIMITS)


# Commands and replies.


async def test_a_reply_holds_all_events_of_its_command_and_ends_with_the_outcome(exchange: Exchange) -> None:
    await place(exchange, ALICE, SELL, 2)
    await place(exchange, ALICE, SELL, 2)
    reply = await place(exchange, BOB, BUY, 5)
    assert reply.events["kind"].tolist() == [Event.TRADE, Event.TRADE, Event.RESTED]
    assert set(reply.events["sequence"].tolist()) == {reply.sequence}
    assert reply.events["order_id"][-1] == reply.sequence
    assert reply.time_ns <= exchange.clock.now_ns()


async def test_many_commands_at_once_get_each_their_own_reply(exchange: Exchange) -> None:
    groups = [commands.deposit(ALICE, amount, client_id=f"id-{amount}") for amount in range(1, 51)]
    replies = await asyncio.gather(*exchange.submit_many(groups))
    assert [int(reply.events.view(ACCOUNT_EVENT)["amount_nano"][-1]) for reply in replies] == list(range(1, 51))
    sequences = [reply.sequence for reply in replies]
    assert sequences == sorted(set(sequences))


async def test_commands_of_many_tasks_share_a_commit(exchange: Exchange) -> None:
    batches: list[Published] = []
    exchange.subscribe(batches.append)
    await asyncio.gather(*(exchange.submit(commands.deposit(ALICE, 1)) for _ in range(500)))
    assert len(batches) < 100


async def test_whoever_has_a_reply_finds_it_in_the_view_and_before_listeners_hear(exchange: Exchange) -> None:
    heard: list[tuple[bool, bool]] = []
    future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def listen(batch: Published) -> None:
        is_idle_tick = len(batch.commands) == 1
        last_sequence = batch.first_sequence + len(batch.commands) - 1
        heard.append((exchange.view.sequence == last_sequence, is_idle_tick or future.done()))

    exchange.subscribe(listen)
    for lots in range(1, 20):
        (future,) = exchange.submit_many([commands.place(ALICE, 1, BUY, 900, lots)])
        order = exchange.view.order((await future).sequence)
        assert order is not None
        assert order.leaves_lots == lots
    await asyncio.sleep(0)
    assert len(heard) >= 19
    assert set(heard) == {(True, True)}


class Told:
    """A ticket that looks at the view as soon as it is told, once as it is and once after it has followed."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.seen: list[int] = []
        self.reply: Reply | None = None

    def done(self) -> bool:
        return self.reply is not None

    def set_result(self, reply: Reply, /) -> None:
        self.reply = reply
        self.seen.append(self._exchange.view.sequence)
        for _ in range(2):
            self._exchange.follow()
            self.seen.append(self._exchange.view.sequence)

    def set_exception(self, error: Exception, /) -> None:
        raise error


async def test_who_is_told_at_once_can_let_the_view_follow(exchange: Exchange) -> None:
    heard: list[Published] = []
    exchange.subscribe(heard.append)
    first, second = Told(exchange), Told(exchange)
    before = exchange.view.sequence
    exchange.enter([commands.deposit(ALICE, 1), commands.deposit(BOB, 1)], [first, second])
    await exchange.submit(commands.deposit(BOB, 1))
    assert second.reply is not None
    assert first.seen[0] < second.reply.sequence <= first.seen[1] == first.seen[2] == second.seen[0]
    assert before <= first.seen[0]
    assert sum(len(batch.commands) for batch in heard) == exchange.view.sequence - before


async def test_a_listener_hears_every_batch_until_it_has_enough(exchange: Exchange) -> None:
    heard: list[Published] = []
    others: list[Published] = []
    exchange.subscribe(others.append)
    forget = exchange.subscribe(heard.append)
    for _ in range(3):
        await exchange.submit(commands.deposit(ALICE, 1))
    await asyncio.sleep(0)
    forget()
    count = len(heard)
    await exchange.submit(commands.deposit(ALICE, 1))
    await asyncio.sleep(0)
    assert 1 <= count == len(heard) < len(others)
    lasts = [batch.first_sequence + len(batch.commands) for batch in others]
    assert [batch.first_sequence for batch in others[1:]] == lasts[:-1], "no batch is left out"


async def test_a_listener_that_fails_costs_nobody_else_a_batch(exchange: Exchange) -> None:
    heard: list[Published] = []

    def fail(_: Published) -> None:
        raise RuntimeError("a fault of this listener")

    exchange.subscribe(fail)
    exchange.subscribe(heard.append)
    replies = await asyncio.gather(*(exchange.submit(commands.deposit(ALICE, 1)) for _ in range(3)))
    await asyncio.sleep(0)
    assert exchange.view.sequence >= max(reply.sequence for reply in replies)
    assert sum(len(batch.commands) for batch in heard) >= 3


async def test_a_caller_that_gives_up_takes_no_reply_from_others(exchange: Exchange) -> None:
    impatient, patient = exchange.submit_many([commands.deposit(ALICE, 1), commands.deposit(ALICE, 2)])
    impatient.cancel()
    reply = await asyncio.wait_for(patient, PATIENCE_S)
    assert reply.events["kind"].tolist() == [Event.DEPOSITED]
    assert exchange.view.balances(ALICE).cash_nano == CASH_NANO + 3, "what was submitted is carried out"


async def test_a_submission_too_large_for_the_queue_is_refused_whole(exchange: Exchange) -> None:
    cash_nano = exchange.view.balances(ALICE).cash_nano
    with pytest.raises(Overloaded):
        exchange.submit_many([commands.deposit(ALICE, 1)] * (QUEUED_RECORDS_MAX + 1))
    await exchange.submit(commands.deposit(ALICE, 5))
    assert exchange.view.balances(ALICE).cash_nano == cash_nano + 5


async def test_a_halt_of_the_market_is_its_phase(exchange: Exchange) -> None:
    assert exchange.phase == "trading"
    await exchange.submit(commands.halt_market())
    assert exchange.phase == "halted"
    await exchange.submit(commands.resume_market())
    assert exchange.phase == "trading"


# Ends and beginnings.


async def test_a_closed_exchange_takes_nothing_and_may_be_closed_again(tmp_path: Path) -> None:
    exchange = await open_exchange(tmp_path)
    await exchange.close()
    await exchange.close()
    assert exchange.phase == "stopping"
    with pytest.raises(ExchangeStopped):
        await exchange.submit(commands.halt_market())


async def test_what_was_submitted_before_a_close_is_answered(tmp_path: Path) -> None:
    exchange = await open_exchange(tmp_path)
    futures = exchange.submit_many([commands.open_account(at, f"a-{at}") for at in range(1, 10)])
    await exchange.close()
    replies = await asyncio.wait_for(asyncio.gather(*futures), PATIENCE_S)
    assert {int(reply.events["kind"][-1]) for reply in replies} == {Event.ACCOUNT_OPENED}


async def test_a_reopened_exchange_has_the_same_view_and_goes_on(tmp_path: Path) -> None:
    first = await open_exchange(tmp_path)
    await open_market(first)
    order_id = int((await place(first, ALICE, SELL, 5, client_id="mine")).events["order_id"][-1])
    await place(first, BOB, BUY, 2)
    await first.close()
    found = recovered(tmp_path)
    assert found.view == first.view
    assert found.replayed_records == 0, "closing takes a snapshot"
    second = await open_exchange(tmp_path)
    assert second.view.sequence >= first.view.sequence
    assert second.view.balances(ALICE) == first.view.balances(ALICE)
    again = await place(second, ALICE, SELL, 5, client_id="mine")
    assert again.events["kind"].tolist() == [Event.REPEATED]
    assert again.sequence > order_id
    cancelled = await second.submit(commands.cancel(ALICE, target_client_id="mine"))
    assert (cancelled.events["order_id"][-1], cancelled.events["quantity_lots"][-1]) == (order_id, 3)
    await second.close()


async def test_snapshots_and_the_rest_of_the_journal_give_the_same_as_the_whole_journal(tmp_path: Path) -> None:
    store, elsewhere = tmp_path / "store", tmp_path / "elsewhere"
    exchange = await open_exchange(store, snapshot_every_records=20)
    await open_market(exchange)
    for lots in range(1, 30):
        await place(exchange, (ALICE, BOB)[lots % 2], lots % 2, lots, client_id=f"id-{lots}")
    async with asyncio.timeout(PATIENCE_S):
        # Memory for the first one is got by a thread that gives way to all others.
        while not exchange.snapshot_pauses_ns:
            await exchange.submit(commands.deposit(ALICE, 1))
    await exchange.close()
    with SnapshotStore.open(store) as snapshots:
        assert len(list(snapshots.newest_first())) >= 2
    elsewhere.mkdir()
    short, whole = recovered(store), recovered(store, snapshots_from=elsewhere)
    assert short.replayed_records < whole.replayed_records == exchange.view.sequence
    assert short.venue.digest() == whole.venue.digest()
    assert short.view == whole.view == exchange.view
    verdict = verify(store, LIMITS)
    assert verdict.faults == []
    assert verdict.snapshots_compared >= 2


async def test_a_store_is_open_once_at_a_time(exchange: Exchange, tmp_path: Path) -> None:
    with pytest.raises(StoreLocked):
        await open_exchange(tmp_path)
    assert (await exchange.submit(commands.deposit(ALICE, 1))).events["kind"].tolist() == [Event.DEPOSITED]


async def test_an_opening_that_fails_releases_the_store(tmp_path: Path) -> None:
    await (await open_exchange(tmp_path)).close()
    with SnapshotStore.open(tmp_path), pytest.raises(StoreLocked):
        await open_exchange(tmp_path)
    with pytest.raises(JournalOfOtherRules):
        await Exchange.open(tmp_path, limits=LIMITS._replace(orders=512))
    await (await open_exchange(tmp_path)).close()


async def test_a_recovery_that_fails_releases_the_store(tmp_path: Path) -> None:
    await (await open_exchange(tmp_path)).close()

    def stop(_done: int, _whole: int) -> None:
        raise RuntimeError("the operator has had enough")

    (tmp_path / "snapshots.db").unlink()
    with pytest.raises(RuntimeError, match="had enough"):
        await open_exchange(tmp_path, progress=stop)
    await (await open_exchange(tmp_path)).close()


# Failing storage.


async def test_a_failed_append_stops_the_exchange_by_name_and_a_reopen_agrees_with_what_was_acknowledged(
    tmp_path: Path,
) -> None:
    storage = UnsyncedLoss("service", "drop", 5)
    exchange = await open_exchange(tmp_path, vfs=storage.name)
    await open_market(exchange)
    acknowledged = await place(exchange, ALICE, SELL, 5)
    storage.fail_at("sync", 1)
    with pytest.raises(ExchangeStopped, match="failed at sequence"):
        await place(exchange, ALICE, SELL, 7)
    await asyncio.wait_for(exchange.failed.wait(), PATIENCE_S)
    assert isinstance(exchange.failure, JournalFailed)
    assert exchange.phase == "stopping"
    assert [order.leaves_lots for order in exchange.view.open_orders(ALICE)] == [5]
    with pytest.raises(ExchangeStopped):
        await place(exchange, ALICE, SELL, 8)
    await exchange.close()
    storage.power_loss()
    reopened = await open_exchange(tmp_path, vfs=storage.name)
    assert [order.order_id for order in reopened.view.open_orders(ALICE)] == [acknowledged.sequence]
    assert (await place(reopened, ALICE, SELL, 7)).events["kind"].tolist() == [Event.RESTED]
    await reopened.close()


# The clock.


def write_row(directory: Path, time_ns: int) -> None:
    """A market whose last command stands at a time."""
    with Journal.open(directory, rules_version=RULES) as journal:
        journal.append(1, time_ns, commands.concatenate(commands.tick(time_ns)).tobytes())


@pytest.mark.parametrize("ahead_s", [86_400, -30 * 86_400])
async def test_after_an_implausible_jump_the_market_starts_halted_where_it_stood(tmp_path: Path, ahead_s: int) -> None:
    last_ns = time.time_ns() + ahead_s * NANO_PER_S
    write_row(tmp_path, last_ns)
    exchange = await open_exchange(tmp_path)
    assert exchange.phase == "halted"
    assert exchange.notices[-1].endswith("the market starts halted")
    assert last_ns <= exchange.view.time_ns < last_ns + 60 * NANO_PER_S
    await exchange.submit(commands.open_account(ALICE, "alice"))
    assert (await place(exchange, ALICE, BUY, 1)).events["reason"][-1] == Reject.MARKET_HALTED
    await exchange.submit(commands.resume_market())
    assert exchange.phase == "trading"
    await exchange.close()


async def test_a_jump_that_somebody_has_looked_at_halts_nothing(tmp_path: Path) -> None:
    write_row(tmp_path, time.time_ns() - 30 * 86_400 * NANO_PER_S)
    exchange = await open_exchange(tmp_path, accept_clock=True)
    await exchange.submit(commands.open_account(ALICE, "alice"))
    assert exchange.phase == "trading"
    assert abs(exchange.view.time_ns - time.time_ns()) < 60 * NANO_PER_S
    await exchange.close()


async def test_venue_time_does_not_go_back_with_the_wall_clock(tmp_path: Path) -> None:
    last_ns = time.time_ns() + BACKWARD_NS_MAX // 2
    write_row(tmp_path, last_ns)
    exchange = await open_exchange(tmp_path)
    reply = await exchange.submit(commands.open_account(ALICE, "alice"))
    assert exchange.phase == "trading"
    assert reply.time_ns >= last_ns
    await exchange.close()


async def test_a_row_is_what_was_published(exchange: Exchange, tmp_path: Path) -> None:
    published: list[Published] = []
    exchange.subscribe(published.append)
    await place(exchange, ALICE, BUY, 1, client_id="mine")
    await asyncio.sleep(0)
    await exchange.close()
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        rows = {row.first_sequence: row for row in journal.read()}
    for batch in published:
        assert rows[batch.first_sequence].payload == batch.commands.tobytes()
        assert rows[batch.first_sequence].time_ns == batch.time_ns


async def test_snapshots_that_cannot_be_saved_into_are_set_aside_with_an_alert_and_trading_goes_on(
    tmp_path: Path,
) -> None:
    first = await open_exchange(tmp_path)
    await open_market(first)
    await first.close()
    connection = apsw.Connection(str(tmp_path / "snapshots.db"))
    connection.execute(
        "CREATE TRIGGER spoilt BEFORE INSERT ON snapshots BEGIN SELECT RAISE(ABORT, 'spoilt'); END"
    ).fetchall()
    connection.close()
    second = await open_exchange(tmp_path, snapshot_every_records=1)
    with capture_logs() as logs:
        assert (await place(second, ALICE, BUY, 1)).events["kind"][-1] == Event.RESTED
        assert second._saving is not None
        await second._saving
        assert (await place(second, ALICE, BUY, 1)).events["kind"][-1] == Event.RESTED
    assert [log["event"] for log in logs] == ["snapshots_set_aside"]
    await second.close()
    assert recovered(tmp_path).replayed_records == 0
    assert (tmp_path / "snapshots.db.damaged").exists()


@pytest.mark.parametrize("amount_nano", [1, -1])
async def test_a_balance_that_does_not_add_up_halts_the_market_at_the_next_snapshot(
    tmp_path: Path, amount_nano: int
) -> None:
    """Within one cycle of snapshots; cancels go on, and no snapshot keeps what is wrong."""
    exchange = await open_exchange(tmp_path, snapshot_every_records=20)
    await open_market(exchange)
    more_than_all_sales = 30
    order_id = int((await place(exchange, ALICE, BUY, more_than_all_sales)).events["order_id"][-1])
    last_sound = exchange.view.sequence
    exchange._sequencer._venue.state.ledger.accounts[BOB]["cash_nano"] += amount_nano
    with capture_logs() as logs:
        for _ in range(20):
            await place(exchange, BOB, SELL, 1)
            if exchange.view.market_halted:
                break
            await asyncio.sleep(0.05)
    assert exchange.view.market_halted
    assert "books_do_not_add_up" in {log["event"] for log in logs}
    assert any("do not add up" in notice for notice in exchange.notices)
    assert (await place(exchange, BOB, SELL, 1)).events["reason"][-1] == Reject.MARKET_HALTED
    assert (await exchange.submit(commands.cancel(ALICE, order_id=order_id))).events["kind"][-1] == Event.CANCELLED
    await exchange.close()
    with SnapshotStore.open(tmp_path) as snapshots:
        assert all(snapshot.sequence <= last_sound for snapshot in snapshots.newest_first())


# Looks at the venue itself.


async def test_a_look_is_taken_while_the_view_is_as_old(exchange: Exchange) -> None:
    def ages(found: int) -> tuple[int, int]:
        return found, exchange.view.time_ns

    for lots in range(1, 10):
        exchange.submit_many([commands.place(ALICE, 1, BUY, 900, lots)] * 3)
        seen_ns, view_ns = await exchange.look(lambda venue: venue.time_ns, ages)
        assert seen_ns == view_ns


async def test_a_fault_of_a_look_is_its_own(exchange: Exchange) -> None:
    with pytest.raises(ZeroDivisionError):
        await exchange.look(lambda venue: 1 // 0 * venue.time_ns, lambda found: found)
    with pytest.raises(KeyError):
        await exchange.look(lambda _: 1, lambda found: {}[found])
    await place(exchange, ALICE, BUY, 1)
    assert exchange.failure is None


async def test_looks_that_wait_end_with_an_exchange_that_fails(exchange: Exchange) -> None:
    def fail(*_: object) -> None:
        raise OSError("no disk")

    exchange._sequencer._journal.begin_append = fail  # type: ignore[method-assign]
    placing = exchange.submit_many([commands.deposit(ALICE, 1)])[0]
    looks = []
    with contextlib.suppress(ExchangeStopped):
        looks += [exchange.look(lambda venue: venue.time_ns, lambda found: found) for _ in range(50)]
    with pytest.raises(ExchangeStopped):
        await placing
    answers = await asyncio.gather(*looks, return_exceptions=True)
    assert all(isinstance(answer, int | ExchangeStopped) for answer in answers)


async def test_more_looks_than_can_wait_are_refused(exchange: Exchange) -> None:
    turn = threading.Event()
    first = exchange.look(lambda _: turn.wait(PATIENCE_S), lambda found: found)
    while not turn.is_set():
        try:
            last = exchange.look(lambda _: "last", lambda found: found)
        except Overloaded:
            turn.set()
    assert await first
    assert await last == "last"
