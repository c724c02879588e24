"""What more of everything costs: rate and memory against instruments, resting orders, accounts, subscribers, levels.

    python -m load_tests.curves                              small sizes, a minute or two
    python -m load_tests.curves --full --charts docs         up to 50,000 instruments, 4 M orders, 1 M accounts
    python -m load_tests.curves --only instruments,levels

Each point is measured in a process of its own. docs/PERFORMANCE.md says what theory wants each curve to be.
"""

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import orjson
from rich.console import Console
from rich.table import Table

from exchange.cli.terminal import progress_steps
from gateway.bench.processes import BenchError
from load_tests import cost_points
from load_tests.cost_points import Point
from load_tests.plot import write_plots

MEBI = 1 << 20
PAPER_WIDTH = 100


class Curve(NamedTuple):
    """One of what there may be more of; the sizes of a small run, and what a full one adds."""

    of: str
    measure: Callable[[int, Path], Point]
    unit: str
    sizes: tuple[int, ...]
    more: tuple[int, ...]

    def all_sizes(self, *, full: bool) -> tuple[int, ...]:
        """The sizes of a run."""
        return self.sizes + (self.more if full else ())


CURVES: Mapping[str, Curve] = {
    "instruments": Curve("instruments", cost_points.with_instruments, "operations", (1, 100, 1_000), (10_000, 50_000)),
    "resting": Curve(
        "resting orders", cost_points.with_resting, "operations", (1_000, 10_000, 100_000), (1_000_000, 4_000_000)
    ),
    "accounts": Curve("accounts", cost_points.with_accounts, "orders", (1, 100, 10_000), (100_000, 1_000_000)),
    "subscribers": Curve("subscribers", cost_points.with_subscribers, "messages", (1, 10, 100), (1_000, 2_000)),
    "levels": Curve("levels swept by an order", cost_points.with_levels, "levels", (1, 10, 100, 1_000), (10_000,)),
}
Found = dict[str, dict[int, Point]]


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description="Measure rate and memory against how much there is.")
    parser.add_argument("--full", action="store_true", help="the largest sizes too")
    parser.add_argument("--only", default=",".join(CURVES), help=f"some of {','.join(CURVES)}")
    parser.add_argument("--charts", type=Path, help="also draw the curves, as SVG files in this folder")
    parser.add_argument("--out", type=Path, help="also write the points as JSON")
    arguments = parser.parse_args()
    names = [name for name in arguments.only.split(",") if name]
    if not names or set(names) - set(CURVES):
        parser.error(f"--only takes some of {','.join(CURVES)}")
    found: Found = {}
    try:
        with progress_steps() as report:
            for name, size, point in measured(names, full=arguments.full, report=report):
                found.setdefault(name, {})[size] = point
    except (OSError, ValueError, BenchError) as error:
        print(f"curves: {error}", file=sys.stderr)
        sys.exit(2)
    console = Console()
    console.width = max(console.width, PAPER_WIDTH)
    console.print(table(found))
    if arguments.out is not None:
        rows = {name: {size: point._asdict() for size, point in points.items()} for name, points in found.items()}
        arguments.out.write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
    if arguments.charts is not None:
        draw(arguments.charts, found)


def measured(
    names: list[str], *, full: bool, report: Callable[[str, int, int], None]
) -> Iterator[tuple[str, int, Point]]:
    """Every point, the small ones of a curve first."""
    steps = [(name, size) for name in names for size in CURVES[name].all_sizes(full=full)]
    for done, (name, size) in enumerate(steps):
        report(f"{size:,} {CURVES[name].of}", done, len(steps))
        yield name, size, alone(CURVES[name].measure, size)


def alone(measure: Callable[[int, Path], Point], size: int) -> Point:
    """A point in a process of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="bwx-curves-") as folder,
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process,
    ):
        return process.submit(measure, size, Path(folder)).result()


def table(found: Found) -> Table:
    """All points; `of the first` is the rate beside that of the smallest size."""
    shown = Table()
    for heading in ("of", "how many", "a second", "ns each", "of the first", "memory MiB"):
        shown.add_column(heading, justify="left" if heading == "of" else "right", no_wrap=True)
    for name, points in found.items():
        first = next(iter(points.values())).rate
        for size, point in points.items():
            each_ns, share = f"{1e9 / point.rate:,.1f}", f"{point.rate / first:.2f}"
            shown.add_row(
                CURVES[name].of, f"{size:,}", f"{point.rate:,.0f}", each_ns, share, f"{point.memory_bytes / MEBI:,.1f}"
            )
    return shown


def draw(folder: Path, found: Found) -> None:
    """A chart of the rates, and one of the memory, over how many there are of each."""
    rates = {name: [(size, point.rate) for size, point in points.items()] for name, points in found.items()}
    memory = {name: [(size, point.memory_bytes) for size, point in points.items()] for name, points in found.items()}
    write_plots(folder, "curves-rate", "What one core does a second", "how many there are of each", rates)
    write_plots(folder, "curves-memory", "Bytes of memory", "how many there are of each", memory)


if __name__ == "__main__":
    main()
