"""Turns that whoever queued a command takes in place of the sequencer's own thread, and when nobody may."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import numpy as np
import pytest

from exchange import commands
from exchange.full_disk import StorageFull
from exchange.retention import Trimmer
from exchange.sequencer import AT_ONCE_RECORDS_MAX, QUICK_COMMITS, Delivery, ExchangeStopped, Look, Request
from exchange.store_errors import JournalFailed
from exchange.venue.machine import Venue
from exchange.venue.schema import Command
from tests.exchange.line import PATIENCE_S, Line, batch_of
from tests.exchange.venue.market import ALICE
from tests.simulation.storage import UnsyncedLoss


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path)
    yield line
    line.close()


def made_quick(line: Line, monkeypatch: pytest.MonkeyPatch) -> Line:
    """A sequencer at rest, whose disk counts as quick whatever it does."""
    monkeypatch.setattr("exchange.sequencer.QUICK_NS", 1 << 62)
    line.sequencer.start()
    for count in range(1, QUICK_COMMITS + 1):
        line.submit(commands.halt_market())
        line.wait(lambda count=count: len(line.tickets()) == count)
    return line


@pytest.fixture
def quick(line: Line, monkeypatch: pytest.MonkeyPatch) -> Line:
    return made_quick(line, monkeypatch)


def at_once(line: Line, *groups: np.ndarray) -> Delivery | None:
    """Queue commands and take the turn for them; the sequencer may have to come to rest first."""
    line.sequencer.submit([Request(group, at) for at, group in enumerate(groups)])
    for _ in range(1_000):
        delivery = line.sequencer.turn_at_once()
        if delivery is not None or not line.sequencer._turning.locked():
            return delivery
        time.sleep(0.001)
    raise AssertionError("the sequencer never rests")


def test_a_command_alone_is_carried_out_by_whoever_queued_it(quick: Line) -> None:
    before = quick.journal.last_sequence
    delivery = at_once(quick, commands.halt_market())
    assert delivery is not None
    assert delivery.tickets == [0]
    assert batch_of(delivery) == [Command.TICK, Command.HALT_MARKET]
    assert (delivery.sequences, delivery.end_sequences) == ([before + 2], [before + 3])
    assert quick.journal.last_sequence == before + 2 == quick.venue.sequence
    quick.sequencer.delivered()
    count = len(quick.tickets())
    quick.submit(commands.halt_market())
    quick.wait(lambda: len(quick.tickets()) == count + 1)
    assert quick.deliveries[-1].published.first_sequence >= before + 3


def test_a_few_commands_are_one_batch_for_whoever_queued_them(quick: Line) -> None:
    delivery = at_once(quick, *[commands.halt_market()] * AT_ONCE_RECORDS_MAX)
    assert delivery is not None
    assert delivery.tickets == [*range(AT_ONCE_RECORDS_MAX)]
    assert batch_of(delivery) == [Command.TICK, *[Command.HALT_MARKET] * AT_ONCE_RECORDS_MAX]
    quick.sequencer.delivered()


def test_nobody_takes_the_turn_for_more_than_a_few_commands(quick: Line) -> None:
    groups = [commands.halt_market()] * (AT_ONCE_RECORDS_MAX + 1)
    quick.sequencer.submit([Request(group, at) for at, group in enumerate(groups)])
    assert quick.sequencer.turn_at_once() is None


def test_nobody_takes_a_turn_when_there_is_nothing_to_do(quick: Line) -> None:
    assert quick.sequencer.turn_at_once() is None


def test_nobody_takes_a_turn_while_a_batch_is_not_dealt_with(quick: Line) -> None:
    assert at_once(quick, commands.halt_market()) is not None
    assert at_once(quick, commands.halt_market()) is None
    quick.sequencer.delivered()
    assert quick.sequencer.turn_at_once() is not None
    quick.sequencer.delivered()


def test_nobody_takes_the_turn_of_a_sequencer_at_work(quick: Line) -> None:
    go, began = threading.Event(), threading.Event()

    def hold(_: Venue) -> bool:
        began.set()
        return go.wait(PATIENCE_S)

    quick.sequencer.look(Look(hold, lambda found: found, None))
    assert began.wait(PATIENCE_S)
    quick.sequencer.submit([Request(commands.halt_market(), 0)])
    assert quick.sequencer.turn_at_once() is None
    go.set()


@pytest.mark.parametrize("due", ["checkpoint", "snapshot", "trimming", "full"])
def test_what_takes_longer_than_a_commit_is_left_to_the_thread(
    quick: Line, monkeypatch: pytest.MonkeyPatch, due: str
) -> None:
    if due == "checkpoint":
        monkeypatch.setattr("exchange.journal_log.STANDSTILL_PAGES", 0)
    elif due == "snapshot":
        monkeypatch.setattr(quick.sequencer._pace, "is_due", lambda *_: True)
    elif due == "trimming":
        trimmer = Trimmer(quick.journal, lambda _: None)
        trimmer.up_to = quick.journal.last_sequence
        monkeypatch.setattr(quick.sequencer, "_trimmer", trimmer)
    else:
        monkeypatch.setattr(quick.sequencer._guard, "is_full", True)
    assert at_once(quick, commands.halt_market()) is None


def test_a_checkpoint_that_falls_due_in_a_turn_at_once_waits_for_no_other_command(
    quick: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.journal_log.STANDSTILL_PAGES", quick.journal._log.pages + 1)
    assert not quick.journal.is_checkpoint_due
    assert at_once(quick, commands.halt_market()) is not None
    deadline_s = time.monotonic() + PATIENCE_S
    while quick.journal.is_checkpoint_due and time.monotonic() < deadline_s:
        time.sleep(0.001)
    assert not quick.journal.is_checkpoint_due
    quick.sequencer.delivered()
    assert at_once(quick, commands.halt_market()) is not None
    quick.sequencer.delivered()


def test_after_a_slow_commit_the_thread_is_left_alone_with_the_disk_until_many_were_quick(
    quick: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.sequencer.QUICK_NS", 0)
    assert at_once(quick, commands.halt_market()) is not None
    quick.sequencer.delivered()
    monkeypatch.setattr("exchange.sequencer.QUICK_NS", 1 << 62)
    for _ in range(QUICK_COMMITS):
        assert at_once(quick, commands.halt_market()) is None
        count = len(quick.tickets())
        quick.sequencer.wake()
        quick.wait(lambda count=count: len(quick.tickets()) == count + 1)
    assert at_once(quick, commands.halt_market()) is not None
    quick.sequencer.delivered()


def test_a_disk_that_fails_in_a_turn_at_once_stops_the_sequencer_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = UnsyncedLoss("at-once", "drop", 1)
    line = made_quick(Line(tmp_path, vfs=storage.name), monkeypatch)
    count = len(line.deliveries)
    storage.fail_at("sync", 1)
    assert at_once(line, commands.deposit(ALICE, 1)) is None
    ((error, tickets),) = line.failures
    assert isinstance(error, JournalFailed)
    assert tickets == [0]
    assert len(line.deliveries) == count
    with pytest.raises(ExchangeStopped):
        line.sequencer.look(Look(lambda venue: venue.digest(), lambda found: found, None))
    with pytest.raises(ExchangeStopped):
        line.submit(commands.halt_market())
    line.close()


def test_a_disk_that_is_full_in_a_turn_at_once_refuses_what_does_not_end_risk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = UnsyncedLoss("at-once-full", "drop", 1)
    line = made_quick(Line(tmp_path, vfs=storage.name), monkeypatch)
    storage.fail_at("write", 1, apsw.FullError("no room"))
    assert at_once(line, commands.deposit(ALICE, 1)) is None
    ((error, tickets),) = line.refusals
    assert isinstance(error, StorageFull)
    assert tickets == [0]
    assert not line.failures
    line.close()
