"""`make bench`: matching on generated flows, against the slow twin and, where one is given, another book.

    python -m load_tests.match --operations 2000000 --runs 3 --reference ./reference

Plain flows run over one, a thousand and fifty thousand instruments, in turn with the twin on the head of the same
flow; then come the flows of other shapes. Each is run several times, and the medians are shown. Ratios are the figures
to compare between machines; rates say what this one does. Ends with exit code 1 if the other book traded differently.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from rich.console import Console
from rich.status import Status
from rich.table import Table

from exchange.bench.flow import Flow
from exchange.bench.match import run_match
from load_tests.chart import write_charts
from load_tests.reference import run_reference
from load_tests.shapes import SHAPES
from matching.twin import TwinBook

INSTRUMENTS = (1, 1_000, 50_000)
TWIN_OPERATIONS = 20_000
PAPER_WIDTH = 132
"""Of tables that go into a file."""


class Measured(NamedTuple):
    """Medians of some runs of one flow; rates are operations a second."""

    rate: float
    result: dict[str, Any]
    twin_rate: float | None = None
    reference_rate: float | None = None
    differences: tuple[str, ...] = ()


class Bench:
    """The options of one call, and what was found to differ from the reference."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, console: Console) -> None:
        self.operations: int = arguments.operations
        self.runs: int = arguments.runs
        self.seed: int = arguments.seed
        self.reference: Path | None = arguments.reference
        self.folder = folder
        self.console = console
        self.differing: list[str] = []

    def measure(self, shape: str, instruments: int, *, with_twin: bool) -> Measured:
        """Make a flow and run it, in turn with what it is compared with."""
        path = self.folder / "flow.bin"
        SHAPES[shape].make(self.operations, instruments, self.seed).tofile(path)
        rates, twin_rates, reference_rates, differences = [], [], [], set[str]()
        result: dict[str, Any] = {}
        for _ in range(self.runs):
            result = run_match(path, instruments)
            rates.append(float(result["operations_per_second"]))
            if with_twin:
                twin_rates.append(twin_rate(path, instruments))
            if self.reference is not None:
                compared = run_reference(self.reference, path, instruments, result)
                reference_rates.append(compared.operations_per_second)
                differences |= set(compared.differences)
        if differences:
            self.differing.append(f"{shape} over {instruments:,}: {', '.join(sorted(differences))}")
        return Measured(
            statistics.median(rates), result, _median(twin_rates), _median(reference_rates), tuple(sorted(differences))
        )

    def plain_flows(self, status: Status) -> dict[int, Measured]:
        """The plain flow by number of instruments, shown as a table."""
        table = self._table(f"matching, {self.operations:,} operations, medians of {self.runs} runs", "instruments")
        table.add_column("twin M/s", justify="right")
        table.add_column("ratio", justify="right")
        measured = {}
        for instruments in INSTRUMENTS:
            status.update(f"measuring {instruments:,} instruments")
            one = measured[instruments] = self.measure("plain", instruments, with_twin=True)
            twin = one.twin_rate or 1.0
            table.add_row(f"{instruments:,}", *self._cells(one), f"{twin / 1e6:.3f}", f"{one.rate / twin:,.0f}")
        self.console.print(table)
        return measured

    def other_flows(self, status: Status, plain: dict[int, Measured]) -> None:
        """Every other shape, beside the plain flow over as many instruments."""
        table = self._table("other flows", "flow", "over")
        table.add_column("plain M/s", justify="right")
        table.add_column("ratio", justify="right")
        for name, shape in SHAPES.items():
            if name != "plain":
                status.update(f"measuring {shape.about}")
                one = self.measure(name, shape.instruments, with_twin=False)
                usual = plain[shape.instruments].rate
                beside = f"{usual / 1e6:.2f}", f"{one.rate / usual:.2f}"
                table.add_row(shape.about, f"{shape.instruments:,}", *self._cells(one), *beside)
        self.console.print(table)

    def _table(self, title: str, *names: str) -> Table:
        table = Table(title=title)
        for name in names:
            table.add_column(name, justify="left" if name == "flow" else "right", no_wrap=True)
        for heading in ("M/s", "ns each", "trades", "resting"):
            table.add_column(heading, justify="right")
        if self.reference is not None:
            for heading in ("reference M/s", "ratio", "same"):
                table.add_column(heading, justify="right")
        return table

    def _cells(self, one: Measured) -> list[str]:
        counts = [f"{one.result[name]:,}" for name in ("trades", "resting")]
        cells = [f"{one.rate / 1e6:.2f}", f"{1e9 / one.rate:.1f}", *counts]
        if one.reference_rate is not None:
            cells += [f"{one.reference_rate / 1e6:.2f}", f"{one.rate / one.reference_rate:.2f}"]
            cells.append("no" if one.differences else "yes")
        return cells


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description="Measure matching on generated flows.")
    parser.add_argument("--operations", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reference", type=Path, help="another book, called with a flow and a number of instruments")
    parser.add_argument("--charts", type=Path, help="also draw the rates, as SVG files in this folder")
    arguments = parser.parse_args()
    if arguments.operations < 1 or arguments.runs < 1:
        parser.error("there is nothing to measure without operations and runs")
    console = Console()
    if not console.is_terminal:
        console.width = PAPER_WIDTH
    with tempfile.TemporaryDirectory() as folder, console.status("measuring") as status:
        bench = Bench(arguments, Path(folder), console)
        try:
            plain = bench.plain_flows(status)
            bench.other_flows(status, plain)
        except (OSError, ValueError) as error:
            parser.error(str(error))
    if arguments.charts is not None:
        draw(arguments, plain)
    for difference in bench.differing:
        console.print(f"the reference differs in {difference}")
    sys.exit(bool(bench.differing))


def draw(arguments: argparse.Namespace, plain: dict[int, Measured]) -> None:
    """Write the charts of the plain flows."""
    method = (
        f"{arguments.operations:,} operations a flow, one core, every event written; "
        f"medians of {arguments.runs} runs of make bench"
    )
    rates = {f"{count:,} instrument" + "s" * (count > 1): one.rate for count, one in plain.items()}
    write_charts(arguments.charts, "Orders, cancels and replaces matched a second", method, rates)


def twin_rate(path: Path, instruments: int) -> float:
    """Operations a second of the twin on the head of a flow."""
    commands = next(iter(Flow(path, instruments).commands(TWIN_OPERATIONS)))[:TWIN_OPERATIONS]
    twin = TwinBook()
    for instrument_id in range(instruments):
        twin.list_instrument(instrument_id)
    started_s = perf_counter()
    twin.execute(commands)
    return len(commands) / (perf_counter() - started_s)


def _median(rates: list[float]) -> float | None:
    return statistics.median(rates) if rates else None


if __name__ == "__main__":
    main()
