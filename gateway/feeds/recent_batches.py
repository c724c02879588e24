"""The latest batches of the whole market that said something of anybody's orders, so that an account which begins to
listen can be told what happened shortly before. Nothing of it outlives the process.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from exchange.published import Published
from exchange.view import MarketView
from gateway.encoding.binary_frames import OWN_KINDS
from gateway.errors import ApiError, DoorError
from gateway.feeds.own_orders import is_named
from matching.schema import ORDER_COMMAND

RECENT_EVENTS_MAX = 50_000
"""Of the whole market. The read model still knows every order that so few events could have ended."""
_NO_COMMANDS = np.zeros(0, ORDER_COMMAND)


class Recent(NamedTuple):
    """The events of a batch that said something of orders, and those after it that did not."""

    last_sequence: int
    events: int
    """How many there were of any kind."""
    batch: Published


class RecentBatches:
    """Call `note` after each batch."""

    def __init__(self, view: MarketView) -> None:
        self._view = view
        self._batches: deque[Recent] = deque()
        self._events = 0
        self.complete_after = view.sequence
        """All batches after this sequence are here."""

    def start(self) -> None:
        """Batches are noted from now on."""
        self.complete_after = self._view.sequence

    def note(self, batch: Published) -> None:
        """Keep the events of a batch that says something of orders; of another one, that it came."""
        is_about_orders = not batch.event_kinds.isdisjoint(OWN_KINDS)
        if not is_about_orders and not self._batches:
            return
        kept = Published(batch.first_sequence, batch.time_ns, _NO_COMMANDS, batch.events)
        last = Recent(0, 0, kept) if is_about_orders else self._batches.pop()
        more = len(batch.events)
        self._batches.append(Recent(batch.first_sequence + len(batch.commands) - 1, last.events + more, last.batch))
        self._events += more
        while self._events > RECENT_EVENTS_MAX:
            oldest = self._batches.popleft()
            self._events -= oldest.events
            self.complete_after = oldest.last_sequence

    def of_account(self, account_id: int, picked: Callable[[Published], np.ndarray]) -> Iterator[Recent]:
        """Those in which an account is named among the events that `picked` takes of them."""
        if not self._batches:
            return
        events = [picked(recent.batch) for recent in self._batches]
        places = np.flatnonzero(is_named(np.concatenate(events), {account_id}))
        numbers = np.unique(np.searchsorted(np.cumsum(list(map(len, events))), places, "right"))
        yield from (self._batches[number] for number in numbers.tolist())


def check_since(view: MarketView, since_sequence: int, complete_after: int) -> None:
    """Raises ApiError where it is not known all that happened after a sequence, or the market has not come so far."""
    if since_sequence > view.sequence:
        raise ApiError(DoorError.SEQUENCE_NOT_REACHED, param="since_sequence")
    if since_sequence < complete_after:
        raise ApiError(
            DoorError.REPLAY_NOT_KEPT,
            f"since_sequence: what happened up to sequence {complete_after} is not told again; read it by REST, and "
            f"subscribe from there on",
            "since_sequence",
        )
