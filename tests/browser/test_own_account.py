"""What a trader sees of the own account while it happens, in a browser, against the real exchange."""

import re

import pytest
from playwright.async_api import Page, expect

from exchange import commands
from exchange.venue.schema import Tier
from matching.schema import Side
from tests.browser.conftest import MAKER, TAKER, Market, NewContext
from tests.browser.trading import marks, open_desk, other_trader, own_marks, own_rows, place, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

RECONNECT_TIMEOUT_MS = 20_000


@pytest.fixture
def symbol(market: Market) -> str:
    """The window with many levels."""
    return market.symbol("eu-fra", Tier.EF)


async def test_a_fill_arrives_while_one_watches(new_context: NewContext, market: Market, symbol: str) -> None:
    page = await open_desk(new_context, market, symbol)
    await place(page, "Buy", 8, "0.0400")
    await expect(own_marks(page)).to_have_text(marks(8))
    async with other_trader(market) as client:
        await client.place(symbol, "sell", 3, "0.0400", time_in_force="ioc")
        await expect(own_rows(page).locator("td").nth(3)).to_have_text("5")
        await expect(page.locator("#own-say")).to_have_text(re.compile(r"^Bought 3 Mbps at 0\.04000 in eu-fra EF "))
        await expect(own_marks(page)).to_have_text(marks(5))
        await client.place(symbol, "sell", 5, "0.0400", time_in_force="ioc")
    await expect(own_rows(page)).to_have_count(0)
    await page.locator("#own-fills").click()
    await expect(own_rows(page).locator("td:nth-child(5)")).to_have_text(["5", "3"])
    await expect(own_rows(page).locator("td:nth-child(7)")).to_have_text(["maker", "maker"])
    await page.locator("#own-positions").click()
    await expect(own_rows(page).locator("td")).to_have_text(
        [re.compile("^eu-fra EF "), "8", "0.04000", "0.04000", "0.00"]
    )
    instrument_id = market.tranche(symbol).instrument_id
    await market.submit(commands.set_parameters(instrument_id, mark_ticks=41_000, shocks_ticks=[0] * 16))
    await expect(own_rows(page).locator("td").last).to_have_text("+0.0080")
    await expect(page.locator("#margin-equity")).to_have_text("1,000,000.01")


async def test_the_price_of_an_order_is_changed_in_place(new_context: NewContext, market: Market, symbol: str) -> None:
    page = await open_desk(new_context, market, symbol)
    await place(page, "Buy", 8, "0.0395")
    await page.get_by_role("button", name="Change the price of 0.03950").click()
    field = page.get_by_label("New price")
    await field.fill("0.0396")
    await market.rest(symbol, Side.BUY, 39_000, 1)  # what happens elsewhere does not take the field away
    await field.press("Enter")
    await expect(page.locator("#own-say")).to_have_text("Moved to 0.03960.")
    await expect(own_rows(page).locator("td").nth(2)).to_have_text("0.03960")
    await page.get_by_role("button", name="Change the price of 0.03960").click()
    await field.fill("0.039601")
    await field.press("Enter")
    await expect(page.locator("#own-say")).to_contain_text("(price_off_tick)")
    (order,) = market.exchange.view.open_orders(TAKER)
    assert (order.price_ticks, order.leaves_lots) == (39_600, 8)


async def test_orders_of_other_windows_are_one_click_away(new_context: NewContext, market: Market, symbol: str) -> None:
    other = market.symbol("us-iad", Tier.BE)
    for name in (symbol, other):
        await market.submit(commands.place(TAKER, market.tranche(name).instrument_id, Side.BUY, 39_000, 2))
    page = await open_desk(new_context, market, symbol)
    await expect(own_rows(page)).to_have_count(1)
    await page.get_by_role("button", name="All", exact=True).click()
    await expect(own_rows(page)).to_have_count(2)
    await page.get_by_role("button", name=re.compile("^us-iad BE ")).click()
    await expect(page.locator("#detail-symbol")).to_have_text(other)
    await expect(own_marks(page)).to_have_text(marks(2))


async def test_fills_from_before_the_sign_in_are_there_once(
    new_context: NewContext, market: Market, symbol: str
) -> None:
    await market.take(symbol, Side.BUY, 40_100, 12)
    page = await open_desk(new_context, market, symbol)
    await page.locator("#own-fills").click()
    await expect(own_rows(page).locator("td:nth-child(5)")).to_have_text(["2", "10"])
    await market.take(symbol, Side.SELL, 39_950, 1)
    await expect(own_rows(page).locator("td:nth-child(5)")).to_have_text(["1", "2", "10"])


async def test_after_a_cut_nothing_is_missing_and_nothing_is_there_twice(
    new_context: NewContext, market: Market, symbol: str
) -> None:
    page = await open_desk(new_context, market, symbol)
    await place(page, "Buy", 8, "0.0400")
    await expect(own_rows(page)).to_have_count(1)
    await market.take(symbol, Side.BUY, 40_050, 4)
    await page.locator("#own-fills").click()
    await expect(own_rows(page)).to_have_count(1)
    await market.cut()
    await expect(page.locator("#link-text")).to_have_text("Disconnected")
    await _trade_unseen(market, symbol)
    await expect(page.locator("#link-text")).to_contain_text("Live", timeout=RECONNECT_TIMEOUT_MS)
    await _expect_all(page)


async def test_after_a_restart_of_the_server_one_signs_in_again_and_nothing_is_missing_or_doubled(
    new_context: NewContext, market: Market, symbol: str, expected_complaints: list[str]
) -> None:
    expected_complaints.append("401 (Unauthorized)")  # sign-ins do not outlive the server
    page = await open_desk(new_context, market, symbol)
    await place(page, "Buy", 8, "0.0400")
    await market.take(symbol, Side.BUY, 40_050, 4)
    await expect(own_rows(page)).to_have_count(1)
    await market.close_doors()
    await expect(page.locator("#link-text")).to_have_text("Disconnected")
    await place(page, "Buy", 1, "0.0390")
    await expect(page.locator("#ticket-say")).to_contain_text("nothing was sent")
    await _trade_unseen(market, symbol)
    await market.open_doors()
    await expect(page.locator("#link-text")).to_contain_text("Live", timeout=RECONNECT_TIMEOUT_MS)
    await expect(page.locator("#own-table")).to_contain_text("Sign in to see your orders")
    await sign_in(page, market)
    await page.locator("#own-fills").click()
    await _expect_all(page)


async def _trade_unseen(market: Market, symbol: str) -> None:
    """While nobody can look: a fill of the resting order, another order, and one that comes and goes."""
    instrument_id = market.tranche(symbol).instrument_id
    await market.submit(commands.place(MAKER, instrument_id, Side.SELL, 40_000, 3))
    await market.submit(commands.place(TAKER, instrument_id, Side.SELL, 40_500, 6))
    (gone,) = await market.submit(commands.place(TAKER, instrument_id, Side.SELL, 40_550, 7))
    await market.submit(commands.cancel(TAKER, order_id=gone))


async def _expect_all(page: Page) -> None:
    await expect(own_rows(page).locator("td:nth-child(5)")).to_have_text(["3", "4"])
    await page.locator("#own-orders").click()
    await expect(own_rows(page).locator("td:nth-child(4)")).to_have_text(["6", "5"])
    await page.locator("#own-positions").click()
    await expect(own_rows(page).locator("td:nth-child(2)")).to_have_text(["7"])
