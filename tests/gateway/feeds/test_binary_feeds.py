"""Books order by order and own events in binary frames: what is told is what happened, and nothing of anybody else."""

import asyncio
import struct

import numpy as np

from exchange import commands
from gateway.client import Client
from gateway.client.order_book import LocalOrderBook
from gateway.encoding.binary_frames import NOT_TOLD, Action, FrameKind, Part, read_frame, write_frame
from gateway.feeds.order_book import RestingOrders, read_orders
from matching.schema import EventKind, Side
from tests.gateway.client.test_streams import send_orders
from tests.gateway.doors import PATIENCE_S
from tests.gateway.feeds.test_order_book import KeptBook, place
from tests.gateway.peer import connect
from tests.gateway.sockets.test_binary_lane import example

SEQUENCE = slice(40, 48)


async def frame_of(peer):
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message = await peer.socket.receive()
            if isinstance(message.data, bytes):
                return read_frame(message.data)


async def follow(peer, doors):
    """Subscribe to a book in binary; its first frame."""
    answer = await peer.ask("subscribe", channel="book.l3", symbol=doors.symbol, encoding="binary")
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    assert (answer["result"]["encoding"], answer["result"]["instrument_id"]) == ("binary", instrument_id)
    frame = await frame_of(peer)
    assert (frame.kind, frame.request_id) == (FrameKind.BOOK, instrument_id)
    return frame


# Books.


async def test_orders_come_shrink_and_go_by_their_ids(doors):
    first = await place(doors, Side.SELL, 41_000, 5)
    async with connect(doors) as peer:
        snapshot = await follow(peer, doors)
        assert snapshot.records.tolist() == [(Action.ADDED, Side.SELL, 0, 41_000, first, 5, 0)]
        second = await place(doors, Side.SELL, 41_000, 3)
        added = await frame_of(peer)
        assert (added.kind, added.first_sequence) == (FrameKind.BOOK_CHANGES, snapshot.sequence)
        assert added.records.tolist() == [(Action.ADDED, Side.SELL, 0, 41_000, second, 3, second)]
        taker = await place(doors, Side.BUY, 41_000, 6, "taker")
        taken = await frame_of(peer)
        assert (taken.first_sequence, taken.sequence) == (added.sequence, doors.exchange.view.sequence)
        assert taken.records.tolist() == [
            (Action.REMOVED, Side.SELL, 0, 41_000, first, 0, taker),
            (Action.REDUCED, Side.SELL, 0, 41_000, second, 2, taker),
        ]


async def test_both_encodings_of_one_book_tell_the_same(doors):
    await place(doors, Side.BUY, 39_000, 5)
    async with connect(doors) as binary, connect(doors) as text:
        snapshot = await follow(binary, doors)
        await text.ask("subscribe", channel="book.l3", symbol=doors.symbol)
        kept = KeptBook(await text.of_channel("book.l3", "snapshot"))
        assert kept.sequence == snapshot.sequence
        book = LocalOrderBook(doors.symbol)
        book.take(snapshot)
        for lots in (3, 4):
            await place(doors, Side.SELL, 39_000, lots, "taker")
            assert book.take(await frame_of(binary))
            kept.take(await text.of_channel("book.l3", "update"))
        assert book.sequence == kept.sequence
        assert {(each.order_id, each.quantity) for each in book.orders("sell")} == {
            (order_id, quantity) for order_id, (_, _, quantity) in kept.orders.items()
        }
        assert (await binary.ask("unsubscribe", channel="book.l3", symbol=doors.symbol, encoding="binary"))["ok"]
        await place(doors, Side.SELL, 42_000, 1)
        assert (await text.of_channel("book.l3", "update"))["orders"][0]["quantity"] == "1"


