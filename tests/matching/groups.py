"""Commands that touch many orders: groups of records, and mass cancels."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from matching.book import OrderBook
from matching.events import EVENTS_PER_STEP_MAX
from matching.schema import (
    CHANGE_COMMAND,
    LEG,
    MASS_CANCEL_COMMAND,
    ORDER_COMMAND,
    QUOTE,
    CommandKind,
    EventKind,
    Side,
    TimeInForce,
)
from tests.matching.commands import PLAIN, make_book, told

MASS_CANCELLED, MASS_QUOTED, BASKET_FILLED, BASKET_KILLED = list(EventKind)[-4:]

BUFFERS = (EVENTS_PER_STEP_MAX, 4_096)

Group = dict[str, Any]

LAYOUTS = {
    CommandKind.CANCEL: CHANGE_COMMAND,
    CommandKind.REPLACE: CHANGE_COMMAND,
    CommandKind.MASS_CANCEL: MASS_CANCEL_COMMAND,
    CommandKind.QUOTE: QUOTE,
    CommandKind.LEG: LEG,
}
"""What is not an ORDER_COMMAND."""


def make_groups_book(event_capacity: int) -> OrderBook:
    """An empty compiled book with this buffer, and all INSTRUMENTS listed and open."""
    book = make_book("compiled", event_capacity=event_capacity)
    assert isinstance(book, OrderBook)
    return book


def mass_cancel(flags: int = 0, **fields: int) -> Group:
    """A mass cancel of account 1; what it goes by is in the flags."""
    return {"kind": CommandKind.MASS_CANCEL, "account_id": 1, "flags": flags, **fields}


def mass_quote(*quotes: Group, **fields: int) -> Group:
    """A mass quote of account 1."""
    return {"kind": CommandKind.MASS_QUOTE, "account_id": 1, "behind": quotes, **fields}


def quote(bid: tuple[int, int] = (0, 0), ask: tuple[int, int] = (0, 0), instrument_id: int = PLAIN) -> Group:
    """Price and lots of a bid and an ask."""
    return {
        "kind": CommandKind.QUOTE,
        "instrument_id": instrument_id,
        "bid_ticks": bid[0],
        "bid_lots": bid[1],
        "ask_ticks": ask[0],
        "ask_lots": ask[1],
    }


def basket(*legs: Group, **fields: int) -> Group:
    """A basket of account 1."""
    return {
        "kind": CommandKind.BASKET,
        "account_id": 1,
        "time_in_force": TimeInForce.FOK,
        "behind": legs,
        **fields,
    }


def leg(order_id: int, instrument_id: int, side: Side, price_ticks: int, quantity_lots: int, flags: int = 0) -> Group:
    """One leg of a basket."""
    return {
        "kind": CommandKind.LEG,
        "order_id": order_id,
        "instrument_id": instrument_id,
        "side": side,
        "price_ticks": price_ticks,
        "quantity_lots": quantity_lots,
        "flags": flags,
    }


def group_records(*commands: Group) -> np.ndarray:
    """Commands as the array that a book executes, each head followed by what is `behind` it."""
    rows: list[Group] = []
    for command in commands:
        behind = command.get("behind", ())
        rows += [{"continuations": len(behind), **command}, *behind]
    records = np.zeros(len(rows), ORDER_COMMAND)
    for index, row in enumerate(rows):
        layout = records.view(LAYOUTS.get(row["kind"], ORDER_COMMAND))
        for name, value in row.items():
            if name != "behind":
                layout[name][index] = value
    return records


def run_groups(book: OrderBook, *commands: Group) -> list[dict[str, Any]]:
    """Execute commands as one batch, see that the book is sound, and return the events as dictionaries."""
    events = told(book.execute(group_records(*commands)))
    book.check()
    return events


def ids_of(rows: Iterable[Any]) -> list[int]:
    """The order ids of events or of resting orders."""
    return [int(row["order_id"]) for row in rows]
