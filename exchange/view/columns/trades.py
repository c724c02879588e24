"""Trades, for as long as the market or their tranche keeps them, and what is forgotten of each account by name."""

import numpy as np

from exchange.view.columns.candles import add_to_candles
from exchange.view.columns.orders import copy_text
from exchange.view.columns.pools import give_back, take_row
from exchange.view.columns.positions import move_position
from exchange.view.columns.schema import IN_MARKET, IN_TRANCHE, NIL, TEXT_BYTES, TRADES
from kernels.compile import inlined, outlined
from matching.schema import Side

BUY = int(Side.BUY)


@inlined
def record_trade(columns, event, is_auction, order_row, counter_row, time_ns):
    """The tape, the fills, the candles, and the positions of both accounts."""
    price_ticks, lots = np.int64(event["price_ticks"]), np.int64(event["quantity_lots"])
    instrument_row = np.int64(columns.orders[order_row]["instrument"])
    row = take_row(columns.pools[TRADES], columns.trades)
    trade = columns.trades[row]
    trade["sequence"] = event["sequence"]
    trade["index"] = event["index"]
    trade["order_id"] = columns.orders[order_row]["order_id"]
    trade["counter_order_id"] = columns.orders[counter_row]["order_id"]
    trade["account_id"] = event["account_id"]
    trade["counter_account_id"] = event["counter_account_id"]
    trade["instrument"] = instrument_row
    trade["price_ticks"] = price_ticks
    trade["quantity_lots"] = lots
    trade["time_ns"] = time_ns
    trade["side"] = event["side"]
    trade["is_auction"] = is_auction
    trade["kept"] = IN_MARKET | IN_TRANCHE
    copy_client_ids(columns, row, order_row, counter_row)
    columns.instruments[instrument_row]["references"] += 1
    keep_in_tranche(columns, row)
    keep_in_market(columns, row)
    columns.counters[0]["trades"] += 1
    instrument = columns.instruments[instrument_row]
    instrument["last_trade_ticks"] = price_ticks
    instrument["traded_lots"] += lots
    add_to_candles(columns, instrument_row, time_ns, price_ticks, lots)
    bought_lots = lots if event["side"] == BUY else -lots
    cost_nano = price_ticks * bought_lots * np.int64(instrument["tick_value_nano"])
    move_position(columns, event["account_id"], instrument_row, bought_lots, cost_nano)
    move_position(columns, event["counter_account_id"], instrument_row, -bought_lots, -cost_nano)


@inlined
def copy_client_ids(columns, row, order_row, counter_row):
    """What both called their orders: a trade outlives them."""
    trade, at = columns.trades[row], 2 * TEXT_BYTES * row
    trade["text_bytes"] = columns.orders[order_row]["text_bytes"]
    trade["counter_text_bytes"] = columns.orders[counter_row]["text_bytes"]
    copy_text(columns.texts, TEXT_BYTES * order_row, columns.trade_texts, at, np.int64(trade["text_bytes"]))
    length = np.int64(trade["counter_text_bytes"])
    copy_text(columns.texts, TEXT_BYTES * counter_row, columns.trade_texts, at + TEXT_BYTES, length)


@inlined
def keep_in_tranche(columns, row):
    """The newest trade of its tranche; the oldest goes when there are too many."""
    instrument = columns.instruments[np.int64(columns.trades[row]["instrument"])]
    columns.trades[row]["next"] = NIL
    if instrument["newest_trade"] == NIL:
        instrument["oldest_trade"] = row
    else:
        columns.trades[np.int64(instrument["newest_trade"])]["next"] = row
    instrument["newest_trade"] = row
    instrument["trade_count"] += np.uint32(1)
    while instrument["trade_count"] > columns.counters[0]["tranche_trades_kept"]:
        drop_oldest_of_tranche(columns, instrument)


@inlined
def drop_oldest_of_tranche(columns, instrument):
    """Its tranche shows a trade no more."""
    row = np.int64(instrument["oldest_trade"])
    instrument["oldest_trade"] = columns.trades[row]["next"]
    if instrument["oldest_trade"] == NIL:
        instrument["newest_trade"] = NIL
    instrument["trade_count"] -= np.uint32(1)
    let_go(columns, row, IN_TRANCHE)


@inlined
def keep_in_market(columns, row):
    """The newest trade of the market, and of both accounts; the market's oldest goes when there are too many."""
    counters, mask = columns.counters[0], np.int64(len(columns.market_trades) - 1)
    trade = columns.trades[row]
    account = columns.accounts[np.int64(trade["account_id"])]
    counter_account = columns.accounts[np.int64(trade["counter_account_id"])]
    number = np.int64(counters["trades_end"])
    trade["number"] = number
    trade["previous"] = account["last_trade"]
    trade["counter_previous"] = counter_account["last_trade"]
    account["last_trade"] = number
    counter_account["last_trade"] = number
    columns.market_trades[number & mask] = row
    counters["trades_end"] = number + 1
    while counters["trades_end"] - counters["trades_oldest"] > counters["trades_kept"]:
        forget_oldest_of_market(columns, np.int64(columns.market_trades[counters["trades_oldest"] & mask]))


@outlined
def forget_oldest_of_market(columns, row):
    """Both accounts are told by name from where on they can read their fills."""
    trade = columns.trades[row]
    note_forgotten(columns.accounts[np.int64(trade["account_id"])], trade)
    note_forgotten(columns.accounts[np.int64(trade["counter_account_id"])], trade)
    columns.counters[0]["trades_oldest"] += 1
    let_go(columns, row, IN_MARKET)


@inlined
def note_forgotten(account, trade):
    """The newest trade of an account that it cannot read any more."""
    account["forgotten_sequence"] = trade["sequence"]
    account["forgotten_index"] = trade["index"]


@inlined
def let_go(columns, row, among):
    """A trade is not kept there any more; where it is kept nowhere, its row can be used again."""
    trade = columns.trades[row]
    trade["kept"] = np.int64(trade["kept"]) & ~among
    if trade["kept"] == 0:
        columns.instruments[np.int64(trade["instrument"])]["references"] -= 1
        give_back(columns.pools[TRADES], columns.trades, row)


@inlined
def drop_trades(columns, instrument_row):
    """A tranche is gone, and shows no trade."""
    instrument = columns.instruments[instrument_row]
    while instrument["trade_count"] != 0:
        drop_oldest_of_tranche(columns, instrument)
