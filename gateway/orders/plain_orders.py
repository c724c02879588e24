"""The plain road of orders as JSON: most are a limit, a quantity and perhaps a client id, and nothing else.

    frames of a turn of the loop ─▶ plain? ─▶ records ─▶ one block ─▶ exchange ─▶ answers

A frame that says anything else, or anything that is wrong, goes the general road, which names what is wrong. Both roads
make the same command of the same frame and give the same answer, as tests hold them to; this one takes under a third
of the time, since nothing here is done for an order that can be done for a turn.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from time import perf_counter_ns
from typing import Any, Protocol

import numpy as np
import orjson
import structlog
from pydantic_core import PydanticCustomError

from exchange.plain_commands import Terms, plain_place
from exchange.published import Published
from exchange.sequencer import AT_ONCE_RECORDS_MAX, BLOCK_RECORDS_MAX
from exchange.service import Exchange, Reply
from exchange.stages import Stage
from gateway.encoding import codec
from gateway.encoding.fields import CLIENT_ID, price_of_text, quantity_of_text
from gateway.encoding.json_text import encode
from gateway.encoding.requests import PLAIN_REQUEST_ID_END, PlaceRequest, parse
from gateway.errors import ApiError, DoorError
from gateway.limits.buckets import TokenBucket
from gateway.limits.budgets import remaining_row
from gateway.limits.weights import PLACE
from gateway.orders.plain_answers import BlockReply
from gateway.submission import Pending, Replied, enter, reply_of
from matching.schema import ORDER_COMMAND, TimeInForce

log = structlog.get_logger()
FRAME_BYTES_MAX = 512
"""A longer frame is no plain order."""
HELD_FRAMES = 3
"""Who sends so many in a turn of the loop has more under way than one who waits for answers."""
FRAMES_AT_ONCE = AT_ONCE_RECORDS_MAX // 2
"""So many at most, each with a client id at most, are taken together if nothing is under way."""
PATIENT_FRAMES = 64
"""Fewer wait while a batch is written, and are then carried out at once; of more, the next batch is made meanwhile."""
TURNS_AHEAD = 4
"""With so many turns' frames before it, a frame of text is left to the connection's task to be heard."""
PATIENCE_S = 0.02
"""No frame waits longer for a batch to be told, whatever the disk does."""
_SIDES = codec.SIDES
_LIFETIMES = {name: codec.LIFETIMES[name] for name in ("gtc", "ioc", "fok")}
_GTC = int(TimeInForce.GTC)
NEEDED = 4
"""Fields that every plain order has: symbol, side, price, quantity."""
_NEEDED_ON_SOCKET = NEEDED + 2
"""The same with id and op."""


class Turn:
    """What holds for all orders of one sender in one turn of the loop, so that it is asked for once."""

    __slots__ = (
        *("account_id", "began_ns", "bucket", "count", "room", "sender", "session_id"),
        *("end_of_answer", "messages"),
    )

    def __init__(self, sender: "Sender", account_id: int, session_id: int, bucket: TokenBucket, room: int) -> None:
        self.began_ns = time.monotonic_ns()
        self.sender = sender
        self.account_id = account_id
        """Whose orders they are."""
        self.session_id = session_id
        """Under which number orders go with the connection; 0 if they do not."""
        self.bucket = bucket
        """The budget that pays for them."""
        self.room = room
        """How many of them may be under way."""
        self.count = 0
        """How many there are."""
        self.messages: list[bytes] = []
        """The answers, as they are written."""
        self.end_of_answer = ""
        """What stands behind the result in each of them."""

    def begin_answers(self, now_ns: int) -> None:
        """Its orders are durable."""
        self.sender.end_plain(self.count)
        self.end_of_answer = f',"rate_limit":{encode(remaining_row(self.bucket.remaining(now_ns))).decode()}}}'


class Sender(Protocol):
    """The session whose order it is."""

    def plain_turn(self) -> Turn | None:
        """What holds for orders in this turn; None when nobody has logged in who may order."""

    def hear_other(self, payload: bytes) -> None:
        """Take in a frame that is no plain order. It must not raise."""

    def hold(self) -> None:
        """Leave for a while what more comes: there is much of it."""

    def read_on(self) -> None:
        """Read what came meanwhile."""

    def begin_plain(self, count: int) -> None:
        """So many are under way."""

    def end_plain(self, count: int) -> None:
        """So many are done."""

    def refusal(self, name: int, error: ApiError) -> bytes:
        """The answer that is a refusal."""

    def offer_all(self, messages: list[bytes]) -> None:
        """Send messages."""


Entered = tuple[Turn, int, dict[str, Any], int]
"""One order of a block: of whose turn it is, the name of its request, its fields, and the place of its record."""


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


def plain_terms(
    symbols: Mapping[str, int], fields: dict[str, Any], account_id: int, session_id: int, needed: int
) -> Terms | None:
    """The terms of an order that says no more than a plain one does, or None for any other and a wrong one."""
    client_id = fields.get("client_id")
    lifetime = fields.get("time_in_force")
    if len(fields) != needed + (client_id is not None) + (lifetime is not None):
        return None
    try:
        terms = (
            account_id,
            symbols[fields["symbol"]],
            _SIDES[fields["side"]],
            price_of_text(fields["price"]),
            quantity_of_text(fields["quantity"]),
            _GTC if lifetime is None else _LIFETIMES[lifetime],
            session_id,
        )
        if client_id is not None and not CLIENT_ID.fullmatch(client_id):
            return None
    except (KeyError, TypeError, PydanticCustomError):
        return None
    return terms


class PlainOrders:
    """Hears the frames of all sockets, and collects the plain orders of one turn of the loop."""

    def __init__(self, exchange: Exchange, frames_per_turn: int) -> None:
        self._exchange = exchange
        self._frames_per_turn = frames_per_turn
        """Of more than can be carried out at once, so many are taken in one turn of the loop."""
        self._symbols = exchange.view.tranche_by_symbol
        self._frames: list[tuple[Sender, bytes]] = []
        """What was heard and not taken yet, in order."""
        self._is_reading = False
        """Whether one of them is being heard: what it asks for comes before those behind it."""
        self._records: list[bytes] = []
        self._count = 0
        self._entered: list[Entered] = []
        self._turns: dict[Sender, Turn | None] = {}
        self._held: list[Sender] = []
        """Who is read again when the next batch is told."""
        self._patience: asyncio.TimerHandle | None = None
        """Until when frames wait at the latest, while they wait for a batch to be told."""
        exchange.subscribe(self._go_on)

    def hear(self, sender: Sender, payload: bytes) -> bool:
        """Take in a frame of text; it is read with the others of this turn of the loop, in their order.

        Returns whether so much waits that no more should be heard in this turn.
        """
        self._frames.append((sender, payload))
        count = len(self._frames)
        if count == 1 or (count == PATIENT_FRAMES and self._patience is not None):
            asyncio.get_running_loop().call_soon(self._end_turn)
        return count >= TURNS_AHEAD * self._frames_per_turn

    def catch_up(self) -> None:
        """Read all that was heard so far, and queue the orders in it.

        Whoever queues anything else, or changes on what terms orders are taken, does this first.
        """
        self._read(len(self._frames))

    def _read(self, most: int) -> None:
        """Read the first of what was heard, and queue the orders in it."""
        if self._frames and not self._is_reading:
            frames, self._frames = self._frames[:most], self._frames[most:]
            self._is_reading = True
            try:
                self._take_all(frames)
            finally:
                self._is_reading = False
        self._hand_over()

    def _take_all(self, frames: list[tuple[Sender, bytes]]) -> None:
        began_ns = perf_counter_ns()
        for sender, payload in frames:
            if not self._take(sender, payload):
                # What it says may depend on the orders before it, or change the terms of the next ones.
                self._hand_over()
                sender.hear_other(payload)
        self._exchange.stages.note((Stage.DECODE, (perf_counter_ns() - began_ns) // len(frames)))

    def _end_turn(self) -> None:
        """All that came in this turn of the loop is here."""
        if len(self._frames) >= HELD_FRAMES and self._exchange.is_busy:
            self._hold()
        is_little = 0 < len(self._frames) < PATIENT_FRAMES
        if is_little and self._patience is None and self._exchange.is_between_batches:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE_S, self._take_turn)
        else:
            self._take_turn()

    def _take_turn(self) -> None:
        """Carry out what was heard, here and now or after the batch under way."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        are_all_at_once = len(self._frames) <= FRAMES_AT_ONCE and not self._exchange.is_busy
        try:
            self._read(FRAMES_AT_ONCE if are_all_at_once else self._frames_per_turn)
        finally:
            self._exchange.wake(has_more=bool(self._frames))
            if self._frames:
                asyncio.get_running_loop().call_soon(self._end_turn)

    def _hold(self) -> None:
        """What came will wait for the batch that is on its way to the disk: leave until then what more comes.

        A turn of the loop costs about the same for one frame as for ten. Of those who send many, as many are then there
        at once as come while a batch is written, and all of them are answered sooner.
        """
        for sender, frames in Counter(sender for sender, _ in self._frames).items():
            if frames >= HELD_FRAMES:
                sender.hold()
                self._held.append(sender)

    def _go_on(self, _: Published) -> None:
        """A batch was told: read who was held, and carry out what waited."""
        held, self._held = self._held, []
        for sender in held:
            sender.read_on()
        if self._patience is not None:
            asyncio.get_running_loop().call_soon(self._end_turn)

    def _take(self, sender: Sender, payload: bytes) -> bool:
        """Enter a plain order, or leave the frame to the general road, as if nothing had been asked."""
        fields = read_plain(payload)
        if fields is None or fields.get("op") != "place":
            return False
        turn = self._turns[sender] if sender in self._turns else self._begin(sender)
        name = fields.get("id")
        if turn is None or type(name) is not int or not 0 <= name < PLAIN_REQUEST_ID_END:
            return False
        terms = plain_terms(self._symbols, fields, turn.account_id, turn.session_id, _NEEDED_ON_SOCKET)
        if terms is None:
            return False
        client_id = fields.get("client_id")
        # What there is no budget or no room for, the general road names.
        if turn.count >= turn.room or turn.bucket.take(PLACE.weight, turn.began_ns):
            return False
        turn.count += 1
        self._entered.append((turn, name, fields, self._count))
        self._records.append(plain_place(terms, client_id))
        self._count += 1 if client_id is None else 2
        if self._count >= BLOCK_RECORDS_MAX - 1:
            self._hand_over()
        return True

    def _hand_over(self) -> None:
        """Queue what was collected."""
        turns, self._turns = self._turns, {}
        if not self._entered:
            return
        block = np.frombuffer(b"".join(self._records), ORDER_COMMAND)
        entered, self._entered = self._entered, []
        self._records, self._count = [], 0
        paid = [turn for turn in turns.values() if turn is not None and turn.count]
        for turn in paid:
            turn.sender.begin_plain(turn.count)
        pending = Pending(lambda told: self._tell(entered, paid, told))
        try:
            enter(self._exchange, [block], [pending], wakes=False)  # `_end_turn` does
        except ApiError as error:
            _refuse_all(entered, paid, error)

    def _begin(self, sender: Sender) -> Turn | None:
        """The first order of a sender in a turn."""
        turn = self._turns[sender] = sender.plain_turn()
        return turn

    def _tell(self, entered: list[Entered], turns: list[Turn], told: Replied) -> None:
        """The block is durable: answer each order."""
        try:
            reply = reply_of(told)
        except ApiError as error:
            _refuse_all(entered, turns, error)
            return
        now_ns = time.monotonic_ns()
        for turn in turns:
            turn.begin_answers(now_ns)
        block = BlockReply(reply)
        for turn, name, fields, place in entered:
            first, end = block.take(place)
            if block.is_rested(first, end):
                result = block.rested_text(fields, first)
                message = f'{{"id":{name},"ok":true,"result":{result}{turn.end_of_answer}'.encode()
            else:
                message = self._answer(turn, name, fields, block.part(place, first, end))
            turn.messages.append(message)
        for turn in turns:
            turn.sender.offer_all(turn.messages)

    def _answer(self, turn: Turn, name: int, fields: dict[str, Any], reply: Reply) -> bytes:
        """What the general road would say."""
        self._exchange.follow()
        request = parse(PlaceRequest, {key: value for key, value in fields.items() if key not in ("id", "op")})
        try:
            result = codec.place_answer(self._exchange.view, request, reply)
        except ApiError as error:
            return turn.sender.refusal(name, error)
        except Exception:
            log.exception("answer_failed")
            return turn.sender.refusal(name, ApiError(DoorError.INTERNAL_ERROR))
        return encode({"id": name, "ok": True, "result": result})[:-1] + turn.end_of_answer.encode()


def _refuse_all(entered: list[Entered], turns: list[Turn], error: ApiError) -> None:
    for turn in turns:
        turn.sender.end_plain(turn.count)
    for turn, name, _, _ in entered:
        turn.sender.offer_all([turn.sender.refusal(name, error)])
