"""The types of fields that come in: text becomes integers in ticks, lots and nanoseconds here, or a named refusal.

Ranges that the core refuses under a name of its own carry the core's name, so that one mistake has one name.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, GetPydanticSchema, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from exchange.units import AMOUNT_DECIMALS, PRICE_DECIMALS, TEXTS_KEPT, UnitError, parse_lots, parse_nano, parse_ticks
from exchange.venue.schema import CLIENT_ID_LENGTH_MAX, TIME_NS_MAX, Reject
from gateway.errors import CORE_ANSWERS, DOOR_ANSWERS, DoorError
from matching.schema import PRICE_TICKS_MAX, QUANTITY_LOTS_MAX
from risk.schema import AMOUNT_NANO_MAX

PAGE_ROWS_MAX = 1_000
DEPTH_MAX = 1_000
SEQUENCE_MAX = (1 << 63) - 1
LIMIT_MAX = (1 << 63) - 1
ORDER_ID_MAX = (1 << 64) - 1
NANO_PER_S = 1_000_000_000

_PLAIN_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
# Written so that each text is read once: digits that two parts of a pattern could share are tried in every way.
_SCIENTIFIC = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)[eE][+-]?[0-9]+")
CLIENT_ID = re.compile(rf"[!-~]{{1,{CLIENT_ID_LENGTH_MAX}}}")
_ACCOUNT_NAME = re.compile(r"[a-z][a-z0-9._-]{0,47}")
_DIGITS = re.compile(r"[0-9]{1,20}")
_UTC_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?Z")
_EPOCH = datetime(1970, 1, 1)  # UTC like everything here, and cheaper without saying so each time


def refusal(error: DoorError | Reject, message: str | None = None) -> PydanticCustomError:
    """A named refusal of one field, to be raised inside a model."""
    answer = DOOR_ANSWERS[error] if isinstance(error, DoorError) else CORE_ANSWERS[error]
    text = message or answer.message
    return PydanticCustomError(error.name.lower(), "{text}", {"text": text})


def order_id_of(text: str) -> int | None:
    """The order id that a path names, or None when it cannot be one."""
    value = int(text) if _DIGITS.fullmatch(text) else 0
    return value if 0 < value <= ORDER_ID_MAX else None


def time_text(time_ns: int) -> str:
    """A UTC time in ISO 8601 with microseconds; `time_ns` beside it has the rest."""
    seconds, rest_ns = divmod(time_ns, NANO_PER_S)
    return f"{_second_text(seconds)}.{rest_ns // 1_000:06d}Z"


@lru_cache(maxsize=1_024)
def _second_text(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def day_ns_of(text: str) -> int | None:
    """When a day of UTC begins that is written like 2026-11-22, or None for another text."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        return None
    seconds = int((day - _EPOCH).total_seconds())
    return seconds * NANO_PER_S if seconds >= 0 and f"{day:%Y-%m-%d}" == text else None


def day_text(time_ns: int) -> str:
    """The day of UTC in which a time lies."""
    return f"{_EPOCH + timedelta(seconds=time_ns // NANO_PER_S):%Y-%m-%d}"


def query_integer(lowest: int, highest: int) -> GetPydanticSchema:
    """What makes a field an integer of a query."""
    parse = _query_integer(lowest, highest)
    return GetPydanticSchema(
        lambda source, handler: core_schema.no_info_before_validator_function(parse, handler(source)),
        lambda _, handler: {"type": "integer", "minimum": lowest, "maximum": highest},
    )


def _price(value: Any) -> int:
    return price_of_text(_decimal_text(value))


def _quantity(value: Any) -> int:
    return quantity_of_text(_decimal_text(value))


@lru_cache(maxsize=TEXTS_KEPT)
def price_of_text(text: str) -> int:
    """A price in ticks. Raises PydanticCustomError, which names what is wrong."""
    price_ticks = _decimal(text, parse_ticks, PRICE_DECIMALS, Reject.PRICE_OUT_OF_RANGE)
    return _within(price_ticks, PRICE_TICKS_MAX, Reject.PRICE_OUT_OF_RANGE)


