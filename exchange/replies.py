"""What those who queued commands are told of them, and how they are told."""

from bisect import bisect_left
from typing import NamedTuple, Protocol

import numpy as np

from exchange.published import Published
from exchange.view.batches import order_events

FEW_EVENTS = 32
"""In a list of so many a place is found sooner than in an array."""


class Reply(NamedTuple):
    """What became of one command: its events, the outcome last; of a block, those of each command in their order."""

    sequence: int
    time_ns: int
    events: np.ndarray

    @property
    def rows(self) -> list[tuple]:
        """The events as tuples with the fields of an OrderEvent, whatever their layout."""
        return list(order_events(self.events.tobytes()))

    def part(self, sequence: int, first: int, end: int) -> "Reply":
        """What became of one command of a block, whose events are these of it."""
        return Reply(sequence, self.time_ns, self.events[first:end])


class Ticket(Protocol):
    """Who waits for a reply; a future is one. It is told in the loop's thread, and must not raise.

    Whoever reads the view when it is told calls `Exchange.follow` before; those who wait for a future go on later.
    One that has a method `prepare` may be called with its reply before: it then has the answer ready when it is told,
    and says nothing of it until then, as it may still be told that the exchange stopped.
    """

    def done(self) -> bool:
        """Whether nobody waits any more."""

    def set_result(self, reply: Reply, /) -> None:
        """The command is durable."""

    def set_exception(self, error: Exception, /) -> None:
        """It was not taken, or the exchange stopped."""


def replies_of(published: Published, sequences: list[int], end_sequences: list[int]) -> list[Reply]:
    """What became of each request of a batch: with which sequence each begins, and which is behind its end."""
    bounds = _places(published.events["sequence"], [*sequences, *end_sequences])
    firsts, ends = bounds[: len(sequences)], bounds[len(sequences) :]
    return [
        Reply(sequence, published.time_ns, published.events[first:end])
        for sequence, first, end in zip(sequences, firsts, ends, strict=True)
    ]


def _places(ascending: np.ndarray, sequences: list[int]) -> list[int]:
    """Where the events of sequences begin. Of a few, to look through a list takes a third of the time."""
    if len(ascending) <= FEW_EVENTS:
        known = ascending.tolist()
        return [bisect_left(known, sequence) for sequence in sequences]
    places: list[int] = np.searchsorted(ascending, np.array(sequences, np.uint64)).tolist()
    return places
