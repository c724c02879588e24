"""The market as a heat map, in a browser, against the real exchange."""

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from exchange import commands, staff_commands
from exchange.plan import MarketPlan, apply_plan
from exchange.service import Exchange
from exchange.venue.schema import Tier
from matching.schema import Side
from tests.browser.conftest import CASH_NANO, MAKER, QUARTER_S, REGIONS, Market, NewContext, open_page, tap_feed
from tests.browser.finding import box_of, colour_at, find, focused

pytestmark = pytest.mark.asyncio(loop_scope="session")

WINDOWS = int(os.environ.get("BWX_SIM_WINDOWS", "20"))
"""Of each region and tier of a large market; 840 make 50,000."""
PATIENCE_S = 10.0
LONG_TASKS = """() => {
    window.tasks = [];
    new PerformanceObserver((list) => list.getEntries().forEach((each) => window.tasks.push(each.duration)))
        .observe({ type: "longtask", buffered: true });
}"""


async def quote(market: Market, symbol: str, bid_ticks: int, ask_ticks: int, lots: int = 10) -> None:
    await market.rest(symbol, Side.BUY, bid_ticks, lots)
    await market.rest(symbol, Side.SELL, ask_ticks, lots)


async def test_every_window_of_a_length_is_drawn_and_the_one_in_focus_reads_aloud(page: Page, market: Market) -> None:
    board = page.locator("#board")
    await expect(board).to_have_attribute("data-drawn", "45")
    await expect(board).to_have_attribute("data-windows", str(len(market.exchange.view.tranches)))
    quoted = market.symbol("eu-fra", Tier.EF)
    await find(page, quoted)
    await expect(focused(page)).to_have_attribute(
        "aria-label",
        re.compile(r"^eu-fra guaranteed, .+ \d\d:\d\d, bid 0\.03995 for 10, ask 0\.04005 for 10, last none$"),
    )
    await market.take(quoted, Side.BUY, 40_100, 12)
    await expect(focused(page)).to_have_attribute("aria-label", re.compile(r"ask 0\.04010 for 18, last 0\.04010$"))


async def test_cheap_windows_are_blue_and_dear_ones_red_against_their_row(page: Page, market: Market) -> None:
    cheap, usual, dear = (market.symbol("us-iad", Tier.AF, number=number) for number in range(3))
    for symbol, mid_ticks in ((cheap, 30_000), (usual, 40_000), (dear, 52_000)):
        await quote(market, symbol, mid_ticks - 50, mid_ticks + 50)
    red, _, blue = await colour_at(page, await box_of(page, cheap))
    assert blue > red + 20
    red, _, blue = await colour_at(page, await box_of(page, dear))
    assert red > blue + 20


async def test_the_colours_can_tell_of_liquidity_and_of_strain(page: Page, market: Market) -> None:
    deep, empty = market.symbol("us-iad", Tier.BE), market.symbol("us-iad", Tier.BE, number=1)
    await quote(market, deep, 39_950, 40_050, 9_000)
    await page.get_by_role("button", name="Liquidity").click()
    red, green, _ = await colour_at(page, await box_of(page, deep))
    assert green > red + 20
    await expect(page.locator("#legend-most")).to_have_text("10,000 and more")
    box = await box_of(page, empty)
    before = await colour_at(page, box)
    assert len(set(before)) == 1, "of a window without quotes liquidity tells nothing"
    await page.get_by_role("button", name="Strain").click()
    us_iad = REGIONS.index("us-iad") + 1
    await market.submit(
        staff_commands.set_strain(us_iad, 100_000, 900_000), staff_commands.set_utilisation(us_iad, 900_000)
    )
    async with asyncio.timeout(PATIENCE_S):
        while (await colour_at(page, box))[1] > before[1] - 20:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await expect(focused(page)).to_have_attribute("aria-label", re.compile(r", strain 100 %$"))
    await expect(page.locator("#legend")).to_have_attribute(
        "aria-label", re.compile("from usual margin to whole worth$")
    )


