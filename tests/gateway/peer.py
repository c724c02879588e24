"""A bare socket with which a test says exactly what it wants."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import ClientWebSocketResponse

from gateway.identity.keys import ApiKey
from gateway.identity.signing import canonical, sign
from tests.gateway.doors import PATIENCE_S, Doors


class Peer:
    """One connection; `others` keeps the messages that came while an answer was waited for."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.others: list[dict[str, Any]] = []

    async def ask(self, op: str, **fields: object) -> dict[str, Any]:
        """Send one request, and return the answer to it."""
        name = secrets.token_hex(4)
        await self.send({"op": op, "id": name, **fields})
        return await self.answer(name)

    async def send(self, fields: object) -> None:
        """Send anything as JSON."""
        await self.socket.send_str(orjson.dumps(fields).decode())

    async def answer(self, name: object) -> dict[str, Any]:
        """The answer to a request that was sent."""
        while True:
            message = await self.message()
            if "ok" in message and message["id"] == name:
                return message
            self.others.append(message)

    async def message(self) -> dict[str, Any]:
        """The next message of any kind."""
        async with asyncio.timeout(PATIENCE_S):
            return orjson.loads(await self.socket.receive_str())

    async def of_channel(self, channel: str, kind: str = "") -> dict[str, Any]:
        """The next message of a channel, from those kept or from the socket."""
        while True:
            message = self.others.pop(0) if self.others else await self.message()
            if message.get("channel") == channel and message.get("type", "").startswith(kind):
                return message

    async def log_in(self, api_key: ApiKey, **changes: str) -> dict[str, Any]:
        """Sign and send a login, with some fields changed after signing."""
        return await self.ask("login", **(signed_login(api_key) | changes))


def signed_login(api_key: ApiKey) -> dict[str, str]:
    """The fields of a login now."""
    timestamp, nonce = str(time.time_ns() // 1_000_000), secrets.token_hex(8)
    signature = sign(api_key.secret, canonical("LOGIN", "/v1/ws", timestamp, nonce, b""))
    return {"key": api_key.key_id, "timestamp": timestamp, "nonce": nonce, "signature": signature}


@asynccontextmanager
async def connect(doors: Doors, key: ApiKey | None = None, **options: Any) -> AsyncIterator[Peer]:
    """A connection, logged in if there is a key."""
    async with doors.http.ws_connect(f"{doors.url}/v1/ws", max_msg_size=0, **options) as socket:
        peer = Peer(socket)
        if key is not None:
            assert (await peer.log_in(key))["ok"]
        yield peer
