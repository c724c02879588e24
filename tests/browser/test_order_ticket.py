"""How a trader places orders by the ticket and the ladder, in a browser, against the real exchange."""

import re
from decimal import Decimal

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from exchange.symbols import NANO_PER_S
from exchange.units import fee_nano, format_ticks, tick_value_nano
from exchange.venue.schema import Tier
from tests.browser.conftest import TAKER, Market, NewContext, open_page
from tests.browser.finding import find
from tests.browser.trading import (
    answer,
    leave_cash,
    marks,
    open_desk,
    own_marks,
    own_rows,
    place,
    sign_in,
    write_ticket,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"width": 390, "height": 844}
NOTE_WHAT_IS_SAID = """() => {
    window.said = [];
    const line = document.querySelector("#ticket-say");
    const note = () => window.said.push(line.textContent);
    new MutationObserver(note).observe(line, {childList: true, characterData: true, subtree: true});
}"""
"""What the ticket says for a moment alone is over before somebody looks."""


def quoted(market: Market) -> str:
    """The window with many levels."""
    return market.symbol("eu-fra", Tier.EF)


async def test_a_person_signs_in_finds_a_window_previews_places_sees_and_cancels_an_order(
    new_context: NewContext, market: Market
) -> None:
    page = await open_page(await new_context(), market)
    await find(page, market.symbol("us-iad", Tier.AF))
    await expect(page.locator("#own-table")).to_contain_text("Sign in to see your orders")
    await sign_in(page, market)
    await write_ticket(page, "Buy", 20, "0.0390")
    preview = page.locator("#preview")
    await expect(preview).to_contain_text("Value0.7800 USD")
    await expect(preview).to_contain_text("Rests20 Mbps at 0.03900")
    await expect(preview).to_contain_text(re.compile(r"Requirement0\.00 → 0\.9\d+ USD"))
    await expect(preview).to_contain_text("Checkwould be accepted")
    await page.get_by_role("button", name="Buy 20 Mbps at 0.03900").click()
    await page.get_by_role("button", name="Place the order").click()
    await expect(answer(page)).to_have_text("20 Mbps working at 0.03900.")
    await expect(own_rows(page)).to_have_count(1)
    await expect(own_rows(page).first).to_contain_text("0.03900")
    await expect(own_marks(page)).to_have_text(marks(20))
    await expect(page.locator("#margin-required")).to_have_text(re.compile(r"^0\.9\d+$"))
    await own_marks(page).click()
    await expect(page.locator("#own-table")).to_contain_text("No order of yours is working here.")
    await expect(own_marks(page)).to_have_count(0)
    assert market.exchange.view.open_orders(TAKER) == []


async def test_a_click_on_a_price_fills_the_ticket_with_what_would_trade_there(
    new_context: NewContext, market: Market
) -> None:
    page = await open_desk(new_context, market, quoted(market))
    price = page.locator("#ticket input[name=price]")
    await page.get_by_role("button", name="buy at 0.04010").click()
    await expect(price).to_have_value("0.04010")
    await expect(page.get_by_role("radio", name="Buy")).to_be_checked()
    await page.get_by_role("button", name="sell at 0.03990").click()
    await expect(price).to_have_value("0.03990")
    await expect(page.get_by_role("radio", name="Sell")).to_be_checked()
    await page.get_by_role("textbox", name="Quantity").fill("15")
    await expect(page.locator("#preview")).to_contain_text("Trades at once15 Mbps at 0.039933 on average")
    await page.keyboard.press("Enter")
    await expect(answer(page)).to_have_text("Sold 15 Mbps at 0.039933333.")


