"""What may be asked about risk."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.encoding.fields import AmountFromNone, AmountNano, PageLimit, PriceTicks, QuantityLots, query_integer
from gateway.encoding.requests import NoQuery, ReadQuery, ShortText

ENTRIES_MAX = 1_000
"""Positions and orders of one what-if together."""
CONTRIBUTORS_MAX = 100

ContributorLimit = Annotated[int, query_integer(0, CONTRIBUTORS_MAX)]


class _Model(BaseModel):
    model_config = NoQuery.model_config


class RiskQuery(ReadQuery):
    """Which accounts."""

    standing: Literal["sound", "margin_call", "liquidation", "bankrupt"] | None = None
    region: ShortText | None = None
    limit: PageLimit = 100
    cursor: ShortText | None = None


class MarginQuery(ReadQuery):
    """How many of the instruments that contribute most."""

    contributors: ContributorLimit = 10


class MarginCallRequest(_Model):
    """What an account is called for, or what is added to its requirement outright; just one of the two."""

    account: ShortText
    amount: AmountNano | None = None
    add_on: AmountFromNone | None = None


class ThoughtOrder(_Model):
    """An order that is not there."""

    symbol: ShortText
    side: Literal["buy", "sell"]
    price: PriceTicks
    quantity: QuantityLots


class ThoughtPosition(_Model):
    """A position that is not there; without a price it costs what it is worth at the mark."""

    symbol: ShortText
    side: Literal["buy", "sell"]
    price: PriceTicks | None = None
    quantity: QuantityLots


class WhatIfRequest(_Model):
    """Positions and orders, on top of what there is or in its place."""

    mode: Literal["add", "replace"] = "add"
    positions: Annotated[list[ThoughtPosition], Field(max_length=ENTRIES_MAX)] = []
    orders: Annotated[list[ThoughtOrder], Field(max_length=ENTRIES_MAX)] = []
