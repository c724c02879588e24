"""Row by row out of the arrays into those of a dump, and back, where links and tables are made anew."""

from dataclasses import dataclass

import numpy as np

from exchange.view.columns.candles import link_candle
from exchange.view.columns.compile import kernel
from exchange.view.columns.levels import appear, enter_level, find_level
from exchange.view.columns.orders import copy_text, enter_client, enter_id, keep_finished, list_order
from exchange.view.columns.pools import take_row
from exchange.view.columns.positions import move_position
from exchange.view.columns.schema import (
    IN_MARKET,
    IN_TRANCHE,
    INTERVAL_COUNT,
    NIL,
    OPEN,
    ORDERS,
    REJECTED,
    TEXT_BYTES,
    TRADES,
)
from exchange.view.columns.trades import keep_in_market, keep_in_tranche
from kernels.arrays import ArrayGroup
from kernels.compile import inlined
from kernels.intrinsics import copy_record


@dataclass(frozen=True, eq=False)
class Stored(ArrayGroup):
    """The arrays of a dump that are read row by row."""

    orders: np.ndarray
    clients: np.ndarray  # of the orders that have a client id
    texts: np.ndarray  # of the same, one behind the other
    levels: np.ndarray
    positions: np.ndarray
    trades: np.ndarray
    trade_texts: np.ndarray  # one behind the other
    chains: np.ndarray
    candles: np.ndarray  # chain by chain


@kernel
def store_orders(columns, account_ids, places, orders, clients, texts):
    """Open orders by account, then the finished ones; how many orders, client ids and bytes of these there are."""
    ends = np.int64(0), np.int64(0), np.int64(0)
    for at in range(len(account_ids)):
        row = np.int64(columns.accounts[np.int64(account_ids[at])]["first_order"])
        while row != NIL:
            ends = store_order(columns, row, places, orders, clients, texts, ends)
            row = np.int64(columns.orders[row]["next"])
    counters, mask = columns.counters[0], np.int64(len(columns.finished) - 1)
    for number in range(counters["finished_oldest"], counters["finished_end"]):
        row = np.int64(columns.finished[number & mask])
        ends = store_order(columns, row, places, orders, clients, texts, ends)
    return ends


@inlined
def store_order(columns, row, places, orders, clients, texts, ends):
    """One of them."""
    end, clients_end, texts_end = ends
    order = orders[end]
    copy_record(columns.orders[row], order)
    order["instrument"] = places[np.int64(order["instrument"])]
    order["level"] = NIL
    order["previous"] = NIL
    order["next"] = NIL
    order["is_listed"] = 0
    length = np.int64(order["text_bytes"])
    if length != 0:
        copy_record(columns.clients[row], clients[clients_end])
        copy_text(columns.texts, TEXT_BYTES * row, texts, texts_end, length)
        clients_end += 1
    return end + 1, clients_end, texts_end + length


@kernel
def load_orders(columns, stored, instrument_rows, count):
    """Enter orders: the finished ones before the open ones, because of an id that both have the open one is newer."""
    texts_end, clients_end = np.int64(0), np.int64(0)
    for at in range(count):
        row = load_order(columns, stored, instrument_rows, at, clients_end, texts_end)
        length = np.int64(columns.orders[row]["text_bytes"])
        texts_end += length
        clients_end += 1 if length != 0 else 0
        if columns.orders[row]["status"] != OPEN:
            enter_names(columns, row)
            keep_finished(columns, row)
    enter_open(columns, count)


@inlined
def load_order(columns, stored, instrument_rows, at, clients_at, texts_at):
    """One row, which nothing finds yet."""
    row = take_row(columns.pools[ORDERS], columns.orders)
    order = columns.orders[row]
    copy_record(stored.orders[at], order)
    order["instrument"] = instrument_rows[np.int64(order["instrument"])]
    columns.instruments[np.int64(order["instrument"])]["references"] += 1
    if order["text_bytes"] != 0:
        copy_record(stored.clients[clients_at], columns.clients[row])
        copy_text(stored.texts, texts_at, columns.texts, TEXT_BYTES * row, np.int64(order["text_bytes"]))
    return row


