"""What Python asks of the kernels: read frames as orders, and write the answers to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from exchange.sequencer import BLOCK_RECORDS_MAX
from exchange.service import Reply
from exchange.view import MarketView
from gateway.encoding.fields import time_text
from gateway.encoding.plain.digest import WORDS
from gateway.encoding.plain.reading import read_orders
from gateway.encoding.plain.schema import ENTRY, FOUND, FRAME_BYTES_MAX, SYMBOL, SYMBOL_WORDS, Events, Stop, Text
from gateway.encoding.plain.symbols import SLOTS, SYMBOLS_MAX, enter_symbol
from gateway.encoding.plain.writing import write_answers
from kernels.arrays import ArrayGroup
from kernels.records import RECORD_BYTES
from matching.schema import ORDER_COMMAND

ANSWERS_BYTES = 1 << 17
"""So much is written at a time."""


class Frames:
    """The texts of some frames, one behind the other. Of those that are too long for an order nothing is there."""

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self.payloads = payloads
        texts = payloads
        if max(map(len, payloads), default=0) > FRAME_BYTES_MAX:
            texts = [payload if len(payload) <= FRAME_BYTES_MAX else b"" for payload in payloads]
        self.text = text_of(b"".join(texts) or b" ")
        self.bounds = np.fromiter(accumulate(map(len, texts), initial=0), np.int64, len(texts) + 1)


@dataclass(frozen=True, eq=False)
class Desk(ArrayGroup):
    """Where orders are put together, one after the other, until they are taken."""

    orders: np.ndarray  # (BLOCK_RECORDS_MAX,) ORDER_COMMAND
    order_words: np.ndarray  # the same memory
    order_bytes: np.ndarray  # the same memory
    entries: np.ndarray  # (BLOCK_RECORDS_MAX,) ENTRY
    found: np.ndarray  # (1,) FOUND: what the frame says that is being read
    words: np.ndarray  # (WORDS,) u8: the digest that is being worked out
    symbols: np.ndarray  # (SLOTS,) SYMBOL
    symbol_words: np.ndarray  # (SLOTS x SYMBOL_WORDS,) u8: their texts


class Reader:
    """Reads frames as orders, and keeps these until they are taken as one block."""

    def __init__(self, view: MarketView) -> None:
        self._view = view
        self._desk = make_desk()
        self._orders = self._desk.orders.view(np.uint8).data
        self._entries = self._desk.entries.view(np.uint8).data
        self.count = 0
        """Of orders that wait to be taken."""
        self.is_full = False
        """Whether no more were read because there is no room for another one."""
        self._records = 0
        self._version = 0
        """Of the symbols in the table."""
        self._known = 0
        self._symbol_changes = -1

    def read(self, frames: Frames, first: int, end: int, account_id: int, session_id: int) -> int:
        """Read frames as orders of an account. Returns which one was not read: there it is no plain order, or no room
        is left. Orders go with the connection whose session this is."""
        self._look_for_changes()
        while True:
            at, self._records, why = read_orders(
                *(self._desk, frames.text, frames.bounds, first, end),
                *(account_id, session_id, self._version, self.count, self._records),
            )
            self.count += at - first
            self.is_full = why == Stop.FULL
            if why != Stop.SYMBOL or not self._learn(frames):
                return int(at)
            first = at

    def take(self) -> tuple[np.ndarray, np.ndarray]:
        """The records of all orders that were read, and for each of them an ENTRY."""
        taken = (
            np.frombuffer(bytes(self._orders[: self._records * RECORD_BYTES]), ORDER_COMMAND),
            np.frombuffer(bytes(self._entries[: self.count * ENTRY.itemsize]), ENTRY),
        )
        self.count = self._records = 0
        self.is_full = False
        return taken

    def _look_for_changes(self) -> None:
        """Forget all symbols if any of them may name something else now, or if there are too many."""
        if self._symbol_changes != self._view.symbol_changes or self._known == SYMBOLS_MAX:
            self._symbol_changes = self._view.symbol_changes
            self._version += 1
            self._known = 0

    def _learn(self, frames: Frames) -> bool:
        """Enter the symbol that was not found. Returns whether it names a tranche, and there is room for it."""
        found = self._desk.found[0]
        at, length = int(found["symbol_at"]), int(found["symbol_length"])
        symbol = frames.text.bytes[at : at + length].tobytes().decode()
        instrument_id = self._view.tranche_by_symbol.get(symbol)
        if instrument_id is None or self._known == SYMBOLS_MAX:
            return False
        enter_symbol(self._desk, frames.text, at, length, self._version, instrument_id)
        self._known += 1
        return True


class Writer:
    """Writes the answers to a block of orders, in the order in which they stand there."""

    def __init__(self, frames: Frames, entries: np.ndarray, reply: Reply, room: np.ndarray) -> None:
        """`room` is where answers are written, before they are copied for their connection."""
        self._frames, self._entries, self._reply, self._room = frames, entries, reply, room
        self._events = Events(reply.events)
        self._time = f',"time":"{time_text(reply.time_ns)}","time_ns":{reply.time_ns}'.encode()
        self._position = 0
        """Where the events of the next order begin."""

    def rested(self, first: int, end: int, ending: bytes) -> tuple[int, bytes]:
        """Answers to orders that rest whole, as frames of a socket, with what stands behind the result in each.

        Returns the first order up to the end of which anything else came.
        """
        parts: list[bytes] = []
        time_and_ending, time_bytes = text_of(self._time + ending), len(self._time)
        has_room = False
        while not has_room:
            first, self._position, size, has_room = write_answers(
                *(self._room, self._events, self._entries, self._frames.text, time_and_ending),
                *(time_bytes, self._reply.sequence, first, end, self._position),
            )
            parts.append(self._room[:size].tobytes())
        return first, b"".join(parts)

    def take(self, entry: int) -> Reply:
        """What came of the next order, for who answers in the general way."""
        sequence = self._reply.sequence + int(self._entries[entry]["place"])
        sequences, first = self._reply.events["sequence"], self._position
        self._position += int(np.count_nonzero(sequences[first:] == sequence))
        return self._reply.part(sequence, first, self._position)


def text_of(data: bytes) -> Text:
    """Bytes, of which there are some, for compiled code."""
    return Text(np.frombuffer(data, np.uint8))


def make_desk() -> Desk:
    """An empty one."""
    orders = np.zeros(BLOCK_RECORDS_MAX, ORDER_COMMAND)
    return Desk(
        orders,
        orders.view(np.uint64),
        orders.view(np.uint8),
        np.zeros(BLOCK_RECORDS_MAX, ENTRY),
        np.zeros(1, FOUND),
        np.zeros(WORDS, np.uint64),
        np.zeros(SLOTS, SYMBOL),
        np.zeros(SLOTS * SYMBOL_WORDS, np.uint64),
    )


def make_room() -> np.ndarray:
    """Where answers are written."""
    return np.zeros(ANSWERS_BYTES, np.uint8)
