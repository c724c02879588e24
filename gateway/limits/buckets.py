"""Token buckets: a budget that refills steadily, up to a burst. Whole numbers only, and time is given by the caller."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

NANO_PER_S = 1_000_000_000


class Rate(NamedTuple):
    """How fast a budget refills, and how much of it there is at most."""

    per_s: int
    burst: int


class Remaining(NamedTuple):
    """A budget at a moment."""

    limit: int
    remaining: int
    reset_ns: int
    """Until it is full again."""


class TokenBucket:
    """One budget. Its level is kept in billionths, so that nanoseconds times a rate are exact."""

    __slots__ = ("_at_ns", "_level_nano", "rate")

    def __init__(self, rate: Rate, now_ns: int) -> None:
        self.rate = rate
        self._level_nano = rate.burst * NANO_PER_S
        self._at_ns = now_ns

    def take(self, weight: int, now_ns: int) -> int:
        """Take so much, all or nothing; how many nanoseconds to wait before there is enough, 0 when it was taken."""
        self._refill(now_ns)
        missing_nano = weight * NANO_PER_S - self._level_nano
        if missing_nano > 0:
            return -(-missing_nano // self.rate.per_s)
        self._level_nano -= weight * NANO_PER_S
        return 0

    def affordable(self, weight: int, now_ns: int) -> int:
        """How often so much can be taken."""
        self._refill(now_ns)
        return self._level_nano // (weight * NANO_PER_S)

    def take_up_to(self, weight: int, now_ns: int) -> None:
        """Take so much, or what there is."""
        self._refill(now_ns)
        self._level_nano = max(self._level_nano - weight * NANO_PER_S, 0)

    def give_back(self, weight: int, now_ns: int) -> None:
        """Put back what was taken, up to the burst."""
        self._refill(now_ns)
        self._level_nano = min(self._level_nano + weight * NANO_PER_S, self.rate.burst * NANO_PER_S)

    def remaining(self, now_ns: int) -> Remaining:
        """How much there is, and when it is full again."""
        self._refill(now_ns)
        missing_nano = self.rate.burst * NANO_PER_S - self._level_nano
        return Remaining(self.rate.burst, self._level_nano // NANO_PER_S, -(-missing_nano // self.rate.per_s))

    def _refill(self, now_ns: int) -> None:
        if now_ns == self._at_ns:
            return
        gained_nano = (now_ns - self._at_ns) * self.rate.per_s
        self._level_nano = min(self._level_nano + gained_nano, self.rate.burst * NANO_PER_S)
        self._at_ns = now_ns


class Buckets:
    """A budget for each of many, made when it is first asked for. Beyond `capacity` the one longest unused goes."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._by_subject: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def of(self, subject: Hashable, rate: Rate, now_ns: int) -> TokenBucket:
        """The budget of a subject, which refills at this rate from now on."""
        bucket = self._by_subject.get(subject)
        if bucket is None:
            bucket = self._by_subject[subject] = TokenBucket(rate, now_ns)
            if len(self._by_subject) > self._capacity:
                self._by_subject.popitem(last=False)
        else:
            self._by_subject.move_to_end(subject)
            bucket.rate = rate
        return bucket

    def __len__(self) -> int:
        return len(self._by_subject)
