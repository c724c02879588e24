"""What a risk desk costs: the exchange's share of a core, and whether the page stays responsive.

    python -m load_tests.risk_desk --accounts 5000 --seconds 60

An exchange in a process of its own has so many accounts with 20 positions each, and new marks change a quarter of the
rows four times a second: as many rows a second as there are accounts. Its share of a core is measured first with nobody
watching, then with the desk open in a real Chromium, where tasks that keep the page from answering are told by the
browser. Needs what development needs.
"""

import argparse
import asyncio
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import numpy as np
from aiohttp import web
from playwright.async_api import Page, async_playwright

from exchange import commands
from exchange.service import Exchange
from exchange.symbols import NANO_PER_S
from exchange.venue.schema import Tier
from exchange.venue.state import VenueLimits
from gateway.app import make_app, make_runner
from gateway.clearing.reservation_key import ReservationKey
from gateway.identity.keys import NO_ACCOUNT, KeyStore
from gateway.settings import GatewaySettings
from gateway.staff.audit import AuditLog
from matching.schema import Side

POSITIONS = 20
GROUPS = 4
"""Of accounts that hold the same windows: one new mark changes all rows of a group."""
MARKS_PER_S = 4
HOUR_S = 3_600
MARK_TICKS = 40_000
SHOCKS_TICKS = [0, *[2_000, -2_000] * 7, 500]
LIMITS = VenueLimits(
    instruments=256, orders=400_000, nodes=100_000, accounts=1 << 16, positions=1 << 20, client_ids=1 << 16
)
WATCH_PAGE = """() => {
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((each) => each.duration)))
        .observe({ type: "longtask" });
}"""


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description="Measure what an open risk desk costs.")
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser that opens the desk")
    arguments = parser.parse_args()
    if arguments.chromium is None:
        parser.error("there is no chromium on the path: name one")
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, arguments.accounts), daemon=True)
    process.start()
    url, key_id, secret = ours.recv()
    assert process.pid is not None
    try:
        print(f"nobody watches: {_share(process.pid, arguments.seconds):.1%} of a core")
        asyncio.run(_watch(process.pid, arguments.chromium, url, key_id, secret, arguments.seconds))
    finally:
        process.terminate()
        process.join()


def _share(pid: int, seconds: float) -> float:
    """Of a core, that a process used over some seconds."""
    before_s, began_s = _cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    return (_cpu_s(pid) - before_s) / (time.monotonic() - began_s)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _watch(pid: int, chromium: str, url: str, key_id: str, secret: str, seconds: int) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        live_s = await _open(page, url, key_id, secret)
        await asyncio.sleep(5)
        await page.evaluate(WATCH_PAGE)
        began = await _rows_told(page)
        share = await asyncio.to_thread(_share, pid, seconds)
        told = await _rows_told(page) - began
        tasks = await page.evaluate("window.longTasks")
        print(f"the desk is open: {share:.1%} of a core; grid live after {live_s:.1f} s")
        print(f"rows told: {told / seconds:,.0f} a second")
        longest = max(tasks, default=0)
        print(f"tasks of 50 ms and more: {len(tasks)}, median {median(tasks or [0]):.0f} ms, longest {longest:.0f} ms")
        await browser.close()


async def _open(page: Page, url: str, key_id: str, secret: str) -> float:
    """Sign in and wait for the grid; how long that took from the end of the sign-in."""
    await page.add_init_script(COUNT_ROWS)
    await page.goto(f"{url}/risk")
    await page.locator("#enter").click()
    await page.get_by_label("Key id").fill(key_id)
    await page.get_by_label("Secret", exact=True).fill(secret)
    began_s = time.monotonic()
    await page.locator("dialog").get_by_role("button", name="Sign in", exact=True).click()
    await page.locator("#desk").wait_for(timeout=60_000)
    await page.locator("#cover").wait_for(state="hidden", timeout=60_000)
    return time.monotonic() - began_s


