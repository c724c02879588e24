"""Does it stay as it was? An exchange under a steady load for an hour, looked at again and again.

    python -m load_tests.endurance --minutes 60
    python -m load_tests.endurance --minutes 10 --binary-minutes 1 --out endurance.json

Orders as JSON come by the clock, at 70 % of the rate that this machine reaches, then frames of records as fast as they
are answered. Some follow the book meanwhile, and are compared with the exchange at every checksum, and level by level
at every look. Memory, slow answers and the store are looked at as often; the verdict compares the last third of the
looks with the first. The exchange keeps its commands for ten minutes, which have to explain how large its store is in
the last third. Ends with exit code 1 if something grew, slowed down, or drifted apart.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import uvloop
from rich.console import Console
from rich.table import Table

from exchange.cli.terminal import progress_steps
from gateway.bench.processes import BenchError, resident_bytes
from load_tests.endurance_load import Load
from load_tests.serving import TOGETHER, Served, ServingError, served

FOREVER = 10**9
KEEP_MINUTES = 10
KEPT_S = 60 * KEEP_MINUTES
KEPT_S_MOST = 2 * KEPT_S
"""Commands go up to a snapshot, at most half as old again as they may be, and bit by bit."""
SETTINGS = TOGETHER | {
    "BWX_STORE_KEEP": f"{KEEP_MINUTES}m",
    "BWX_GATEWAY_ACCOUNT_WEIGHT_PER_S": str(FOREVER),
    "BWX_GATEWAY_ACCOUNT_WEIGHT_BURST": str(FOREVER),
    "BWX_GATEWAY_MARKET_MAKER_WEIGHT_PER_S": str(FOREVER),
    "BWX_GATEWAY_MARKET_MAKER_WEIGHT_BURST": str(FOREVER),
}
"""Budgets would bind first: what is asked here is whether the exchange itself endures."""
RATE_SHARE = 0.7
LOOKS = 60
LOOK_S_LEAST = 2.0
MEMORY_GROWS_MOST = 0.05
MEMORY_BESIDE_BYTES = 32 << 20
P99_GROWS_MOST = 1.5
P99_BESIDE_MS = 5.0
RECORD_BYTES_MOST = 256
"""Of the store for each record of 64 bytes: pages, log, snapshots and what is kept beside them."""
STORE_BESIDE_BYTES = 256 << 20
"""The reserve, and snapshots."""


class Look(NamedTuple):
    """The exchange after a while of load."""

    phase: str
    second: float
    """Of the whole run."""
    answered: int
    """In this while."""
    p99_ms: float
    memory_bytes: int
    store_bytes: int
    sequence: int
    resyncs: int
    """Of all who follow, so far."""
    books_equal: bool


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description="A steady load for an hour: does anything grow, slow down, or drift?")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--binary-minutes", type=float, default=5)
    parser.add_argument("--directory", type=Path, default=Path(), help="a folder on the disk that is used")
    parser.add_argument("--out", type=Path, help="also write all looks as JSON")
    arguments = parser.parse_args()
    if arguments.minutes <= 0 or arguments.binary_minutes < 0:
        parser.error("there is nothing to do without minutes")
    try:
        with served(arguments.directory, settings=SETTINGS) as exchange, progress_steps() as report:
            looks = uvloop.run(endure(exchange, arguments.minutes * 60, arguments.binary_minutes * 60, report))
    except (ServingError, BenchError, OSError, TimeoutError) as error:
        print(f"endurance: {error or type(error).__name__}", file=sys.stderr)
        sys.exit(2)
    if arguments.out is not None:
        arguments.out.write_bytes(orjson.dumps([look._asdict() for look in looks], option=orjson.OPT_INDENT_2))
    show(looks)
    wrong = [sentence for phase in ("json", "binary") for sentence in verdict([x for x in looks if x.phase == phase])]
    wrong += store_verdict(looks)
    for sentence in wrong:
        print(f"endurance: {sentence}", file=sys.stderr)
    sys.exit(bool(wrong))


async def endure(exchange: Served, json_s: float, binary_s: float, report: Any) -> list[Look]:
    """All looks of both loads."""
    async with Load.open(exchange) as load:
        report("finding the rate", 0, 1)
        rate = RATE_SHARE * await load.json_rate()
        looks: list[Look] = []
        run_began_s = time.monotonic()
        for phase, length_s in (("json", json_s), ("binary", binary_s)):
            began_s, each_s = time.monotonic(), max(LOOK_S_LEAST, length_s / LOOKS)
            while time.monotonic() - began_s < length_s:
                report(f"{phase}, {rate:,.0f} orders a second" if phase == "json" else phase, len(looks), 2 * LOOKS)
                answered = await (load.send_json(rate, each_s) if phase == "json" else load.send_frames(each_s))
                looks.append(await look(exchange, load, phase, time.monotonic() - run_began_s, answered))
        return looks


async def look(exchange: Served, load: Load, phase: str, second: float, latencies_ns: Sequence[int]) -> Look:
    """What there is to see while nothing is sent."""
    equal = await load.books_are_equal()
    p99_ms = statistics.quantiles(latencies_ns, n=100)[98] / 1e6 if len(latencies_ns) > 1 else 0.0
    store_bytes = sum(path.stat().st_size for path in exchange.directory.iterdir() if path.is_file())
    memory_bytes = resident_bytes(exchange.pid) or 0
    return Look(
        phase, second, len(latencies_ns), p99_ms, memory_bytes, store_bytes, await load.sequence(), load.resyncs, equal
    )


def verdict(looks: Sequence[Look]) -> list[str]:
    """A sentence for everything that did not stay as it was under one kind of load."""
    if len(looks) < 3:
        return []
    third = len(looks) // 3
    first, last = looks[:third], looks[-third:]
    unequal = [each for each in looks if not each.books_equal]
    wrong = [f"the books of those who follow were wrong after {each.second:.0f} s" for each in unequal]
    if looks[-1].resyncs:
        wrong.append(f"those who follow had to start again {looks[-1].resyncs} times")
    memory = [statistics.median(each.memory_bytes for each in part) for part in (first, last)]
    if memory[1] > memory[0] * (1 + MEMORY_GROWS_MOST) + MEMORY_BESIDE_BYTES:
        wrong.append(f"memory grew from {memory[0] / 2**20:.0f} to {memory[1] / 2**20:.0f} MiB ({looks[0].phase})")
    p99_ms = [statistics.median(each.p99_ms for each in part) for part in (first, last)]
    if p99_ms[1] > p99_ms[0] * P99_GROWS_MOST + P99_BESIDE_MS:
        wrong.append(f"the p99 went from {p99_ms[0]:.1f} to {p99_ms[1]:.1f} ms ({looks[0].phase})")
    return wrong


def store_verdict(looks: Sequence[Look]) -> list[str]:
    """A sentence if the store is too large while all is kept, or larger in the end than what is kept then explains."""
    if len(looks) < 3:
        return []
    whole = [each for each in looks if each.second <= KEPT_S][-1]
    wrong = []
    if whole.store_bytes > STORE_BESIDE_BYTES + RECORD_BYTES_MOST * whole.sequence:
        wrong.append(f"the store has {whole.store_bytes:,} bytes for {whole.sequence:,} records")
    last_bytes = statistics.median(each.store_bytes for each in looks[-(len(looks) // 3) :])
    records = _records_kept_most(looks)
    if last_bytes > STORE_BESIDE_BYTES + whole.store_bytes / whole.sequence * records:
        wrong.append(f"the store has {last_bytes:,.0f} bytes in the end, for {records:,} records that are kept at most")
    return wrong


def _records_kept_most(looks: Sequence[Look]) -> int:
    """The most that came within the kept time before any look: a file that was larger once does not shrink."""
    most = first = 0
    for each in looks:
        while looks[first].second < each.second - KEPT_S_MOST:
            first += 1
        most = max(most, each.sequence - (looks[first - 1].sequence if first else 0))
    return most


def show(looks: Sequence[Look]) -> None:
    """All looks as a table."""
    table = Table()
    for heading in ("load", "s", "answered", "p99 ms", "memory MiB", "store MiB", "sequence", "resyncs", "books"):
        table.add_column(heading, justify="right")
    for each in looks:
        sizes = (f"{each.memory_bytes / 2**20:.0f}", f"{each.store_bytes / 2**20:.0f}", f"{each.sequence:,}")
        told = (each.phase, f"{each.second:.0f}", f"{each.answered:,}", f"{each.p99_ms:.2f}", *sizes)
        table.add_row(*told, str(each.resyncs), "equal" if each.books_equal else "wrong")
    console = Console()
    console.width = max(console.width, 100)
    console.print(table)


if __name__ == "__main__":
    main()
