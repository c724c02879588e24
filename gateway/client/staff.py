"""What administrators read of what was done, and what everybody may read of what requests cost."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.client.models import Answer
from gateway.client.risk_models import MarginCall
from gateway.client.terms import Price, decimal_text


class Weight(Answer):
    """What a kind of request costs of whose budget; those that end risk are taken always."""

    operation: str
    weight: int
    payer: str
    always_taken: bool
    requests: list[str]


class Refill(Answer):
    """How fast a budget refills, and how much it holds."""

    per_s: int
    burst: int


class Weights(Answer):
    """What requests cost, and what budgets there are."""

    weights: list[Weight]
    budgets: dict[str, Refill]


class AuditEntry(Answer):
    """What an administrator did or tried."""

    entry: int
    time: datetime
    time_ns: int
    key_id: str | None
    account: str | None
    address: str
    action: str
    body: str
    status: int
    outcome: str
    sequence: int | None


class Reporter(Answer):
    """Who reports deliveries, under which key of Ed25519."""

    account: str
    public_key: str


class CorrectionMade(Answer):
    """What risk staff corrected of a slot in lots, and what that moved from the buyer to the provider in USD."""

    sequence: int
    time: datetime
    time_ns: int
    allocation: int
    slot: int
    change: int
    amount: Decimal
    reason: str


class Bucket(Answer):
    """How many took less than a time, and no less than the bucket before."""

    below_ns: int
    count: int


class StageTime(Answer):
    """What orders spend on one stage of their way; percentiles are ends of buckets."""

    stage: str
    what: str
    count: int
    sum_ns: int
    p50_ns: int | None
    p99_ns: int | None
    buckets: list[Bucket]


class StaffCalls:
    """Of the REST client."""

    async def ask(
        self, method: str, path: str, fields: Mapping[str, Any] | None = None, *, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send one request: the client knows how."""
        raise NotImplementedError

    def _pages(self, path: str, query: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        raise NotImplementedError

    async def weights(self) -> Weights:
        """What requests cost, and how budgets refill."""
        return Weights.model_validate(await self.ask("GET", "/v1/limits/weights"))

    async def audit(self, limit: int | None = None) -> list[AuditEntry]:
        """What administrators did and tried, the newest first, for an administrator: all of it, or so much."""
        entries: list[AuditEntry] = []
        async for page in self._pages("/v1/admin/audit", {}):
            entries += map(AuditEntry.model_validate, page["entries"])
            if limit is not None and len(entries) >= limit:
                break
        return entries[:limit]

    async def stages(self) -> list[StageTime]:
        """Where the time of orders goes, for risk staff."""
        return [StageTime.model_validate(row) for row in (await self.ask("GET", "/v1/admin/stages"))["stages"]]

    async def call_margin(self, account: str, amount: Price | int) -> MarginCall:
        """Add to what an account must have until it is short of it by an amount in USD, for risk staff."""
        return await self._add_on({"account": account, "amount": decimal_text(amount)})

    async def set_add_on(self, account: str, add_on: Price | int) -> MarginCall:
        """Add so much to what an account must have, in place of what was added before; 0 for none, for risk staff."""
        return await self._add_on({"account": account, "add_on": decimal_text(add_on)})

    async def _add_on(self, fields: Mapping[str, Any]) -> MarginCall:
        return MarginCall.model_validate(await self.ask("POST", "/v1/admin/margin-calls", fields))

    async def reporters(self) -> list[Reporter]:
        """Who reports deliveries, for an administrator."""
        return [Reporter.model_validate(row) for row in (await self.ask("GET", "/v1/admin/reporters"))["reporters"]]

    async def corrections(self) -> list[CorrectionMade]:
        """The latest corrections of deliveries, the newest first, for an administrator."""
        rows = (await self.ask("GET", "/v1/admin/corrections"))["corrections"]
        return [CorrectionMade.model_validate(row) for row in rows]
