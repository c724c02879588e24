"""Percentiles are right to two per cent, and histograms of many processes add up to the one of all."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from load_tests.histogram import Histogram, bucket_of, end_of


def counted(latencies_ns: list[int]) -> Histogram:
    histogram = Histogram()
    for latency_ns in latencies_ns:
        histogram.add(latency_ns)
    return histogram


@given(st.integers(0, 1 << 40))
def test_a_latency_lies_in_a_bucket_that_ends_within_two_per_cent_of_it(latency_ns: int) -> None:
    end_ns = end_of(bucket_of(latency_ns))
    assert latency_ns <= end_ns <= latency_ns * 1.02
    assert bucket_of(end_ns) == bucket_of(latency_ns) < bucket_of(end_ns + 1)


@given(st.lists(st.integers(1, 1 << 36), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_that_of_the_values_to_two_per_cent(latencies_ns: list[int], share: float) -> None:
    exact_ns = int(np.percentile(latencies_ns, 100 * share, method="inverted_cdf"))
    assert exact_ns <= counted(latencies_ns).percentile_ns(share) <= exact_ns * 1.02


@given(st.lists(st.integers(0, 1 << 36)), st.lists(st.integers(0, 1 << 36)))
def test_rows_of_two_add_up_to_the_histogram_of_all(one: list[int], other: list[int]) -> None:
    together = Histogram()
    together.merge(counted(one).row())
    together.merge(counted(other).row())
    assert (together.row(), together.count) == (counted(one + other).row(), len(one + other))


def test_nothing_counted_has_no_percentile_and_a_clock_that_is_behind_counts_as_zero() -> None:
    assert Histogram().percentile_ns(0.99) == 0
    assert counted([-5]).percentile_ns(0.5) == 0
