"""The socket as AsyncAPI 3: every operation with its answer, and what every channel tells."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel

from gateway.client import account_models, desk_models, models, order_models
from gateway.client.models import Answer
from gateway.description.openapi import info
from gateway.description.routes import Cancels, Orders
from gateway.description.schemas import INTEGER, PREFIX, Rows, Schema, Schemas
from gateway.encoding.requests import (
    CancelRequest,
    ChannelRequest,
    LoginRequest,
    LogoutRequest,
    PingRequest,
    PlaceRequest,
    ReplaceRequest,
    RequestHead,
    SetRequest,
)
from gateway.feeds.topics import CHANNELS
from gateway.limits.weights import operation_on_socket
from gateway.orders.requests import BasketRequest, CancelAfterRequest, CancelAllTerms, QuoteRequest

REQUESTS: dict[str, tuple[type[BaseModel], type[BaseModel] | None]] = {
    "login": (LoginRequest, None),
    "logout": (LogoutRequest, None),
    "set": (SetRequest, None),
    "subscribe": (ChannelRequest, None),
    "unsubscribe": (ChannelRequest, None),
    "resync": (ChannelRequest, None),
    "place": (PlaceRequest, models.OrderAnswer),
    "cancel": (CancelRequest, models.OrderAnswer),
    "replace": (ReplaceRequest, models.OrderAnswer),
    "place_many": (Orders, None),
    "cancel_many": (Cancels, None),
    "cancel_all": (CancelAllTerms, order_models.MassCancelAnswer),
    "quote": (QuoteRequest, order_models.MassQuoteAnswer),
    "basket": (BasketRequest, order_models.BasketAnswer),
    "cancel_after": (CancelAfterRequest, order_models.CancelTimer),
    "ping": (PingRequest, None),
}
"""What can be asked for by name, and what its result is; of other results it is said that they are objects."""


class BookMessage(Answer):
    """Levels of a book as `[price, quantity]`: all of them (`snapshot`), or those that changed (`delta`)."""

    symbol: str
    depth: int | Literal["all"]
    interval: Literal["raw", "100ms"]
    previous_sequence: int | None = None
    checksum: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class CellsMessage(Answer):
    """A short row for each tranche; the parts of a snapshot tell what stands where in it."""

    cells: list[list[str | int | None]]
    fields: list[str] | None = None
    part: int | None = None
    parts: int | None = None


class Heartbeat(Answer):
    """How far the market and each topic have come."""

    sequence: int
    topics: list[dict[str, Any]]


class ScopeMessage(Answer):
    """What the calendar did to a scope."""

    of: str
    joined: list[str]
    left: list[str]
    left_out: int


class Notice(Answer):
    """What becomes of the connection."""


MESSAGES: dict[str, type[BaseModel] | Rows | None] = {
    "book": BookMessage,
    "book.l3": models.OrderBookUpdate,
    "trades": Rows("trades", models.Trade),
    "ticker": Rows("tickers", models.Instrument),
    "candles": Rows("candles", order_models.Candle),
    "cells": CellsMessage,
    "instruments": models.TranchesUpdate,
    "strain": models.RegionsUpdate,
    "orders": models.OrdersUpdate,
    "fills": models.FillsUpdate,
    "positions": account_models.PositionsUpdate,
    "margin": account_models.MarginUpdate,
    "deliveries": account_models.DeliveriesUpdate,
    "account": account_models.AccountUpdate,
    "events": None,
    "risk": desk_models.RiskUpdate,
    "scope": ScopeMessage,
    "heartbeat": Heartbeat,
    "notice": Notice,
}
"""What the messages of each channel have beside their `channel` and `type`; of what comes in binary frames, none."""
TYPES = ("snapshot", "update", "delta", "replay", "shutdown")


def asyncapi() -> Schema:
    """The whole document."""
    schemas = Schemas(_models())
    messages: dict[str, Schema] = {"refusal": _refusal_message()}
    operations: dict[str, Schema] = {}
    for op, (model, result) in REQUESTS.items():
        messages[f"{op}.request"] = {"name": op, "payload": _request(schemas, op, model)}
        messages[f"{op}.result"] = {"name": f"{op} done", "payload": _result(schemas.answer(result))}
        operations[op] = _operation(op, model)
    for channel, content in MESSAGES.items():
        messages[channel] = _message(schemas, channel, content)
        operations[f"tell.{channel}"] = _telling(channel)
    names = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {
        "asyncapi": "3.0.0",
        "info": info("The socket of the bandwidth exchange"),
        "defaultContentType": "application/json",
        "servers": {"exchange": {"host": "127.0.0.1:8080", "protocol": "ws"}},
        "channels": {"socket": {"address": "/v1/ws", "messages": names}},
        "operations": operations,
        "components": {"schemas": schemas.components, "messages": messages},
    }


def _models() -> Iterator[type[BaseModel]]:
    yield RequestHead
    for model, result in REQUESTS.values():
        yield model
        if result is not None:
            yield result
    for content in MESSAGES.values():
        if content is not None:
            yield content.model if isinstance(content, Rows) else content


def _operation(op: str, model: type[BaseModel]) -> Schema:
    return {
        "action": "receive",
        "channel": {"$ref": "#/channels/socket"},
        "summary": _first_line(model),
        "messages": [_in_channel(f"{op}.request")],
        "reply": {"messages": [_in_channel(f"{op}.result"), _in_channel("refusal")]},
        "x-weight": operation_on_socket(op).weight,
    }


def _telling(channel: str) -> Schema:
    known = CHANNELS.get(channel)
    return {
        "action": "send",
        "channel": {"$ref": "#/channels/socket"},
        "messages": [_in_channel(channel)],
        "x-is-private": known is not None and known.is_private,
        "x-needs-symbol": known is not None and known.needs_symbol,
    }


def _in_channel(message: str) -> Schema:
    return {"$ref": f"#/channels/socket/messages/{message}"}


def _request(schemas: Schemas, op: str, model: type[BaseModel]) -> Schema:
    """A request is its fields beside its name and id, in one object that knows no others."""
    fields, head = schemas.whole(model), schemas.whole(RequestHead)
    properties = head["properties"] | {"op": {"const": op}} | fields.get("properties", {})
    return {
        "type": "object",
        "properties": properties,
        "required": ["op", "id", *fields.get("required", ())],
        "additionalProperties": False,
    }


def _result(schema: Schema) -> Schema:
    properties: dict[str, Schema] = {"id": _NAME, "ok": {"const": True}, "result": schema, "rate_limit": _BUDGET}
    return {"type": "object", "properties": properties, "required": ["id", "ok", "result"]}


def _refusal_message() -> Schema:
    properties = {"id": _NAME | {"type": ["integer", "string", "null"]}, "ok": {"const": False}, "rate_limit": _BUDGET}
    named: Schema = {"type": "object", "properties": properties, "required": ["id", "ok"]}
    return {"name": "refused", "payload": {"allOf": [named, {"$ref": PREFIX + "Refusal"}]}}


def _message(schemas: Schemas, channel: str, content: type[BaseModel] | Rows | None) -> Schema:
    if content is None:
        frame = {"type": "string", "format": "binary", "description": "a frame that docs/binary.md describes"}
        return {"name": channel, "contentType": "application/octet-stream", "payload": frame}
    head: Schema = {
        "type": "object",
        "properties": {"channel": {"const": channel}, "type": {"enum": list(TYPES)}, "sequence": INTEGER},
        "required": ["channel"],
    }
    return {"name": channel, "payload": {"allOf": [head, schemas.answer(content)]}}


def _first_line(model: type[BaseModel]) -> str:
    return str(model.__doc__ or "").split("\n")[0]


_NAME: Schema = {"type": ["integer", "string"]}
_BUDGET: Schema = {
    "type": "object",
    "properties": dict.fromkeys(("limit", "remaining", "reset_ms"), INTEGER),
    "required": ["limit", "remaining", "reset_ms"],
}
