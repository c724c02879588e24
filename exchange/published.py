"""What the exchange tells its readers: one durable batch at a time."""

from functools import cached_property
from typing import NamedTuple

import numpy as np

SMALL_BATCH = 512
"""Of fewer events the kinds are collected one by one, which takes less than to count them."""


class _Batch(NamedTuple):
    first_sequence: int
    """Of `commands[0]`; every record counts one, continuations too."""
    time_ns: int
    """Venue time of the whole batch: the TICK command that leads it."""
    commands: np.ndarray
    """ORDER_COMMAND records as journaled, to be viewed as the layout that their `kind` says."""
    events: np.ndarray
    """ORDER_EVENT records, grouped by command in order; the last event of a command is its outcome."""
    figures: np.ndarray | None = None
    """FIGURES of every account whose money or standing the batch may have moved, as it left them.

    None while rows are replayed: readers then get the figures of all accounts in the end.
    """


class Published(_Batch):
    """A batch that is in the journal, and what came of it."""

    @cached_property
    def event_kinds(self) -> frozenset[int]:
        """The kinds of its events: who listens for something rare need look no further at most batches."""
        kinds = self.events["kind"]
        if len(kinds) < SMALL_BATCH:
            return frozenset(kinds.tobytes())
        return frozenset(np.flatnonzero(np.bincount(kinds)).tolist())
