"""A real exchange behind real doors, and a real browser that looks at it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

import numpy as np
import orjson
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    WebSocketRoute,
    async_playwright,
    expect,
)

from exchange import commands
from exchange.service import Exchange
from exchange.symbols import NANO_PER_S
from exchange.venue.schema import Tier
from exchange.venue.state import VenueLimits
from exchange.view import TrancheView
from gateway.app import make_app, make_runner
from gateway.clearing.reservation_key import ReservationKey
from gateway.gateway import GATEWAY
from gateway.identity.keys import KeyStore
from gateway.settings import GatewaySettings
from gateway.staff.audit import AuditLog
from matching.schema import Side
from tests.browser.find_browser import NoBrowserError, get_browser

LIMITS = VenueLimits(instruments=1_024, orders=8_192, nodes=8_192, accounts=64, positions=4_096, client_ids=4_096)
REGIONS = ("eu-fra", "us-iad", "eu-fra_us-iad")
HOUR_S = 3_600
QUARTER_S = 900
REFERENCE_TICKS = 40_000
STEP_TICKS = 50
MAKER, TAKER = 1, 2
CASH_NANO = 1_000_000 * NANO_PER_S
LEVELS = 12
DESKTOP = {"width": 1280, "height": 800}
PATIENCE_MS = 15_000
"""A machine that has much else to do paints late."""
expect.set_options(timeout=PATIENCE_MS)
AWAY_COMPLAINTS = ("WebSocket connection to", "ERR_CONNECTION_REFUSED")


NewContext = Callable[..., Awaitable[BrowserContext]]


class Market:
    """An exchange that is served on one port for as long as a test likes, with accounts that can trade."""

    def __init__(self, exchange: Exchange, directory: Path) -> None:
        self.exchange = exchange
        self._port = 0
        self.was_away = False
        """Whether the doors were ever closed; browsers tell of every try to come through one that is."""
        self._runner: web.AppRunner | None = None
        self.keys = KeyStore.open(directory)
        self._reservation_key = ReservationKey.open(directory)
        self._audit = AuditLog.open(directory)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._port}/"

    async def open_doors(self) -> Self:
        """Listen, on the same port as before if there was one."""
        settings = GatewaySettings(heartbeat_interval_s=1.0, shutdown_wait_s=0.2)
        application = make_app(self.exchange, self.keys, self._reservation_key, settings, self._audit)
        self._runner = make_runner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def close_doors(self) -> None:
        """Listen no more; the exchange goes on."""
        self.was_away = True
        assert self._runner is not None
        await self._runner.cleanup()

    async def cut(self) -> None:
        """End every socket; the doors stay open."""
        assert self._runner is not None
        sessions = tuple(self._runner.app[GATEWAY].sessions)
        await asyncio.gather(*(session.shut_down(0.0) for session in sessions))

    async def close(self) -> None:
        """The end of it all."""
        await self.close_doors()
        self.keys.close()
        self._audit.close()
        await self.exchange.close()

    async def submit(self, *groups: np.ndarray) -> list[int]:
        """Run commands one after the other; their sequences."""
        return [(await self.exchange.submit(group)).sequence for group in groups]

    async def rest(self, symbol: str, side: Side, price_ticks: int, quantity_lots: int) -> int:
        """A resting order; its id."""
        group = commands.place(MAKER, self.tranche(symbol).instrument_id, side, price_ticks, quantity_lots)
        return (await self.submit(group))[0]

    async def take(self, symbol: str, side: Side, price_ticks: int, quantity_lots: int) -> int:
        """An order that trades with what rests; its sequence."""
        group = commands.place(TAKER, self.tranche(symbol).instrument_id, side, price_ticks, quantity_lots)
        return (await self.submit(group))[0]

    def tranche(self, symbol: str) -> TrancheView:
        """What the exchange knows of a tranche."""
        return self.exchange.view.tranches[self.exchange.view.tranche_by_symbol[symbol]]

    def symbol(self, region: str, tier: Tier, duration_s: int = HOUR_S, number: int = 0) -> str:
        """The name of the n-th open window of its kind."""
        found = [
            tranche
            for tranche in self.exchange.view.tranches.values()
            if (tranche.region, tranche.tier, tranche.duration_s) == (region, tier, duration_s)
        ]
        return sorted(found, key=lambda tranche: tranche.start_ns)[number].symbol


@pytest.fixture(scope="session")
def browser_path() -> str:
    """A Chromium; the tests fail by name where none can be had."""
    try:
        return get_browser()
    except NoBrowserError as error:
        return pytest.fail(str(error))


@pytest_asyncio.fixture(loop_scope="session")
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    """Three regions in three tiers, hours and quarters of an hour, and one book of many levels."""
    exchange = await Exchange.open(tmp_path / "exchange", limits=LIMITS)
    opened = await Market(exchange, tmp_path / "exchange").open_doors()
    await _list_windows(opened)
    await _quote(opened, opened.symbol("eu-fra", Tier.EF))
    yield opened
    await opened.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(browser_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=browser_path)
        yield opened
        await opened.close()


@pytest.fixture
def expected_complaints() -> list[str]:
    """What the console may be told in a test that breaks something on purpose: a test adds parts of it here."""
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def new_context(browser: Browser, market: Market, expected_complaints: list[str]) -> AsyncIterator[NewContext]:
    """Visitors of any kind; they are gone before the market closes.

    Whatever their pages complain of, and each other host that they ask, fails the test.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []
    hosts: set[str] = set()

    def note(url: SplitResult) -> None:
        """What the page makes itself, and workers load from it, is asked of nobody."""
        if url.scheme not in ("blob", "data"):
            hosts.add(url.netloc)

    async def make(**options: Any) -> BrowserContext:
        context = await browser.new_context(**({"viewport": DESKTOP} | options))
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("console", lambda told: complaints.append(_complaint(told)) if told.type == "error" else None)
        context.on("request", lambda request: note(urlsplit(request.url)))
        context.on("page", lambda page: page.on("websocket", lambda each: hosts.add(urlsplit(each.url).netloc)))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        await context.close()
    expected = [*expected_complaints, *(AWAY_COMPLAINTS if market.was_away else ())]
    assert [each for each in complaints if not any(part in each for part in expected)] == []
    assert hosts <= {urlsplit(market.url).netloc}


