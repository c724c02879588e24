"""How a tool on this machine asks a running exchange for something that only the running one can do: a backup.

Whoever can read the folder of a store may ask. The exchange listens on the loopback address and writes port and a
secret into a file of that folder, for its owner alone; a request is one line of JSON, answered by lines that tell how
far it is, and a last one that tells the result or the refusal.
"""

import asyncio
import hmac
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from exchange.backup import Progress
from exchange.database import OWNER_ONLY
from exchange.service import Exchange
from exchange.store_errors import CopyRefused, StoreError

CONTROL_FILE = "control"
LOOPBACK = "127.0.0.1"
REQUEST_S_MAX = 10.0
REPORTS = 200
"""How often progress is told, at most."""


@asynccontextmanager
async def serve_control(exchange: Exchange, directory: Path, copy_keys: Callable[[Path], None]) -> AsyncIterator[None]:
    """Answer requests while this lasts."""
    token = secrets.token_hex(32)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S_MAX):
                request = _request(await reader.readline(), token)
            if request is not None:
                await _back_up(exchange, Path(request["target"]), copy_keys, writer)
        except (OSError, ValueError, TimeoutError):
            pass  # Whoever asked is gone, or says nothing that can be understood.
        finally:
            writer.close()

    server = await asyncio.start_server(answer, LOOPBACK, 0)
    path = directory / CONTROL_FILE
    _write_owner_only(path, {"port": server.sockets[0].getsockname()[1], "token": token})
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        server.close()


def ask_for_backup(directory: Path, target: Path, progress: Progress) -> dict[str, Any]:
    """Let the exchange that runs on a folder back itself up. Raises CopyRefused with its reason, or OSError."""
    address = orjson.loads((directory / CONTROL_FILE).read_bytes())
    request = {"token": address["token"], "do": "backup", "target": str(target.absolute())}
    with socket.create_connection((LOOPBACK, address["port"])) as connection, connection.makefile("rwb") as lines:
        lines.write(orjson.dumps(request) + b"\n")
        lines.flush()
        for line in lines:
            told = orjson.loads(line)
            if "refused" in told:
                raise CopyRefused(target, told["refused"])
            if "result" in told:
                return told["result"]
            progress(told["done"], told["total"])
    raise CopyRefused(target, "the exchange stopped before the backup was done")


async def _back_up(
    exchange: Exchange, target: Path, copy_keys: Callable[[Path], None], writer: asyncio.StreamWriter
) -> None:
    loop = asyncio.get_running_loop()

    def tell(told: dict[str, Any]) -> None:
        loop.call_soon_threadsafe(writer.write, orjson.dumps(told) + b"\n")

    told_of = 0

    def progress(done: int, total: int) -> None:
        nonlocal told_of
        if done * REPORTS // max(total, 1) > told_of:
            told_of = done * REPORTS // max(total, 1)
            tell({"done": done, "total": total})

    try:
        copied = await exchange.back_up(target, copy_keys, progress)
        tell({"result": copied._asdict()})
    except StoreError as error:
        tell({"refused": str(error)})
    await asyncio.sleep(0)
    await writer.drain()


def _request(line: bytes, token: str) -> dict[str, Any] | None:
    """A request by somebody who has read the file. Raises ValueError for other bytes."""
    request = orjson.loads(line)
    if not isinstance(request, dict) or not hmac.compare_digest(str(request.get("token")).encode(), token.encode()):
        return None
    return request if request.get("do") == "backup" and isinstance(request.get("target"), str) else None


def _write_owner_only(path: Path, content: dict[str, Any]) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        os.write(descriptor, orjson.dumps(content))
    finally:
        os.close(descriptor)
