"""An asyncio loop in a native thread, beside Locust, which turns every other thread of its process into greenlets.

    greenlet of a Locust user ── start ──▶ native thread: uvloop, the client, all participants
                                               │ Recorder: a deque
    greenlet that drains it ◀─────────────────┘ ──▶ Locust's statistics, our histograms

Nothing that Locust has replaced by its own is shared between the two sides: no lock, no event, no future. A participant
that was started is a plain record, which the native thread writes and greenlets read.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

import gevent
import uvloop
from gevent.lock import RLock

ResultT = TypeVar("ResultT")
POLL_S = 0.005
STARTED_S = 10.0


class Running(Generic[ResultT]):
    """A coroutine in the native thread, as greenlets see it."""

    def __init__(self) -> None:
        self.task: asyncio.Task[ResultT] | None = None
        self.is_done = False
        self.result: ResultT | None = None
        self.error: BaseException | None = None

    def _end(self, task: "asyncio.Task[ResultT]") -> None:
        if not task.cancelled():
            self.error = task.exception()
            self.result = None if self.error is not None else task.result()
        self.is_done = True


class NativeLoop:
    """The one loop of a process. It starts with the first that needs it; others wait for that meanwhile."""

    def __init__(self) -> None:
        self._starting = RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_running = False

    def start(self, make: Callable[[], Coroutine[Any, Any, ResultT]]) -> Running[ResultT]:
        """Run a coroutine, which is made in the native thread."""
        loop = self._ready()
        running: Running[ResultT] = Running()

        def begin() -> None:
            running.task = loop.create_task(make())
            running.task.add_done_callback(running._end)

        loop.call_soon_threadsafe(begin)
        return running

    def cancel(self, running: Running[Any]) -> None:
        """Let a coroutine end."""

        def end() -> None:
            if running.task is not None:
                running.task.cancel()

        if self._loop is not None and not running.is_done:
            self._loop.call_soon_threadsafe(end)

    def ask(self, make: Callable[[], Coroutine[Any, Any, ResultT]], timeout_s: float) -> ResultT:
        """Run a coroutine, and wait for it as a greenlet does. Raises what it raises, and TimeoutError."""
        running = self.start(make)
        self.wait([running], timeout_s)
        if not running.is_done:
            self.cancel(running)
            raise TimeoutError(f"no answer within {timeout_s:g} s")
        if running.error is not None:
            raise running.error
        return running.result  # type: ignore[return-value]  # None is a result too

    def wait(self, started: list[Running[Any]], timeout_s: float) -> None:
        """Wait until all have ended, for a bounded time."""
        left_s = timeout_s
        while left_s > 0 and not all(each.is_done for each in started):
            gevent.sleep(POLL_S)
            left_s -= POLL_S

    def stop(self) -> None:
        """End the loop, and with it the thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            while self._is_running:
                gevent.sleep(POLL_S)
            self._loop = None

    def _ready(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                loop = uvloop.new_event_loop()
                gevent.get_hub().threadpool.spawn(self._run, loop)
                left_s = STARTED_S
                while not self._is_running:
                    assert left_s > 0, "the native thread did not start"
                    gevent.sleep(POLL_S)
                    left_s -= POLL_S
                self._loop = loop
            return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.call_soon(self._note_start)
        try:
            loop.run_forever()
        finally:
            self._is_running = False
            loop.close()

    def _note_start(self) -> None:
        self._is_running = True
