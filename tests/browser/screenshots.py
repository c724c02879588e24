"""`make screenshots`: the pictures of the pages in docs/, taken of a demo that has been trading for some minutes.

    python -m tests.browser.screenshots --minutes 12
    python -m tests.browser.screenshots --minutes 0 --demo .bwx/demo    # at once, of a demo that is running

Each page is taken in dark and in light. The visitor of the demo trades a little, so that there are orders, fills and
allocations to show; the risk desk is opened with the key of its staff.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

import orjson
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from gateway.client import Client, Instrument, RefusedError
from gateway.client.terms import Side
from gateway.demo.market import STAFF_FILE, VISITOR_FILE
from load_tests.serving import stop
from tests.browser.find_browser import NoBrowserError, get_browser

DOCS = Path(__file__).parents[2] / "docs"
Scheme = Literal["dark", "light"]
SCHEMES: tuple[Scheme, ...] = ("dark", "light")
SIZE: ViewportSize = {"width": 1600, "height": 1100}
OPENED_S = 900
"""On a new machine the market is compiled first."""
POLL_S = 0.5
PATIENCE_MS = 60_000
SETTLED_MS = 3_000
"""What is still being drawn when all that is waited for is there."""
REGION, TIER, LENGTH_S = "eu-fra", "ef", 3_600
BOUGHT_LOTS = 40
DELIVERED_LOTS = 5
RESTING: tuple[tuple[Side, int, int], ...] = (("buy", 1, 25), ("buy", 3, 60), ("sell", 2, 15))
"""What the visitor has resting: side, steps behind the best price of that side, lots."""


class DemoError(Exception):
    """Why there are no pictures."""


class Key(NamedTuple):
    """Where the demo is, and as whom to sign in there."""

    url: str
    key_id: str
    secret: str


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the pictures of the pages in docs/.")
    parser.add_argument("--minutes", type=float, default=12, help="so long the demo trades before it is looked at")
    parser.add_argument("--demo", type=Path, help="the directory of a demo that is running; no other is started")
    parser.add_argument("--out", type=Path, default=DOCS, help="where the pictures go")
    arguments = parser.parse_args()
    try:
        browser_path = get_browser()
        with demo(arguments.demo) as directory:
            asyncio.run(visit(directory, arguments.minutes * 60, arguments.out, browser_path))
    except (DemoError, NoBrowserError) as error:
        sys.exit(f"screenshots: {error}")


@contextmanager
def demo(running: Path | None) -> Iterator[Path]:
    """The directory of a demo: the one that is running, or one that is started here and ends again."""
    if running is not None:
        yield running
        return
    with tempfile.TemporaryDirectory(prefix=".bwx-demo-") as place:
        command = [sys.executable, "-c", "from gateway.cli import main; main()"]
        command += ["serve", "--demo", "--port", "0", "--directory", place]
        process = subprocess.Popen(command, stdout=sys.stderr, text=True)
        try:
            _wait_until_open(process, Path(place))
            yield Path(place)
        finally:
            stop(process)


def _wait_until_open(process: "subprocess.Popen[str]", directory: Path) -> None:
    """The demo writes down the keys of its visitors last."""
    deadline_s = time.monotonic() + OPENED_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with suppress(FileNotFoundError, orjson.JSONDecodeError):
            read_key(directory / STAFF_FILE)
            return
        time.sleep(POLL_S)
    raise DemoError("the demo did not open")


def read_key(path: Path) -> Key:
    return Key(**orjson.loads(path.read_bytes()))


async def visit(directory: Path, wait_s: float, out: Path, browser_path: str) -> None:
    """Let the market trade, take part in it, and look at every page in every scheme."""
    visitor, staff = read_key(directory / VISITOR_FILE), read_key(directory / STAFF_FILE)
    say(f"looking at {visitor.url} in {wait_s:.0f} s")
    async with Client(*visitor) as client:
        await asyncio.sleep(wait_s / 2)
        await buy_deliveries(client)
        await asyncio.sleep(wait_s / 2)
        symbol = await trade_a_little(client)
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path)
        for scheme in SCHEMES:
            await take_pictures(browser, scheme, out, visitor, staff, symbol)
        await browser.close()


async def take_pictures(browser: Browser, scheme: Scheme, out: Path, visitor: Key, staff: Key, symbol: str) -> None:
    """The market as everybody sees it, then what the visitor sees, then the desk of risk staff."""
    async with opened(browser, scheme) as page:
        await show_market(page, visitor, symbol)
        await take(page, out / f"market-{scheme}.png")
        await show_window(page, visitor, symbol)
        await take(page, out / f"window-{scheme}.png")
        if await show_deliveries(page, visitor):
            await take(page, out / f"deliveries-{scheme}.png")
    async with opened(browser, scheme) as page:
        await show_risk_desk(page, staff)
        await take(page, out / f"risk-{scheme}.png")


async def buy_deliveries(client: Client) -> None:
    """Some of each window that is delivered and is offered now."""
    for each in await client.instruments(state="open"):
        if each.delivery is not None and each.best_ask is not None:
            with suppress(RefusedError):
                await client.place(each.symbol, "buy", DELIVERED_LOTS, each.best_ask, time_in_force="ioc")


async def trade_a_little(client: Client) -> str:
    """Buy some of the hour that trades most, and leave orders around its prices. Returns its symbol."""
    found = await client.instruments(region=REGION, tier=TIER, state="open")
    quoted = [each for each in found if _is_hour(each) and each.best_bid and each.best_ask]
    if not quoted:
        raise DemoError(f"no hour of {REGION} {TIER} has a price on both sides yet: give it more minutes")
    chosen = max(quoted, key=lambda each: each.traded_quantity)
    assert chosen.best_ask is not None
    assert chosen.best_bid is not None
    with suppress(RefusedError):
        await client.place(chosen.symbol, "buy", BOUGHT_LOTS, chosen.best_ask, time_in_force="ioc")
    for side, steps, lots in RESTING:
        away = steps * chosen.price_step
        await client.place(
            chosen.symbol, side, lots, chosen.best_bid - away if side == "buy" else chosen.best_ask + away
        )
    return chosen.symbol


def _is_hour(instrument: Instrument) -> bool:
    return (instrument.end - instrument.start).total_seconds() == LENGTH_S


@asynccontextmanager
async def opened(browser: Browser, scheme: Scheme) -> AsyncIterator[Page]:
    """A visitor whose system asks for this scheme."""
    context = await browser.new_context(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce", locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    yield await context.new_page()
    await context.close()


async def show_market(page: Page, key: Key, symbol: str) -> None:
    """The heat map as everybody sees it, with a curve below it."""
    await page.goto(f"{key.url}/#{symbol}")
    await expect(page.locator("#board canvas")).to_be_visible()
    await expect(page.locator("#link-text")).to_contain_text("Live")
    await expect(page.locator("#deliveries-sum")).to_be_visible()
    await show_chart(page, "Forward curve")


async def show_chart(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name).click()
    await expect(page.locator("#chart .scatterlayer .trace").first).to_be_attached()


async def show_deliveries(page: Page, key: Key) -> bool:
    """The page of deliveries; False for an exchange without one."""
    response = await page.goto(f"{key.url}/deliveries")
    if response is None or not response.ok:
        return False
    await expect(page.get_by_text("Loading").filter(visible=True)).to_have_count(0)
    return True


async def show_window(page: Page, key: Key, symbol: str) -> None:
    """A window with its book, a chart, and what the visitor has in it."""
    await page.goto(f"{key.url}/#{symbol}")
    await expect(page.locator("#detail-symbol")).to_have_text(symbol)
    await expect(page.locator("#link-text")).to_contain_text("Live")
    await page.get_by_role("button", name="Sign in to trade").click()
    await sign_in(page, key)
    await expect(page.locator("#own-table tbody tr").first).to_be_visible()
    await show_chart(page, "Depth")


async def show_risk_desk(page: Page, key: Key) -> None:
    """The desk with its grid."""
    await page.goto(f"{key.url}/risk")
    await page.locator("#enter").click()
    await sign_in(page, key)
    await expect(page.locator("#cover")).to_be_hidden()


async def sign_in(page: Page, key: Key) -> None:
    """Go through the dialog that is open."""
    await page.get_by_label("Key id").fill(key.key_id)
    await page.get_by_label("Secret", exact=True).fill(key.secret)
    await page.locator("dialog.sign-in").get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.locator("dialog.sign-in")).to_have_count(0)


async def take(page: Page, path: Path) -> None:
    """Wait until all is drawn, and keep it."""
    await page.wait_for_timeout(SETTLED_MS)
    taken = await page.screenshot(path=path, animations="disabled", timeout=PATIENCE_MS)
    say(f"{path.name}, {len(taken) / 1_000:.0f} kB")


def say(text: str) -> None:
    print(f"screenshots: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
