"""A served exchange, with everything a test asks of it."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from aiohttp import ClientSession, web
from yarl import URL

from exchange.service import Exchange
from gateway.accounts.names import ensure_account
from gateway.client import Client
from gateway.gateway import GATEWAY, Gateway
from gateway.identity.keys import ApiKey, KeyStore
from gateway.identity.signing import canonical, sign

NANO_PER_S = 1_000_000_000
CASH_NANO = 1_000_000 * NANO_PER_S
QUANTITY_MAX_LOTS = 10_000
"""The largest order that the tranches of the tests take."""
PATIENCE_S = 5.0


@dataclass
class Doors:
    """A served exchange with everything a test asks of it."""

    exchange: Exchange
    keys: KeyStore
    url: str
    http: ClientSession
    symbol: str
    """An open tranche whose gate is hours away."""
    other_symbol: str
    admin: Client
    runner: web.AppRunner
    directory: Path

    @property
    def gateway(self) -> Gateway:
        """What the handlers share."""
        return self.runner.app[GATEWAY]

    async def stop(self) -> None:
        """Close the doors, as on Ctrl-C."""
        await self.runner.cleanup()

    async def account(self, name: str, roles: tuple[str, ...] = ("trader",)) -> ApiKey:
        """A key of an account with money; both are made when they are not there."""
        account_id = await ensure_account(self.exchange, name, deposit_nano=CASH_NANO)
        return self.keys.create(account_id, roles)

    async def client(self, name: str) -> Client:
        """A client of an account with money."""
        key = await self.account(name)
        return Client(self.url, key.key_id, key.secret)

    async def ask(
        self, method: str, path: str, key: ApiKey | None = None, body: object = b"", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Send one raw request, signed if there is a key; its status and JSON."""
        payload = body if isinstance(body, bytes) else orjson.dumps(body)
        url = URL(self.url + path, encoded=True)
        if key is not None:
            headers = signed_headers(key, method, path, payload) | headers
        async with self.http.request(method, url, data=payload, headers=headers) as response:
            return response.status, orjson.loads(await response.read())


def signed_headers(key: ApiKey, method: str, path: str, payload: bytes) -> dict[str, str]:
    """The four headers that sign a request now."""
    timestamp, nonce = str(time.time_ns() // 1_000_000), secrets.token_hex(8)
    signature = sign(key.secret, canonical(method, path, timestamp, nonce, payload))
    return {"BWX-KEY": key.key_id, "BWX-TIMESTAMP": timestamp, "BWX-NONCE": nonce, "BWX-SIGNATURE": signature}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells of, for a bounded time."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
