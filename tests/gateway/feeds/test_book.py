"""Books as they are told: cut to a depth, conflated, each message with its checksum, and told again on request."""

import asyncio
import zlib

import pytest

from exchange import commands
from gateway.client import Client
from matching.schema import Side
from tests.gateway.doors import until
from tests.gateway.peer import connect

STEP_TICKS = 10


async def place_levels(doors, side, first_ticks, count, lots=1):
    """Orders at `count` prices, each a step further away from the other side than the one before."""
    account_id = (await doors.account("maker")).account_id
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    sign = 1 if side == Side.SELL else -1
    prices = [first_ticks + sign * STEP_TICKS * n for n in range(count)]
    placed = [commands.place(account_id, instrument_id, side, price, lots) for price in prices]
    replies = await asyncio.gather(*doors.exchange.submit_many(placed))
    return account_id, [int(reply.events[-1]["order_id"]) for reply in replies]


async def follow(peer, doors, **options):
    answer = await peer.ask("subscribe", channel="book", symbol=doors.symbol, **options)
    assert answer["ok"], answer
    return answer["result"], await peer.of_channel("book", "snapshot")


def checksum_of(bids, asks):
    """As docs/api.md says it."""
    text = "|".join(",".join(":".join(level) for level in side[:10]) for side in (asks, bids))
    return zlib.crc32(text.encode())


async def test_a_book_of_ten_levels_tells_what_comes_into_sight_and_what_leaves_it(doors):
    async with connect(doors) as peer:
        account_id, (best, *_) = await place_levels(doors, Side.SELL, 41_000, 12)
        answer, first = await follow(peer, doors, depth=10)
        assert (answer["depth"], answer["interval"]) == (10, "raw")
        assert [price for price, _ in first["asks"]] == [f"0.0410{n}0" for n in range(10)]
        await doors.exchange.submit(commands.cancel(account_id, order_id=best))
        second = await peer.of_channel("book", "delta")
        assert sorted(second["asks"]) == [["0.041000", "0"], ["0.041100", "1"]]
        assert (second["previous_sequence"], second["depth"]) == (first["sequence"], 10)


async def test_what_happens_beyond_the_depth_is_not_told(doors):
    async with connect(doors) as peer:
        await place_levels(doors, Side.SELL, 41_000, 10)
        await follow(peer, doors, depth=10)
        await place_levels(doors, Side.SELL, 42_000, 3)
        await place_levels(doors, Side.SELL, 40_900, 1)
        delta = await peer.of_channel("book", "delta")
        assert sorted(delta["asks"]) == [["0.040900", "1"], ["0.041090", "0"]]


async def test_every_message_has_the_checksum_that_the_document_defines(doors):
    async with connect(doors) as peer:
        await place_levels(doors, Side.SELL, 41_000, 12, lots=3)
        await place_levels(doors, Side.BUY, 39_000, 2)
        _, first = await follow(peer, doors)
        assert first["checksum"] == checksum_of(first["bids"], first["asks"])
        await place_levels(doors, Side.BUY, 39_100, 1, lots=7)
        delta = await peer.of_channel("book", "delta")
        assert delta["checksum"] == checksum_of([*delta["bids"], *first["bids"]], first["asks"])


def test_the_checksum_of_the_example_in_the_document():
    assert zlib.crc32(b"0.040500:6,0.040600:2|0.040300:5") == 468_759_269


async def deltas_until(peer, sequence):
    deltas = []
    while not deltas or deltas[-1]["sequence"] < sequence:
        deltas.append(await peer.of_channel("book", "delta"))
    return deltas


async def test_a_conflated_book_tells_the_net_change_of_a_tenth_of_a_second(doors):
    async with connect(doors) as conflated, connect(doors) as raw:
        _, first = await follow(conflated, doors, interval="100ms")
        await follow(raw, doors)
        for lots in range(1, 31):
            account_id, (gone,) = await place_levels(doors, Side.SELL, 41_000, 1, lots)
            await doors.exchange.submit(commands.cancel(account_id, order_id=gone))
        await place_levels(doors, Side.BUY, 39_000, 1)
        sequence = doors.exchange.view.tranches[doors.exchange.view.tranche_by_symbol[doors.symbol]].book.sequence
        every, net = await deltas_until(raw, sequence), await deltas_until(conflated, sequence)
    assert len(every) == 61
    assert len(net) < len(every) / 2
    assert [each["previous_sequence"] for each in net] == [each["sequence"] for each in [first, *net[:-1]]]
    assert (net[-1]["bids"], net[-1]["checksum"]) == ([["0.039000", "1"]], every[-1]["checksum"])


