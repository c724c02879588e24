"""What others who follow a book notice of one who has stopped reading, from its first unread byte until it is closed.

One more follows the book beside them in every round, price by price and order by order, and asks for all of it again
before the clock begins. Where it reads, that costs what it costs. Where it has stopped, that is more than the system
holds for it: the rest waits at the exchange, and every change adds to it, until there is no more room and the exchange
closes it. That happens within the round: before it there is room, and after it nothing more is told. Why can be read
when the round is over.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Self

import numpy as np
from yarl import URL

from gateway.bench.driving import UNDER_WAY_MAX, check_answers, drive, drive_by_the_clock, in_time
from gateway.bench.exchange_server import OUTBOX_MESSAGES_MAX, Door
from gateway.bench.feed import SETTLING_S, Audience
from gateway.bench.orders import Orders
from gateway.bench.processes import BenchError
from gateway.bench.rounds import Pair, Waits, compared
from gateway.bench.wire import SocketWire
from gateway.settings import MEBI, GatewaySettings
from gateway.sockets.socket import SLOW_CONSUMER

CHANGES_PER_S = 200
RESTING = 8_000
"""Orders of the book, so that all of it is a long message."""
RESTED_AT_ONCE = OUTBOX_MESSAGES_MAX
"""So many answers have room, even if all of them come at once."""
CHANNELS = ("book", "book.l3")
"""What the one more follows: a message of each for every change."""
LEAST_CHANGES = OUTBOX_MESSAGES_MAX
"""Of a round, however short: as a rule too much for an outbox, even where two orders at a time are told in one."""
UNREAD_BYTES = 6 * MEBI
"""More than systems hold of one connection, and less than the exchange does: only a change is what is too much."""
RECEIVE_BYTES = 4_096
CLOSED_S = 10.0
assert GatewaySettings.model_fields["outbox_bytes_max"].default > UNREAD_BYTES

Report = Callable[[str, int, int], None]


class Closed(NamedTuple):
    """What the exchange said when it closed a connection."""

    code: int
    reason: str


async def measure_stopped_reader(
    door: Door, pid: int, subscribers: int, rounds: int, seconds: float, report: Report
) -> dict[str, Any]:
    """The figures of rounds that take turns. Raises ConnectionError and BenchError."""
    report("connecting", 0, 1)
    orders = Orders(door)
    publisher = await orders.log_in()
    audience = await Audience.connect(door.url, "/v1/ws", pid, subscribers)
    try:
        check_answers((await drive(publisher, orders.messages(RESTING), RESTED_AT_ONCE)).answers)
        await audience.subscribe(orders.subscription())
        turns = Turns(orders, publisher, audience, seconds)
        pairs = []
        for number in range(rounds):
            report("one of many stops reading", number, rounds)
            pairs.append(Pair(await turns.all_read(), await turns.one_has_stopped()))
    finally:
        publisher.close()
        audience.close()
    return {
        "changes_per_second": CHANGES_PER_S,
        **compared("push", "reading", "stopped", pairs),
        "stopped_closed": len(turns.closed),
        "stopped_close_code": turns.closed[0].code,
        "stopped_close_reason": turns.closed[0].reason,
    }


class Turns:
    """Rounds of both kinds, over one book and to the same audience."""

    def __init__(self, orders: Orders, publisher: SocketWire, audience: Audience, seconds: float) -> None:
        self._orders = orders
        self._publisher = publisher
        self._audience = audience
        self._pairs = -(-max(LEAST_CHANGES, round(CHANGES_PER_S * seconds)) // 2)
        self.closed: list[Closed] = []
        """How those that had stopped were closed, one in each round."""

    async def all_read(self) -> Waits:
        """A round in which the one more reads."""
        async with self._one_more(SocketWire) as (wire, requests):
            word = word_of_closing(wire)
            wire.write(requests)
            waits = await self._tell()
            if word.done() or wire.lost.done():
                raise BenchError("a reader that kept up was closed")
        return waits

    async def one_has_stopped(self) -> Waits:
        """A round in which the one more reads nothing. Raises BenchError if it is not closed, and by its name."""
        async with self._one_more(NarrowWire) as (wire, requests):
            wire.stop_reading()
            wire.write(requests)
            waits = await self._tell()
            closed = await how_closed(wire)
        if closed != (SLOW_CONSUMER.code, SLOW_CONSUMER.reason):
            raise BenchError(f"a reader that had stopped was closed with {closed.code} {closed.reason}")
        self.closed.append(closed)
        return waits

    @asynccontextmanager
    async def _one_more(self, kind: type[SocketWire]) -> AsyncIterator[tuple[SocketWire, bytes]]:
        """One more who follows the book, and requests whose answers are more than the system keeps if nobody reads."""
        orders = self._orders
        wire = await orders.log_in(kind)
        try:
            async with in_time():
                begun = await wire.ask_for(2 * len(CHANNELS), b"".join(map(orders.subscription, CHANNELS)))
            how_many = -(-UNREAD_BYTES // max(map(len, begun)))
            assert 2 * how_many < OUTBOX_MESSAGES_MAX, "it would be closed before the round"
            yield wire, b"".join(orders.resync(CHANNELS[-1]) for _ in range(how_many))
        finally:
            wire.close()

    async def _tell(self) -> Waits:
        """The book changes by the clock, once what was asked for before has gone out, and as long as a reader has room.

        A slow disk takes many orders at a time, and so few are told: then the round goes on.
        """
        await asyncio.sleep(SETTLING_S)
        elapsed_ns, messages = [], 0
        while messages <= OUTBOX_MESSAGES_MAX:
            orders = self._orders.placed_and_cancelled(self._pairs)
            driving = drive_by_the_clock(self._publisher, orders, CHANGES_PER_S, UNDER_WAY_MAX)
            driven, heard_ns = await self._audience.follow(driving)
            elapsed_ns.append(heard_ns - driven.sent_ns)
            messages += len(CHANNELS) * len(self._audience.told)
        return Waits.of(np.concatenate(elapsed_ns, axis=1))


class NarrowWire(SocketWire):
    """A socket of which the system takes in next to nothing by itself."""

    @classmethod
    async def dial(cls, url: str) -> Self:
        """A connection to a server."""
        where, loop = URL(url), asyncio.get_running_loop()
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        narrow.setblocking(False)
        await loop.sock_connect(narrow, (where.host, where.port))
        _, wire = await loop.create_connection(cls, sock=narrow)
        return wire


def word_of_closing(wire: SocketWire) -> asyncio.Future[bytes]:
    """What the exchange says when it closes this connection, as soon as it is read."""
    word: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def hear(payload: bytes) -> None:
        # Messages are objects; what begins with the high byte of a code is no text.
        if not payload.startswith(b"{") and not word.done():
            word.set_result(payload)

    wire.hear = hear
    return word


async def how_closed(wire: SocketWire) -> Closed:
    """Read on, as far as the word of closing. Raises ConnectionError, and BenchError where none comes."""
    word = word_of_closing(wire)
    wire.read_on()
    try:
        async with asyncio.timeout(CLOSED_S):
            payload = await wire.answered(word)
    except TimeoutError:
        raise BenchError("a reader that had stopped was not closed") from None
    return Closed(int.from_bytes(payload[:2], "big"), payload[2:].decode())
