"""The plain road of orders over REST: signed orders that are a limit, a quantity and perhaps a client id, and no more.

    request ─▶ plain? signed? paid for? ─▶ record ─▶ one block for all of this turn of the loop ─▶ exchange ─▶ answers

A request that says anything else, or of which anything is wrong, goes the general road, which names what is wrong; it
leaves no trace here. Both roads ask for the same things, make the same command of the same order, and give the same
answer under the same headers, as tests hold them to. What is saved is the way through the library's tasks, requests and
responses, and whatever can be done for a turn instead of an order.
"""

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol

import numpy as np
import structlog
from multidict import CIMultiDictProxy

from exchange.plain_commands import plain_place
from exchange.sequencer import BLOCK_RECORDS_MAX
from exchange.service import Reply
from gateway.encoding import codec
from gateway.encoding.json_text import encode
from gateway.encoding.requests import PlaceRequest, parse
from gateway.encoding.rows import Row
from gateway.errors import ApiError, DoorError
from gateway.gateway import Gateway
from gateway.handling import HEADERS, TLS_ONLY, UNLESS_SAID, budget_headers, refusal_row
from gateway.identity.auth import Credentials
from gateway.identity.key_terms import ApiKey, Scope
from gateway.limits.buckets import TokenBucket
from gateway.limits.weights import PLACE
from gateway.orders.entry import OWNERS
from gateway.orders.plain_answers import BlockReply
from gateway.orders.plain_terms import NEEDED, plain_terms, read_plain
from gateway.submission import Pending, Replied, enter, reply_of
from matching.schema import ORDER_COMMAND

log = structlog.get_logger()
METHOD, PATH = "POST", "/v1/orders"
_ALWAYS = {"Content-Type": "application/json"} | HEADERS | UNLESS_SAID


class Asker(Protocol):
    """The connection over which an order came, and on which nothing else is done until it is answered."""

    @property
    def address(self) -> str:
        """From where it comes."""

    @property
    def is_secure(self) -> bool:
        """Whether it is by TLS."""

    def answer(self, data: bytes) -> None:
        """Send the answer. It must not raise."""


Entered = tuple[Asker, TokenBucket, dict[str, Any], int]
"""One order of a block: who asked, the budget that paid, its fields, and the place of its record."""


class Answers:
    """The answers to a block. Those that need no view are written while it becomes durable, and sent when it has."""

    def __init__(
        self, entered: list[Entered], answer: Callable[[dict[str, Any], Reply], tuple[HTTPStatus, Row]]
    ) -> None:
        """`answer` gives status and body for an order that did not come to rest whole."""
        self._entered = entered
        self._answer = answer
        self._heads: _Heads
        self._prepared: list[bytes | Reply] = []
        """For each order its answer, or what came of it for one that needs the view."""

    def prepare(self, reply: Reply) -> None:
        """Write the answers that need no view."""
        self._heads, block = _Heads(), BlockReply(reply)
        prepared: list[bytes | Reply] = []
        for asker, bucket, fields, place in self._entered:
            first, end = block.take(place)
            if block.is_rested(first, end):
                body = block.rested_text(fields, first).encode()
                prepared.append(self._heads.answer(asker, bucket, HTTPStatus.CREATED, body))
            else:
                prepared.append(block.part(place, first, end))
        self._prepared = prepared

    def tell(self, told: Replied) -> None:
        """The block is durable: answer each order."""
        try:
            reply = reply_of(told)
        except ApiError as error:
            _refuse_all(self._entered, error)
            return
        if not self._prepared:
            self.prepare(reply)
        for (asker, bucket, fields, _), prepared in zip(self._entered, self._prepared, strict=True):
            if isinstance(prepared, bytes):
                asker.answer(prepared)
            else:
                status, row = self._answer(fields, prepared)
                asker.answer(self._heads.answer(asker, bucket, status, encode(row)))


