"""What Python asks of the arrays: rows by their names, and chains as lists of rows."""

import numpy as np

from exchange.view.columns.candles import drop_candles
from exchange.view.columns.compile import kernel
from exchange.view.columns.levels import release_touched
from exchange.view.columns.orders import find_client, find_order
from exchange.view.columns.schema import NIL
from exchange.view.columns.trades import drop_trades
from kernels.compile import inlined


@kernel
def order_row(columns, order_id):
    """The newest order of an id, or NIL."""
    return find_order(columns, order_id)


@kernel
def order_rows(columns, order_ids, rows):
    """The newest order of each id, or NIL."""
    for at in range(len(order_ids)):
        rows[at] = find_order(columns, order_ids[at])


@kernel
def client_row(columns, account_id, high, low):
    """The newest order of an account under a client id, or NIL."""
    return find_client(columns, account_id, high, low)


@kernel
def list_open_orders(columns, account_id, rows):
    """The open orders of an account, oldest first; there are as many as there is room for."""
    row = np.int64(columns.accounts[account_id]["first_order"])
    for at in range(len(rows)):
        rows[at] = row
        row = np.int64(columns.orders[row]["next"])


@kernel
def count_positions(columns, account_id):
    """How many positions an account has."""
    count = 0
    row = np.int64(columns.accounts[account_id]["first_position"])
    while row != NIL:
        count += 1
        row = np.int64(columns.positions[row]["next"])
    return count


@kernel
def list_positions(columns, account_id, rows):
    """The positions of an account, in the order in which they were opened."""
    row = np.int64(columns.accounts[account_id]["first_position"])
    for at in range(len(rows)):
        rows[at] = row
        row = np.int64(columns.positions[row]["next"])


@kernel
def list_trades(columns, instrument_row, rows):
    """The trades that a tranche shows, the newest last."""
    row = np.int64(columns.instruments[instrument_row]["oldest_trade"])
    for at in range(len(rows)):
        rows[at] = row
        row = np.int64(columns.trades[row]["next"])


@kernel
def list_candles(columns, chain, rows):
    """The candles of a tranche and interval, the newest last."""
    row = np.int64(columns.chains[chain]["oldest"])
    for at in range(len(rows)):
        rows[at] = row
        row = np.int64(columns.candles[row]["next"])


@kernel
def count_trades_after(columns, account_id, sequence, index):
    """How many trades of an account behind the one of a name are remembered."""
    count = 0
    number = np.int64(columns.accounts[account_id]["last_trade"])
    while is_behind(columns, number, sequence, index):
        count += 1
        number = number_before(columns, account_id, number)
    return count


@kernel
def list_trades_after(columns, account_id, rows):
    """The newest trades of an account, the newest last."""
    number = np.int64(columns.accounts[account_id]["last_trade"])
    for at in range(len(rows) - 1, -1, -1):
        rows[at] = row_of_number(columns, number)
        number = number_before(columns, account_id, number)


@inlined
def is_behind(columns, number, sequence, index):
    """Whether a trade is remembered, and later than a name."""
    if number < columns.counters[0]["trades_oldest"]:
        return False
    trade = columns.trades[row_of_number(columns, number)]
    at = np.uint64(trade["sequence"])
    return at > sequence or (at == sequence and np.int64(trade["index"]) > index)


@inlined
def row_of_number(columns, number):
    """The row of a trade that the market keeps."""
    return np.int64(columns.market_trades[number & np.int64(len(columns.market_trades) - 1)])


@inlined
def number_before(columns, account_id, number):
    """Of the trade of an account before one of its trades; once only, if it traded with itself."""
    trade = columns.trades[row_of_number(columns, number)]
    is_own = np.int64(trade["account_id"]) == account_id
    return np.int64(trade["previous"]) if is_own else np.int64(trade["counter_previous"])


@kernel
def drop_tranche(columns, instrument_row):
    """Forget the trades, candles and changes of a tranche."""
    drop_trades(columns, instrument_row)
    drop_candles(columns, instrument_row)
    release_touched(columns, instrument_row)
