"""The answer that most plain orders get, as text: written out of a pattern, which takes a fifth of encoding a row."""

from typing import Any

import orjson

from exchange.service import Reply
from exchange.units import format_ticks
from exchange.view.batches import KIND, SEQUENCE, OrderEvent
from gateway.encoding.fields import time_text
from matching.schema import EventKind

_RESTED = int(EventKind.RESTED)
_NO_EVENT = (0,) * len(OrderEvent._fields)
"""Behind the last event of a block."""
_ORDER_ID = OrderEvent._fields.index("order_id")
_PRICE = OrderEvent._fields.index("price_ticks")
_LEAVES = OrderEvent._fields.index("leaves_lots")


class BlockReply:
    """What came of a block of orders, to be taken order by order, in the order in which they stand there."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._rows = [*reply.rows, _NO_EVENT]
        self._at = 0
        self._times = f'"time":"{time_text(reply.time_ns)}","time_ns":{reply.time_ns}'

    def take(self, place: int) -> tuple[int, int]:
        """Where the events of the order at this place begin and end. Each next place is behind the one before."""
        rows, sequence, first = self._rows, self._reply.sequence + place, self._at
        at = first
        while rows[at][SEQUENCE] == sequence:
            at += 1
        self._at = at
        return first, at

    def is_rested(self, first: int, end: int) -> bool:
        """Whether all that came of an order is that it rests."""
        return end - first == 1 and self._rows[first][KIND] == _RESTED

    def rested_text(self, fields: dict[str, Any], first: int) -> str:
        """The answer to an order that rests whole, as `codec.place_answer` gives it.

        The symbol and the side are known ones, which need no quoting; a client id may.
        """
        row, client_id = self._rows[first], fields.get("client_id")
        named = "null" if client_id is None else quoted(client_id)
        leaves_lots = row[_LEAVES]
        return (
            f'{{"sequence":{row[SEQUENCE]},{self._times},"order_id":{row[_ORDER_ID]},"status":"open","reason":null,'
            f'"price":"{format_ticks(row[_PRICE])}","remaining_quantity":"{leaves_lots}","average_price":null,'
            f'"trades":[],"client_id":{named},"symbol":"{fields["symbol"]}","side":"{fields["side"]}",'
            f'"quantity":"{leaves_lots}","filled_quantity":"0"}}'
        )

    def part(self, place: int, first: int, end: int) -> Reply:
        """The same for who writes the answer in the general way."""
        return self._reply.part(self._reply.sequence + place, first, end)


def quoted(text: str) -> str:
    """A text without control characters as JSON."""
    return orjson.dumps(text).decode() if '"' in text or "\\" in text else f'"{text}"'