@inlined
def enter_open(columns, count):
    """Let the open ones among the first so many rows be found."""
    for row in range(1, count + 1):
        order = columns.orders[row]
        if order["status"] == OPEN:
            enter_names(columns, row)
            list_order(columns, row)
            order["level"] = find_level(columns, order["instrument"], order["side"], order["price_ticks"])


@inlined
def enter_names(columns, row):
    """The id, unless the order was refused, and the client id, if there is one."""
    if columns.orders[row]["status"] != REJECTED:
        enter_id(columns, row)
    if columns.orders[row]["text_bytes"] != 0:
        enter_client(columns, row)


@kernel
def load_levels(columns, stored, instrument_rows, count):
    """Enter levels, of which nobody has to hear."""
    for at in range(count):
        level = stored.levels[at]
        instrument = instrument_rows[np.int64(level["instrument"])]
        row = enter_level(columns, instrument, level["side"], level["price_ticks"])
        columns.levels[row]["quantity_lots"] = level["quantity_lots"]
        columns.levels[row]["order_count"] = level["order_count"]
        appear(columns, row)


@kernel
def store_positions(columns, account_ids, places, positions):
    """The positions by account, as they were opened; how many there are."""
    end = 0
    for at in range(len(account_ids)):
        row = np.int64(columns.accounts[np.int64(account_ids[at])]["first_position"])
        while row != NIL:
            position = positions[end]
            copy_record(columns.positions[row], position)
            position["instrument"] = places[np.int64(position["instrument"])]
            position["key"] = 0
            position["previous"] = NIL
            position["next"] = NIL
            row = np.int64(columns.positions[row]["next"])
            end += 1
    return end


@kernel
def load_positions(columns, stored, instrument_rows, count):
    """Open positions again."""
    for at in range(count):
        position = stored.positions[at]
        instrument = np.int64(instrument_rows[np.int64(position["instrument"])])
        lots, cost_nano = np.int64(position["lots"]), np.int64(position["cost_nano"])
        move_position(columns, position["account_id"], instrument, lots, cost_nano)


@kernel
def load_trades(columns, stored, instrument_rows, count):
    """Enter trades, oldest first. Those of the market are numbered on from the counter."""
    texts_end = np.int64(0)
    for at in range(count):
        row = take_row(columns.pools[TRADES], columns.trades)
        trade = columns.trades[row]
        copy_record(stored.trades[at], trade)
        trade["instrument"] = instrument_rows[np.int64(trade["instrument"])]
        columns.instruments[np.int64(trade["instrument"])]["references"] += 1
        texts_at = 2 * TEXT_BYTES * row
        texts_end = load_text(columns, stored, texts_end, texts_at, np.int64(trade["text_bytes"]))
        length = np.int64(trade["counter_text_bytes"])
        texts_end = load_text(columns, stored, texts_end, texts_at + TEXT_BYTES, length)
        kept = np.int64(trade["kept"])
        if kept & IN_TRANCHE != 0:
            keep_in_tranche(columns, row)
        if kept & IN_MARKET != 0:
            keep_in_market(columns, row)


@inlined
def load_text(columns, stored, source_at, target_at, length):
    """What one side called its order; where the next one begins."""
    copy_text(stored.trade_texts, source_at, columns.trade_texts, target_at, length)
    return source_at + length


@kernel
def store_candles(columns, chains, candles):
    """The candles chain by chain."""
    end = 0
    for chain in range(len(chains)):
        row = np.int64(chains[chain]["oldest"])
        while row != NIL:
            copy_record(columns.candles[row], candles[end])
            candles[end]["next"] = NIL
            row = np.int64(columns.candles[row]["next"])
            end += 1


@kernel
def load_candles(columns, stored, instrument_rows, count):
    """Link candles again."""
    end = 0
    for chain in range(count):
        instrument = np.int64(instrument_rows[1 + chain // INTERVAL_COUNT])
        for _ in range(np.int64(stored.chains[chain]["count"])):
            row = link_candle(columns, INTERVAL_COUNT * instrument + chain % INTERVAL_COUNT)
            copy_record(stored.candles[end], columns.candles[row])
            columns.candles[row]["next"] = NIL
            end += 1
