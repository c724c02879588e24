"""`bwx bench feed`: what it costs to tell many what happens to a book, beside a bare broadcast of the same bytes.

Orders are placed and cancelled one after the other, each as soon as the one before is answered, which is before its
change of the book goes out: so a server always has something to send. The changes that one subscriber was told are then
published by bare aiohttp to as many. A round ends when everybody has everything. What an idle connection takes is the
memory that a server has more of once all subscribers are connected, before they ask for anything.
"""

import asyncio
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Self

import numpy as np
import orjson
import uvloop

from exchange.bench.rates import per_second
from gateway.bench.bare_server import serve_bare
from gateway.bench.driving import SECONDS_MAX, Driven, check_answers, drive, in_time
from gateway.bench.exchange_server import serve_exchange
from gateway.bench.orders import Orders
from gateway.bench.processes import (
    BenchError,
    Cores,
    Server,
    allow_connections,
    choose_cores,
    pinned,
    resident_bytes,
    server,
)
from gateway.bench.wire import SocketWire, frame_of

ROUNDS = 5
SUBSCRIBERS_MAX = 10_000
PILOT_PAIRS = 4
DIALLED_AT_ONCE = 64
FIRST_CONNECTIONS = 16
"""They come and go before memory is looked at: the first of a kind takes more than the next."""
SETTLING_S = 0.25
LOOKING_AGAIN_S = 0.005

Report = Callable[[str, int, int], None]


def run_feed(
    directory: Path, seconds: float = 1.0, subscribers: int = 1_000, on_progress: Report = lambda *_: None
) -> dict[str, Any]:
    """Measure each round for about so many seconds; return what `bwx bench feed` prints.

    `on_progress` is told (what is done, how much of it, in all), outside the timed sections. Raises ValueError for
    sizes that make no sense, and OSError, StoreError or BenchError where nothing can be measured.
    """
    if not 0 < seconds <= SECONDS_MAX or not 1 <= subscribers <= SUBSCRIBERS_MAX:
        wanted = f"at most {SECONDS_MAX:g} seconds and 1 to {SUBSCRIBERS_MAX:,} subscribers"
        raise ValueError(f"{wanted}, not {seconds:g} and {subscribers:,}")
    allow_connections(subscribers)
    cores = choose_cores()
    on_progress("opening", 0, 1)
    with (
        tempfile.TemporaryDirectory(prefix=".bwx-bench-", dir=directory) as folder,
        server(serve_exchange, cores.server, Path(folder) / "exchange", subscribers) as exchange,
        server(serve_bare, cores.server) as bare,
        pinned(cores.client),
    ):
        figures = uvloop.run(_measure(exchange, bare, seconds, subscribers, on_progress))
    return _head(seconds, subscribers, cores) | figures


def _head(seconds: float, subscribers: int, cores: Cores) -> dict[str, Any]:
    return {"seconds": seconds, "rounds": ROUNDS, "cores": cores.used, "subscribers": subscribers}


async def _measure(
    exchange: Server, bare: Server, seconds: float, subscribers: int, on_progress: Report
) -> dict[str, Any]:
    on_progress("connecting", 0, 2)
    audience = await Audience.connect(exchange.told.url, "/v1/ws", exchange.pid, subscribers)
    on_progress("connecting", 1, 2)
    bare_audience = await Audience.connect(bare.told, "/feed", bare.pid, subscribers)
    orders = Orders(exchange.told)
    publisher = await SocketWire.open(exchange.told.url, "/v1/ws")
    bare_publisher = await SocketWire.open(bare.told, "/publish")
    try:
        await publisher.ask(orders.login())
        await audience.subscribe(orders.subscription())
        rounds = await _take_turns(audience, bare_audience, orders, publisher, bare_publisher, seconds, on_progress)
    finally:
        for each in (audience, bare_audience, publisher, bare_publisher):
            each.close()
    rates, bare_rates, delta_bytes = zip(*rounds, strict=True)
    return {
        "deltas_per_second": round(statistics.median(rates), 1),
        "broadcasts_per_second": round(statistics.median(bare_rates), 1),
        "messages_per_second": round(statistics.median(rates) * subscribers),
        "fanout_ratio": round(statistics.median(rate / bare_rate for rate, bare_rate, _ in rounds), 3),
        "delta_bytes": round(statistics.median(delta_bytes)),
        "bytes_per_idle_connection": audience.bytes_each,
        "bare_bytes_per_idle_connection": bare_audience.bytes_each,
    }


async def _take_turns(
    audience: "Audience",
    bare_audience: "Audience",
    orders: Orders,
    publisher: SocketWire,
    bare_publisher: SocketWire,
    seconds: float,
    on_progress: Report,
) -> list[tuple[float, float, float]]:
    """Of each round: changes a second by the exchange, by the baseline, and how long a message was."""
    rounds = []
    pairs = PILOT_PAIRS
    for number in range(ROUNDS + 1):
        on_progress("telling", number, ROUNDS + 1)
        rate = await audience.tell(publisher, orders.placed_and_cancelled(pairs))
        told = list(audience.told)
        sequences_of(told)
        bare_rate = await bare_audience.tell(bare_publisher, [frame_of(message) for message in told])
        if number:
            rounds.append((rate, bare_rate, sum(map(len, told)) / len(told)))
        else:  # a first round, which is not counted, tells how much fills the time
            pairs = max(1, round(rate * seconds / 2))
    return rounds


