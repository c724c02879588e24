"""The risk desk in a browser, against the real exchange: what risk staff do there, as they do it."""

import asyncio
import csv
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from exchange import commands, staff_commands
from exchange.symbols import NANO_PER_S
from exchange.venue.schema import Tier
from gateway.identity.keys import NO_ACCOUNT
from matching.schema import Side
from tests.browser.conftest import MAKER, TAKER, Market, NewContext
from tests.browser.trading import open_desk

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOCKS_TICKS = [0, *[1_000, -1_000] * 7, 500]
LOTS = 10
PATIENCE_S = 30.0
PATIENCE_MS = PATIENCE_S * 1_000


class Desk:
    """The page of somebody in risk, and which hosts it asked for something."""

    def __init__(self, page: Page, market: Market) -> None:
        self.page = page
        self.market = market
        self.hosts: set[str] = set()
        page.on("request", lambda request: self._note(urlsplit(request.url)))

    def _note(self, url: SplitResult) -> None:
        """What the page makes itself, and workers load from it, is asked of nobody."""
        if url.scheme not in ("blob", "data"):
            self.hosts.add(url.netloc)

    async def sign_in(self, *roles: str, account_id: int = NO_ACCOUNT) -> None:
        """Open the page, and sign in there."""
        await self.page.goto(f"{self.market.url}risk")
        key = self.market.keys.create(account_id, roles)
        await self.page.locator("#enter").click()
        await self.page.get_by_label("Key id").fill(key.key_id)
        await self.page.get_by_label("Secret", exact=True).fill(key.secret)
        await self.page.locator("dialog").get_by_role("button", name="Sign in", exact=True).click()

    async def ready(self) -> None:
        """Wait for the grid."""
        await expect(self.page.locator("#desk")).to_be_visible(timeout=PATIENCE_MS)
        await expect(self.page.locator("#cover")).to_be_hidden(timeout=PATIENCE_MS)

    async def column(self, name: str) -> list[Any]:
        """What the grid shows in a column, from top to bottom."""
        return await self.page.evaluate(
            """async (name) => {
                const view = await document.getElementById("grid").getView();
                return (await view.to_columns())[name];
            }""",
            name,
        )

    async def shows(self, name: str, expected: list[Any]) -> None:
        """Wait until the grid shows this in a column."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := await self.column(name)) != expected:
            assert time.monotonic() < deadline, f"{name}: {found}, not {expected}"
            await asyncio.sleep(0.1)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(new_context: NewContext, market: Market) -> AsyncIterator[Desk]:
    """Nothing is complained of in any test, and no other host is asked for anything."""
    page = await (await new_context(accept_downloads=True)).new_page()
    opened = Desk(page, market)
    yield opened
    assert opened.hosts == {urlsplit(market.url).netloc}


async def fall(market: Market, mark_ticks: int) -> None:
    """The taker, who is long with leverage, comes near to the end of his money."""
    symbol = market.symbol("eu-fra", Tier.EF)
    instrument_id = market.tranche(symbol).instrument_id
    terms = {"shocks_ticks": SHOCKS_TICKS, "spread_ticks": 100}
    if not market.exchange.view.positions(TAKER):
        await market.submit(commands.set_parameters(instrument_id, mark_ticks=40_000, **terms))
        await market.take(symbol, Side.BUY, 40_050, LOTS)
        free_nano = market.exchange.view.balances(TAKER).withdrawable_nano
        await market.submit(commands.withdraw(TAKER, free_nano))
        await market.submit(commands.halt_market())  # or his position would be closed at once
    await market.submit(commands.set_parameters(instrument_id, mark_ticks=mark_ticks, **terms))


async def test_accounts_are_sorted_by_nearness_to_liquidation_and_move_live(desk: Desk, market: Market) -> None:
    await fall(market, 40_000)
    await desk.sign_in("risk")
    await desk.ready()
    await desk.page.get_by_role("button", name="All accounts").click()
    await desk.shows("Account", ["maker", "taker"])
    await desk.page.get_by_role("button", name="Nearest to liquidation").click()
    await desk.shows("Account", ["taker", "maker"])
    await desk.shows("State", ["sound", "sound"])
    await fall(market, 39_500)
    await desk.shows("State", ["in liquidation", "sound"])
    await expect(desk.page.locator("#count-liquidation")).to_have_text("1")
    balances = market.exchange.view.balances(TAKER)
    assert (await desk.column("Equity USD"))[0] == pytest.approx(balances.equity_nano / 10**9, abs=1e-6)
    await expect(desk.page.locator("#panel-market")).to_contain_text("1 position left")
    await desk.page.get_by_role("button", name="Called", exact=True).click()
    await desk.shows("Account", ["taker"])
    await market.submit(commands.deposit(TAKER, 1_000 * NANO_PER_S))
    await desk.shows("Account", [])
    await desk.page.get_by_role("button", name="By region").click()
    await desk.shows("Account", [2, 2])


async def test_an_account_is_opened_by_a_click_and_shows_why_it_is_margined_so(desk: Desk, market: Market) -> None:
    await fall(market, 40_000)
    await desk.sign_in("risk")
    await desk.ready()
    await desk.page.locator("#grid td", has_text="taker").first.click()
    panel = desk.page.locator("#panel-account")
    await expect(panel.locator("#account-name")).to_have_text("taker")
    await expect(panel.locator("#worst")).to_contain_text("scenario 2", timeout=PATIENCE_MS)
    await expect(panel.locator(".chart .bars .point")).to_have_count(3 + 16, timeout=PATIENCE_MS)
    await expect(panel.locator("section", has_text="Positions").first).to_contain_text(market.symbol("eu-fra", Tier.EF))
    await desk.page.keyboard.press("Escape")
    await expect(desk.page.locator("#panel-market")).to_be_visible()
    await desk.page.keyboard.press("/")
    await desk.page.keyboard.type("maker")
    await desk.page.keyboard.press("Enter")
    await expect(panel.locator("#account-name")).to_have_text("maker")
    orders = panel.locator("section", has_text="Open orders").locator("tbody tr")
    await expect(orders).to_have_count(len(market.exchange.view.open_orders(MAKER)))


async def test_a_shock_tells_who_would_fall_and_marks_them_in_the_grid(desk: Desk, market: Market) -> None:
    await fall(market, 40_000)
    await desk.sign_in("risk")
    await desk.ready()
    await desk.page.get_by_role("tab", name="Shock").click()
    await expect(desk.page.locator("#shock-region option")).to_have_count(4)
    await desk.page.locator("#shock-region").select_option("eu-fra")
    await desk.page.locator("#shock-move").fill("-30")
    found = desk.page.locator("#shock-found")
    await expect(found).to_contain_text("1 account would fall")
    await expect(found).to_contain_text("sound → bankrupt")
    await desk.page.get_by_role("button", name="After the shock").click()
    await desk.shows("Account", ["taker"])
    await desk.shows("After shock", ["bankrupt"])
    await desk.page.locator("#shock-move").fill("10")
    await expect(found).to_contain_text("0 accounts would fall")
    await desk.shows("Account", [])
    assert market.exchange.view.balances(TAKER).equity_nano > 0


async def test_the_kill_switch_is_confirmed_and_found_in_the_log(desk: Desk, market: Market) -> None:
    orders = len(market.exchange.view.open_orders(MAKER))
    await desk.sign_in("risk")
    await desk.ready()
    await desk.page.locator("#find").fill("maker")
    await desk.page.locator("#find").press("Enter")
    await desk.page.locator("#panel-account").get_by_role("button", name="Kill switch…").click()
    dialog = desk.page.locator("dialog")
    pull = dialog.get_by_role("button", name="Pull the kill switch")
    await expect(pull).to_be_disabled()
    await dialog.get_by_label("Type maker to confirm").fill("taker")
    await expect(pull).to_be_disabled()
    await dialog.get_by_label("Type maker to confirm").fill("maker")
    await pull.click()
    await expect(dialog).to_contain_text(f"{orders} orders cancelled; maker is blocked.")
    await expect(dialog.locator("tbody")).to_contain_text("POST /v1/admin/kill-switch")
    assert market.exchange.view.open_orders(MAKER) == []
    await dialog.get_by_role("button", name="Close").click()
    await desk.page.get_by_role("button", name="All accounts").click()
    await desk.shows("Blocked", ["blocked", ""])
    await desk.page.get_by_role("tab", name="Audit").click()
    entries = desk.page.locator("#audit-list tbody tr")
    await expect(entries.first).to_contain_text('{"account":"maker"}')
    await desk.page.get_by_role("tab", name="Account").click()
    await desk.page.get_by_role("button", name="Lift the block…").click()
    await desk.page.locator("dialog").get_by_role("button", name="Lift the block").click()
    await expect(desk.page.locator("dialog")).to_contain_text("maker can trade again")
    await desk.page.locator("dialog").get_by_role("button", name="Close").click()
    await desk.page.get_by_role("tab", name="Audit").click()
    await expect(entries).to_have_count(2)
    await desk.page.locator("#audit-filter").fill("DELETE")
    await desk.page.locator("#audit-filter").press("Enter")
    await expect(entries).to_have_count(1)
    assert not market.exchange.view.accounts[MAKER].is_blocked


async def test_a_margin_call_is_confirmed_seen_and_found_in_the_log(
    desk: Desk, market: Market, new_context: NewContext
) -> None:
    trader = await open_desk(new_context, market, market.symbol("eu-fra", Tier.EF))
    await expect(trader.locator("#margin-standing")).to_have_text("")
    await expect(trader.locator("#margin-add-on")).to_be_hidden()
    await desk.sign_in("risk")
    await desk.ready()
    await desk.page.locator("#find").fill("taker")
    await desk.page.locator("#find").press("Enter")
    panel = desk.page.locator("#panel-account")
    await panel.get_by_role("button", name="Margin call…").click()
    dialog = desk.page.locator("dialog")
    call = dialog.get_by_role("button", name="Call", exact=True)
    await expect(call).to_be_disabled()
    await dialog.get_by_label("To be short of now, USD").fill("2500")
    await dialog.get_by_label("Type taker to confirm").fill("taker")
    await call.click()
    await expect(dialog).to_contain_text("1,002,500.00 USD are added; taker is called.")
    await expect(dialog.locator("tbody")).to_contain_text("POST /v1/admin/margin-calls")
    await dialog.get_by_role("button", name="Close").click()
    await expect(panel.locator(".account-head .chip")).to_have_text("called")
    await expect(panel.locator(".sums div", has_text="Added by risk staff")).to_contain_text("1,002,500.00")
    await expect(panel.locator("section", has_text="What happened")).to_contain_text("called for 2,500.00 USD")
    await desk.page.get_by_role("button", name="Called", exact=True).click()
    await desk.shows("Account", ["taker"])
    await desk.shows("Added USD", [1_002_500])
    await expect(trader.locator("#margin-standing")).to_have_text("Margin call")
    await expect(trader.locator("#margin-add-on")).to_have_text("1,002,500.00")
    await expect(trader.locator("#margin-free")).to_have_text("\N{MINUS SIGN}2,500.00")
    await desk.page.get_by_role("tab", name="Audit").click()
    entries = desk.page.locator("#audit-list tbody tr")
    await expect(entries.first).to_contain_text('{"account":"taker","amount":"2500"}')
    await desk.page.get_by_role("tab", name="Account").click()
    await panel.get_by_role("button", name="Margin call…").click()
    await expect(dialog).to_contain_text("Added now: 1,002,500.00 USD.")
    await dialog.get_by_label("Or added in all, USD").fill("0")
    await dialog.get_by_label("Type taker to confirm").fill("taker")
    await call.click()
    await expect(dialog).to_contain_text("0.00 USD are added")
    await dialog.get_by_role("button", name="Close").click()
    await expect(trader.locator("#margin-standing")).to_have_text("")
    await expect(trader.locator("#margin-add-on")).to_be_hidden()
    await desk.shows("Account", [])


async def test_limits_and_halts_take_effect_and_wrong_ones_are_refused_in_words(
    desk: Desk, market: Market, expected_complaints: list[str]
) -> None:
    expected_complaints += ["422 (Unprocessable Entity)", "404 (Not Found)"]  # of what is refused
    await desk.sign_in("risk")
    await desk.ready()
    await desk.page.locator("#find").fill("taker")
    await desk.page.locator("#find").press("Enter")
    await desk.page.get_by_role("button", name="Limits…").click()
    dialog = desk.page.locator("dialog")
    await dialog.get_by_label("Order, lots").fill("-1")
    await dialog.get_by_role("button", name="Set limits").click()
    await expect(dialog.locator("#action-complaint")).to_contain_text("order_quantity")
    await dialog.get_by_label("Order, lots").fill("7")
    await dialog.get_by_role("button", name="Set limits").click()
    await expect(dialog).to_contain_text("The limits of taker are set.")
    assert market.exchange.view.accounts[TAKER].order_lots_limit == 7
    await dialog.get_by_role("button", name="Close").click()
    await desk.page.get_by_role("button", name="Halt market…").click()
    await dialog.get_by_role("button", name="Halt the market").click()
    await expect(dialog).to_contain_text("The market is halted.")
    assert market.exchange.view.market_halted
    await dialog.get_by_role("button", name="Close").click()
    await expect(desk.page.locator("#notice")).to_contain_text("Trading is halted")
    await desk.page.get_by_role("button", name="Resume market…").click()
    await dialog.get_by_role("button", name="Resume the market").click()
    await expect(dialog).to_contain_text("The market trades again.")
    assert not market.exchange.view.market_halted
    await dialog.get_by_role("button", name="Close").click()
    await desk.page.get_by_role("tab", name="Market").click()
    await desk.page.get_by_role("button", name="Correct a delivery…").click()
    await dialog.get_by_role("button", name="Correct", exact=True).click()
    await expect(dialog.locator("#action-complaint")).to_contain_text("Allocation: this is needed.")
    fields = {"Allocation": "99", "Slot, from 0": "0", "Change, lots": "1", "Reason": "measured twice"}
    for label, text in fields.items():
        await dialog.get_by_label(label, exact=True).fill(text)
    async with desk.page.expect_response("**/v1/admin/corrections") as answered:
        await dialog.get_by_role("button", name="Correct", exact=True).click()
    assert (await answered.value).status == 404
    await expect(dialog.locator("#action-complaint")).to_contain_text("allocation")


async def test_an_account_that_crosses_a_threshold_raises_an_alert_that_can_be_dismissed(
    desk: Desk, market: Market
) -> None:
    await fall(market, 40_000)
    await desk.sign_in("risk")
    await desk.ready()
    await desk.page.get_by_role("tab", name="Alerts").click()
    form = desk.page.locator("#threshold")
    await form.get_by_label("Tell me when").select_option("Distance %")
    await desk.page.locator("#threshold-limit").fill("50")
    await form.get_by_role("button", name="Set").click()
    await expect(desk.page.locator("#panel-thresholds")).to_contain_text("Distance % below 50")
    alerts = desk.page.locator("#alerts .alert")
    await expect(alerts).to_have_count(0)
    await fall(market, 39_500)
    await expect(alerts).to_have_count(1)
    await expect(alerts).to_contain_text("taker")
    await fall(market, 39_400)
    await asyncio.sleep(1)
    await expect(alerts).to_have_count(1)
    await alerts.get_by_role("button", name="Dismiss").click()
    await expect(alerts).to_have_count(0)
    await desk.page.reload()
    await desk.ready()
    await desk.page.get_by_role("tab", name="Alerts").click()
    await expect(desk.page.locator("#panel-thresholds")).to_contain_text("Distance % below 50")
    await expect(alerts).to_have_count(0)


async def test_the_csv_has_the_rows_of_the_grid_in_its_order_with_exact_decimals(desk: Desk, market: Market) -> None:
    await fall(market, 39_500)
    await desk.sign_in("risk")
    await desk.ready()
    await desk.shows("Account", ["taker", "maker"])
    async with desk.page.expect_download() as downloading:
        await desk.page.get_by_role("button", name="CSV").click()
    path = await (await downloading.value).path()
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["name"] for row in rows] == ["taker", "maker"]
    whole, rest = divmod(market.exchange.view.balances(TAKER).equity_nano, 10**9)
    assert rows[0]["equity"] == f"{whole}.{rest:09d}"
    await desk.page.get_by_role("button", name="Called", exact=True).click()
    await desk.shows("Account", ["taker"])
    async with desk.page.expect_download() as downloading:
        await desk.page.get_by_role("button", name="CSV").click()
    path = await (await downloading.value).path()
    assert [row["name"] for row in csv.DictReader(path.read_text().splitlines())] == ["taker"]


async def test_strain_and_exposure_of_regions_are_shown(desk: Desk, market: Market) -> None:
    await fall(market, 40_000)
    await market.submit(staff_commands.set_strain(1, 500_000, 900_000), staff_commands.set_utilisation(1, 700_000))
    await desk.sign_in("risk")
    await desk.ready()
    panel = desk.page.locator("#panel-market")
    await expect(panel.locator("tr", has_text="eu-fra").first).to_contain_text(re.compile("50.0 % . 90.0 %50.0 %"))
    await expect(panel.locator(".heatmaplayer image")).to_have_count(1, timeout=PATIENCE_MS)
    await panel.get_by_role("button", name="Orders, net").click()
    await expect(panel).to_contain_text("Open orders to buy, less those to sell.")


async def test_a_layout_of_ones_own_is_kept(desk: Desk, market: Market) -> None:
    await desk.sign_in("risk")
    await desk.ready()
    await desk.page.get_by_role("button", name="By state").click()
    await desk.page.get_by_role("button", name="Keep layout").click()
    await expect(desk.page.get_by_role("button", name="Kept")).to_be_visible()
    await desk.page.reload()
    await desk.ready()
    await desk.page.get_by_role("button", name="Kept").click()
    await desk.shows("Account", [2, 2])


async def test_an_exchange_that_is_away_is_told_and_the_desk_comes_back_by_itself(
    desk: Desk, market: Market, expected_complaints: list[str]
) -> None:
    expected_complaints.append("401 (Unauthorized)")  # sign-ins do not outlive the server
    await fall(market, 40_000)
    await desk.sign_in("risk")
    await desk.ready()
    await market.close_doors()
    await expect(desk.page.locator("#notice")).to_contain_text("cannot be reached", timeout=PATIENCE_MS)
    await expect(desk.page.locator("body")).to_have_attribute("data-link", "waiting")
    await market.open_doors()
    await expect(desk.page.locator("#enter")).to_be_visible(timeout=PATIENCE_MS)  # sign-ins end with the doors
    await desk.sign_in("risk")
    await desk.ready()
    await desk.shows("Account", ["taker", "maker"])


async def test_a_trader_is_refused_the_desk_and_told_why(
    desk: Desk, market: Market, expected_complaints: list[str]
) -> None:
    expected_complaints.append("403 (Forbidden)")
    await desk.sign_in("trader", account_id=MAKER)
    await expect(desk.page.get_by_role("heading", name="This page is for risk staff")).to_be_visible()
    response = await desk.page.request.get(f"{market.url}risk")
    assert response.status == 403
    assert (await desk.page.request.get(f"{market.url}v1/risk/overview")).status == 403


async def test_the_desk_opens_without_a_sign_in_and_shows_nothing(desk: Desk, market: Market) -> None:
    await desk.page.goto(f"{market.url}risk")
    await expect(desk.page.locator("#enter")).to_be_visible()
    await expect(desk.page.locator("#desk")).to_be_hidden()
    response = await desk.page.request.get(f"{market.url}risk")
    assert "default-src 'none'" in response.headers["content-security-policy"]
