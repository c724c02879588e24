"""What each event does to orders, levels, positions and trades.

An order is entered when its command's first event is no refusal, and joins its account's open orders when it rests.
What is left of an incoming order, and its total, are told by the outcome; until then only its fills are counted. Levels
follow `matching.schema.LEVEL_EFFECT`: each function below that moves a level says so by calling `move_level`.
"""

import numpy as np

from exchange.venue.schema import Reason
from exchange.view.columns.commands import find_instrument, plain_order
from exchange.view.columns.levels import enter_level, mark_changed, move_level
from exchange.view.columns.orders import find_order, finish, list_order
from exchange.view.columns.positions import move_position, settle_position
from exchange.view.columns.schema import CANCELLED, FILLED, KILLED, NIL
from exchange.view.columns.trades import record_trade
from kernels.compile import inlined, outlined
from matching.schema import EventKind, Side, TimeInForce

BUY = int(Side.BUY)
NO_REASON, SELF_TRADE = int(Reason.NONE), int(Reason.SELF_TRADE)
GTC, IOC = int(TimeInForce.GTC), int(TimeInForce.IOC)
IS_OVER = int(EventKind.UNCROSSED)


@inlined
def changed_order(columns, order_id, event, time_ns):
    """The order that something happened to."""
    row = find_order(columns, order_id)
    assert row != NIL, "an order rests, and the view does not know it"
    columns.orders[row]["updated_ns"] = time_ns
    columns.orders[row]["sequence"] = event["sequence"]
    return row


@inlined
def rest(columns, event, time_ns):
    """RESTED, REPLACED: an order joins the book, perhaps again."""
    row = changed_order(columns, event["order_id"], event, time_ns)
    order = columns.orders[row]
    order["price_ticks"] = event["price_ticks"]
    order["leaves_lots"] = event["leaves_lots"]
    order["quantity_lots"] = order["filled_lots"] + event["leaves_lots"]
    assert order["instrument"] != NIL, "an order rests in a tranche that the view does not know"
    if order["is_listed"] == 0:
        list_order(columns, row)
    level = enter_level(columns, order["instrument"], event["side"], event["price_ticks"])
    order["level"] = level
    move_level(columns, level, np.int64(event["quantity_lots"]), 1, event["sequence"])


@inlined
def fill(columns, event, time_ns):
    """Nothing is left of an incoming order; its trades came before."""
    row = changed_order(columns, event["order_id"], event, time_ns)
    order = columns.orders[row]
    order["price_ticks"] = event["price_ticks"]
    order["quantity_lots"] = order["filled_lots"]
    finish(columns, row, FILLED, event["reason"])


@inlined
def kill(columns, event, time_ns):
    """The rest of an incoming order was given up."""
    row = changed_order(columns, event["order_id"], event, time_ns)
    order = columns.orders[row]
    order["price_ticks"] = event["price_ticks"]
    order["quantity_lots"] = order["filled_lots"] + event["quantity_lots"]
    finish(columns, row, KILLED, event["reason"])


@inlined
def cancel(columns, event, time_ns):
    """A resting order left the book for good."""
    row = changed_order(columns, event["order_id"], event, time_ns)
    move_own_level(columns, row, event, -1)
    finish(columns, row, CANCELLED, event["reason"])


@inlined
def withdraw(columns, event, time_ns):
    """A resting order left the book to be matched anew; it ends or rests again within the same command."""
    move_own_level(columns, changed_order(columns, event["order_id"], event, time_ns), event, -1)


@inlined
def trade(columns, event, time_ns):
    """The incoming order took lots from a resting one, at the resting one's price."""
    lots = np.int64(event["quantity_lots"])
    taker_row = changed_order(columns, event["order_id"], event, time_ns)
    columns.orders[taker_row]["filled_lots"] += lots
    maker_row = take_from_maker(columns, event, time_ns)
    maker = columns.orders[maker_row]
    maker["filled_lots"] += lots
    if maker["leaves_lots"] == 0:
        finish(columns, maker_row, FILLED, NO_REASON)
    record_trade(columns, event, 0, taker_row, maker_row, time_ns)


@outlined
def prevent(columns, event, time_ns):
    """Self-trade prevention took lots off both orders instead of a trade."""
    row = take_from_maker(columns, event, time_ns)
    columns.orders[row]["quantity_lots"] -= event["quantity_lots"]
    if columns.orders[row]["leaves_lots"] == 0:
        finish(columns, row, CANCELLED, SELF_TRADE)


@inlined
def take_from_maker(columns, event, time_ns):
    """Take lots off a resting order and its level."""
    row = changed_order(columns, event["counter_order_id"], event, time_ns)
    order, lots = columns.orders[row], np.int64(event["quantity_lots"])
    order["leaves_lots"] -= lots
    orders = 0 if order["leaves_lots"] != 0 else -1
    move_level(columns, np.int64(order["level"]), -lots, orders, event["sequence"])
    return row


