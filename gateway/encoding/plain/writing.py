"""Events become answers."""

import numpy as np

from exchange.units import PRICE_DECIMALS
from exchange.venue.schema import CLIENT_ID_LENGTH_MAX
from gateway.encoding.plain.compile import kernel
from gateway.encoding.plain.scanning import POINT, QUOTE, ZERO
from gateway.encoding.plain.schema import SYMBOL_BYTES_MAX
from kernels.compile import direct, inlined, outlined
from matching.schema import EventKind, Side

RESTED, BUY = int(EventKind.RESTED), int(Side.BUY)
TEN = np.uint64(10)
TICKS = np.uint64(10**PRICE_DECIMALS)
"""In one USD."""
NUMBER_BYTES_MAX = 20
HEAD_BYTES = 4
"""Of a frame of a WebSocket (RFC 6455, section 5.2) with 126 to 65,535 bytes, whole and not masked."""
WHOLE_TEXT, MEDIUM = 0x81, 126


def piece(text: str) -> np.ndarray:
    """What is the same in all answers."""
    return np.frombuffer(text.encode(), np.uint8)


NAME = piece('{"id":')
SEQUENCE = piece(',"ok":true,"result":{"sequence":')
ORDER_ID = piece(',"order_id":')
PRICE = piece(',"status":"open","reason":null,"price":"')
REMAINING = piece('","remaining_quantity":"')
CLIENT_ID = piece('","average_price":null,"trades":[],"client_id":')
NULL = piece("null")
SYMBOL = piece(',"symbol":"')
SIDE = piece('","side":"')
BUYS, SELLS = piece("buy"), piece("sell")
QUANTITY = piece('","quantity":"')
FILLED = piece('","filled_quantity":"0"}')
PIECES = (NAME, SEQUENCE, ORDER_ID, PRICE, REMAINING, CLIENT_ID, NULL, SYMBOL, SIDE, SELLS, QUANTITY, FILLED)
ANSWER_BYTES_MAX = (
    HEAD_BYTES + sum(map(len, PIECES)) + 7 * NUMBER_BYTES_MAX + 3 + CLIENT_ID_LENGTH_MAX + SYMBOL_BYTES_MAX
)
"""Of all but the time and the ending."""


@direct
@kernel
def write_answers(answers, events, entries, texts, told, time_bytes, sequence, first, end, position):
    """Write answers to orders that rest whole, as frames: from an entry on, whose events begin at a position.

    What they are told alike is the time, of so many bytes, and behind it the ending.

    This ends at an order of which anything else came, or when there is no more room. Return the entry there, where its
    events begin, how many bytes were written, and whether there is room for more.
    """
    room = len(answers) - ANSWER_BYTES_MAX - len(told.bytes)
    at = np.int64(0)
    for place in range(first, end):
        entry = entries[place]
        if at > room or not is_rested(events.orders, position, np.uint64(sequence + entry["place"])):
            return np.int64(place), position, at, at <= room
        at = write_frame(answers, at, entry, events.orders[position], texts.bytes, told.bytes, time_bytes)
        position += 1
    return np.int64(end), position, at, True


@inlined
def is_rested(events, position, sequence):
    """Whether the event at a position is all that came of the command at a sequence, and tells that it rests."""
    if position >= len(events) or events[position]["sequence"] != sequence or events[position]["kind"] != RESTED:
        return False
    return position + 1 == len(events) or events[position + 1]["sequence"] != sequence


@inlined
def write_frame(answers, at, entry, event, texts, told, time_bytes):
    """Write one answer, and before it how long it is; return the place behind it."""
    first = at + HEAD_BYTES
    end = write_answer(answers, first, entry, event, texts, told, time_bytes)
    size = end - first
    answers[at], answers[at + 1] = WHOLE_TEXT, MEDIUM
    answers[at + 2], answers[at + 3] = size >> 8, size & 0xFF
    return end


@inlined
def write_answer(answers, at, entry, event, texts, told, time_bytes):
    """Write the text of an answer; return the place behind it."""
    lots = np.uint64(event["leaves_lots"])
    at = write_number(answers, write(answers, at, NAME), entry["name"])
    at = write_number(answers, write(answers, at, SEQUENCE), event["sequence"])
    at = write_part(answers, at, told, 0, time_bytes)
    at = write_number(answers, write(answers, at, ORDER_ID), event["order_id"])
    at = write_price(answers, write(answers, at, PRICE), np.uint64(event["price_ticks"]))
    at = write_number(answers, write(answers, at, REMAINING), lots)
    at = write_client_id(answers, write(answers, at, CLIENT_ID), entry, texts)
    at = write_part(answers, write(answers, at, SYMBOL), texts, entry["symbol_at"], entry["symbol_length"])
    at = write(answers, at, SIDE)
    at = write(answers, at, BUYS) if event["side"] == BUY else write(answers, at, SELLS)
    at = write_number(answers, write(answers, at, QUANTITY), lots)
    return write_part(answers, write(answers, at, FILLED), told, time_bytes, len(told) - time_bytes)


@inlined
def write_client_id(answers, at, entry, texts):
    """The client id as a string, or null."""
    if entry["client_id_length"] == 0:
        return write(answers, at, NULL)
    answers[at] = QUOTE
    at = write_part(answers, at + 1, texts, entry["client_id_at"], entry["client_id_length"])
    answers[at] = QUOTE
    return at + 1


@outlined
def write(answers, at, text):
    """A whole text."""
    return write_part(answers, at, text, 0, len(text))


@outlined
def write_part(answers, at, texts, first, length):
    """A part of a text."""
    for place in range(length):
        answers[at + place] = texts[first + place]
    return at + np.int64(length)


@outlined
def write_number(answers, at, number):
    """A number in digits."""
    end = at + 1
    rest = number // TEN
    while rest != 0:
        end += 1
        rest //= TEN
    write_digits(answers, at, end, number)
    return end


@inlined
def write_digits(answers, at, end, number):
    """The last digits of a number, as many as there is room for."""
    for place in range(end - at):
        answers[end - 1 - place] = ZERO + number % TEN
        number //= TEN


@inlined
def write_price(answers, at, price_ticks):
    """USD, with all decimals."""
    at = write_number(answers, at, price_ticks // TICKS)
    answers[at] = POINT
    end = at + 1 + PRICE_DECIMALS
    write_digits(answers, at + 1, end, price_ticks % TICKS)
    return end
