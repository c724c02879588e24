"""Reading the arrays of a published batch as plain Python values."""

import struct
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from exchange.published import Published
from exchange.venue.schema import CONTINUATION, Command
from kernels.records import RECORD_BYTES, names_of, offset_of
from matching.schema import ORDER_EVENT

KIND = 0
"""The place of the kind in every record; behind it commands say how many records follow."""
SEQUENCE = names_of(ORDER_EVENT).index("sequence")
_LENGTH_OFFSET = offset_of(CONTINUATION, "length")
_TEXT_OFFSET = offset_of(CONTINUATION, "text")
_CODES = {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "i4": "i", "i8": "q"}


@cache
def _reader(layout: np.dtype) -> struct.Struct:
    """Reads records of a layout, which numpy does in more than twice the time."""
    return struct.Struct("<" + "".join(_CODES[layout[name].str[1:]] for name in names_of(layout)))


class OrderEvent(NamedTuple):
    """An ORDER_EVENT record as Python values."""

    kind: int
    side: int
    reason: int
    instrument_id: int
    sequence: int
    order_id: int
    counter_order_id: int
    account_id: int
    counter_account_id: int
    price_ticks: int
    index: int  # type: ignore[assignment]  # a field, not the method of tuples
    quantity_lots: int
    leaves_lots: int


assert OrderEvent._fields == ORDER_EVENT.names
assert OrderEvent._fields[KIND] == "kind"


def order_events(events: bytes | memoryview) -> Iterator[tuple]:
    """Plain tuples with the fields of an OrderEvent."""
    return _reader(ORDER_EVENT).iter_unpack(events)


class BatchReader:
    """The commands and events of one batch, in any layout. Only what is asked for is read."""

    def __init__(self, batch: Published) -> None:
        self.first_sequence = batch.first_sequence
        self._commands = batch.commands.tobytes()
        self._events = batch.events.tobytes()

    def events(self) -> Iterator[tuple]:
        """Plain tuples with the fields of an OrderEvent."""
        return order_events(self._events)

    def kind(self, sequence: int) -> int:
        """The kind of the command at a sequence."""
        return self._commands[(sequence - self.first_sequence) * RECORD_BYTES]

    def command(self, sequence: int, layout: np.dtype) -> dict[str, int]:
        """The command at a sequence as the layout that its kind asks for."""
        return _fields(self._commands, sequence - self.first_sequence, layout)

    def event(self, position: int, layout: np.dtype) -> dict[str, int]:
        """The event at a position as the layout that its kind asks for."""
        return _fields(self._events, position, layout)

    def text(self, sequence: int) -> str:
        """The text in the continuation records behind the head at a sequence, or ''."""
        return self.content(sequence).decode("ascii", errors="replace")

    def content(self, sequence: int) -> bytes:
        """The bytes in these records, which need not be a text."""
        payload = self._commands
        behind = [at for at in self._behind(sequence) if payload[at] == Command.CONTINUATION]
        parts = [payload[at + _TEXT_OFFSET : at + _TEXT_OFFSET + payload[at + _LENGTH_OFFSET]] for at in behind]
        return b"".join(parts)

    def _behind(self, sequence: int) -> range:
        """Where the records behind the head at a sequence begin."""
        at = (sequence - self.first_sequence) * RECORD_BYTES
        return range(at + RECORD_BYTES, at + RECORD_BYTES * (1 + self._commands[at + 1]), RECORD_BYTES)


def _fields(payload: bytes, position: int, layout: np.dtype) -> dict[str, int]:
    return dict(zip(names_of(layout), _reader(layout).unpack_from(payload, position * RECORD_BYTES), strict=True))
