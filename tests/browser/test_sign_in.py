"""A person signs in, in a browser, against the real exchange."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from playwright.async_api import Page, expect

from gateway.identity.keys import ApiKey
from tests.browser.conftest import TAKER, Market, NewContext, open_page

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def write_key(page: Page, key_id: str, secret: str) -> None:
    await page.get_by_role("button", name="Sign in").first.click()
    await page.get_by_label("Key id").fill(key_id)
    await page.get_by_label("Secret").fill(secret)
    await page.locator(".sign-in").get_by_role("button", name="Sign in").click()


async def sign_in(page: Page, key: ApiKey) -> None:
    await write_key(page, key.key_id, key.secret)
    await expect(page.locator("#account-chip")).to_be_visible()


async def kept_by(page: Page) -> str:
    """All that the page keeps where a script can read it."""
    return await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")


async def test_a_person_signs_in_and_out_and_no_script_can_read_how(page: Page, market: Market) -> None:
    key = market.keys.create(TAKER, ["trader"])
    await sign_in(page, key)
    await expect(page.locator("#account-chip")).to_have_text("taker")
    kept = await kept_by(page)
    (cookie,) = await page.context.cookies()
    assert (cookie.get("name"), cookie.get("httpOnly"), cookie.get("sameSite")) == ("bwx_session", True, "Strict")
    assert cookie.get("expires") == -1, "it goes with the browser"
    assert str(cookie.get("value")) not in kept
    assert key.secret not in kept
    assert key.secret not in await page.content()
    await page.reload()
    await expect(page.locator("#account-chip")).to_have_text("taker")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.locator("#sign-in")).to_be_visible()
    assert await page.context.cookies() == []


async def test_a_wrong_secret_and_an_unknown_key_are_told_apart(
    new_context: NewContext, market: Market, expected_complaints: list[str]
) -> None:
    expected_complaints.append("status of 401 ")
    page: Any = await open_page(await new_context(), market)
    key = market.keys.create(TAKER, ["trader"])
    await write_key(page, key.key_id, "wrong")
    complaint = page.locator("#sign-in-complaint")
    await expect(complaint).to_have_text("The secret does not fit this key.")
    await expect(page.get_by_label("Secret")).to_be_focused()
    await page.get_by_label("Key id").fill("0" * 16)
    await page.keyboard.press("Enter")
    await expect(complaint).to_contain_text("There is no such key.")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog.sign-in")).to_have_count(0)


async def test_a_key_is_read_from_its_file(page: Page, market: Market, tmp_path: Path) -> None:
    key = market.keys.create(TAKER, ["trader"])
    file = tmp_path / "trader.json"
    file.write_bytes(orjson.dumps({"url": market.url, "key_id": key.key_id, "secret": key.secret}))
    await page.locator("#sign-in").click()
    await page.locator("#sign-in-file").set_input_files(file)
    await expect(page.get_by_label("Key id")).to_have_value(key.key_id)
    await page.get_by_label("Stay signed in").check()
    await page.keyboard.press("Enter")
    await expect(page.locator("#account-chip")).to_have_text("taker")
    (cookie,) = await page.context.cookies()
    assert cookie.get("expires") != -1


async def test_who_signs_in_or_out_in_one_window_does_so_in_all(new_context: NewContext, market: Market) -> None:
    context = await new_context()
    one, other = await open_page(context, market), await open_page(context, market)
    await sign_in(one, market.keys.create(TAKER, ["trader"]))
    await expect(other.locator("#account-chip")).to_have_text("taker")
    await other.get_by_role("button", name="Sign out").click()
    await expect(one.locator("#sign-in")).to_be_visible()
    assert one.complaints + other.complaints == []


async def test_a_trader_is_refused_the_risk_page_and_told_what_to_do(
    new_context: NewContext, market: Market, expected_complaints: list[str]
) -> None:
    expected_complaints.append("status of 403 ")
    page: Any = await open_page(await new_context(), market)
    await sign_in(page, market.keys.create(TAKER, ["trader"]))
    await page.get_by_role("link", name="Risk").click()
    await expect(page.get_by_role("heading", name="This page is for risk staff")).to_be_visible()
    await expect(page.locator("#refused-account")).to_have_text("taker")
    await expect(page.locator("#refused-roles")).to_have_text("role trader")
    await page.get_by_role("button", name="Sign in with another key").click()
    staff = market.keys.create(0, ["risk"])
    await page.get_by_label("Key id").fill(staff.key_id)
    await page.get_by_label("Secret").fill(staff.secret)
    await page.locator(".sign-in").get_by_role("button", name="Sign in").click()
    await expect(page).to_have_title(re.compile("^Risk"))


async def test_the_button_of_the_ticket_keeps_to_its_panel(page: Page) -> None:
    await expect(page.locator("#ticket-sign-in")).to_be_visible()
    button = await page.locator("#ticket-sign-in").bounding_box()
    panel = await page.locator("#ticket-panel").bounding_box()
    assert button is not None
    assert panel is not None
    assert button["x"] + button["width"] <= panel["x"] + panel["width"]


async def test_the_libraries_run_under_the_policy_of_their_pages(page: Page) -> None:
    await page.add_script_tag(url="/libraries/plotly.js")
    drawn = await page.evaluate("Plotly.newPlot(document.createElement('div'), [{y: [1, 2]}]).then(() => 'drawn')")
    assert drawn == "drawn"
    assert "default" in await page.evaluate("import('/libraries/perspective.js').then((all) => Object.keys(all))")
