"""What the exchange answers to requests of many orders, and to readers of prices and fills, as typed values."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.client.errors import RefusedError
from gateway.client.models import Answer, Fill, Order, OrderAnswer, OwnFill

BatchResult = OrderAnswer | RefusedError
"""What became of one order or cancel of a batch: it is told, and not raised, for the others stand."""


class MassCancelAnswer(Answer):
    """How many orders went, and how many lots of them; a repeated answer does not know how many orders."""

    cancelled: int | None
    quantity: int
    sequence: int
    time_ns: int
    repeated: bool = False


class CancelTimer(Answer):
    """When orders go unless their owner is heard of: those of a session, or all with None; None for never."""

    session: int | None
    cancels_at: datetime | None
    cancels_at_ns: int | None


class QuoteSide(Answer):
    """What became of one side of a quote; of a repeated answer, how it stands now."""

    order_id: int
    status: str
    reason: str | None
    price: Decimal
    remaining_quantity: int
    trades: list[Fill] | None


class QuoteAnswer(Answer):
    """What became of both sides in one tranche; None for a side that there neither was nor shall be."""

    symbol: str
    bid: QuoteSide | None
    ask: QuoteSide | None


class MassQuoteAnswer(Answer):
    """What became of all quotes of a command."""

    quotes: list[QuoteAnswer]
    sequence: int
    time_ns: int
    repeated: bool = False


class OwnQuote(Answer):
    """The own quotes that rest in a tranche, as orders."""

    symbol: str
    bid: Order | None
    ask: Order | None


class LegAnswer(Answer):
    """What one leg of a basket traded."""

    symbol: str
    side: str
    order_id: int | None
    quantity: int
    average_price: Decimal | None
    trades: list[Fill] | None


class BasketAnswer(Answer):
    """All legs filled, or none: then `killed_leg` is the place of the first that could not be."""

    client_id: str | None
    status: str
    reason: str | None
    killed_leg: int | None
    legs: list[LegAnswer]
    sequence: int
    time_ns: int
    repeated: bool = False


class OwnFills(Answer):
    """Own fills, oldest first. The next ones come behind the `sequence`."""

    fills: list[OwnFill]
    sequence: int


class Ticker(Answer):
    """What a tranche trades at."""

    symbol: str
    state: str
    best_bid: Decimal | None
    best_bid_quantity: int | None
    best_ask: Decimal | None
    best_ask_quantity: int | None
    last_price: Decimal | None
    mark_price: Decimal
    reference_price: Decimal
    indicative_price: Decimal | None
    indicative_quantity: int | None
    traded_quantity: int
    sequence: int


class CurvePoint(Answer):
    """One window of a forward curve."""

    symbol: str
    start: datetime
    end: datetime
    gate_closure: datetime
    duration: str
    state: str
    best_bid: Decimal | None
    best_bid_quantity: int | None
    best_ask: Decimal | None
    best_ask_quantity: int | None
    last_price: Decimal | None
    mark_price: Decimal
    traded_quantity: int


class Curve(Answer):
    """The windows ahead of a region and tier, the next one first; `windows` counts those left out too."""

    region: str
    tier: str
    windows: int
    points: list[CurvePoint]
    sequence: int


class Candle(Answer):
    """What a tranche traded at in an interval."""

    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    quantity: int
    average_price: Decimal
    trades: int


class ServerTime(Answer):
    """The clock that signatures are judged by."""

    time: datetime
    time_ns: int


def batch_results(answer: Mapping[str, Any]) -> list[BatchResult]:
    """What became of each order of a batch, in order."""
    return [
        OrderAnswer.model_validate(each["result"]) if each["ok"] else RefusedError.from_json(each)
        for each in answer["results"]
    ]
