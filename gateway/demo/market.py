"""The demo market: real prices and a real demand curve, with providers and buyers that come through the ordinary
doors.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import orjson
import structlog

from exchange.plan import apply_plan
from exchange.service import Exchange
from gateway.accounts import ensure_account
from gateway.demo.bots import run_buyer, run_provider
from gateway.demo.calibration import DEFAULT_REGIONS, load_calibration
from gateway.demo.plan import demo_plan
from gateway.keys import KeyStore

BUYERS = 6
VISITOR = "visitor"
VISITOR_FILE = "trader.json"
BOTS_FILE = "bots.json"
USD_NANO = 1_000_000_000
VISITOR_DEPOSIT_NANO = 1_000_000 * USD_NANO
BOT_DEPOSIT_NANO = 50_000_000 * USD_NANO

log = structlog.get_logger()


class Credential(NamedTuple):
    """A key of one account."""

    account: str
    key_id: str
    secret: str


async def open_demo(exchange: Exchange, keys: KeyStore, directory: Path) -> dict[str, Credential]:
    """List the demo's tranches, open its accounts, and return a key for each; the visitor's is for whoever runs it."""
    await apply_plan(exchange, demo_plan(load_calibration()))
    names = [VISITOR, *map(provider_name, DEFAULT_REGIONS), *map(buyer_name, range(BUYERS))]
    known = _read_credentials(directory)
    credentials = {}
    for name in names:
        deposit_nano = VISITOR_DEPOSIT_NANO if name == VISITOR else BOT_DEPOSIT_NANO
        account_id = await ensure_account(exchange, name, deposit_nano=deposit_nano)
        credential = known.get(name)
        if credential is None or keys.find(credential.key_id) is None:
            key = keys.create(account_id, ["trader"])
            credential = Credential(name, key.key_id, key.secret)
        credentials[name] = credential
    _write_private(directory / BOTS_FILE, {name: tuple(credential) for name, credential in credentials.items()})
    return credentials


@asynccontextmanager
async def trade_demo(url: str, credentials: dict[str, Credential], directory: Path) -> AsyncIterator[None]:
    """Let the bots trade at an address until the context ends, and write down the visitor's key."""
    visitor = credentials[VISITOR]
    _write_private(directory / VISITOR_FILE, {"url": url, "key_id": visitor.key_id, "secret": visitor.secret})
    calibration = load_calibration()
    bots = [
        run_provider(url, credentials[provider_name(code)], calibration, code, seed)
        for seed, code in enumerate(DEFAULT_REGIONS)
    ]
    bots += [run_buyer(url, credentials[buyer_name(seed)], calibration, seed) for seed in range(BUYERS)]
    tasks = [asyncio.create_task(bot) for bot in bots]
    for task in tasks:
        task.add_done_callback(_report_death)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def provider_name(region: str) -> str:
    """The account that provides a region."""
    return f"provider-{region}"


def buyer_name(number: int) -> str:
    """The account of a buyer."""
    return f"buyer-{number + 1}"


def _report_death(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("demo_bot_died", reason=repr(task.exception()))


def _read_credentials(directory: Path) -> dict[str, Credential]:
    path = directory / BOTS_FILE
    if not path.exists():
        return {}
    return {name: Credential(*fields) for name, fields in orjson.loads(path.read_bytes()).items()}


def _write_private(path: Path, content: object) -> None:
    """Write a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(content))
