"""The whole market in little, as typed values. Rows come as lists; a snapshot tells what stands where in them."""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator

from gateway.client.inbox import Message
from gateway.client.models import Answer
from gateway.client.terms import TICK

TRADED_STATES = frozenset({"auction", "open", "closing_auction", "halted"})


def price_of_ticks(price_ticks: int) -> Decimal:
    """A price in USD per Mbps-hour, with all its decimals."""
    return price_ticks * TICK


PriceInTicks = Annotated[Decimal, BeforeValidator(price_of_ticks)]


class Cell(Answer):
    """One tranche in little. Prices in USD per Mbps-hour, quantities in lots."""

    symbol: str
    state: str
    bid: PriceInTicks | None
    bid_quantity: int | None
    ask: PriceInTicks | None
    ask_quantity: int | None
    last: PriceInTicks | None
    traded: int
    gate: datetime
    price_step: PriceInTicks
    is_delivered: bool

    @property
    def is_traded(self) -> bool:
        """Whether the tranche is in the market still; one that is not is told once more, so that it can be dropped."""
        return self.state in TRADED_STATES


class CellsUpdate(Answer):
    """A part of all tranches that trade (`snapshot`), or those that changed (`update`), also between two parts."""

    type: str
    sequence: int
    part: int = 1
    parts: int = 1
    cells: list[Cell]

    @property
    def is_snapshot(self) -> bool:
        """Whether this is a part of a snapshot; the first takes the place of all that was told before."""
        return self.type == "snapshot"

    @property
    def is_first_part(self) -> bool:
        """Whether no part of the same snapshot came before; an update is a part alone."""
        return self.part == 1

    @property
    def is_last_part(self) -> bool:
        """Whether no part of the same snapshot follows: with it the market is whole."""
        return self.part == self.parts


async def cell_updates(messages: AsyncIterable[Message]) -> AsyncIterator[CellsUpdate]:
    """The messages of the channel, their rows read by the fields that the latest snapshot named."""
    fields: list[str] = []
    async for message in messages:
        fields = message.get("fields", fields)
        cells = [dict(zip(fields, row, strict=True)) for row in message["cells"]]
        yield CellsUpdate.model_validate(message | {"cells": cells})
