"""What a command enters before its events: new orders, the quotes of a mass quote, the legs of a basket."""

import numpy as np

from exchange.venue.schema import CONTINUATION, Command, Event, Reject
from exchange.view.columns.orders import copy_text, enter_client, enter_id, find_order, keep_finished, new_order
from exchange.view.columns.pools import give_back
from exchange.view.columns.schema import NIL, OPEN, ORDERS, REJECTED, TEXT_BYTES
from kernels.compile import inlined, outlined
from kernels.records import RECORD_BYTES, offset_of
from matching.schema import QUOTE_ID_BIT, QUOTED_INSTRUMENTS, OrderFlag, Side

PLACE, MASS_QUOTE, BASKET = int(Command.PLACE), int(Command.MASS_QUOTE), int(Command.BASKET)
EXTRA, QUOTE, LEG, TEXT = int(Command.EXTRA), int(Command.QUOTE), int(Command.LEG), int(Command.CONTINUATION)
REPEATED, BASKET_KILLED, WAS_REJECTED = int(Event.REPEATED), int(Event.BASKET_KILLED), int(Event.REJECTED)
CLIENT_ID_REUSED, INCOMPLETE_GROUP = int(Reject.CLIENT_ID_REUSED), int(Reject.INCOMPLETE_GROUP)
HAS_EXTRA = int(OrderFlag.ICEBERG | OrderFlag.MINIMUM)
QUOTE_FLAG = int(OrderFlag.QUOTE)
BUY, SELL = int(Side.BUY), int(Side.SELL)
LENGTH_AT, TEXT_AT = offset_of(CONTINUATION, "length"), offset_of(CONTINUATION, "text")


@inlined
def begin_command(columns, batch, index, event, time_ns):
    """Enter what a command brings, by its first event; whether Python has to do that."""
    kind = np.int64(batch.orders[index]["kind"])
    first = event["kind"]
    if first in (REPEATED, BASKET_KILLED):
        return False
    if kind == PLACE:
        if first == WAS_REJECTED:
            reject_order(columns, batch, index, event, time_ns)
        else:
            row = placed_order(columns, batch, index, time_ns)
            enter_id(columns, row)
            if columns.orders[row]["text_bytes"] != 0:
                enter_client(columns, row)
        return False
    if first == WAS_REJECTED:
        return False
    if kind == MASS_QUOTE:
        begin_quotes(columns, batch, index, time_ns)
    elif kind == BASKET:
        begin_basket(columns, batch, index, time_ns)
    return columns.begun_outside[kind] != 0


@inlined
def find_instrument(columns, instrument_id):
    """The row of a tranche that is shown, or NIL."""
    heads = columns.instrument_heads
    row = np.int64(heads[np.int64(instrument_id) & np.int64(len(heads) - 1)])
    while row != NIL and columns.instruments[row]["instrument_id"] != instrument_id:
        row = np.int64(columns.instruments[row]["next"])
    return row


@inlined
def placed_order(columns, batch, index, time_ns):
    """The order that a PLACE brings, which no id means yet."""
    command = batch.orders[index]
    instrument_id = command["instrument_id"]
    instrument = find_instrument(columns, instrument_id)
    row = new_order(columns, command["order_id"], command["account_id"], instrument_id, instrument)
    order = columns.orders[row]
    order["side"] = command["side"]
    order["price_ticks"] = command["price_ticks"]
    order["quantity_lots"] = command["quantity_lots"]
    order["leaves_lots"] = command["quantity_lots"]
    order["time_in_force"] = command["time_in_force"]
    order["flags"] = command["flags"]
    order["label"] = command["label"]
    order["session_id"] = command["session_id"]
    order["created_ns"] = time_ns
    order["updated_ns"] = time_ns
    order["sequence"] = columns.counters[0]["sequence"]
    if command["continuations"] != 0:
        read_text(columns, batch, index, row)
        if np.int64(command["flags"]) & HAS_EXTRA != 0:
            read_extra(columns, batch, index, row)
    return row


@outlined
def read_text(columns, batch, index, row):
    """The client id of an order, from the records behind its command."""
    command, client = batch.orders[index], columns.clients[row]
    length = 0
    for at in range(index + 1, index + 1 + np.int64(command["continuations"])):
        if batch.orders[at]["kind"] == TEXT:
            part = min(np.int64(batch.bytes[RECORD_BYTES * at + LENGTH_AT]), TEXT_BYTES - length)
            source_at = RECORD_BYTES * at + TEXT_AT
            copy_text(batch.bytes, source_at, columns.texts, TEXT_BYTES * row + length, part)
            length += part
    columns.orders[row]["text_bytes"] = length
    client["high"] = command["client_id_high"]
    client["low"] = command["client_id_low"]


@outlined
def read_extra(columns, batch, index, row):
    """The further terms of an order, from the record right behind its command."""
    if batch.orders[index + 1]["kind"] == EXTRA:
        columns.orders[row]["display_lots"] = batch.extras[index + 1]["display_lots"]
        columns.orders[row]["minimum_lots"] = batch.extras[index + 1]["minimum_lots"]


