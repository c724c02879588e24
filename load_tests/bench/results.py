"""Results of a call: the machine, and of each figure all rounds, of which the median is shown with the spread."""

import os
import platform
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import numba
import numpy as np
import orjson

from exchange.venue.state import VenueLimits

FORMAT = 1
LESS_IS_BETTER = (
    "_us_p50",
    "_us_p99",
    "_us",
    "_ms",
    "_s",
    "_ms_at_half",
    "_connection",
    "_times_bare_reading",
    "_times_bare_copying",
    "_times_without",
)
PER_SECOND = "_per_second"
CPU_INFO = Path("/proc/cpuinfo")


class Figure(NamedTuple):
    """One figure over all rounds."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.samples)

    @property
    def spread(self) -> float:
        """From the least to the most, as a share of the median."""
        return (max(self.samples) - min(self.samples)) / self.median if self.median else 0.0


class Results(NamedTuple):
    """One call of the suite."""

    machine: Mapping[str, Any]
    asked: Mapping[str, Any]
    figures: Mapping[str, Figure]

    def to_json(self) -> bytes:
        """As a file holds it."""
        figures = {
            name: {"median": figure.median, "spread": round(figure.spread, 4), "samples": figure.samples}
            for name, figure in self.figures.items()
        }
        row = {"format": FORMAT, "machine": self.machine, "asked": self.asked, "figures": figures}
        return orjson.dumps(row, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file. Raises OSError, and ValueError for one that holds no results."""
        row = orjson.loads(path.read_bytes())
        if not isinstance(row, dict) or row.get("format") != FORMAT:
            raise ValueError(f"{path} holds no results of this version")
        figures = {name: Figure(tuple(figure["samples"])) for name, figure in row["figures"].items()}
        return cls(row["machine"], row["asked"], figures)


def describe_machine() -> dict[str, Any]:
    """What the figures depend on, as far as the system tells."""
    return {
        "cpu": _cpu_name(),
        "cores": _cores(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "numba": numba.__version__,
        "numpy": np.__version__,
        "rules": VenueLimits().rules_version(),
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_name() -> str:
    try:
        lines = CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")


def is_less_better(name: str) -> bool:
    """Whether a smaller value of a figure is the better one."""
    return not name.endswith(PER_SECOND) and name.endswith(LESS_IS_BETTER)