@pytest_asyncio.fixture(loop_scope="session")
async def page(new_context: NewContext, market: Market) -> AsyncIterator[Page]:
    """The market page on a desktop. Whatever the page complains of fails the test."""
    opened = await open_page(await new_context(), market)
    yield opened
    assert opened.complaints == []


async def open_page(context: BrowserContext, market: Market, fragment: str = "") -> Any:
    """The market page, with its `complaints`: errors of scripts, and what the console was told."""
    page: Any = await context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda told: page.complaints.append(_complaint(told)) if told.type == "error" else None)
    await page.goto(market.url + fragment)
    return page


def _complaint(told: ConsoleMessage) -> str:
    """What the console was told, and where it comes from: of what could not be loaded, the address."""
    return f"{told.text} ({told.location['url']})"


Change = Callable[[dict[str, Any]], dict[str, Any] | None]


async def tap_feed(context: BrowserContext, change: Change) -> None:
    """Give pages what `change` makes of each message of the exchange; None keeps it from them."""

    def forward(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        route.on_message(server.send)
        server.on_message(lambda message: pass_on(route, change(orjson.loads(message))))

    def pass_on(route: WebSocketRoute, message: dict[str, Any] | None) -> None:
        if message is not None:
            route.send(orjson.dumps(message).decode())

    await context.route_web_socket(re.compile("/v1/ws$"), forward)


async def _list_windows(market: Market) -> None:
    exchange = market.exchange
    for account_id, name in ((MAKER, "maker"), (TAKER, "taker")):
        await market.submit(commands.open_account(account_id, name), commands.deposit(account_id, CASH_NANO))
    for region_id, code in enumerate(REGIONS, start=1):
        await market.submit(commands.define_region(region_id, code))
    kinds = [(region_id, tier) for region_id in range(1, len(REGIONS) + 1) for tier in Tier]
    for series_id, (region_id, tier) in enumerate(kinds, start=1):
        await market.submit(_series(series_id, region_id, tier, HOUR_S, 6 * HOUR_S))
    await market.submit(_series(len(kinds) + 1, 1, Tier.EF, QUARTER_S, 2 * HOUR_S))
    assert len(exchange.view.tranches) > 0


def _series(series_id: int, region_id: int, tier: Tier, duration_s: int, horizon_s: int) -> np.ndarray:
    """Windows whose gate is more than a test away."""
    hour_ns = HOUR_S * NANO_PER_S
    return commands.define_series(
        series_id,
        region_id,
        tier,
        first_start_ns=(time.time_ns() // hour_ns + 2) * hour_ns,
        duration_s=duration_s,
        gate_lead_s=300,
        horizon_s=horizon_s,
        reference_ticks=REFERENCE_TICKS,
        price_step_ticks=STEP_TICKS,
    )


async def _quote(market: Market, symbol: str) -> None:
    """Levels on both sides, a step apart: (1 + n) x 10 lots n steps from the best."""
    for level in range(LEVELS):
        distance_ticks = level * STEP_TICKS
        await market.rest(symbol, Side.BUY, REFERENCE_TICKS - STEP_TICKS - distance_ticks, 10 * (1 + level))
        await market.rest(symbol, Side.SELL, REFERENCE_TICKS + STEP_TICKS + distance_ticks, 10 * (1 + level))
