"""JSON at the edge. Reading is strict and names what is wrong; writing is fast.

Reading uses the standard library's decoder, because it alone tells of a key that comes twice: two parsers that disagree
on which one counts are how a signed request gets a second meaning. Its scanner is compiled too, and requests are small.
"""

import json
from collections import Counter
from typing import Any, NoReturn

import orjson

from gateway.errors import ApiError, DoorError

INTEGER_LENGTH_MAX = 20


def encode(value: object) -> bytes:
    """JSON in UTF-8, without spaces."""
    return orjson.dumps(value)


def decode_object(payload: bytes) -> dict[str, Any]:
    """The fields of one JSON object. Raises ApiError."""
    try:
        text = payload.decode()
        if b"\\u" in payload:
            orjson.loads(payload)  # refuses half a surrogate pair, which no answer, and no refusal, could quote
        value = _DECODER.decode(text)
    except RecursionError:
        raise ApiError(DoorError.MALFORMED_JSON, "the JSON is nested too deeply") from None
    except ValueError as error:
        raise ApiError(DoorError.MALFORMED_JSON, f"not JSON in UTF-8: {error}") from None
    if not isinstance(value, dict):
        raise ApiError(DoorError.NOT_AN_OBJECT)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise ApiError(DoorError.DUPLICATE_KEY, param=twice[:64])
    return fields


def _refuse_constant(text: str) -> NoReturn:
    raise ApiError(DoorError.MALFORMED_JSON, f"{text} is not JSON")


def _integer(text: str) -> int:
    if len(text) > INTEGER_LENGTH_MAX:
        raise ApiError(DoorError.MALFORMED_JSON, f"an integer has more than {INTEGER_LENGTH_MAX} digits")
    return int(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_int=_integer)
