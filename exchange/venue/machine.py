"""A typed face over the kernels of the venue: owns the state, hands in batches, collects their events."""

from dataclasses import replace

import numpy as np

from exchange.venue import image
from exchange.venue.apply import apply_commands
from exchange.venue.batches import Batch, EventBuffer
from exchange.venue.leverage_schema import STRAIN_EVENT
from exchange.venue.schema import ACCOUNT_EVENT, Event
from exchange.venue.state import State, VenueLimits, allocate
from exchange.venue.supervision_schema import FUND_EVENT, STANDING_EVENT
from kernels.memory import aligned_zeros
from kernels.records import copied, joined, names_of, offset_of, record
from kernels.table import grown_table
from matching.events import EVENTS_PER_STEP_MAX
from matching.identifiers import grown
from matching.schema import ORDER_EVENT

EVENT_CAPACITY = 16_384
FIGURES = record(
    ("account_id", "u4"),
    ("standing", "u4"),  # a risk Standing
    ("cash_nano", "i8"),
    ("unsettled_nano", "i8"),  # what positions would bring at the marks beyond their cost; equity is this and cash
    ("margin_nano", "i8"),  # the initial requirement
    ("gross_nano", "i8"),
    ("fees_nano", "i8"),
)
"""An account's money at a moment, and how near it is to losing its positions."""
_ACCOUNT_WORDS = [offset_of(ORDER_EVENT, name) // 4 for name in ("account_id", "counter_account_id")]
for _layout in (ACCOUNT_EVENT, STANDING_EVENT, FUND_EVENT):
    assert _ACCOUNT_WORDS[0] == offset_of(_layout, "account_id") // 4, "events of accounts name them elsewhere"
ROOM_AHEAD = 4_096
"""Tables have room for so many orders more than a batch brings, so that a small batch need not look at them."""


class Venue:
    """The state machine. One writer: whoever calls `apply`."""

    def __init__(
        self, limits: VenueLimits, *, event_capacity: int = EVENT_CAPACITY, state: State | None = None
    ) -> None:
        """An empty venue, or one in a given state. Raises ValueError for a buffer smaller than one step's events."""
        if event_capacity < EVENTS_PER_STEP_MAX:
            raise ValueError(f"an event buffer needs room for {EVENTS_PER_STEP_MAX} events, not {event_capacity}")
        self.limits = limits
        self.state = allocate(limits) if state is None else state
        self._buffer = aligned_zeros(event_capacity, ORDER_EVENT)
        self._events = EventBuffer(self._buffer)
        self._room = 0

    @classmethod
    def from_image(cls, logical: image.Image, limits: VenueLimits) -> "Venue":
        """The venue that an image was taken of."""
        return cls(limits, state=image.restore(logical, limits))

    def apply(self, commands: np.ndarray, first_sequence: int) -> np.ndarray:
        """Run a batch of ORDER_COMMAND records, the first of which has this sequence; return all events."""
        return copied(self.run(commands, first_sequence))

    def run(self, commands: np.ndarray, first_sequence: int) -> np.ndarray:
        """The same for who reads the events at once: they are good until the next batch."""
        if not len(commands):
            return self._buffer[:0]
        self._make_room(2 * len(commands))  # a quote brings two orders
        batch = Batch(np.ascontiguousarray(commands))
        done = 0
        parts: list[np.ndarray] = []
        while done < len(commands):
            done, count = apply_commands(self.state, batch, first_sequence, done, self._events)
            if done == len(commands) and not parts:
                return self._buffer[:count]
            parts.append(copied(self._buffer[:count]))
        return joined(parts)

    def figures(self, account_ids: np.ndarray) -> np.ndarray:
        """FIGURES of accounts as they stand."""
        rows = np.zeros(len(account_ids), FIGURES)
        rows["account_id"] = account_ids
        for name in names_of(FIGURES)[1:]:
            rows[name] = self.state.ledger.accounts[name][account_ids]
        return rows

    def figures_of_all(self) -> np.ndarray:
        """FIGURES of every account, in the order of their ids."""
        end = int(self.state.ledger.totals[0]["accounts_end"])
        return self.figures(np.flatnonzero(self.state.ledger.accounts["is_open"][:end]))

    def figures_after(self, events: np.ndarray) -> np.ndarray:
        """FIGURES of every account whose figures the events may have changed, in the order of their ids.

        Some events have other numbers in these places: what is told of an account is true, whatever happened to it.
        """
        if _values_tranches_anew(events):
            return self.figures_of_all()
        named = np.unique(events.view(np.uint32).reshape(len(events), -1)[:, _ACCOUNT_WORDS])
        named = named[named < len(self.state.ledger.accounts)]  # a refused command may name any account
        return self.figures(named[self.state.ledger.accounts["is_open"][named] != 0])

    def image(self) -> dict[str, np.ndarray]:
        """The logical state."""
        return image.take_image(self.state)

    def digest(self) -> bytes:
        """BLAKE2b-256 of the logical state."""
        return image.digest(self.image())

    @property
    def sequence(self) -> int:
        """The sequence of the last command's head."""
        return int(self.state.book.counters[0]["sequence"])

    @property
    def time_ns(self) -> int:
        """Venue time, in nanoseconds since 1970."""
        return int(self.state.clock[0]["time_ns"])

    def _make_room(self, additions: int) -> None:
        if additions > self._room:
            self._room = additions + ROOM_AHEAD
            self._grow(self._room)
        self._room -= additions

    def _grow(self, additions: int) -> None:
        """Make room in the hash tables for so many orders; each may open a position, and a margin class with it."""
        state, clock = self.state, self.state.clock[0]
        clients = int(clock["newest_client"] - clock["oldest_client"])
        totals = state.ledger.totals[0]
        book = grown(state.book, additions)
        position_table = grown_table(state.ledger.position_table, int(totals["live_positions"]), additions)
        class_table = grown_table(state.ledger.class_table, int(totals["live_classes"]), additions)
        client_table = grown_table(state.client_table, clients, additions)
        if position_table is not state.ledger.position_table or class_table is not state.ledger.class_table:
            ledger = replace(state.ledger, position_table=position_table, class_table=class_table)
            self.state = state = replace(state, ledger=ledger)
        if book is not state.book or client_table is not state.client_table:
            self.state = replace(state, book=book, client_table=client_table)


def _values_tranches_anew(events: np.ndarray) -> bool:
    """Whether any of the events changed what a tranche requires of whoever has lots or orders in it."""
    kinds = events["kind"]
    if (kinds == Event.PARAMETERS_SET).any():
        return True
    strains = (kinds == Event.UTILISATION_SET) | (kinds == Event.STRAIN_SET)
    return bool(events[strains].view(STRAIN_EVENT)["tranches"].any())
