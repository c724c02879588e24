"""The kernel that follows a batch: what every order moves is moved here, what is rare is left to Python."""

from typing import ClassVar

import numpy as np

from exchange.venue.schema import Event
from exchange.view.columns.commands import begin_command
from exchange.view.columns.compile import kernel
from exchange.view.columns.events import (
    allot,
    cancel,
    deleverage,
    fill,
    kill,
    prevent,
    reduce,
    refresh,
    remove_reserve,
    rest,
    send_forced_order,
    settle,
    tell_of_auction,
    trade,
    trade_in_auction,
    trim,
    withdraw,
)
from kernels.arrays import RecordViews
from kernels.compile import direct, inlined, outlined
from kernels.intrinsics import hash_tag, prefetch
from kernels.table import home
from matching.schema import EXTRA, LEG, ORDER_COMMAND, ORDER_EVENT, QUOTE

APPLY, BEGIN = 0, 1
"""What Python has to do where `follow` stopped: apply the event there and go on behind it, or begin its command and go
on with it."""

RESTED, REPLACED, FILLED, KILLED = map(int, (Event.RESTED, Event.REPLACED, Event.FILLED, Event.KILLED))
CANCELLED, WITHDRAWN, REDUCED = map(int, (Event.CANCELLED, Event.WITHDRAWN, Event.REDUCED))
TRADE, PREVENTED, REFRESHED = map(int, (Event.TRADE, Event.PREVENTED, Event.REFRESHED))
RESERVE_REMOVED, TRIMMED, ALLOTTED = map(int, (Event.RESERVE_REMOVED, Event.TRIMMED, Event.ALLOTTED))
AUCTION_TRADE, UNCROSSED, INDICATIVE = map(int, (Event.AUCTION_TRADE, Event.UNCROSSED, Event.INDICATIVE))
FORCED_ORDER, DELEVERAGED = int(Event.FORCED_ORDER), int(Event.DELEVERAGED)
POSITION_SETTLED = int(Event.POSITION_SETTLED)


FAR_AHEAD, NEAR_AHEAD = 16, 8
"""How many events later that is needed which is brought near."""


class Commands(RecordViews):
    """The commands of a batch in every layout that is read here."""

    layouts: ClassVar = {
        "orders": ORDER_COMMAND,
        "extras": EXTRA,
        "quotes": QUOTE,
        "legs": LEG,
        "bytes": np.dtype(np.uint8),
    }


class Events(RecordViews):
    """The events of a batch. What accounts and positions are told stands in the same places."""

    layouts: ClassVar = {"orders": ORDER_EVENT}


@direct
@kernel
def follow(columns, commands, events, first_sequence, time_ns, position):
    """Take in events from a position on, and what their commands enter, up to one that Python has to see to.

    Return its position, which is behind the last event when there is none, and what is to be done there.
    """
    counters = columns.counters[0]
    for at in range(position, len(events.orders)):
        look_ahead(columns, events, at)
        event = events.orders[at]
        if event["sequence"] != counters["sequence"]:
            counters["sequence"] = event["sequence"]
            counters["commands"] += 1
            index = np.int64(event["sequence"]) - first_sequence
            if begin_command(columns, commands, index, event, time_ns):
                return at, BEGIN
        kind = event["kind"]
        if kind in (RESTED, REPLACED):
            rest(columns, event, time_ns)
        elif kind == CANCELLED:
            cancel(columns, event, time_ns)
        elif kind == TRADE:
            trade(columns, event, time_ns)
        elif kind == FILLED:
            fill(columns, event, time_ns)
        elif kind == KILLED:
            kill(columns, event, time_ns)
        elif kind == WITHDRAWN:
            withdraw(columns, event, time_ns)
        elif columns.applied_outside[kind] != 0:
            return at, APPLY
        else:
            follow_seldom(columns, event, time_ns)
    return len(events.orders), APPLY


@inlined
def look_ahead(columns, events, at):
    """Bring near what events to come will touch: first their places in the table, then the orders that stand there."""
    count = len(events.orders)
    if at + FAR_AHEAD < count:
        event = events.orders[at + FAR_AHEAD]
        prefetch(columns.order_table, home(columns.order_table, hash_tag(np.uint64(event["order_id"]))))
        prefetch(columns.order_table, home(columns.order_table, hash_tag(np.uint64(event["counter_order_id"]))))
    if at + NEAR_AHEAD < count:
        event = events.orders[at + NEAR_AHEAD]
        prefetch(columns.orders, likely_order(columns, hash_tag(np.uint64(event["order_id"]))))
        prefetch(columns.orders, likely_order(columns, hash_tag(np.uint64(event["counter_order_id"]))))


@inlined
def likely_order(columns, tag):
    """The order at the first place of a tag: a hint, for it may be another's."""
    return np.int64(columns.order_table[home(columns.order_table, tag)]["slot"])


@outlined
def follow_seldom(columns, event, time_ns):
    """Events that are not a part of most commands; those that are not named here change nothing."""
    kind = event["kind"]
    if kind == REDUCED:
        reduce(columns, event, time_ns)
    elif kind == PREVENTED:
        prevent(columns, event, time_ns)
    elif kind == REFRESHED:
        refresh(columns, event, time_ns)
    elif kind == RESERVE_REMOVED:
        remove_reserve(columns, event, time_ns)
    elif kind == TRIMMED:
        trim(columns, event, time_ns)
    else:
        follow_rare(columns, event, time_ns)


@inlined
def follow_rare(columns, event, time_ns):
    """What happens in auctions, and to accounts that have too little."""
    kind = event["kind"]
    if kind == ALLOTTED:
        allot(columns, event, time_ns)
    elif kind == AUCTION_TRADE:
        trade_in_auction(columns, event, time_ns)
    elif kind in (UNCROSSED, INDICATIVE):
        tell_of_auction(columns, event)
    elif kind == FORCED_ORDER:
        send_forced_order(columns, event, time_ns)
    elif kind == DELEVERAGED:
        deleverage(columns, event)
    elif kind == POSITION_SETTLED:
        settle(columns, event)
