"""One replay at a time in a running exchange, and what it found is kept."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from exchange import commands
from exchange.service import Exchange
from exchange.statements import desk
from exchange.statements.lines import Refusal, Statement
from exchange.statements.replay import DAY_NS, work_out
from exchange.store_errors import StoreError, StoreUnreadable
from tests.exchange.venue.market import LIMITS

DEPOSIT_NANO = 5_000


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    opened = await Exchange.open(tmp_path, limits=LIMITS, synchronous="OFF")
    for number, name in enumerate(("ann", "ben"), start=1):
        await opened.submit(commands.open_account(number, name))
        await opened.submit(commands.deposit(number, DEPOSIT_NANO))
    yield opened
    await opened.close()


class Held:
    """Replays that wait until they are let go, and count."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.count = 0
        monkeypatch.setattr(desk, "work_out", self.work_out)

    def work_out(self, *arguments: object) -> Statement | Refusal:
        self.count += 1
        report = arguments[-1]
        while not self.go.wait(0.005):
            report(self.count, 100)  # type: ignore[operator]
        return work_out(*arguments)  # type: ignore[arg-type]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does, for a bounded time."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def today_ns(exchange: Exchange) -> int:
    return exchange.view.time_ns // DAY_NS * DAY_NS


async def test_a_statement_of_today_is_as_new_as_who_asks_has_seen(exchange: Exchange) -> None:
    day_ns = today_ns(exchange)
    first = await exchange.statements.ask("ann", day_ns)
    assert isinstance(first, Statement)
    assert (first.closing_nano, first.faults, first.is_final) == (DEPOSIT_NANO, (), False)
    reply = await exchange.submit(commands.deposit(1, 1))
    assert await exchange.statements.ask("ann", day_ns) is first
    newer = await exchange.statements.ask("ann", day_ns, reply.sequence)
    assert isinstance(newer, Statement)
    assert newer.closing_nano == DEPOSIT_NANO + 1


async def test_a_statement_of_today_grows_old(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await exchange.statements.ask("ann", today_ns(exchange))
    monkeypatch.setattr(desk, "FRESH_S", 0.0)
    assert await exchange.statements.ask("ann", today_ns(exchange)) is not first


async def test_a_day_that_is_over_is_replayed_once(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    held.go.set()
    monkeypatch.setattr(desk, "FRESH_S", 0.0)
    day_ns = today_ns(exchange)
    await exchange.statements.ask("ann", day_ns - DAY_NS)
    assert held.count == 1
    over = (await exchange.statements.ask("ann", day_ns))._replace(is_final=True)  # type: ignore[union-attr]
    monkeypatch.setattr(desk, "work_out", lambda *_: over)
    assert await exchange.statements.ask("ann", day_ns) is over
    monkeypatch.setattr(desk, "work_out", held.work_out)
    assert await exchange.statements.ask("ann", day_ns) is over
    assert held.count == 2


async def test_who_asks_for_the_same_waits_and_others_are_told_that_it_is_busy(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, day_ns = Held(monkeypatch), today_ns(exchange)
    first, second = exchange.statements.ask("ann", day_ns), exchange.statements.ask("ann", day_ns)
    assert await exchange.statements.ask("ben", day_ns) is Refusal.BUSY
    assert first is second
    await until(lambda: exchange.statements.progress == (1, 100))
    held.go.set()
    assert isinstance(await first, Statement)
    assert held.count == 1
    assert isinstance(await exchange.statements.ask("ben", day_ns), Statement)


async def test_trading_goes_on_beside_a_replay(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    asked = exchange.statements.ask("ann", today_ns(exchange))
    for _ in range(5):
        await exchange.submit(commands.deposit(1, 1))
    held.go.set()
    found = await asked
    assert isinstance(found, Statement)
    assert found.closing_nano == DEPOSIT_NANO + 5
    assert found.faults == ()


async def test_a_closing_exchange_waits_for_no_replay(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    Held(monkeypatch)
    asked = exchange.statements.ask("ann", today_ns(exchange))
    async with asyncio.timeout(5):
        await exchange.close()
    assert await asked is Refusal.STOPPED
    assert await exchange.statements.ask("ben", today_ns(exchange)) is Refusal.STOPPED


async def test_a_journal_that_cannot_be_read_is_told_as_such(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> Statement:
        raise StoreUnreadable(tmp_path, OSError("no"))

    monkeypatch.setattr(desk, "work_out", fail)
    assert isinstance(await exchange.statements.ask("ann", today_ns(exchange)), StoreError)


async def test_what_is_kept_is_bounded(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "KEPT_LINES_MAX", 1)
    day_ns = today_ns(exchange)
    first = await exchange.statements.ask("ann", day_ns)
    assert await exchange.statements.ask("ann", day_ns) is first
    await exchange.statements.ask("ben", day_ns)
    assert await exchange.statements.ask("ann", day_ns) is not first