async def test_a_quote_does_not_tell_whose_it_is(doors):
    account_id = (await doors.account("maker")).account_id
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    async with connect(doors) as peer:
        await follow(peer, doors)
        await doors.exchange.submit(
            commands.mass_quote(account_id, [commands.Quote(instrument_id, 39_000, 3, 41_000, 1)])
        )
        told = set((await frame_of(peer)).records["order_id"].tolist())
        assert len(told) == 2
        assert told.isdisjoint(order.order_id for order in doors.exchange.view.open_orders(account_id))


def of_server(found: RestingOrders):
    """Orders by side and price, the oldest first, as the venue links them."""
    queues = {}
    for order_id, side, price_ticks, lots in found.in_priority():
        queues.setdefault((side, price_ticks), []).append((order_id, lots))
    return queues


async def test_the_book_that_a_client_keeps_is_the_servers_after_random_flow(doors):
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    accounts = [(await doors.account(name)).account_id for name in ("alice", "bob")]
    await send_orders(doors.exchange, instrument_id, accounts, 0.3)
    async with Client(doors.url) as anyone, anyone.stream() as stream:
        flow = asyncio.create_task(send_orders(doors.exchange, instrument_id, accounts, 1.5))
        book = await stream.subscribe_l3(doors.symbol)
        await flow
        await place(doors, Side.BUY, 30_000, 1)
        served = await doors.exchange.look(
            lambda venue: read_orders(venue, instrument_id),
            lambda found: (of_server(found), doors.exchange.view.tranches[instrument_id].book.sequence),
        )
        async with asyncio.timeout(PATIENCE_S):
            while book.sequence < served[1]:
                await book.changed()
        kept = {}
        for side, number in (("buy", Side.BUY), ("sell", Side.SELL)):
            for order in book.orders(side):
                kept.setdefault((number, order.price_ticks), []).append((order.order_id, order.quantity))
            totals = {price: sum(lots for _, lots in queue) for (of, price), queue in kept.items() if of == number}
            assert dict(book.levels(side)) == totals
        assert len(kept) > 10
        assert kept == served[0]
        assert book.gaps == 0
        queue, *_ = kept.values()
        assert book.place_of(queue[0][0]) == (0, 0)
        assert book.place_of(1 << 60) is None


async def test_a_book_that_misses_a_frame_begins_again(doors):
    async with Client(doors.url) as anyone, anyone.stream() as stream:
        book = await stream.subscribe_l3(doors.symbol)
        await place(doors, Side.BUY, 39_000, 1)
        while not book.orders("buy"):
            await book.changed()
        lost = write_frame(FrameKind.BOOK_CHANGES, 1, first_sequence=book.sequence + 1, sequence=book.sequence + 2)
        assert not book.take(read_frame(lost))
        assert not book.is_whole
        book.is_whole = True  # as if it had not been noticed: the next frame is no continuation
        book.sequence -= 1
        await place(doors, Side.BUY, 39_000, 2)
        async with asyncio.timeout(PATIENCE_S):
            while len(book.orders("buy")) < 2:
                await book.changed()
        assert book.gaps == 2
        assert [order.quantity for order in book.orders("buy")] == [1, 2]


async def test_a_heartbeat_shows_what_a_quiet_book_has_missed(serve):
    async with serve(heartbeat_interval_s=0.1) as doors, Client(doors.url) as anyone, anyone.stream() as stream:
        await place(doors, Side.BUY, 39_000, 1)
        book = await stream.subscribe_l3(doors.symbol)
        book.sequence -= 1
        async with asyncio.timeout(PATIENCE_S):
            while book.gaps == 0 or not book.is_whole:
                await book.changed()
        assert len(book.orders("buy")) == 1


# Own events.


