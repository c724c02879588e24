"""`bwx bench gateway`: what an order costs at the doors, beside an echo of the same bytes by bare aiohttp.

Exchange and echo are processes on one core, and take turns; who asks has another core, and sends bytes that were made
beforehand. Frames are compared with nothing, and to send them takes a fifth of a core: for them the exchange has both.
An order counts when its answer is there, which is after it is on disk. Orders as JSON carry a client id, as those of
the client do, and rest; what rests is cancelled between rounds, untimed. A figure is the median of its rounds, a ratio
that of the ratios of rounds that follow each other.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
import uvloop

from exchange.bench.rates import per_second
from exchange.journal import Journal
from exchange.journal_rows import RECORD_BYTES
from exchange.venue.schema import Event
from gateway.bench.bare_server import serve_bare
from gateway.bench.driving import (
    UNDER_WAY_MAX,
    Driven,
    check_answers,
    check_seconds,
    drive,
    drive_by_the_clock,
    drive_many,
)
from gateway.bench.exchange_server import Door, serve_exchange
from gateway.bench.orders import Orders
from gateway.bench.processes import BenchError, Server, choose_cores, on_all_cores, pinned, server
from gateway.bench.wire import HttpWire, SocketWire
from gateway.client import Client, Stream

ROUNDS = 5
WINDOW = 512
"""About half of what the doors take."""
PILOT = 512
PILOT_ALONE = 32
LEAST = 16
CONNECTIONS = 32
LEAD_S = 0.2
"""So long a round by the clock goes on before it counts."""
FRAME_RECORDS = 1_000
FRAMES_UNDER_WAY = 16
FRAMES_MAX = 1_000
"""Of a round, and of a second: most of a million orders rest then."""
NAMED_MAX = 80_000
"""Orders of a round that carry a client id: an exchange remembers a million of them for two minutes."""
COMMIT_RECORDS = 3
"""One order makes a batch of so many records: the time, the order, its client id."""

Report = Callable[[str, int, int], None]


def run_gateway(directory: Path, seconds: float = 1.0, on_progress: Report = lambda *_: None) -> dict[str, Any]:
    """Measure each round for about so many seconds; return what `bwx bench gateway` prints.

    `on_progress` is told (what is done, how much of it, in all), outside the timed sections. Raises ValueError for a
    time that makes no sense, and OSError, StoreError or BenchError where nothing can be measured.
    """
    check_seconds(seconds)
    cores = choose_cores()
    on_progress("opening", 0, 1)
    with (
        tempfile.TemporaryDirectory(prefix=".bwx-bench-", dir=directory) as folder,
        server(serve_exchange, cores.server, Path(folder) / "exchange", CONNECTIONS) as exchange,
        server(serve_bare, cores.server) as bare,
        Journal.open(Path(folder) / "commits", rules_version="bench") as journal,
        pinned(cores.client),
    ):
        measured = Measurement(exchange, bare.told, journal, cores.server, seconds, on_progress)
        figures = uvloop.run(measured.run())
    return {"seconds": seconds, "rounds": ROUNDS, "cores": cores.used, **figures}


class Measurement:
    """One run: its figures, step by step."""

    def __init__(
        self, exchange: Server, bare_url: str, journal: Journal, core: int | None, seconds: float, on_progress: Report
    ) -> None:
        self._pid = exchange.pid
        self._door: Door = exchange.told
        self._bare_url = bare_url
        self._journal = journal
        self._core = core
        """Where servers run."""
        self._seconds = seconds
        self._report = on_progress
        self._orders = Orders(self._door)

    async def run(self) -> dict[str, Any]:
        """All figures, in the order in which they are printed."""
        socket = await SocketWire.open(self._door.url, "/v1/ws")
        check_answers([await socket.ask(self._orders.login())])
        echo = await SocketWire.open(self._bare_url, "/v1/ws")
        try:
            figures = await self._json_rates(socket, echo)
            figures |= await self._latencies(socket, echo)
            figures |= await self._at_half(socket, echo, figures["json_orders_per_second"] / 2)
            figures |= await self._binary_rate(socket)
            return figures | await self._rest_rates(socket)
        finally:
            socket.close()
            echo.close()

    async def _json_rates(self, socket: SocketWire, echo: SocketWire) -> dict[str, Any]:
        """Orders and echoes of them, with a window of either under way."""

        async def place(how_many: int) -> float:
            return (await self._place(socket, how_many, WINDOW)).rate

        async def repeat(how_many: int) -> float:
            return (await drive(echo, self._orders.messages(how_many), WINDOW)).rate

        rates = await self._take_turns("orders as JSON", PILOT, place, repeat)
        return _rates("json_orders", "json_echo", rates)

    async def _latencies(self, socket: SocketWire, echo: SocketWire) -> dict[str, Any]:
        """One order at a time, one echo, one commit of what an order writes."""

        acks_us: list[float] = []

        async def place(how_many: int) -> float:
            acks_us.append(_p50_us((await self._place(socket, how_many, 1)).latency_ns))
            return acks_us[-1]

        async def repeat(how_many: int) -> float:
            return _p50_us((await drive(echo, self._orders.messages(how_many), 1)).latency_ns)

        async def commit(how_many: int) -> float:
            # A disk may take longer for the cores that do not hear of it first: the exchange's core is taken for both.
            with pinned(self._core):
                return _p50_us(self._commit(how_many, round(statistics.median(acks_us) * 1e3)))

        rounds = await self._take_turns("one order at a time", PILOT_ALONE, place, repeat, commit)
        ack_us, echo_us, commit_us = (statistics.median(each) for each in zip(*rounds, strict=True))
        return {
            "ack_us_p50": round(ack_us, 1),
            "echo_us_p50": round(echo_us, 1),
            "commit_us_p50": round(commit_us, 1),
            "ack_extra_us": round(ack_us - echo_us - commit_us, 1),
        }

    async def _at_half(self, socket: SocketWire, echo: SocketWire, rate: float) -> dict[str, Any]:
        """The slow answers where orders come by the clock, at half of the rate that was reached.

        The exchange is at rest while orders are made for a round, and the first ones find it so: they are told apart.
        Echoes come as fast, in turn with the orders: what makes them slow is the machine.
        """
        p99s_ms, rested_p99s_ms, echo_p99s_ms = [], [], []
        count = _count(rate * (self._seconds + LEAD_S))
        lead = round(count * LEAD_S / (self._seconds + LEAD_S))
        for number in range(ROUNDS):
            self._report("orders by the clock", number, ROUNDS)
            messages = self._orders.messages(count)
            driven = await drive_by_the_clock(socket, messages, rate, UNDER_WAY_MAX)
            await self._settle(socket, driven)
            rested_p99s_ms.append(_p99_ms(driven.latency_ns[:lead]))
            p99s_ms.append(_p99_ms(driven.latency_ns[lead:]))
            echoed = await drive_by_the_clock(echo, self._orders.messages(count), rate, UNDER_WAY_MAX)
            echo_p99s_ms.append(_p99_ms(echoed.latency_ns[lead:]))
        return {
            "half_orders_per_second": round(rate),
            "p99_ms_at_half": round(statistics.median(p99s_ms), 2),
            "p99_ms_after_rest": round(statistics.median(rested_p99s_ms), 2),
            "echo_p99_ms_at_half": round(statistics.median(echo_p99s_ms), 2),
        }

    async def _binary_rate(self, socket: SocketWire) -> dict[str, Any]:
        """Frames of new orders over one connection, as the client sends them."""
        rates = []
        async with Client(self._door.url, self._door.key_id, self._door.secret) as client, client.stream() as stream:
            for number in range(ROUNDS):
                self._report("frames of records", number, ROUNDS)
                with on_all_cores(self._pid, self._core):
                    rates.append(await self._send_frames(stream))
                check_answers([await socket.ask(self._orders.cancel_all())])
        return {"binary_orders_per_second": round(statistics.median(rates))}

    async def _rest_rates(self, socket: SocketWire) -> dict[str, Any]:
        """Signed orders and echoes of them, over as many connections."""
        doors = [await HttpWire.dial(self._door.url) for _ in range(CONNECTIONS)]
        echoes = [await HttpWire.dial(self._bare_url) for _ in range(CONNECTIONS)]

        async def place(how_many: int) -> float:
            driven = await drive_many(doors, self._orders.requests(how_many))
            _check_status(driven.answers, b"HTTP/1.1 201")
            check_answers([await socket.ask(self._orders.cancel_all())])
            return driven.rate

        async def repeat(how_many: int) -> float:
            driven = await drive_many(echoes, self._orders.requests(how_many))
            _check_status(driven.answers, b"HTTP/1.1 200")
            return driven.rate

        try:
            rates = await self._take_turns("orders over REST", PILOT, place, repeat)
            return _rates("rest_orders", "rest_echo", rates, "rest")
        finally:
            for wire in (*doors, *echoes):
                wire.close()

    async def _take_turns(
        self, step: str, pilot: int, *measures: Callable[[int], Awaitable[float]]
    ) -> list[list[float]]:
        """The figures of each round. How much is sent is found by a first run that is not counted."""
        counts = []
        for measure in measures:
            begin_ns = perf_counter_ns()
            await measure(pilot)
            rate = per_second(pilot, perf_counter_ns() - begin_ns)
            counts.append(_count(rate * self._seconds))
        rounds: list[list[float]] = []
        for number in range(ROUNDS):
            self._report(step, number, ROUNDS)
            rounds.append([await measure(how_many) for measure, how_many in zip(measures, counts, strict=True)])
        return rounds

    async def _place(self, socket: SocketWire, how_many: int, window: int) -> Driven:
        driven = await drive(socket, self._orders.messages(how_many), window)
        await self._settle(socket, driven)
        return driven

    async def _settle(self, socket: SocketWire, driven: Driven) -> None:
        """Not timed: every order must have been taken, and goes. Raises BenchError."""
        check_answers(driven.answers)
        check_answers([await socket.ask(self._orders.cancel_all())])

    async def _send_frames(self, stream: Stream) -> float:
        count = min(FRAMES_MAX, max(1, round(FRAMES_MAX * self._seconds)))
        frames = [self._orders.records(FRAME_RECORDS) for _ in range(count)]
        deadline_ns = perf_counter_ns() + round(self._seconds * 1e9)
        sent = 0

        async def send() -> None:
            nonlocal sent
            while frames and perf_counter_ns() < deadline_ns:
                answer = await stream.send_records(frames.pop())
                refused = answer.records["reason"][answer.records["kind"] == Event.REJECTED]
                if len(refused):
                    raise BenchError(f"an order in a frame was refused with {refused[0]}")
                sent += FRAME_RECORDS

        begin_ns = perf_counter_ns()
        await asyncio.gather(*(send() for _ in range(FRAMES_UNDER_WAY)))
        return per_second(sent, perf_counter_ns() - begin_ns)

    def _commit(self, how_many: int, every_ns: int) -> np.ndarray:
        """The nanoseconds of each of so many commits on the same disk, one begun every so many nanoseconds.

        That is the rhythm of orders one at a time: a disk takes less for commits that follow each other at once.
        """
        elapsed_ns = np.zeros(how_many, np.int64)
        payload = bytes(COMMIT_RECORDS * RECORD_BYTES)
        begin_ns = 0
        for at in range(how_many):
            time.sleep(max(0, begin_ns + every_ns - perf_counter_ns()) / 1e9)
            begin_ns = perf_counter_ns()
            self._journal.append(self._journal.last_sequence + 1, begin_ns, payload)
            elapsed_ns[at] = perf_counter_ns() - begin_ns
        return elapsed_ns


def _count(wanted: float) -> int:
    """How many orders, or echoes of them, a round has."""
    return min(NAMED_MAX, max(LEAST, round(wanted)))


def _rates(orders: str, echo: str, rounds: list[list[float]], of: str | None = None) -> dict[str, Any]:
    order_rates, echo_rates = zip(*rounds, strict=True)
    return {
        f"{orders}_per_second": round(statistics.median(order_rates)),
        f"{echo}_per_second": round(statistics.median(echo_rates)),
        f"{of or orders}_ratio": round(statistics.median(a / b for a, b in rounds), 3),
    }


def _p99_ms(elapsed_ns: np.ndarray) -> float:
    return float(np.percentile(elapsed_ns, 99)) / 1e6


def _p50_us(elapsed_ns: np.ndarray) -> float:
    return float(np.median(elapsed_ns)) / 1e3


def _check_status(answers: Sequence[bytes], status: bytes) -> None:
    for answer in answers:
        if not answer.startswith(status):
            raise BenchError(f"a request was refused: {answer[:400].decode(errors='replace')}")