@lru_cache(maxsize=TEXTS_KEPT)
def quantity_of_text(text: str) -> int:
    """A quantity in lots. Raises PydanticCustomError, which names what is wrong."""
    quantity_lots = _decimal(text, parse_lots, 0, Reject.QUANTITY_OUT_OF_RANGE)
    return _within(quantity_lots, QUANTITY_LOTS_MAX, Reject.QUANTITY_OUT_OF_RANGE)


def _amount(value: Any) -> int:
    amount_nano = _decimal(value, parse_nano, AMOUNT_DECIMALS, Reject.AMOUNT_OUT_OF_RANGE)
    return _within(amount_nano, AMOUNT_NANO_MAX, Reject.AMOUNT_OUT_OF_RANGE)


def _amount_from_none(value: Any) -> int:
    """So much money, or none."""
    amount_nano = _decimal(value, parse_nano, AMOUNT_DECIMALS, Reject.AMOUNT_OUT_OF_RANGE)
    return _within(amount_nano, AMOUNT_NANO_MAX, Reject.AMOUNT_OUT_OF_RANGE, 0)


def _charge(value: Any) -> int:
    """A price from nothing on."""
    return _parameter(value, 0)


def _shock(value: Any) -> int:
    """What a price may move by, either way."""
    return _parameter(value, -PRICE_TICKS_MAX)


def _parameter(value: Any, lowest_ticks: int) -> int:
    price_ticks = _decimal(value, parse_ticks, PRICE_DECIMALS, Reject.PARAMETERS_OUT_OF_RANGE)
    return _within(price_ticks, PRICE_TICKS_MAX, Reject.PARAMETERS_OUT_OF_RANGE, lowest_ticks)


def _lots_from_none(value: Any) -> int:
    """So many lots, or none."""
    lots = _decimal(value, parse_lots, 0, Reject.PARAMETERS_OUT_OF_RANGE)
    return _within(lots, QUANTITY_LOTS_MAX, Reject.PARAMETERS_OUT_OF_RANGE, 0)


def _lots_limit(value: Any) -> int:
    """So many lots, or 0 for no limit."""
    return _within(_decimal(value, parse_lots, 0, Reject.LIMITS_OUT_OF_RANGE), LIMIT_MAX, Reject.LIMITS_OUT_OF_RANGE, 0)


def _nano_limit(value: Any) -> int:
    """So much money, or 0 for no limit."""
    amount_nano = _decimal(value, parse_nano, AMOUNT_DECIMALS, Reject.LIMITS_OUT_OF_RANGE)
    return _within(amount_nano, LIMIT_MAX, Reject.LIMITS_OUT_OF_RANGE, 0)


def _decimal(value: Any, parse: Callable[[str], int], decimals: int, out_of_range: Reject) -> int:
    text = _decimal_text(value)
    if _SCIENTIFIC.fullmatch(text):
        raise refusal(DoorError.SCIENTIFIC_NOTATION)
    if not _PLAIN_DECIMAL.fullmatch(text):
        raise refusal(DoorError.MALFORMED_DECIMAL)
    whole, _, fraction = text.partition(".")
    if len(fraction.rstrip("0")) > decimals:
        raise refusal(DoorError.TOO_MANY_DECIMALS, f"this field keeps {decimals} decimal places")
    try:
        return parse(text)
    except UnitError:
        raise refusal(out_of_range if len(whole) > 1 else DoorError.TOO_MANY_DECIMALS) from None


