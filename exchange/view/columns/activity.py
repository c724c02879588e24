"""What accounts send and trade, counted off commands and events."""

from dataclasses import dataclass

import numpy as np

from exchange.venue.schema import Event
from exchange.view.columns.compile import kernel
from exchange.view.columns.orders import find_order
from exchange.view.columns.schema import NIL
from kernels.arrays import ArrayGroup
from kernels.compile import direct, inlined
from kernels.records import record

ACTIVITY = record(("orders", "i8"), ("replaces", "i8"), ("cancels", "i8"), ("fills", "i8"))
"""How often an account did what."""
NOTHING, ORDERS, REPLACES, CANCELS = range(4)
"""What a command is counted as."""
TRADE, AUCTION_TRADE = int(Event.TRADE), int(Event.AUCTION_TRADE)


@dataclass(frozen=True, eq=False)
class Counts(ArrayGroup):
    """The counts of all accounts, and how commands are counted."""

    accounts: np.ndarray  # ACTIVITY by account id
    counted_as: np.ndarray  # by kind of command
    is_head: np.ndarray  # by kind of command: whether the account it names is that of the records behind it
    first_traders: np.ndarray  # the account of each order that traded for the first time
    traded: np.ndarray  # the rows of both orders of each event


@direct
@kernel
def count_commands(counts, commands):
    """Count what the commands of a batch are, each for the account that its head names."""
    account_id = np.int64(0)
    for at in range(len(commands.orders)):
        kind = commands.orders[at]["kind"]
        if counts.is_head[kind] != 0:
            account_id = np.int64(commands.orders[at]["account_id"])
        if account_id < len(counts.accounts):
            count_as(counts.accounts[account_id], counts.counted_as[kind])


@inlined
def count_as(account, what):
    """One more of what a command is counted as."""
    if what == ORDERS:
        account["orders"] += 1
    elif what == REPLACES:
        account["replaces"] += 1
    elif what == CANCELS:
        account["cancels"] += 1


@direct
@kernel
def count_trades(columns, counts, events, forced_mask, forced):
    """Count the fills of a batch that the columns have followed; return how many orders traded for the first time.

    An order did so if nothing of it was filled before: what it filled in the batch is taken off for a moment. Orders of
    the venue's own, whose ids have the bits `forced` under a mask, are left out. There must be room for two an event.
    """
    first_trades = 0
    for at in range(len(events.orders)):
        event = events.orders[at]
        if is_trade(event["kind"]):
            taker, maker = find_order(columns, event["order_id"]), find_order(columns, event["counter_order_id"])
            counts.traded[2 * at], counts.traded[2 * at + 1] = taker, maker
            for row in (taker, maker):
                if take_off(columns, row, event["quantity_lots"], forced_mask, forced):
                    counts.first_traders[first_trades] = columns.orders[row]["account_id"]
                    first_trades += 1
            count_fill(counts, event["account_id"])
            count_fill(counts, event["counter_account_id"])
    for at in range(len(events.orders)):
        if is_trade(events.orders[at]["kind"]):
            lots = events.orders[at]["quantity_lots"]
            columns.orders[counts.traded[2 * at]]["filled_lots"] += lots
            columns.orders[counts.traded[2 * at + 1]]["filled_lots"] += lots
    return first_trades


@inlined
def is_trade(kind):
    """Whether an event is one."""
    return (kind == TRADE) | (kind == AUCTION_TRADE)


@inlined
def count_fill(counts, account_id):
    """One more."""
    if account_id < len(counts.accounts):
        counts.accounts[np.int64(account_id)]["fills"] += 1


@inlined
def take_off(columns, row, lots, forced_mask, forced):
    """Take a fill off an order, or off row NIL for one that is long forgotten; whether nothing of it is left then."""
    order = columns.orders[row]
    order["filled_lots"] -= lots
    return row != NIL and order["filled_lots"] == 0 and order["order_id"] & forced_mask != forced