COUNT_ROWS = """(() => {
    window.rowsTold = 0;
    const Native = window.WebSocket;
    window.WebSocket = class extends Native {
        constructor(...given) {
            super(...given);
            this.addEventListener("message", ({ data }) => {
                const ids = /"figures":\\{"account_id":\\[([^\\]]*)\\]/.exec(data);
                if (ids) window.rowsTold += ids[1].split(",").length;
            });
        }
    };
})()"""


async def _rows_told(page: Page) -> int:
    return int(await page.evaluate("window.rowsTold"))


# The exchange.


def _serve(pipe: Connection, accounts: int) -> None:
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(pipe, accounts))


async def _run(pipe: Connection, accounts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "exchange"
        exchange = await Exchange.open(directory, limits=LIMITS, synchronous="OFF")
        instruments = await _fill(exchange, accounts)
        keys = KeyStore.open(directory)
        runner = make_runner(
            make_app(exchange, keys, ReservationKey.open(directory), GatewaySettings(), AuditLog.open(directory))
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        key = keys.create(NO_ACCOUNT, ("risk",))
        pipe.send((f"http://127.0.0.1:{runner.addresses[0][1]}", key.key_id, key.secret))
        turn = 0
        while True:
            await asyncio.sleep(1 / MARKS_PER_S)
            turn += 1
            mark_ticks = MARK_TICKS + turn // GROUPS % 200
            await exchange.submit(_mark(instruments[turn % GROUPS][turn // GROUPS % POSITIONS], mark_ticks))


async def _fill(exchange: Exchange, accounts: int) -> list[list[int]]:
    """Accounts with money and positions; the windows of each group of them."""
    for region_id, code in enumerate(("eu-fra", "us-iad", "ap-tyo", "sa-gru"), start=1):
        await exchange.submit(commands.define_region(region_id, code))
        await exchange.submit(_series(region_id))
    await exchange.submit(commands.resume_market())
    groups: list[list[int]] = [[] for _ in range(GROUPS)]
    for instrument_id, tranche in exchange.view.tranches.items():
        groups[list(exchange.view.regions.values()).index(tranche.region)].append(instrument_id)
    for group in groups:
        del group[POSITIONS:]
    await _run_all(exchange, (commands.open_account(each, f"account-{each:05d}") for each in range(1, accounts + 1)))
    await _run_all(exchange, (commands.deposit(each, 100 * NANO_PER_S) for each in range(1, accounts + 1)))
    await _run_all(exchange, (_mark(each, MARK_TICKS) for group in groups for each in group))
    await _run_all(exchange, _orders(groups, accounts))
    return groups


def _series(region_id: int) -> np.ndarray:
    hour_ns = HOUR_S * NANO_PER_S
    return commands.define_series(
        region_id,
        region_id,
        Tier.EF,
        first_start_ns=(time.time_ns() // hour_ns + 3) * hour_ns,
        duration_s=HOUR_S,
        gate_lead_s=300,
        horizon_s=(POSITIONS + 4) * HOUR_S,
        reference_ticks=MARK_TICKS,
    )


def _orders(groups: list[list[int]], accounts: int) -> Iterator[np.ndarray]:
    """Of each pair of neighbours in a group, one sells to the other, more or less near to what they can bear."""
    for first in range(1, accounts - GROUPS, 2 * GROUPS):
        for at, group in enumerate(groups):
            for number, instrument_id in enumerate(group):
                lots = 20 + (first * 7 + number * 13) % 90
                yield commands.place(first + at, instrument_id, Side.SELL, MARK_TICKS, lots)
                yield commands.place(first + at + GROUPS, instrument_id, Side.BUY, MARK_TICKS, lots)


def _mark(instrument_id: int, mark_ticks: int) -> np.ndarray:
    return commands.set_parameters(instrument_id, mark_ticks=mark_ticks, shocks_ticks=SHOCKS_TICKS, spread_ticks=400)


async def _run_all(exchange: Exchange, groups: Iterator[np.ndarray]) -> None:
    """Some thousands at a time."""
    waiting: list[np.ndarray] = []
    for group in groups:
        waiting.append(group)
        if len(waiting) == 2_000:
            await asyncio.gather(*exchange.submit_many(waiting))
            waiting = []
    if waiting:
        await asyncio.gather(*exchange.submit_many(waiting))


if __name__ == "__main__":
    main()