async def test_all_who_follow_a_book_in_the_same_way_get_the_same_bytes(doors):
    async with connect(doors) as one, connect(doors) as other:
        for peer in (one, other):
            await follow(peer, doors, depth=25)
        await place_levels(doors, Side.SELL, 41_000, 1)
        received = [await peer.socket.receive_str() for peer in (one, other)]
        assert received[0] == received[1]


async def test_a_fresh_snapshot_comes_on_request_and_the_chain_goes_on_from_it(doors):
    async with connect(doors) as peer:
        await follow(peer, doors, depth=10)
        await place_levels(doors, Side.SELL, 41_000, 1)
        await peer.of_channel("book", "delta")
        assert (await peer.ask("resync", channel="book", symbol=doors.symbol, depth=10))["ok"]
        again = await peer.of_channel("book", "snapshot")
        assert again["asks"] == [["0.041000", "1"]]
        await place_levels(doors, Side.BUY, 39_000, 1)
        assert (await peer.of_channel("book", "delta"))["previous_sequence"] == again["sequence"]


async def test_only_what_is_subscribed_is_told_afresh(doors):
    async with connect(doors) as peer:
        await follow(peer, doors, depth=10)
        refused = await peer.ask("resync", channel="book", symbol=doors.symbol, depth=25)
        assert refused["error"]["code"] == "not_subscribed"


async def test_one_connection_follows_a_book_in_several_ways(doors):
    async with connect(doors) as peer:
        for options in ({"depth": 10}, {"depth": 100, "interval": "100ms"}, {}):
            await follow(peer, doors, **options)
        await place_levels(doors, Side.SELL, 41_000, 1)
        deltas = [await peer.of_channel("book", "delta") for _ in range(3)]
        assert {(each["depth"], each["interval"]) for each in deltas} == {
            (10, "raw"),
            (100, "100ms"),
            ("all", "raw"),
        }


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"channel": "book", "depth": 11}, "invalid_value", "depth"),
        ({"channel": "book", "depth": "10"}, "invalid_value", "depth"),
        ({"channel": "book", "interval": "1s"}, "invalid_value", "interval"),
        ({"channel": "trades", "depth": 10}, "unknown_field", "depth"),
        ({"channel": "trades", "interval": "raw"}, "unknown_field", "interval"),
    ],
    ids=str,
)
async def test_options_that_a_channel_does_not_have_are_refused_by_name(doors, fields, code, param):
    async with connect(doors) as peer:
        refused = await peer.ask("subscribe", symbol=doors.symbol, **fields)
        assert (refused["error"]["code"], refused["error"]["param"]) == (code, param)


async def test_a_client_whose_book_is_wrong_asks_for_a_new_one_by_itself_and_says_why(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        await place_levels(doors, Side.SELL, 41_000, 3)
        book = await stream.subscribe_book(doors.symbol, depth=10)
        book.asks[book.best_ask] += 1
        await stream.place(doors.symbol, "buy", 7, "0.031")
        await until(lambda: book.is_whole and book.resyncs == 1)
        assert book.broken_by == "checksum"
        assert [quantity for _, quantity in book.levels("sell")] == [1, 1, 1]
        assert len(book.bids) == 1


async def test_a_client_notices_at_a_heartbeat_that_the_last_message_of_a_quiet_book_is_missing(serve):
    async with serve(heartbeat_interval_s=0.1) as doors, Client(doors.url) as anyone, anyone.stream() as stream:
        await place_levels(doors, Side.SELL, 41_000, 3)
        book = await stream.subscribe_book(doors.symbol)
        book.sequence -= 1
        book.asks.clear()
        await until(lambda: book.is_whole and book.resyncs == 1)
        assert (book.broken_by, len(book.asks)) == ("gap", 3)
