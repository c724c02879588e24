"""`/v1/ws`: order entry and channels on one connection, as JSON text frames.

Requests carry an `id` and may be pipelined; each answer repeats the id and comes when its outcome is durable. Handling
a frame never waits, so frames are handled in the order in which they came.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import numpy as np
import structlog
from aiohttp import web

from exchange.service import Reply, Ticket
from exchange.venue.schema import Reject
from gateway.encoding import codec
from gateway.encoding.json_text import decode_object, encode
from gateway.encoding.requests import (
    RISK_STAFF,
    CancelRequest,
    ChannelRequest,
    LoginRequest,
    LogoutRequest,
    PingRequest,
    PlaceRequest,
    ReplaceRequest,
    RequestHead,
    Role,
    SetRequest,
    parse,
)
from gateway.encoding.rows import Row, stamp
from gateway.errors import ApiError, DoorError
from gateway.feeds.messages import shutdown_notice
from gateway.feeds.scopes import scope_of
from gateway.feeds.subscriptions import Following, Subscriptions, following_row
from gateway.feeds.topics import Topic, topic_of, topic_row
from gateway.gateway import GATEWAY, Gateway
from gateway.identity.auth import require_role
from gateway.identity.guard_table import GuardRow
from gateway.identity.key_terms import Scope, require_scope
from gateway.identity.origins import check_origin
from gateway.identity.session_cookie import opener
from gateway.identity.sign_ins import SignIn
from gateway.limits.budgets import remaining_row
from gateway.limits.weights import ANALYSIS, ATTEMPT, CANCEL, MESSAGE, PLACE, Operation, operation_on_socket
from gateway.orders.alternatives import with_alternatives
from gateway.orders.entry import OWNERS, OrderOperation, Replies, one_reply
from gateway.orders.plain_orders import Turn
from gateway.orders.routes import ORDER_OPERATIONS
from gateway.sockets.binary_lane import BinaryLane
from gateway.sockets.login import Login
from gateway.sockets.socket import FRAME_TOO_LARGE, SHUTDOWN, Socket
from gateway.sockets.under_way import UnderWay
from gateway.submission import Pending, Replied, enter

log = structlog.get_logger()
RequestName = int | str | None
Handling = Callable[[RequestName, dict[str, Any]], None]


async def websocket(request: web.Request) -> web.StreamResponse:
    """Open a connection, and serve it until it ends."""
    gateway = request.app[GATEWAY]
    check_origin(request)
    if request.body_exists or not web.WebSocketResponse().can_prepare(request):
        raise ApiError(DoorError.BAD_REQUEST, "open this path as a WebSocket")
    if gateway.is_closing:
        raise ApiError(DoorError.SHUTTING_DOWN)
    with gateway.limits.admit(request.remote or ""):
        return await Session(gateway, request.remote or "", opener(request)).run(request)


class Session:
    """What one connection has asked for: its account, its topics, its requests under way."""

    def __init__(self, gateway: Gateway, address: str, sign_in: SignIn | None) -> None:
        self._gateway = gateway
        self._address = address
        self._view = gateway.exchange.view
        self._socket = Socket(gateway.settings, gateway.exchange.stages)
        self._login = Login(gateway.limits, sign_in, gateway.plain.catch_up, self._socket.end)
        self._guard: GuardRow | None = None
        """What goes with the connection when it ends."""
        topics_max = gateway.settings.subscriptions_per_connection_max
        self._subscriptions = Subscriptions(gateway.feed, self._view, self, topics_max)
        self._under_way = UnderWay(gateway.settings.requests_in_flight_max)
        self._tasks: set[asyncio.Task[None]] = set()
        """Answers that take a further look; the loop itself would not keep them."""
        self._lane = BinaryLane(self)
        self._operations: dict[str, Handling] = {
            "login": self._log_in,
            "logout": self._log_out,
            "set": self._set,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "resync": self._resync,
            "place": self._place,
            "cancel": self._cancel,
            "replace": self._replace,
            "ping": self._ping,
            **{op: partial(self._enter, operation) for op, operation in ORDER_OPERATIONS.items()},
        }

    async def run(self, request: web.Request) -> web.StreamResponse:
        """Serve the connection to its end."""
        gateway = self._gateway
        self._login.take_up_sign_in()
        gateway.sessions.add(self)
        self._subscriptions.begin()
        try:
            return await self._socket.run(request, partial(gateway.plain.hear, self), self._hear_binary)
        finally:
            self._subscriptions.end()
            gateway.plain.catch_up()
            self._unguard(is_cancelling=True)
            self._login.forget()
            gateway.sessions.discard(self)

    @property
    def is_behind(self) -> bool:
        """Whether the client has much to read."""
        return self._socket.is_behind

    def offer(self, message: bytes) -> None:
        """Take a message of the feed."""
        self._socket.offer(message)

    def drop(self, key_ids: Collection[str]) -> None:
        """Close at once if it is one of these keys with which the connection has logged in."""
        self._login.drop(key_ids)

    async def shut_down(self, wait_s: float) -> None:
        """Tell the client that the gateway closes, answer what is under way, and close."""
        self.offer(encode(shutdown_notice()))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._under_way.ended(), wait_s)
        self._socket.end(SHUTDOWN)

    def _hear_binary(self, payload: bytes) -> None:
        """One frame of records, after all that came before it as text."""
        self._gateway.plain.catch_up()
        self._lane.hear(payload)

    def hear_other(self, payload: bytes) -> None:
        """One frame that is no plain order: the one place where whatever goes wrong becomes an answer."""
        name: RequestName = None
        try:
            head, fields = self._read(payload)
            name = head.id
            self.charge(operation_on_socket(head.op))
            if head.op not in self._operations:
                raise ApiError(DoorError.UNKNOWN_OPERATION)
            self._operations[head.op](name, fields)
        except ApiError as error:
            self.refuse(name, error)
        except Exception:
            log.exception("request_failed")
            self.refuse(name, ApiError(DoorError.INTERNAL_ERROR))

    # What the plain road asks of a session.

    def plain_turn(self) -> Turn | None:
        """What holds for plain orders in this turn of the loop."""
        key = self._login.key
        if key is None or self._gateway.is_closing:
            return None
        if key.roles.isdisjoint(OWNERS) or Scope.TRADE not in key.terms.scopes:
            return None
        bucket = self._gateway.rates.bucket_of(key)
        return Turn(self, key.account_id, self.session_id, bucket, self._under_way.room_for(PLACE))

    def hold(self) -> None:
        """Leave for a while what more comes."""
        self._socket.hold()

    def read_on(self) -> None:
        """Read what came meanwhile."""
        self._socket.read_on()

    def begin_plain(self, count: int) -> None:
        """So many are under way."""
        self._under_way.begin(PLACE, count)

    def end_plain(self, count: int) -> None:
        """So many are done."""
        self._under_way.end(PLACE, count)

    def offer_frames(self, frames: bytes) -> None:
        """Send messages, which are frames already."""
        self._socket.offer_frames(frames)

    def _read(self, payload: bytes) -> tuple[RequestHead, dict[str, Any]]:
        """The head of a request and its other fields. Who sends what cannot be read pays for it. Raises ApiError."""
        try:
            if len(payload) > self._gateway.settings.frame_bytes_max:
                raise ApiError(DoorError.FRAME_TOO_LARGE)
            fields = decode_object(payload)
            return parse(RequestHead, {key: fields.pop(key) for key in ("id", "op") if key in fields}), fields
        except ApiError as error:
            if error.error is not DoorError.FRAME_TOO_LARGE:
                self.charge(MESSAGE)
            raise

    def charge(self, operation: Operation) -> None:
        """Let the account pay for a request, or before a login the address. Raises ApiError."""
        if self._gateway.is_closing:
            raise ApiError(DoorError.SHUTTING_DOWN)
        rates = self._gateway.rates
        if operation is ATTEMPT:
            rates.charge_attempt(self._address)
        elif self._login.key is None:
            rates.charge_address(self._address, operation)
        else:
            rates.charge(self._login.key, operation)

    def _log_in(self, name: RequestName, fields: dict[str, Any]) -> None:
        request = parse(LoginRequest, fields)
        key = self._gateway.authenticator.verify_login(request, self._address)
        require_scope(key.terms, Scope.READ)
        if self._login.key is not None and self._login.key.account_id != key.account_id:
            raise ApiError(DoorError.OTHER_ACCOUNT)
        self._login.hold(key)
        if key.roles.isdisjoint(RISK_STAFF):
            self._subscriptions.drop_of_staff()
        account = self._view.accounts.get(key.account_id)
        told: Row = {"account": account.name if account else None, "roles": sorted(key.roles)}
        if request.cancel_on_disconnect is None:
            self._answer(name, told)
        else:
            self._put_guard(name, told, request.cancel_on_disconnect, request.session)

    def _set(self, name: RequestName, fields: dict[str, Any]) -> None:
        request = parse(SetRequest, fields)
        self._trading_account()
        if request.cancel_on_disconnect is None:
            self._unguard(is_cancelling=False)
            self._answer(name, {"cancel_on_disconnect": None})
        else:
            self._put_guard(name, {}, request.cancel_on_disconnect, request.session)

    def _log_out(self, name: RequestName, fields: dict[str, Any]) -> None:
        parse(LogoutRequest, fields)
        self._unguard(is_cancelling=False)
        self._subscriptions.drop_private()
        self._subscriptions.drop_of_staff()
        self._login.forget()
        self._answer(name, {})

    def _put_guard(self, name: RequestName, told: Row, mode: str, session_id: int | None) -> None:
        """Orders go with the connection from now on; it is answered once that is on disk."""
        account_id, of_account = self._trading_account(), mode == "account"
        if self._guard is not None and session_id in (None, self._guard.session_id):
            guard = self._guard._replace(of_account=of_account)
        else:
            guard = self._gateway.guards.take(account_id, of_account=of_account, session_id=session_id)
            self._unguard(is_cancelling=False)
        self._guard = guard
        row = told | {"cancel_on_disconnect": mode, "session": guard.session_id}

        async def enter() -> Row:
            await self._gateway.guards.enter(guard)
            return row

        self._under_way.begin(PLACE, 1)
        self._tell_later(name, enter())

    def _unguard(self, *, is_cancelling: bool) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            self._gateway.guards.release(guard, is_cancelling=is_cancelling)

    def _subscribe(self, name: RequestName, fields: dict[str, Any]) -> None:
        request = parse(ChannelRequest, fields)
        topic = self._topic(request)
        if request.scope is None:
            self._subscriptions.subscribe(topic, request.since_sequence)
            self._answer(name, topic_row(self._view, topic))
        else:
            following = Following(topic, scope_of(self._view, request.scope))
            symbols = self._subscriptions.follow(following)
            self._answer(name, following_row(following) | {"symbols": symbols})

    def _unsubscribe(self, name: RequestName, fields: dict[str, Any]) -> None:
        request = parse(ChannelRequest, fields)
        topic = self._topic(request)
        if request.scope is None:
            self._subscriptions.unsubscribe(topic)
            self._answer(name, topic_row(self._view, topic))
        else:
            following = Following(topic, scope_of(self._view, request.scope))
            self._subscriptions.unfollow(following)
            self._answer(name, following_row(following))

    def _resync(self, name: RequestName, fields: dict[str, Any]) -> None:
        """A fresh snapshot of what is subscribed."""
        topic = self._topic(parse(ChannelRequest, fields))
        self._subscriptions.resync(topic)
        self._answer(name, topic_row(self._view, topic))

    def _place(self, name: RequestName, fields: dict[str, Any]) -> None:
        account_id = self.ordering_account()
        request = parse(PlaceRequest, self._guarded(fields))
        group = codec.place_command(self._view, account_id, request)
        tell = one_reply(partial(codec.place_answer, self._view, request))
        if request.alternatives:
            self.charge(ANALYSIS)
            future = asyncio.get_running_loop().create_future()
            self._queue([group], [future], PLACE)
            self._tell_later(name, self._with_alternatives(account_id, request, future, tell))
        else:
            self._submit(name, [group], tell, PLACE)

    def _cancel(self, name: RequestName, fields: dict[str, Any]) -> None:
        account_id = self.ordering_account()
        request = parse(CancelRequest, fields)
        group = codec.cancel_command(account_id, request, request)
        self._submit(name, [group], one_reply(partial(codec.change_answer, self._view)), CANCEL)

    def _replace(self, name: RequestName, fields: dict[str, Any]) -> None:
        account_id = self.ordering_account()
        request = parse(ReplaceRequest, fields)
        group = codec.replace_command(account_id, request, request)
        self._submit(name, [group], one_reply(partial(codec.change_answer, self._view)), PLACE)

    def _enter(self, operation: OrderOperation, name: RequestName, fields: dict[str, Any]) -> None:
        """An operation on many orders."""
        account_id = self.ordering_account(*operation.roles)
        entry = operation.entry(self._view, account_id, self._guarded(fields) if operation.brings_orders else fields)
        self._submit(name, entry.groups, entry.answer, PLACE if operation.brings_orders else CANCEL)

    @property
    def session_id(self) -> int:
        """Under which number orders go with the connection; 0 if they do not."""
        return 0 if self._guard is None or self._guard.of_account else self._guard.session_id

    def _guarded(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Terms of orders that go with the connection, if orders do and nothing else is said."""
        if not self.session_id:
            return fields
        session = {"session": self.session_id}
        if "orders" not in fields:
            return session | fields
        orders = fields["orders"]
        if not isinstance(orders, list):
            return fields
        return fields | {"orders": [session | each if isinstance(each, dict) else each for each in orders]}

    def _ping(self, name: RequestName, fields: dict[str, Any]) -> None:
        parse(PingRequest, fields)
        self._answer(name, stamp(self._view))

    def _topic(self, request: ChannelRequest) -> Topic:
        """The topic that a request names. Raises ApiError."""
        return topic_of(self._view, request, self._own_account, self._check_staff)

    def _check_staff(self) -> None:
        """Raises ApiError unless a key of risk staff has logged in."""
        if self._login.key is None:
            raise ApiError(DoorError.NOT_LOGGED_IN)
        require_role(self._login.key, *RISK_STAFF)

    def _trading_account(self, *roles: Role) -> int:
        if self._login.key is None:
            raise ApiError(DoorError.NOT_LOGGED_IN)
        require_role(self._login.key, *(roles or OWNERS))
        return self._login.key.account_id

    def ordering_account(self, *roles: Role) -> int:
        """The account that orders over the connection, by a key with one of these roles. Raises ApiError."""
        account_id = self._trading_account(*roles)
        assert self._login.key is not None, "whoever has an account has logged in"
        require_scope(self._login.key.terms, Scope.TRADE)
        return account_id

    def _own_account(self) -> int:
        """The account whose affairs may be heard. Raises ApiError."""
        account_id = self._trading_account()
        if account_id not in self._view.accounts:
            raise ApiError(Reject.UNKNOWN_ACCOUNT)
        return account_id

    def _submit(
        self, name: RequestName, groups: Sequence[np.ndarray], answer: Callable[[Replies], Row], room: Operation
    ) -> None:
        """Queue the commands of one request, and answer when the last of them is done."""
        told = 0

        def tell(_: Replied) -> None:
            nonlocal told
            self._gateway.exchange.follow()
            told += 1
            self._under_way.end(room)
            if told == len(pending):
                self._settle(name, answer, pending)

        pending = [Pending(tell) for _ in groups]
        if pending:
            self._queue(groups, pending, room)
        else:
            self._answer(name, answer(pending))

    def send(
        self,
        block: np.ndarray,
        room: Operation,
        settle: Callable[[Replied], None],
        prepare: Callable[[Reply], None],
    ) -> None:
        """Queue a block of commands; `settle` is called when it is durable, `prepare` may be before (see `Pending`).
        Neither reads the view. Raises ApiError.
        """

        def tell(pending: Replied) -> None:
            self._under_way.end(room)
            settle(pending)

        self._queue([block], [Pending(tell, prepare)], room)

    def _queue(self, groups: Sequence[np.ndarray], tickets: Sequence[Ticket], room: Operation) -> None:
        """Queue commands, each of which counts as under way. Orders leave room for cancels. Raises ApiError."""
        self._under_way.check(room, len(groups))
        enter(self._gateway.exchange, groups, tickets)
        self._under_way.begin(room, len(groups))

    def _settle(self, name: RequestName, answer: Callable[[Replies], Row], replies: Replies) -> None:
        """All outcomes of a request are durable."""
        with self._refusing(name):
            self._answer(name, answer(replies))

    async def _with_alternatives(
        self, account_id: int, order: PlaceRequest, future: asyncio.Future[Reply], tell: Callable[[Replies], Row]
    ) -> Row:
        """The outcome when it is durable; of a refusal for lack of margin when it is known what would have passed."""
        await asyncio.wait([future])
        return await with_alternatives(self._gateway, account_id, order, lambda: tell([future]))

    def _tell_later(self, name: RequestName, row: Coroutine[Any, Any, Row]) -> None:
        """Answer with what a coroutine finds; it counts as under way already."""

        async def tell() -> None:
            try:
                with self._refusing(name):
                    self._answer(name, await row)
            finally:
                self._under_way.end(PLACE)

        task = asyncio.create_task(tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @contextmanager
    def _refusing(self, name: RequestName) -> Iterator[None]:
        """Whatever goes wrong with an answer is one."""
        try:
            yield
        except ApiError as error:
            self.refuse(name, error)
        except Exception:
            log.exception("answer_failed")
            self.refuse(name, ApiError(DoorError.INTERNAL_ERROR))

    def _answer(self, name: RequestName, result: Row) -> None:
        self.offer(encode({"id": name, "ok": True, "result": result} | self.rate_limit()))

    def rate_limit(self) -> Row:
        """What is left of the account's budget, with every answer to who has logged in."""
        return (
            {}
            if self._login.key is None
            else {"rate_limit": remaining_row(self._gateway.rates.remaining(self._login.key))}
        )

    def refuse(self, name: RequestName, error: ApiError) -> None:
        """Answer with a refusal."""
        self.offer(self.refusal(name, error))
        if error.error is DoorError.FRAME_TOO_LARGE:
            self._socket.end(FRAME_TOO_LARGE)

    def refusal(self, name: RequestName, error: ApiError) -> bytes:
        """The answer that is a refusal."""
        row: Row = {"id": name, "ok": False, "error": error.as_json()} | self.rate_limit()
        if error.is_repeated:
            row["repeated"] = True
        return encode(row)
