"""Reading what goes into a venue and what comes out of it, record by record, for the twin and the tests."""

from typing import Any

import numpy as np

from exchange.venue.cancel_schema import CANCEL_AFTER_EVENT
from exchange.venue.clearing.capacity_schema import CAPACITY_EVENT, STAKE_EVENT
from exchange.venue.clearing.delivery_schema import (
    ALLOCATION_EVENT,
    CORRECTION_EVENT,
    DOWNTIME_EVENT,
    INTERRUPTION_EVENT,
    REPORT_EVENT,
    REPUTATION_EVENT,
    SHORT_EVENT,
    SLOT_EVENT,
)
from exchange.venue.schema import (
    ACCOUNT_COMMAND,
    ACCOUNT_EVENT,
    ADD_ON_EVENT,
    ALLOCATED_EVENT,
    CLOCK_EVENT,
    CONTINUATIONS_MAX,
    FINANCING_EVENT,
    FUND_EVENT,
    GATE_EVENT,
    LIMITS_EVENT,
    PARAMETERS_EVENT,
    PROTECTION_EVENT,
    REPEAT_EVENT,
    STANDING_EVENT,
    STATE_EVENT,
    STRAIN_EVENT,
    TERMS_EVENT,
    TRANCHE_EVENT,
    Command,
    Event,
    Reject,
)
from matching.schema import (
    CHANGE_COMMAND,
    EXTRA,
    LEG,
    MASS_CANCEL_COMMAND,
    ORDER_COMMAND,
    ORDER_EVENT,
    QUOTE,
    SUMMARY_EVENT,
    OrderReason,
)

GROUP_KINDS = frozenset({Command.MASS_CANCEL, Command.MASS_QUOTE, Command.BASKET})
ORDER_KINDS = frozenset({Command.PLACE, Command.CANCEL, Command.REPLACE}) | GROUP_KINDS
BEHIND_A_HEAD = frozenset({Command.CONTINUATION, Command.EXTRA, Command.QUOTE, Command.LEG, Command.SHOCKS})
MONEY_KINDS = frozenset({Command.DEPOSIT, Command.WITHDRAW, Command.ENDOW_FUND})

EVENT_LAYOUTS: dict[int, np.dtype] = {
    Event.TICKED: CLOCK_EVENT,
    **dict.fromkeys((Event.ACCOUNT_OPENED, Event.DEPOSITED, Event.WITHDREW, Event.POSITION_SETTLED), ACCOUNT_EVENT),
    **dict.fromkeys((Event.REGION_DEFINED, Event.SERIES_DEFINED, Event.TRANCHE_LISTED), TRANCHE_EVENT),
    **dict.fromkeys((Event.REFERENCE_SET, Event.LISTING_REFUSED), TRANCHE_EVENT),
    **dict.fromkeys((Event.MARKET_HALTED, Event.MARKET_RESUMED), TRANCHE_EVENT),
    **dict.fromkeys((Event.PARAMETERS_SET, Event.FEES_SET), PARAMETERS_EVENT),
    **dict.fromkeys((Event.UTILISATION_SET, Event.STRAIN_SET), STRAIN_EVENT),
    **dict.fromkeys((Event.FINANCING_SET, Event.FINANCING_RATED, Event.FINANCED), FINANCING_EVENT),
    Event.KILL_SWITCH_LIFTED: ACCOUNT_EVENT,
    Event.LIMITS_SET: LIMITS_EVENT,
    Event.ADD_ON_SET: ADD_ON_EVENT,
    **dict.fromkeys((Event.PROTECTION_SET, Event.PROTECTION_RESET), PROTECTION_EVENT),
    **dict.fromkeys((Event.CANCEL_AFTER_SET, Event.CANCELLED_AFTER), CANCEL_AFTER_EVENT),
    Event.STAKED: STAKE_EVENT,
    Event.CAPACITY_SET: CAPACITY_EVENT,
    **dict.fromkeys((Event.ALLOCATION_CHANGED, Event.DISPUTED), ALLOCATION_EVENT),
    Event.REPORTER_SET: ACCOUNT_EVENT,
    Event.REPORTED: REPORT_EVENT,
    Event.SLOT_SETTLED: SLOT_EVENT,
    Event.SLOT_SHORT: SHORT_EVENT,
    Event.DELIVERY_CORRECTED: CORRECTION_EVENT,
    Event.INTERRUPTED: INTERRUPTION_EVENT,
    Event.REPUTATION_SET: REPUTATION_EVENT,
    Event.DOWNTIME_NOTED: DOWNTIME_EVENT,
    Event.STATE_CHANGED: STATE_EVENT,
    Event.TERMS_SET: TERMS_EVENT,
    **dict.fromkeys((Event.ESCROWED, Event.CASHED_OUT), GATE_EVENT),
    Event.ALLOCATED: ALLOCATED_EVENT,
    Event.STANDING_CHANGED: STANDING_EVENT,
    **dict.fromkeys((Event.FUND_MOVED, Event.FUND_ENDOWED, Event.SHORTFALL), FUND_EVENT),
    Event.REPEATED: REPEAT_EVENT,
    **dict.fromkeys((Event.MASS_CANCELLED, Event.MASS_QUOTED, Event.BASKET_FILLED), SUMMARY_EVENT),
    **dict.fromkeys((Event.KILL_SWITCH_PULLED, Event.PROTECTION_TRIGGERED), SUMMARY_EVENT),
}
ENTRY_LAYOUTS: dict[int, np.dtype] = {Command.EXTRA: EXTRA, Command.QUOTE: QUOTE, Command.LEG: LEG}
HEAD_LAYOUTS: dict[int, np.dtype] = {
    **dict.fromkeys((Command.CANCEL, Command.REPLACE), CHANGE_COMMAND),
    Command.MASS_CANCEL: MASS_CANCEL_COMMAND,
}

Told = dict[str, Any]


def told(events: np.ndarray) -> list[Told]:
    """Events as dictionaries in the layout of their kind, with kind and reason by name."""
    rows = []
    for position, kind in enumerate(events["kind"].tolist()):
        layout = EVENT_LAYOUTS.get(kind, ORDER_EVENT)
        row = fields(events, position, layout)
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
        is_whole = size <= 1 + CONTINUATIONS_MAX and len(tail) == size - 1 and np.isin(tail, list(BEHIND_A_HEAD)).all()
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
    """What a command says, apart from its client id and the ids that the venue gives new orders."""
    told_records = group[group["kind"] != Command.CONTINUATION].copy()
    head, legs = told_records[:1], told_records["kind"] == Command.LEG
    head["client_id_high"] = head["client_id_low"] = 0
    if head["kind"][0] == Command.PLACE:
        head["order_id"] = 0
    told_records.view(LEG)["order_id"][legs] = 0
    return told_records.tobytes()


def head_of(group: np.ndarray) -> Told:
    """The head of an order's, a change's, a mass cancel's, a mass quote's or a basket's records."""
    return fields(group, 0, HEAD_LAYOUTS.get(int(group["kind"][0]), ORDER_COMMAND))


def entries_of(group: np.ndarray, kind: Command) -> list[Told]:
    """The records of a kind right behind the head."""
    entries: list[Told] = []
    while len(entries) + 1 < len(group) and group["kind"][len(entries) + 1] == kind:
        entries.append(fields(group, len(entries) + 1, ENTRY_LAYOUTS[kind]))
    return entries


def fields(rows: np.ndarray, position: int, layout: np.dtype) -> Told:
    """One record by the names of a layout."""
    return dict(zip(layout.names or (), rows[position : position + 1].view(layout).item(), strict=True))
