"""What a visitor sees of the market, in a browser, against the real exchange."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Locator, Page, expect

from exchange import commands
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from matching.schema import Side
from tests.browser.conftest import MAKER, Market, NewContext, open_page, tap_feed
from tests.browser.finding import find, focused

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTHING = "\N{EN DASH}"
PHONE = {"width": 390, "height": 844}
FIRST_CELL = {"x": 140, "y": 70}
RECONNECT_TIMEOUT_MS = 20_000

Message = dict[str, Any]


def ladder_row(page: Page, side: str, level: int) -> Locator:
    return page.locator(f"#ladder table.{side} tbody tr").nth(level).locator("td")


async def test_the_figures_are_those_of_the_status(page: Page, market: Market) -> None:
    view = market.exchange.view
    await expect(page.locator("#phase")).to_have_text("trading")
    await expect(page.locator("#resting-orders")).to_have_text(str(view.resting_orders))
    await expect(page.locator("#trades")).to_have_text("0")
    await expect(page.locator("#open-windows")).to_have_text(str(len(view.tranches)))
    await expect(page.locator("#link-text")).to_have_text(re.compile(r"^Live · \d+ ms$"))
    await expect(page.locator("#clock")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    await market.rest(market.symbol("us-iad", Tier.AF), Side.BUY, 39_000, 1)
    await expect(page.locator("#resting-orders")).to_have_text(str(view.resting_orders))


async def test_the_first_look_shows_a_window_with_two_sides(page: Page, market: Market) -> None:
    await expect(page.locator("#detail-symbol")).to_have_text(market.symbol("eu-fra", Tier.EF))


async def test_the_book_shows_ten_levels_best_first(page: Page) -> None:
    await expect(ladder_row(page, "bids", 0)).to_have_text(["10", "10", "0.03995"])
    await expect(ladder_row(page, "bids", 9)).to_have_text(["550", "100", "0.03950"])
    await expect(ladder_row(page, "asks", 0)).to_have_text(["0.04005", "10", "10"])
    await expect(ladder_row(page, "asks", 9)).to_have_text(["0.04050", "100", "550"])
    widths = await page.locator("#ladder table.bids rect").evaluate_all(
        "bars => bars.map(bar => +bar.getAttribute('width'))"
    )
    assert widths == sorted(widths)
    assert widths[-1] == 100


async def test_choosing_a_window_shows_its_book_and_its_address(page: Page, market: Market) -> None:
    symbol = market.symbol("us-iad", Tier.BE, number=1)
    await market.rest(symbol, Side.SELL, 41_000, 7)
    await find(page, symbol)
    await expect(ladder_row(page, "asks", 0)).to_have_text(["0.04100", "7", "7"])
    await expect(ladder_row(page, "bids", 0)).to_have_text(["", "", ""])
    assert urlsplit(page.url).fragment == symbol
    await page.reload()
    await expect(page.locator("#detail-symbol")).to_have_text(symbol)


async def test_an_order_joins_the_book_and_leaves_it_again(page: Page, market: Market) -> None:
    symbol = market.symbol("eu-fra", Tier.EF)
    await expect(ladder_row(page, "bids", 0)).to_have_text(["10", "10", "0.03995"])
    order_id = await market.rest(symbol, Side.BUY, 40_000, 3)
    await expect(ladder_row(page, "bids", 0)).to_have_text(["3", "3", "0.04000"])
    await expect(ladder_row(page, "bids", 1)).to_have_text(["13", "10", "0.03995"])
    await expect(focused(page)).to_have_attribute("aria-label", re.compile("bid 0.04000 for 3"))
    await market.submit(commands.cancel(MAKER, order_id=order_id))
    await expect(ladder_row(page, "bids", 0)).to_have_text(["10", "10", "0.03995"])
    await expect(focused(page)).to_have_attribute("aria-label", re.compile("bid 0.03995 for 10"))


async def test_a_trade_is_on_the_tape_and_becomes_the_last_price(page: Page, market: Market) -> None:
    symbol = market.symbol("eu-fra", Tier.EF)
    await expect(page.locator("#tape")).to_contain_text("No trade yet.")
    await market.take(symbol, Side.BUY, 40_100, 12)
    rows = page.locator("#tape tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0).locator(".price")).to_have_text("bought0.04010")
    await expect(rows.nth(1).locator(".price")).to_have_text("bought0.04005")
    await expect(rows.locator("td:last-child")).to_have_text(["2", "10"])
    await expect(page.locator("#fact-last")).to_have_text("0.04010")
    await expect(page.locator("#fact-traded")).to_have_text("12 Mbps")
    await expect(focused(page)).to_have_attribute("aria-label", re.compile("last 0.04010"))


async def test_the_tape_of_the_whole_market_names_the_windows(page: Page, market: Market) -> None:
    await market.take(market.symbol("eu-fra", Tier.EF), Side.SELL, 39_900, 4)
    other = market.symbol("eu-fra_us-iad", Tier.AF)
    await market.rest(other, Side.SELL, 41_000, 7)
    await page.get_by_role("button", name="Whole market").click()
    await market.take(other, Side.BUY, 41_000, 2)
    windows = page.locator("#tape tbody td.window")
    await expect(windows).to_have_text([re.compile("^eu-fra → us-iad AF "), re.compile("^eu-fra EF ")])


async def test_a_halt_is_told(page: Page, market: Market) -> None:
    await market.submit(commands.halt(market.tranche(market.symbol("eu-fra", Tier.EF)).instrument_id))
    await expect(focused(page)).to_have_attribute("aria-label", re.compile("halted$"))
    await expect(page.locator("#fact-state")).to_have_text("halted")
    await market.submit(commands.halt_market())
    await expect(page.locator("#notice")).to_contain_text("Trading is halted")
    await expect(page.locator("#phase")).to_have_text("halted")


async def test_a_lost_link_is_told_and_comes_back_with_what_was_missed(new_context: NewContext, market: Market) -> None:
    page = await open_page(await new_context(), market)
    symbol = market.symbol("eu-fra", Tier.EF)
    await expect(ladder_row(page, "bids", 0)).to_have_text(["10", "10", "0.03995"])
    await market.close_doors()
    await expect(page.locator("#link-text")).to_have_text("Disconnected")
    await expect(page.locator("#notice")).to_contain_text("The exchange cannot be reached")
    await page.get_by_role("button", name="Retry now").click()
    await market.rest(symbol, Side.BUY, 40_000, 3)
    await market.open_doors()
    await expect(page.locator("#link-text")).to_contain_text("Live", timeout=RECONNECT_TIMEOUT_MS)
    await expect(ladder_row(page, "bids", 0)).to_have_text(["3", "3", "0.04000"])
    await expect(page.locator("#notice")).to_be_hidden()


async def test_a_gap_in_the_book_is_mended_by_a_new_snapshot(new_context: NewContext, market: Market) -> None:
    context = await new_context()
    dropped: list[str] = []

    def drop_first_delta(message: Message) -> Message | None:
        if dropped or (message.get("channel"), message.get("type")) != ("book", "delta"):
            return message
        dropped.append(message["symbol"])
        return None

    await tap_feed(context, drop_first_delta)
    page = await open_page(context, market)
    await expect(ladder_row(page, "asks", 0)).to_have_text(["0.04005", "10", "10"])
    symbol = market.symbol("eu-fra", Tier.EF)
    await market.rest(symbol, Side.BUY, 40_000, 3)
    await market.rest(symbol, Side.BUY, 39_995, 1)
    await market.rest(symbol, Side.SELL, 40_050, 5)
    await expect(ladder_row(page, "asks", 0)).to_have_text(["0.04005", "15", "15"])
    await expect(ladder_row(page, "bids", 0)).to_have_text(["3", "3", "0.04000"])
    assert dropped == [symbol]


async def test_silence_is_told_as_stale(new_context: NewContext, market: Market) -> None:
    context = await new_context()
    silent = False
    await tap_feed(context, lambda message: None if silent else message)
    page = await context.new_page()
    await page.clock.install()
    await page.goto(market.url)
    await expect(ladder_row(page, "asks", 0)).to_have_text(["0.04005", "10", "10"])
    silent = True
    await page.clock.run_for(15_000)
    await expect(page.locator("#notice")).to_contain_text("The exchange has not been heard for a while.")
    await expect(page.locator("body")).to_have_attribute("data-link", "stale")


async def test_the_board_is_busy_until_the_market_comes(new_context: NewContext, market: Market) -> None:
    context = await new_context()
    await tap_feed(context, lambda message: None if message.get("channel") == "cells" else message)
    page = await open_page(context, market)
    await expect(page.locator("#link-text")).to_contain_text("Live")
    await expect(page.locator("#hint")).to_have_text("Loading the market")
    await expect(page.locator("#board")).to_have_attribute("aria-busy", "true")
    await expect(page.locator("#board [role=status]")).to_have_text("Loading the live market. As of now:")


async def test_a_market_without_windows_says_so_until_one_is_listed(new_context: NewContext, market: Market) -> None:
    context = await new_context()
    symbol = market.symbol("us-iad", Tier.BE)

    def empty_snapshot(message: Message) -> Message | None:
        is_snapshot = (message.get("channel"), message.get("type")) == ("cells", "snapshot")
        return message | {"cells": []} if is_snapshot else message

    await tap_feed(context, empty_snapshot)
    page = await open_page(context, market)
    await expect(page.locator("#board")).to_have_text("No window is open for trading now.")
    await market.rest(symbol, Side.BUY, 39_000, 2)
    await expect(page.locator("#detail-symbol")).to_have_text(symbol)
    await expect(ladder_row(page, "bids", 0)).to_have_text(["2", "2", "0.03900"])


async def test_a_window_that_closed_is_not_chosen_again_while_the_map_has_not_heard_of_it(
    new_context: NewContext, market: Market
) -> None:
    context = await new_context()
    symbol, other = market.symbol("eu-fra", Tier.EF), market.symbol("us-iad", Tier.BE)
    told: list[Message] = []

    def close_early(message: Message) -> Message:
        if message.get("channel") != "ticker" or message["tickers"][0]["symbol"] != symbol:
            return message
        told.append(message)
        return message | {"tickers": [message["tickers"][0] | {"state": "delivering"}]}

    await tap_feed(context, close_early)
    page = await open_page(context, market)
    await expect(page.locator("#detail-symbol")).to_have_text(symbol)
    await expect(page.locator("#fact-state")).to_have_text("closed")
    await page.wait_for_timeout(1_000)
    assert len(told) == 1
    market.tranche(symbol).state = LifeState.DELIVERING
    await market.rest(symbol, Side.BUY, 39_000, 2)
    await market.rest(other, Side.BUY, 39_000, 2)
    await market.rest(other, Side.SELL, 41_000, 2)
    await expect(page.locator("#detail-symbol")).not_to_have_text(symbol)
    await expect(page.locator("#fact-state")).to_have_text("open")
    assert page.complaints == []


async def test_a_window_whose_gate_closes_is_told_as_closed(new_context: NewContext, market: Market) -> None:
    context = await new_context()
    symbol = market.symbol("eu-fra", Tier.EF)

    def close_gates(message: Message) -> Message | None:
        if (message.get("channel"), message.get("type")) == ("ticker", "update"):
            return message | {"tickers": [message["tickers"][0] | {"state": "gate_closed"}]}
        return message

    await tap_feed(context, close_gates)
    page = await open_page(context, market, f"#{symbol}")
    await expect(page.locator("#fact-state")).to_have_text("open")
    await market.rest(symbol, Side.BUY, 39_000, 2)
    await expect(page.locator("#fact-state")).to_have_text("closed")


async def test_a_phone_shows_the_board_and_the_book_on_a_sheet(new_context: NewContext, market: Market) -> None:
    context = await new_context(viewport=PHONE, is_mobile=True, has_touch=True)
    page = await open_page(context, market)
    symbol = market.symbol("eu-fra", Tier.EF)
    await expect(page.locator("#detail")).to_be_hidden()
    await expect(focused(page)).to_have_attribute("data-symbol", symbol)
    await page.locator("#board canvas").tap(position=FIRST_CELL)
    await expect(ladder_row(page, "bids", 0)).to_have_text(["10", "10", "0.03995"])
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    await page.get_by_role("button", name="Close the window's book").tap()
    await expect(page.locator("#detail")).to_be_hidden()
    await expect(focused(page)).to_be_focused()
    assert page.complaints == []


@pytest.mark.parametrize(("scheme", "is_dark"), [("dark", True), ("light", False)])
async def test_the_page_follows_the_colours_of_the_system(
    new_context: NewContext, market: Market, scheme: str, is_dark: bool
) -> None:
    context = await new_context(color_scheme=scheme)
    page = await open_page(context, market)
    colour = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    channels = [int(channel) for channel in re.findall(r"\d+", colour)]
    assert (max(channels) < 64) is is_dark
    assert (min(channels) > 192) is not is_dark


async def test_nothing_comes_from_another_host_and_the_policy_is_strict(
    new_context: NewContext, market: Market
) -> None:
    context = await new_context()
    hosts: set[str] = set()
    context.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page = await open_page(context, market)
    await expect(ladder_row(page, "bids", 0)).to_have_text(["10", "10", "0.03995"])
    assert hosts == {urlsplit(market.url).netloc}
    response = await page.request.get(market.url)
    policy = response.headers["content-security-policy"]
    assert "unsafe-eval" not in policy.replace("'wasm-unsafe-eval'", "")
    for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"):
        assert part in policy
    assert page.complaints == []
