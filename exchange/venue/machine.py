"""A typed face over the kernels of the venue: owns the state, hands in batches, collects their events."""

from dataclasses import replace

import numpy as np

from exchange.venue import image
from exchange.venue.apply import apply_commands
from exchange.venue.batches import Batch, EventBuffer
from exchange.venue.figures import Figures, Tellings, gather_figures
from exchange.venue.figures_schema import EVERYBODY, FIGURES
from exchange.venue.state import State, VenueLimits, allocate
from kernels.memory import aligned_zeros, give_out
from kernels.records import copied, joined, names_of
from matching.arena import touch
from matching.events import EVENTS_PER_STEP_MAX
from matching.identifiers import grown
from matching.schema import ORDER_EVENT
from risk.accounts import grown_ledger
from risk.schema import SCENARIOS

EVENT_CAPACITY = 16_384
POSITIONS_PER_CLASS = 8
"""So many positions of an account are in one region, as far as memory is given out beforehand."""
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
        self._tellings = Tellings(np.zeros(len(self.state.ledger.accounts), np.uint64), np.zeros(1, np.uint64))
        self._room = 0
        self._time_ns = self.state.clock["time_ns"]
        """A view of it: to read a field of a record takes eight times as long."""

    @classmethod
    def from_image(cls, logical: image.Image, limits: VenueLimits) -> "Venue":
        """The venue that an image was taken of."""
        return cls(limits, state=image.restore(logical, limits))

    def apply(self, commands: np.ndarray, first_sequence: int) -> np.ndarray:
        """Run a batch of ORDER_COMMAND records, the first of which has this sequence; return all events."""
        return np.frombuffer(self.run(commands, first_sequence).tobytes(), ORDER_EVENT)

    def run(self, commands: np.ndarray, first_sequence: int) -> np.ndarray:
        """The same for who reads the events at once: they are good until the next batch."""
        if not len(commands):
            return self._buffer[:0]
        self.make_room(2 * len(commands))  # a quote brings two orders
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
        """FIGURES of every account whose figures the events may have changed, each once."""
        rows = np.empty(2 * len(events), FIGURES)
        if not len(events):
            return rows
        count = gather_figures(self.state, EventBuffer(events), self._tellings, Figures(rows))
        return self.figures_of_all() if count == EVERYBODY else rows[:count]

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
        time_ns: int = self._time_ns.item()
        return time_ns

    def make_ready(self, orders: int) -> None:
        """Have tables with room for so many orders more, each with a position of its own, and memory given out for all.

        Otherwise tables would grow, and pages come, while somebody waits for an answer.
        """
        self.make_room(orders)
        ledger = self.state.ledger
        for table in (self.state.book.ids, ledger.position_table, ledger.class_table, self.state.client_table):
            give_out(table)
        self.touch(orders)

    def touch(self, orders: int) -> None:
        """Have memory given out for so many orders more, each with a position of its own, while tables stay small.

        What lies in a table of the size that is needed is nearer than in one that is ready for more.
        """
        state, ledger = self.state, self.state.ledger
        touch(state.book, int(state.book.counters[0]["fresh_order"]) + orders)
        give_out(state.clients, orders)
        positions = int(ledger.totals[0]["fresh_position"]) + orders
        for pool in (ledger.positions, ledger.since, state.clearing.commitments):
            give_out(pool, positions)
        classes = int(ledger.totals[0]["fresh_class"]) + orders // POSITIONS_PER_CLASS
        give_out(ledger.classes, classes)
        give_out(ledger.losses, SCENARIOS * classes)

    def make_room(self, additions: int) -> None:
        """Let tables have room for so many orders more."""
        if additions > self._room:
            self._room = additions + ROOM_AHEAD
            self._grow(self._room)
        self._room -= additions

    def _grow(self, additions: int) -> None:
        """Make room in the hash tables for so many orders; each may open a position, and a margin class with it."""
        state = self.state
        book, ledger = grown(state.book, additions), grown_ledger(state.ledger, additions)
        if book is not state.book or ledger is not state.ledger:
            self.state = replace(state, book=book, ledger=ledger)
