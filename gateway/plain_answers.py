"""The answer that most plain orders get, as text: written out of a pattern, which takes a fifth of encoding a row."""

import orjson

from exchange.units import format_ticks
from exchange.view.batches import KIND, SEQUENCE, OrderEvent
from gateway.fields import time_text
from matching.schema import EventKind

RESTED = int(EventKind.RESTED)
NO_EVENT = (0,) * len(OrderEvent._fields)
"""Behind the last event of a block."""
_ORDER_ID = OrderEvent._fields.index("order_id")
_PRICE = OrderEvent._fields.index("price_ticks")
_LEAVES = OrderEvent._fields.index("leaves_lots")


def time_fields(time_ns: int) -> str:
    """When it was, as all answers of a batch tell it."""
    return f'"time":"{time_text(time_ns)}","time_ns":{time_ns}'


def rested_text(fields: dict[str, str], row: tuple, times: str) -> str:
    """The answer to an order that rests whole, as `codec.place_answer` gives it.

    The symbol and the side are known ones, which need no quoting; a client id may.
    """
    client_id, leaves_lots = fields.get("client_id"), row[_LEAVES]
    named = "null" if client_id is None else quoted(client_id)
    return (
        f'{{"sequence":{row[SEQUENCE]},{times},"order_id":{row[_ORDER_ID]},"status":"open","reason":null,'
        f'"price":"{format_ticks(row[_PRICE])}","remaining_quantity":"{leaves_lots}","average_price":null,"trades":[],'
        f'"client_id":{named},"symbol":"{fields["symbol"]}","side":"{fields["side"]}","quantity":"{leaves_lots}",'
        f'"filled_quantity":"0"}}'
    )


def quoted(text: str) -> str:
    """A text without control characters as JSON."""
    return orjson.dumps(text).decode() if '"' in text or "\\" in text else f'"{text}"'


def is_rested(rows: list[tuple], first: int, end: int) -> bool:
    """Whether all that came of an order is that it rests."""
    return end - first == 1 and rows[first][KIND] == RESTED