@outlined
def reduce(columns, event, time_ns):
    """A resting order became smaller, perhaps by nothing, and kept its place."""
    row = trim(columns, event, time_ns)
    if event["quantity_lots"] != 0:
        move_own_level(columns, row, event, 0)


@outlined
def refresh(columns, event, time_ns):
    """The next clip of an iceberg: what it shows and what it holds in reserve are the same lots."""
    row = changed_order(columns, event["order_id"], event, time_ns)
    level = np.int64(columns.orders[row]["level"])
    move_level(columns, level, np.int64(event["quantity_lots"]), 0, event["sequence"])


@outlined
def remove_reserve(columns, event, time_ns):
    """Lots of an iceberg went that no level showed."""
    row = changed_order(columns, event["order_id"], event, time_ns)
    columns.orders[row]["leaves_lots"] = event["leaves_lots"]


@outlined
def trim(columns, event, time_ns):
    """An incoming reduce-only order became as small as the position."""
    row = changed_order(columns, event["order_id"], event, time_ns)
    order = columns.orders[row]
    order["leaves_lots"] = event["leaves_lots"]
    order["quantity_lots"] = order["filled_lots"] + event["leaves_lots"]
    return row


@outlined
def allot(columns, event, time_ns):
    """Lots left the book to trade in an auction; the trades follow."""
    row = changed_order(columns, event["order_id"], event, time_ns)
    columns.orders[row]["leaves_lots"] = event["leaves_lots"]
    move_own_level(columns, row, event, 0 if event["leaves_lots"] != 0 else -1)


@outlined
def trade_in_auction(columns, event, time_ns):
    """A buyer and a seller traded allotted lots at the auction's price."""
    bought = changed_order(columns, event["order_id"], event, time_ns)
    sold = changed_order(columns, event["counter_order_id"], event, time_ns)
    fill_in_auction(columns, bought, event)
    fill_in_auction(columns, sold, event)
    record_trade(columns, event, 1, bought, sold, time_ns)


@inlined
def fill_in_auction(columns, row, event):
    """One of the two."""
    order = columns.orders[row]
    order["filled_lots"] += event["quantity_lots"]
    if order["leaves_lots"] == 0 and order["filled_lots"] == order["quantity_lots"]:
        finish(columns, row, FILLED, NO_REASON)


@outlined
def tell_of_auction(columns, event):
    """INDICATIVE, UNCROSSED: what an auction would give now; when it is over, nothing."""
    row = listed_instrument(columns, event)
    instrument = columns.instruments[row]
    is_over = event["kind"] == IS_OVER
    instrument["indicative_ticks"] = 0 if is_over else event["price_ticks"]
    instrument["indicative_lots"] = 0 if is_over else event["quantity_lots"]
    instrument["imbalance_lots"] = 0 if is_over else event["leaves_lots"]
    mark_changed(columns, row)


@outlined
def send_forced_order(columns, event, time_ns):
    """The venue brings an order of an account's; its trades and its end follow like those of any other.

    One that joins an auction waits there for the others.
    """
    order_id, account_id, instrument_id = event["order_id"], event["account_id"], event["instrument_id"]
    side, price_ticks, lots = np.int64(event["side"]), event["price_ticks"], event["quantity_lots"]
    row = plain_order(columns, order_id, account_id, instrument_id, side, price_ticks, lots, time_ns)
    instrument = columns.instruments[np.int64(columns.orders[row]["instrument"])]
    columns.orders[row]["time_in_force"] = GTC if instrument["is_collecting"] != 0 else IOC


@outlined
def deleverage(columns, event):
    """Two positions shrink against each other, and nothing traded."""
    row = listed_instrument(columns, event)
    lots = np.int64(event["quantity_lots"]) if event["side"] == BUY else -np.int64(event["quantity_lots"])
    cost_nano = np.int64(event["price_ticks"]) * lots * np.int64(columns.instruments[row]["tick_value_nano"])
    move_position(columns, event["account_id"], row, lots, cost_nano)
    move_position(columns, event["counter_account_id"], row, -lots, -cost_nano)


@outlined
def settle(columns, event):
    """A gate closed: a position is gone."""
    settle_position(columns, event["account_id"], listed_instrument(columns, event))


@inlined
def listed_instrument(columns, event):
    """The tranche that an event names."""
    row = find_instrument(columns, event["instrument_id"])
    assert row != NIL, "an event names a tranche that the view does not know"
    return row


@inlined
def move_own_level(columns, row, event, orders):
    """Take an event's lots off the level of its own order."""
    level = np.int64(columns.orders[row]["level"])
    move_level(columns, level, -np.int64(event["quantity_lots"]), orders, event["sequence"])
