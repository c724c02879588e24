"""Reading the arrays of a published batch as plain Python values, a whole array at a time."""

from itertools import takewhile
from typing import NamedTuple

import numpy as np

from exchange.published import Published
from exchange.venue.schema import CONTINUATION, Command
from kernels.records import RECORD_BYTES, names_of, offset_of
from matching.schema import EXTRA, LEG, ORDER_COMMAND, ORDER_EVENT, QUOTE

_KIND = names_of(ORDER_COMMAND).index("kind")
_LENGTH_OFFSET = offset_of(CONTINUATION, "length")
_TEXT_OFFSET = offset_of(CONTINUATION, "text")
_ENTRY_LAYOUTS: dict[int, np.dtype] = {Command.EXTRA: EXTRA, Command.QUOTE: QUOTE, Command.LEG: LEG}
_BEHIND_A_HEAD = frozenset({Command.CONTINUATION, *_ENTRY_LAYOUTS})


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


class OrderCommand(NamedTuple):
    """An ORDER_COMMAND record as Python values."""

    kind: int
    continuations: int
    side: int
    time_in_force: int
    instrument_id: int
    account_id: int
    price_ticks: int
    quantity_lots: int
    order_id: int
    client_id_high: int
    client_id_low: int
    expires_ns: int
    label: int
    session_id: int
    flags: int
    self_trade: int


assert OrderEvent._fields == ORDER_EVENT.names
assert OrderCommand._fields == ORDER_COMMAND.names


class BatchReader:
    """The commands and events of one batch: rows as ORDER_COMMAND and ORDER_EVENT, any other layout on request."""

    def __init__(self, batch: Published) -> None:
        self.first_sequence = batch.first_sequence
        self.commands: list[tuple] = batch.commands.tolist()
        self.events = list(map(OrderEvent._make, batch.events.tolist()))
        self._command_array = batch.commands
        self._event_array = batch.events
        self._payload = batch.commands.tobytes()

    def kind(self, sequence: int) -> int:
        """The kind of the command at a sequence."""
        return self.commands[sequence - self.first_sequence][_KIND]

    def order(self, sequence: int) -> OrderCommand:
        """The PLACE command at a sequence, or the head of a mass quote or basket."""
        return OrderCommand._make(self.commands[sequence - self.first_sequence])

    def command(self, sequence: int, layout: np.dtype) -> dict[str, int]:
        """The command at a sequence as the layout that its kind asks for."""
        return _fields(self._command_array, sequence - self.first_sequence, layout)

    def event(self, position: int, layout: np.dtype) -> dict[str, int]:
        """The event at a position as the layout that its kind asks for."""
        return _fields(self._event_array, position, layout)

    def text(self, sequence: int) -> str:
        """The text in the continuation records behind the head at a sequence, or ''."""
        at = sequence - self.first_sequence
        behind = range(at + 1, at + 1 + self.commands[at][1])
        return "".join(self._text_part(each) for each in behind if self.commands[each][_KIND] == Command.CONTINUATION)

    def entries(self, sequence: int, kind: int) -> list[dict[str, int]]:
        """The records of one kind right behind the head at a sequence: further terms, quotes or legs."""
        at = sequence - self.first_sequence
        behind = range(at + 1, at + 1 + self.commands[at][1])
        of_kind = takewhile(lambda each: self.commands[each][_KIND] == kind, behind)
        return [_fields(self._command_array, each, _ENTRY_LAYOUTS[kind]) for each in of_kind]

    def head_count(self) -> int:
        """How many commands there are, each group counted once."""
        return sum(row[_KIND] not in _BEHIND_A_HEAD for row in self.commands)

    def _text_part(self, at: int) -> str:
        offset = at * RECORD_BYTES
        start = offset + _TEXT_OFFSET
        return self._payload[start : start + self._payload[offset + _LENGTH_OFFSET]].decode("ascii", errors="replace")


def _fields(array: np.ndarray, position: int, layout: np.dtype) -> dict[str, int]:
    return dict(zip(names_of(layout), array[position : position + 1].view(layout).item(), strict=True))
