"""Statements of a running exchange: one replay at a time, in a thread of its own, and what was found is kept.

Whoever asks gets what is kept, or waits for the replay at work if it is for the same day, or is told that it is busy. A
replay goes on when nobody waits any more: who asks again finds it done.
"""

import asyncio
import time
from collections import OrderedDict
from typing import NamedTuple

import structlog

from exchange.journal import Journal
from exchange.snapshots import SnapshotStore
from exchange.statements.lines import Refusal, Statement
from exchange.statements.replay import work_out
from exchange.store_errors import StoreError
from exchange.venue.state import VenueLimits

log = structlog.get_logger()

KEPT_LINES_MAX = 500_000
"""Of all statements that are kept, however many."""
KEPT_MAX = 1_000
FRESH_S = 30.0
"""How long a statement of a day that is not over, or a refusal, is good for who asks again."""

Found = Statement | Refusal | StoreError
"""A statement, why there is none, or why the journal cannot be read."""


class _Stopped(Exception):  # noqa: N818 - named for what is wrong
    """The exchange is closed before a replay is done."""


class _Asked(NamedTuple):
    account: str
    day_ns: int


class _Kept(NamedTuple):
    found: Found
    at_s: float

    @property
    def lines(self) -> int:
        return len(self.found.lines) if isinstance(self.found, Statement) else 0

    def serves(self, min_sequence: int) -> bool:
        """Whether it is what a replay would give now, or nearly so."""
        if isinstance(self.found, Statement) and self.found.is_final:
            return True
        is_fresh = time.monotonic() - self.at_s < FRESH_S
        is_far_enough = not isinstance(self.found, Statement) or self.found.last_sequence >= min_sequence
        return is_fresh and is_far_enough


class _Work(NamedTuple):
    asked: _Asked
    from_sequence: int
    """The journal ended there when it began."""
    result: asyncio.Future[Found]


class StatementDesk:
    """Works statements out for one exchange. It belongs to the exchange's event loop."""

    def __init__(self, journal: Journal, snapshots: SnapshotStore, limits: VenueLimits) -> None:
        self._journal = journal
        self._snapshots = snapshots
        self._limits = limits
        self._kept: OrderedDict[_Asked, _Kept] = OrderedDict()
        self._work: _Work | None = None
        self._is_closing = False
        self.progress = (0, 0)
        """Of the replay at work: records done, and in all."""

    def ask(self, account: str, day_ns: int, min_sequence: int = 0) -> asyncio.Future[Found]:
        """What becomes of the statement of an account for the day that begins at `day_ns`; shield it when waiting."""
        asked = _Asked(account, day_ns)
        kept = self._kept.get(asked)
        if kept is not None and kept.serves(min_sequence):
            return _done(kept.found)
        if self._is_closing:
            return _done(Refusal.STOPPED)
        if self._work is None:
            self._begin(asked)
        assert self._work is not None, "it has just begun"
        if self._work.asked == asked and self._work.from_sequence >= min_sequence:
            return self._work.result
        return _done(Refusal.BUSY)

    async def close(self) -> None:
        """Give up what is at work; nothing begins any more."""
        self._is_closing = True
        if self._work is not None:
            await asyncio.wait([self._work.result])

    def _begin(self, asked: _Asked) -> None:
        self.progress = (0, 0)
        running = asyncio.ensure_future(asyncio.to_thread(self._work_out, asked))
        self._work = _Work(asked, self._journal.last_sequence, running)
        running.add_done_callback(lambda _: self._end())

    def _work_out(self, asked: _Asked) -> Found:
        try:
            return work_out(self._journal, self._snapshots, self._limits, *asked, self._report)
        except _Stopped:
            return Refusal.STOPPED
        except StoreError as error:
            return error

    def _report(self, done: int, total: int) -> None:
        if self._is_closing:
            raise _Stopped
        self.progress = (done, total)

    def _end(self) -> None:
        work, self._work = self._work, None
        assert work is not None, "one replay at a time"
        if work.result.cancelled():
            return
        if work.result.exception() is not None:
            log.error("statement_failed", account=work.asked.account, exc_info=work.result.exception())
            return
        self._kept[work.asked] = _Kept(work.result.result(), time.monotonic())
        self._kept.move_to_end(work.asked)
        while len(self._kept) > KEPT_MAX or sum(each.lines for each in self._kept.values()) > KEPT_LINES_MAX:
            self._kept.popitem(last=False)


def _done(found: Found) -> asyncio.Future[Found]:
    future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
    future.set_result(found)
    return future
