"""The line about deliveries on the market page, in a browser, against the real exchange."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from exchange.venue.clearing.delivery_schema import SlotOutcome
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from matching.schema import Side
from tests.browser.conftest import Market, NewContext, open_page
from tests.browser.test_deliveries_page import LOTS, SLOT_S, begin_delivery
from tests.browser.test_market_page import PHONE

pytestmark = pytest.mark.asyncio(loop_scope="session")


def line(page: Page) -> Locator:
    return page.locator("#deliveries-sum")


async def test_a_market_that_delivers_nothing_has_no_such_line(page: Page) -> None:
    await expect(page.locator("#link-text")).to_contain_text("Live")
    await expect(page.locator("#deliveries-panel")).to_be_hidden()


async def test_before_the_first_delivery_the_line_names_the_next_gate(new_context: NewContext, market: Market) -> None:
    tranche = market.tranche(market.symbol("eu-fra", Tier.EF))
    tranche.slot_s = SLOT_S
    page = await open_page(await new_context(), market)
    gate = re.compile(r"Nothing was delivered yet\. The next gate closes at \d\d:55:00 UTC\.")
    await expect(line(page)).to_have_text(gate)
    assert page.complaints == []


async def test_the_line_follows_what_comes_and_leads_to_the_board(page: Page, market: Market) -> None:
    tranche = begin_delivery(market, state=LifeState.GATE_CLOSED)
    await expect(line(page)).to_have_text("0 windows are in delivery, measured slot by slot by independent reporters")
    tranche.state = LifeState.DELIVERING
    totals = market.exchange.view.deliveries.totals[tranche.instrument_id]
    for slot, lots in enumerate((LOTS, 6)):
        totals.settle_slot(slot, LOTS, SlotOutcome.MEASURED, lots)
        totals.delivered += lots
    await expect(line(page)).to_contain_text("1 window is in delivery; 80.0 % of what was bought came")
    await page.get_by_role("link", name="Delivery board").click()
    await expect(page).to_have_url(f"{market.url}deliveries")
    await expect(page.locator("#windows tbody tr")).to_have_count(1)


async def test_the_line_leaves_the_board_and_the_book_in_their_places(page: Page, market: Market) -> None:
    begin_delivery(market)
    await expect(line(page)).to_contain_text("in delivery")
    boxes = [await page.locator(place).bounding_box() for place in (".board", "#deliveries-panel", "#detail")]
    board, panel, detail = boxes
    assert None not in boxes
    assert panel["y"] >= board["y"] + board["height"] - 1
    assert panel["width"] == pytest.approx(board["width"], abs=1)
    assert detail["y"] == pytest.approx(board["y"], abs=1)
    assert detail["y"] + detail["height"] == pytest.approx(panel["y"] + panel["height"], abs=1)
    assert await page.evaluate("document.documentElement.scrollHeight") <= 800


async def test_a_phone_shows_the_line_without_scrolling_sideways(new_context: NewContext, market: Market) -> None:
    begin_delivery(market, (9,))
    page = await open_page(await new_context(viewport=PHONE, is_mobile=True, has_touch=True), market)
    await expect(line(page)).to_contain_text("90.0 %")
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.complaints == []


async def test_an_exchange_that_is_away_leaves_what_was_read(page: Page, market: Market) -> None:
    begin_delivery(market)
    await expect(line(page)).to_contain_text("1 window is in delivery")
    await market.close_doors()
    await expect(page.locator("#link-text")).to_have_text("Disconnected")
    await expect(line(page)).to_contain_text("1 window is in delivery")
    await market.rest(market.symbol("us-iad", Tier.AF), Side.BUY, 39_000, 1)
    await market.open_doors()
    page.complaints.clear()
