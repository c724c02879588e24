"""Commands that touch many orders: groups of records, and mass cancels."""

from collections.abc import Iterable
from typing import Any

from matching.book import OrderBook
from matching.events import EVENTS_PER_STEP_MAX
from matching.schema import (
    CommandKind,
    EventKind,
    Side,
    TimeInForce,
)
from tests.matching.commands import PLAIN, Command, make_book, records, told

MASS_CANCELLED, MASS_QUOTED, BASKET_FILLED, BASKET_KILLED = list(EventKind)[17:21]

BUFFERS = (EVENTS_PER_STEP_MAX, 4_096)


def make_groups_book(event_capacity: int) -> OrderBook:
    """An empty compiled book with this buffer, and all INSTRUMENTS listed and open."""
    book = make_book("compiled", event_capacity=event_capacity)
    assert isinstance(book, OrderBook)
    return book


def mass_cancel(flags: int = 0, **fields: int) -> Command:
    """A mass cancel of account 1; what it goes by is in the flags."""
    return {"kind": CommandKind.MASS_CANCEL, "account_id": 1, "flags": flags, **fields}


def mass_quote(*quotes: Command, **fields: int) -> Command:
    """A mass quote of account 1."""
    return {"kind": CommandKind.MASS_QUOTE, "account_id": 1, "behind": quotes, **fields}


def quote(bid: tuple[int, int] = (0, 0), ask: tuple[int, int] = (0, 0), instrument_id: int = PLAIN) -> Command:
    """Price and lots of a bid and an ask."""
    return {
        "kind": CommandKind.QUOTE,
        "instrument_id": instrument_id,
        "bid_ticks": bid[0],
        "bid_lots": bid[1],
        "ask_ticks": ask[0],
        "ask_lots": ask[1],
    }


def basket(*legs: Command, **fields: int) -> Command:
    """A basket of account 1."""
    return {
        "kind": CommandKind.BASKET,
        "account_id": 1,
        "time_in_force": TimeInForce.FOK,
        "behind": legs,
        **fields,
    }


def leg(order_id: int, instrument_id: int, side: Side, price_ticks: int, quantity_lots: int, flags: int = 0) -> Command:
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


def run_groups(book: OrderBook, *commands: Command) -> list[dict[str, Any]]:
    """Execute commands as one batch, see that the book is sound, and return the events as dictionaries."""
    events = told(book.execute(records(*commands)))
    book.check()
    return events


def ids_of(rows: Iterable[Any]) -> list[int]:
    """The order ids of events or of resting orders."""
    return [int(row["order_id"]) for row in rows]
