"""The terms of plain orders, one at a time: of those in a list, and of those that come over REST."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic_core import PydanticCustomError

from exchange.plain_commands import Terms
from gateway.encoding import codec
from gateway.encoding.fields import CLIENT_ID, price_of_text, quantity_of_text
from gateway.encoding.plain.schema import FRAME_BYTES_MAX
from matching.schema import TimeInForce

NEEDED = 4
"""Fields that every plain order has: symbol, side, price, quantity."""
_SIDES = codec.SIDES
_LIFETIMES = {name: codec.LIFETIMES[name] for name in ("gtc", "ioc", "fok")}
_GTC = int(TimeInForce.GTC)


def read_plain(payload: bytes) -> dict[str, Any] | None:
    """The fields of a flat object without a repeated key, or None for anything that must be read with more care."""
    if len(payload) > FRAME_BYTES_MAX:
        return None
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    # Each key has a colon behind it: with no more of them than fields, no key came twice and nothing is nested.
    if type(fields) is not dict or payload.count(b":") != len(fields):
        return None
    return fields


def plain_terms(
    symbols: Mapping[str, int], fields: dict[str, Any], account_id: int, session_id: int, needed: int
) -> Terms | None:
    """The terms of an order that says no more than a plain one does, or None for any other and a wrong one."""
    client_id = fields.get("client_id")
    lifetime = fields.get("time_in_force")
    if len(fields) != needed + (client_id is not None) + (lifetime is not None):
        return None
    try:
        terms = (
            account_id,
            symbols[fields["symbol"]],
            _SIDES[fields["side"]],
            price_of_text(fields["price"]),
            quantity_of_text(fields["quantity"]),
            _GTC if lifetime is None else _LIFETIMES[lifetime],
            session_id,
        )
        if client_id is not None and not CLIENT_ID.fullmatch(client_id):
            return None
    except (KeyError, TypeError, PydanticCustomError):
        return None
    return terms
