"""Open doors for tests: a real exchange on a directory of its own, served on a real socket."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from aiohttp import ClientSession, web

from exchange import commands
from exchange.service import Exchange
from exchange.venue.schema import Tier
from exchange.venue.state import VenueLimits
from gateway.app import make_app, make_runner
from gateway.clearing.reservation_key import ReservationKey
from gateway.client import Client
from gateway.identity.keys import NO_ACCOUNT, KeyStore
from gateway.settings import GatewaySettings
from gateway.staff.audit import AuditLog
from tests.gateway.doors import NANO_PER_S, QUANTITY_MAX_LOTS, Doors

LIMITS = VenueLimits(instruments=256, orders=8_192, nodes=8_192, accounts=1_024, positions=4_096, client_ids=4_096)
REGIONS = ("eu-fra", "us-nyc")
HOUR_S = 3_600
REFERENCE_TICKS = 40_000
STEP_TICKS = 10


Serve = Callable[..., AbstractAsyncContextManager[Doors]]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that serves is the loop that is tested."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def store_options() -> dict[str, object]:
    """Of the store: what the doors say does not depend on the disk, and hundreds of tests would wait for it."""
    return {"synchronous": "OFF"}


@pytest.fixture
async def exchange(tmp_path: Path, store_options: dict[str, object]) -> AsyncIterator[Exchange]:
    opened = await Exchange.open(tmp_path / "exchange", limits=LIMITS, **store_options)
    await _list_tranches(opened)
    yield opened
    await opened.close()


@pytest.fixture
def serve(exchange: Exchange, tmp_path: Path) -> Serve:
    """Serve the exchange with settings of the test's own."""

    @asynccontextmanager
    async def serve_with(**settings: object) -> AsyncIterator[Doors]:
        keys = KeyStore.open(tmp_path / "exchange")
        audit = AuditLog.open(tmp_path / "exchange")
        reservation_key = ReservationKey.open(tmp_path / "exchange")
        application = make_app(exchange, keys, reservation_key, GatewaySettings(**settings), audit)
        runner = make_runner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        url = f"http://{host}:{port}"
        admin_key = keys.create(NO_ACCOUNT, ("admin",))
        symbols = [symbol for symbol in exchange.view.tranche_by_symbol if symbol.startswith("eu-fra.ef.")]
        async with ClientSession() as http, Client(url, admin_key.key_id, admin_key.secret) as admin:
            yield Doors(exchange, keys, url, http, symbols[-1], symbols[-2], admin, runner, tmp_path / "exchange")
        await runner.cleanup()
        keys.close()
        audit.close()

    return serve_with


@pytest.fixture
async def doors(serve: Serve) -> AsyncIterator[Doors]:
    async with serve() as opened:
        yield opened


async def _list_tranches(exchange: Exchange) -> None:
    first_start_ns = (time.time_ns() // (HOUR_S * NANO_PER_S) + 2) * HOUR_S * NANO_PER_S
    for region_id, code in enumerate(REGIONS, start=1):
        await exchange.submit(commands.define_region(region_id, code))
    for series_id, (region_id, tier) in enumerate(((1, Tier.EF), (1, Tier.BE), (2, Tier.EF)), start=1):
        await exchange.submit(
            commands.define_series(
                series_id,
                region_id,
                tier,
                first_start_ns=first_start_ns,
                duration_s=HOUR_S,
                gate_lead_s=900,
                horizon_s=6 * HOUR_S,
                reference_ticks=REFERENCE_TICKS,
                price_step_ticks=STEP_TICKS,
                quantity_max_lots=QUANTITY_MAX_LOTS,
            )
        )
    # A calendar lists its tranches when time passes next, which it does with any command.
    await exchange.submit(commands.resume_market())