async def test_too_little_margin_is_refused_by_name_and_the_largest_quantity_is_one_click_away(
    new_context: NewContext, market: Market
) -> None:
    await leave_cash(market, TAKER, NANO_PER_S)
    page = await open_desk(new_context, market, quoted(market))
    await write_ticket(page, "Buy", 100, "0.0395")
    await expect(page.locator("#preview")).to_contain_text("would be refused: insufficient margin")
    await page.locator("#ticket-submit").click()
    await expect(answer(page)).to_contain_text("(insufficient_margin)")
    choice = page.locator("#ticket-choices button")
    await expect(choice).to_have_text(re.compile(r"^Take \d+ Mbps instead$"))
    largest = int((await choice.inner_text()).split()[1])
    await choice.click()
    await expect(page.get_by_role("textbox", name="Quantity")).to_have_value(str(largest))
    await page.locator("#ticket-submit").click()
    await expect(answer(page)).to_have_text(f"{largest} Mbps working at 0.03950.")


@pytest.mark.parametrize(
    ("price", "code"),
    [("0.040033", "price_off_tick"), ("0.9", "price_outside_band")],
)
async def test_a_refusal_stands_beside_the_field_that_it_is_about(
    new_context: NewContext, market: Market, price: str, code: str
) -> None:
    page = await open_desk(new_context, market, quoted(market))
    await place(page, "Buy", 5, price)
    await expect(page.locator("#ticket-price-error")).to_contain_text(f"({code})")
    await expect(answer(page)).to_have_text("Refused.")
    await page.locator("#ticket input[name=price]").fill("0.0399")
    await expect(page.locator("#ticket-price-error")).to_be_empty()


async def test_what_is_no_number_is_not_sent(new_context: NewContext, market: Market) -> None:
    page = await open_desk(new_context, market, quoted(market))
    await place(page, "Buy", "a few", "1e-2")
    await expect(page.locator("#ticket-price-error")).to_contain_text("such as 0.0405")
    await expect(page.locator("#ticket-lots-error")).to_contain_text("a whole number of Mbps")
    await expect(answer(page)).to_be_empty()
    assert market.exchange.view.open_orders(TAKER) == []


async def test_what_nobody_offers_here_is_offered_in_another_window(new_context: NewContext, market: Market) -> None:
    empty = market.symbol("eu-fra", Tier.AF)
    page = await open_desk(new_context, market, empty)
    await place(page, "Buy", 5, "0.0405", "ioc")
    await page.get_by_role("button", name="Place the order").click()
    await expect(answer(page)).to_have_text("The order came to nothing: immediate remainder.")
    await page.locator("#ticket-choices button").first.click()
    await expect(page.locator("#detail-symbol")).to_have_text(quoted(market))
    await expect(page.locator("#ticket input[name=price]")).to_have_value("0.04005")
    await page.locator("#ticket-submit").click()
    await expect(answer(page)).to_have_text("Bought 5 Mbps at 0.04005.")


async def test_much_of_the_book_is_asked_about_before_it_is_sent(new_context: NewContext, market: Market) -> None:
    page = await open_desk(new_context, market, quoted(market))
    await place(page, "Buy", 500, "0.0395")
    question = page.get_by_role("dialog")
    await expect(question).to_contain_text("Buy 500 Mbps at 0.03950?")
    await expect(question).to_contain_text("That is 32 % of the 1,560 Mbps in the whole book")
    await page.keyboard.press("Escape")
    await expect(question).to_be_hidden()
    await expect(page.locator("#detail")).to_be_visible()
    assert market.exchange.view.open_orders(TAKER) == []
    await page.locator("#ticket-submit").click()
    await page.keyboard.press("Enter")
    await expect(answer(page)).to_have_text("500 Mbps working at 0.03950.")


async def test_an_order_whose_answer_is_lost_is_found_and_never_placed_twice(
    new_context: NewContext, market: Market
) -> None:
    page = await _open_with_cuts(new_context, market, is_delivered=True)
    await page.evaluate(NOTE_WHAT_IS_SAID)
    await place(page, "Buy", 5, "0.0395")
    await expect(answer(page)).to_have_text("5 Mbps working at 0.03950.")
    said = await page.evaluate("window.said")
    assert any("Asking the exchange what became of the order" in each for each in said), said
    await expect(own_rows(page)).to_have_count(1)
    assert len(market.exchange.view.open_orders(TAKER)) == 1


