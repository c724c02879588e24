"""What a provider can ask for: its stake, its capacity, offers for a whole schedule of windows."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, TypedDict
from urllib.parse import quote

from gateway.client.models import Answer
from gateway.client.terms import Price, decimal_text, new_id


class Daily(Answer):
    """When on each of some days of the week a recurring capacity is there, in UTC."""

    from_s: int
    length_s: int
    weekdays: list[str]


class Capacity(Answer):
    """What an account can deliver."""

    capacity_id: int
    region: str
    tier: str
    quantity: int
    start: datetime
    end: datetime
    daily: Daily | None
    endpoint: str


class CapacitySlot(Answer):
    """A quarter of an hour: what is registered, what of it is committed, and what may still be sold, by tier."""

    start: datetime
    registered: dict[str, int]
    committed: dict[str, int]
    free: dict[str, int]


class CapacityAnswer(Answer):
    """An account's stake, its capacities, and the slots of the region that was asked for."""

    stake: Decimal
    capacities: list[Capacity]
    slots: list[CapacitySlot] | None
    sequence: int


class OfferAnswer(Answer):
    """What became of one offer."""

    symbol: str
    client_id: str | None
    accepted: bool
    order_id: int | None
    status: str | None
    error: dict[str, Any] | None


class OfferTerms(TypedDict):
    """An ask in one window."""

    symbol: str
    price: Price
    quantity: int


class ProviderCalls:
    """The calls of providers, for a client that can ask."""

    async def ask(
        self, method: str, path: str, fields: Mapping[str, Any] | None = None, *, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send one request."""
        raise NotImplementedError

    async def post_stake(self, amount: Price | int, *, client_id: str | None = None) -> Decimal:
        """Set free cash aside as stake; the stake afterwards."""
        return await self._move_stake("/v1/providers/stake", amount, client_id)

    async def withdraw_stake(self, amount: Price | int, *, client_id: str | None = None) -> Decimal:
        """Take stake back, as far as no capacity needs it; the stake afterwards."""
        return await self._move_stake("/v1/providers/stake/withdrawals", amount, client_id)

    async def register_capacity(
        self,
        region: str,
        tier: str,
        quantity: int,
        start: datetime,
        end: datetime,
        *,
        daily: Mapping[str, Any] | None = None,
        endpoint: str = "",
        client_id: str | None = None,
    ) -> int:
        """Say what the account can deliver, and be a provider from then on; the id of the capacity."""
        fields = {
            "region": region,
            "tier": tier,
            "quantity": str(quantity),
            "start": _utc_text(start),
            "end": _utc_text(end),
            "endpoint": endpoint,
            "client_id": client_id or new_id(),
        }
        daily_fields = {} if daily is None else {"daily": dict(daily)}
        return int((await self.ask("POST", "/v1/providers/capacity", fields | daily_fields))["capacity_id"])

    async def withdraw_capacity(self, capacity_id: int) -> None:
        """Take a capacity back that nothing needs."""
        await self.ask("DELETE", f"/v1/providers/capacity/{quote(str(capacity_id))}", query={"retry_id": new_id()})

    async def capacity(
        self, region: str | None = None, *, start: datetime | None = None, slots: int | None = None
    ) -> CapacityAnswer:
        """Stake and capacities; with a region also its quarters of hours from now or a time on."""
        query = {"region": region, "start": None if start is None else _utc_text(start), "slots": slots}
        return CapacityAnswer.model_validate(await self.ask("GET", "/v1/providers/capacity", query=query))

    async def post_offers(
        self,
        offers: Iterable[OfferTerms],
        *,
        mode: Literal["all_or_nothing", "best_effort"] = "best_effort",
        post_only: bool = False,
        client_id: str | None = None,
    ) -> list[OfferAnswer]:
        """Offer windows of a whole schedule at once, all or nothing or each for itself."""
        rows = [each | {"price": decimal_text(each["price"]), "quantity": str(each["quantity"])} for each in offers]
        fields = {"mode": mode, "post_only": post_only, "client_id": client_id or new_id(), "offers": rows}
        answer = await self.ask("POST", "/v1/providers/offers", fields)
        return [OfferAnswer.model_validate(row) for row in answer["offers"]]

    async def _move_stake(self, path: str, amount: Price | int, client_id: str | None) -> Decimal:
        fields = {"amount": decimal_text(amount), "client_id": client_id or new_id()}
        return Decimal((await self.ask("POST", path, fields))["stake"])


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
