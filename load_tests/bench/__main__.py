"""`make bench`: measure every part beside its baseline, and keep what came of it.

    python -m load_tests.bench                            everything, three rounds
    python -m load_tests.bench --quick                    small sizes, to see that it works
    python -m load_tests.bench --parts match,venue        some of it
    python -m load_tests.bench --compare earlier.json     faster, slower or noise, figure by figure
    python -m load_tests.bench --document docs/PERFORMANCE.md    the table and its chart, written anew

Rounds go around all parts, so that what slows a machine for a while meets each of them.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from exchange.cli.terminal import progress_steps
from exchange.store_errors import StoreError
from exchange.warm_up import warm_up
from gateway.bench.processes import BenchError
from load_tests.bench.comparing import changes, warnings
from load_tests.bench.parts import FULL, PARTS, QUICK, Options, Report
from load_tests.bench.report import shown, write_report
from load_tests.bench.results import Figure, Results, describe_machine

PAPER_WIDTH = 132
COLOURS = {"faster": "green", "slower": "red", "noise": "dim"}


def main() -> None:
    """The command line of this module."""
    arguments = parsed()
    console = Console()
    if not console.is_terminal:
        console.width = PAPER_WIDTH
    try:
        earlier = None if arguments.compare is None else Results.read(arguments.compare)
        results = measure(arguments)
        arguments.out.write_bytes(results.to_json())
        if arguments.document is not None:
            write_report(arguments.document, results)
    except (OSError, ValueError, StoreError, BenchError) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)
    console.print(figures_table(results))
    if earlier is not None:
        console.print(changes_table(earlier, results))
        for warning in warnings(earlier, results):
            console.print(f"compare ratios alone: {warning}")
    console.print(f"results are in {arguments.out}")


def parsed() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="load_tests.bench", description="Measure every part beside its baseline.")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--directory", type=Path, default=Path(), help="a folder on the disk that is measured")
    parser.add_argument("--reference", type=Path, help="another book, called with a flow and a number of instruments")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    parser.add_argument("--compare", type=Path, help="an earlier file of results")
    parser.add_argument("--document", type=Path, help="write table and chart into this page")
    arguments = parser.parse_args()
    arguments.parts = [part for part in arguments.parts.split(",") if part]
    unknown = sorted(set(arguments.parts) - set(PARTS))
    if unknown or not arguments.parts or arguments.rounds < 1:
        parser.error(f"there is no part {', '.join(unknown)}" if unknown else "there is nothing to measure")
    return arguments


def measure(arguments: argparse.Namespace) -> Results:
    """All rounds of all parts."""
    options = Options(arguments.directory, QUICK if arguments.quick else FULL, arguments.reference)
    samples: defaultdict[str, list[float]] = defaultdict(list)
    with progress_steps() as report:
        report("loading the compiled market", 0, 1)
        warm_up()
        for number in range(1, arguments.rounds + 1):
            for part in arguments.parts:
                found = PARTS[part](options, under(f"round {number} of {arguments.rounds}, {part}", report))
                for name, value in found.items():
                    samples[name].append(value)
    asked = {"rounds": arguments.rounds, "size": "quick" if arguments.quick else "full", "parts": arguments.parts}
    return Results(describe_machine(), asked, {name: Figure(tuple(values)) for name, values in samples.items()})


def under(head: str, report: Report) -> Report:
    """Progress of a part, told with what it is part of."""
    return lambda step, done, total: report(f"{head}: {step}", done, total)


def figures_table(results: Results) -> Table:
    """Medians and spreads."""
    table = Table(title=", ".join(f"{name} {value}" for name, value in results.machine.items() if name != "rules"))
    for heading in ("figure", "median", "spread"):
        table.add_column(heading, justify="left" if heading == "figure" else "right", no_wrap=True)
    for name, figure in results.figures.items():
        table.add_row(name, shown(figure.median), f"{figure.spread:.0%}")
    return table


def changes_table(earlier: Results, now: Results) -> Table:
    """Then and now."""
    table = Table(title="beside the earlier results")
    for heading in ("figure", "then", "now", "times", ""):
        table.add_column(heading, justify="left" if heading in ("figure", "") else "right", no_wrap=True)
    for each in changes(earlier, now):
        colour = COLOURS[each.verdict]
        row = (each.name, shown(each.before.median), shown(each.now.median), f"{each.times:.2f}")
        table.add_row(*row, f"[{colour}]{each.verdict}[/{colour}]")
    return table


if __name__ == "__main__":
    main()
