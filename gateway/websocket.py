"""`/v1/ws`: order entry and channels on one connection, as JSON text frames.

Requests carry an `id` and may be pipelined; each answer repeats the id and comes when its outcome is durable. Handling
a frame never waits, so frames are handled in the order in which they came.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import structlog
from aiohttp import web

from exchange.service import Reply
from exchange.venue.schema import Reject
from gateway import codec
from gateway.auth import require_role
from gateway.errors import ApiError, DoorError
from gateway.feeds import CHANNELS
from gateway.gateway import GATEWAY, Gateway
from gateway.json_text import decode_object, encode
from gateway.key_terms import Scope, require_scope
from gateway.keys import ApiKey
from gateway.limits.budgets import remaining_row
from gateway.limits.weights import ATTEMPT, CANCEL, MESSAGE, PLACE, Operation, operation_on_socket
from gateway.messages import EVERYTHING, Topic, shutdown_notice
from gateway.requests import (
    CancelRequest,
    ChannelRequest,
    LoginRequest,
    PingRequest,
    PlaceRequest,
    ReplaceRequest,
    RequestHead,
    Role,
    parse,
)
from gateway.rows import Row, stamp
from gateway.sockets import FRAME_TOO_LARGE, KEY_EXPIRED, KEY_REVOKED, SHUTDOWN, Ending, Socket
from gateway.submission import reply_of, submit

log = structlog.get_logger()
RequestName = int | str | None


async def websocket(request: web.Request) -> web.WebSocketResponse:
    """Open a connection, and serve it until it ends."""
    gateway = request.app[GATEWAY]
    _check_origin(request)
    if request.body_exists or not web.WebSocketResponse().can_prepare(request):
        raise ApiError(DoorError.BAD_REQUEST, "open this path as a WebSocket")
    if gateway.is_closing:
        raise ApiError(DoorError.SHUTTING_DOWN)
    with gateway.limits.admit(request.remote or ""):
        return await Session(gateway, request.remote or "").run(request)


def _check_origin(request: web.Request) -> None:
    """A browser names the site whose page opens a socket; only our own pages may. Other programs send no origin."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
        raise ApiError(DoorError.FOREIGN_ORIGIN)


