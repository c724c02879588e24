"""A book of somebody else's, run on the same flows, to compare what was traded, what rests, and the speed.

The program is called as `PROGRAM FLOW INSTRUMENTS` and prints its figures as `name=value`, by the names in `FIGURES`,
and `mops`, millions of operations a second. Digests are those of `exchange.bench.match`.
"""

import subprocess
from pathlib import Path
from typing import NamedTuple

FIGURES = {
    "trades": "trades",
    "qty": "traded_quantity",
    "resting": "resting",
    "restqty": "resting_quantity",
    "rejected": "rejected",
    "digest": "trade_digest",
    "book": "book_digest",
}
"""What the other program calls a figure, and what `run_match` calls it."""


class Comparison(NamedTuple):
    """The rate of the reference, and the names of the figures in which it differs."""

    operations_per_second: float
    differences: list[str]


def run_reference(program: Path, flow: Path, instruments: int, result: dict[str, int | float | str]) -> Comparison:
    """Run the other book on a flow that gave `result` here. Raises OSError or ValueError where that fails."""
    told = ask_reference(program, flow, instruments)
    differences = [ours for theirs, ours in FIGURES.items() if told[theirs] != str(result[ours])]
    return Comparison(float(told["mops"]) * 1e6, differences)


def ask_reference(program: Path, flow: Path, instruments: int) -> dict[str, str]:
    """All that the other book tells of a flow. Raises OSError or ValueError where that fails."""
    ended = subprocess.run([program, flow, str(instruments)], capture_output=True, text=True, check=False)
    told = dict(part.split("=", 1) for part in ended.stdout.split() if "=" in part)
    missing = {*FIGURES, "mops"} - set(told)
    if ended.returncode or missing:
        raise ValueError(f"{program} ended with {ended.returncode} and does not tell {sorted(missing)}")
    return told
