"""The demo market as a newcomer sees it: bots that come through the doors, and a page that moves."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from exchange.service import Exchange
from gateway.demo.market import open_demo, trade_demo
from tests.browser.conftest import DESKTOP, LIMITS, Market, open_page

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST_TRADE_TIMEOUT_MS = 30_000
PRICE = re.compile(r"0\.\d{5}")
MANY = re.compile(r"^[1-9]\d+$")


async def test_the_demo_trades_before_the_visitors_eyes(browser: Browser, tmp_path: Path) -> None:
    exchange = await Exchange.open(tmp_path, limits=LIMITS)
    market = await Market(exchange, tmp_path).open_doors()
    cast = await open_demo(exchange, market.keys, tmp_path)
    async with trade_demo(market.url.rstrip("/"), cast, tmp_path):
        page = await open_page(await browser.new_context(viewport=DESKTOP), market)
        board = page.locator("#board")
        await expect(board).to_have_attribute("data-windows", MANY, timeout=FIRST_TRADE_TIMEOUT_MS)
        await expect(board).to_have_attribute("data-drawn", MANY)
        await expect(page.locator("#trades")).to_have_text(re.compile("^[1-9]"), timeout=FIRST_TRADE_TIMEOUT_MS)
        await page.locator("#tape-all").click()
        await expect(page.locator("#tape")).to_contain_text(PRICE, timeout=FIRST_TRADE_TIMEOUT_MS)
        await expect(page.locator("#ladder")).to_contain_text(PRICE)
        await expect(page.locator("#deliveries-panel")).to_be_visible()
    await page.context.close()
    await market.close()
    assert page.complaints == []
