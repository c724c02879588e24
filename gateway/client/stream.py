"""The WebSocket side of the client: requests by id, and what comes of the channels.

One task reads the socket and hands each message to whoever waits for it. When the connection ends, everybody who waits
is told; whether a request under way was carried out shows when it is retried under the same client id.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Self, Unpack

import aiohttp
import orjson

from gateway.client.book import Depth, Interval, LocalBook
from gateway.client.channels import Channels
from gateway.client.errors import RefusedError, StreamClosedError
from gateway.client.inbox import Inbox, InboxFullError, Message
from gateway.client.models import OrderAnswer
from gateway.client.orders import ManyOrders
from gateway.client.scopes import ScopedBooks
from gateway.client.terms import (
    PlaceTerms,
    Price,
    ReplaceTerms,
    ScopeTerms,
    Side,
    new_id,
    place_fields,
    replace_fields,
    target_fields,
)
from gateway.identity.signing import LOGIN_METHOD, LOGIN_PATH, Secret, canonical, sign

if TYPE_CHECKING:
    import numpy as np

    from gateway.client.binary_feeds import BinaryFeeds, OwnEvents
    from gateway.client.frames import FramesUnderWay
    from gateway.client.order_book import LocalOrderBook
    from gateway.encoding.binary_frames import Frame

PING_INTERVAL_S = 30.0
KIND = slice(4, 6)
"""Where a binary frame says what it is."""
ANSWERS = (2, 3)
"""Frames that answer frames of orders."""


class Stream(ManyOrders, Channels):
    """One connection. Use it as an async context manager; get one from `Client.stream`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        key_id: str | None,
        secret: Secret | None,
        guard: Mapping[str, str | int],
    ) -> None:
        self._session = session
        self._url = url
        self._key_id = key_id
        self._secret = secret
        self._guard = guard
        self._names = count(1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._books: dict[tuple[str, Depth, Interval], LocalBook] = {}
        self._scoped: list[ScopedBooks] = []
        self._inboxes: dict[tuple[str, str | None], Inbox] = {}
        self._frames: FramesUnderWay | None = None
        """Of a stream that has sent records."""
        self._feeds: BinaryFeeds | None = None
        """Of a stream that follows something in binary."""
        self._ending: StreamClosedError | None = None
        self.last_heartbeat: Message | None = None

    async def __aenter__(self) -> Self:
        # A message of any size: a snapshot of a deep book is as large as the book.
        self._socket = await self._session.ws_connect(self._url, max_msg_size=0, heartbeat=PING_INTERVAL_S)
        self._reader = asyncio.create_task(self._read())
        try:
            if self._key_id is not None:
                await self._log_in(self._key_id, self._secret or "")
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection."""
        await self._socket.close()
        await self._reader

    async def place(
        self, symbol: str, side: Side, quantity: int, price: Price | None = None, **terms: Unpack[PlaceTerms]
    ) -> OrderAnswer:
        """A new order: limit with a price, market without."""
        fields = place_fields(symbol, side, quantity, price, terms)
        return OrderAnswer.model_validate(await self.ask("place", fields))

    async def cancel(
        self, order_id: int | None = None, *, client_id: str | None = None, retry_id: str | None = None
    ) -> OrderAnswer:
        """Take an order off the book."""
        fields = target_fields(order_id, client_id) | {"retry_id": retry_id or new_id()}
        return OrderAnswer.model_validate(await self.ask("cancel", fields))

    async def replace(
        self,
        order_id: int | None = None,
        *,
        client_id: str | None = None,
        price: Price,
        quantity: int,
        **terms: Unpack[ReplaceTerms],
    ) -> OrderAnswer:
        """Change an order; `quantity` is its total unless `quantity_is` says "remaining"."""
        fields = target_fields(order_id, client_id) | replace_fields(price, quantity, terms)
        return OrderAnswer.model_validate(await self.ask("replace", fields))

    async def operate(self, operation: str, fields: Message) -> Message:
        """Ask for one operation on many orders."""
        return await self.ask(operation, fields)

    async def send_records(self, records: "np.ndarray") -> "Frame":
        """Send commands as one binary frame, and return its outcomes: docs/binary.md describes the records of both.

        Up to 1,023 records; a command that is refused has its own outcome. Raises RefusedError when nothing of the
        frame was run, and StreamClosedError.
        """
        if self._ending is not None:
            raise self._ending
        if self._frames is None:
            # The layouts come with the compiled engine, which no other client needs to load.
            from gateway.client.frames import FramesUnderWay

            self._frames = FramesUnderWay()
        try:
            return await self._frames.ask(self._socket.send_bytes, records)
        except ConnectionError:
            raise self._ending or StreamClosedError(None, "connection lost") from None

    async def log_out(self) -> None:
        """Leave the orders where they are; the connection goes on for what everybody may hear."""
        await self.ask("logout", {})

    async def ping(self) -> int:
        """A sign of life; the sequence that the market has reached."""
        return int((await self.ask("ping", {}))["sequence"])

    async def subscribe_book(self, symbol: str, depth: Depth = "all", interval: Interval = "raw") -> LocalBook:
        """A book that follows the market until the stream ends; whole when this returns.

        It has `depth` levels of each side. At an interval of "100ms" it is told the net change of each tenth of a
        second. It starts again by itself when a message is missing or a checksum is wrong, and counts how often.
        """
        if (symbol, depth, interval) not in self._books:
            await self.ask("subscribe", _topic_fields(self._book(symbol, depth, interval)))
        book = self._book(symbol, depth, interval)
        while not book.is_whole:
            await book.changed()
        return book

    async def subscribe_books(
        self, depth: Depth = "all", interval: Interval = "raw", **scope: Unpack[ScopeTerms]
    ) -> ScopedBooks:
        """The books of a region, a tier, or both: of the next so many `windows`, or of all. They roll by themselves."""
        way: Message = {"depth": depth, "interval": interval, "scope": scope}
        books = ScopedBooks(way | {"of": "book"}, lambda symbol: self._book(symbol, depth, interval))
        self._scoped.append(books)
        answer = await self.ask("subscribe", way | {"channel": "book"})
        books.roll(answer["symbols"], ())
        for book in list(books.books.values()):
            while not book.is_whole:
                await book.changed()
        return books

    async def subscribe_l3(self, symbol: str) -> "LocalOrderBook":
        """A book order by order that follows the market until the stream ends; whole when this returns.

        It comes in binary frames. It starts again by itself when one is missing, and counts how often.
        """
        feeds = self._binary_feeds()
        answer = await self.ask("subscribe", _l3_fields(symbol))
        book = feeds.add(answer["instrument_id"], symbol)
        while not book.is_whole:
            await book.changed()
        return book

    async def subscribe_events(self, since_sequence: int | None = None) -> AsyncIterator["OwnEvents"]:
        """All that happens to own orders as records of the engine, a frame for each batch that did something.

        The first frame has no records; with `since_sequence` all that happened after it. Raises RefusedError when that
        is not kept any more.
        """
        from gateway.client.binary_feeds import OwnEvents

        feeds = self._binary_feeds()
        if feeds.events is not None:
            raise ValueError("the stream is subscribed to events already")
        inbox = feeds.events = Inbox()
        since = {} if since_sequence is None else {"since_sequence": since_sequence}
        try:
            await self.ask("subscribe", {"channel": "events"} | since)
        except RefusedError:
            feeds.events = None
            raise
        return (OwnEvents(**told) async for told in inbox)

    async def ask(self, operation: str, fields: Message) -> Message:
        """Send one request and wait for its result. Raises RefusedError or StreamClosedError."""
        if self._ending is not None:
            raise self._ending
        name = next(self._names)
        future = self._waiting[name] = asyncio.get_running_loop().create_future()
        try:
            await self._send(name, operation, fields)
            answer = await future
        except ConnectionError:
            raise self._ending or StreamClosedError(None, "connection lost") from None
        finally:
            future.cancel()
            del self._waiting[name]
        if not answer["ok"]:
            raise RefusedError.from_json(answer)
        return answer["result"]

    async def _log_in(self, key_id: str, secret: Secret) -> None:
        timestamp, nonce = str(time.time_ns() // 1_000_000), secrets.token_hex(16)
        signature = sign(secret, canonical(LOGIN_METHOD, LOGIN_PATH, timestamp, nonce, b""))
        signed = {"key": key_id, "timestamp": timestamp, "nonce": nonce, "signature": signature}
        await self.ask("login", {**signed, **self._guard})

    async def _subscribe(self, channel: str, symbol: str | None = None, **options: str | int | None) -> Inbox:
        """Messages of a channel from a fresh snapshot on; one subscription each. Raises ValueError for a second."""
        if (channel, symbol) in self._inboxes:
            raise ValueError(f"the stream is subscribed to {channel} already")
        inbox = self._inboxes[channel, symbol] = Inbox()
        given = {name: value for name, value in (options | {"symbol": symbol}).items() if value is not None}
        try:
            await self.ask("subscribe", {"channel": channel} | given)
        except RefusedError:
            del self._inboxes[channel, symbol]
            raise
        return inbox

    async def _send(self, name: int, operation: str, fields: Message) -> None:
        await self._socket.send_str(orjson.dumps({"op": operation, "id": name, **fields}).decode())

    async def _read(self) -> None:
        """Hand out messages until the connection ends, then tell everybody who waits."""
        reason = ""
        try:
            while True:
                frame = await self._socket.receive()
                if frame.type is aiohttp.WSMsgType.CLOSE:
                    reason = frame.extra or ""
                if frame.type is aiohttp.WSMsgType.TEXT:
                    await self._take(orjson.loads(frame.data))
                elif frame.type is aiohttp.WSMsgType.BINARY:
                    await self._take_binary(frame.data)
                else:
                    break
        except InboxFullError:
            reason = "unread messages piled up"
            await self._socket.close()
        finally:
            self._end(StreamClosedError(self._socket.close_code, reason))

    async def _take(self, message: Message) -> None:
        channel = message.get("channel")
        if channel is None:
            future = self._waiting.get(message["id"])
            if future is not None and not future.done():
                future.set_result(message)
        elif channel == "book":
            await self._follow_book(message)
        elif channel == "scope":
            for books in self._scoped:
                if books.is_meant(message):
                    books.roll(message["joined"], message["left"])
        elif channel == "heartbeat":
            self.last_heartbeat = message
            await self._check_books(message["topics"])
        else:
            self._put((channel, message.get("symbol")), message)

    def _binary_feeds(self) -> "BinaryFeeds":
        if self._feeds is None:
            # The layouts come with the compiled engine, as those of records do.
            from gateway.client.binary_feeds import BinaryFeeds

            self._feeds = BinaryFeeds()
        return self._feeds

    async def _take_binary(self, payload: bytes) -> None:
        is_answer = int.from_bytes(payload[KIND], "little") in ANSWERS
        if is_answer and self._frames is not None:
            self._frames.take(payload)
        elif self._feeds is not None:
            symbol = self._feeds.take(payload)
            if symbol is not None:
                await self._send(next(self._names), "resync", _l3_fields(symbol))

    def _book(self, symbol: str, depth: Depth, interval: Interval) -> LocalBook:
        return self._books.setdefault((symbol, depth, interval), LocalBook(symbol, depth, interval))

    async def _follow_book(self, message: Message) -> None:
        book = self._book(message["symbol"], message["depth"], message["interval"])
        is_snapshot = message["type"] == "snapshot"
        if is_snapshot or book.is_whole:
            is_good = book.restart(message) if is_snapshot else book.advance(message)
            if not is_good:
                await self._send(next(self._names), "resync", _topic_fields(book))

    async def _check_books(self, topics: list[Message]) -> None:
        """On a quiet book nothing but a heartbeat shows that its last message is missing."""
        for topic in topics:
            feeds = self._feeds if topic.get("encoding") == "binary" else None
            if feeds is not None and feeds.is_behind(topic["symbol"], topic["sequence"]):
                await self._send(next(self._names), "resync", _l3_fields(topic["symbol"]))
            if topic["channel"] == "book":
                book = self._books.get((topic["symbol"], topic["depth"], topic["interval"]))
                if book is not None and not book.has_reached(topic["sequence"]):
                    await self._send(next(self._names), "resync", _topic_fields(book))

    def _put(self, name: tuple[str, str | None], message: Message) -> None:
        inbox = self._inboxes.get(name)
        if inbox is not None:
            inbox.put(message)

    def _end(self, ending: StreamClosedError) -> None:
        self._ending = ending
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ending)
        if self._frames is not None:
            self._frames.end(ending)
        if self._feeds is not None:
            self._feeds.end(ending)
        for book in self._books.values():
            book.end(ending)
        for books in self._scoped:
            books.end(ending)
        for inbox in self._inboxes.values():
            inbox.end(ending)


def _topic_fields(book: LocalBook) -> Message:
    return {"channel": "book", "symbol": book.symbol, "depth": book.depth, "interval": book.interval}


def _l3_fields(symbol: str) -> Message:
    return {"channel": "book.l3", "symbol": symbol, "encoding": "binary"}
