"""What a trader's hands do on the market page, and a second trader who comes through the client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Locator, Page, expect

from exchange import commands
from gateway.client import Client
from gateway.encoding.requests import Role
from tests.browser.conftest import MAKER, TAKER, Market, NewContext, open_page


async def open_desk(new_context: NewContext, market: Market, symbol: str, **options: Any) -> Page:
    """The page of a window with the taker signed in."""
    page = await open_page(await new_context(**options), market, f"#{symbol}")
    await sign_in(page, market)
    return page


async def sign_in(page: Page, market: Market, account_id: int = TAKER) -> None:
    """Go through the dialog with a new key."""
    key = market.keys.create(account_id, (Role.TRADER,))
    await page.get_by_role("button", name="Sign in to trade").click()
    await page.get_by_label("Key id").fill(key.key_id)
    await page.get_by_label("Secret").fill(key.secret)
    await page.get_by_role("dialog").get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.locator("#ticket-submit")).to_be_visible()
    await expect(page.locator("#own-orders-count")).not_to_be_empty()


async def write_ticket(page: Page, side: str, lots: int | str, price: str, kind: str = "gtc") -> None:
    """Fill in the ticket."""
    await page.get_by_role("radiogroup", name="Side").get_by_text(side, exact=True).click()
    await page.get_by_label("Time in force").select_option(kind)
    await page.get_by_label("Price USD per Mbps-hour").fill(price)
    await page.get_by_role("textbox", name="Quantity").fill(str(lots))


async def place(page: Page, side: str, lots: int | str, price: str, kind: str = "gtc") -> None:
    """Fill in the ticket and press its button."""
    await write_ticket(page, side, lots, price, kind)
    await page.locator("#ticket-submit").click()


def answer(page: Page) -> Locator:
    """What the ticket tells of the last order."""
    return page.locator("#ticket-say")


def own_rows(page: Page) -> Locator:
    """The rows of the own table that is shown."""
    return page.locator("#own-table tbody tr")


def marks(*lots: int) -> list[str]:
    """How own lots read in the ladder, each with its cross."""
    return [f"{each} \N{MULTIPLICATION SIGN}" for each in lots]


def own_marks(page: Page) -> Locator:
    """Own lots in the ladder."""
    return page.locator("#ladder button.own:visible")


@asynccontextmanager
async def other_trader(market: Market) -> AsyncIterator[Client]:
    """The maker, through the client."""
    key = market.keys.create(MAKER, (Role.TRADER,))
    async with Client(market.url.rstrip("/"), key.key_id, key.secret) as client:
        yield client


async def leave_cash(market: Market, account_id: int, cash_nano: int) -> None:
    """Take away what an account has beyond that."""
    surplus_nano = market.exchange.view.balances(account_id).withdrawable_nano - cash_nano
    await market.submit(commands.withdraw(account_id, surplus_nano))
