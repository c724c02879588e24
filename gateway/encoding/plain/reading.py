"""Frames become commands."""

import numpy as np

from exchange.sequencer import BLOCK_RECORDS_MAX
from exchange.venue.schema import TEXT_BYTES_MAX, Command
from gateway.encoding.plain.compile import kernel
from gateway.encoding.plain.digest import take_digest
from gateway.encoding.plain.fields import GTC, NEEDED, NONE, field_of, take_value
from gateway.encoding.plain.scanning import CLOSE, COLON, COMMA, OPEN, QUOTE, after_space, end_of_string
from gateway.encoding.plain.schema import Stop
from gateway.encoding.plain.symbols import NO_TRANCHE, find_symbol
from kernels.compile import direct, inlined, outlined
from kernels.records import RECORD_BYTES
from matching.schema import SelfTrade

END, OTHER, SYMBOL, FULL = map(int, (Stop.END, Stop.OTHER, Stop.SYMBOL, Stop.FULL))
PLACE, CONTINUATION = int(Command.PLACE), int(Command.CONTINUATION)
CANCEL_NEWEST = int(SelfTrade.CANCEL_NEWEST)
RECORD_WORDS = RECORD_BYTES // 8
ORDER_RECORDS_MAX = 2
LENGTH_AT, TEXT_AT = 2, 4
"""Bytes of a CONTINUATION."""
assert TEXT_AT + TEXT_BYTES_MAX == RECORD_BYTES


@direct
@kernel
def read_orders(desk, texts, bounds, first, end, account_id, session_id, version, entries, records):
    """Read frames as orders of an account, and write entries and records of them behind those that there are.

    Return the frame that was not read, how many records there are then, and why it was not. Symbols are those of a
    version of their table.
    """
    found = desk.found[0]
    for frame in range(first, end):
        if records + ORDER_RECORDS_MAX > BLOCK_RECORDS_MAX:
            return np.int64(frame), records, FULL
        if not read_order(texts.bytes, bounds[frame], bounds[frame + 1], found):
            return np.int64(frame), records, OTHER
        instrument_id = find_symbol(desk, texts.bytes, found["symbol_at"], found["symbol_length"], version)
        if instrument_id == NO_TRANCHE:
            return np.int64(frame), records, SYMBOL
        note_entry(desk.entries[entries + frame - first], found, frame, records)
        write_order(desk, texts.bytes, found, records)
        order = desk.orders[records]
        order["instrument_id"], order["account_id"], order["session_id"] = instrument_id, account_id, session_id
        records += 1 if found["client_id_length"] == 0 else ORDER_RECORDS_MAX
    return np.int64(end), records, END


@inlined
def read_order(texts, at, end, found):
    """Take in what a frame says. Returns whether it is a plain order."""
    found["said"] = NONE
    found["client_id_length"] = 0
    found["time_in_force"] = GTC
    at = after_space(texts, at, end)
    if at == end or texts[at] != OPEN:
        return False
    is_closed = False
    while not is_closed:
        at = read_field(texts, after_space(texts, at + 1, end), end, found)
        if at < 0:
            return False
        is_closed = texts[at] == CLOSE
    return after_space(texts, at + 1, end) == end and found["said"] & NEEDED == NEEDED


@outlined
def read_field(texts, at, end, found):
    """Take in a name and its value. Returns the place of the comma or the brace behind them, or -1."""
    if at == end or texts[at] != QUOTE:
        return -1
    first = at + 1
    last = end_of_string(texts, first, end)
    if last < 0:
        return -1
    field = field_of(texts, first, last - first)
    if field == NONE or found["said"] & field != NONE:
        return -1
    found["said"] |= field
    at = after_space(texts, last + 1, end)
    if at == end or texts[at] != COLON:
        return -1
    at = take_value(texts, field, after_space(texts, at + 1, end), end, found)
    if at < 0:
        return -1
    at = after_space(texts, at, end)
    return at if at < end and (texts[at] == COMMA or texts[at] == CLOSE) else -1


@inlined
def note_entry(entry, found, frame, place):
    """What the answer repeats."""
    entry["name"], entry["frame"], entry["place"] = found["name"], frame, place
    entry["symbol_at"], entry["symbol_length"] = found["symbol_at"], found["symbol_length"]
    entry["client_id_at"], entry["client_id_length"] = found["client_id_at"], found["client_id_length"]


@inlined
def write_order(desk, texts, found, place):
    """Write what a frame says of an order into a record, and its client id into the one behind it."""
    clear(desk, place)
    order = desk.orders[place]
    order["kind"], order["self_trade"] = PLACE, CANCEL_NEWEST
    order["side"], order["time_in_force"] = found["side"], found["time_in_force"]
    order["price_ticks"], order["quantity_lots"] = found["price_ticks"], found["quantity_lots"]
    length = found["client_id_length"]
    if length != 0:
        take_digest(desk.words, texts, found["client_id_at"], length)
        order["continuations"] = 1
        order["client_id_high"], order["client_id_low"] = desk.words[0], desk.words[1]
        write_text(desk, texts, found["client_id_at"], length, place + 1)


@inlined
def write_text(desk, texts, at, length, place):
    """Write a text into a record of its own."""
    clear(desk, place)
    first = place * RECORD_BYTES
    desk.order_bytes[first], desk.order_bytes[first + LENGTH_AT] = CONTINUATION, length
    for byte in range(length):
        desk.order_bytes[first + TEXT_AT + byte] = texts[at + byte]


@inlined
def clear(desk, place):
    """Let nothing be in a record."""
    for word in range(RECORD_WORDS):
        desk.order_words[place * RECORD_WORDS + word] = np.uint64(0)