class PlainRequests:
    """Collects the plain orders of one turn of the loop."""

    def __init__(self, gateway: Gateway) -> None:
        self._exchange = gateway.exchange
        self._symbols = gateway.exchange.view.tranche_by_symbol
        self._authenticator = gateway.authenticator
        self._rates = gateway.rates
        self._body_bytes_max = gateway.settings.body_bytes_max
        self._records: list[bytes] = []
        self._count = 0
        self._entered: list[Entered] = []
        self._payers: dict[ApiKey, TokenBucket | None] = {}
        """The keys of this turn, each with the budget that pays for it; None for one that may not order."""

    def take(self, asker: Asker, headers: CIMultiDictProxy[str], body: bytes) -> bool:
        """Enter an order, or leave it to the general road, as if nothing had been asked."""
        fields = read_plain(body) if len(body) <= self._body_bytes_max else None
        if fields is None:
            return False
        try:
            credentials = Credentials.from_headers(headers)
            key, now_ms = self._authenticator.check(credentials, METHOD, PATH, body, asker.address)
        except ApiError:
            return False
        bucket = self._payers[key] if key in self._payers else self._payer(key)
        terms = plain_terms(self._symbols, fields, key.account_id, 0, NEEDED)
        if terms is None or bucket is None:
            return False
        # What there is no budget for, and what was asked before, the general road names.
        now_ns = time.monotonic_ns()
        if bucket.take(PLACE.weight, now_ns):
            return False
        try:
            self._authenticator.use_up(key, credentials.nonce, now_ms)
        except ApiError:
            bucket.give_back(PLACE.weight, now_ns)
            return False
        self._collect(asker, bucket, fields, plain_place(terms, fields.get("client_id")))
        return True

    def _hand_over(self) -> None:
        """Queue what was collected."""
        self._payers = {}
        if not self._entered:
            return
        block = np.frombuffer(b"".join(self._records), ORDER_COMMAND)
        entered, self._entered = self._entered, []
        self._records, self._count = [], 0
        answers = Answers(entered, self._answer)
        pending = Pending(answers.tell, answers.prepare)
        try:
            enter(self._exchange, [block], [pending], wakes=False)  # `_end_turn` does
        except ApiError as error:
            _refuse_all(entered, error)

    def _end_turn(self) -> None:
        """All that came in this turn is here."""
        try:
            self._hand_over()
        finally:
            self._exchange.wake()

    def _payer(self, key: ApiKey) -> TokenBucket | None:
        """The first request of a key in a turn."""
        if not self._payers:
            asyncio.get_running_loop().call_soon(self._end_turn)
        may_order = Scope.TRADE in key.terms.scopes and not key.roles.isdisjoint(OWNERS)
        bucket = self._payers[key] = self._rates.bucket_of(key) if may_order else None
        return bucket

    def _collect(self, asker: Asker, bucket: TokenBucket, fields: dict[str, Any], records: bytes) -> None:
        count = len(records) // ORDER_COMMAND.itemsize
        if self._count + count > BLOCK_RECORDS_MAX:
            self._hand_over()
        self._entered.append((asker, bucket, fields, self._count))
        self._records.append(records)
        self._count += count

    def _answer(self, fields: dict[str, Any], reply: Reply) -> tuple[HTTPStatus, Row]:
        """What the general road would say."""
        self._exchange.follow()
        try:
            request = parse(PlaceRequest, fields)
            return HTTPStatus.CREATED, codec.place_answer(self._exchange.view, request, reply)
        except ApiError as error:
            return HTTPStatus(error.status), refusal_row(error)
        except Exception:
            log.exception("request_failed", method=METHOD, path=PATH)
            fault = ApiError(DoorError.INTERNAL_ERROR)
            return HTTPStatus(fault.status), refusal_row(fault)


class _Heads:
    """Answers of one moment as bytes; what several of them have in their heads is written once."""

    def __init__(self) -> None:
        self._now_ns = time.monotonic_ns()
        self._date = formatdate(usegmt=True)
        self._made: dict[tuple[TokenBucket, HTTPStatus, bool], bytes] = {}

    def answer(self, asker: Asker, bucket: TokenBucket, status: HTTPStatus, body: bytes) -> bytes:
        """A whole answer on a connection that is kept."""
        kind = (bucket, status, asker.is_secure)
        head = self._made.get(kind)
        if head is None:
            head = self._made[kind] = self._head(*kind)
        return b"%b%d\r\n\r\n%b" % (head, len(body), body)

    def _head(self, bucket: TokenBucket, status: HTTPStatus, is_secure: bool) -> bytes:
        """All of it up to the length of the body."""
        headers = _ALWAYS | budget_headers(bucket.remaining(self._now_ns)) | {"Date": self._date}
        if is_secure:
            headers["Strict-Transport-Security"] = TLS_ONLY
        lines = [f"HTTP/1.1 {status} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "Content-Length: "]).encode()


def _refuse_all(entered: list[Entered], error: ApiError) -> None:
    heads, body = _Heads(), encode(refusal_row(error))
    for asker, bucket, _, _ in entered:
        asker.answer(heads.answer(asker, bucket, HTTPStatus(error.status), body))