@outlined
def reject_order(columns, batch, index, event, time_ns):
    """A new order was refused: whoever asks for its client id learns why."""
    reason = event["reason"]
    # The client id of such a command belongs to an earlier one, or did not arrive whole.
    if reason in (CLIENT_ID_REUSED, INCOMPLETE_GROUP) or batch.orders[index]["continuations"] == 0:
        return
    row = placed_order(columns, batch, index, time_ns)
    order = columns.orders[row]
    order["status"] = REJECTED
    order["reason"] = reason
    order["leaves_lots"] = 0
    if order["text_bytes"] != 0:
        enter_client(columns, row)
        keep_finished(columns, row)
    else:
        drop_unnamed(columns, row)


@inlined
def drop_unnamed(columns, row):
    """Nobody can ask for a refused order without a client id."""
    columns.instruments[np.int64(columns.orders[row]["instrument"])]["references"] -= 1
    give_back(columns.pools[ORDERS], columns.orders, row)


@outlined
def begin_quotes(columns, batch, index, time_ns):
    """A mass quote was taken: its new quotes are orders from now on, those that rest take over its terms."""
    for at in range(index + 1, index + 1 + np.int64(batch.orders[index]["continuations"])):
        if batch.orders[at]["kind"] != QUOTE:
            return
        quote = batch.quotes[at]
        instrument_id = quote["instrument_id"]
        bid_lots, ask_lots = quote["bid_lots"], quote["ask_lots"]
        begin_quote(columns, batch, index, instrument_id, BUY, quote["bid_ticks"], bid_lots, time_ns)
        begin_quote(columns, batch, index, instrument_id, SELL, quote["ask_ticks"], ask_lots, time_ns)


@outlined
def begin_quote(columns, batch, index, instrument_id, side, price_ticks, lots, time_ns):
    """One side of a quote. One that loses its place starts anew: what was filled of it before counts no more."""
    head = batch.orders[index]
    order_id = quote_id(head["account_id"], instrument_id, side)
    flags = np.int64(head["flags"]) | QUOTE_FLAG
    row = find_order(columns, order_id)
    if row != NIL and columns.orders[row]["status"] == OPEN:
        order = columns.orders[row]
        order["label"] = head["label"]
        order["session_id"] = head["session_id"]
        order["flags"] = flags
        keeps_place = order["price_ticks"] == price_ticks and order["leaves_lots"] >= lots
        if not keeps_place and lots != 0:
            order["filled_lots"] = 0
    elif lots != 0:
        row = entered_order(columns, batch, index, order_id, instrument_id, side, price_ticks, lots, time_ns)
        columns.orders[row]["flags"] = flags


@inlined
def quote_id(account_id, instrument_id, side):
    """The id under which an account's quote of an instrument rests, as `matching.schema.quote_order_id` has it."""
    instrument_bits = (np.uint64(instrument_id) & np.uint64(QUOTED_INSTRUMENTS - 1)) << np.uint64(1)
    return np.uint64(QUOTE_ID_BIT) | np.uint64(account_id) << np.uint64(28) | instrument_bits | np.uint64(side)


@outlined
def begin_basket(columns, batch, index, time_ns):
    """A basket was taken: each leg is an order, filled before the command ends."""
    for at in range(index + 1, index + 1 + np.int64(batch.orders[index]["continuations"])):
        if batch.orders[at]["kind"] != LEG:
            return
        leg = batch.legs[at]
        order_id, instrument_id = leg["order_id"], leg["instrument_id"]
        price_ticks, lots = leg["price_ticks"], leg["quantity_lots"]
        side = np.int64(leg["side"])
        row = entered_order(columns, batch, index, order_id, instrument_id, side, price_ticks, lots, time_ns)
        columns.orders[row]["flags"] = leg["flags"]


@outlined
def entered_order(columns, batch, index, order_id, instrument_id, side, price_ticks, lots, time_ns):
    """An order that a head brings together with others; the caller says its flags."""
    head = batch.orders[index]
    row = plain_order(columns, order_id, head["account_id"], instrument_id, side, price_ticks, lots, time_ns)
    columns.orders[row]["time_in_force"] = head["time_in_force"]
    columns.orders[row]["label"] = head["label"]
    columns.orders[row]["session_id"] = head["session_id"]
    return row


@outlined
def plain_order(columns, order_id, account_id, instrument_id, side, price_ticks, lots, time_ns):
    """A new order under its id, without a label or anything else that is seldom."""
    row = new_order(columns, order_id, account_id, instrument_id, find_instrument(columns, instrument_id))
    order = columns.orders[row]
    order["side"] = side
    order["price_ticks"] = price_ticks
    order["quantity_lots"] = lots
    order["leaves_lots"] = lots
    order["created_ns"] = time_ns
    order["updated_ns"] = time_ns
    order["sequence"] = columns.counters[0]["sequence"]
    order["time_in_force"] = 0
    order["flags"] = 0
    order["label"] = 0
    order["session_id"] = 0
    enter_id(columns, row)
    return row
