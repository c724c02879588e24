"""The part of the client that is about statements."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from gateway.client.errors import RefusedError
from gateway.client.models import Answer

PAGE_LINES = 10_000
PAUSE_S = 0.5
PATIENCE_S = 3_600.0
"""How long a replay may take, and those before it."""
COME_AGAIN = frozenset({"statement_in_progress", "statement_busy"})


class StatementLine(Answer):
    """What one event did to the account, or a part of it; (sequence, index) names the event."""

    sequence: int
    index: int
    part: int
    time: datetime
    time_ns: int
    kind: str
    symbol: str | None
    counterparty: str | None
    allocation: int | None
    slot: int | None
    side: str | None
    quantity: int | None
    price: Decimal | None
    rate_ppm: int | None
    detail: str | None
    amount: Decimal
    cash: Decimal
    position_change: int | None
    cost_change: Decimal | None


class HeldPosition(Answer):
    """A position at one end of the day."""

    symbol: str
    quantity: int
    cost: Decimal


class EndOfDay(Answer):
    """What an account had."""

    cash: Decimal
    positions: list[HeldPosition]


class Statement(Answer):
    """The day of an account."""

    account: str
    day: date
    is_final: bool
    first_sequence: int
    sequence: int
    opening: EndOfDay
    closing: EndOfDay
    moved: Decimal
    line_count: int
    is_proved: bool
    faults: list[str]
    lines: list[StatementLine]


class StatementCalls:
    """What can be asked about statements; the client inherits it."""

    async def ask(
        self, method: str, path: str, fields: Mapping[str, Any] | None = None, *, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send one request: the client knows how."""
        raise NotImplementedError

    async def statement(self, day: date | str, account: str | None = None) -> Statement:
        """A day of UTC of the own account, or of any account for an administrator, with all its lines."""
        return Statement.model_validate(await self.statement_rows(day, account))

    async def statement_rows(
        self, day: date | str, account: str | None = None, waiting: Callable[[str], None] | None = None
    ) -> dict[str, Any]:
        """The same as the exchange tells it; `waiting` hears how far it is while it is worked out."""
        cursor, lines = None, []
        while True:
            page = await self._statement_page(day, {"account": account, "limit": PAGE_LINES, "cursor": cursor}, waiting)
            lines += page.pop("lines")
            cursor = page.pop("next_cursor")
            if cursor is None:
                return page | {"lines": lines}

    async def _statement_page(
        self, day: date | str, query: Mapping[str, Any], waiting: Callable[[str], None] | None
    ) -> dict[str, Any]:
        end_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await self.ask("GET", f"/v1/statements/{day}", query=query)
            except RefusedError as error:
                if error.code not in COME_AGAIN or time.monotonic() > end_s:
                    raise
                if waiting is not None:
                    waiting(error.message)
            await asyncio.sleep(PAUSE_S)
