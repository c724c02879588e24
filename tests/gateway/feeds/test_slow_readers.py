"""Who does not read costs only itself: what is conflated waits for it, what is raw ends, and nobody else waits."""

import asyncio
from contextlib import AsyncExitStack

from aiohttp import ClientSession, TCPConnector, WSMsgType

from exchange import commands
from gateway.client import LocalBook
from gateway.feeds.subscribers import offer_bytes
from matching.schema import Side
from tests.gateway.doors import PATIENCE_S, until
from tests.gateway.feeds.test_feed import deaf, fill_book, read_to_the_end
from tests.gateway.peer import Peer, connect
from tests.gateway.wire import dial_socket

LEVELS = 700
READERS = 200
BACKLOG = {
    "address_weight_burst": 1_000_000,
    "outbox_messages_max": 10_000,
    "outbox_bytes_max": 1 << 28,
    "heartbeat_interval_s": 60.0,
}


async def pile_up(doors, peer, **way):
    """Ask for more long snapshots than all buffers hold, without reading any; until the server sees the backlog."""
    assert (await peer.ask("subscribe", channel="book", symbol=doors.symbol, **way))["ok"]
    for name in range(400):
        await peer.send({"op": "resync", "id": name, "channel": "book", "symbol": doors.symbol, **way})
    await until(lambda: any(session.is_behind for session in sessions_of(doors)))


def sessions_of(doors):
    (gateway,) = doors.runner.app.values()
    return gateway.sessions


async def change_book(doors, times):
    """So many changes, one after another; the account that makes them rests at the same price each time."""
    account_id = (await doors.account("alice")).account_id
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    for n in range(times):
        await doors.exchange.submit(commands.place(account_id, instrument_id, Side.SELL, 45_000 + 10 * (n % 7), 1))


async def test_a_conflated_reader_that_falls_behind_is_told_the_net_change_once_it_has_caught_up(serve):
    async with serve(**BACKLOG) as doors, ClientSession(connector=TCPConnector(socket_factory=deaf)) as http:
        await fill_book(doors, LEVELS)
        async with http.ws_connect(f"{doors.url}/v1/ws", max_msg_size=0) as socket:
            sleeper = Peer(socket)
            await pile_up(doors, sleeper, interval="100ms")
            for _ in range(5):
                await change_book(doors, 20)
                await asyncio.sleep(0.12)
            served = doors.exchange.view.tranches[doors.exchange.view.tranche_by_symbol[doors.symbol]].book
            book, deltas = LocalBook(doors.symbol, interval="100ms"), 0
            while book.sequence < served.sequence:
                message = await sleeper.of_channel("book")
                is_delta = message["type"] == "delta"
                assert book.advance(message) if is_delta else book.restart(message)
                deltas += is_delta
            assert {int(price * 10**6): lots for price, lots in book.asks.items()} == served.asks
            assert 1 <= deltas <= 2


async def test_a_raw_reader_that_does_not_read_is_cut_off_and_two_hundred_others_miss_nothing(serve):
    settings = BACKLOG | {"outbox_bytes_max": 1 << 22}
    async with AsyncExitStack() as stack:
        doors = await stack.enter_async_context(serve(**settings))
        await fill_book(doors, LEVELS)
        http = await stack.enter_async_context(ClientSession(connector=TCPConnector(limit=0)))
        url = f"{doors.url}/v1/ws"
        readers = [Peer(await stack.enter_async_context(http.ws_connect(url))) for _ in range(READERS)]
        for reader in readers:
            await reader.ask("subscribe", channel="book", symbol=doors.symbol, depth=10)
        deaf_http = await stack.enter_async_context(ClientSession(connector=TCPConnector(socket_factory=deaf)))
        sleeper = Peer(await stack.enter_async_context(deaf_http.ws_connect(url, max_msg_size=0)))
        await pile_up(doors, sleeper)
        await change_book(doors, 30)
        async with asyncio.timeout(PATIENCE_S):
            told = await asyncio.gather(*(read_changes(reader, 30) for reader in readers))
        assert all(each == told[0] for each in told)
        for name in range(1_200):
            await sleeper.send({"op": "resync", "id": name, "channel": "book", "symbol": doors.symbol})
        frame = await read_to_the_end(sleeper)
        assert (frame.type, frame.data, frame.extra) == (WSMsgType.CLOSE, 4008, "slow_consumer")


async def read_changes(reader, count):
    return [(await reader.of_channel("book", "delta"))["sequence"] for _ in range(count)]


async def test_one_whose_connection_was_just_lost_costs_nobody_else_a_message(doors):
    async with connect(doors) as reader:
        (staying,) = sessions_of(doors)
        async with dial_socket(doors) as wire:
            (leaving,) = sessions_of(doors) - {staying}
            wire.writer.transport.abort()
            offered = 0
            async with asyncio.timeout(PATIENCE_S):
                while leaving in sessions_of(doors):
                    offer_bytes((leaving, staying), b'{"n":%d}' % offered)
                    offered += 1
                    await asyncio.sleep(0)
        assert offered > 2
        assert [(await reader.message())["n"] for _ in range(offered)] == list(range(offered))


async def test_tickers_that_a_reader_was_not_told_come_in_one_message_once_it_has_caught_up(serve):
    async with serve(**BACKLOG) as doors, ClientSession(connector=TCPConnector(socket_factory=deaf)) as http:
        await fill_book(doors, LEVELS)
        async with http.ws_connect(f"{doors.url}/v1/ws", max_msg_size=0) as socket:
            sleeper = Peer(socket)
            await sleeper.ask("subscribe", channel="ticker")
            await sleeper.of_channel("ticker", "snapshot")
            await pile_up(doors, sleeper, interval="100ms")
            (gateway,) = doors.runner.app.values()
            account_id = (await doors.account("alice")).account_id
            for symbol in (doors.symbol, doors.other_symbol):
                instrument_id = doors.exchange.view.tranche_by_symbol[symbol]
                await doors.exchange.submit(commands.place(account_id, instrument_id, Side.BUY, 39_990, 9))
                await until(lambda number=instrument_id: told_late(gateway.feed, number))
            update = await sleeper.of_channel("ticker", "update")
            while doors.other_symbol not in (symbols := {row["symbol"] for row in update["tickers"]}):
                update = await sleeper.of_channel("ticker", "update")
            assert symbols >= {doors.symbol, doors.other_symbol}
            assert {row["best_bid_quantity"] for row in update["tickers"]} == {"9"}


def told_late(feed, instrument_id):
    """Whether somebody is behind who will be told of a tranche."""
    return any(instrument_id in missed for missed in feed._public._late.values())
