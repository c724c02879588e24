"""The one writer: order, group commit, time, back-pressure, and what happens when the disk fails."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from exchange import commands
from exchange.clock import DOWNTIME_TOLD_NS
from exchange.journal import Journal
from exchange.sequencer import (
    BATCH_RECORDS_MAX,
    BLOCK_RECORDS_MAX,
    QUEUED_RECORDS_MAX,
    QUEUED_TO_END_RISK_MAX,
    UNDELIVERED_BATCHES_MAX,
    ExchangeStopped,
    Look,
    Overloaded,
    Request,
    stamp_order_ids,
)
from exchange.store_errors import JournalFailed
from exchange.venue.clearing.delivery_schema import DOWNTIME_EVENT
from exchange.venue.image import digest
from exchange.venue.schema import CLOCK_COMMAND, Command, Event
from tests.exchange.line import Line, batch_of
from tests.exchange.stores import RULES
from tests.exchange.venue.market import ALICE, BUY, REFERENCE_TICKS, START_NS, opening
from tests.simulation.storage import UnsyncedLoss


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path)
    yield line
    line.close()


# Order and batches.


def test_what_waits_together_is_committed_together_behind_one_tick(line: Line) -> None:
    line.submit(*opening()[1:])
    line.sequencer.start()
    line.wait(lambda: len(line.tickets()) == 8)
    first = line.deliveries[0]
    assert batch_of(first)[0] == Command.TICK
    assert first.tickets == list(range(8))
    assert next(line.journal.read()).count == len(first.published.commands) == 1 + 8 + 4


def test_each_ticket_comes_with_the_sequence_of_its_head(line: Line) -> None:
    line.submit(commands.open_account(1, "x" * 130), commands.deposit(1, 5, client_id="a"), commands.halt_market())
    line.sequencer.start()
    line.wait(lambda: len(line.tickets()) == 3)
    first = line.deliveries[0]
    assert first.sequences == [2, 6, 8]
    heads = first.published.commands[np.array(first.sequences) - 1]
    assert heads["kind"].tolist() == [Command.OPEN_ACCOUNT, Command.DEPOSIT, Command.HALT_MARKET]
    assert set(first.sequences) <= set(first.published.events["sequence"].tolist())


def test_the_first_batch_after_a_downtime_tells_it_before_the_time(tmp_path: Path) -> None:
    line = Line(tmp_path, downtime_ns=DOWNTIME_TOLD_NS + 1)
    line.write(*opening())
    line.sequencer.start()
    line.submit(commands.deposit(ALICE, 5), commands.deposit(ALICE, 6))
    line.wait(lambda: len(line.tickets()) == 2)
    first = line.deliveries[0]
    assert batch_of(first)[:2] == [Command.NOTE_DOWNTIME, Command.TICK]
    told = first.published.events[:1].view(DOWNTIME_EVENT)[0]
    assert (told["kind"], told["from_ns"], told["until_ns"]) == (
        Event.DOWNTIME_NOTED,
        START_NS,
        first.published.time_ns,
    )
    assert all(batch_of(delivery)[0] == Command.TICK for delivery in line.deliveries[1:])
    for delivery in line.deliveries:
        places = np.array(delivery.sequences) - delivery.published.first_sequence
        assert [int(delivery.published.commands["kind"][place]) for place in places] == [Command.DEPOSIT] * len(places)
    line.close()


def test_a_short_downtime_is_not_told(tmp_path: Path) -> None:
    line = Line(tmp_path, downtime_ns=DOWNTIME_TOLD_NS)
    line.sequencer.start()
    line.wait(lambda: len(line.deliveries) > 0)
    assert batch_of(line.deliveries[0]) == [Command.TICK]
    line.close()


def test_what_is_delivered_is_in_the_journal(line: Line) -> None:
    line.submit(commands.open_account(1, "alice"))
    line.sequencer.start()
    line.wait(lambda: len(line.tickets()) == 1)
    published = line.deliveries[0].published
    (row,) = (row for row in line.journal.read() if row.first_sequence == published.first_sequence)
    assert row.payload == published.commands.tobytes()
    assert row.time_ns == published.time_ns == published.commands.view(CLOCK_COMMAND)["time_ns"][0]
    assert row.hash == line.deliveries[0].chain_hash


def test_a_batch_tells_the_money_of_the_accounts_that_it_touched(line: Line) -> None:
    line.submit(commands.open_account(1, "alice"), commands.open_account(2, "bob"), commands.deposit(2, 5))
    line.sequencer.start()
    line.wait(lambda: len(line.tickets()) == 3)
    line.submit(commands.deposit(1, 7))
    line.wait(lambda: len(line.tickets()) == 4)
    first, last = line.deliveries[0].published.figures, line.deliveries[-1].published.figures
    assert first[["account_id", "cash_nano"]].tolist() == [(1, 0), (2, 5)]
    assert last[["account_id", "cash_nano"]].tolist() == [(1, 7)]


def test_a_batch_holds_no_more_records_than_it_may_and_no_group_is_cut(line: Line) -> None:
    groups = [commands.open_account(0, "x" * 100)] * 3_000
    line.submit(*groups)
    line.sequencer.start()
    line.wait(lambda: len(line.tickets()) == 3_000)
    assert line.tickets() == list(range(3_000))
    sizes = [len(delivery.published.commands) for delivery in line.deliveries if delivery.tickets]
    assert sizes[:2] == [1 + (BATCH_RECORDS_MAX - 1) // 3 * 3] * 2
    assert {size % 3 for size in sizes} == {1}


def test_time_and_sequence_only_grow(line: Line) -> None:
    line.sequencer.start()
    for count in range(1, 6):
        line.submit(commands.halt_market())
        line.wait(lambda count=count: len(line.tickets()) == count)
    times = [delivery.published.time_ns for delivery in line.deliveries]
    firsts = [delivery.published.first_sequence for delivery in line.deliveries]
    assert times == sorted(times)
    assert all(following > first for first, following in itertools.pairwise(firsts))


def test_a_clock_behind_the_venue_does_not_turn_its_time_back(line: Line) -> None:
    ahead_ns = START_NS + 10**15
    line.write(commands.tick(ahead_ns))
    line.submit(commands.halt_market())
    line.sequencer.start()
    line.wait(lambda: len(line.tickets()) == 1)
    assert line.deliveries[0].published.time_ns == ahead_ns


def test_time_passes_without_any_request_when_something_is_due(line: Line) -> None:
    line.submit(*opening()[1:])
    line.sequencer.start()
    line.wait(lambda: len(line.deliveries) > 1)
    assert (line.deliveries[0].tickets, line.deliveries[1].tickets) == (list(range(8)), [])
    assert Event.TRANCHE_LISTED in line.deliveries[1].published.events["kind"]


def test_an_idle_venue_is_told_the_time_about_once_a_second(line: Line) -> None:
    line.sequencer.start()
    line.wait(lambda: len(line.deliveries) == 2)
    gap_ns = line.deliveries[1].published.time_ns - line.deliveries[0].published.time_ns
    assert 1_000_000_000 <= gap_ns < 3_000_000_000


# Order ids.


def test_new_orders_are_named_by_their_sequence() -> None:
    records = commands.concatenate(
        commands.tick(1),
        commands.place(ALICE, 1, BUY, 1, 1, client_id="a"),
        commands.place(ALICE, 1, BUY, 1, 1, order_id=77),
        commands.cancel(ALICE),
        commands.place(ALICE, 1, BUY, 1, 1),
    )
    others = records.copy()
    stamp_order_ids(records, 100)
    assert records["order_id"][[1, 3, 5]].tolist() == [101, 77, 105]
    others["order_id"][[1, 5]] = [101, 105]
    assert records.tobytes() == others.tobytes(), "nothing else is touched"


# Too much.


def test_a_full_queue_refuses_all_of_a_submission_and_takes_more_once_it_is_worked_off(line: Line) -> None:
    group = commands.resume_market()
    line.submit(*[group] * (QUEUED_RECORDS_MAX - 1))
    with pytest.raises(Overloaded, match=f"{QUEUED_RECORDS_MAX - 1} records are waiting"):
        line.submit(group, group)
    line.sequencer.submit([Request(group, "last")])
    with pytest.raises(Overloaded):
        line.submit(group)
    line.sequencer.start()
    line.wait(lambda: len(line.tickets()) == QUEUED_RECORDS_MAX)
    assert line.tickets()[-1] == "last"
    line.submit(group)
    line.wait(lambda: len(line.tickets()) == QUEUED_RECORDS_MAX + 1)


def test_a_queue_that_is_full_has_room_for_cancels_and_halts_up_to_a_bound(line: Line) -> None:
    line.submit(*[commands.resume_market()] * QUEUED_RECORDS_MAX)
    with pytest.raises(Overloaded):
        line.submit(commands.cancel(ALICE, order_id=1), commands.resume_market())
    line.submit(*[commands.cancel(ALICE, order_id=1)] * (QUEUED_TO_END_RISK_MAX - QUEUED_RECORDS_MAX - 1))
    line.submit(commands.halt_market())
    with pytest.raises(Overloaded):
        line.submit(commands.halt_market())
    line.sequencer.start()
    line.wait(lambda: len(line.tickets()) == QUEUED_TO_END_RISK_MAX)


def test_the_sequencer_waits_for_a_reader_that_is_far_behind(tmp_path: Path) -> None:
    line = Line(tmp_path, takes=False)
    line.sequencer.start()
    while len(line.deliveries) < UNDELIVERED_BATCHES_MAX:
        before = len(line.deliveries)
        line.submit(commands.halt_market())
        line.wait(lambda before=before: len(line.deliveries) > before)
    line.submit(commands.halt_market())
    time.sleep(0.05)
    assert len(line.deliveries) == UNDELIVERED_BATCHES_MAX
    line.sequencer.delivered()
    line.wait(lambda: len(line.deliveries) > UNDELIVERED_BATCHES_MAX)
    for _ in range(UNDELIVERED_BATCHES_MAX):
        line.sequencer.delivered()
    line.close()


@pytest.mark.parametrize("records", [0, BLOCK_RECORDS_MAX + 1])
def test_a_request_of_nothing_or_of_too_much_is_a_bug(line: Line, records: int) -> None:
    with pytest.raises(AssertionError, match="a block is too long"):
        line.submit(np.concatenate([commands.halt_market()[:0], *[commands.halt_market()] * records]))
    line.sequencer.start()


def test_a_block_of_commands_stays_together_and_its_events_are_told_as_one(line: Line) -> None:
    line.submit(*opening(), np.concatenate([commands.halt_market(), commands.resume_market()] * 900))
    line.submit(np.concatenate([commands.halt_market()] * BLOCK_RECORDS_MAX), commands.resume_market())
    line.sequencer.start()
    line.sequencer.stop()
    blocks = [
        (delivery.published, first, end)
        for delivery in line.deliveries
        for first, end in zip(delivery.sequences, delivery.end_sequences, strict=True)
        if end - first > 1
    ]
    assert [end - first for _, first, end in blocks if end - first > 100] == [1_800, BLOCK_RECORDS_MAX]
    for published, first, end in blocks:
        assert published.first_sequence <= first
        assert end <= published.first_sequence + len(published.commands)


# Ends.


def test_stopping_finishes_what_was_submitted_and_takes_a_last_image(line: Line) -> None:
    line.submit(*opening()[1:])
    line.sequencer.start()
    line.sequencer.stop()
    assert line.tickets() == list(range(8))
    assert digest(line.images[-1]) == line.venue.digest()
    assert line.deliveries[-1].published.first_sequence == line.journal.last_sequence
    with pytest.raises(ExchangeStopped):
        line.submit(commands.halt_market())


def ends_of_captures(line: Line, wanted: int) -> list[int]:
    """Send commands one by one until so many captures were taken: one may come later than it could."""
    ends: list[int] = []
    for count in range(len(line.tickets()) + 1, 1_000):
        line.submit(commands.halt_market())
        line.wait(lambda count=count: len(line.tickets()) == count)
        published = [delivery.published for delivery in line.deliveries if delivery.capture is not None]
        ends = [batch.first_sequence + len(batch.commands) - 1 for batch in published]
        if len(ends) == wanted:
            break
    return ends


def test_images_are_taken_every_so_many_records(tmp_path: Path) -> None:
    line = Line(tmp_path, snapshot_every_records=10)
    line.sequencer.start()
    ends = ends_of_captures(line, 3)
    assert len(ends) == 3
    assert all(following >= end + 10 for end, following in itertools.pairwise([0, *ends]))
    line.close()


def test_with_many_orders_in_the_books_snapshots_are_as_much_longer_in_coming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.snapshot_pace.ORDERS_PER_INTERVAL", 2)
    line = Line(tmp_path, snapshot_every_records=20)
    line.write(*opening())
    line.sequencer.start()
    line.submit(*[commands.place(ALICE, 1, BUY, REFERENCE_TICKS, 1)] * 4)
    line.wait(lambda: len(line.tickets()) == 4)
    ends = ends_of_captures(line, 3)
    assert line.venue.state.book.counters[0]["resting_orders"] == 4
    assert len(ends) == 3
    assert all(following >= end + 3 * 20 for end, following in itertools.pairwise(ends))
    line.close()


def test_while_a_capture_is_not_read_no_other_is_taken_but_the_last(tmp_path: Path) -> None:
    line = Line(tmp_path, snapshot_every_records=4, reads_captures=False)
    line.sequencer.start()
    assert len(ends_of_captures(line, 1)) == 1
    for count in range(len(line.tickets()) + 1, len(line.tickets()) + 13):
        line.submit(commands.halt_market())
        line.wait(lambda count=count: len(line.tickets()) == count)
    line.sequencer.stop()
    captures = [delivery.capture for delivery in line.deliveries if delivery.capture is not None]
    assert len(captures) == 2
    assert captures[-1] is line.deliveries[-1].capture
    assert digest(captures[-1].image()) == line.venue.digest()
    line.close()


def test_records_since_the_last_snapshot_count_across_restarts(tmp_path: Path) -> None:
    """Otherwise an exchange that dies again and again would replay more each time, and never take an image."""
    line = Line(tmp_path, snapshot_every_records=20, last_snapshot_sequence=0)
    line.write(*[commands.halt_market()] * 25)
    line.sequencer.start()
    line.submit(commands.halt_market())
    line.wait(lambda: len(line.tickets()) == 1)
    assert line.deliveries[0].capture is not None
    line.close()


@pytest.mark.parametrize("operation", ["write", "sync"])
def test_a_failed_append_stops_by_name_with_nothing_handed_out(tmp_path: Path, operation: str) -> None:
    """More is submitted than one batch takes: those who wait for a later one are told as well. A batch whose sync fails
    was applied meanwhile, and nobody can read what became of it."""
    storage = UnsyncedLoss(f"sequencer-{operation}", "drop", 1)
    line = Line(tmp_path, vfs=storage.name)
    line.write(*opening())
    digest, last_sequence = line.venue.digest(), line.journal.last_sequence
    line.submit(*[commands.deposit(ALICE, 1)] * (BATCH_RECORDS_MAX + 100))
    storage.fail_at(operation, 1)
    line.sequencer.start()
    line.wait(lambda: bool(line.failures))
    ((error, tickets),) = line.failures
    assert isinstance(error, JournalFailed)
    assert tickets == list(range(BATCH_RECORDS_MAX + 100))
    assert line.deliveries == []
    assert (line.venue.digest() == digest) is (operation == "write")
    with pytest.raises(ExchangeStopped):
        line.submit(commands.halt_market())
    with pytest.raises(ExchangeStopped):
        line.sequencer.look(Look(lambda venue: venue.digest(), lambda found: found, None))
    line.close()
    storage.power_loss()
    with Journal.open(tmp_path, rules_version=RULES, vfs=storage.name) as reopened:
        assert reopened.last_sequence == last_sequence