async def test_an_order_that_never_arrived_is_told_and_can_be_sent_again(
    new_context: NewContext, market: Market, expected_complaints: list[str]
) -> None:
    expected_complaints.append("404 (Not Found)")  # a browser tells of each order that the exchange does not have
    page = await _open_with_cuts(new_context, market, is_delivered=False)
    await place(page, "Buy", 5, "0.0395")
    await expect(answer(page)).to_contain_text("nothing was placed")
    assert market.exchange.view.open_orders(TAKER) == []
    await page.get_by_role("button", name="Send it again").click()
    await expect(answer(page)).to_have_text("5 Mbps working at 0.03950.")
    assert len(market.exchange.view.open_orders(TAKER)) == 1


async def test_worth_and_fees_are_reckoned_to_the_nano_as_the_exchange_does(
    new_context: NewContext, market: Market
) -> None:
    page = await open_page(await new_context(), market)
    cases = [
        (40_050, 7, 3_600, 123),
        (1, 1, 180, -999),
        (1_073_741_823, 1_000_000, 86_400, 20_000),
        (39_999, 3, 900, 1),
    ]
    reckon = """async cases => {
        const units = await import("/units.js");
        return cases.map(([ticks, lots, seconds, ppm]) => [
            units.notionalNano(ticks, lots, seconds), units.feeNano(ticks, lots, seconds, ppm), units.priceOf(ticks),
            units.ticksOf(units.priceOf(ticks))].map(String));
    }"""
    for (ticks, lots, seconds, ppm), told in zip(cases, await page.evaluate(reckon, cases), strict=True):
        value_nano = tick_value_nano(seconds)
        fee = fee_nano(ticks, lots, value_nano, ppm)
        assert told == [str(ticks * lots * value_nano), str(fee), format_ticks(ticks), str(ticks)]
    refused = await page.evaluate(
        'import("/units.js").then(u => ["1e3", "-1", "", "0.0000001", "1.", "x"].map(u.ticksOf))'
    )
    assert refused == [None, None, None, None, 1_000_000, None]
    shown = await page.evaluate('import("/units.js").then(u => u.usd(-1234567891234n))')
    assert Decimal(shown.replace(",", "").replace("\N{MINUS SIGN}", "-")) == Decimal("-1234.57")


async def test_a_phone_has_the_ticket_and_the_own_orders_on_the_sheet(new_context: NewContext, market: Market) -> None:
    page = await open_desk(new_context, market, quoted(market), viewport=PHONE, is_mobile=True, has_touch=True)
    await place(page, "Sell", 4, "0.0405")
    await expect(answer(page)).to_have_text("4 Mbps working at 0.04050.")
    await own_rows(page).first.scroll_into_view_if_needed()
    await expect(own_rows(page)).to_have_count(1)
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    await page.get_by_role("button", name="Cancel sell 4 Mbps").tap()
    await expect(own_rows(page)).to_have_count(0)


async def _open_with_cuts(new_context: NewContext, market: Market, *, is_delivered: bool) -> Page:
    """A desk whose connection breaks once, when an order is placed: on its way there, or on the way back."""
    context = await new_context()
    cuts: list[str] = []

    def forward(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        is_cut = False

        def to_page(message: str | bytes) -> None:
            if not is_cut:
                route.send(message)

        async def to_server(message: str | bytes) -> None:
            nonlocal is_cut
            if '"op":"place"' in str(message) and not cuts:
                cuts.append(str(message))
                is_cut = True
                if is_delivered:
                    server.send(message)
                    while not market.exchange.view.open_orders(TAKER):
                        await page.wait_for_timeout(20)
                await route.close(code=4000)
            else:
                server.send(message)

        route.on_message(to_server)
        server.on_message(to_page)

    await context.route_web_socket(re.compile("/v1/ws$"), forward)
    page = await open_page(context, market, f"#{quoted(market)}")
    await sign_in(page, market)
    return page
