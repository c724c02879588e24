"""Working out a statement: a replay with a venue of its own, from which the events of one account are picked.

Events are picked by their columns, so that a row of a thousand trades of others costs hardly more than deciding it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from exchange.journal import Journal
from exchange.journal_rows import JournalRow
from exchange.published import Published
from exchange.read_ahead import ReadAhead
from exchange.recovery import Recovered, newest_good
from exchange.snapshots import SnapshotStore
from exchange.statements.bonds import Allocation
from exchange.statements.entries import ENTRIES_OF_ONE, ENTRIES_OF_TWO, TELLS_CASH, Owner
from exchange.statements.lines import Holding, Line, Refusal, Statement
from exchange.statements.register import FOLLOW, Register
from exchange.store_errors import JournalTrimmed
from exchange.symbols import NANO_PER_S
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from exchange.venue.state import VenueLimits
from exchange.view.batches import KIND, BatchReader, OrderEvent
from matching.schema import ORDER_COMMAND

DAY_NS = 86_400 * NANO_PER_S
LINES_MAX = 250_000
"""Of one day. With all their names they take some 200 MB."""
FAULTS_TOLD_MAX = 10
Progress = Callable[[int, int], None]
"""Told (records done, records in all); raises to give up."""

_FOLLOWED, _OF_ONE, _OF_TWO = 1, 2, 3
_GROUPS = np.zeros(256, np.uint8)
for _group, _table in ((_FOLLOWED, FOLLOW), (_OF_ONE, ENTRIES_OF_ONE), (_OF_TWO, ENTRIES_OF_TWO)):
    _GROUPS[[int(kind) for kind in _table]] = _group


class _TooLong(Exception):  # noqa: N818 - named for what is wrong
    """The day has more lines than there is room for."""


def work_out(
    journal: Journal,
    snapshots: SnapshotStore | None,
    limits: VenueLimits,
    account: str,
    day_ns: int,
    progress: Progress | None = None,
    *,
    lines_max: int = LINES_MAX,
) -> Statement | Refusal:
    """The statement of an account, by its name, for the day that begins at `day_ns`, as far as the journal goes.

    Others may append meanwhile; no row is trimmed. Raises the journal's StoreErrors if a row cannot be trusted.
    """
    with journal.held():
        try:
            began = newest_good(journal, snapshots, limits, before_ns=day_ns)
        except JournalTrimmed:
            return Refusal.TRIMMED
        return _replayed(journal, began, account, day_ns, progress, lines_max)


def _replayed(
    journal: Journal, began: Recovered, account: str, day_ns: int, progress: Progress | None, lines_max: int
) -> Statement | Refusal:
    last_sequence = journal.last_sequence
    if began.sequence > 0 and began.venue.time_ns >= day_ns:
        return Refusal.NOT_KEPT
    day = _Day(began, account, day_ns, lines_max)
    first_sequence = began.sequence + 1
    end = min(journal.sequence_at(day_ns + DAY_NS), last_sequence + 1)
    try:
        with ReadAhead(journal.read(first_sequence)) as rows:
            for row in rows:
                if row.time_ns >= day.end_ns:
                    day.is_final = True
                if day.is_final or row.first_sequence > last_sequence:
                    break
                day.take(row)
                if progress is not None:
                    progress(row.last_sequence - first_sequence + 1, end - first_sequence)
    except _TooLong:
        return Refusal.TOO_LONG
    return day.close()


@dataclass
class _Position:
    symbol: str
    lots: int
    cost_nano: int


@dataclass
class _Books:
    """The account as the lines have it."""

    cash_nano: int
    positions: dict[int, _Position]
    lines: list[Line] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def find_fault(self, text: str) -> None:
        if len(self.faults) < FAULTS_TOLD_MAX:
            self.faults.append(text)


class _Day:
    """A replay up to the end of a day, and what it finds on that day."""

    def __init__(self, began: Recovered, account: str, day_ns: int, lines_max: int) -> None:
        self.start_ns, self.end_ns = day_ns, day_ns + DAY_NS
        self.is_final = False
        self._venue = began.venue
        self._account = account
        self._lines_max = lines_max
        self._register = Register.of(began.view)
        self._sequence = began.sequence
        self._first_sequence = began.sequence + 1
        self._owner: Owner | None = None
        self._books: _Books | None = None
        self._opening: tuple[Holding, ...] = ()
        self._opening_nano = 0

    def take(self, row: JournalRow) -> None:
        """Decide the next row, and read what concerns the account."""
        if self._books is None and row.time_ns >= self.start_ns:
            self._begin()
        commands = np.frombuffer(row.payload, ORDER_COMMAND)
        events = self._venue.run(commands, row.first_sequence)
        self._sequence = row.last_sequence
        if self._owner is None:
            self._look_for_opening(Published(row.first_sequence, row.time_ns, commands, events))
        wanted = self._pick(events)
        if len(wanted):
            self._read(Published(row.first_sequence, row.time_ns, commands, events[wanted]))

    def close(self) -> Statement | Refusal:
        """The statement, once all rows are taken."""
        if self._books is None:
            self._begin()
        if self._owner is None or self._books is None:
            return Refusal.UNKNOWN_ACCOUNT
        closing_nano, closing = self._cash_nano(), self._holdings()
        self._compare(closing_nano, closing)
        return Statement(
            account_id=self._owner.account_id,
            account=self._account,
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            first_sequence=self._first_sequence,
            last_sequence=self._sequence,
            is_final=self.is_final,
            opening_nano=self._opening_nano,
            closing_nano=closing_nano,
            opening=self._opening,
            closing=closing,
            lines=tuple(self._books.lines),
            faults=tuple(self._books.faults),
        )

    def _begin(self) -> None:
        """The day begins: what the account has now is what it opens with."""
        self._first_sequence = self._sequence + 1
        account_id = self._register.account_ids.get(self._account)
        if account_id is not None:
            self._owner = Owner(account_id, self._register, allocations_of(self._venue, account_id))
        self._opening_nano, self._opening = self._cash_nano(), self._holdings()
        positions = {each.instrument_id: _Position(each.symbol, each.lots, each.cost_nano) for each in self._opening}
        self._books = _Books(self._opening_nano, positions)

    def _look_for_opening(self, published: Published) -> None:
        """The account may be opened in the very batch that then moves its money."""
        opened = published.events[published.events["kind"] == Event.ACCOUNT_OPENED]
        if self._books is None or not len(opened):
            return
        reader = BatchReader(published)
        for sequence, account_id in zip(opened["sequence"].tolist(), opened["account_id"].tolist(), strict=True):
            if reader.text(sequence) == self._account:
                self._owner = Owner(account_id, self._register)

    def _pick(self, events: np.ndarray) -> np.ndarray:
        """Where the events stand that are followed, and on the day those of the account."""
        groups = _GROUPS[events["kind"]]
        wanted = groups == _FOLLOWED
        if self._books is not None and self._owner is not None:
            is_first = events["account_id"] == self._owner.account_id
            is_second = events["counter_account_id"] == self._owner.account_id
            wanted |= (groups != 0) & is_first | (groups == _OF_TWO) & is_second
        return np.flatnonzero(wanted)

    def _read(self, published: Published) -> None:
        reader = BatchReader(published)
        for position, fields in enumerate(reader.events()):
            kind = fields[KIND]
            if kind in FOLLOW:
                layout, follow = FOLLOW[kind]
                follow(self._register, reader.event(position, layout), reader)
            else:
                self._enter(reader, position, OrderEvent._make(fields), published.time_ns)

    def _enter(self, reader: BatchReader, position: int, event: OrderEvent, time_ns: int) -> None:
        owner, books = self._owner, self._books
        assert owner is not None, "events of an account are picked once it is known"
        assert books is not None, "events of an account are picked once the day has begun"
        layout, entries_of = ENTRIES_OF_ONE.get(event.kind) or ENTRIES_OF_TWO.get(event.kind)  # type: ignore[misc]
        named = reader.event(position, layout)
        for part, entry in enumerate(entries_of(owner, named)):
            books.cash_nano += entry.amount_nano
            if entry.moved_lots or entry.moved_cost_nano:
                held = books.positions.setdefault(entry.instrument_id, _Position(entry.symbol, 0, 0))
                held.lots += entry.moved_lots
                held.cost_nano += entry.moved_cost_nano
            books.lines.append(Line(event.sequence, event.index, part, time_ns, entry, books.cash_nano))
        if len(books.lines) > self._lines_max:
            raise _TooLong
        if event.kind in TELLS_CASH and named["cash_nano"] != books.cash_nano:
            books.find_fault(
                f"after {event.sequence}-{event.index} the account has {named['cash_nano']} nano-USD, and the lines "
                f"come to {books.cash_nano}"
            )

    def _compare(self, closing_nano: int, closing: tuple[Holding, ...]) -> None:
        """Whether the lines lead from what the account opened with to what it has."""
        books = self._books
        assert books is not None, "only a day that has begun is closed"
        if books.cash_nano != closing_nano:
            books.find_fault(f"the account has {closing_nano} nano-USD, and the lines come to {books.cash_nano}")
        found = {each.instrument_id: (each.lots, each.cost_nano) for each in closing}
        for instrument_id in sorted(found.keys() | books.positions.keys()):
            held = books.positions.get(instrument_id, _Position("", 0, 0))
            lots, cost_nano = found.get(instrument_id, (0, 0))
            if (held.lots, held.cost_nano) != (lots, cost_nano):
                books.find_fault(
                    f"the account has {lots} lots of tranche {instrument_id} that cost {cost_nano} nano-USD, and the "
                    f"lines come to {held.lots} and {held.cost_nano}"
                )

    def _cash_nano(self) -> int:
        if self._owner is None:
            return 0
        return int(self._venue.state.ledger.accounts[self._owner.account_id]["cash_nano"])

    def _holdings(self) -> tuple[Holding, ...]:
        if self._owner is None:
            return ()
        return tuple(
            Holding(instrument_id, self._register.symbol(instrument_id), lots, cost_nano)
            for instrument_id, lots, cost_nano in positions_of(self._venue, self._owner.account_id)
        )


def positions_of(venue: Venue, account_id: int) -> list[tuple[int, int, int]]:
    """Tranche, lots and cost of what an account holds, in the order of tranches."""
    ledger = venue.state.ledger
    positions = ledger.positions[: int(ledger.totals[0]["fresh_position"])]
    own = positions[positions["account_id"] == account_id]
    held = own[(own["lots"] != 0) | (own["cost_nano"] != 0)]
    return sorted(zip(*(held[name].tolist() for name in ("instrument_id", "lots", "cost_nano")), strict=True))


def allocations_of(venue: Venue, account_id: int) -> dict[int, Allocation]:
    """What an account bought or provides and is not settled, by id."""
    end = min(int(venue.state.clock[0]["next_allocation_id"]), len(venue.state.clearing.allocations))
    rows = venue.state.clearing.allocations[:end]
    own = rows[(rows["state"] != 0) & ((rows["buyer_id"] == account_id) | (rows["provider_id"] == account_id))]
    values = (own[name].tolist() for name in ("allocation_id", "instrument_id", "lots", "bond_nano"))
    return {allocation_id: Allocation(*rest) for allocation_id, *rest in zip(*values, strict=True)}
