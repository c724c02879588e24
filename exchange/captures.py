"""Captures of the venue's state for snapshots: taken by the sequencer, read by whoever saves them."""

import threading
from time import perf_counter_ns

from exchange.background import give_way
from exchange.venue.capture import CaptureMemory
from exchange.venue.image import Image, take_image
from exchange.venue.state import State


class Capture:
    """The state after one batch. Its memory is free for the next one as soon as `image` was called, once."""

    def __init__(self, state: State, in_use: threading.Lock, pause_ns: int) -> None:
        self.pause_ns = pause_ns
        """How long the sequencer stood still for it."""
        self._state = state
        self._in_use = in_use

    def image(self) -> Image:
        """The logical state, in any thread."""
        try:
            return take_image(self._state)
        finally:
            self._in_use.release()


class Captures:
    """One capture at a time, in memory that is got ahead."""

    def __init__(self) -> None:
        self._memory = CaptureMemory()
        self._in_use = threading.Lock()

    def make_ready(self, state: State, additions: int) -> None:
        """Get memory for a capture after so many more commands, before there is any."""
        with self._in_use:
            self._memory.reserve(state, additions)

    def reserve(self, state: State, additions: int) -> bool:
        """Get memory for a capture after at most so many more commands, in a thread of its own; False while in use."""
        is_free = self._in_use.acquire(blocking=False)
        if is_free:
            threading.Thread(target=self._reserve, args=(state, additions), name="capture-memory").start()
        return is_free

    def take(self, state: State, *, is_urgent: bool) -> Capture | None:
        """The state as it stands; None while the memory is in use, but for one that is urgent, which gets its own."""
        memory, in_use = self._memory, self._in_use
        if not in_use.acquire(blocking=False):
            if not is_urgent:
                return None
            memory, in_use = CaptureMemory(), threading.Lock()
            in_use.acquire()
        begin_ns = perf_counter_ns()
        captured = memory.capture(state)
        return Capture(captured, in_use, perf_counter_ns() - begin_ns)

    def _reserve(self, state: State, additions: int) -> None:
        give_way()
        try:
            self._memory.reserve(state, additions)
        finally:
            self._in_use.release()
