"""The exchange's own client, with a note of how long each request and each push took, and what was refused."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

import aiohttp

from exchange.venue.schema import Event, Reject
from gateway.client import Client, RefusedError, Stream, StreamClosedError
from gateway.client.inbox import Message
from gateway.identity.signing import Secret

if TYPE_CHECKING:
    import numpy as np

    from gateway.encoding.binary_frames import Frame

Kind = Literal["rest", "socket", "push", "slow"]
OBSERVATIONS_MAX = 1_000_000
PART_OF_THE_MARKET = frozenset(
    {"instrument_closed", "unknown_instrument", "post_only_would_trade", "unknown_order", "price_outside_band"}
)
"""Refusals that honest participants meet: a window closes, an order is taken, a price has gone."""
_TOLD_AT_ONCE = frozenset({"trades", "orders", "fills", "positions", "margin", "account", "book.l3"})


class Observation(NamedTuple):
    """One request or push: what it was, how long it took, and why it counts as a failure."""

    kind: Kind
    name: str
    latency_ns: int
    failure: str | None = None


class Recorder:
    """What the native thread has seen and nobody has taken yet. If nobody takes it, the oldest are lost and counted."""

    def __init__(self) -> None:
        self._seen: deque[Observation] = deque()
        self.lost = 0

    def note(self, kind: Kind, name: str, latency_ns: int, failure: str | None = None) -> None:
        """Remember one."""
        if len(self._seen) >= OBSERVATIONS_MAX:
            self._seen.popleft()
            self.lost += 1
        self._seen.append(Observation(kind, name, latency_ns, failure))

    def take(self) -> list[Observation]:
        """All that were noted since the last time."""
        return [self._seen.popleft() for _ in range(len(self._seen))]


class Timing(NamedTuple):
    """For whom observations are made, and which refusals are as they should be."""

    recorder: Recorder
    who: str
    expected: frozenset[str] = PART_OF_THE_MARKET
    clock_ahead_ns: int = 0
    """How far the exchange's wall clock is ahead of ours."""

    def note(self, kind: Kind, what: str, began_ns: int, refusal: str | None = None) -> None:
        """What began then has ended now."""
        failure = None if refusal in self.expected else refusal
        self.recorder.note(kind, f"{self.who}: {what}", perf_counter_ns() - began_ns, failure)

    def note_push(self, kind: Kind, channel: str, time_ns: int) -> None:
        """A message has come of a batch that the exchange stamped with this time."""
        self.recorder.note(kind, f"{self.who}: {channel}", time.time_ns() + self.clock_ahead_ns - time_ns)


class TimedClient(Client):
    """REST, timed."""

    def __init__(self, url: str, key_id: str | None, secret: Secret | None, timing: Timing) -> None:
        super().__init__(url, key_id, secret)
        self._timing = timing

    def expecting(self, refusals: frozenset[str]) -> "TimedClient":
        """Another client with the same key, for which these refusals are as they should be."""
        return TimedClient(self._url, self._key_id, self._secret, self._timing._replace(expected=refusals))

    def timed_stream(self, kind: "type[TimedStream] | None" = None) -> "TimedStream":
        """A socket, timed."""
        return (kind or TimedStream)(self.session, f"{self._url}/v1/ws", self._key_id, self._secret, self._timing)

    async def ask(
        self,
        method: str,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send one request, and note how it went."""
        began_ns, what = perf_counter_ns(), f"{method} {route_of(path)}"
        try:
            answer = await super().ask(method, path, fields, query=query)
        except (RefusedError, aiohttp.ClientError, TimeoutError, OSError) as error:
            self._timing.note("rest", what, began_ns, name_of(error))
            raise
        self._timing.note("rest", what, began_ns)
        return answer


class TimedStream(Stream):
    """One socket, timed: opening it with its login, requests, and pushes from the time of their batch."""

    push_kind: ClassVar[Kind] = "push"

    def __init__(
        self, session: aiohttp.ClientSession, url: str, key_id: str | None, secret: Secret | None, timing: Timing
    ) -> None:
        super().__init__(session, url, key_id, secret, {})
        self._timing = timing
        self.book_moved = asyncio.Event()
        """Set when a book has changed."""

    async def __aenter__(self) -> Self:
        began_ns = perf_counter_ns()
        try:
            await super().__aenter__()
        except (RefusedError, StreamClosedError, aiohttp.ClientError, TimeoutError, OSError) as error:
            self._timing.note("socket", "open", began_ns, name_of(error))
            raise
        self._timing.note("socket", "open", began_ns)
        return self

    async def ask(self, operation: str, fields: Message) -> Message:
        """Send one request, and note how it went."""
        began_ns = perf_counter_ns()
        try:
            answer = await super().ask(operation, fields)
        except (RefusedError, StreamClosedError) as error:
            self._timing.note("socket", operation, began_ns, name_of(error))
            raise
        self._timing.note("socket", operation, began_ns)
        return answer

    async def send_records(self, records: "np.ndarray") -> "Frame":
        """Send a frame, and note how it went: the first command in it that was refused speaks for it."""
        began_ns = perf_counter_ns()
        try:
            frame = await super().send_records(records)
        except (RefusedError, StreamClosedError) as error:
            self._timing.note("socket", "frame", began_ns, name_of(error))
            raise
        reasons = frame.records["reason"][frame.records["kind"] == Event.REJECTED]
        refusal = Reject(int(reasons[0])).name.lower() if len(reasons) else None
        self._timing.note("socket", "frame", began_ns, refusal)
        return frame

    async def _take(self, message: Message) -> None:
        channel = message.get("channel")
        if channel == "book" and message["type"] == "delta":
            self.book_moved.set()
        if channel is not None and is_told_at_once(message):
            self._timing.note_push(self.push_kind, channel, message["time_ns"])
        await super()._take(message)


def is_told_at_once(message: Message) -> bool:
    """Whether a message goes out with the batch of whose time it tells; a snapshot, or what is collected, does not."""
    if message["channel"] == "book":
        return message["type"] == "delta" and message["interval"] == "raw"
    return message["channel"] in _TOLD_AT_ONCE and message["type"] == "update"


def route_of(path: str) -> str:
    """A path without the ids in it, so that requests of one kind have one name."""
    return "/".join(part for part in path.split("/") if not any(letter.isdigit() for letter in part[1:]))


def name_of(error: BaseException) -> str:
    """A refusal by its code, a lost connection by its reason, anything else by its type."""
    if isinstance(error, RefusedError):
        return error.code
    if isinstance(error, StreamClosedError):
        return error.reason or f"closed with {error.code}"
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"handshake refused with {error.status}"
    return type(error).__name__
