import asyncio
import random
import socket as socket_module
from contextlib import suppress

import pytest
from aiohttp import ClientSession, TCPConnector, WSMsgType

from exchange import commands
from exchange.stages import Stages
from gateway.client import RefusedError
from gateway.feeds.feed import SequenceWaiters
from gateway.feeds.outbox import Outbox
from matching.schema import Side
from tests.gateway.doors import until
from tests.gateway.peer import Peer, connect


def levels_of(doors, symbol):
    """The whole book as the server sees it, by side: price -> quantity."""
    book = doors.exchange.view.tranches[doors.exchange.view.tranche_by_symbol[symbol]].book
    return {
        side: {f"0.{price_ticks:06d}": str(lots) for price_ticks, lots in levels.items()}
        for side, levels in (("bids", book.bids), ("asks", book.asks))
    }


def take_delta(book, delta):
    for side in ("bids", "asks"):
        for price, quantity in delta[side]:
            if quantity == "0":
                book[side].pop(price, None)
            else:
                book[side][price] = quantity


async def test_a_book_is_a_snapshot_and_a_chain_of_deltas(doors):
    async with await doors.client("alice") as alice, connect(doors) as peer:
        await alice.place(doors.symbol, "buy", 5, "0.03")
        await peer.ask("subscribe", channel="book", symbol=doors.symbol)
        first = await peer.of_channel("book", "snapshot")
        assert (first["bids"], first["asks"], first["symbol"]) == ([["0.030000", "5"]], [], doors.symbol)
        placed = await alice.place(doors.symbol, "sell", 2, "0.05")
        second = await peer.of_channel("book", "delta")
        assert (second["bids"], second["asks"]) == ([], [["0.050000", "2"]])
        assert (second["previous_sequence"], second["sequence"]) == (first["sequence"], placed.sequence)
        await alice.cancel(placed.order_id)
        third = await peer.of_channel("book", "delta")
        assert third["asks"] == [["0.050000", "0"]]
        assert third["previous_sequence"] == second["sequence"]


async def test_a_book_built_from_deltas_is_the_servers_book_after_random_flow(doors):
    dice = random.Random(7)
    async with await doors.client("alice") as alice, await doors.client("bob") as bob, connect(doors) as peer:
        await peer.ask("subscribe", channel="book", symbol=doors.symbol)
        snapshot = await peer.of_channel("book", "snapshot")
        async with alice.stream() as first, bob.stream() as second:
            for _ in range(10):
                await asyncio.gather(*(place_at_random(dice, stream, doors.symbol) for stream in (first, second) * 15))
        book = {"bids": dict(snapshot["bids"]), "asks": dict(snapshot["asks"])}
        tranche = doors.exchange.view.tranches[doors.exchange.view.tranche_by_symbol[doors.symbol]]
        sequence, deltas = snapshot["sequence"], 0
        while sequence < tranche.book.sequence:
            delta = await peer.of_channel("book", "delta")
            assert delta["previous_sequence"] == sequence
            take_delta(book, delta)
            sequence, deltas = delta["sequence"], deltas + 1
    assert deltas > 10
    assert book == levels_of(doors, doors.symbol)
    assert book["bids"] or book["asks"]


async def place_at_random(dice, stream, symbol):
    side = dice.choice(("buy", "sell"))
    price = f"0.0{dice.randrange(3_900, 4_100)}0"
    placed = await stream.place(symbol, side, dice.randrange(1, 20), price, self_trade="cancel_oldest")
    if placed.status == "open" and dice.random() < 0.3:
        with suppress(RefusedError):  # it may have been filled meanwhile
            await stream.cancel(placed.order_id)


async def test_a_book_tells_nothing_of_other_tranches(doors):
    async with await doors.client("alice") as alice, connect(doors) as peer:
        await peer.ask("subscribe", channel="book", symbol=doors.symbol)
        await alice.place(doors.other_symbol, "buy", 5, "0.03")
        placed = await alice.place(doors.symbol, "buy", 5, "0.03")
        await peer.of_channel("book", "snapshot")
        assert (await peer.of_channel("book"))["sequence"] == placed.sequence


async def test_a_second_subscription_gives_a_fresh_snapshot(doors):
    async with await doors.client("alice") as alice, connect(doors) as peer:
        await peer.ask("subscribe", channel="book", symbol=doors.symbol)
        await peer.of_channel("book", "snapshot")
        await alice.place(doors.symbol, "buy", 5, "0.03")
        await peer.of_channel("book", "delta")
        await peer.ask("subscribe", channel="book", symbol=doors.symbol)
        assert (await peer.of_channel("book"))["bids"] == [["0.030000", "5"]]


async def test_nothing_comes_after_unsubscribing(doors):
    async with await doors.client("alice") as alice, connect(doors) as peer:
        await peer.ask("subscribe", channel="trades", symbol=doors.symbol)
        await peer.of_channel("trades", "snapshot")
        await peer.ask("unsubscribe", channel="trades", symbol=doors.symbol)
        await alice.place(doors.symbol, "buy", 5, "0.04")
        await alice.place(doors.symbol, "sell", 5, "0.04", self_trade="none")
        await peer.ask("ping")
        assert peer.others == []


