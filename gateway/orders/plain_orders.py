"""The plain road of orders as JSON: most are a limit, a quantity and perhaps a client id, and nothing else.

    frames of a turn of the loop ─▶ plain? ─▶ records ─▶ one block ─▶ exchange ─▶ answers, sent once it is durable

A frame that says anything else, or anything that is wrong, goes the general road, which names what is wrong. Both roads
make the same command of the same frame and give the same answer, as tests hold them to; this one takes a small part of
the time, since compiled code reads the frames of a turn and writes their answers (`gateway/encoding/plain/`).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from time import perf_counter_ns
from typing import NamedTuple, Protocol

import numpy as np
import orjson
import structlog
from aiohttp import WSMsgType

from exchange.published import Published
from exchange.sequencer import AT_ONCE_RECORDS_MAX
from exchange.service import Exchange, Reply
from exchange.stages import Stage
from gateway.encoding import codec
from gateway.encoding.json_text import encode
from gateway.encoding.plain.desk import Frames, Reader, Writer, make_room
from gateway.encoding.requests import PlaceRequest, parse
from gateway.encoding.socket_frames import frame
from gateway.errors import ApiError, DoorError
from gateway.limits.buckets import TokenBucket
from gateway.limits.budgets import remaining_row
from gateway.limits.weights import PLACE
from gateway.submission import Pending, Replied, enter, reply_of

log = structlog.get_logger()
HELD_FRAMES = 3
"""Who sends so many in a turn of the loop has more under way than one who waits for answers."""
FRAMES_PER_TURN = AT_ONCE_RECORDS_MAX // 2
"""So many are taken in one turn of the loop: each with a client id, they are just what is carried out at once. No more
than that wait while a batch is written; of more, the next batch is made meanwhile."""
TURNS_AHEAD = 2
"""With so many turns' frames before it, a frame of text is left to the connection's task to be heard."""
PATIENCE_S = 0.02
"""No frame waits longer for a batch to be told, whatever the disk does."""


class Turn:
    """What holds for all orders of one sender in one turn of the loop, so that it is asked for once."""

    __slots__ = (
        *("account_id", "began_ns", "bucket", "count", "room", "sender", "session_id"),
        *("answers", "ending"),
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
        self.answers: list[bytes] = []
        """The answers, as frames."""
        self.ending = b""
        """What stands behind the result in each of them."""

    @property
    def more(self) -> int:
        """For how many more there is room and budget."""
        return min(self.room - self.count, self.bucket.affordable(PLACE.weight, self.began_ns))

    def add(self, count: int) -> None:
        """So many more are taken, and paid for."""
        wait_ns = self.bucket.take(count * PLACE.weight, self.began_ns)
        assert not wait_ns, "more were taken than there is budget for"
        self.count += count

    def begin_answers(self, now_ns: int) -> None:
        """Its orders were carried out."""
        self.ending = b',"rate_limit":%b}' % encode(remaining_row(self.bucket.remaining(now_ns)))


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

    def offer_frames(self, frames: bytes) -> None:
        """Send messages, which are frames already."""


Run = tuple[Turn, int, int]
"""Orders of one sender that stand together in a block: whose they are, the first of them, and the one behind them."""


class Block(NamedTuple):
    """Orders that are queued together."""

    frames: Frames
    """Those in which they came."""
    entries: np.ndarray
    """What their answers repeat, in the order of their records."""
    runs: list[Run]
    turns: list[Turn]
    """Each of those that are in it."""

    def name(self, entry: int) -> int:
        """Of the request of an order."""
        return int(self.entries[entry]["name"])

    def payload(self, entry: int) -> bytes:
        """The frame in which an order came."""
        return self.frames.payloads[self.entries[entry]["frame"]]


class Answers:
    """The answers to a block. What can be written of them while it becomes durable is, and all are sent when it has."""

    def __init__(self, block: Block, room: np.ndarray, answer: Callable[[Turn, int, bytes, Reply], bytes]) -> None:
        """`room` is where they are written; `answer` gives one to an order that did not come to rest whole."""
        self._block = block
        self._room = room
        self._answer = answer
        self._writer: Writer | None = None
        self._run = 0
        """The first of the runs that have orders without an answer."""
        self._entry = block.runs[0][1]
        """The first of these orders."""

    def prepare(self, reply: Reply) -> None:
        """Write the answers up to the first that needs the view."""
        now_ns = time.monotonic_ns()
        for turn in self._block.turns:
            turn.begin_answers(now_ns)
        self._writer = Writer(self._block.frames, self._block.entries, reply, self._room)
        self._write_rested(self._writer)

    def tell(self, told: Replied) -> None:
        """The block is durable: answer each order."""
        try:
            reply = reply_of(told)
        except ApiError as error:
            _refuse_all(self._block, error)
            return
        if self._writer is None:
            self.prepare(reply)
        assert self._writer is not None, "answers were prepared"
        while self._run < len(self._block.runs):
            self._write_one(self._writer)
            self._write_rested(self._writer)
        for turn in self._block.turns:
            turn.sender.end_plain(turn.count)
            turn.sender.offer_frames(b"".join(turn.answers))

    def _write_rested(self, writer: Writer) -> None:
        """Answers up to the next order that did not come to rest whole."""
        runs = self._block.runs
        while self._run < len(runs):
            turn, _, end = runs[self._run]
            if self._entry < end:
                self._entry, answers = writer.rested(self._entry, end, turn.ending)
                turn.answers.append(answers)
            if self._entry < end:
                return
            self._run += 1
            if self._run < len(runs):
                self._entry = runs[self._run][1]

    def _write_one(self, writer: Writer) -> None:
        turn = self._block.runs[self._run][0]
        payload, name = self._block.payload(self._entry), self._block.name(self._entry)
        answer = self._answer(turn, name, payload, writer.take(self._entry))
        turn.answers.append(frame(answer, WSMsgType.TEXT))
        self._entry += 1


class PlainOrders:
    """Hears the frames of all sockets, and collects the plain orders of one turn of the loop."""

    def __init__(self, exchange: Exchange, others_per_turn: int) -> None:
        self._exchange = exchange
        self._others_per_turn = others_per_turn
        """A turn of the loop also ends with so many frames that are no plain orders: these take far longer."""
        self._senders: list[Sender] = []
        self._payloads: list[bytes] = []
        """What was heard and not taken yet, in order, and from whom."""
        self._is_reading = False
        """Whether one of them is being heard: what it asks for comes before those behind it."""
        self._reader = Reader(exchange.view)
        self._room = make_room()
        self._frames = Frames([])
        """Those that are being read."""
        self._others = 0
        """How many of them were no plain orders."""
        self._runs: list[Run] = []
        """Of the orders that were read and not queued yet."""
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
        self._senders.append(sender)
        self._payloads.append(payload)
        count = len(self._payloads)
        if count == 1 or (count == FRAMES_PER_TURN + 1 and self._patience is not None):
            asyncio.get_running_loop().call_soon(self._end_turn)
        return count >= TURNS_AHEAD * FRAMES_PER_TURN

    def catch_up(self) -> None:
        """Read all that was heard so far, and queue the orders in it.

        Whoever queues anything else, or changes on what terms orders are taken, does this first.
        """
        count = len(self._payloads)
        self._read(count, count)

    def _read(self, most: int, most_others: int) -> None:
        """Read the first of what was heard, and queue the orders in it."""
        if self._payloads and not self._is_reading:
            senders, self._senders = self._senders[:most], self._senders[most:]
            payloads, self._payloads = self._payloads[:most], self._payloads[most:]
            self._is_reading = True
            try:
                taken = self._take_all(senders, payloads, most_others)
            finally:
                self._is_reading = False
            self._senders[:0], self._payloads[:0] = senders[taken:], payloads[taken:]
        self._hand_over()

    def _take_all(self, senders: list[Sender], payloads: list[bytes], most_others: int) -> int:
        """Read frames up to so many that are no plain orders. Returns how many were read."""
        began_ns = perf_counter_ns()
        self._frames, self._others = Frames(payloads), 0
        first, count = 0, len(payloads)
        while first < count and self._others < most_others:
            sender, end = senders[first], first + 1
            while end < count and senders[end] is sender:
                end += 1
            first = self._take_run(sender, first, end, most_others)
        self._exchange.stages.note((Stage.DECODE, (perf_counter_ns() - began_ns) // first))
        return first

    def _take_run(self, sender: Sender, first: int, end: int, most_others: int) -> int:
        """Enter the plain orders among the frames of one sender, and leave the others to the general road."""
        while first < end and self._others < most_others:
            first = self._enter(sender, first, end)
            if first < end:
                # What it says may depend on the orders before it, or change the terms of the next ones.
                is_full = self._reader.is_full
                self._hand_over()
                if not is_full:
                    self._others += 1
                    sender.hear_other(self._frames.payloads[first])
                    first += 1
        return first

    def _enter(self, sender: Sender, first: int, end: int) -> int:
        """Enter plain orders up to the first frame that is none, or for which there is no budget or no room."""
        turn = self._turns[sender] if sender in self._turns else self._begin(sender)
        if turn is None:
            return first
        entry, last = self._reader.count, min(end, first + turn.more)
        at = self._reader.read(self._frames, first, last, turn.account_id, turn.session_id)
        if at > first:
            turn.add(at - first)
            self._runs.append((turn, entry, self._reader.count))
        return at

    def _end_turn(self) -> None:
        """All that came in this turn of the loop is here."""
        if len(self._payloads) >= HELD_FRAMES and self._exchange.is_busy:
            self._hold()
        is_little = 0 < len(self._payloads) <= FRAMES_PER_TURN
        if is_little and self._patience is None and self._exchange.is_between_batches:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE_S, self._take_turn)
        else:
            self._take_turn()

    def _take_turn(self) -> None:
        """Carry out what was heard, here and now or after the batch under way."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        try:
            self._read(FRAMES_PER_TURN, self._others_per_turn)
        finally:
            self._exchange.wake(has_more=bool(self._payloads))
            if self._payloads:
                asyncio.get_running_loop().call_soon(self._end_turn)

    def _hold(self) -> None:
        """What came will wait for the batch that is on its way to the disk: leave until then what more comes.

        A turn of the loop costs about the same for one frame as for ten. Of those who send many, as many are then there
        at once as come while a batch is written, and all of them are answered sooner.
        """
        for sender, frames in Counter(self._senders).items():
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

    def _hand_over(self) -> None:
        """Queue what was read."""
        turns, self._turns = self._turns, {}
        if not self._runs:
            return
        runs, self._runs = self._runs, []
        records, entries = self._reader.take()
        block = Block(self._frames, entries, runs, [turn for turn in turns.values() if turn is not None and turn.count])
        for turn in block.turns:
            turn.sender.begin_plain(turn.count)
        answers = Answers(block, self._room, self._answer)
        pending = Pending(answers.tell, answers.prepare)
        try:
            enter(self._exchange, [records], [pending], wakes=False)  # `_end_turn` does
        except ApiError as error:
            _refuse_all(block, error)

    def _begin(self, sender: Sender) -> Turn | None:
        """The first order of a sender in a turn."""
        turn = self._turns[sender] = sender.plain_turn()
        return turn

    def _answer(self, turn: Turn, name: int, payload: bytes, reply: Reply) -> bytes:
        """What the general road would say."""
        self._exchange.follow()
        fields = orjson.loads(payload)
        request = parse(PlaceRequest, {key: value for key, value in fields.items() if key not in ("id", "op")})
        try:
            result = codec.place_answer(self._exchange.view, request, reply)
        except ApiError as error:
            return turn.sender.refusal(name, error)
        except Exception:
            log.exception("answer_failed")
            return turn.sender.refusal(name, ApiError(DoorError.INTERNAL_ERROR))
        return encode({"id": name, "ok": True, "result": result})[:-1] + turn.ending


def _refuse_all(block: Block, error: ApiError) -> None:
    for turn in block.turns:
        turn.sender.end_plain(turn.count)
    for turn, first, end in block.runs:
        refusals = [turn.sender.refusal(block.name(entry), error) for entry in range(first, end)]
        turn.sender.offer_frames(b"".join(frame(refusal, WSMsgType.TEXT) for refusal in refusals))