def sequences_of(messages: Iterable[bytes]) -> list[int]:
    """How far each of these changes of a book has come. Raises BenchError for anything else."""
    sequences = []
    for message in map(orjson.loads, messages):
        if (message.get("channel"), message.get("type")) != ("book", "delta"):
            raise BenchError(f"a subscriber was told something else than a change: {message}")
        sequences.append(int(message["sequence"]))
    return sequences


class Audience:
    """Connections that hear the same."""

    def __init__(self, wires: list[SocketWire], bytes_each: int | None) -> None:
        self._wires = wires
        self.bytes_each = bytes_each
        """What an idle one takes of the server's memory; None where the system does not tell."""
        self.told: list[bytes] = []
        """What the first of them was told in the last round."""

    @classmethod
    async def connect(cls, url: str, path: str, pid: int, count: int) -> Self:
        """So many connections. Raises ConnectionError."""
        for wire in await _dial_many(url, path, FIRST_CONNECTIONS):
            wire.close()
        await asyncio.sleep(SETTLING_S)
        before = resident_bytes(pid)
        wires = await _dial_many(url, path, count)
        await asyncio.sleep(SETTLING_S)
        after = resident_bytes(pid)
        return cls(wires, None if before is None or after is None else round((after - before) / count))

    async def subscribe(self, request: bytes) -> None:
        """Let all ask for the same, and wait for what each begins with: an answer and a snapshot."""
        heard = self._expect(2)
        for wire in self._wires:
            wire.write(request)
        await self._wait(heard)

    async def tell(self, publisher: SocketWire, messages: list[bytes]) -> float:
        """Publish by these requests, one at a time; how many a second reach everybody. Raises ConnectionError."""
        heard = self._expect(len(messages))
        begin_ns = perf_counter_ns()
        await drive(publisher, messages, 1)
        await self._wait(heard)
        return per_second(len(messages), perf_counter_ns() - begin_ns)

    async def follow(self, driving: Awaitable[Driven]) -> tuple[Driven, np.ndarray]:
        """What came of orders that change the book, and when each connection heard of each of them, in nanoseconds.

        A connection has a row, and an order a column: the first change that has come as far as the order's sequence.
        Orders that a server took together are told in one. Raises ConnectionError and BenchError.
        """
        told: list[bytes] = []
        self.told = told
        heard_ns: list[list[int]] = [[] for _ in self._wires]
        for wire, times_ns in zip(self._wires, heard_ns, strict=True):
            wire.hear = partial(_note_time, times_ns)
        self._wires[0].hear = partial(_note_message, heard_ns[0], told)
        driven = await driving
        check_answers(driven.answers)
        sequences = [orjson.loads(answer)["result"]["sequence"] for answer in driven.answers]
        async with in_time():
            while sequences_of(told[-1:]) < sequences[-1:] or min(map(len, heard_ns)) < len(told):
                self._check_open()
                await asyncio.sleep(LOOKING_AGAIN_S)
        return driven, np.take(np.array(heard_ns), np.searchsorted(sequences_of(told), sequences), axis=1)

    def close(self) -> None:
        """End the connections."""
        for wire in self._wires:
            wire.close()

    def _check_open(self) -> None:
        """Raises ConnectionError when a connection has ended."""
        for wire in self._wires:
            if wire.lost.done():
                wire.lost.result()

    def _expect(self, each: int) -> asyncio.Future[None]:
        """Done when every connection has heard so many messages more."""
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        missing = each * len(self._wires)
        self.told = told = []

        def hear(_: bytes) -> None:
            nonlocal missing
            missing -= 1
            if not missing:
                heard.set_result(None)

        def hear_and_keep(message: bytes) -> None:
            told.append(message)
            hear(message)

        self._wires[0].hear = hear_and_keep
        for wire in self._wires[1:]:
            wire.hear = hear
        return heard

    async def _wait(self, heard: asyncio.Future[None]) -> None:
        """Raises ConnectionError when a connection ends before that."""
        ends: list[asyncio.Future[None]] = [heard, *(wire.lost for wire in self._wires)]
        async with in_time():
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for each in ends:
            if each.done():
                each.result()


def _note_time(times_ns: list[int], _: bytes) -> None:
    times_ns.append(perf_counter_ns())


def _note_message(times_ns: list[int], told: list[bytes], message: bytes) -> None:
    times_ns.append(perf_counter_ns())
    told.append(message)


async def _dial_many(url: str, path: str, count: int) -> list[SocketWire]:
    wires: list[SocketWire] = []
    while len(wires) < count:
        share = min(DIALLED_AT_ONCE, count - len(wires))
        wires += await asyncio.gather(*(SocketWire.open(url, path) for _ in range(share)))
    return wires