async def test_each_account_is_told_its_own_side_of_a_trade_and_not_the_other(doors):
    maker, taker = await doors.account("maker"), await doors.account("taker")
    async with connect(doors, maker) as first, connect(doors, taker) as second, connect(doors) as nobody:
        for peer in (first, second):
            assert (await peer.ask("subscribe", channel="events"))["ok"]
            begun = await frame_of(peer)
            assert (begun.kind, len(begun.records)) == (FrameKind.EVENTS, 0)
        assert (await nobody.ask("subscribe", channel="events"))["error"]["code"] == "not_logged_in"
        resting = await place(doors, Side.SELL, 41_000, 5)
        rested = await frame_of(first)
        assert rested.first_sequence <= begun.sequence
        assert rested.records["kind"].tolist() == [EventKind.RESTED]
        taking = await place(doors, Side.BUY, 41_000, 3, "taker")
        made, took = await frame_of(first), await frame_of(second)
    assert (made.first_sequence, made.sequence) == (rested.sequence, took.sequence)
    names = ("kind", "side", "order_id", "counter_order_id", "account_id", "counter_account_id", "quantity_lots")
    (row,) = made.records[[*names, "leaves_lots"]].tolist()
    assert row == (EventKind.TRADE, Side.SELL, resting, 0, maker.account_id, Part.MAKER, 3, NOT_TOLD)
    rows = took.records[[*names, "leaves_lots"]].tolist()
    assert rows[0] == (EventKind.TRADE, Side.BUY, taking, 0, taker.account_id, Part.TAKER, 3, 0)
    assert rows[1][0] == EventKind.FILLED
    assert made.records["price_ticks"].tolist() == [41_000]


async def test_own_events_add_up_to_own_orders_after_random_flow(doors):
    """Whoever starts from nothing and adds events up has the open orders, and the frames have no gap."""
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    async with await doors.client("alice") as alice, alice.stream() as stream:
        own_id = (await doors.account("alice")).account_id
        other_id = (await doors.account("bob")).account_id
        events = await stream.subscribe_events()
        sequence = (await anext(events)).sequence
        await send_orders(doors.exchange, instrument_id, [own_id, other_id], 1.0)
        last = await place(doors, Side.BUY, 30_000, 1, "alice")
        leaves, is_over = {}, False
        while not is_over:
            told = await anext(events)
            assert told.previous_sequence == sequence
            sequence = told.sequence
            assert set(told.records["account_id"].tolist()) == {own_id}
            follow_orders(leaves, told.records)
            is_over = last in leaves
    open_orders = {order.order_id: order.leaves_lots for order in doors.exchange.view.open_orders(own_id)}
    assert len(open_orders) > 10
    assert leaves == open_orders


def follow_orders(leaves: dict[int, int], records: np.ndarray) -> None:
    for row in records[["kind", "order_id", "quantity_lots", "leaves_lots", "counter_account_id"]].tolist():
        kind, order_id, quantity_lots, leaves_lots, part = row
        if kind in (EventKind.RESTED, EventKind.REPLACED):
            leaves[order_id] = leaves_lots
        elif kind in (EventKind.TRADE, EventKind.PREVENTED) and part == Part.MAKER:
            leaves[order_id] -= quantity_lots
        elif kind in (EventKind.CANCELLED, EventKind.WITHDRAWN, EventKind.REDUCED, EventKind.RESERVE_REMOVED):
            leaves[order_id] = leaves_lots
        if leaves.get(order_id) == 0:
            del leaves[order_id]


async def test_the_decoder_of_the_document_reads_what_is_told(doors):
    decode = example()["decode_push"]
    key = await doors.account("maker")
    async with connect(doors, key) as peer:
        await follow(peer, doors)
        await peer.ask("subscribe", channel="events")
        await frame_of(peer)
        order_id = await place(doors, Side.SELL, 41_000, 5)
        told = {}
        while len(told) < 2:
            message = await peer.socket.receive()
            if isinstance(message.data, bytes):
                kind, _, previous, sequence, records = decode(message.data)
                told[kind] = records
                assert previous < sequence == struct.unpack("<Q", message.data[SEQUENCE])[0]
    ((action, side, price_ticks, number, lots, sequence),) = told["book_changes"]
    assert (action, side, price_ticks, number, lots) == (Action.ADDED, Side.SELL, 41_000, order_id, 5)
    (event,) = told["events"]
    assert (event[0], event[5], event[11]) == (EventKind.RESTED, order_id, 5)
