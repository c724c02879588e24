"""Reading what goes into a venue and what comes out of it, record by record, for the twin and the tests."""

from typing import Any

import numpy as np

from exchange.venue.schema import (
    ACCOUNT_COMMAND,
    ACCOUNT_EVENT,
    CLOCK_EVENT,
    CONTINUATIONS_MAX,
    REPEAT_EVENT,
    STATE_EVENT,
    TRANCHE_EVENT,
    Command,
    Event,
    Reject,
)
from matching.schema import ORDER_COMMAND, ORDER_EVENT, OrderReason

ORDER_KINDS = frozenset({Command.PLACE, Command.CANCEL, Command.REPLACE})
MONEY_KINDS = frozenset({Command.DEPOSIT, Command.WITHDRAW})

EVENT_LAYOUTS: dict[int, np.dtype] = {
    Event.TICKED: CLOCK_EVENT,
    **dict.fromkeys((Event.ACCOUNT_OPENED, Event.DEPOSITED, Event.WITHDREW, Event.POSITION_SETTLED), ACCOUNT_EVENT),
    **dict.fromkeys((Event.REGION_DEFINED, Event.SERIES_DEFINED, Event.TRANCHE_LISTED), TRANCHE_EVENT),
    **dict.fromkeys((Event.REFERENCE_SET, Event.LISTING_REFUSED), TRANCHE_EVENT),
    **dict.fromkeys((Event.MARKET_HALTED, Event.MARKET_RESUMED), TRANCHE_EVENT),
    Event.STATE_CHANGED: STATE_EVENT,
    Event.REPEATED: REPEAT_EVENT,
}

Told = dict[str, Any]


def told(events: np.ndarray) -> list[Told]:
    """Events as dictionaries in the layout of their kind, with kind and reason by name."""
    rows = []
    for position, kind in enumerate(events["kind"].tolist()):
        layout = EVENT_LAYOUTS.get(kind, ORDER_EVENT)
        row = dict(zip(layout.names, events[position : position + 1].view(layout).item(), strict=True))
        row["kind"] = Event(kind)
        row["reason"] = Reject(row["reason"]) if row["reason"] > max(OrderReason) else OrderReason(row["reason"])
        rows.append(row)
    return rows


def groups_of(commands: np.ndarray) -> list[tuple[int, int]]:
    """(index, size) of each command; size 0 where records of the group are missing."""
    groups, index = [], 0
    while index < len(commands):
        size = 1 + int(commands["continuations"][index])
        tail = commands["kind"][index + 1 : index + size]
        is_whole = size <= 1 + CONTINUATIONS_MAX and len(tail) == size - 1 and (tail == Command.CONTINUATION).all()
        groups.append((index, size if is_whole else 0))
        index += size if is_whole else 1
    return groups


def account_of(group: np.ndarray) -> int:
    layout = ACCOUNT_COMMAND if group["kind"][0] == Command.OPEN_ACCOUNT else ORDER_COMMAND
    return int(group.view(layout)["account_id"][0])


def client_key(group: np.ndarray) -> tuple[int, int, int] | None:
    """(account, client id) of a command that is carried out only once, or None."""
    high, low = int(group["client_id_high"][0]), int(group["client_id_low"][0])
    if int(group["kind"][0]) not in ORDER_KINDS | MONEY_KINDS or not high | low:
        return None
    return account_of(group), high, low


def content_of(group: np.ndarray) -> bytes:
    """What a command says, apart from its client id and the id that the venue gives a new order."""
    head = group[:1].copy()
    head["client_id_high"] = head["client_id_low"] = 0
    if head["kind"][0] == Command.PLACE:
        head["order_id"] = 0
    return head.tobytes()
