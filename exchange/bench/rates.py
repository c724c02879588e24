"""Figures from nanoseconds."""

import numpy as np


def per_second(count: float, elapsed_ns: float) -> float:
    """How many a second, when so many took so long."""
    return count * 1e9 / max(float(elapsed_ns), 1.0)


def figures_us(name: str, elapsed_ns: np.ndarray) -> dict[str, float]:
    """Median and 99th percentile in microseconds, under `name` with their own names behind it."""
    p50_ns, p99_ns = np.percentile(elapsed_ns, (50, 99))
    return {f"{name}_p50": round(float(p50_ns) / 1e3, 1), f"{name}_p99": round(float(p99_ns) / 1e3, 1)}