class Session:
    """What one connection has asked for: its account, its topics, its requests under way."""

    def __init__(self, gateway: Gateway, address: str) -> None:
        self._gateway = gateway
        self._address = address
        self._view = gateway.exchange.view
        self._socket = Socket(gateway.settings)
        self._key: ApiKey | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._topics: set[Topic] = set()
        self._in_flight: Counter[Operation] = Counter()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._operations: dict[str, Callable[[RequestName, dict[str, Any]], None]] = {
            "login": self._login,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "place": self._place,
            "cancel": self._cancel,
            "replace": self._replace,
            "ping": self._ping,
        }

    async def run(self, request: web.Request) -> web.WebSocketResponse:
        """Serve the connection to its end."""
        gateway = self._gateway
        gateway.sessions.add(self)
        gateway.feed.join(self)
        try:
            return await self._socket.run(request, self._hear, self._refuse_binary)
        finally:
            self._forget_key()
            gateway.feed.leave(self, self._topics)
            gateway.sessions.discard(self)

    def offer(self, message: bytes) -> None:
        """Take a message of the feed."""
        self._socket.offer(message)

    def drop(self, key_ids: Collection[str]) -> None:
        """Close at once if it is one of these keys with which the connection has logged in."""
        if self._key is not None and self._key.key_id in key_ids:
            self._lose_key(KEY_REVOKED)

    async def shut_down(self, wait_s: float) -> None:
        """Tell the client that the gateway closes, answer what is under way, and close."""
        self.offer(encode(shutdown_notice()))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_idle.wait(), wait_s)
        self._socket.end(SHUTDOWN)

    def _hear(self, payload: bytes) -> None:
        """One frame: the one place where whatever goes wrong becomes an answer."""
        name: RequestName = None
        try:
            head, fields = self._read(payload)
            name = head.id
            self._charge(operation_on_socket(head.op))
            if head.op not in self._operations:
                raise ApiError(DoorError.UNKNOWN_OPERATION)
            if self._gateway.is_closing:
                raise ApiError(DoorError.SHUTTING_DOWN)
            self._operations[head.op](name, fields)
        except ApiError as error:
            self._refuse(name, error)
        except Exception:
            log.exception("request_failed")
            self._refuse(name, ApiError(DoorError.INTERNAL_ERROR))

    def _read(self, payload: bytes) -> tuple[RequestHead, dict[str, Any]]:
        """The head of a request and its other fields. Who sends what cannot be read pays for it. Raises ApiError."""
        try:
            if len(payload) > self._gateway.settings.frame_bytes_max:
                raise ApiError(DoorError.FRAME_TOO_LARGE)
            fields = decode_object(payload)
            return parse(RequestHead, {key: fields.pop(key) for key in ("id", "op") if key in fields}), fields
        except ApiError as error:
            if error.error is not DoorError.FRAME_TOO_LARGE:
                self._charge(MESSAGE)
            raise

    def _refuse_binary(self) -> None:
        self._refuse(None, ApiError(DoorError.BINARY_FRAME))

    def _charge(self, operation: Operation) -> None:
        rates = self._gateway.rates
        if operation is ATTEMPT:
            rates.charge_attempt(self._address)
        elif self._key is None:
            rates.charge_address(self._address, operation)
        else:
            rates.charge(self._key, operation)

    def _login(self, name: RequestName, fields: dict[str, Any]) -> None:
        key = self._gateway.authenticator.verify_login(parse(LoginRequest, fields), self._address)
        require_scope(key.terms, Scope.READ)
        if self._key is not None and self._key.account_id != key.account_id:
            raise ApiError(DoorError.OTHER_ACCOUNT)
        self._hold(key)
        account = self._view.accounts.get(key.account_id)
        self._answer(name, {"account": account.name if account else None, "roles": sorted(key.roles)})

    def _hold(self, key: ApiKey) -> None:
        """Count the connection under the key with which it logged in last. Raises ApiError."""
        if self._key is None or self._key.key_id != key.key_id:
            self._gateway.limits.hold(key.key_id)
            self._forget_key()
        self._key = key
        if key.terms.expires_ns:
            left_s = (key.terms.expires_ns - time.time_ns()) / 1e9
            self._expiry = asyncio.get_running_loop().call_later(left_s, self._lose_key, KEY_EXPIRED)

    def _forget_key(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self._key is not None:
            self._gateway.limits.release(self._key.key_id)
            self._key = None

    def _lose_key(self, ending: Ending) -> None:
        """Frames that are there already are not served any more."""
        self._forget_key()
        self._socket.end(ending)

    def _subscribe(self, name: RequestName, fields: dict[str, Any]) -> None:
        request = parse(ChannelRequest, fields)
        topic = self._topic(request)
        if topic.channel == "account" and topic.subject not in self._view.accounts:
            raise ApiError(Reject.UNKNOWN_ACCOUNT)
        if topic not in self._topics:
            if len(self._topics) >= self._gateway.settings.subscriptions_per_connection_max:
                raise ApiError(DoorError.TOO_MANY_SUBSCRIPTIONS)
            self._topics.add(topic)
        self._answer(name, {"channel": request.channel, "symbol": request.symbol})
        self._gateway.feed.subscribe(self, topic)

    def _unsubscribe(self, name: RequestName, fields: dict[str, Any]) -> None:
        request = parse(ChannelRequest, fields)
        topic = self._topic(request)
        if topic not in self._topics:
            raise ApiError(DoorError.NOT_SUBSCRIBED)
        self._topics.discard(topic)
        self._gateway.feed.unsubscribe(self, topic)
        self._answer(name, {"channel": request.channel, "symbol": request.symbol})

    def _place(self, name: RequestName, fields: dict[str, Any]) -> None:
        account_id = self._ordering_account()
        request = parse(PlaceRequest, fields)
        group = codec.place_command(self._view, account_id, request)
        self._submit(name, group, partial(codec.place_answer, self._view, request), PLACE)

    def _cancel(self, name: RequestName, fields: dict[str, Any]) -> None:
        account_id = self._ordering_account()
        request = parse(CancelRequest, fields)
        group = codec.cancel_command(account_id, request, request)
        self._submit(name, group, partial(codec.change_answer, self._view), CANCEL)

    def _replace(self, name: RequestName, fields: dict[str, Any]) -> None:
        account_id = self._ordering_account()
        request = parse(ReplaceRequest, fields)
        group = codec.replace_command(account_id, request, request)
        self._submit(name, group, partial(codec.change_answer, self._view), PLACE)

    def _ping(self, name: RequestName, fields: dict[str, Any]) -> None:
        parse(PingRequest, fields)
        self._answer(name, stamp(self._view))

    def _topic(self, request: ChannelRequest) -> Topic:
        """The topic that a request names. Raises ApiError."""
        if request.channel not in CHANNELS:
            raise ApiError(DoorError.UNKNOWN_CHANNEL)
        if request.channel in ("ticker", "orders", "account"):
            if request.symbol is not None:
                raise ApiError(DoorError.UNKNOWN_FIELD, f"symbol: the channel {request.channel} takes none", "symbol")
            return Topic(request.channel, EVERYTHING if request.channel == "ticker" else self._trading_account())
        if request.symbol is not None:
            return Topic(request.channel, codec.instrument_id_of(self._view, request.symbol))
        if request.channel == "book":
            raise ApiError(DoorError.MISSING_FIELD, "symbol: a book is that of one tranche", "symbol")
        return Topic(request.channel)

    def _trading_account(self) -> int:
        if self._key is None:
            raise ApiError(DoorError.NOT_LOGGED_IN)
        require_role(self._key, Role.TRADER, Role.PROVIDER)
        return self._key.account_id

    def _ordering_account(self) -> int:
        account_id = self._trading_account()
        assert self._key is not None, "whoever has an account has logged in"
        require_scope(self._key.terms, Scope.TRADE)
        return account_id

    def _submit(self, name: RequestName, group: np.ndarray, answer: Callable[[Reply], Row], room: Operation) -> None:
        """Send a command. Cancels have room of their own, which orders under way leave alone. Raises ApiError."""
        if self._in_flight[room] >= self._gateway.settings.requests_in_flight_max:
            raise ApiError(DoorError.TOO_MANY_IN_FLIGHT)
        future = submit(self._gateway.exchange, group)
        self._in_flight[room] += 1
        self._is_idle.clear()
        future.add_done_callback(partial(self._settle, name, answer, room))

    def _settle(
        self, name: RequestName, answer: Callable[[Reply], Row], room: Operation, future: asyncio.Future[Reply]
    ) -> None:
        """The outcome is durable: answer."""
        self._in_flight[room] -= 1
        if not self._in_flight.total():
            self._is_idle.set()
        try:
            self._answer(name, answer(reply_of(future)))
        except ApiError as error:
            self._refuse(name, error)
        except Exception:
            log.exception("answer_failed")
            self._refuse(name, ApiError(DoorError.INTERNAL_ERROR))

    def _answer(self, name: RequestName, result: Row) -> None:
        self.offer(encode({"id": name, "ok": True, "result": result} | self._rate_limit()))

    def _rate_limit(self) -> Row:
        """What is left of the account's budget, with every answer."""
        return {} if self._key is None else {"rate_limit": remaining_row(self._gateway.rates.remaining(self._key))}

    def _refuse(self, name: RequestName, error: ApiError) -> None:
        refusal: Row = {"id": name, "ok": False, "error": error.as_json()} | self._rate_limit()
        if error.is_repeated:
            refusal["repeated"] = True
        self.offer(encode(refusal))
        if error.error is DoorError.FRAME_TOO_LARGE:
            self._socket.end(FRAME_TOO_LARGE)
