"""The risk page in a browser, against the real exchange."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from exchange import commands
from exchange.symbols import NANO_PER_S
from exchange.venue.schema import Tier
from gateway.keys import NO_ACCOUNT
from matching.schema import Side
from tests.browser.conftest import MAKER, TAKER, Market, NewContext

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOCKS_TICKS = [0, *[1_000, -1_000] * 7, 500]
LOTS = 10


async def sign_in(new_context: NewContext, market: Market, role: str = "admin", **options: Any) -> Page:
    """The page under a key, with its `complaints`."""
    context = await new_context(**options)
    page: Any = await context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    await page.goto(f"{market.url}risk")
    key = market.keys.create(NO_ACCOUNT if role == "admin" else MAKER, (role,))
    await page.get_by_label("Key id").fill(key.key_id)
    await page.get_by_label("Secret").fill(key.secret)
    await page.get_by_role("button", name="Show accounts").click()
    return page


async def fall(market: Market, mark_ticks: int) -> None:
    """The taker, who is long with leverage, comes near to the end of his money."""
    symbol = market.symbol("eu-fra", Tier.EF)
    instrument_id = market.tranche(symbol).instrument_id
    terms = {"shocks_ticks": SHOCKS_TICKS, "spread_ticks": 100}
    await market.submit(commands.set_parameters(instrument_id, mark_ticks=40_000, **terms))
    if not market.exchange.view.positions(TAKER):
        await market.take(symbol, Side.BUY, 40_050, LOTS)
        free_nano = market.exchange.view.balances(TAKER).withdrawable_nano
        await market.submit(commands.withdraw(TAKER, free_nano))
        await market.submit(commands.halt_market())  # or his position would be closed at once
    await market.submit(commands.set_parameters(instrument_id, mark_ticks=mark_ticks, **terms))


async def test_accounts_come_by_how_near_they_are_to_liquidation(new_context: NewContext, market: Market) -> None:
    await fall(market, 39_500)
    page = await sign_in(new_context, market)
    rows = page.locator("#list tbody tr")
    await expect(rows.locator("button")).to_have_text(["taker", "maker"])
    await expect(rows.nth(0).locator(".chip")).to_have_text("liquidation")
    await expect(page.locator("#count-liquidation")).to_have_text("1")
    await expect(page.locator("#age")).to_have_text(re.compile(r"^[01]\.\d s old$"))
    await fall(market, 38_000)
    await expect(rows.nth(0).locator(".chip")).to_have_text("bankrupt")
    await market.submit(commands.deposit(TAKER, 1_000 * NANO_PER_S))
    await expect(page.locator("#count-sound")).to_have_text("2")
    assert page.complaints == []


async def test_an_account_shows_its_ladder_and_what_contributes(new_context: NewContext, market: Market) -> None:
    await fall(market, 40_000)
    page = await sign_in(new_context, market)
    await page.get_by_role("button", name="taker").click()
    await expect(page.locator("#name")).to_have_text("taker")
    await expect(page.locator("#ladder tr")).to_have_count(16)
    await expect(page.locator("#ladder tr.worst td").first).to_have_text("2 worst")
    await expect(page.locator("#contributors code")).to_have_text([market.symbol("eu-fra", Tier.EF)])
    await expect(page.locator("#contributors tbody td").nth(1)).to_have_text(str(LOTS))
    await page.get_by_role("button", name="eu-fra", exact=True).click()
    await expect(page.locator("#ladder tr.worst .loss")).to_have_attribute("width", "50%")
    await page.keyboard.press("Escape")
    await expect(page.locator("#name")).to_be_hidden()
    assert page.complaints == []


async def test_accounts_are_filtered_by_state_and_region(new_context: NewContext, market: Market) -> None:
    await fall(market, 39_500)
    page = await sign_in(new_context, market)
    await page.locator("#standings").get_by_role("button", name="Liquidation").click()
    await expect(page.locator("#list tbody button")).to_have_text(["taker"])
    await page.locator("#standings").get_by_role("button", name="Bankrupt").click()
    await expect(page.locator("#list")).to_have_text("No account is of this standing here.")
    await page.locator("#standings").get_by_role("button", name="All", exact=True).click()
    await page.get_by_label("Region", exact=True).select_option("us-iad")
    await expect(page.locator("#list")).to_have_text("No account is of this standing here.")
    assert page.complaints == []


async def test_a_key_that_may_not_is_told_and_asked_for_again(new_context: NewContext, market: Market) -> None:
    page = await sign_in(new_context, market, role="trader")
    await expect(page.locator("#notice")).to_contain_text("role")
    await expect(page.locator("#entry")).to_be_visible()
    await expect(page.locator("#room")).to_be_hidden()


async def test_the_key_is_forgotten_on_demand_and_kept_nowhere(new_context: NewContext, market: Market) -> None:
    page = await sign_in(new_context, market)
    await expect(page.locator("#list tbody tr")).to_have_count(2)
    stored = await page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    assert stored == [0, 0, ""]
    await expect(page.get_by_label("Secret")).to_have_value("")
    await page.get_by_role("button", name="Forget the key").click()
    await expect(page.locator("#entry")).to_be_visible()
    await expect(page.locator("#list tbody tr")).to_have_count(0)
    assert page.complaints == []


async def test_an_exchange_that_is_away_is_told_and_figures_grow_old(new_context: NewContext, market: Market) -> None:
    page = await sign_in(new_context, market)
    await expect(page.locator("#list tbody tr")).to_have_count(2)
    await market.close_doors()
    await expect(page.locator("#notice")).to_contain_text("cannot be reached", timeout=10_000)
    await expect(page.locator("body")).to_have_attribute("data-link", "stale", timeout=10_000)
    await market.open_doors()
    await expect(page.locator("#notice")).to_be_hidden(timeout=15_000)
    await expect(page.locator("#link")).to_have_attribute("data-state", "live")


async def test_the_risk_page_loads_nothing_from_another_host(new_context: NewContext, market: Market) -> None:
    page = await sign_in(new_context, market)
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    await page.reload()
    await expect(page.get_by_label("Key id")).to_be_visible()
    assert hosts == {urlsplit(market.url).netloc}
    response = await page.request.get(f"{market.url}risk")
    assert "default-src 'none'" in response.headers["content-security-policy"]
