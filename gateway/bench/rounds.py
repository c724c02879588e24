"""Rounds without and with one who misbehaves take turns: how long others wait in either, and by how much longer."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np


class Waits(NamedTuple):
    """How long others waited in a round."""

    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, elapsed_ns: np.ndarray) -> Self:
        """All waits of a round, in nanoseconds."""
        p50_ns, p99_ns = np.percentile(elapsed_ns, (50, 99))
        return cls(float(p50_ns) / 1e6, float(p99_ns) / 1e6)


class Pair(NamedTuple):
    """Two rounds that follow each other."""

    without: Waits
    beside: Waits


def compared(what: str, without: str, beside: str, pairs: Sequence[Pair]) -> dict[str, float]:
    """Medians of both kinds of rounds, under what is waited for and the name of each kind, and that of their ratios."""
    kinds = {without: [pair.without for pair in pairs], beside: [pair.beside for pair in pairs]}
    figures = {}
    for kind, waits in kinds.items():
        figures[f"{what}_p50_{kind}_ms"] = round(statistics.median(each.p50_ms for each in waits), 3)
        figures[f"{what}_p99_{kind}_ms"] = round(statistics.median(each.p99_ms for each in waits), 3)
    ratio = statistics.median(pair.beside.p99_ms / pair.without.p99_ms for pair in pairs)
    return figures | {f"{what}_p99_times_without": round(ratio, 3)}