async def test_a_click_opens_the_window_under_it(page: Page, market: Market) -> None:
    box = await box_of(page, market.symbol("us-iad", Tier.EF, number=1))
    await find(page, market.symbol("eu-fra", Tier.EF))
    await page.locator("#board canvas").click(position={"x": box["x"] + 9, "y": box["y"] + 9})
    await expect(page.locator("#detail-symbol")).to_have_text(market.symbol("us-iad", Tier.EF, number=1))


async def test_arrows_walk_the_map_and_enter_opens(page: Page, market: Market) -> None:
    await find(page, market.symbol("eu-fra", Tier.EF))
    await focused(page).focus()
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        await page.keyboard.press(key)
    await expect(page.locator("#detail-symbol")).to_have_text(market.symbol("eu-fra", Tier.AF, number=1))
    await expect(focused(page)).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press("ArrowUp")
    await expect(focused(page)).to_have_attribute("data-symbol", market.symbol("eu-fra", Tier.EF, number=1))


async def test_a_window_is_found_by_parts_of_its_name_and_chosen_by_keys(page: Page, market: Market) -> None:
    await expect(page.locator("#board")).to_have_attribute("data-drawn", "45")
    await page.keyboard.press("/")
    found = page.locator("#search-found li")
    await page.keyboard.type("interruptible iad")
    await expect(page.locator("#search-note")).to_contain_text("10 of ")
    await expect(found.first).to_have_attribute("data-symbol", market.symbol("us-iad", Tier.BE))
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    chosen = found.nth(2)
    await expect(chosen).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await expect(page.locator("#detail-symbol")).to_have_text(market.symbol("us-iad", Tier.BE, number=1))
    await page.keyboard.press("/")
    await page.keyboard.type("nowhere")
    await expect(page.locator("#search-note")).to_contain_text("No open window is called so.")
    await page.keyboard.press("Escape")
    await expect(page.locator("#search")).to_be_hidden()


async def test_the_other_length_of_windows_is_one_click_away_and_regions_can_be_filtered(
    page: Page, market: Market
) -> None:
    board = page.locator("#board")
    await page.get_by_role("button", name="15 min").click()
    quarters = [each for each in market.exchange.view.tranches.values() if each.duration_s == QUARTER_S]
    await expect(board).to_have_attribute("data-drawn", str(len(quarters)))
    await page.get_by_role("button", name="1 hour").click()
    await page.get_by_label("Filter regions").fill("→ us")
    await expect(board).to_have_attribute("data-drawn", "15")
    await page.get_by_label("Filter regions").fill("nowhere")
    await expect(board).to_have_text("No region of that name has an open window.")


async def test_cells_have_sizes_from_a_glance_to_full_prices(page: Page) -> None:
    await expect(page.locator("#board")).to_have_attribute("data-drawn", "45")
    widths = []
    for _ in range(4):
        box = await focused(page).bounding_box()
        assert box is not None
        widths.append(box["width"])
        await page.get_by_role("button", name="Smaller cells").click()
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 4


async def test_few_windows_share_the_width_although_rows_are_low(new_context: NewContext, market: Market) -> None:
    page = await open_page(await new_context(viewport={"width": 1600, "height": 720}), market)
    await expect(page.locator("#board")).to_have_attribute("data-drawn", "45")
    box = await focused(page).bounding_box()
    assert box is not None
    assert box["height"] < 38 < 112 < box["width"]
    await page.get_by_role("button", name="Larger cells").click()
    larger = await focused(page).bounding_box()
    assert larger is not None
    assert larger["height"] > box["height"]
    assert larger["width"] == box["width"]


async def test_a_window_of_another_length_is_shown_with_its_own(page: Page, market: Market) -> None:
    quarter = market.symbol("eu-fra", Tier.EF, QUARTER_S)
    await find(page, quarter)
    await expect(page.get_by_role("button", name="15 min")).to_have_attribute("aria-pressed", "true")


