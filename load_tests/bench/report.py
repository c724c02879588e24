"""Results for people: a table and a chart in docs/PERFORMANCE.md, between two marks; the text around them stays."""

from pathlib import Path

from load_tests.bench.results import Results
from load_tests.chart import write_charts

BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"
CHART = "performance"


def write_report(document: Path, results: Results) -> None:
    """Put the table in the place of the one before, and the charts beside the document. Raises ValueError."""
    text = document.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{document} has no place for figures: {BEGIN} and {END}")
    rates = bars(results)
    picture = ""
    if rates:
        write_charts(document.parent, "What one core does a second", method_of(results), rates, CHART)
        picture = (
            f'<picture><source media="(prefers-color-scheme: dark)" srcset="{CHART}-dark.svg">'
            f'<img src="{CHART}-light.svg" alt="What one core does a second"></picture>\n\n'
        )
    body = f"{begin}\n\n{picture}{table(results)}\n\n{end}"
    document.write_text(before + body + after, encoding="utf-8")


def table(results: Results) -> str:
    """Every figure with its median and spread, under what was measured."""
    rows = [f"| `{name}` | {shown(figure.median)} | {figure.spread:.0%} |" for name, figure in results.figures.items()]
    return "\n".join([method_of(results), "", "| figure | median | spread |", "|---|---:|---:|", *rows])


def method_of(results: Results) -> str:
    """On what, and how often."""
    machine = results.machine
    where = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, numba {machine['numba']}"
    return f"{where}; medians of {results.asked['rounds']} rounds, {results.asked['size']} size"


def bars(results: Results) -> dict[str, float]:
    """Rates a second that one chart can hold."""
    wanted = {
        "match_1_per_second": "matched, 1 instrument",
        "match_1000_per_second": "matched, 1,000",
        "match_50000_per_second": "matched, 50,000",
        "venue_1000_per_second": "with risk, 1,000",
        "journal_records_per_second": "made durable",
        "recover_replay_commands_per_second": "replayed",
        "gateway_binary_orders_per_second": "frames, acknowledged",
    }
    return {label: results.figures[name].median for name, label in wanted.items() if name in results.figures}


def shown(value: float) -> str:
    """Whole where that is precise enough."""
    return f"{value:,.0f}" if value >= 1_000 else f"{value:,.4g}"
