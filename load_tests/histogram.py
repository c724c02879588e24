"""Latencies counted in buckets that are less than two per cent wide, so that any percentile can be told afterwards.

Locust keeps whole milliseconds, which is longer than most answers take. A histogram is small whatever it has counted,
adds up with others, and travels as JSON, so that those of many processes become one.
"""

from collections import Counter
from collections.abc import Mapping

SHARES = (0.5, 0.99, 0.999)
_BITS = 6
_WIDTHS = 1 << _BITS
"""Buckets of one length between two powers of two."""


class Histogram:
    """How many latencies fell into each bucket, and the longest of all."""

    def __init__(self) -> None:
        self.count = 0
        self.longest_ns = 0
        self._counts: Counter[int] = Counter()

    def add(self, latency_ns: int) -> None:
        """Count one; whoever has clocks that disagree counts nothing below zero."""
        latency_ns = max(latency_ns, 0)
        self._counts[bucket_of(latency_ns)] += 1
        self.count += 1
        self.longest_ns = max(self.longest_ns, latency_ns)

    def merge(self, row: Mapping[str, int]) -> None:
        """Count all that another histogram has told as a row."""
        for name, count in row.items():
            if name == "longest_ns":
                self.longest_ns = max(self.longest_ns, count)
            else:
                self._counts[int(name)] += count
                self.count += count

    def row(self) -> dict[str, int]:
        """The counts as they travel."""
        return {"longest_ns": self.longest_ns} | {str(bucket): count for bucket, count in self._counts.items()}

    def percentile_ns(self, share: float) -> int:
        """The end of the bucket below which this share of all lies; 0 when nothing was counted."""
        wanted, seen = share * self.count, 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return min(end_of(bucket), self.longest_ns)
        return self.longest_ns


def bucket_of(latency_ns: int) -> int:
    """The bucket of a latency: its leading bits, and how many are left out behind them."""
    left_out = max(latency_ns.bit_length() - _BITS - 1, 0)
    return (left_out << (_BITS + 1)) + (latency_ns >> left_out)


def end_of(bucket: int) -> int:
    """The longest latency that falls into a bucket."""
    left_out, leading = bucket >> (_BITS + 1), bucket & (2 * _WIDTHS - 1)
    return ((leading + 1) << left_out) - 1
