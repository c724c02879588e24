"""Many orders at once: what both doors of the client offer alike, and what REST alone tells of orders and prices."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Literal, Unpack
from urllib.parse import quote as quoted

from gateway.client.models import OwnFill
from gateway.client.order_models import (
    BasketAnswer,
    BatchResult,
    CancelTimer,
    Candle,
    Curve,
    MassCancelAnswer,
    MassQuoteAnswer,
    OwnFills,
    OwnQuote,
    ServerTime,
    Ticker,
    batch_results,
)
from gateway.client.order_terms import (
    CancelScope,
    Leg,
    NewOrder,
    Quote,
    QuoteTerms,
    TogetherTerms,
    basket_fields,
    batch_fields,
    cancels_fields,
    quote_fields,
    scope_fields,
)

FILLS_AT_ONCE_MAX = 1_000
PATHS = {
    "place_many": ("POST", "/v1/orders/batch"),
    "cancel_many": ("POST", "/v1/orders/cancel-batch"),
    "cancel_all": ("DELETE", "/v1/orders"),
    "quote": ("PUT", "/v1/quotes"),
    "basket": ("POST", "/v1/baskets"),
    "cancel_after": ("POST", "/v1/orders/cancel-after"),
}
"""Where REST has the operations of a socket."""


class ManyOrders:
    """What concerns many orders, over either door."""

    async def operate(self, operation: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Ask for one operation; each door has a way of its own."""
        raise NotImplementedError

    async def place_many(self, orders: Iterable[NewOrder]) -> list[BatchResult]:
        """Up to 64 orders, one after the other: what became of each. One that is refused does not stop the others."""
        return batch_results(await self.operate("place_many", batch_fields(orders)))

    async def cancel_many(self, order_ids: Iterable[int] = (), *, client_ids: Iterable[str] = ()) -> list[BatchResult]:
        """Up to 64 cancels: what became of each, those by order id first."""
        return batch_results(await self.operate("cancel_many", cancels_fields(order_ids, client_ids)))

    async def cancel_all(self, **scope: Unpack[CancelScope]) -> MassCancelAnswer:
        """Cancel all own orders that match all that is said; every one when nothing is."""
        return MassCancelAnswer.model_validate(await self.operate("cancel_all", scope_fields(scope)))

    async def cancel_after(self, after_s: float, *, session: int | None = None) -> CancelTimer:
        """Have all own orders cancelled, or those of a session, unless this is asked again within a time; 0 for never.

        The exchange itself keeps the time, whatever becomes of the connection.
        """
        fields = {"cancel_after_ms": round(after_s * 1_000)} | ({} if session is None else {"session": session})
        return CancelTimer.model_validate(await self.operate("cancel_after", fields))

    async def quote(self, quotes: Iterable[Quote], **terms: Unpack[QuoteTerms]) -> MassQuoteAnswer:
        """Put quotes of up to 64 tranches in the place of those that the account has there, all or none."""
        return MassQuoteAnswer.model_validate(await self.operate("quote", quote_fields(quotes, terms)))

    async def basket(self, legs: Iterable[Leg], **terms: Unpack[TogetherTerms]) -> BasketAnswer:
        """Trade up to 16 tranches at once, or none."""
        return BasketAnswer.model_validate(await self.operate("basket", basket_fields(legs, terms)))


class OrderCalls(ManyOrders):
    """Of the REST client: the same, and what can be read."""

    async def ask(
        self, method: str, path: str, fields: Mapping[str, Any] | None = None, *, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send one request."""
        raise NotImplementedError

    def _pages(self, path: str, query: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        raise NotImplementedError

    async def operate(self, operation: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Ask for one operation."""
        method, path = PATHS[operation]
        return await (self.ask(method, path, query=fields) if method == "DELETE" else self.ask(method, path, fields))

    async def cancel_timers(self) -> list[CancelTimer]:
        """When own orders will be cancelled unless that is asked again in time."""
        rows = (await self.ask("GET", "/v1/orders/cancel-after"))["timers"]
        return [CancelTimer.model_validate(row) for row in rows]

    async def own_quotes(self, symbol: str | None = None) -> list[OwnQuote]:
        """All own quotes that rest."""
        pages = self._pages("/v1/quotes", {"symbol": symbol})
        return [OwnQuote.model_validate(row) async for page in pages for row in page["quotes"]]

    async def fills(
        self, since: int | str | None = None, *, symbol: str | None = None, order_id: int | None = None
    ) -> OwnFills:
        """Own fills behind a sequence or a trade's id, oldest first; all that are kept without one.

        Raises RefusedError `fills_not_kept` when some of them are gone.
        """
        query = {"symbol": symbol, "order_id": order_id, "limit": FILLS_AT_ONCE_MAX}
        fills: list[OwnFill] = []
        cursor: int | str | None = since
        while True:
            page = await self.ask("GET", "/v1/fills", query={**query, "cursor": cursor})
            fills += map(OwnFill.model_validate, page["fills"])
            cursor = page["next_cursor"]
            if cursor is None:
                return OwnFills(fills=fills, sequence=page["sequence"])

    async def server_time(self) -> ServerTime:
        """The clock that signatures are judged by."""
        return ServerTime.model_validate(await self.ask("GET", "/v1/time"))

    async def ticker(self, symbol: str) -> Ticker:
        """What a tranche trades at."""
        return Ticker.model_validate(await self.ask("GET", f"/v1/ticker/{quoted(symbol, safe='')}"))

    async def candles(self, symbol: str, interval: Literal["1m", "5m", "1h"], *, limit: int = 100) -> list[Candle]:
        """What a tranche traded at, oldest first; where nothing traded there is no candle."""
        query = {"symbol": symbol, "interval": interval, "limit": limit}
        return [Candle.model_validate(row) for row in (await self.ask("GET", "/v1/candles", query=query))["candles"]]

    async def curve(self, region: str, tier: str, *, duration: str | None = None, limit: int = 100) -> Curve:
        """The windows ahead of a region and tier, the next one first."""
        query = {"region": region, "tier": tier, "duration": duration, "limit": limit}
        return Curve.model_validate(await self.ask("GET", "/v1/curve", query=query))
