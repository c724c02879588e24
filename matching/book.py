"""A typed face over the kernels: owns the arrays and converts; every rule lives in `execute` and what it calls."""

from collections.abc import Callable, Iterator

import numpy as np

from kernels.memory import aligned_zeros
from matching.arena import Book, Limits, allocate
from matching.auction import indicative
from matching.batch import cancel_batch, execute_batch, expire_batch, uncross_batch
from matching.check import check_book
from matching.events import EVENTS_PER_STEP_MAX
from matching.export import export_orders, level_rows
from matching.identifiers import grown
from matching.layout import Progress
from matching.schema import (
    INSTRUMENT_ID_MAX,
    ORDER_EVENT,
    PRICE_TICKS_MAX,
    QUANTITY_LOTS_MAX,
    RESTING,
    CommandKind,
    EventBuffer,
    OrderReason,
    Phase,
    Side,
    view_commands,
)

__all__ = ["Limits", "OrderBook"]


class OrderBook:
    """The books of all instruments. Not thread-safe: one writer."""

    def __init__(self, limits: Limits = Limits(), event_capacity: int = 65_536) -> None:  # noqa: B008
        """Raises ValueError for limits that cannot be served or a buffer smaller than one step's events."""
        if event_capacity < EVENTS_PER_STEP_MAX:
            raise ValueError(f"an event buffer needs room for {EVENTS_PER_STEP_MAX} events, not {event_capacity}")
        self.book: Book = allocate(limits)
        self._buffer = aligned_zeros(event_capacity, ORDER_EVENT)
        self._events = EventBuffer(self._buffer)

    def list_instrument(
        self,
        instrument_id: int,
        *,
        price_step_ticks: int = 1,
        quantity_step_lots: int = 1,
        quantity_max_lots: int = QUANTITY_LOTS_MAX,
        band_low_ticks: int = 1,
        band_high_ticks: int = PRICE_TICKS_MAX,
        scope: int = 0,
        phase: Phase = Phase.OPEN,
    ) -> None:
        """Begin to trade an instrument, in the slot that its id falls on. Raises ValueError for too large an id."""
        if not 0 <= instrument_id <= INSTRUMENT_ID_MAX:
            raise ValueError(f"an instrument id is at most {INSTRUMENT_ID_MAX:,}, not {instrument_id:,}")
        instrument = self._instrument(instrument_id)
        instrument["instrument_id"] = instrument_id
        instrument["price_step_ticks"] = price_step_ticks
        instrument["quantity_step_lots"] = quantity_step_lots
        instrument["quantity_max_lots"] = quantity_max_lots
        instrument["band_low_ticks"] = band_low_ticks
        instrument["band_high_ticks"] = band_high_ticks
        instrument["scope"] = scope
        instrument["phase"] = phase

    def set_phase(self, instrument_id: int, phase: Phase) -> None:
        """Open, halt or close an instrument's book."""
        self._instrument(instrument_id)["phase"] = phase

    def set_time(self, time_ns: int) -> None:
        """Tell the time, in nanoseconds since 1970, by which orders expire."""
        self.book.counters["time_ns"] = time_ns

    def set_group(self, account_id: int, group: int) -> None:
        """Put an account into a self-trade group; 0 is none."""
        self.book.groups[account_id] = group

    def set_reducible(self, lots: int) -> None:
        """Tell how many lots a reduce-only order, and each reduce-only leg, may take from now on."""
        self.book.reducible[:] = lots

    def execute(self, commands: np.ndarray) -> np.ndarray:
        """Run commands (ORDER_COMMAND records, changes among them) and return all their events."""
        self.book = grown(self.book, len(commands) + int(np.count_nonzero(commands["kind"] == CommandKind.QUOTE)))
        if not len(commands):
            return self._buffer[:0].copy()
        batch = view_commands(commands)
        done = 0

        def step() -> int:
            nonlocal done
            done, count = execute_batch(self.book, batch, done, self._events)
            return count

        return self._collect(step, lambda: done < len(commands))

    def expire_due(self) -> np.ndarray:
        """Cancel every order that has expired by now, and return the events."""
        return self._drain(lambda: expire_batch(self.book, self._events))

    def cancel_book(self, instrument_id: int, reason: OrderReason) -> np.ndarray:
        """Cancel every order of an instrument, and return the events."""
        return self._drain(lambda: cancel_batch(self.book, instrument_id, reason, self._events))

    def indicative(self, instrument_id: int, reference_ticks: int) -> tuple[int, int, int]:
        """(price_ticks, volume_lots, imbalance_lots) of an uncrossing now, all 0 if the two sides do not cross."""
        return indicative(self.book, self._slot(instrument_id), reference_ticks)

    def uncross(self, instrument_id: int, reference_ticks: int) -> np.ndarray:
        """End an auction: trade what its two sides have in common, and return the events. The phase is left alone."""
        self.book.counters["event_index"] = 0
        begun = False

        def step() -> int:
            nonlocal begun
            begun = True
            return uncross_batch(self.book, instrument_id, reference_ticks, self._events)

        return self._collect(step, lambda: not begun or self.book.taker[0]["progress"] == Progress.PAUSED)

    def levels(self, instrument_id: int, side: Side) -> list[tuple[int, int, int]]:
        """(price_ticks, quantity_lots, order_count) of one side, best first."""
        return [tuple(row) for row in level_rows(self.book, instrument_id, side).tolist()]

    def orders(self) -> np.ndarray:
        """Every resting order as RESTING records, by instrument slot, side and priority."""
        orders = np.zeros(int(self.book.counters[0]["resting_orders"]), RESTING)
        export_orders(self.book, orders)
        return orders

    def check(self) -> None:
        """Walk every invariant of the book; a broken promise names itself in an AssertionError."""
        check_book(self.book)

    def _instrument(self, instrument_id: int) -> np.void:
        return self.book.instruments[self._slot(instrument_id)]

    def _slot(self, instrument_id: int) -> int:
        return instrument_id & (len(self.book.instruments) - 1)

    def _drain(self, step: Callable[[], int]) -> np.ndarray:
        self.book.counters["event_index"] = 0
        full = True

        def fill() -> int:
            nonlocal full
            count = step()
            full = count > 0
            return count

        return self._collect(fill, lambda: full)

    def _collect(self, step: Callable[[], int], goes_on: Callable[[], bool]) -> np.ndarray:
        parts = list(self._parts(step, goes_on)) or [self._buffer[:0].copy()]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _parts(self, step: Callable[[], int], goes_on: Callable[[], bool]) -> Iterator[np.ndarray]:
        while goes_on():
            yield self._buffer[: step()].copy()
