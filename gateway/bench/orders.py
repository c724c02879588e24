"""What is sent to be measured: orders as JSON on a socket, signed over REST, and as frames of records."""

import secrets
import time
from itertools import count

import numpy as np
import orjson

from exchange.venue.schema import Command
from gateway.bench.driving import check_answers
from gateway.bench.exchange_server import MIDDLE_TICKS, Door
from gateway.bench.wire import SocketWire, frame_of
from gateway.identity.signing import (
    KEY_HEADER,
    LOGIN_METHOD,
    LOGIN_PATH,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    canonical,
    sign,
)
from matching.schema import ORDER_COMMAND, Side

ORDERS_PATH = "/v1/orders"
LEVELS = 100
AWAY_TICKS = 1_000
"""Orders as JSON rest so far from the middle, on either side, and never meet."""


class Orders:
    """Makes orders that never repeat, of one account in one window."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._names = count(1)
        self._random = np.random.default_rng(1)

    def messages(self, how_many: int) -> list[bytes]:
        """New orders, as frames of a socket."""
        return [self._request("place", **self._terms()) for _ in range(how_many)]

    def placed_and_cancelled(self, pairs: int) -> list[bytes]:
        """An order and its cancel, again and again: each changes one level of the book."""
        messages = []
        for _ in range(pairs):
            terms = self._terms()
            messages += [self._request("place", **terms), self._request("cancel", client_id=terms["client_id"])]
        return messages

    def cancel_all(self) -> bytes:
        """All that rests goes."""
        return self._request("cancel_all")

    def subscription(self, channel: str = "book") -> bytes:
        """The whole book, and each change at once."""
        return self._request("subscribe", channel=channel, symbol=self._door.symbol)

    def resync(self, channel: str) -> bytes:
        """The whole book once more."""
        return self._request("resync", channel=channel, symbol=self._door.symbol)

    def login(self) -> bytes:
        """The account's name on a socket."""
        timestamp, nonce, signature = self._signed(LOGIN_METHOD, LOGIN_PATH, b"")
        return self._request("login", key=self._door.key_id, timestamp=timestamp, nonce=nonce, signature=signature)

    def requests(self, how_many: int) -> list[bytes]:
        """New orders, as signed requests over REST; they are good for half a minute."""
        return [self._signed_request(orjson.dumps(self._terms())) for _ in range(how_many)]

    def records(self, how_many: int) -> np.ndarray:
        """New orders, as records: both sides around the middle, and one in eight crosses it."""
        random = self._random
        distances = 1 + random.exponential(8.0, how_many).astype(np.int64)
        distances[random.random(how_many) < 0.125] *= -1
        orders = np.zeros(how_many, ORDER_COMMAND)
        orders["kind"] = Command.PLACE
        orders["side"] = random.integers(0, 2, how_many)
        orders["instrument_id"] = self._door.instrument_id
        orders["quantity_lots"] = 1 + random.integers(0, 20, how_many)
        orders["price_ticks"] = MIDDLE_TICKS + np.where(orders["side"] == Side.BUY, -distances, distances)
        return orders

    async def log_in(self, kind: type[SocketWire] = SocketWire) -> SocketWire:
        """A connection of the account. Raises ConnectionError and BenchError."""
        wire = await kind.open(self._door.url, "/v1/ws")
        check_answers([await wire.ask(self.login())])
        return wire

    def _terms(self) -> dict[str, str]:
        number = next(self._names)
        away_ticks = AWAY_TICKS + number // 2 % LEVELS
        side, ticks = ("sell", MIDDLE_TICKS + away_ticks) if number % 2 else ("buy", MIDDLE_TICKS - away_ticks)
        return {
            "symbol": self._door.symbol,
            "side": side,
            "quantity": str(1 + number % 20),
            "price": f"0.{ticks:06d}",
            "client_id": f"bench-{number}",
        }

    def _request(self, operation: str, **fields: str) -> bytes:
        return frame_of(orjson.dumps({"op": operation, "id": next(self._names), **fields}))

    def _signed_request(self, body: bytes) -> bytes:
        timestamp, nonce, signature = self._signed("POST", ORDERS_PATH, body)
        head = (
            f"POST {ORDERS_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{KEY_HEADER}: {self._door.key_id}\r\n{TIMESTAMP_HEADER}: {timestamp}\r\n"
            f"{NONCE_HEADER}: {nonce}\r\n{SIGNATURE_HEADER}: {signature}\r\n\r\n"
        )
        return head.encode() + body

    def _signed(self, method: str, path: str, body: bytes) -> tuple[str, str, str]:
        timestamp, nonce = str(time.time_ns() // 1_000_000), secrets.token_hex(8)
        return timestamp, nonce, sign(self._door.secret, canonical(method, path, timestamp, nonce, body))
