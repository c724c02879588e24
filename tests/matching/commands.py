"""Commands as plain dictionaries, the records that they become, and books to run them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from matching.book import Limits, OrderBook
from matching.events import EVENTS_PER_STEP_MAX
from matching.identifiers import find_slot
from matching.resting import trim_resting
from matching.schema import (
    CHANGE_COMMAND,
    EXTRA,
    LEG,
    MASS_CANCEL_COMMAND,
    ORDER_COMMAND,
    ORDER_EVENT,
    ChangeFlag,
    CommandKind,
    EventBuffer,
    EventKind,
    OrderFlag,
    OrderReason,
    OrderReject,
    Side,
    TimeInForce,
)
from matching.schema import (
    QUOTE as QUOTE_RECORD,
)
from matching.twin import TwinBook

Command = dict[str, Any]
Book = OrderBook | TwinBook

GTC, GTD, IOC, FOK = TimeInForce
MARKET, POST_ONLY, SLIDE, ICEBERG, MINIMUM, REDUCE_ONLY, QUOTE = OrderFlag
REQUEUE, NAMES_REMAINING = ChangeFlag
RESTED, FILLED, KILLED, CANCELLED, REPLACED, REDUCED, REJECTED, TRADE, PREVENTED, WITHDRAWN = list(EventKind)[:10]
REFRESHED, RESERVE_REMOVED, TRIMMED, ALLOTTED, AUCTION_TRADE, UNCROSSED, INDICATIVE = list(EventKind)[10:17]
MASS_CANCELLED, MASS_QUOTED, BASKET_FILLED, BASKET_KILLED = list(EventKind)[17:]

BOOK_KINDS = ("twin", "compiled")

LAYOUTS = {
    CommandKind.CANCEL: CHANGE_COMMAND,
    CommandKind.REPLACE: CHANGE_COMMAND,
    CommandKind.MASS_CANCEL: MASS_CANCEL_COMMAND,
    CommandKind.EXTRA: EXTRA,
    CommandKind.QUOTE: QUOTE_RECORD,
    CommandKind.LEG: LEG,
}
"""The layouts of what is no ORDER_COMMAND."""

PLAIN = 1
STEPPED = 2
WILD = 3
COARSE = 6
UNLISTED = 4
SHARES_A_SLOT_WITH_PLAIN = 9

INSTRUMENTS: dict[int, dict[str, int]] = {
    PLAIN: {"scope": 0x01},
    STEPPED: {
        "scope": 0x02,
        "price_step_ticks": 5,
        "quantity_step_lots": 10,
        "quantity_max_lots": 1_000,
        "band_low_ticks": 90,
        "band_high_ticks": 110,
    },
    WILD: {"scope": 0x11},
    COARSE: {"scope": 0x12, "price_step_ticks": 64, "quantity_max_lots": 50},
}

ORDER_CAPACITY = 8
NODES_PER_ORDER = 6
SPARE_NODES = 100
"""More than a mass quote of all INSTRUMENTS asks for, since the twin does not know this limit."""


def make_book(kind: str, orders: int = ORDER_CAPACITY, event_capacity: int = 4_096) -> Book:
    """An empty book of either kind, with all INSTRUMENTS listed and open."""
    limits = Limits(instruments=8, orders=orders, nodes=NODES_PER_ORDER * orders + SPARE_NODES, accounts=16)
    book = OrderBook(limits, event_capacity) if kind == "compiled" else TwinBook(orders)
    for instrument_id, terms in INSTRUMENTS.items():
        book.list_instrument(instrument_id, **terms)
    return book


def place(order_id: int, side: Side, price_ticks: int, quantity_lots: int, **fields: int) -> Command:
    """A new order, good till cancelled, of account 1 in PLAIN unless `fields` say otherwise."""
    return {
        "kind": CommandKind.PLACE,
        "instrument_id": PLAIN,
        "account_id": 1,
        "side": side,
        "price_ticks": price_ticks,
        "quantity_lots": quantity_lots,
        "order_id": order_id,
        **fields,
    }


def buy(order_id: int, price_ticks: int, quantity_lots: int, **fields: int) -> Command:
    return place(order_id, Side.BUY, price_ticks, quantity_lots, **fields)


def sell(order_id: int, price_ticks: int, quantity_lots: int, **fields: int) -> Command:
    return place(order_id, Side.SELL, price_ticks, quantity_lots, **fields)


def cancel(order_id: int, **fields: int) -> Command:
    """A cancel by account 1 unless `fields` say otherwise."""
    return {
        "kind": CommandKind.CANCEL,
        "instrument_id": PLAIN,
        "account_id": 1,
        "order_id": order_id,
        **fields,
    }


def replace(order_id: int, price_ticks: int, quantity_lots: int, **fields: int) -> Command:
    """A change by account 1 unless `fields` say otherwise."""
    return {
        **cancel(order_id),
        "kind": CommandKind.REPLACE,
        "price_ticks": price_ticks,
        "quantity_lots": quantity_lots,
        **fields,
    }


def iceberg(command: Command, display_lots: int) -> Command:
    """The same order, which shows so many lots at a time."""
    return with_terms(command, ICEBERG, display_lots=display_lots)


def at_least(command: Command, minimum_lots: int) -> Command:
    """The same order, which trades so many lots on entry or is killed."""
    return with_terms(command, MINIMUM, minimum_lots=minimum_lots)


def with_terms(command: Command, flag: OrderFlag, **terms: int) -> Command:
    """The same order with a flag and with further terms in the record behind it."""
    extras = command.get("behind") or [{"kind": CommandKind.EXTRA}]
    flags = command.get("flags", 0) | flag
    return command | {"flags": flags, "behind": [extra | terms for extra in extras]}


def records(*commands: Command) -> np.ndarray:
    """Commands as the array that a book executes, each followed by the records that it lists as `behind` it."""
    rows = [row for command in commands for row in in_group(**command)]
    array = np.zeros(len(rows), ORDER_COMMAND)
    for index, row in enumerate(rows):
        layout = array.view(LAYOUTS.get(row["kind"], ORDER_COMMAND))
        for name, value in row.items():
            layout[name][index] = value
    return array


def in_group(behind: Sequence[Command] = (), **head: Any) -> list[Command]:
    """The records of a command: its head, which counts those behind it."""
    return [{"continuations": len(behind)} | head, *behind]


def run(book: Book, *commands: Command) -> list[dict[str, Any]]:
    """Execute commands as one batch, and return the events as dictionaries."""
    return told(book.execute(records(*commands)))


def trim(book: Book, order_id: int, lots: int) -> np.ndarray:
    """Take lots off a resting order, as the venue does when a position has become smaller; return the events."""
    if isinstance(book, TwinBook):
        return book.trim_resting(order_id, lots)
    events = np.zeros(EVENTS_PER_STEP_MAX, ORDER_EVENT)
    book.book.counters["event_index"] = 0
    slot = find_slot(book.book, np.uint64(order_id))
    return events[: trim_resting(book.book, slot, lots, EventBuffer(events), 0) if slot else 0]


def told(events: np.ndarray) -> list[dict[str, Any]]:
    """Events as dictionaries, with kind and reason by name."""
    return [dict(zip(events.dtype.names, row, strict=True)) | named(row) for row in events.tolist()]


def named(row: tuple[int, ...]) -> dict[str, Any]:
    """The kind and the reason of an event as members of their enumerations."""
    kind, _, reason = row[:3]
    return {
        "kind": EventKind(kind),
        "reason": OrderReject(reason) if kind == EventKind.REJECTED else OrderReason(reason),
    }


def brief(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What most tests look at of each event, in the order of `names`."""
    names = ("kind", "order_id", "counter_order_id", "price_ticks", "quantity_lots", "leaves_lots")
    return [tuple(event[name] for name in names) for event in events]


def event(kind: EventKind, **fields: Any) -> dict[str, Any]:
    """A whole event; what is not named is 0, and account 1 in PLAIN."""
    whole = dict.fromkeys(ORDER_EVENT.names, 0) | {"instrument_id": PLAIN, "account_id": 1, "sequence": 1}
    return whole | {"kind": kind, "reason": OrderReason.NONE} | fields


def outcome(book: Book, command: Command) -> tuple[EventKind, OrderReason | OrderReject]:
    """Kind and reason of the last event of a command."""
    last = run(book, command)[-1]
    return last["kind"], last["reason"]
