"""`/v1/ws`: order entry and channels on one connection, as JSON text frames.

Requests carry an `id` and may be pipelined; each answer repeats the id and comes when its outcome is durable. Handling
a frame never waits, so frames are handled in the order in which they came.
"""

import asyncio
from collections.abc import Callable
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
from gateway.binary_lane import BinaryLane
from gateway.errors import ApiError, DoorError
from gateway.feeds import CHANNELS
from gateway.gateway import GATEWAY, Gateway
from gateway.json_text import decode_object, encode
from gateway.keys import ApiKey
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
from gateway.sockets import FRAME_TOO_LARGE, SHUTDOWN, Socket
from gateway.submission import reply_of, submit

log = structlog.get_logger()
RequestName = int | str | None


async def websocket(request: web.Request) -> web.WebSocketResponse:
    """Open a connection, and serve it until it ends."""
    gateway = request.app[GATEWAY]
    _check_origin(request)
    if not web.WebSocketResponse().can_prepare(request):
        raise ApiError(DoorError.BAD_REQUEST, "open this path as a WebSocket")
    if gateway.is_closing:
        raise ApiError(DoorError.SHUTTING_DOWN)
    with gateway.limits.admit(request.remote or ""):
        return await Session(gateway).run(request)


def _check_origin(request: web.Request) -> None:
    """A browser names the site whose page opens a socket; only our own pages may. Other programs send no origin."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
        raise ApiError(DoorError.FOREIGN_ORIGIN)


class Session:
    """What one connection has asked for: its account, its topics, its requests under way."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._view = gateway.exchange.view
        self._socket = Socket(gateway.settings)
        self._key: ApiKey | None = None
        self._topics: set[Topic] = set()
        self._in_flight = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._lane = BinaryLane(self)
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
            return await self._socket.run(request, self._hear, self._lane.hear)
        finally:
            gateway.feed.leave(self, self._topics)
            gateway.sessions.discard(self)

    def offer(self, message: bytes) -> None:
        """Take a message of the feed."""
        self._socket.offer(message)

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
            if len(payload) > self._gateway.settings.frame_bytes_max:
                raise ApiError(DoorError.FRAME_TOO_LARGE)
            fields = decode_object(payload)
            head = parse(RequestHead, {key: fields.pop(key) for key in ("id", "op") if key in fields})
            name = head.id
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

    def _login(self, name: RequestName, fields: dict[str, Any]) -> None:
        key = self._gateway.authenticator.verify_login(parse(LoginRequest, fields))
        if self._key is not None and self._key.account_id != key.account_id:
            raise ApiError(DoorError.OTHER_ACCOUNT)
        self._key = key
        account = self._view.accounts.get(key.account_id)
        self._answer(name, {"account": account.name if account else None, "roles": sorted(key.roles)})

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
        account_id = self.trading_account()
        request = parse(PlaceRequest, fields)
        group = codec.place_command(self._view, account_id, request)
        self._submit(name, group, partial(codec.place_answer, self._view, request))

    def _cancel(self, name: RequestName, fields: dict[str, Any]) -> None:
        account_id = self.trading_account()
        request = parse(CancelRequest, fields)
        group = codec.cancel_command(account_id, request, request)
        self._submit(name, group, partial(codec.change_answer, self._view))

    def _replace(self, name: RequestName, fields: dict[str, Any]) -> None:
        account_id = self.trading_account()
        request = parse(ReplaceRequest, fields)
        group = codec.replace_command(account_id, request, request)
        self._submit(name, group, partial(codec.change_answer, self._view))

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
            return Topic(request.channel, EVERYTHING if request.channel == "ticker" else self.trading_account())
        if request.symbol is not None:
            return Topic(request.channel, codec.instrument_id_of(self._view, request.symbol))
        if request.channel == "book":
            raise ApiError(DoorError.MISSING_FIELD, "symbol: a book is that of one tranche", "symbol")
        return Topic(request.channel)

    def trading_account(self) -> int:
        """Whose key logged in, with a role that trades. Raises ApiError."""
        if self._key is None:
            raise ApiError(DoorError.NOT_LOGGED_IN)
        require_role(self._key, Role.TRADER, Role.PROVIDER)
        return self._key.account_id

    def _submit(self, name: RequestName, group: np.ndarray, answer: Callable[[Reply], Row]) -> None:
        self.send(group, partial(self._settle, name, answer))

    def send(self, records: np.ndarray, settle: Callable[[asyncio.Future[Reply]], None]) -> None:
        """Queue a command, or a block of them; `settle` is called when it is durable. Raises ApiError."""
        if self._gateway.is_closing:
            raise ApiError(DoorError.SHUTTING_DOWN)
        if self._in_flight >= self._gateway.settings.requests_in_flight_max:
            raise ApiError(DoorError.TOO_MANY_IN_FLIGHT)
        future = submit(self._gateway.exchange, records)
        self._in_flight += 1
        self._is_idle.clear()
        future.add_done_callback(self._land)
        future.add_done_callback(settle)

    def _land(self, _: asyncio.Future[Reply]) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self._is_idle.set()

    def _settle(self, name: RequestName, answer: Callable[[Reply], Row], future: asyncio.Future[Reply]) -> None:
        """The outcome is durable: answer."""
        try:
            self._answer(name, answer(reply_of(future)))
        except ApiError as error:
            self._refuse(name, error)
        except Exception:
            log.exception("answer_failed")
            self._refuse(name, ApiError(DoorError.INTERNAL_ERROR))

    def _answer(self, name: RequestName, result: Row) -> None:
        self.offer(encode({"id": name, "ok": True, "result": result}))

    def _refuse(self, name: RequestName, error: ApiError) -> None:
        refusal: Row = {"id": name, "ok": False, "error": error.as_json()}
        if error.is_repeated:
            refusal["repeated"] = True
        self.offer(encode(refusal))
        if error.error is DoorError.FRAME_TOO_LARGE:
            self._socket.end(FRAME_TOO_LARGE)
