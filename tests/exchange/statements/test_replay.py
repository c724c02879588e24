"""Statements of days of all kinds: what the lines come to is what the venue has, to the nano-USD."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import apsw
import pytest

from exchange import commands
from exchange.bases import encode, first_records
from exchange.journal import Journal
from exchange.recovery import snapshot_of
from exchange.snapshots import SnapshotStore
from exchange.statements import entries
from exchange.statements.lines import Kind, Refusal, Statement
from exchange.statements.replay import DAY_NS, work_out
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from exchange.view import MarketView
from matching.schema import Side
from tests.exchange.statements.days import LIMITS, MIDNIGHT_NS, NAMES, NUMBERS, RULES, Days, live
from tests.exchange.trimmed import trim_all

DAY_BEFORE_NS = MIDNIGHT_NS - DAY_NS
ALL_BUT_RARE = set(Kind) - {Kind.INTEREST, Kind.SHORTFALL}
"""What random markets bring; the others have tests of their own."""


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    with Days(tmp_path) as opened:
        yield opened


def state(days: Days, account: str, day_ns: int = DAY_BEFORE_NS) -> Statement:
    found = work_out(days.journal, days.snapshots, LIMITS, account, day_ns)
    assert isinstance(found, Statement)
    return found


def test_the_lines_of_every_account_lead_from_each_midnight_to_the_next(tmp_path: Path) -> None:
    kinds: set[Kind] = set()
    events: set[Event] = set()
    for seed in (4, 6, 8):
        with Days(tmp_path / str(seed)) as days:
            live(days, Random(seed), 90)
            events |= days.kinds
            for day_ns in (DAY_BEFORE_NS, MIDNIGHT_NS):
                for name in NAMES:
                    kinds |= check(days, name, day_ns)
    assert kinds >= ALL_BUT_RARE
    assert events >= {Event.AUCTION_TRADE, Event.FORCED_ORDER, Event.DELEVERAGED}


def check(days: Days, name: str, day_ns: int) -> set[Kind]:
    """One statement against what the venue had when the day ended; returns the kinds of its lines."""
    found, expected = state(days, name, day_ns), days.at_midnight[day_ns + DAY_NS][name]
    assert found.faults == ()
    assert found.is_final
    assert found.opening_nano + sum(line.entry.amount_nano for line in found.lines) == found.closing_nano
    assert found.closing_nano == expected.cash_nano
    assert [(each.instrument_id, each.lots, each.cost_nano) for each in found.closing] == expected.positions
    assert [line.place for line in found.lines] == sorted({line.place for line in found.lines})
    assert all(day_ns <= line.time_ns < day_ns + DAY_NS for line in found.lines)
    if day_ns in days.at_midnight:
        assert found.opening_nano == days.at_midnight[day_ns][name].cash_nano
    return {line.entry.kind for line in found.lines}


def test_what_somebody_was_forced_to_buy_in_a_closing_auction_is_a_trade_at_its_fee(days: Days) -> None:
    days.open()
    window = min(number for number, each in days.view.tranches.items() if ".be." in each.symbol)
    gate_ns = days.view.tranches[window].gate_ns
    ann, ben, pat = (NUMBERS[name] for name in ("ann", "ben", "pat"))
    days.send(commands.place(ann, window, Side.SELL, 1_000, 7), commands.place(ben, window, Side.BUY, 1_000, 7))
    days.send(commands.place(pat, window, Side.SELL, 1_010, 4), seconds=(gate_ns - days.time_ns) / 10**9 - 5)
    days.send(seconds=5)
    days.send(seconds=DAY_NS // 10**9)
    for name in ("ann", "ben", "pat"):
        check(days, name, DAY_BEFORE_NS)
    forced = [line.entry for line in state(days, "ann").lines if line.entry.detail == "forced"]
    assert [(each.kind, each.side, each.lots, each.price_ticks) for each in forced] == [(Kind.TRADE, "buy", 4, 1_010)]


def test_a_statement_is_the_same_from_a_snapshot_and_from_the_first_row(days: Days) -> None:
    live(days, Random(2), 60)
    for name in NAMES:
        from_zero = work_out(days.journal, None, LIMITS, name, MIDNIGHT_NS)
        assert state(days, name, MIDNIGHT_NS) == from_zero


def test_the_newest_snapshot_from_before_the_day_spares_the_rest_of_the_replay(days: Days) -> None:
    days.open()
    days.save()
    saved_sequence = days.journal.last_sequence
    days.send(commands.deposit(NUMBERS["ben"], 5), seconds=DAY_NS // 10**9)
    days.save()
    told: list[tuple[int, int]] = []
    assert isinstance(
        work_out(days.journal, days.snapshots, LIMITS, "ben", MIDNIGHT_NS, lambda *both: told.append(both)), Statement
    )
    rows = days.journal.last_sequence - saved_sequence
    assert told == [(rows, rows)]


def test_a_day_that_is_not_over_is_told_as_far_as_the_journal_goes(days: Days) -> None:
    days.open()
    found = state(days, "ann")
    assert not found.is_final
    assert found.last_sequence == days.journal.last_sequence
    assert found.closing_nano == days.account("ann").cash_nano


def test_a_day_without_rows_opens_and_closes_with_the_same(days: Days) -> None:
    days.open()
    cash_nano = days.account("ann").cash_nano
    found = state(days, "ann", MIDNIGHT_NS)
    assert (found.lines, found.opening_nano, found.closing_nano) == ((), cash_nano, cash_nano)
    assert (found.is_final, found.faults) == (False, ())
    days.send(seconds=3 * DAY_NS // 10**9)
    assert state(days, "ann", MIDNIGHT_NS).is_final


def test_an_account_is_unknown_until_the_day_on_which_it_was_opened(days: Days) -> None:
    days.open()
    days.send(commands.open_account(20, "zoe"), commands.deposit(20, 9), seconds=DAY_NS // 10**9)
    assert work_out(days.journal, days.snapshots, LIMITS, "zoe", DAY_BEFORE_NS) is Refusal.UNKNOWN_ACCOUNT
    found = state(days, "zoe", MIDNIGHT_NS)
    assert [(line.entry.kind, line.cash_nano) for line in found.lines] == [(Kind.DEPOSIT, 9)]
    assert (found.opening_nano, found.closing_nano) == (0, 9)


def test_a_day_of_too_many_lines_is_refused_and_not_cut(days: Days) -> None:
    days.open()
    lines = len(state(days, "ann").lines)
    days.send(*(commands.deposit(NUMBERS["ann"], 1) for _ in range(3)))
    assert len(state(days, "ann").lines) == lines + 3
    journal, snapshots = days.journal, days.snapshots
    refused = work_out(journal, snapshots, LIMITS, "ann", DAY_BEFORE_NS, lines_max=lines + 2)
    assert refused is Refusal.TOO_LONG


def test_what_does_not_add_up_is_told(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    live(days, Random(2), 30)
    assert state(days, "ann").faults == ()
    monkeypatch.setattr(entries, "fee_nano", lambda *terms: 1)
    faults = state(days, "ann").faults
    assert faults
    assert "the lines come to" in faults[-1]
    assert len(faults) <= 10


def test_a_position_that_does_not_add_up_is_told(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    live(days, Random(2), 30)
    sound = entries._position
    monkeypatch.setattr(entries, "_position", lambda *terms: sound(*terms)._replace(moved_lots=0))
    assert any("lots of tranche" in fault for fault in state(days, "ann").faults)


def test_rows_that_come_meanwhile_are_left_to_the_next_statement(days: Days) -> None:
    days.open()
    last_sequence = days.journal.last_sequence

    def append(_done: int, _total: int) -> None:
        days.send(commands.deposit(NUMBERS["ann"], 1))

    found = work_out(days.journal, days.snapshots, LIMITS, "ann", DAY_BEFORE_NS, append)
    assert isinstance(found, Statement)
    assert found.last_sequence == last_sequence
    assert found.faults == ()


def trim(days: Days, up_to_sequence: int) -> None:
    """Remove rows of the open journal, whose head is synced for that."""
    days.journal._log.checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)
    assert trim_all(days.journal, up_to_sequence)


def test_a_day_whose_rows_are_gone_in_part_or_as_a_whole_is_refused_and_the_next_is_not(days: Days) -> None:
    days.open()
    days.save()
    trim_to = days.journal.last_sequence
    days.send(commands.deposit(NUMBERS["ben"], 5))
    days.send(commands.deposit(NUMBERS["ben"], 7), seconds=DAY_NS // 10**9)
    expected = state(days, "ben", MIDNIGHT_NS)
    trim(days, trim_to)
    assert work_out(days.journal, days.snapshots, LIMITS, "ben", DAY_BEFORE_NS) is Refusal.TRIMMED
    assert work_out(days.journal, days.snapshots, LIMITS, "ben", DAY_BEFORE_NS - DAY_NS) is Refusal.TRIMMED
    assert state(days, "ben", MIDNIGHT_NS) == expected
    assert work_out(days.journal, None, LIMITS, "ben", MIDNIGHT_NS) is Refusal.TRIMMED


def test_no_row_goes_while_a_statement_is_worked_out(days: Days) -> None:
    days.open()
    days.save()
    trim_to = days.journal.last_sequence
    days.send(commands.deposit(NUMBERS["ben"], 5), seconds=DAY_NS // 10**9)
    days.journal._log.checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)
    removed: list[int] = []

    def report(_done: int, _total: int) -> None:
        removed.append(days.journal.trim(trim_to))

    assert isinstance(work_out(days.journal, days.snapshots, LIMITS, "ben", MIDNIGHT_NS, report), Statement)
    assert removed == [0]
    assert days.journal.trim(trim_to) > 0


def test_a_day_that_began_under_older_rules_is_refused_and_the_next_is_not(tmp_path: Path) -> None:
    venue, time_ns = Venue(LIMITS), MIDNIGHT_NS - 10
    old = commands.tick(time_ns)
    venue.apply(old, 1)
    with Journal.open(tmp_path, rules_version="old") as journal:
        journal.append(1, time_ns, old.tobytes())
        image, view_dump = venue.image(), MarketView().dump()
        base = encode(snapshot_of(image, view_dump, journal.last_hash, 1, time_ns, RULES))
        journal.begin_rules(RULES, time_ns, first_records(time_ns, base).tobytes(), base)
    opened = commands.concatenate(commands.tick(MIDNIGHT_NS), commands.open_account(1, "ann"))
    with Journal.open(tmp_path, rules_version=RULES) as journal, SnapshotStore.open(tmp_path) as snapshots:
        journal.append(journal.last_sequence + 1, MIDNIGHT_NS, opened.tobytes())
        assert work_out(journal, snapshots, LIMITS, "ann", DAY_BEFORE_NS) is Refusal.NOT_KEPT
        assert isinstance(work_out(journal, snapshots, LIMITS, "ann", MIDNIGHT_NS), Statement)
