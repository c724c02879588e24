"""The WebSocket side of the client: requests by id, and channels.

One task reads the socket and hands each message to whoever waits for it. When the connection ends, everybody who waits
is told; whether a request under way was carried out shows when it is retried under the same client id.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from itertools import count
from typing import Self, Unpack

import aiohttp
import orjson

from gateway.client.account_models import AccountUpdate
from gateway.client.book import LocalBook
from gateway.client.errors import RefusedError, StreamClosedError
from gateway.client.inbox import Inbox, InboxFullError, Message
from gateway.client.models import Instrument, OrderAnswer, OrdersUpdate, Trade
from gateway.client.terms import (
    PlaceTerms,
    Price,
    ReplaceTerms,
    Side,
    new_id,
    place_fields,
    replace_fields,
    target_fields,
)
from gateway.signing import LOGIN_METHOD, LOGIN_PATH, Secret, canonical, sign

PING_INTERVAL_S = 30.0


class Stream:
    """One connection. Use it as an async context manager; get one from `Client.stream`."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key_id: str | None, secret: Secret | None) -> None:
        self._session = session
        self._url = url
        self._key_id = key_id
        self._secret = secret
        self._names = count(1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._books: dict[str, LocalBook] = {}
        self._inboxes: dict[tuple[str, str | None], Inbox] = {}
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

    async def ping(self) -> int:
        """A sign of life; the sequence that the market has reached."""
        return int((await self.ask("ping", {}))["sequence"])

    async def subscribe_book(self, symbol: str) -> LocalBook:
        """A book that follows the market until the stream ends; whole when this returns."""
        if symbol not in self._books:
            self._books[symbol] = LocalBook(symbol)
            await self.ask("subscribe", {"channel": "book", "symbol": symbol})
        book = self._books[symbol]
        while not book.is_whole:
            await book.changed()
        return book

    async def subscribe_trades(self, symbol: str | None = None) -> AsyncIterator[Trade]:
        """Trades of a tranche, or of all, beginning with the latest that were before."""
        inbox = await self._subscribe("trades", symbol)
        return (Trade.model_validate(row) async for message in inbox for row in message["trades"])

    async def subscribe_tickers(self) -> AsyncIterator[list[Instrument]]:
        """Tranches that changed, beginning with all that trade now."""
        inbox = await self._subscribe("ticker")
        return ([Instrument.model_validate(row) for row in message["tickers"]] async for message in inbox)

    async def subscribe_orders(self) -> AsyncIterator[OrdersUpdate]:
        """What happens to own orders, beginning with those that are open."""
        inbox = await self._subscribe("orders")
        return (OrdersUpdate.model_validate(message) async for message in inbox)

    async def subscribe_account(self) -> AsyncIterator[AccountUpdate]:
        """What happens to the own account beside its orders, beginning with how it stands."""
        inbox = await self._subscribe("account")
        return (AccountUpdate.model_validate(message) async for message in inbox)

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
        await self.ask("login", {"key": key_id, "timestamp": timestamp, "nonce": nonce, "signature": signature})

    async def _subscribe(self, channel: str, symbol: str | None = None) -> Inbox:
        """Messages of a channel from a fresh snapshot on; one subscription each. Raises ValueError for a second."""
        if (channel, symbol) in self._inboxes:
            raise ValueError(f"the stream is subscribed to {channel} already")
        inbox = self._inboxes[channel, symbol] = Inbox()
        await self.ask("subscribe", {"channel": channel} | ({"symbol": symbol} if symbol else {}))
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
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    break
                await self._take(orjson.loads(frame.data))
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
        elif channel == "heartbeat":
            self.last_heartbeat = message
        elif channel in ("ticker", "orders", "account"):
            self._put((channel, None), message)
        elif channel == "trades":
            self._put((channel, message["symbol"]), message)

    async def _follow_book(self, message: Message) -> None:
        book = self._books[message["symbol"]]
        if message["type"] == "snapshot":
            book.restart(message)
        elif book.is_whole and not book.advance(message):
            book.resync()
            await self._send(next(self._names), "subscribe", {"channel": "book", "symbol": book.symbol})

    def _put(self, name: tuple[str, str | None], message: Message) -> None:
        inbox = self._inboxes.get(name)
        if inbox is not None:
            inbox.put(message)

    def _end(self, ending: StreamClosedError) -> None:
        self._ending = ending
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ending)
        for book in self._books.values():
            book.end(ending)
        for inbox in self._inboxes.values():
            inbox.end(ending)
