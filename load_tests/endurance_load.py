"""The load of an endurance run: orders and cancels by the clock, frames of records, and some who follow the book."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from decimal import Decimal
from time import perf_counter_ns
from typing import Self

from exchange.venue.schema import Event
from gateway.bench.driving import UNDER_WAY_MAX, drive
from gateway.bench.exchange_server import MIDDLE_TICKS, Door
from gateway.bench.orders import AWAY_TICKS, Orders
from gateway.bench.processes import BenchError
from gateway.bench.wire import SocketWire
from gateway.client import Client, Instrument, LocalBook
from load_tests.serving import Served

FOLLOWERS = 4
DEPOSIT_USD = 1_000_000_000
WINDOW = 256
PILOT_PAIRS = 1_500
SETTLED_S = 0.5
STEP_S = 0.005
CHUNK_S = 0.02
"""Of messages made at a time: whoever makes many sends nothing meanwhile, and all of them at once afterwards."""
FRAME_RECORDS = 500
FRAMES_UNDER_WAY = 2
CAUGHT_UP_S = 20.0
LOOK_S = 0.1
ANSWERED_S = 60.0
STEP_USD = Decimal("0.000001")
MIDDLE_USD, AWAY_USD = MIDDLE_TICKS * STEP_USD, 2 * AWAY_TICKS * STEP_USD
"""Where the prices of what is sent are, and further than any of them is away from there."""
REFUSED = b'"ok":false'
ANSWER_HEAD = b'{"id":'
"""Of an answer; what else comes on a socket is told to everybody."""


class Load:
    """Everybody who loads one exchange, in one window of it."""

    def __init__(self, orders: Orders, wire: SocketWire, client: Client, door: Door, books: list[LocalBook]) -> None:
        self._orders = orders
        self._wire = wire
        self._client = client
        self._door = door
        self._books = books

    @classmethod
    @asynccontextmanager
    async def open(cls, exchange: Served) -> AsyncIterator[Self]:
        """An account with money, a socket that sends, and those who follow. Raises BenchError."""
        async with AsyncExitStack() as stack:
            operator = await stack.enter_async_context(Client(exchange.url, *exchange.operator()))
            await operator.open_account("endurance")
            await operator.deposit("endurance", DEPOSIT_USD)
            key = await operator.create_key("endurance", ("trader", "market_maker"))
            assert key.secret is not None, "a key without a public half of its own comes with its secret"
            listed = await operator.instruments(state="open")
            windows = [each for each in listed if _takes_the_orders(each)]
            if not windows:
                raise BenchError(
                    f"no window that is settled in cash takes prices around {MIDDLE_USD} in the least steps"
                )
            window = max(windows, key=lambda each: each.gate_closure)
            door = Door(exchange.url, key.key_id, key.secret, window.symbol, window.instrument_id)
            client = await stack.enter_async_context(Client(exchange.url, key.key_id, key.secret))
            books = []
            for _ in range(FOLLOWERS):
                stream = await stack.enter_async_context(client.stream())
                books.append(await stream.subscribe_book(window.symbol))
            wire = await SocketWire.open(exchange.url, "/v1/ws")
            stack.callback(wire.close)
            orders = Orders(door)
            await wire.ask(orders.login())
            yield cls(orders, wire, client, door, books)

    @property
    def resyncs(self) -> int:
        """How often those who follow had to start again."""
        return sum(book.resyncs for book in self._books)

    async def sequence(self) -> int:
        """How far the exchange is."""
        return (await self._client.status()).sequence

    async def json_rate(self) -> float:
        """Orders and cancels a second, with a window of them under way."""
        driven = await drive(self._wire, self._orders.placed_and_cancelled(PILOT_PAIRS), WINDOW)
        # A heartbeat on the way counts as an answer: the last one may still be to come.
        await asyncio.sleep(SETTLED_S)
        return driven.rate

    async def send_json(self, rate: float, length_s: float) -> list[int]:
        """Orders and cancels by the clock; how long each took, from when it was meant to be sent. Raises BenchError.

        No more are under way than the doors take; what has to wait for that has waited.
        """
        latencies_ns: list[int] = []
        due_ns: list[int] = []
        refused: list[bytes] = []

        def hear(payload: bytes) -> None:
            if payload.startswith(ANSWER_HEAD):
                if REFUSED in payload:
                    refused.append(payload)
                latencies_ns.append(perf_counter_ns() - due_ns[len(latencies_ns)])

        self._wire.hear = hear
        start_ns, messages = perf_counter_ns(), list[bytes]()
        while perf_counter_ns() - start_ns < length_s * 1e9:
            wanted = int((perf_counter_ns() - start_ns) * rate / 1e9) // 2 * 2
            wanted = min(wanted, (len(latencies_ns) + UNDER_WAY_MAX) // 2 * 2)
            if wanted > len(due_ns):
                if len(messages) < wanted - len(due_ns):
                    messages += self._orders.placed_and_cancelled(max(int(rate * CHUNK_S) // 2, wanted - len(due_ns)))
                sending, messages = messages[: wanted - len(due_ns)], messages[wanted - len(due_ns) :]
                due_ns += [start_ns + int(at * 1e9 / rate) for at in range(len(due_ns), wanted)]
                self._wire.write(b"".join(sending))
            await asyncio.sleep(STEP_S)
        await self._until_answered(latencies_ns, due_ns)
        if refused:
            raise BenchError(f"a request was refused: {refused[0].decode()}")
        return latencies_ns

    async def send_frames(self, length_s: float) -> list[int]:
        """Frames of orders on both sides, then a cancel of all; how long each frame took. Raises BenchError."""
        latencies_ns: list[int] = []
        deadline_ns = perf_counter_ns() + int(length_s * 1e9)

        async with self._client.stream() as stream:

            async def send() -> None:
                while perf_counter_ns() < deadline_ns:
                    began_ns = perf_counter_ns()
                    answer = await stream.send_records(self._orders.records(FRAME_RECORDS))
                    latencies_ns.append(perf_counter_ns() - began_ns)
                    refused = answer.records["reason"][answer.records["kind"] == Event.REJECTED]
                    if len(refused):
                        raise BenchError(f"an order in a frame was refused with {refused[0]}")
                    await stream.cancel_all()

            await asyncio.gather(*(send() for _ in range(FRAMES_UNDER_WAY)))
        return latencies_ns

    async def books_are_equal(self) -> bool:
        """Whether everybody who follows comes to have the levels of the exchange, once nothing moves."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CAUGHT_UP_S):
                while True:
                    book = await self._client.book(self._door.symbol, 1_000)
                    if all(each.is_whole and _levels(each) == (book.bids, book.asks) for each in self._books):
                        return True
                    await asyncio.sleep(LOOK_S)
        return False

    async def _until_answered(self, latencies_ns: list[int], due_ns: list[int]) -> None:
        async with asyncio.timeout(ANSWERED_S):
            while len(latencies_ns) < len(due_ns):  # noqa: ASYNC110
                await asyncio.sleep(STEP_S)


def _takes_the_orders(window: Instrument) -> bool:
    within = window.band_low <= MIDDLE_USD - AWAY_USD and window.band_high >= MIDDLE_USD + AWAY_USD
    return window.price_step == STEP_USD and within and window.delivery is None


def _levels(book: LocalBook) -> tuple[list[tuple[Decimal, int]], list[tuple[Decimal, int]]]:
    return book.levels("buy", 1_000), book.levels("sell", 1_000)