async def test_trades_come_for_one_tranche_or_for_all(doors):
    async with await doors.client("alice") as alice, connect(doors) as one, connect(doors) as both:
        await alice.place(doors.symbol, "buy", 1, "0.04")
        await alice.place(doors.symbol, "sell", 1, "0.04", self_trade="none")
        await one.ask("subscribe", channel="trades", symbol=doors.symbol)
        await both.ask("subscribe", channel="trades")
        for peer in (one, both):
            snapshot = await peer.of_channel("trades", "snapshot")
            assert [trade["quantity"] for trade in snapshot["trades"]] == ["1"]
        for symbol, quantity in ((doors.other_symbol, 2), (doors.symbol, 3)):
            await alice.place(symbol, "sell", quantity, "0.04")
            await alice.place(symbol, "buy", quantity, "0.04", self_trade="none")
        update = await one.of_channel("trades", "update")
        assert [(trade["quantity"], trade["taker_side"]) for trade in update["trades"]] == [("3", "buy")]
        updates = [await both.of_channel("trades", "update") for _ in range(2)]
        trades = [trade for update in updates for trade in update["trades"]]
    assert [(trade["symbol"], trade["quantity"]) for trade in trades] == [
        (doors.other_symbol, "2"),
        (doors.symbol, "3"),
    ]
    assert all(trade["id"].startswith(f"{trade['sequence']}-") for trade in trades)


async def test_tickers_begin_with_all_that_trade_and_go_on_with_what_changed(doors):
    async with await doors.client("alice") as alice, connect(doors) as peer:
        await peer.ask("subscribe", channel="ticker")
        snapshot = await peer.of_channel("ticker", "snapshot")
        assert len(snapshot["tickers"]) == len(doors.exchange.view.tranches)
        await asyncio.gather(*(alice.place(doors.symbol, "buy", 5, "0.03") for _ in range(10)))
        update = await peer.of_channel("ticker", "update")
        while update["tickers"][0]["best_bid_quantity"] != "50":
            update = await peer.of_channel("ticker", "update")
        assert [row["symbol"] for row in update["tickers"]] == [doors.symbol]
        assert update["tickers"][0]["best_bid"] == "0.030000"


async def test_a_halt_shows_in_the_ticker(doors):
    async with connect(doors) as peer:
        await peer.ask("subscribe", channel="ticker")
        await doors.admin.halt(doors.symbol)
        update = await peer.of_channel("ticker", "update")
        assert [(row["symbol"], row["state"]) for row in update["tickers"]] == [(doors.symbol, "halted")]


async def test_own_orders_and_fills_are_told_to_their_account_alone(doors):
    alice_key, bob_key = await doors.account("alice"), await doors.account("bob")
    async with connect(doors, alice_key) as alice, connect(doors, bob_key) as bob, connect(doors, bob_key) as trader:
        for peer in (alice, bob):
            await peer.ask("subscribe", channel="orders")
            assert (await peer.of_channel("orders", "snapshot"))["orders"] == []
        common = {"symbol": doors.symbol, "price": "0.04"}
        resting = (await alice.ask("place", side="sell", quantity="5", client_id="ask-1", **common))["result"]
        told = await alice.of_channel("orders", "update")
        assert [(row["order_id"], row["client_id"], row["status"]) for row in told["orders"]] == [
            (resting["order_id"], "ask-1", "open")
        ]
        taking = (await trader.ask("place", side="buy", quantity="3", client_id="bid-1", **common))["result"]
        maker, taker = await alice.of_channel("orders", "update"), await bob.of_channel("orders", "update")
    assert [(fill["client_id"], fill["side"], fill["liquidity"]) for fill in maker["fills"]] == [
        ("ask-1", "sell", "maker")
    ]
    assert [(fill["client_id"], fill["side"], fill["liquidity"]) for fill in taker["fills"]] == [
        ("bid-1", "buy", "taker")
    ]
    assert maker["fills"][0]["id"] == taker["fills"][0]["id"] == taking["trades"][0]["id"]
    assert maker["orders"][0]["remaining_quantity"] == "2"
    assert {row["client_id"] for row in taker["orders"]} == {"bid-1"}


async def test_a_fill_is_told_to_a_maker_whose_taker_does_not_listen(doors):
    async with connect(doors, await doors.account("alice")) as peer, await doors.client("bob") as bob:
        await peer.ask("place", symbol=doors.symbol, side="sell", quantity="5", price="0.04", client_id="ask-1")
        await peer.ask("subscribe", channel="orders")
        snapshot = await peer.of_channel("orders", "snapshot")
        assert [row["client_id"] for row in snapshot["orders"]] == ["ask-1"]
        await bob.place(doors.symbol, "buy", 5, "0.04")
        update = await peer.of_channel("orders", "update")
    assert [(row["client_id"], row["status"]) for row in update["orders"]] == [("ask-1", "filled")]
    assert [(fill["client_id"], fill["quantity"]) for fill in update["fills"]] == [("ask-1", "5")]