def _decimal_text(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise refusal(DoorError.NUMBER_NOT_STRING)
    return _text(value)


def _within(value: int, highest: int, error: Reject, lowest: int = 1) -> int:
    if not lowest <= value <= highest:
        raise refusal(error)
    return value


def client_id_of(value: Any) -> str:
    """A client id. Raises PydanticCustomError, which names what is wrong."""
    text = _text(value)
    if not CLIENT_ID.fullmatch(text):
        raise refusal(DoorError.MALFORMED_CLIENT_ID)
    return text


def _time(value: Any) -> int:
    match = _UTC_TIME.fullmatch(_text(value))
    if match is None:
        raise refusal(DoorError.MALFORMED_TIME)
    try:
        moment = datetime.fromisoformat(match[1])
    except ValueError:
        raise refusal(DoorError.MALFORMED_TIME) from None
    whole_s = (moment - _EPOCH) // timedelta(seconds=1)
    time_ns = whole_s * NANO_PER_S + int((match[2] or "").ljust(9, "0"))
    return _within(time_ns, TIME_NS_MAX, Reject.TIME_OUT_OF_RANGE)


def _order_id(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise refusal(DoorError.WRONG_TYPE, "this field must be an integer")
    return _within(value, ORDER_ID_MAX, Reject.UNKNOWN_ORDER)


def _query_integer(lowest: int, highest: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else -1
        if not lowest <= number <= highest:
            raise refusal(DoorError.INVALID_VALUE, f"send an integer from {lowest} to {highest}")
        return number

    return parse


def _account_name(value: Any) -> str:
    text = _text(value)
    if not _ACCOUNT_NAME.fullmatch(text):
        raise refusal(DoorError.INVALID_VALUE, "send up to 48 of a-z, 0-9, dot, dash and underscore, a letter first")
    return text


def _post_only(value: Any) -> Any:
    # For Python 0 is False; for a client it is a number in the wrong place.
    if isinstance(value, int) and not isinstance(value, bool):
        raise refusal(DoorError.WRONG_TYPE, 'this field must be false, "reject" or "slide"')
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise refusal(DoorError.WRONG_TYPE, "this field must be a string")
    return value


def _text_like(pattern: str, what: str, example: str) -> WithJsonSchema:
    """What the description of the doors says of a field that comes as text."""
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "description": what, "examples": [example]})


_WHOLE = "(0|[1-9][0-9]{0,18})"
_PRICE_TEXT = r"(0|[1-9][0-9]{0,3})(\.[0-9]{1,6})?"
_AMOUNT_TEXT = rf"{_WHOLE}(\.[0-9]{{1,9}})?"
_TIME_TEXT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z"
_A_PRICE, _LOTS, _USD = "USD per Mbps-hour", "lots of 1 Mbps", "USD"

PriceTicks = Annotated[int, BeforeValidator(_price), _text_like(_PRICE_TEXT, _A_PRICE, "0.0405")]
QuantityLots = Annotated[int, BeforeValidator(_quantity), _text_like("[1-9][0-9]{0,12}", _LOTS, "5")]
ChargeTicks = Annotated[int, BeforeValidator(_charge), _text_like(_PRICE_TEXT, _A_PRICE, "0.0001")]
ShockTicks = Annotated[int, BeforeValidator(_shock), _text_like(f"-?{_PRICE_TEXT}", _A_PRICE, "-0.001")]
LotsFromNone = Annotated[int, BeforeValidator(_lots_from_none), _text_like(_WHOLE, _LOTS, "0")]
LotsLimit = Annotated[int, BeforeValidator(_lots_limit), _text_like(_WHOLE, f"{_LOTS}; 0 for no limit", "0")]
NanoLimit = Annotated[int, BeforeValidator(_nano_limit), _text_like(_AMOUNT_TEXT, f"{_USD}; 0 for no limit", "0")]
AmountNano = Annotated[int, BeforeValidator(_amount), _text_like(_AMOUNT_TEXT, _USD, "12.5")]
AmountFromNone = Annotated[int, BeforeValidator(_amount_from_none), _text_like(_AMOUNT_TEXT, _USD, "0")]
ClientId = Annotated[
    str, BeforeValidator(client_id_of), _text_like(f"[!-~]{{1,{CLIENT_ID_LENGTH_MAX}}}", "an id of your own", "bid-1")
]
UtcTimeNs = Annotated[int, BeforeValidator(_time), _text_like(_TIME_TEXT, "a UTC time", "2026-11-22T14:00:00Z")]
AccountName = Annotated[
    str, BeforeValidator(_account_name), _text_like(_ACCOUNT_NAME.pattern, "the name of an account", "alice")
]
PostOnly = Annotated[Literal[False, "reject", "slide"], BeforeValidator(_post_only)]
OrderId = Annotated[
    int, BeforeValidator(_order_id), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": ORDER_ID_MAX})
]
PageLimit = Annotated[int, BeforeValidator(_query_integer(1, PAGE_ROWS_MAX))]
Depth = Annotated[int, BeforeValidator(_query_integer(1, DEPTH_MAX))]
Sequence = Annotated[int, BeforeValidator(_query_integer(0, SEQUENCE_MAX))]
