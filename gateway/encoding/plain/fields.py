"""The fields of a plain order. Each part takes one in, and returns whether it is what it should be."""

import numpy as np

from exchange.units import PRICE_DECIMALS
from exchange.venue.schema import CLIENT_ID_LENGTH_MAX
from gateway.encoding.plain.scanning import (
    POINT,
    QUOTE,
    SPACE,
    end_of_digits,
    end_of_string,
    is_whole_number,
    number_of,
    word_at,
    word_of,
)
from gateway.encoding.plain.schema import SYMBOL_BYTES_MAX
from gateway.encoding.requests import PLAIN_REQUEST_ID_END
from kernels.compile import inlined, outlined
from matching.schema import PRICE_TICKS_MAX, QUANTITY_LOTS_MAX, Side, TimeInForce

ID, OP, SYMBOL, SIDE = (np.uint64(1 << bit) for bit in range(4))
PRICE, QUANTITY, CLIENT_ID, TIME_IN_FORCE = (np.uint64(1 << bit) for bit in range(4, 8))
NONE = np.uint64(0)
NEEDED = ID | OP | SYMBOL | SIDE | PRICE | QUANTITY

_ID, _OP, _SYMBOL, _SIDE = map(word_of, (b"id", b"op", b"symbol", b"side"))
_PRICE, _QUANTITY = map(word_of, (b"price", b"quantity"))
_CLIENT_ID, _CLIENT_ID_REST = word_of(b"client_id"), word_of(b"client_id"[8:])
_TIME_IN_FORCE, _TIME_IN_FORCE_REST = word_of(b"time_in_force"), word_of(b"time_in_force"[8:])
_CLIENT_ID_LENGTH, _TIME_IN_FORCE_LENGTH = len("client_id"), len("time_in_force")
_PLACE = word_of(b"place")
_BUY, _SELL = word_of(b"buy"), word_of(b"sell")
_GTC, _IOC, _FOK = map(word_of, (b"gtc", b"ioc", b"fok"))
BUY, SELL = int(Side.BUY), int(Side.SELL)
GTC, IOC, FOK = int(TimeInForce.GTC), int(TimeInForce.IOC), int(TimeInForce.FOK)

NAME_DIGITS_MAX = len(str(PLAIN_REQUEST_ID_END))
WHOLE_DIGITS_MAX = len(str(PRICE_TICKS_MAX // 10**PRICE_DECIMALS))
LOTS_DIGITS_MAX = len(str(QUANTITY_LOTS_MAX))


@inlined
def field_of(texts, at, length):
    """Which field has this name, or NONE."""
    if length > 8:
        return long_field_of(texts, at, length)
    name = word_at(texts, at, length)
    if name == _ID:
        return ID
    if name == _OP:
        return OP
    if name == _SYMBOL:
        return SYMBOL
    if name == _SIDE:
        return SIDE
    if name == _PRICE:
        return PRICE
    if name == _QUANTITY:
        return QUANTITY
    return NONE


@outlined
def long_field_of(texts, at, length):
    """The same of a name that is longer than a word."""
    name, rest = word_at(texts, at, 8), word_at(texts, at + 8, length - 8)
    if length == _CLIENT_ID_LENGTH and name == _CLIENT_ID and rest == _CLIENT_ID_REST:
        return CLIENT_ID
    if length == _TIME_IN_FORCE_LENGTH and name == _TIME_IN_FORCE and rest == _TIME_IN_FORCE_REST:
        return TIME_IN_FORCE
    return NONE


@outlined
def take_value(texts, field, at, end, found):
    """Take in the value of a field; return the place behind it, or -1."""
    if field == ID:
        last = end_of_digits(texts, at, end)
        return last if take_name(texts, at, last, found) else -1
    if at == end or texts[at] != QUOTE:
        return -1
    first = at + 1
    last = end_of_string(texts, first, end)
    if last < 0 or not take_text(texts, field, first, last, found):
        return -1
    return last + 1


@inlined
def take_text(texts, field, at, end, found):
    """Take in a value that is a text."""
    if field == PRICE:
        return take_price(texts, at, end, found)
    if field == QUANTITY:
        return take_quantity(texts, at, end, found)
    if field == SYMBOL:
        return take_symbol(at, end, found)
    if field == CLIENT_ID:
        return take_client_id(texts, at, end, found)
    if end - at > 8:
        return False
    word = word_at(texts, at, end - at)
    if field == SIDE:
        return take_side(word, found)
    if field == TIME_IN_FORCE:
        return take_time_in_force(word, found)
    return word == _PLACE


@inlined
def take_name(texts, at, end, found):
    """The number of the request."""
    if not is_whole_number(texts, at, end, NAME_DIGITS_MAX):
        return False
    name = number_of(texts, at, end)
    found["name"] = np.uint64(name)
    return name < PLAIN_REQUEST_ID_END


@inlined
def take_symbol(at, end, found):
    """What is traded."""
    found["symbol_at"] = at
    found["symbol_length"] = end - at
    return at < end <= at + SYMBOL_BYTES_MAX


@inlined
def take_client_id(texts, at, end, found):
    """A name that the account gives it: printable characters without spaces."""
    found["client_id_at"] = at
    found["client_id_length"] = end - at
    for place in range(at, end):
        if texts[place] == SPACE:
            return False
    return at < end <= at + CLIENT_ID_LENGTH_MAX


@inlined
def take_side(word, found):
    """Buy or sell."""
    found["side"] = SELL if word == _SELL else BUY
    return word in (_BUY, _SELL)


@inlined
def take_time_in_force(word, found):
    """How long it stays; one that needs a time is no plain order."""
    found["time_in_force"] = GTC if word == _GTC else IOC if word == _IOC else FOK
    return word in (_GTC, _IOC, _FOK)


@inlined
def take_price(texts, at, end, found):
    """USD with up to six decimals."""
    whole_end = end_of_digits(texts, at, end)
    if not is_whole_number(texts, at, whole_end, WHOLE_DIGITS_MAX):
        return False
    price_ticks = number_of(texts, at, whole_end)
    decimals = 0
    if whole_end < end:
        first = whole_end + 1
        decimals = end - first
        if texts[whole_end] != POINT or not 0 < decimals <= PRICE_DECIMALS or end_of_digits(texts, first, end) < end:
            return False
        price_ticks = price_ticks * power_of_ten(decimals) + number_of(texts, first, end)
    price_ticks *= power_of_ten(PRICE_DECIMALS - decimals)
    found["price_ticks"] = price_ticks
    return 0 < price_ticks <= PRICE_TICKS_MAX


@inlined
def take_quantity(texts, at, end, found):
    """Lots."""
    if end_of_digits(texts, at, end) < end or not is_whole_number(texts, at, end, LOTS_DIGITS_MAX):
        return False
    quantity_lots = number_of(texts, at, end)
    found["quantity_lots"] = quantity_lots
    return 0 < quantity_lots <= QUANTITY_LOTS_MAX


@inlined
def power_of_ten(exponent):
    """Ten, multiplied by itself."""
    power = np.int64(1)
    for _ in range(exponent):
        power *= 10
    return power
