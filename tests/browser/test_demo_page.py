"""The demo market as a newcomer sees it: bots that come through the doors, and a page that moves."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from exchange.service import Exchange
from gateway.demo.calibration import DEFAULT_REGIONS
from gateway.demo.market import open_demo, trade_demo
from tests.browser.conftest import DESKTOP, LIMITS, Market, open_page

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST_TRADE_TIMEOUT_MS = 30_000
PRICE = re.compile(r"^0\.\d{5}$")


async def test_the_demo_trades_before_the_visitors_eyes(browser: Browser, tmp_path: Path) -> None:
    exchange = await Exchange.open(tmp_path, limits=LIMITS)
    market = await Market(exchange, tmp_path).open_doors()
    cast = await open_demo(exchange, market.keys, tmp_path)
    async with trade_demo(market.url.rstrip("/"), cast, tmp_path):
        page = await open_page(await browser.new_context(viewport=DESKTOP), market)
        await expect(page.locator("th.region:not(.corner)")).to_have_count(len(DEFAULT_REGIONS))
        await expect(page.locator("#trades")).to_have_text(re.compile("^[1-9]"), timeout=FIRST_TRADE_TIMEOUT_MS)
        await expect(page.locator("#board .bid").filter(has_text=PRICE).first).to_be_visible()
        last = page.locator("#board .last").filter(has_text=PRICE).first
        await expect(last).to_be_visible(timeout=FIRST_TRADE_TIMEOUT_MS)
        await expect(page.locator("#deliveries-panel")).to_be_visible()
    await page.context.close()
    await market.close()
    assert page.complaints == []
