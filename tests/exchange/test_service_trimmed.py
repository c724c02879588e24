"""A running exchange that keeps its commands for a while only."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange import commands, journal_log, retention
from exchange import journal as journal_module
from exchange.service import Exchange
from exchange.statements.lines import Refusal, Statement
from exchange.statements.replay import DAY_NS
from exchange.venue.state import VenueLimits
from exchange.verification import verify

LIMITS = VenueLimits(instruments=16, orders=256, nodes=200, accounts=16, positions=600, client_ids=64)
KEEP_NS = 400_000_000
PATIENCE_S = 30


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short runs then have something to trim, and several slices of it."""
    monkeypatch.setattr(journal_log, "CHECKPOINT_PAGES", 4)
    for module in (journal_module, retention):
        monkeypatch.setattr(module, "TRIM_ROWS", 16)


async def open_exchange(directory: Path, keep_ns: int | None = KEEP_NS, **options: Any) -> Exchange:
    return await Exchange.open(directory, limits=LIMITS, keep_ns=keep_ns, **options)


async def trade_until(exchange: Exchange, condition: Callable[[], bool]) -> None:
    """A deposit after the other, each a row of its own."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await exchange.submit(commands.deposit(1, 1))
            await asyncio.sleep(0.002)


async def test_old_commands_go_while_trading_goes_on_and_the_rest_is_proved_and_recovered(tmp_path):
    exchange = await open_exchange(tmp_path)
    await exchange.submit(commands.open_account(1, "ann"))
    assert (exchange.first_sequence, exchange.trimmed_until_ns) == (1, None)
    await trade_until(exchange, lambda: exchange.first_sequence > 300)
    assert exchange.view.time_ns - exchange.trimmed_until_ns >= KEEP_NS
    assert len(exchange.snapshot_pauses_ns) >= 5, "they come by time, long before a million commands"
    await exchange.close()
    verdict = verify(tmp_path, LIMITS)
    assert (verdict.faults, verdict.first_sequence) == ([], exchange.first_sequence)
    assert verdict.state_digest == exchange._sequencer._venue.digest().hex()
    again = await open_exchange(tmp_path, None)
    assert again.view.balances(1) == exchange.view.balances(1)
    (notice,) = [each for each in again.notices if "were trimmed" in each]
    assert f"begins at sequence {exchange.first_sequence}" in notice
    await again.close()


async def test_an_idle_exchange_trims_what_became_too_old(tmp_path):
    exchange = await open_exchange(tmp_path, None, snapshot_every_records=100)
    await exchange.submit(commands.open_account(1, "ann"))
    await trade_until(exchange, lambda: exchange.view.sequence > 500)
    await exchange.close()
    again = await open_exchange(tmp_path)
    first = again.first_sequence
    async with asyncio.timeout(PATIENCE_S):
        while again.first_sequence < first + 300:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    await again.close()
    assert verify(tmp_path, LIMITS).faults == []


async def test_a_statement_of_a_day_that_is_gone_is_refused_and_one_that_is_there_is_not(tmp_path):
    exchange = await open_exchange(tmp_path)
    await exchange.submit(commands.open_account(1, "ann"))
    today_ns = exchange.view.time_ns // DAY_NS * DAY_NS
    assert isinstance(await exchange.statements.ask("ann", today_ns), Statement)
    await trade_until(exchange, lambda: exchange.first_sequence > 50)
    sequence = exchange.view.sequence
    assert await exchange.statements.ask("ann", today_ns, sequence) is Refusal.TRIMMED
    assert await exchange.statements.ask("ann", today_ns - DAY_NS) is Refusal.TRIMMED
    tomorrow = await exchange.statements.ask("ann", today_ns + DAY_NS)
    assert isinstance(tomorrow, Statement)
    assert tomorrow.faults == ()
    await exchange.close()


async def test_a_backup_of_an_exchange_that_trims_is_whole(tmp_path):
    exchange = await open_exchange(tmp_path / "store")
    await exchange.submit(commands.open_account(1, "ann"))
    await trade_until(exchange, lambda: exchange.first_sequence > 100)
    trading = asyncio.create_task(trade_until(exchange, lambda: exchange.first_sequence > 600))
    for number in range(3):
        copied = await exchange.back_up(tmp_path / str(number), lambda _: None, lambda done, total: None)
        verdict = verify(tmp_path / str(number), LIMITS)
        assert (verdict.faults, verdict.chain_hash) == ([], copied.chain_hash)
        assert verdict.first_sequence > 1
    await trading
    await exchange.close()