async def test_what_the_market_does_to_an_order_is_told_with_its_reason(doors):
    key = await doors.account("alice")
    async with connect(doors, key) as peer:
        await peer.ask("subscribe", channel="orders")
        await peer.ask("place", symbol=doors.symbol, side="sell", quantity="5", price="0.04")
        await peer.ask("place", symbol=doors.symbol, side="buy", quantity="5", price="0.04", self_trade="cancel_oldest")
        rows = []
        while not any(row["status"] == "cancelled" for row in rows):
            rows = (await peer.of_channel("orders", "update"))["orders"]
    assert {(row["side"], row["status"], row["reason"]) for row in rows} == {
        ("sell", "cancelled", "self_trade"),
        ("buy", "open", None),
    }


async def test_every_connection_hears_the_heartbeat(serve):
    async with serve(heartbeat_interval_s=0.05) as doors, connect(doors) as peer:
        beats = [await peer.of_channel("heartbeat") for _ in range(2)]
    assert beats[0].keys() == {"channel", "sequence", "time", "topics"}
    assert beats[0]["time"] < beats[1]["time"]


async def test_a_reader_that_does_not_keep_up_is_cut_off_by_name_and_delays_nobody(serve):
    limits = {"outbox_messages_max": 50, "outbox_bytes_max": 100_000, "address_weight_burst": 1_000_000}
    async with serve(**limits, heartbeat_interval_s=60.0) as doors:
        await fill_book(doors, levels=700)
        async with connect(doors) as sleeper, connect(doors) as reader:
            await ask_for_snapshots(sleeper, doors.symbol, 3_000)
            before = doors.exchange.view.sequence
            answer = await reader.ask("ping")
            assert before <= answer["result"]["sequence"] <= doors.exchange.view.sequence
            frame = await read_to_the_end(sleeper)
    assert (frame.type, frame.data, frame.extra) == (WSMsgType.CLOSE, 4008, "slow_consumer")


async def test_a_reader_that_never_comes_back_does_not_keep_its_place(serve):
    settings = {"outbox_messages_max": 50, "close_wait_s": 0.1, "connections_per_address_max": 1}
    async with serve(**settings) as doors, ClientSession(connector=TCPConnector(socket_factory=deaf)) as http:
        await fill_book(doors, levels=700)
        connections_before = len(doors.runner.server.connections)
        async with http.ws_connect(f"{doors.url}/v1/ws") as socket:
            with suppress(ConnectionError):
                for _ in range(100):
                    await ask_for_snapshots(Peer(socket), doors.symbol, 10, pause_s=0.005)
            await until(lambda: len(doors.runner.server.connections) == connections_before)
            async with connect(doors) as reader:
                assert (await reader.ask("ping"))["ok"]


def deaf(address):
    """A socket that takes in next to nothing by itself."""
    family, kind, protocol, _, _ = address
    made = socket_module.socket(family, kind, protocol)
    made.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_RCVBUF, 4_096)
    return made


async def fill_book(doors, levels):
    """Many prices, so that a snapshot is long."""
    account_id = (await doors.account("alice")).account_id
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    groups = [commands.place(account_id, instrument_id, Side.BUY, 30_000 + 10 * n, 1) for n in range(levels)]
    await asyncio.gather(*doors.exchange.submit_many(groups))
    assert doors.exchange.view.resting_orders == levels


async def ask_for_snapshots(peer, symbol, count, pause_s=0.2):
    """Ask for more than the buffers of both ends can hold, without reading any of it."""
    for name in range(count):
        await peer.send({"op": "subscribe", "id": name, "channel": "book", "symbol": symbol})
    await asyncio.sleep(pause_s)


async def read_to_the_end(peer):
    async with asyncio.timeout(30):
        while True:
            frame = await peer.socket.receive()
            if frame.type is not WSMsgType.TEXT:
                return frame


async def test_an_outbox_takes_so_many_messages_and_bytes_and_one_of_any_size():
    outbox = Outbox(messages_max=3, bytes_max=10)
    assert outbox.put(b"x" * 100)
    assert not outbox.put(b"y")
    sent = []

    async def send(message, _):
        sent.append(message)

    emptying = asyncio.create_task(outbox.send_all(send, Stages()))
    await outbox.sent()
    assert [outbox.put(b"z") for _ in range(4)] == [True, True, True, False]
    await outbox.sent()
    assert sent == [b"x" * 100, b"z", b"z", b"z"]
    emptying.cancel()


@pytest.mark.parametrize(("woken_at", "expected"), [(9, False), (10, True), (11, True)])
async def test_whoever_waits_for_a_sequence_is_woken_when_it_is_reached(woken_at, expected):
    waiters = SequenceWaiters()
    waiting = asyncio.create_task(waiters.wait(10, timeout_s=0.05))
    await asyncio.sleep(0)
    waiters.wake(woken_at)
    assert await waiting is expected
