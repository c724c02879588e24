"""How tests get at windows on the heat map, which is drawn: by the search, and by the button over the cell in focus."""

import re

from playwright.async_api import Locator, Page, expect

SOME = re.compile(r"^[1-9]\d*$")
PIXEL = """([x, y]) => {
    const canvas = document.querySelector("#board canvas");
    return [...canvas.getContext("2d").getImageData(x * devicePixelRatio, y * devicePixelRatio, 1, 1).data].slice(0, 3);
}"""


async def find(page: Page, symbol: str) -> None:
    """Open a window by the search, once the market has come."""
    await expect(page.locator("#board")).to_have_attribute("data-windows", SOME)
    await page.keyboard.press("/")
    await page.locator("#search-text").fill(symbol)
    await expect(page.locator(f'#search-found li[data-symbol="{symbol}"]')).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await expect(page.locator("#detail-symbol")).to_have_text(symbol)


def focused(page: Page) -> Locator:
    """The button over the cell of the window in focus: it says what the cell shows."""
    return page.locator("#board .heat-focus")


async def box_of(page: Page, symbol: str) -> dict[str, float]:
    """Where the cell of a window is drawn, within the canvas; the window is opened for it."""
    await find(page, symbol)
    await expect(focused(page)).to_have_attribute("data-symbol", symbol)
    place = await page.locator("#board canvas").bounding_box()
    cell = await focused(page).bounding_box()
    assert place is not None
    assert cell is not None
    return {"x": cell["x"] - place["x"], "y": cell["y"] - place["y"], "width": cell["width"], "height": cell["height"]}


async def colour_at(page: Page, box: dict[str, float]) -> tuple[int, int, int]:
    """Red, green and blue of a cell, beside what is written in it."""
    red, green, blue = await page.evaluate(PIXEL, [box["x"] + box["width"] / 2, box["y"] + 4])
    return red, green, blue
