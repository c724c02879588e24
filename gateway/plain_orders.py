"""The plain road of orders as JSON: most are a limit, a quantity and perhaps a client id, and nothing else.

    frame ─▶ plain? ─▶ record ─▶ one block for all that came in this turn of the loop ─▶ exchange ─▶ answers

A frame that says anything else, or anything that is wrong, goes the general road, which names what is wrong. Both roads
make the same command of the same frame and give the same answer, as tests hold them to; this one costs a fifth, since
nothing here is done for an order that can be done for a turn.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import orjson
from pydantic_core import PydanticCustomError

from exchange.plain_commands import plain_place
from exchange.sequencer import BLOCK_RECORDS_MAX
from exchange.service import Exchange, Reply
from exchange.units import format_ticks
from exchange.view.batches import KIND, SEQUENCE, OrderEvent
from gateway import codec
from gateway.errors import ApiError
from gateway.fields import client_id_of, price_of, quantity_of, time_text
from gateway.json_text import encode
from gateway.limits.buckets import TokenBucket
from gateway.limits.weights import PLACE
from gateway.requests import PLAIN_REQUEST_ID_END, PlaceRequest, parse
from gateway.rows import Row
from gateway.submission import Pending, Replied, enter, reply_of
from matching.schema import ORDER_COMMAND, EventKind, TimeInForce

FRAME_BYTES_MAX = 512
"""A longer frame is no plain order."""
TEXTS_KEPT_MAX = 1 << 16
_SIDES = codec.SIDES
_LIFETIMES = {name: codec.LIFETIMES[name] for name in ("gtc", "ioc", "fok")}
_GTC = int(TimeInForce.GTC)
_NEEDED = 6
"""Fields that every plain order has: id, op, symbol, side, price, quantity."""
_RESTED = int(EventKind.RESTED)
_ORDER_ID = OrderEvent._fields.index("order_id")
_PRICE = OrderEvent._fields.index("price_ticks")
_LEAVES = OrderEvent._fields.index("leaves_lots")


class Texts(dict[str, int]):
    """What decimal texts say, kept because the same prices and quantities come again and again."""

    def __init__(self, read: Callable[[Any], int]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> int:
        """Read a new one. Raises KeyError for what is wrong."""
        try:
            value = self._read(text)
        except PydanticCustomError:
            raise KeyError(text) from None
        if len(self) >= TEXTS_KEPT_MAX:
            self.clear()
        self[text] = value
        return value


class Sender(Protocol):
    """The session whose order it is."""

    plain_account_id: int
    """Whose orders go the plain road; 0 when nobody has logged in who may order."""

    @property
    def session_id(self) -> int:
        """Under which number orders go with the connection; 0 if they do not."""

    def plain_bucket(self) -> TokenBucket:
        """The budget that pays for the orders of this turn."""

    def takes_plain(self) -> bool:
        """Whether one more order may be under way; it counts as that from now on."""

    def end_plain(self, count: int) -> None:
        """So many are done."""

    def rate_limit(self) -> Row:
        """What is left of the budget, with every answer; empty before a login."""

    def offer(self, message: bytes) -> None:
        """Send a message."""

    def refuse(self, name: int, error: ApiError) -> None:
        """Answer with a refusal."""


class Entered(NamedTuple):
    """One order of a block."""

    sender: Sender
    name: int
    fields: dict[str, Any]
    at: int
    """The place of its record in the block."""


def read_plain(payload: bytes) -> dict[str, Any] | None:
    """The fields of a flat object without a repeated key, or None for anything that must be read with more care."""
    if len(payload) > FRAME_BYTES_MAX:
        return None
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    # Each key has a colon behind it: with no more of them than fields, no key came twice and nothing is nested.
    if type(fields) is not dict or payload.count(b":") != len(fields):
        return None
    return fields


class PlainOrders:
    """Collects the plain orders of one turn of the loop."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._symbols = exchange.view.tranche_by_symbol
        self._prices = Texts(price_of)
        self._quantities = Texts(quantity_of)
        self._records: list[bytes] = []
        self._count = 0
        self._entered: list[Entered] = []
        self._buckets: dict[Sender, TokenBucket] = {}

    def take(self, sender: Sender, fields: dict[str, Any]) -> bool:
        """Enter an order, or leave it to the general road, as if nothing had been asked."""
        account_id = sender.plain_account_id
        client_id = fields.get("client_id")
        lifetime = fields.get("time_in_force")
        said = _NEEDED + (client_id is not None) + (lifetime is not None)
        name = fields.get("id")
        if len(fields) != said or not account_id or type(name) is not int or not 0 <= name < PLAIN_REQUEST_ID_END:
            return False
        try:
            record = plain_place(
                account_id,
                self._symbols[fields["symbol"]],
                _SIDES[fields["side"]],
                self._prices[fields["price"]],
                self._quantities[fields["quantity"]],
                _GTC if lifetime is None else _LIFETIMES[lifetime],
                sender.session_id,
                "" if client_id is None else client_id_of(client_id),
            )
        except (KeyError, TypeError, PydanticCustomError):
            return False
        if not self._is_paid(sender):
            return False
        self._records.append(record)
        self._entered.append(Entered(sender, name, fields, self._count))
        self._count += 1 if client_id is None else 2
        if self._count >= BLOCK_RECORDS_MAX - 1:
            self.hand_over()
        return True

    def hand_over(self) -> None:
        """Queue what was collected: whoever queues something else of the same connection does so first."""
        if not self._entered:
            return
        block = np.frombuffer(b"".join(self._records), ORDER_COMMAND)
        entered, self._entered = self._entered, []
        self._records, self._count = [], 0
        self._buckets.clear()
        pending = Pending(lambda told: self._tell(entered, told))
        try:
            enter(self._exchange, [block], [pending])
        except ApiError as error:
            _refuse_all(entered, error)

    def _is_paid(self, sender: Sender) -> bool:
        """Whether there is budget and room for one more; what there is not, the general road names."""
        bucket = self._buckets.get(sender)
        if bucket is None:
            bucket = self._buckets[sender] = sender.plain_bucket()
        if not sender.takes_plain():
            return False
        if bucket.take(PLACE.weight, time.monotonic_ns()):
            sender.end_plain(1)
            return False
        if not self._entered:
            asyncio.get_running_loop().call_soon(self.hand_over)
        return True

    def _tell(self, entered: list[Entered], told: Replied) -> None:
        """The block is durable: answer each order."""
        try:
            reply = reply_of(told)
        except ApiError as error:
            _refuse_all(entered, error)
            return
        rows = reply.rows
        time_row = time_text(reply.time_ns), reply.time_ns
        done = Counter(each.sender for each in entered)
        for sender, count in done.items():
            sender.end_plain(count)
        limits = {sender: _encoded(sender.rate_limit()) for sender in done}
        at = 0
        for sender, name, fields, place in entered:
            sequence = reply.sequence + place
            first = at
            while at < len(rows) and rows[at][SEQUENCE] == sequence:
                at += 1
            result: Row | None
            if at - first == 1 and rows[first][KIND] == _RESTED:
                result = _rested_answer(fields, rows[first], *time_row)
            else:
                result = self._general_answer(sender, name, fields, reply.part(sequence, first, at))
            if result is not None:
                sender.offer(encode({"id": name, "ok": True, "result": result} | limits[sender]))

    def _general_answer(self, sender: Sender, name: int, fields: dict[str, Any], reply: Reply) -> Row | None:
        """What the general road would say, or None when it was refused, which is told here."""
        request = parse(PlaceRequest, {key: value for key, value in fields.items() if key not in ("id", "op")})
        try:
            return codec.place_answer(self._exchange.view, request, reply)
        except ApiError as error:
            sender.refuse(name, error)
            return None


def _rested_answer(fields: dict[str, Any], row: tuple, time: str, time_ns: int) -> Row:
    """The answer to an order that rests whole, as `codec.place_answer` gives it."""
    leaves = str(row[_LEAVES])
    return {
        "sequence": row[SEQUENCE],
        "time": time,
        "time_ns": time_ns,
        "order_id": row[_ORDER_ID],
        "status": "open",
        "reason": None,
        "price": format_ticks(row[_PRICE]),
        "remaining_quantity": leaves,
        "average_price": None,
        "trades": [],
        "client_id": fields.get("client_id"),
        "symbol": fields["symbol"],
        "side": fields["side"],
        "quantity": leaves,
        "filled_quantity": "0",
    }


def _encoded(limit: Row) -> Row:
    """The same fields, each of them encoded once for all answers of a turn."""
    return {name: orjson.Fragment(encode(value)) for name, value in limit.items()}


def _refuse_all(entered: list[Entered], error: ApiError) -> None:
    for each in entered:
        each.sender.end_plain(1)
        each.sender.refuse(each.name, error)
