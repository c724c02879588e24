"""Where the time of orders goes: a histogram for each stage on their way, counted while the exchange serves.

    decode ─▶ queue ─▶ journal ─▶ apply ─▶ hand over ─▶ follow ─▶ reply ─▶ tell ─▶ send

A stage of the exchange is counted once a batch, whatever the batch holds; a stage of one connection once in so many
frames. To count takes some hundred nanoseconds. Each stage is written by one thread at a time, so none needs a lock; a
reader may see a count before its sum.
"""

from enum import IntEnum
from typing import NamedTuple

NS_PER_US = 1_000
BUCKETS = 24
"""The first is for up to a microsecond, each next one for up to twice as long; the last, for all that takes longer than
four seconds."""
SAMPLED = 16
"""Of a connection, one frame and one message in so many is timed."""


class Stage(IntEnum):
    """A part of the way."""

    DECODE = 0
    QUEUE = 1
    JOURNAL = 2
    APPLY = 3
    HAND_OVER = 4
    FOLLOW = 5
    REPLY = 6
    TELL = 7
    SEND = 8


WHAT = {
    Stage.DECODE: "a frame from its bytes to the queue: of text the mean of a turn, of records one in 16",
    Stage.QUEUE: "how long the first request of a batch waited for the batch before it",
    Stage.JOURNAL: "making a batch durable, as far as it was waited for",
    Stage.APPLY: "risk and matching: one compiled call, and the figures of the accounts that it touched",
    Stage.HAND_OVER: "from the sequencer's thread to the loop",
    Stage.FOLLOW: "the view, brought up to date",
    Stage.REPLY: "answers, encoded and given to their connections",
    Stage.TELL: "feeds, encoded once and given to all who listen",
    Stage.SEND: "a message to the socket; one in 16, and with the time for which its peer does not read",
}


class StageRow(NamedTuple):
    """A stage as readers see it; `buckets` counts each length by itself."""

    stage: Stage
    count: int  # type: ignore[assignment]  # a field, not the method of tuples
    sum_ns: int
    buckets: tuple[int, ...]

    def percentile_ns(self, share: float) -> int:
        """The end of the bucket below which this share lies: right to a factor of two."""
        wanted, seen = share * self.count, 0
        for bucket, count in enumerate(self.buckets):
            seen += count
            if seen >= wanted:
                return end_ns(bucket)
        return end_ns(BUCKETS - 1)


class Stages:
    """The histograms of one exchange."""

    def __init__(self) -> None:
        self._buckets = [[0] * BUCKETS for _ in Stage]
        self._sums_ns = [0] * len(Stage)

    def note(self, *noted: tuple[Stage, int]) -> None:
        """Count one of each stage that is noted, with how long it took in nanoseconds."""
        buckets, sums_ns = self._buckets, self._sums_ns
        for stage, elapsed_ns in noted:
            bucket = (elapsed_ns // NS_PER_US).bit_length()
            buckets[stage][bucket if bucket < BUCKETS else BUCKETS - 1] += 1
            sums_ns[stage] += elapsed_ns

    def rows(self) -> list[StageRow]:
        """All of them, in the order of the way."""
        columns = zip(Stage, self._buckets, self._sums_ns, strict=True)
        return [StageRow(stage, sum(buckets), sum_ns, tuple(buckets)) for stage, buckets, sum_ns in columns]


def end_ns(bucket: int) -> int:
    """What is shorter than this falls into the bucket, or one before it."""
    return NS_PER_US << bucket
