"""An exchange to be killed: opened on storage that loses what was not synced, under load until the end.

    parent: one line of JSON, a `Life` ─▶ this process forks ─▶ the child recovers, retries, trades, and is killed
    parent ◀─ a line for all that happens, `ended` the last

Importing and loading the kernels takes seconds, so it is done once, and every life is a fork. That is safe because
this process has nothing that a fork could cut in two: one thread, no event loop, no open database. It waits for the end
of each child before it forks the next, so a store never has two openers and a dead child has nothing more to report.

A report is one short write to a pipe, which is whole or absent whenever the writer is killed. A child whose parent is
gone ends by the pipe that nobody reads.
"""

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from exchange.service import Exchange, Reply
from exchange.warm_up import warm_up
from tests.simulation.audit import digest_of_view
from tests.simulation.storage import install
from tests.simulation.traffic import LIMITS, Answer, CommandId, Traffic

BURSTS = range(1, 9)
"""There is a trader for each of these, who sends so many commands together."""
IN_FLIGHT_MAX = sum(BURSTS)
SYNC_S = 0.005
SNAPSHOT_EVERY_RECORDS = 400


@dataclass(frozen=True)
class Life:
    """What a child is to do. `retries` are commands of earlier lives, as (life, index)."""

    number: int
    directory: str
    seed: int
    epoch_ns: int
    mode: str = "drop"
    synchronous: str = "FULL"
    retries: list[tuple[int, int]] = field(default_factory=list)


class Reporter:
    """Owns standard output; what else is printed goes to standard error."""

    def __init__(self) -> None:
        self._descriptor = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(self, what: str, *values: object) -> None:
        """One line, in one write."""
        line = " ".join([what, *map(str, values)]) + "\n"
        os.write(self._descriptor, line.encode())


def main() -> None:
    """Live one life after the other, for as long as the parent asks."""
    reporter = Reporter()
    warm_up()
    reporter.tell("ready")
    for line in sys.stdin:
        life = Life(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            end_as_child(life, reporter)
        _, status = os.waitpid(pid, 0)
        reporter.tell("ended", os.waitstatus_to_exitcode(status))


def end_as_child(life: Life, reporter: Reporter) -> None:
    """Never returns into the loop of the parent."""
    try:
        reporter.tell("started", os.getpid())
        install("unsynced-loss", life.mode, life.seed + life.number, sync_s=SYNC_S)
        asyncio.run(trade_until_killed(life, reporter))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)


async def trade_until_killed(life: Life, reporter: Reporter) -> None:
    """Recover, found the market if it is new, retry what was left open, then trade."""
    exchange = await Exchange.open(
        Path(life.directory),
        limits=LIMITS,
        synchronous=life.synchronous,
        snapshot_every_records=SNAPSHOT_EVERY_RECORDS,
    )
    reporter.tell("recovered", exchange.view.sequence, digest_of_view(exchange.view), len(exchange.notices))
    traffic = Traffic(life.seed, life.epoch_ns)
    await asyncio.gather(*exchange.submit_many(traffic.founding()))
    await send(exchange, reporter, traffic, [CommandId(*retry) for retry in life.retries])
    reporter.tell("trading")
    numbers = count()
    await asyncio.gather(*(keep_trading(exchange, reporter, traffic, life.number, numbers, burst) for burst in BURSTS))


async def keep_trading(
    exchange: Exchange, reporter: Reporter, traffic: Traffic, life_number: int, numbers: Iterator[int], burst: int
) -> None:
    """One burst after the other; all traders draw from the same numbers."""
    while True:
        await send(exchange, reporter, traffic, [CommandId(life_number, next(numbers)) for _ in range(burst)])


async def send(exchange: Exchange, reporter: Reporter, traffic: Traffic, wanted: list[CommandId]) -> None:
    """Submit commands together, and report each answer as soon as it is there."""
    futures = exchange.submit_many([traffic.command(which) for which in wanted])
    for which, future in zip(wanted, futures, strict=True):
        future.add_done_callback(partial(report, reporter, which))
    if futures:
        await asyncio.gather(*futures)


def report(reporter: Reporter, which: CommandId, future: asyncio.Future[Reply]) -> None:
    """Tell of an acknowledged command."""
    if future.exception() is None:
        answer, is_repeat = Answer.of(future.result().events[-1:])
        reporter.tell("answer", *which, int(is_repeat), *answer)


if __name__ == "__main__":
    main()
