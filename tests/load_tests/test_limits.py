"""A run fails when nothing was asked, too much was refused, answers were late, or somebody never came."""

from load_tests.histogram import Histogram
from load_tests.limits import Limits, Totals, broken_limits, told

LIMITS = Limits(error_ratio=0.01, p99_ms=100, push_p99_ms=200)


def latencies(*latencies_ms: float) -> Histogram:
    histogram = Histogram()
    for latency_ms in latencies_ms:
        histogram.add(round(latency_ms * 1e6))
    return histogram


def totals(requests: int = 100, failures: int = 0, **by_kind: Histogram) -> Totals:
    return Totals(requests, failures, by_kind, ["taker: place", "maker: quote"])


def test_a_run_within_its_limits_has_nothing_wrong() -> None:
    good = totals(failures=1, socket=latencies(*[99] * 100), push=latencies(199), slow=latencies(10_000))
    assert broken_limits(LIMITS, good, ["taker", "maker"]) == []


def test_no_requests_is_a_failure_whatever_else_is_good() -> None:
    assert broken_limits(LIMITS, totals(requests=0), []) == ["no request was made: nothing was tested"]


def test_each_limit_names_itself() -> None:
    assert broken_limits(LIMITS, totals(failures=2), []) == ["2.000% of the requests failed, and 1.000% may"]
    late = totals(rest=latencies(*[1] * 98, 150, 150), push=latencies(150, 150))
    assert broken_limits(LIMITS, late, []) == ["the p99 of rest is 150.0 ms, and may be 100 ms"]
    assert broken_limits(LIMITS, totals(push=latencies(201)), []) == ["the p99 of push is 201.0 ms, and may be 200 ms"]


def test_who_should_have_come_and_did_not_is_missed() -> None:
    assert broken_limits(LIMITS, totals(), ["taker", "storm"]) == ["nothing was heard of any storm"]


def test_percentiles_are_told_finer_than_whole_milliseconds() -> None:
    (line,) = told({"push": latencies(0.25, 0.25)})
    assert "p50 0.25" in line
    assert "p99.9 0.25" in line
