"""How a trader says more of an order than side, price and quantity, in a browser, against the real exchange."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from exchange import commands
from exchange.symbols import NANO_PER_S
from exchange.venue.schema import Tier
from matching.schema import OrderFlag, Side, TimeInForce
from tests.browser.conftest import TAKER, Market, NewContext
from tests.browser.trading import answer, open_desk, own_rows, write_ticket

pytestmark = pytest.mark.asyncio(loop_scope="session")

MINUTE = "%Y-%m-%dT%H:%M"


@pytest.fixture
def symbol(market: Market) -> str:
    """The window with many levels."""
    return market.symbol("eu-fra", Tier.EF)


async def unfold(page: Page) -> None:
    """Show the terms that most orders do without."""
    await page.locator("#ticket summary").click()
    await expect(page.get_by_label("Post only")).to_be_visible()


async def open_terms(
    new_context: NewContext, market: Market, symbol: str, side: str, lots: int, price: str, kind: str = "gtc"
) -> Page:
    """A desk with a ticket that is written but for its terms, which stand open."""
    page = await open_desk(new_context, market, symbol)
    await write_ticket(page, side, lots, price, kind)
    await unfold(page)
    return page


async def send(page: Page) -> None:
    """Press the ticket's button."""
    await page.locator("#ticket-submit").click()


async def test_an_order_until_a_time_ends_then_at_the_gate_or_when_one_says(
    new_context: NewContext, market: Market, symbol: str
) -> None:
    page = await open_desk(new_context, market, symbol)
    expires = page.get_by_label("Expires, UTC")
    await expect(expires).to_be_hidden()
    await write_ticket(page, "Buy", 4, "0.0395", "gtd")
    gate = datetime.fromtimestamp(market.tranche(symbol).gate_ns / NANO_PER_S, UTC)
    in_an_hour = min(datetime.now(UTC) + timedelta(hours=1), gate)
    prefilled = datetime.strptime(await expires.input_value(), MINUTE).replace(tzinfo=UTC)
    assert timedelta(0) <= prefilled - in_an_hour <= timedelta(minutes=2)
    await page.get_by_role("button", name="at gate closure").click()
    await expect(expires).to_have_value(gate.strftime(MINUTE))
    await expect(page.locator("#preview")).to_contain_text(f"Until{gate:%a} {gate.day} {gate:%b %H:%M} UTC")
    await send(page)
    await expect(answer(page)).to_have_text("4 Mbps working at 0.03950.")
    await expect(own_rows(page).locator(".terms")).to_have_text(f"until {gate:%H:%M}")
    (order,) = market.exchange.view.open_orders(TAKER)
    assert order.time_in_force == TimeInForce.GTD
    await page.reload()
    await expect(own_rows(page).locator(".terms")).to_have_text(f"until {gate:%H:%M}")


async def test_an_expiry_that_is_past_or_none_is_told_beside_its_field(
    new_context: NewContext, market: Market, symbol: str
) -> None:
    page = await open_desk(new_context, market, symbol)
    await write_ticket(page, "Buy", 4, "0.0395", "gtd")
    expires = page.get_by_label("Expires, UTC")
    await expires.fill("2026-01-01T00:00")
    await send(page)
    await expect(page.locator("#ticket-expires-error")).to_contain_text("(already_expired)")
    await expect(expires).to_be_focused()
    await expires.fill("")
    await send(page)
    await expect(page.locator("#ticket-expires-error")).to_have_text("a date and time, UTC")
    assert market.exchange.view.open_orders(TAKER) == []


async def test_a_post_only_order_that_would_trade_is_refused_or_slides_as_one_says(
    new_context: NewContext, market: Market, symbol: str
) -> None:
    page = await open_terms(new_context, market, symbol, "Buy", 6, "0.0402")
    await page.get_by_label("Post only").select_option("reject")
    await expect(page.locator("#preview")).to_contain_text("Checkwould be refused: post only would trade")
    await send(page)
    await expect(page.locator("#ticket-post_only-error")).to_contain_text("(post_only_would_trade)")
    await page.get_by_label("Post only").select_option("slide")
    await expect(page.locator("#ticket-post_only-error")).to_be_empty()
    await expect(page.locator("#preview")).to_contain_text("Rests6 Mbps at 0.04000")
    await expect(page.locator("#preview")).to_contain_text("Checkwould be accepted")
    await send(page)
    await expect(answer(page)).to_have_text("6 Mbps working at 0.04000.")
    await expect(own_rows(page).locator(".terms")).to_have_text("GTC · post only, slides")


async def test_an_iceberg_shows_a_part_and_the_own_orders_tell_so(
    new_context: NewContext, market: Market, symbol: str
) -> None:
    page = await open_terms(new_context, market, symbol, "Sell", 90, "0.0400")
    await page.get_by_label("Show at a time").fill("10")
    await expect(page.locator("#preview")).to_contain_text("Rests90 Mbps at 0.04000, 10 shown at a time")
    await send(page)
    await expect(answer(page)).to_have_text("90 Mbps working at 0.04000.")
    await expect(own_rows(page).locator(".terms")).to_have_text("GTC · iceberg 10")
    assert market.tranche(symbol).book.asks[40_000] == 10


