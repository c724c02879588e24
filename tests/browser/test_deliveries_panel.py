"""What a visitor sees of deliveries, in a browser, against the real exchange."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from exchange.venue.clearing.delivery_schema import SlotOutcome
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from exchange.view import AllocationView, TrancheView
from matching.schema import Side
from tests.browser.conftest import MAKER, TAKER, Market, NewContext, open_page
from tests.browser.test_market_page import PHONE

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTHING = "\N{EN DASH}"
SLOT_S, LOTS = 900, 10
PAID_NANO, REFUNDED_NANO, REPLACEMENT_NANO = 123_456_789, 20_000_000, 30_019_999


def rows(page: Page) -> Locator:
    return page.locator("#deliveries tbody tr")


def cells(page: Page, row: int) -> Locator:
    return rows(page).nth(row).locator("td")


def begin_delivery(market: Market, tier: Tier = Tier.EF, state: LifeState = LifeState.DELIVERING) -> TrancheView:
    """A window of four slots, as readers see it once its gate has closed."""
    tranche = market.tranche(market.symbol("eu-fra", tier))
    tranche.state, tranche.slot_s, tranche.final_ticks = state, SLOT_S, 40_000
    described = (tranche.instrument_id, tranche.symbol, TAKER, MAKER, LOTS, 40_000, 0, 0, 1)
    added = AllocationView(tranche.instrument_id, *described, state=int(AllocationState.DELIVERING))
    market.exchange.view.deliveries.add(added)
    return tranche


def settle_slot(market: Market, tranche: TrancheView, delivered_lots: int) -> None:
    """A slot is over, and so much of it came."""
    totals = market.exchange.view.deliveries.totals[tranche.instrument_id]
    outcomes = market.exchange.view.deliveries.by_id[tranche.instrument_id].outcomes
    outcomes.append(int(SlotOutcome.MEASURED))
    market.exchange.view.deliveries.by_id[tranche.instrument_id].delivered_lots.append(delivered_lots)
    totals.settle_slot(len(outcomes) - 1, LOTS, SlotOutcome.MEASURED, delivered_lots)
    totals.delivered += delivered_lots
    totals.paid_nano += PAID_NANO
    if delivered_lots < LOTS:
        totals.refunded_nano += REFUNDED_NANO
        totals.replacement_nano += REPLACEMENT_NANO


async def test_a_market_that_delivers_nothing_has_no_panel(page: Page) -> None:
    await expect(page.locator("#link-text")).to_contain_text("Live")
    await expect(page.locator("#deliveries-panel")).to_be_hidden()


async def test_before_the_first_delivery_the_panel_names_the_next_gate(new_context: NewContext, market: Market) -> None:
    tranche = market.tranche(market.symbol("eu-fra", Tier.EF))
    tranche.slot_s = SLOT_S
    page = await open_page(await new_context(), market)
    gate = re.compile(r"Nothing was delivered yet\. The next gate closes at \d\d:55:00 UTC\.")
    await expect(page.locator("#deliveries")).to_contain_text(gate)
    assert page.complaints == []


async def test_a_window_goes_from_its_gate_to_its_settlement_before_the_visitors_eyes(
    page: Page, market: Market
) -> None:
    tranche = begin_delivery(market, state=LifeState.GATE_CLOSED)
    await expect(rows(page)).to_have_count(1)
    await expect(rows(page).locator("th")).to_have_text(re.compile(rf"eu-fra\s+EF\s+\d\d:00{NOTHING}\d\d:00"))
    await expect(cells(page, 0).nth(0)).to_have_text("sold")
    await expect(cells(page, 0).nth(1)).to_have_text(str(LOTS))
    await expect(cells(page, 0).nth(2)).to_contain_text(NOTHING)
    await expect(cells(page, 0).nth(3)).to_have_text(NOTHING)
    tranche.state = LifeState.DELIVERING
    settle_slot(market, tranche, LOTS)
    await expect(cells(page, 0).nth(0)).to_have_text("delivering")
    await expect(cells(page, 0).nth(2)).to_contain_text("100.0 %")
    await expect(cells(page, 0).nth(3)).to_have_text("0.1234")
    await expect(cells(page, 0).nth(4)).to_have_text(NOTHING)
    settle_slot(market, tranche, 6)
    await expect(cells(page, 0).nth(2)).to_contain_text("80.0 %")
    await expect(cells(page, 0).nth(2)).to_contain_text("2 of 4 slots are settled")
    await expect(cells(page, 0).nth(4)).to_have_text("0.0200")
    await expect(cells(page, 0).nth(5)).to_have_attribute("title", "0.030019999 USD")
    await expect(page.locator("#deliveries-sum")).to_contain_text("80.0 % of what was bought came")
    tranche.state = LifeState.SETTLED
    await expect(cells(page, 0).nth(0)).to_have_text("settled")


async def test_the_bar_is_as_long_as_what_is_settled_and_as_green_as_what_came(page: Page, market: Market) -> None:
    tranche = begin_delivery(market)
    settle_slot(market, tranche, LOTS)
    settle_slot(market, tranche, 0)
    await expect(cells(page, 0).nth(2)).to_contain_text("50.0 %")
    widths = (
        await rows(page)
        .locator(".share")
        .evaluate("bar => [bar, ...bar.children].map(part => part.getBoundingClientRect().width)")
    )
    assert widths[1] == pytest.approx(widths[0] / 4, abs=0.5)
    assert widths[2] == pytest.approx(widths[0] / 4, abs=0.5)


async def test_the_latest_window_comes_first(page: Page, market: Market) -> None:
    begin_delivery(market, Tier.AF)
    begin_delivery(market, Tier.BE)
    await expect(rows(page).locator(".tier")).to_have_text(["BE", "AF"])


async def test_the_panel_leaves_the_board_and_the_book_in_their_places(page: Page, market: Market) -> None:
    begin_delivery(market)
    await expect(rows(page)).to_have_count(1)
    boxes = [await page.locator(place).bounding_box() for place in (".board", "#deliveries-panel", "#detail")]
    board, panel, detail = boxes
    assert None not in boxes
    assert panel["y"] >= board["y"] + board["height"] - 1
    assert panel["width"] == pytest.approx(board["width"], abs=1)
    assert detail["y"] == pytest.approx(board["y"], abs=1)
    assert detail["y"] + detail["height"] == pytest.approx(panel["y"] + panel["height"], abs=1)
    assert await page.evaluate("document.documentElement.scrollHeight") <= 800


async def test_a_phone_shows_the_panel_below_the_board_without_scrolling_sideways(
    new_context: NewContext, market: Market
) -> None:
    settle_slot(market, begin_delivery(market), 9)
    page = await open_page(await new_context(viewport=PHONE, is_mobile=True, has_touch=True), market)
    await expect(rows(page)).to_have_count(1)
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    widths = await page.locator("#deliveries").evaluate("place => [place.scrollWidth, place.clientWidth]")
    assert widths[0] == widths[1]
    assert page.complaints == []


async def test_an_exchange_that_is_away_leaves_what_was_read(page: Page, market: Market) -> None:
    begin_delivery(market)
    await expect(rows(page)).to_have_count(1)
    await market.close_doors()
    await expect(page.locator("#link-text")).to_have_text("Disconnected")
    await expect(rows(page)).to_have_count(1)
    await market.rest(market.symbol("us-iad", Tier.AF), Side.BUY, 39_000, 1)
    await market.open_doors()
    page.complaints.clear()
