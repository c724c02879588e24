"""Trading by keys alone, in a browser, against the real exchange."""

import pytest
from playwright.async_api import expect

from exchange.venue.schema import Tier
from tests.browser.conftest import TAKER, Market, NewContext
from tests.browser.trading import answer, marks, open_desk, own_marks, own_rows

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_order_is_made_moved_placed_and_cancelled_by_keys(new_context: NewContext, market: Market) -> None:
    page = await open_desk(new_context, market, market.symbol("eu-fra", Tier.EF))
    price, keys = page.locator("#ticket input[name=price]"), page.keyboard
    await keys.press("s")
    await expect(page.get_by_role("radio", name="Sell")).to_be_checked()
    await keys.press("+")
    await expect(price).to_have_value("0.04005")
    await keys.press("+")
    await keys.press("+")
    await keys.press("-")
    await expect(price).to_have_value("0.04010")
    await page.get_by_role("textbox", name="Quantity").fill("4")
    await keys.press("Enter")
    await expect(answer(page)).to_have_text("4 Mbps working at 0.04010.")
    await keys.press("b")
    await expect(page.get_by_role("radio", name="Buy")).to_be_checked()
    await price.fill("0.0399")
    await keys.press("Enter")
    await expect(own_marks(page)).to_have_text(marks(4, 4))
    await keys.press("c")
    await expect(own_rows(page)).to_have_count(1)
    assert [order.price_ticks for order in market.exchange.view.open_orders(TAKER)] == [40_100]


async def test_all_orders_of_the_window_go_after_a_question(new_context: NewContext, market: Market) -> None:
    page = await open_desk(new_context, market, market.symbol("eu-fra", Tier.EF))
    await page.get_by_role("button", name="sell at 0.03985").click()
    await page.get_by_role("radiogroup", name="Side").get_by_text("Buy").click()
    await page.get_by_role("textbox", name="Quantity").fill("4")
    for price in ("0.03985", "0.03980"):
        await page.locator("#ticket-submit").click()
        await expect(answer(page)).to_have_text(f"4 Mbps working at {price}.")
        await page.keyboard.press("-")
    await expect(own_rows(page)).to_have_count(2)
    await page.keyboard.press("Shift+C")
    await expect(page.get_by_role("dialog")).to_contain_text("2 orders with 8 Mbps in eu-fra EF")
    await page.keyboard.press("Escape")
    await expect(own_rows(page)).to_have_count(2)
    await page.keyboard.press("Shift+C")
    await page.keyboard.press("Enter")
    await expect(own_rows(page)).to_have_count(0)
    assert market.exchange.view.open_orders(TAKER) == []


async def test_arrows_walk_through_the_prices_and_enter_takes_one_over(new_context: NewContext, market: Market) -> None:
    page = await open_desk(new_context, market, market.symbol("eu-fra", Tier.EF))
    await expect(page.locator("#ladder button.level[tabindex='0']")).to_have_count(1)
    await page.locator("#ladder button.level[tabindex='0']").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp", "Enter"):
        await page.keyboard.press(key)
    await expect(page.locator("#ticket input[name=price]")).to_have_value("0.04010")
    await expect(page.get_by_role("textbox", name="Quantity")).to_be_focused()


async def test_the_sheet_tells_the_keys_and_letters_in_a_search_are_letters(
    new_context: NewContext, market: Market
) -> None:
    page = await open_desk(new_context, market, market.symbol("eu-fra", Tier.EF))
    await page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    await expect(sheet).to_contain_text("cancel the last own order here")
    await page.keyboard.press("s")
    await expect(page.get_by_role("radio", name="Buy")).to_be_checked()
    await page.keyboard.press("Escape")
    await expect(sheet).to_be_hidden()
    await expect(page.locator("#detail")).to_be_visible()
    await page.get_by_role("searchbox").first.focus()
    await page.keyboard.press("s")
    await expect(page.get_by_role("radio", name="Buy")).to_be_checked()
