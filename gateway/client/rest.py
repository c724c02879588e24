"""The REST side of the client: signing, retries, and a method for each thing that can be asked."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from yarl import URL

from gateway.client.deliveries import DeliveryCalls
from gateway.client.desk import DeskCalls
from gateway.client.errors import RefusedError
from gateway.client.following import follow_events, follow_fills
from gateway.client.keys import KeyCalls
from gateway.client.models import (
    Account,
    Allocation,
    Book,
    Instrument,
    InsuranceFund,
    Limits,
    Order,
    OrderAnswer,
    OwnFill,
    Regions,
    Status,
    Trade,
)
from gateway.client.orders import OrderCalls
from gateway.client.providers import ProviderCalls
from gateway.client.risk_models import AccountRisk, Margin, WhatIf
from gateway.client.staff import StaffCalls
from gateway.client.statements import StatementCalls
from gateway.client.stream import Stream
from gateway.client.terms import (
    AccountLimitTerms,
    DeliveryFields,
    LimitTerms,
    PlaceTerms,
    Price,
    ProtectionTerms,
    ReplaceTerms,
    Side,
    Thought,
    decimal_text,
    limit_fields,
    new_id,
    place_fields,
    replace_fields,
    target_fields,
    time_text,
    what_if_fields,
)
from gateway.identity.signing import (
    KEY_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Secret,
    canonical,
    sign,
)

if TYPE_CHECKING:
    from gateway.client.binary_feeds import OwnEvents

ATTEMPTS = 5
FIRST_PAUSE_S = 0.1
PAGE_ROWS_MAX = 1_000
SERVICE_UNAVAILABLE = 503
ERROR_STATUS_MIN = 400
Fields = Mapping[str, Any]


class Client(OrderCalls, ProviderCalls, DeliveryCalls, StatementCalls, KeyCalls, StaffCalls, DeskCalls):
    """Asks one exchange on behalf of one key, or of nobody. Use it as an async context manager.

    The secret is that of the key, or the private half of a key of Ed25519.
    """

    def __init__(
        self, url: str, key_id: str | None = None, secret: Secret | None = None, *, timeout_s: float = 10.0
    ) -> None:
        self._url = url.rstrip("/")
        self._key_id = key_id
        self._secret = secret
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Release the connections."""
        if self._session is not None:
            await self._session.close()

    def stream(
        self, cancel_on_disconnect: Literal["connection", "account"] | None = None, session: int | None = None
    ) -> Stream:
        """A WebSocket, logged in if the client has a key. Use it as an async context manager.

        Orders that are placed over it, or all of the account, can go when it ends, but for an end after `log_out`.
        """
        given = {"cancel_on_disconnect": cancel_on_disconnect, "session": session}
        guard = {name: value for name, value in given.items() if value is not None}
        return Stream(self.session, f"{self._url}/v1/ws", self._key_id, self._secret, guard)

    def follow_fills(self, since_sequence: int | None = None) -> AsyncIterator[OwnFill]:
        """Own fills after a sequence, or from now on, each once, over as many connections as it takes."""
        return follow_fills(self, since_sequence)

    def follow_events(self, since_sequence: int | None = None) -> AsyncIterator["OwnEvents"]:
        """All that happens to own orders as records of the engine, in the same way."""
        return follow_events(self, since_sequence)

    @property
    def session(self) -> aiohttp.ClientSession:
        """The connections, opened at first use because they belong to the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self._session

    async def status(self) -> Status:
        """How the exchange is doing."""
        return Status.model_validate(await self.ask("GET", "/v1/status"))

    async def instruments(
        self,
        *,
        state: str | None = None,
        region: str | None = None,
        tier: str | None = None,
        start_from: datetime | None = None,
        start_to: datetime | None = None,
    ) -> list[Instrument]:
        """All tranches that match, in the order in which they were listed; those that begin before `start_to`."""
        times = {"start_from": start_from, "start_to": start_to}
        query = {"state": state, "region": region, "tier": tier}
        query |= {name: None if time is None else time_text(time) for name, time in times.items()}
        pages = self._pages("/v1/instruments", query)
        return [Instrument.model_validate(row) async for page in pages for row in page["instruments"]]

    async def instrument(self, symbol: str) -> Instrument:
        """One tranche."""
        return Instrument.model_validate(await self.ask("GET", f"/v1/instruments/{quote(symbol, safe='')}"))

    async def regions(self) -> Regions:
        """How each region is used and strained, and what negative cash costs."""
        return Regions.model_validate(await self.ask("GET", "/v1/regions"))

    async def book(self, symbol: str, depth: int = 20) -> Book:
        """The best levels of a book."""
        return Book.model_validate(await self.ask("GET", "/v1/book", query={"symbol": symbol, "depth": depth}))

    async def trades(self, symbol: str | None = None, limit: int = 100) -> list[Trade]:
        """The latest trades of a tranche, or of all, the newest first."""
        answer = await self.ask("GET", "/v1/trades", query={"symbol": symbol, "limit": limit})
        return [Trade.model_validate(row) for row in answer["trades"]]

    async def insurance_fund(self) -> InsuranceFund:
        """What there is to pay for those who cannot."""
        return InsuranceFund.model_validate(await self.ask("GET", "/v1/insurance-fund"))

    async def place(
        self, symbol: str, side: Side, quantity: int, price: Price | None = None, **terms: Unpack[PlaceTerms]
    ) -> OrderAnswer:
        """A new order: limit with a price, market without."""
        fields = place_fields(symbol, side, quantity, price, terms)
        return OrderAnswer.model_validate(await self.ask("POST", "/v1/orders", fields))

    async def cancel(
        self, order_id: int | None = None, *, client_id: str | None = None, retry_id: str | None = None
    ) -> OrderAnswer:
        """Take an order off the book."""
        path = _order_path(order_id, client_id)
        return OrderAnswer.model_validate(await self.ask("DELETE", path, query={"retry_id": retry_id or new_id()}))

    async def replace(
        self,
        order_id: int | None = None,
        *,
        client_id: str | None = None,
        price: Price,
        quantity: int,
        **terms: Unpack[ReplaceTerms],
    ) -> OrderAnswer:
        """Change an order; `quantity` is its total unless `quantity_is` says "remaining"."""
        fields = replace_fields(price, quantity, terms)
        return OrderAnswer.model_validate(await self.ask("PATCH", _order_path(order_id, client_id), fields))

    async def order(self, order_id: int | None = None, *, client_id: str | None = None) -> Order:
        """One own order, open or finished lately."""
        return Order.model_validate(await self.ask("GET", _order_path(order_id, client_id)))

    async def orders(
        self, symbol: str | None = None, *, label: int | None = None, session: int | None = None
    ) -> list[Order]:
        """All own open orders that match, oldest first."""
        pages = self._pages("/v1/orders", {"symbol": symbol, "label": label, "session": session})
        return [Order.model_validate(row) async for page in pages for row in page["orders"]]

    async def account(self) -> Account:
        """Own money and positions."""
        return Account.model_validate(await self.ask("GET", "/v1/account"))

    async def allocations(self, symbol: str | None = None, *, everybody: bool = False) -> list[Allocation]:
        """What the own account is owed as a buyer and owes as a provider; of everybody for an administrator."""
        path = "/v1/admin/allocations" if everybody else "/v1/allocations"
        pages = self._pages(path, {"symbol": symbol})
        return [Allocation.model_validate(row) async for page in pages for row in page["allocations"]]

    async def margin(self, *, contributors: int = 10) -> Margin:
        """Why the own account must have what it must have, with the tranches that contribute most."""
        return Margin.model_validate(await self.ask("GET", "/v1/margin", query={"contributors": contributors}))

    async def what_if(
        self,
        orders: Iterable[Thought] = (),
        *,
        positions: Iterable[Thought] = (),
        replaces: bool = False,
        account: str | None = None,
    ) -> WhatIf:
        """What positions and orders would require on top of what there is, or in its place; nothing is sent to a book.

        Of the own account, or of any for an administrator.
        """
        path = "/v1/margin/what-if" if account is None else f"{_risk_path(account)}/what-if"
        return WhatIf.model_validate(await self.ask("POST", path, what_if_fields(orders, positions, replaces)))

    async def risk(
        self, *, standing: str | None = None, region: str | None = None, limit: int | None = None
    ) -> list[AccountRisk]:
        """Accounts by how near they are to liquidation, for an administrator: all that match, or so many."""
        rows: list[AccountRisk] = []
        page_rows = None if limit is None else min(limit, PAGE_ROWS_MAX)
        query = {"standing": standing, "region": region, "limit": page_rows}
        async for page in self._pages("/v1/admin/risk", query):
            rows += map(AccountRisk.model_validate, page["accounts"])
            if limit is not None and len(rows) >= limit:
                break
        return rows[:limit]

    async def risk_of(self, account: str, *, contributors: int = 10) -> Margin:
        """Why any account must have what it must have, for an administrator."""
        query = {"contributors": contributors}
        return Margin.model_validate(await self.ask("GET", _risk_path(account), query=query))

    async def open_account(self, name: str, group: int = 0) -> int:
        """A new account, by an administrator; its number."""
        return int((await self.ask("POST", "/v1/admin/accounts", {"name": name, "group": group}))["account_id"])

    async def account_of(self, name: str) -> Account:
        """Any account's money and positions, for an administrator."""
        return Account.model_validate(await self.ask("GET", f"/v1/admin/accounts/{quote(name, safe='')}"))

    async def deposit(self, account: str, amount: Price | int, *, client_id: str | None = None) -> int:
        """Money into an account, in USD, by an administrator; the sequence at which it arrived."""
        return await self._move("/v1/admin/deposits", account, amount, client_id)

    async def withdraw(self, account: str, amount: Price | int, *, client_id: str | None = None) -> int:
        """Money out of an account, in USD, by an administrator; the sequence at which it left."""
        return await self._move("/v1/admin/withdrawals", account, amount, client_id)

    async def endow_fund(self, account: str, amount: Price | int, *, client_id: str | None = None) -> int:
        """Money from an account to the insurance fund, in USD, by an administrator; the sequence at which it left."""
        return await self._move("/v1/admin/insurance-fund", account, amount, client_id)

    async def set_risk_parameters(
        self,
        symbol: str,
        mark: Price,
        shocks: Iterable[Price],
        *,
        spread: Price = "0",
        concentration: Price = "0",
        concentration_lots: int = 0,
        until: str | None = None,
    ) -> None:
        """What a lot of a tranche requires, by an administrator: what it gains in each of 15 scenarios, and charges.

        Where data sets that otherwise, it does so again from `until` on, a UTC time, or an hour from now.
        """
        fields = {
            "symbol": symbol,
            "mark": decimal_text(mark),
            "shocks": [decimal_text(shock) for shock in shocks],
            "spread": decimal_text(spread),
            "concentration": decimal_text(concentration),
            "concentration_lots": str(concentration_lots),
        }
        if until is not None:
            fields["until"] = until
        await self.ask("POST", "/v1/admin/risk-parameters", fields)

    async def price_again(self, symbol: str) -> None:
        """Let data decide again what a lot of a tranche requires, by an administrator."""
        await self.ask("DELETE", f"/v1/admin/risk-parameters/{symbol}")

    async def set_fees(self, region: str, tier: str, *, maker_ppm: int, taker_ppm: int) -> None:
        """What trades cost in windows of a region and tier that are listed from now on, by an administrator."""
        fields = {"region": region, "tier": tier, "maker_ppm": maker_ppm, "taker_ppm": taker_ppm}
        await self.ask("POST", "/v1/admin/fees", fields)

    async def set_delivery_terms(self, region: str, tier: str, **terms: Unpack[DeliveryFields]) -> None:
        """How windows of a region and tier that are listed from now on are delivered, by an administrator.

        A `slot_s` of 0 settles them in cash.
        """
        await self.ask("POST", "/v1/admin/delivery-terms", {"region": region, "tier": tier, **terms})

    async def set_utilisation(self, utilisation_ppm: Mapping[str, int]) -> None:
        """How much of what regions can deliver is used, by an administrator; up to 256 regions by their codes."""
        regions = [{"region": region, "utilisation_ppm": ppm} for region, ppm in utilisation_ppm.items()]
        await self.ask("POST", "/v1/admin/utilisation", {"regions": regions})

    async def set_strain(self, region: str, *, low_ppm: int, high_ppm: int) -> None:
        """Between which caps on its utilisation a region is strained, by an administrator; 0 and 0 for never."""
        await self.ask("POST", "/v1/admin/strain", {"region": region, "low_ppm": low_ppm, "high_ppm": high_ppm})

    async def set_financing(self, *, base_ppm: int, slope_1_ppm: int, slope_2_ppm: int, optimum_ppm: int) -> None:
        """What negative cash costs a year, by an administrator; all 0 for nothing."""
        names = ("base_ppm", "slope_1_ppm", "slope_2_ppm", "optimum_ppm")
        rates = (base_ppm, slope_1_ppm, slope_2_ppm, optimum_ppm)
        await self.ask("POST", "/v1/admin/financing", dict(zip(names, rates, strict=True)))

    async def halt(self, symbol: str | None = None) -> None:
        """Stop trading in a tranche, or in all, by an administrator."""
        await self.ask("POST", "/v1/admin/halt", {"symbol": symbol})

    async def resume(self, symbol: str | None = None) -> None:
        """Trade again, by an administrator."""
        await self.ask("POST", "/v1/admin/resume", {"symbol": symbol})

    async def kill_switch(self, account: str | None) -> int:
        """Block an account, or halt the market with None, and cancel all its orders, by an administrator; how many."""
        return int((await self.ask("POST", "/v1/admin/kill-switch", {"account": account}))["cancelled"])

    async def lift_kill_switch(self, account: str) -> None:
        """Let an account have new orders again, by an administrator."""
        await self.ask("DELETE", f"/v1/admin/kill-switch/{quote(account, safe='')}")

    async def limits(self, account: str | None = None) -> Limits:
        """Own limits and protection, or those of any account for an administrator."""
        path = "/v1/limits" if account is None else f"/v1/admin/limits/{quote(account, safe='')}"
        return Limits.model_validate(await self.ask("GET", path))

    async def set_account_limits(self, account: str, **terms: Unpack[AccountLimitTerms]) -> None:
        """What an account may have at most, by an administrator; what is not said is not limited any more."""
        await self.ask("POST", "/v1/admin/limits/accounts", {"account": account, **limit_fields(terms)})

    async def set_region_limit(self, account: str, region: str, position: int) -> None:
        """How many lots an account may come to have in a region, by an administrator; 0 for no limit."""
        fields = {"account": account, "region": region, "position": str(position)}
        await self.ask("POST", "/v1/admin/limits/regions", fields)

    async def set_instrument_limits(self, symbol: str, **terms: Unpack[LimitTerms]) -> None:
        """What each account may have at most in a tranche, by an administrator."""
        await self.ask("POST", "/v1/admin/limits/instruments", {"symbol": symbol, **limit_fields(terms)})

    async def set_protection(self, account: str, region: str, **terms: Unpack[ProtectionTerms]) -> None:
        """When a market maker's orders in a region go, by an administrator; `interval_ms=0` for never."""
        fields = {"account": account, "region": region, **limit_fields(terms)}
        await self.ask("POST", "/v1/admin/protection", fields)

    async def reset_protection(self, region: str, account: str | None = None) -> None:
        """Have own orders in a region taken again after protection went off, or any account's as an administrator."""
        if account is None:
            await self.ask("POST", "/v1/protection/reset", {"region": region})
        else:
            await self.ask("POST", "/v1/admin/protection/reset", {"region": region, "account": account})

    async def ask(
        self, method: str, path: str, fields: Fields | None = None, *, query: Fields | None = None
    ) -> dict[str, Any]:
        """Send one request, again after a lost or busy answer, and return its JSON.

        Raises RefusedError, and what aiohttp raises once there are no more attempts.
        """
        return orjson.loads(await self._answer(method, path, fields, query))

    async def ask_text(self, path: str) -> str:
        """Read what is no JSON in the same way."""
        return (await self._answer("GET", path)).decode()

    async def _answer(self, method: str, path: str, fields: Fields | None = None, query: Fields | None = None) -> bytes:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = path + (f"?{urlencode(given)}" if given else "")
        body = orjson.dumps(fields) if fields is not None else b""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                status, answer = await self._send(method, target, body)
            except (aiohttp.ClientConnectionError, TimeoutError):
                if attempt == ATTEMPTS:
                    raise
            else:
                if attempt == ATTEMPTS or not _is_worth_another(status, answer):
                    break
            await asyncio.sleep(FIRST_PAUSE_S * 2 ** (attempt - 1))
        if status >= ERROR_STATUS_MIN:
            raise RefusedError.from_json(orjson.loads(answer))
        return answer

    async def _send(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        url = URL(self._url + target, encoded=True)
        headers = self._signature(method, target, body) | {"Content-Type": "application/json"}
        async with self.session.request(method, url, data=body, headers=headers) as response:
            return response.status, await response.read()

    def _signature(self, method: str, target: str, body: bytes) -> dict[str, str]:
        if self._key_id is None or self._secret is None:
            return {}
        timestamp, nonce = str(time.time_ns() // 1_000_000), secrets.token_hex(16)
        signature = sign(self._secret, canonical(method, target, timestamp, nonce, body))
        values = (self._key_id, timestamp, nonce, signature)
        return dict(zip((KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER), values, strict=True))

    async def _pages(self, path: str, query: Fields) -> AsyncIterator[dict[str, Any]]:
        cursor = None
        while True:
            page = await self.ask("GET", path, query={**query, "cursor": cursor})
            yield page
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def _move(self, path: str, account: str, amount: Price | int, client_id: str | None) -> int:
        fields = {"account": account, "amount": decimal_text(amount), "client_id": client_id or new_id()}
        return int((await self.ask("POST", path, fields))["sequence"])


def _is_worth_another(status: int, answer: bytes) -> bool:
    """Whether the same request, signed anew, may fare better.

    A nonce of ours can only have been used by ourselves: when a kept connection breaks, aiohttp sends most requests a
    second time by itself, and the first copy had arrived.
    """
    if status < ERROR_STATUS_MIN:
        return False
    return status == SERVICE_UNAVAILABLE or orjson.loads(answer)["error"]["code"] == "nonce_reused"


def _risk_path(account: str) -> str:
    return f"/v1/admin/risk/{quote(account, safe='')}"


def _order_path(order_id: int | None, client_id: str | None) -> str:
    target = target_fields(order_id, client_id)
    if "order_id" in target:
        return f"/v1/orders/{target['order_id']}"
    return f"/v1/orders/by-client-id/{quote(target['client_id'], safe='')}"
