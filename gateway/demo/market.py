"""The demo market: real prices and a real demand curve, with providers and buyers that come through the ordinary
doors, and windows of a few minutes that are delivered, measured and settled.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import orjson
import structlog

from exchange import delivery_commands
from exchange.plan import apply_plan
from exchange.service import Exchange
from exchange.venue.schema import Reject
from gateway.accounts.names import ensure_account
from gateway.clearing.report_signing import public_key_of
from gateway.demo.bots import run_buyer, run_provider
from gateway.demo.calibration import DEFAULT_REGIONS, load_calibration
from gateway.demo.delivery import CARRIERS, Meter, run_carrier, run_consumer, run_meter
from gateway.demo.measuring import Line
from gateway.demo.plan import demo_plan
from gateway.encoding.requests import Role
from gateway.identity.keys import KeyStore
from matching.schema import EventKind

BUYERS = 6
CONSUMERS = 3
METERS = 3
VISITOR = "visitor"
VISITOR_FILE = "trader.json"
STAFF = "risk-desk"
STAFF_FILE = "risk.json"
BOTS_FILE = "bots.json"
METERS_FILE = "meters.json"
PRIVATE_KEY_BYTES = 32
USD_NANO = 1_000_000_000
VISITOR_DEPOSIT_NANO = 1_000_000 * USD_NANO
BOT_DEPOSIT_NANO = 50_000_000 * USD_NANO

log = structlog.get_logger()


class Credential(NamedTuple):
    """A key of one account."""

    account: str
    key_id: str
    secret: str


class Cast(NamedTuple):
    """Everybody who comes to the demo: keys by account, the visitor's among them, and the meters."""

    credentials: dict[str, Credential]
    meters: tuple[Meter, ...]


async def open_demo(exchange: Exchange, keys: KeyStore, directory: Path) -> Cast:
    """List the demo's tranches, open its accounts, and return a key for each; the visitor's is for whoever runs it."""
    await apply_plan(exchange, demo_plan(load_calibration()))
    known = _read_credentials(directory)
    credentials = {}
    for name, role in _roles().items():
        account_id = await ensure_account(exchange, name, deposit_nano=_deposit_nano(name, role))
        credential = known.get(name)
        if credential is None or keys.find(credential.key_id) is None:
            key = keys.create(account_id, [role])
            credential = Credential(name, key.key_id, key.secret)
        credentials[name] = credential
    _write_private(directory / BOTS_FILE, {name: tuple(credential) for name, credential in credentials.items()})
    return Cast(credentials, await _register_meters(exchange, credentials, directory))


def _roles() -> dict[str, Role]:
    """By account: what its key may do."""
    traders = [VISITOR, *map(provider_name, DEFAULT_REGIONS), *map(buyer_name, range(BUYERS))]
    traders += map(consumer_name, range(CONSUMERS))
    roles = dict.fromkeys(traders, Role.TRADER)
    roles |= dict.fromkeys((carrier.name for carrier in CARRIERS), Role.PROVIDER)
    roles |= {STAFF: Role.RISK}
    return roles | dict.fromkeys(map(meter_name, range(METERS)), Role.REPORTER)


def _deposit_nano(name: str, role: Role) -> int:
    if role in (Role.REPORTER, Role.RISK):
        return 0
    return VISITOR_DEPOSIT_NANO if name == VISITOR else BOT_DEPOSIT_NANO


async def _register_meters(
    exchange: Exchange, credentials: dict[str, Credential], directory: Path
) -> tuple[Meter, ...]:
    """Reporters under keys that are kept beside the store. Raises ValueError if one is refused."""
    path = directory / METERS_FILE
    private_keys: dict[str, str] = orjson.loads(path.read_bytes()) if path.exists() else {}
    names = [meter_name(number) for number in range(METERS)]
    private_keys = {name: private_keys.get(name) or secrets.token_hex(PRIVATE_KEY_BYTES) for name in names}
    _write_private(path, private_keys)
    meters = []
    for name, text in private_keys.items():
        account_id, private_key = exchange.view.account_by_name[name], bytes.fromhex(text)
        public_key = public_key_of(private_key)
        if exchange.view.deliveries.reporter_keys.get(account_id) != public_key:
            reply = await exchange.submit(delivery_commands.register_reporter(account_id, public_key))
            if reply.events[-1]["kind"] == EventKind.REJECTED:
                raise ValueError(f"{name!r} may not report: {Reject(int(reply.events[-1]['reason'])).name.lower()}")
        meters.append(Meter(credentials[name], account_id, private_key))
    return tuple(meters)


@asynccontextmanager
async def trade_demo(url: str, cast: Cast, directory: Path) -> AsyncIterator[None]:
    """Let the bots trade at an address until the context ends, and write down the keys that visitors use."""
    credentials = cast.credentials
    for name, file in ((VISITOR, VISITOR_FILE), (STAFF, STAFF_FILE)):
        key = credentials[name]
        _write_private(directory / file, {"url": url, "key_id": key.key_id, "secret": key.secret})
    calibration = load_calibration()
    bots = [
        run_provider(url, credentials[provider_name(code)], calibration, code, seed)
        for seed, code in enumerate(DEFAULT_REGIONS)
    ]
    bots += [run_buyer(url, credentials[buyer_name(seed)], calibration, seed) for seed in range(BUYERS)]
    bots += [run_carrier(url, credentials[each.name], calibration, each) for each in CARRIERS]
    bots += [run_consumer(url, credentials[consumer_name(seed)], calibration, seed) for seed in range(CONSUMERS)]
    line = Line(calibration, {carrier.name: carrier.headroom for carrier in CARRIERS})
    bots += [run_meter(url, meter, line) for meter in cast.meters]
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


def consumer_name(number: int) -> str:
    """The account of somebody who buys to use it."""
    return f"consumer-{number + 1}"


def meter_name(number: int) -> str:
    """The account of a reporter."""
    return f"meter-{number + 1}"


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