async def test_an_order_that_finds_less_than_its_minimum_comes_to_nothing_and_one_that_finds_it_rests(
    new_context: NewContext, market: Market, symbol: str
) -> None:
    page = await open_terms(new_context, market, symbol, "Buy", 40, "0.0401")
    await page.get_by_label("At least at once").fill("35")
    await expect(page.locator("#preview")).to_contain_text("Checkwould come to nothing: too few to trade with")
    await send(page)
    await expect(answer(page)).to_have_text("The order came to nothing: not fillable.")
    await page.get_by_label("At least at once").fill("30")
    await expect(page.locator("#preview")).to_contain_text("Trades at once30 Mbps at ")
    await send(page)
    await expect(answer(page)).to_have_text("Bought 30 Mbps at 0.040083333. 10 Mbps working at 0.04010.")
    await expect(own_rows(page).locator(".terms")).to_have_text("GTC · min 30")


async def test_a_reduce_only_order_never_takes_more_than_is_held(
    new_context: NewContext, market: Market, symbol: str
) -> None:
    page = await open_terms(new_context, market, symbol, "Sell", 8, "0.0402")
    await page.get_by_label("Reduce only").check()
    await expect(page.locator("#preview")).to_contain_text("would be refused: nothing held to reduce")
    await send(page)
    await expect(page.locator("#ticket-reduce_only-error")).to_contain_text("(reduce_only_without_position)")
    await market.take(symbol, Side.BUY, 40_050, 5)
    await expect(page.locator("#preview")).to_contain_text("Reduces by5 Mbps")
    await send(page)
    await expect(answer(page)).to_have_text("5 Mbps working at 0.04020.")
    await expect(own_rows(page).locator(".terms")).to_have_text("GTC · reduce only")


async def test_whether_one_trades_with_oneself_is_a_choice(
    new_context: NewContext, market: Market, symbol: str
) -> None:
    await market.submit(commands.place(TAKER, market.tranche(symbol).instrument_id, Side.SELL, 40_000, 3))
    page = await open_terms(new_context, market, symbol, "Buy", 7, "0.0400")
    await page.get_by_label("Self-trades").select_option("cancel_oldest")
    await send(page)
    await expect(answer(page)).to_have_text("7 Mbps working at 0.04000.")
    (left,) = market.exchange.view.open_orders(TAKER)
    assert (left.side, left.leaves_lots) == (Side.BUY, 7)


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("gtc", {"display": "50"}, "display"),
        ("ioc", {"display": "2"}, "display"),
        ("gtc", {"minimum": "50"}, "minimum"),
        ("fok", {"minimum": "2"}, "minimum"),
        ("ioc", {"post_only": "reject"}, "post_only"),
        ("gtc", {"post_only": "slide", "minimum": "2"}, "minimum"),
    ],
    ids=str,
)
async def test_terms_that_contradict_each_other_are_refused_beside_the_one_at_fault(
    new_context: NewContext, market: Market, symbol: str, kind: str, fields: dict[str, str], field: str
) -> None:
    page = await open_terms(new_context, market, symbol, "Buy", 9, "0.0395", kind)
    for name, value in fields.items():
        place = page.locator(f"#ticket [name={name}]")
        await (place.select_option(value) if name == "post_only" else place.fill(value))
    await page.locator("#ticket summary").click()
    await send(page)
    await expect(page.locator(f"#ticket-{field}-error")).to_contain_text("(invalid_order_terms)")
    await expect(page.locator(f"#ticket [name={field}]")).to_be_focused()
    await expect(page.locator(f"#ticket [name={field}]")).to_have_attribute("aria-invalid", "true")
    assert market.exchange.view.open_orders(TAKER) == []


async def test_what_most_orders_do_without_is_folded_away_and_reached_by_keys(
    new_context: NewContext, market: Market, symbol: str
) -> None:
    page = await open_desk(new_context, market, symbol)
    await write_ticket(page, "Sell", 9, "0.0405")
    await expect(page.get_by_label("Post only")).to_be_hidden()
    await page.get_by_role("textbox", name="Quantity").press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Post only")).to_be_visible()
    for key in ("Tab", "Tab", "Tab"):
        await page.keyboard.press(key)
    await page.keyboard.type("3")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await expect(page.get_by_label("Reduce only")).to_be_checked()
    await page.locator("#ticket summary").press("Enter")
    await expect(page.get_by_label("Post only")).to_be_hidden()
    await expect(page.locator("#ticket summary")).to_have_text(re.compile(r"^Advanced\s+shows 3, reduce only$"))
    await expect(answer(page)).to_be_empty()
    assert market.exchange.view.open_orders(TAKER) == []


async def test_no_quantity_is_guessed_from_what_is_no_number(
    new_context: NewContext, market: Market, symbol: str
) -> None:
    page = await open_terms(new_context, market, symbol, "Buy", 9, "0.0395")
    await page.get_by_label("Show at a time").fill("a few")
    await send(page)
    await expect(page.locator("#ticket-display-error")).to_have_text("a whole number of Mbps, or nothing")
    assert market.exchange.view.open_orders(TAKER) == []


async def test_an_iceberg_is_seen_in_full_by_its_owner_alone(
    new_context: NewContext, market: Market, symbol: str
) -> None:
    page = await open_desk(new_context, market, symbol)
    instrument_id = market.tranche(symbol).instrument_id
    group = commands.place(TAKER, instrument_id, Side.BUY, 39_900, 60, display_lots=20)
    await market.submit(group)
    await expect(own_rows(page).locator("td").nth(3)).to_have_text("60")
    await expect(own_rows(page).locator(".terms")).to_have_attribute("title", "GTC, iceberg: shows 20 Mbps at a time")
    (order,) = market.exchange.view.open_orders(TAKER)
    assert order.flags & OrderFlag.ICEBERG
