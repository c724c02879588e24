"""Candles, depth and the forward curve, in a browser, against the real exchange."""

import re

import pytest
from playwright.async_api import Page, expect

from exchange.venue.schema import Tier
from matching.schema import Side
from tests.browser.conftest import Market, NewContext, open_page

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIBRARY_TIMEOUT_MS = 15_000


async def open_window(new_context: NewContext, market: Market, symbol: str, scheme: str = "dark") -> Page:
    return await open_page(await new_context(color_scheme=scheme), market, f"#{symbol}")


async def test_candles_come_with_the_trades_and_their_volume(new_context: NewContext, market: Market) -> None:
    symbol = market.symbol("eu-fra", Tier.EF)
    page = await open_window(new_context, market, symbol)
    note = page.locator("#chart-note")
    await expect(note).to_have_text("Nothing has traded here yet.", timeout=LIBRARY_TIMEOUT_MS)
    await market.take(symbol, Side.BUY, 40_100, 12)
    chart = page.locator("#chart")
    await expect(chart).to_have_attribute("aria-label", re.compile("the last one closed at 0.04010 USD"))
    await expect(chart.locator(".boxes, .boxlayer path").first).to_be_attached()
    await expect(chart.locator(".barlayer path")).to_have_count(1)
    await expect(chart.locator(".modebar")).to_have_count(0)
    await page.get_by_role("button", name="1h", exact=True).click()
    await expect(chart).to_have_attribute("aria-label", re.compile(r"up to \d{4}-\d\d-\d\dT\d\d:00:00Z: .+ 0\.04010"))


async def test_the_depth_follows_the_book(new_context: NewContext, market: Market) -> None:
    symbol = market.symbol("eu-fra", Tier.EF)
    page = await open_window(new_context, market, symbol)
    await page.get_by_role("button", name="Depth").click()
    chart = page.locator("#chart")
    words = "780 Mbps bid and 780 Mbps asked; best bid 0.03995, best ask 0.04005 USD per Mbps-hour"
    await expect(chart).to_have_attribute("aria-label", words, timeout=LIBRARY_TIMEOUT_MS)
    await market.rest(symbol, Side.BUY, 40_000, 20)
    await expect(chart).to_have_attribute("aria-label", re.compile("^800 Mbps bid .+best bid 0.04000"))
    await expect(chart.locator(".scatterlayer .trace")).to_have_count(2)


async def test_the_forward_curve_has_a_line_for_each_tier_of_the_region(
    new_context: NewContext, market: Market
) -> None:
    page = await open_window(new_context, market, market.symbol("us-iad", Tier.AF))
    await page.get_by_role("button", name="Forward curve").click()
    chart = page.locator("#chart")
    await expect(chart.locator(".scatterlayer .trace")).to_have_count(3, timeout=LIBRARY_TIMEOUT_MS)
    await expect(chart).to_have_attribute("aria-label", re.compile(r"^Forward curve of us-iad: guaranteed \d+ windows"))


@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_charts_have_the_colours_of_the_page(new_context: NewContext, market: Market, scheme: str) -> None:
    page = await open_window(new_context, market, market.symbol("eu-fra", Tier.EF), scheme)
    await page.get_by_role("button", name="Depth").click()
    line = page.locator("#chart .scatterlayer path.js-line").first
    await expect(line).to_be_attached(timeout=LIBRARY_TIMEOUT_MS)
    of_line = await line.evaluate("path => getComputedStyle(path).stroke")
    assert of_line == await page.locator("#ladder .bids .price").first.evaluate("cell => getComputedStyle(cell).color")


async def test_the_library_comes_when_a_chart_is_looked_at_and_a_failure_can_be_tried_again(
    new_context: NewContext, market: Market, expected_complaints: list[str]
) -> None:
    expected_complaints.append("net::ERR_FAILED")
    context = await new_context()
    await context.route(re.compile("/libraries/"), lambda route: route.abort())
    page = await open_page(context, market, f"#{market.symbol('eu-fra', Tier.EF)}")
    await expect(page.locator("#chart-note")).to_contain_text("The chart cannot be drawn")
    await context.unroute_all()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("#chart-note")).to_have_text("Nothing has traded here yet.", timeout=LIBRARY_TIMEOUT_MS)


async def test_the_gate_is_counted_down_in_large_figures(new_context: NewContext, market: Market) -> None:
    page = await open_window(new_context, market, market.symbol("eu-fra", Tier.EF))
    await expect(page.locator("#fact-gate")).to_have_text(re.compile(r"^(\d+ h \d\d min|\d\d:\d\d)$"))
    await expect(page.locator("#gate-time")).to_have_attribute("title", re.compile("here$"))
    size = await page.locator("#fact-gate").evaluate("node => parseFloat(getComputedStyle(node).fontSize)")
    assert size > 20
