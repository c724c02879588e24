"""Orders by id and by client id, the open ones of each account, and the finished ones until they are forgotten."""

import numpy as np

from exchange.view.columns.pools import give_back, take_row
from exchange.view.columns.schema import NIL, OPEN, ORDERS, REJECTED, TEXT_BYTES
from kernels.compile import inlined, outlined
from kernels.intrinsics import hash_tag
from kernels.table import following, home, remove_entry

MIXER = np.uint64(0x100000001B3)


@inlined
def order_entry(columns, order_id, tag):
    """Where the newest order of an id stands in the table, or the free place where it would."""
    at = home(columns.order_table, tag)
    while columns.order_table[at]["slot"] != NIL:
        row = np.int64(columns.order_table[at]["slot"])
        if columns.order_table[at]["tag"] == tag and columns.orders[row]["order_id"] == order_id:
            return at
        at = following(columns.order_table, at)
    return at


@inlined
def find_order(columns, order_id):
    """The newest order of an id, or NIL."""
    return np.int64(columns.order_table[order_entry(columns, order_id, hash_tag(np.uint64(order_id)))]["slot"])


@inlined
def enter_id(columns, row):
    """An id means this order from now on."""
    order_id = columns.orders[row]["order_id"]
    tag = hash_tag(np.uint64(order_id))
    at = order_entry(columns, order_id, tag)
    columns.order_table[at]["tag"] = tag
    columns.order_table[at]["slot"] = row


@inlined
def client_tag(account_id, high, low):
    """The hash of an account's client id."""
    return hash_tag(np.uint64(high) ^ (np.uint64(low) + np.uint64(account_id)) * MIXER)


@inlined
def client_entry(columns, account_id, high, low, tag):
    """Where the newest order under a client id stands in the table, or the free place where it would."""
    at = home(columns.client_table, tag)
    while columns.client_table[at]["slot"] != NIL:
        if columns.client_table[at]["tag"] == tag:
            row = np.int64(columns.client_table[at]["slot"])
            if (
                columns.clients[row]["low"] == low
                and columns.clients[row]["high"] == high
                and columns.orders[row]["account_id"] == account_id
            ):
                return at
        at = following(columns.client_table, at)
    return at


@inlined
def find_client(columns, account_id, high, low):
    """The newest order of an account under a client id, or NIL."""
    at = client_entry(columns, account_id, high, low, client_tag(account_id, high, low))
    return np.int64(columns.client_table[at]["slot"])


@inlined
def enter_client(columns, row):
    """A client id means this order from now on."""
    account_id, client = columns.orders[row]["account_id"], columns.clients[row]
    tag = client_tag(account_id, client["high"], client["low"])
    at = client_entry(columns, account_id, client["high"], client["low"], tag)
    columns.client_table[at]["tag"] = tag
    columns.client_table[at]["slot"] = row


@inlined
def list_order(columns, row):
    """An order is the youngest of its account's open ones."""
    order = columns.orders[row]
    account = columns.accounts[np.int64(order["account_id"])]
    order["is_listed"] = 1
    order["previous"] = account["last_order"]
    order["next"] = NIL
    if account["last_order"] == NIL:
        account["first_order"] = row
    else:
        columns.orders[np.int64(account["last_order"])]["next"] = row
    account["last_order"] = row
    account["order_count"] += np.uint32(1)


@inlined
def unlist_order(columns, row):
    """An order is open no more."""
    order = columns.orders[row]
    account = columns.accounts[np.int64(order["account_id"])]
    order["is_listed"] = 0
    if order["previous"] == NIL:
        account["first_order"] = order["next"]
    else:
        columns.orders[np.int64(order["previous"])]["next"] = order["next"]
    if order["next"] == NIL:
        account["last_order"] = order["previous"]
    else:
        columns.orders[np.int64(order["next"])]["previous"] = order["previous"]
    account["order_count"] -= np.uint32(1)


@inlined
def new_order(columns, order_id, account_id, instrument_id, instrument):
    """A row for an order, with nothing but its names: the caller fills in all else."""
    row = take_row(columns.pools[ORDERS], columns.orders)
    order = columns.orders[row]
    order["order_id"] = order_id
    order["account_id"] = account_id
    order["instrument_id"] = instrument_id
    order["instrument"] = instrument
    order["level"] = NIL
    order["filled_lots"] = 0
    order["display_lots"] = 0
    order["minimum_lots"] = 0
    order["reason"] = 0
    order["status"] = OPEN
    order["is_listed"] = 0
    order["text_bytes"] = 0
    columns.instruments[instrument]["references"] += 1
    return row


@inlined
def finish(columns, row, status, reason):
    """An order ended; the oldest of those that did are forgotten when there are too many."""
    order = columns.orders[row]
    order["status"] = status
    order["reason"] = reason
    order["leaves_lots"] = 0
    if order["is_listed"] != 0:
        unlist_order(columns, row)
    keep_finished(columns, row)


@outlined
def keep_finished(columns, row):
    """The newest of the finished orders."""
    counters, mask = columns.counters[0], np.int64(len(columns.finished) - 1)
    columns.finished[counters["finished_end"] & mask] = row
    counters["finished_end"] += 1
    while counters["finished_end"] - counters["finished_oldest"] > counters["finished_kept"]:
        oldest = np.int64(columns.finished[counters["finished_oldest"] & mask])
        counters["finished_oldest"] += 1
        forget(columns, oldest)


@inlined
def forget(columns, row):
    """Nobody finds an order any more."""
    order, client = columns.orders[row], columns.clients[row]
    if order["status"] != REJECTED and find_order(columns, order["order_id"]) == row:
        remove_entry(columns.order_table, hash_tag(np.uint64(order["order_id"])), row)
    if order["text_bytes"] != 0 and find_client(columns, order["account_id"], client["high"], client["low"]) == row:
        tag = client_tag(order["account_id"], client["high"], client["low"])
        remove_entry(columns.client_table, tag, row)
    columns.instruments[np.int64(order["instrument"])]["references"] -= 1
    give_back(columns.pools[ORDERS], columns.orders, row)


@inlined
def copy_text(source, source_at, target, target_at, length):
    """Bytes of a client id; no more than it may have."""
    for at in range(min(length, TEXT_BYTES)):
        target[target_at + at] = source[source_at + at]