async def test_what_leaves_the_market_leaves_the_map(new_context: NewContext, market: Market) -> None:
    context = await new_context()
    other = market.symbol("us-iad", Tier.AF)

    def close_gate(message: dict[str, Any]) -> dict[str, Any] | None:
        if (message.get("channel"), message.get("type")) == ("cells", "update"):
            return message | {"cells": [[other, "gate_closed", *message["cells"][0][2:]]]}
        return message

    await tap_feed(context, close_gate)
    page = await open_page(context, market)
    await expect(page.locator("#board")).to_have_attribute("data-drawn", "45")
    await market.rest(other, Side.BUY, 39_000, 2)
    await expect(page.locator("#board")).to_have_attribute("data-drawn", "44")
    assert page.complaints == []


async def test_the_page_comes_with_the_figures_of_the_market_before_any_script(
    new_context: NewContext, market: Market
) -> None:
    context = await new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(market.url)
    await expect(page.locator("#resting-orders")).to_have_text(str(market.exchange.view.resting_orders))
    await expect(page.locator("#open-windows")).to_have_text(str(len(market.exchange.view.tranches)))
    await expect(page.locator(".first-look tbody th")).to_have_text(["eu-fra", "us-iad", "eu-fra → us-iad"])
    await expect(page.locator(".first-look tbody tr").first.locator("td").nth(1)).to_have_text("0.040000")


async def test_the_colours_are_chosen_here_and_kept(page: Page) -> None:
    dark, light = "rgb(11, 14, 19)", "rgb(243, 245, 248)"
    ground = "getComputedStyle(document.body).backgroundColor"
    await page.get_by_role("button", name="Colours: as the system").click()
    assert await page.evaluate(ground) == dark
    await page.get_by_role("button", name="Colours: dark").click()
    assert await page.evaluate(ground) == light
    await page.reload()
    assert await page.evaluate(ground) == light
    await page.get_by_role("button", name="Colours: light").click()
    await expect(page.get_by_role("button", name="Colours: as the system")).to_be_visible()


async def test_a_large_market_is_drawn_and_stays_live(browser: Browser, tmp_path: Path) -> None:
    regions = [f"{area}-{metro}" for area in ("eu", "us", "ap", "sa", "af") for metro in ("aaa", "bbb", "ccc", "ddd")]
    tiers = ("ef", "af", "be")
    series = [
        {"region": region, "tier": tier, "window": "PT15M", "reference_price": "0.04", "gate_lead_s": 300}
        | {"horizon_s": WINDOWS * QUARTER_S}
        for region in regions
        for tier in tiers
    ]
    exchange = await Exchange.open(tmp_path / "exchange", synchronous="OFF")
    plan = MarketPlan.model_validate({"regions": [{"code": code} for code in regions], "series": series})
    await apply_plan(exchange, plan)
    await exchange.submit(commands.resume_market())
    count = len(exchange.view.tranches)
    assert count >= (WINDOWS - 1) * len(series)
    market = await Market(exchange, tmp_path / "exchange").open_doors()
    context = await browser.new_context(viewport={"width": 1920, "height": 1080})
    await context.add_init_script(f"({LONG_TASKS})()")
    page = await open_page(context, market)
    await expect(page.locator("#board")).to_have_attribute("data-windows", str(count), timeout=60_000)
    painted = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    print(f"first paint after {await page.evaluate(painted):.0f} ms")
    print(f"cells drawn at a time: {await page.locator('#board').get_attribute('data-drawn')}")
    print(f"long tasks until there, ms: {await page.evaluate('window.tasks.splice(0)')}")
    market_of_one = exchange.view.tranches[max(exchange.view.tranches)]
    await market.submit(commands.open_account(MAKER, "maker"), commands.deposit(MAKER, CASH_NANO))
    await market.rest(market_of_one.symbol, Side.BUY, 39_000, 2)
    await find(page, market_of_one.symbol)
    await expect(focused(page)).to_have_attribute("aria-label", re.compile(r"bid 0\.039000? for 2"))
    print(f"long tasks since, ms: {await page.evaluate('window.tasks')}")
    assert page.complaints == []
    await context.close()
    await market.close()
