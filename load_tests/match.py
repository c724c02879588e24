"""`make bench`: matching on generated flows, against the slow twin on the head of the same flow, in the same run.

Each flow is run several times, in turn with the twin, and the medians are shown. The ratio is the figure to compare
between machines; the rate says what this one does.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table

from exchange.bench.flow import Flow
from exchange.bench.match import run_match
from load_tests.chart import write_charts
from load_tests.flow import write_flow
from matching.twin import TwinBook

INSTRUMENTS = (1, 1_000, 50_000)
TWIN_OPERATIONS = 20_000


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description="Measure matching on generated flows.")
    parser.add_argument("--operations", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--charts", type=Path, help="also draw the rates, as SVG files in this folder")
    arguments = parser.parse_args()
    console = Console()
    rates: dict[str, float] = {}
    table = Table(title=f"matching, {arguments.operations:,} operations, medians of {arguments.runs} runs")
    for heading in ("instruments", "operations/s", "ns/operation", "twin operations/s", "ratio", "trades", "resting"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder, console.status("measuring") as status:
        for instruments in INSTRUMENTS:
            status.update(f"measuring {instruments:,} instruments")
            path = Path(folder) / "flow.bin"
            write_flow(path, arguments.operations, instruments, arguments.seed)
            row, rates[f"{instruments:,} instrument" + "s" * (instruments > 1)] = measure(
                path, instruments, arguments.runs
            )
            table.add_row(*row)
    console.print(table)
    if arguments.charts is not None:
        method = (
            f"{arguments.operations:,} operations a flow, one core, every event written; "
            f"medians of {arguments.runs} runs of make bench"
        )
        write_charts(arguments.charts, "Orders, cancels and replaces matched a second", method, rates)


def measure(path: Path, instruments: int, runs: int) -> tuple[tuple[str, ...], float]:
    """One row of the table, and the rate in it."""
    rates, twin_rates = [], []
    result: dict[str, int | float | str] = {}
    for _ in range(runs):
        result = run_match(path, instruments)
        rates.append(float(result["operations_per_second"]))
        twin_rates.append(twin_rate(path, instruments))
    rate, twin = statistics.median(rates), statistics.median(twin_rates)
    row = (
        f"{instruments:,}",
        f"{rate:,.0f}",
        f"{1e9 / rate:.1f}",
        f"{twin:,.0f}",
        f"{rate / twin:,.0f}",
        f"{result['trades']:,}",
        f"{result['resting']:,}",
    )
    return row, rate


def twin_rate(path: Path, instruments: int) -> float:
    """Operations a second of the twin on the head of a flow."""
    commands = next(iter(Flow(path, instruments).commands(TWIN_OPERATIONS)))[:TWIN_OPERATIONS]
    twin = TwinBook()
    for instrument_id in range(instruments):
        twin.list_instrument(instrument_id)
    started_s = perf_counter()
    twin.execute(commands)
    return len(commands) / (perf_counter() - started_s)


if __name__ == "__main__":
    main()
