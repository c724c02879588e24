"""Streams under load: what clients keep by themselves is what the exchange has, and nothing is lost or told twice.

`BWX_SIM_STREAM_S` says for how long books are followed, `BWX_SIM_CUTS` how often connections are cut.
"""

import asyncio
import os
import random
import time
from functools import partial

from exchange import commands
from gateway.client import Client
from matching.schema import EventKind, SelfTrade, Side
from tests.gateway.cuts import CuttingProxy
from tests.gateway.doors import until

CUTS = int(os.environ.get("BWX_SIM_CUTS", "50"))
CUT_EVERY_S_MAX = 0.05
BEHIND_FILLS_MAX = 2_000
"""So many are told again in any case: the market keeps 50,000 events."""
STREAM_S = float(os.environ.get("BWX_SIM_STREAM_S", "3"))
BATCH_ORDERS = 50
GOES_ON = partial(asyncio.sleep, 0)
WAYS = [("all", "raw"), (10, "raw"), ("all", "100ms"), (25, "100ms"), (100, "100ms")]


async def test_books_that_clients_keep_are_the_servers_at_every_checksum_under_full_flow(doors):
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    accounts = [(await doors.account(name)).account_id for name in ("alice", "bob")]
    async with await doors.client("alice") as alice, alice.stream() as one, alice.stream() as other:
        books = [await one.subscribe_book(doors.symbol, *way) for way in WAYS]
        books += [await other.subscribe_book(doors.symbol, *way) for way in WAYS]
        sent = await send_orders(doors.exchange, instrument_id, accounts, STREAM_S)
        served = doors.exchange.view.tranches[instrument_id].book
        for book in books:
            await until(lambda book=book: is_as_served(book, served))
            assert (book.resyncs, book.broken_by) == (0, None)
    assert sent > 10 * BATCH_ORDERS


async def test_a_client_that_is_cut_at_random_misses_no_fill_and_gets_none_twice(doors):
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    key = await doors.account("alice")
    accounts = [key.account_id, (await doors.account("bob")).account_id]
    traded = []
    doors.exchange.subscribe(lambda batch: traded.extend(fills_of(batch, key.account_id)))
    async with CuttingProxy(doors.url) as proxy, Client(proxy.url, key.key_id, key.secret) as client:
        followed, told = client.follow_fills(doors.exchange.view.sequence), []
        # What is too old is not told again, however long a machine takes to connect: the flow waits for the reader.
        keeps_up = partial(until, lambda: len(traded) - len(told) < BEHIND_FILLS_MAX)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(collect(followed, told))
            flow = tasks.create_task(send_orders(doors.exchange, instrument_id, accounts, 3_600, keeps_up))
            await cut_at_random(proxy, told)
            flow.cancel()
            await asyncio.wait([flow])
            await until(lambda: len(told) >= len(traded))
            reading.cancel()
    assert proxy.cuts >= CUTS
    assert told == traded
    assert len(told) > CUTS


async def collect(fills, told):
    async for fill in fills:
        told.append(fill.id)


async def cut_at_random(proxy, told):
    """Cut again and again, at any moment of a connection's life; now and then let it come back to what happens."""
    dice = random.Random(23)
    while proxy.cuts < CUTS:
        seen = len(told)
        if proxy.cuts % 5 == 0:
            await until(lambda seen=seen: len(told) > seen)
        await asyncio.sleep(dice.random() * CUT_EVERY_S_MAX)
        proxy.cut()


def fills_of(batch, account_id):
    """The trades of an account, once for each side that is its own."""
    trades = batch.events[batch.events["kind"] == EventKind.TRADE]
    names = ("account_id", "counter_account_id", "sequence", "index")
    for own, other, sequence, index in zip(*(trades[name].tolist() for name in names), strict=True):
        yield from [f"{sequence}-{index}"] * ((own == account_id) + (other == account_id))


async def send_orders(exchange, instrument_id, accounts, duration_s, may_go_on=GOES_ON):
    """Orders and cancels around a price that wanders, as fast as they are taken and may go on; how many there were."""
    dice, middle, sent, live = random.Random(5), 40_000, 0, []
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s:
        middle = min(max(middle + dice.choice((-10, 0, 10)), 35_000), 45_000)
        groups = [order_at_random(dice, instrument_id, dice.choice(accounts), middle) for _ in range(BATCH_ORDERS)]
        if len(live) > 500:
            for _ in range(BATCH_ORDERS):
                account_id, order_id = live.pop(dice.randrange(len(live)))
                groups.append(commands.cancel(account_id, order_id=order_id))
        replies = await asyncio.gather(*exchange.submit_many(groups))
        last = [reply.events[-1] for reply in replies[:BATCH_ORDERS]]
        live += [(int(event["account_id"]), int(event["order_id"])) for event in last]
        sent += len(groups)
        await may_go_on()
    return sent


def order_at_random(dice, instrument_id, account_id, middle):
    side = dice.choice((Side.BUY, Side.SELL))
    price_ticks = middle + 10 * dice.randrange(-60, 20) * (1 if side == Side.BUY else -1)
    lots = dice.randrange(1, 20)
    return commands.place(
        account_id, instrument_id, side, price_ticks, lots, self_trade=SelfTrade.NONE, display_lots=lots // 3
    )


def is_as_served(book, served):
    depth = None if book.depth == "all" else book.depth
    shown = [
        [(level.price_ticks, level.quantity_lots) for level in served.levels(side, depth)]
        for side in (Side.BUY, Side.SELL)
    ]
    kept = [[(int(price * 10**6), lots) for price, lots in book.levels(side)] for side in ("buy", "sell")]
    return kept == shown
