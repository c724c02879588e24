"""Sending messages on a socket: so many under way at a time, or by the clock. Answers come in the order of requests."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np
import orjson

from exchange.bench.rates import per_second
from gateway.bench.processes import BenchError
from gateway.bench.wire import HttpWire, SocketWire, Wire
from gateway.settings import GatewaySettings

UNDER_WAY_MAX: int = GatewaySettings.model_fields["requests_in_flight_max"].default
"""Messages under way on one socket: what the doors take."""
SECONDS_MAX = 10.0
"""A round may last so long."""
PATIENCE_S = 60.0
"""Longer than any round may take beyond its time."""


class Driven(NamedTuple):
    """When each message was sent and answered, and the answers."""

    sent_ns: np.ndarray
    answered_ns: np.ndarray
    answers: list[bytes]

    @property
    def rate(self) -> float:
        """Answers a second, from the first message to the last answer."""
        return per_second(len(self.answers), float(self.answered_ns[-1] - self.sent_ns[0]))

    @property
    def latency_ns(self) -> np.ndarray:
        """How long each answer took."""
        return self.answered_ns - self.sent_ns


async def drive(wire: Wire, messages: Sequence[bytes], window: int) -> Driven:
    """Send messages with at most `window` of them under way; half a window is written at once.

    Raises ConnectionError or BenchError.
    """
    assert messages, "nothing would ever be answered"
    sent_ns: list[int] = []
    answered_ns: list[int] = []
    answers: list[bytes] = []
    finished: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def send_more() -> None:
        first = len(sent_ns)
        more = messages[first : len(answers) + window]
        if more:
            sent_ns.extend([perf_counter_ns()] * len(more))
            wire.write(b"".join(more))

    def hear(answer: bytes) -> None:
        answers.append(answer)
        answered_ns.append(perf_counter_ns())
        if len(answers) == len(messages):
            finished.set_result(answer)
        elif 2 * (len(sent_ns) - len(answers)) <= window:
            send_more()

    wire.hear = hear
    send_more()
    async with in_time():
        await wire.answered(finished)
    return Driven(np.array(sent_ns), np.array(answered_ns), answers)


async def drive_by_the_clock(wire: SocketWire, messages: Sequence[bytes], rate: float, most: int) -> Driven:
    """Send so many messages a second, with at most `most` of them under way. Raises ConnectionError.

    `sent_ns` is when each was meant to be sent: a message that had to wait here has waited all the same.
    """
    answered_ns: list[int] = []
    answers: list[bytes] = []
    finished: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def hear(answer: bytes) -> None:
        answers.append(answer)
        answered_ns.append(perf_counter_ns())
        if len(answers) == len(messages):
            finished.set_result(answer)

    wire.hear = hear
    after_ns = (np.arange(len(messages)) * (1e9 / rate)).astype(np.int64)
    sent = 0
    async with in_time():
        # The clock starts when all is there: what is made ready later would make the first messages late.
        start_ns = perf_counter_ns()
        while sent < len(messages) and not wire.lost.done():
            due = int((perf_counter_ns() - start_ns) * rate / 1e9) + 1
            due = min(due, len(answers) + most, len(messages))
            if due > sent:
                wire.write(b"".join(messages[sent:due]))
                sent = due
            # A sleep of any length would be late. But this core may be the one on which the system hears from the disk,
            # and what it does about that must not wait until whoever spins has used up a slice of time.
            _let_others_run()
            await asyncio.sleep(0)
        await wire.answered(finished)
    return Driven(start_ns + after_ns, np.array(answered_ns), answers)


def _let_others_run() -> None:
    if hasattr(os, "sched_yield"):
        os.sched_yield()


async def drive_many(wires: Sequence[HttpWire], requests: Sequence[bytes]) -> Driven:
    """Send requests over many connections, one at a time on each, in turn. Raises ConnectionError."""
    used = wires[: len(requests)]
    driven = await asyncio.gather(*(drive(wire, requests[at :: len(used)], 1) for at, wire in enumerate(used)))
    first_ns = min(int(each.sent_ns[0]) for each in driven)
    last_ns = max(int(each.answered_ns[-1]) for each in driven)
    answers = [answer for each in driven for answer in each.answers]
    return Driven(np.array([first_ns]), np.array([last_ns]), answers)


def check_answers(answers: Sequence[bytes]) -> None:
    """Answers on a socket must all be good, and in the order of their requests. Raises BenchError."""
    last_id = 0
    for answer in map(orjson.loads, answers):
        if not answer["ok"]:
            raise BenchError(f"a request was refused: {answer['error']['message']}")
        assert answer["id"] > last_id, "answers are out of order: none can be timed"
        last_id = answer["id"]


def check_seconds(seconds: float) -> None:
    """Raises ValueError for a time that no round can last."""
    if not 0 < seconds <= SECONDS_MAX:
        raise ValueError(f"more than 0 and at most {SECONDS_MAX:g} seconds, not {seconds:g}")


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """Whatever is waited for within must come. Raises BenchError."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    except TimeoutError:
        raise BenchError(f"answers did not come within {PATIENCE_S:g} s") from None
