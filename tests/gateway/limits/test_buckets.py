from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.buckets import NANO_PER_S, Buckets, Rate, TokenBucket

RATE = Rate(per_s=10, burst=30)


def test_a_budget_begins_full_and_refills_steadily():
    bucket = TokenBucket(RATE, 0)
    assert bucket.take(30, 0) == 0
    assert bucket.remaining(0) == (30, 0, 3 * NANO_PER_S)
    assert bucket.remaining(NANO_PER_S // 2).remaining == 5
    assert bucket.remaining(NANO_PER_S * 60) == (30, 30, 0)


def test_what_is_refused_takes_nothing_and_tells_when_to_come_back():
    bucket = TokenBucket(RATE, 0)
    bucket.take(28, 0)
    wait_ns = bucket.take(4, 0)
    assert wait_ns == NANO_PER_S // 5
    assert bucket.take(4, wait_ns - 1) == 1
    assert bucket.take(4, wait_ns) == 0


def test_what_is_affordable_can_be_taken_and_no_more():
    bucket = TokenBucket(RATE, 0)
    assert bucket.affordable(4, 0) == 7
    assert bucket.take(7 * 4, 0) == 0
    assert bucket.affordable(4, 0) == 0
    assert bucket.affordable(4, NANO_PER_S // 5) == 1


def test_what_is_never_refused_takes_what_there_is():
    bucket = TokenBucket(RATE, 0)
    bucket.take(29, 0)
    bucket.take_up_to(4, 0)
    assert bucket.remaining(0).remaining == 0
    bucket.take_up_to(4, NANO_PER_S)
    assert bucket.remaining(NANO_PER_S).remaining == 6


def test_what_is_given_back_never_makes_more_than_the_burst():
    bucket = TokenBucket(RATE, 0)
    bucket.take(4, 0)
    bucket.give_back(4, 0)
    bucket.give_back(4, 0)
    assert bucket.remaining(0).remaining == 30


@given(st.lists(st.tuples(st.integers(0, NANO_PER_S), st.integers(1, 30)), max_size=60))
def test_nobody_gets_more_than_the_burst_and_what_refilled(requests):
    bucket = TokenBucket(RATE, 0)
    now_ns = taken = 0
    for pause_ns, weight in requests:
        now_ns += pause_ns
        taken += weight if bucket.take(weight, now_ns) == 0 else 0
        assert taken * NANO_PER_S <= RATE.burst * NANO_PER_S + now_ns * RATE.per_s


def test_a_larger_rate_holds_from_now_on():
    buckets = Buckets(8)
    buckets.of("a", RATE, 0).take(30, 0)
    larger = buckets.of("a", Rate(100, 300), 0)
    assert larger.remaining(NANO_PER_S) == (300, 100, 2 * NANO_PER_S)


def test_no_more_budgets_are_remembered_than_there_is_room_for():
    buckets = Buckets(3)
    for subject in "abc":
        buckets.of(subject, RATE, 0).take(30, 0)
    buckets.of("a", RATE, 0)
    buckets.of("d", RATE, 0)
    assert len(buckets) == 3
    assert buckets.of("a", RATE, 0).remaining(0).remaining == 0
    assert buckets.of("b", RATE, 0).remaining(0).remaining == 30
