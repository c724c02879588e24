"""When a run under load has failed: nothing was asked, too much was refused, or answers came too late."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from load_tests.histogram import SHARES, Histogram

KINDS = ("rest", "socket", "push")
"""The kinds whose percentiles are judged."""
SLOW = "slow"
"""What slow readers were told: how late it came to them is their own doing."""


class Limits(NamedTuple):
    """What a run may not exceed."""

    error_ratio: float
    p99_ms: float
    """Of requests over REST and sockets, each by itself."""
    push_p99_ms: float


class Totals(NamedTuple):
    """What a run came to."""

    requests: int
    failures: int
    by_kind: Mapping[str, Histogram]
    names: Iterable[str]
    """Of all requests and pushes: who it was, a colon, and what."""


def broken_limits(limits: Limits, totals: Totals, expected: Iterable[str]) -> list[str]:
    """A sentence for everything that is wrong; `expected` are those who must have been heard of."""
    if not totals.requests:
        return ["no request was made: nothing was tested"]
    broken = []
    ratio = totals.failures / totals.requests
    if ratio > limits.error_ratio:
        broken.append(f"{ratio:.3%} of the requests failed, and {limits.error_ratio:.3%} may")
    for kind in KINDS:
        histogram = totals.by_kind.get(kind)
        most_ms = limits.push_p99_ms if kind == "push" else limits.p99_ms
        if histogram is not None and histogram.percentile_ns(0.99) > most_ms * 1e6:
            p99_ms = histogram.percentile_ns(0.99) / 1e6
            broken.append(f"the p99 of {kind} is {p99_ms:.1f} ms, and may be {most_ms:g} ms")
    heard_of = {name.partition(":")[0] for name in totals.names}
    broken += [f"nothing was heard of any {who}" for who in sorted(set(expected) - heard_of)]
    return broken


def told(by_kind: Mapping[str, Histogram]) -> list[str]:
    """Percentiles of each kind, finer than whole milliseconds, a line each."""
    lines = []
    for kind, histogram in sorted(by_kind.items()):
        shown = "  ".join(f"p{100 * share:g} {histogram.percentile_ns(share) / 1e6:.2f}" for share in SHARES)
        lines.append(f"{kind:<8}{histogram.count:>9,}  {shown}  longest {histogram.longest_ns / 1e6:.2f} ms")
    return lines
