"""The delivery board in a browser, against the real exchange: what a visitor, a buyer and risk staff see there."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from exchange.venue.clearing.delivery_schema import SlotOutcome
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from exchange.view import AllocationView, CorrectionView, Reputation, TrancheView
from gateway.identity.keys import NO_ACCOUNT
from matching.schema import Side
from tests.browser.conftest import MAKER, TAKER, Market, NewContext
from tests.browser.test_market_page import PHONE

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTHING = "\N{EN DASH}"
SLOT_S, LOTS = 900, 10
PAID_NANO, REFUNDED_NANO, REPLACEMENT_NANO, FEE_NANO = 1_500_000_000, 20_000_000, 30_000_000, 4_000_000
HEADINGS = {
    "windows": [
        "Window",
        "State",
        "Slots",
        "Came",
        "Sold",
        "Paid",
        "Refunded",
        "Buyers",
        "Fund",
        "Corrected",
        "Disputed",
    ],
    "own": ["Allocation", "Window", "As", "With", "State", "Slots", "Sold", "Delivered", "Paid"],
}
KINDS = ("came", "short", "silent", "coming")


async def open_board(new_context: NewContext, market: Market, **options: Any) -> Page:
    page = await (await new_context(**options)).new_page()
    await page.goto(f"{market.url}deliveries")
    return page


async def sign_in(page: Page, market: Market, account_id: int, *roles: str) -> None:
    """Go through the dialog with a new key."""
    key = market.keys.create(account_id, roles)
    await page.locator("#sign-in").click()
    await page.get_by_label("Key id").fill(key.key_id)
    await page.get_by_label("Secret", exact=True).fill(key.secret)
    await page.get_by_role("dialog").get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.locator("#account-chip")).to_be_visible()


def begin_delivery(
    market: Market,
    came_lots: Sequence[int | None] = (),
    tier: Tier = Tier.EF,
    state: LifeState = LifeState.DELIVERING,
) -> TrancheView:
    """The taker bought a window of four slots of the maker; `came_lots` of each that is settled, None if unmeasured."""
    tranche = market.tranche(market.symbol("eu-fra", tier))
    tranche.state, tranche.slot_s, tranche.grace_s, tranche.final_ticks = state, SLOT_S, 60, 40_000
    number = tranche.instrument_id
    terms = (number, number, tranche.symbol, TAKER, MAKER, LOTS, 40_000, 0, 0, 1)
    sold = AllocationView(*terms, state=int(AllocationState.DELIVERING))
    for lots in came_lots:
        sold.outcomes.append(int(SlotOutcome.SILENT if lots is None else SlotOutcome.MEASURED))
        sold.delivered_lots.append(lots or 0)
        sold.delivered += lots or 0
        sold.paid_nano += PAID_NANO
        if lots is not None and lots < LOTS:
            sold.refunded_nano += REFUNDED_NANO
            sold.replacement_nano += REPLACEMENT_NANO
            sold.shortfall_fee_nano += FEE_NANO
    market.exchange.view.deliveries.add(sold)
    return tranche


def rows(page: Page, place: str) -> Locator:
    return page.locator(f"#{place} tbody tr")


def cell(page: Page, place: str, row: int, heading: str) -> Locator:
    """A cell by what its column is about."""
    return rows(page, place).nth(row).locator("td").nth(HEADINGS[place].index(heading))


def total(page: Page, name: str) -> Locator:
    return page.locator("#totals div", has_text=name).locator("dd")


async def heights(page: Page) -> dict[str, list[float]]:
    """How high the bars of the first window are, by what they stand for; what did not come covers what was sold."""
    strip = rows(page, "windows").first.locator(".slots")
    read = "parts => parts.map(part => Math.round(10 * part.getAttribute('height')) / 10)"
    return {kind: await strip.locator(f".{kind}").evaluate_all(read) for kind in KINDS}


async def test_before_anything_is_delivered_each_part_says_so(new_context: NewContext, market: Market) -> None:
    page = await open_board(new_context, market)
    await expect(page.locator("#link-text")).to_contain_text("Live")
    await expect(page.locator(".places a[aria-current]")).to_have_text("Deliveries")
    await expect(page.locator("#windows")).to_contain_text("Nothing was delivered yet")
    await expect(page.locator("#providers")).to_contain_text("Nothing is known of any provider yet")
    await expect(page.locator("#disputes")).to_contain_text("Nothing is disputed")
    await expect(page.locator("#own")).to_contain_text("Sign in to see what you bought or provide")
    await expect(total(page, "Paid")).to_have_text("0.00")


async def test_a_visitor_sees_what_came_by_slot_and_what_was_paid_and_no_buyer(
    new_context: NewContext, market: Market
) -> None:
    begin_delivery(market, (LOTS, 6, None))
    begin_delivery(market, tier=Tier.AF, state=LifeState.GATE_CLOSED)
    market.exchange.view.deliveries.reputations[MAKER] = Reputation(9_000_000, 1_000_000, 1_250_000)
    page = await open_board(new_context, market)
    await expect(rows(page, "windows")).to_have_count(2)
    await expect(rows(page, "windows").locator(".stage")).to_have_text(["delivering", "sold"])
    assert await heights(page) == {
        "came": [24, 14.4, 0, 0],
        "short": [0, 9.6, 0, 0],
        "silent": [24] * 3,
        "coming": [24],
    }
    spoken = re.compile(r"3 of 4 slots are settled; Slot 1, \d\d:15.\d\d:30 UTC: 6 of 10 Mbps came")
    await expect(rows(page, "windows").first.locator("svg")).to_have_attribute("aria-label", spoken)
    await expect(cell(page, "windows", 0, "Came")).to_have_text("80.0 %")
    await expect(cell(page, "windows", 0, "Paid")).to_have_text("4.50")
    await expect(cell(page, "windows", 0, "Fund")).to_have_text("0.0040")
    await expect(cell(page, "windows", 1, "Came")).to_have_text(NOTHING)
    await expect(total(page, "In delivery")).to_have_text("1")
    await expect(total(page, "Penalties to buyers")).to_have_text("0.0300")
    await expect(rows(page, "providers")).to_contain_text(re.compile(r"maker90\.0 %9\.001\.00. 1\.25"))
    assert "taker" not in await page.locator("#deliveries-board").inner_text()
    await page.get_by_role("button", name="Short 1").click()
    await expect(rows(page, "windows")).to_have_count(1)


async def test_a_buyer_sees_the_own_slots_and_is_told_why_a_dispute_is_refused(
    new_context: NewContext, market: Market, expected_complaints: list[str]
) -> None:
    expected_complaints.append("404 (Not Found)")
    tranche = begin_delivery(market, (LOTS, 6))
    page = await open_board(new_context, market)
    await sign_in(page, market, TAKER, "trader")
    await expect(rows(page, "own")).to_have_count(1)
    await expect(cell(page, "own", 0, "As")).to_have_text("buyer")
    await expect(cell(page, "own", 0, "With")).to_have_text("maker")
    await expect(cell(page, "own", 0, "Delivered")).to_have_text("16")
    await expect(rows(page, "own").locator(".slots g")).to_have_count(2)
    await page.get_by_role("button", name=f"Dispute allocation {tranche.instrument_id}").click()
    await page.locator("#confirm-yes").click()
    await expect(page.locator("#own-say")).to_contain_text("allocation")
    await page.locator("#sign-out").click()
    await expect(page.locator("#own")).to_contain_text("Sign in to see")


async def test_risk_staff_see_whose_disputes_are_open_and_what_was_corrected(
    new_context: NewContext, market: Market
) -> None:
    tranche = begin_delivery(market, (6,))
    deliveries = market.exchange.view.deliveries
    deliveries.by_id[tranche.instrument_id].is_disputed = True
    deliveries.totals[tranche.instrument_id].disputed = 1
    corrected = (tranche.instrument_id, 0, 2, 5_000_000, "meter was away")
    deliveries.corrections.append(CorrectionView(1, market.exchange.view.time_ns, *corrected))
    page = await open_board(new_context, market)
    await expect(rows(page, "disputes")).to_contain_text("eu-fra EF")
    await expect(page.locator("#corrections-card")).to_be_hidden()
    await sign_in(page, market, NO_ACCOUNT, "risk")
    await expect(rows(page, "disputes")).to_contain_text("takermaker")
    await expect(rows(page, "corrections")).to_contain_text("meter was away")
    await expect(page.locator("#chosen")).to_contain_text("Choose a window")
    await rows(page, "windows").first.press("Enter")
    await expect(rows(page, "chosen")).to_contain_text("takermakerdelivering")
    await page.get_by_role("button", name=f"Correct allocation {tranche.instrument_id}").first.click()
    await expect(page.locator("#action-allocation")).to_have_value(str(tranche.instrument_id))


async def test_the_board_goes_on_by_itself_after_the_exchange_was_away(
    new_context: NewContext, market: Market, expected_complaints: list[str]
) -> None:
    expected_complaints.append("Failed to load resource")
    begin_delivery(market, (LOTS,))
    page = await open_board(new_context, market)
    await expect(cell(page, "windows", 0, "Came")).to_have_text("100.0 %")
    await market.close_doors()
    await expect(page.locator("#link-text")).to_have_text("Disconnected")
    await expect(page.locator("#notice")).to_contain_text("The exchange cannot be reached")
    await expect(rows(page, "windows")).to_have_count(1)
    begin_delivery(market, (5,), Tier.AF)
    await market.rest(market.symbol("us-iad", Tier.AF), Side.BUY, 39_000, 1)
    await market.open_doors()
    await expect(page.locator("#link-text")).to_contain_text("Live")
    await expect(rows(page, "windows")).to_have_count(2)


@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 800}, {"width": 1920, "height": 1080}])
async def test_the_board_never_scrolls_sideways_as_a_whole(
    new_context: NewContext, market: Market, viewport: Any
) -> None:
    begin_delivery(market, (LOTS, 6, None))
    page = await open_board(new_context, market, viewport=viewport)
    await expect(rows(page, "windows")).to_have_count(1)
    assert await page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    widths = await page.locator("#deliveries-board").evaluate("board => [board.scrollWidth, board.clientWidth]")
    assert widths[0] == widths[1]
