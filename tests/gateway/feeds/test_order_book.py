"""Books order by order: what is told is what rests, in its order, and neither reserves nor accounts."""

import asyncio
from collections import defaultdict

from exchange import commands
from matching.schema import Side
from tests.gateway.client.test_streams import send_orders
from tests.gateway.doors import until
from tests.gateway.peer import connect


class KeptBook:
    """What a subscriber makes of the messages: orders by side and price, the oldest first."""

    def __init__(self, snapshot):
        self.sequence = snapshot["sequence"]
        self.orders = {}
        for side, rows in (("buy", snapshot["bids"]), ("sell", snapshot["asks"])):
            self.orders |= {order_id: (side, price, int(quantity)) for order_id, price, quantity in rows}

    def take(self, update):
        assert update["previous_sequence"] == self.sequence
        self.sequence = update["sequence"]
        for row in update["orders"]:
            assert (row["action"] == "added") == (row["order_id"] not in self.orders)
            self.orders[row["order_id"]] = (row["side"], row["price"], int(row["quantity"]))
            if row["action"] == "removed":
                assert row["quantity"] == "0"
                del self.orders[row["order_id"]]

    def levels(self, side):
        levels = defaultdict(int)
        for order_side, price, quantity in self.orders.values():
            if order_side == side:
                levels[price] += quantity
        return dict(levels)


async def follow(peer, doors):
    answer = await peer.ask("subscribe", channel="book.l3", symbol=doors.symbol)
    assert answer["ok"], answer
    return KeptBook(await peer.of_channel("book.l3", "snapshot"))


async def place(doors, side, price_ticks, lots, name="maker", **terms):
    account_id = (await doors.account(name)).account_id
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    reply = await doors.exchange.submit(commands.place(account_id, instrument_id, side, price_ticks, lots, **terms))
    return int(reply.events[-1]["order_id"])


async def test_orders_come_change_and_go_by_their_ids(doors):
    first = await place(doors, Side.SELL, 41_000, 5)
    async with connect(doors) as peer:
        assert (await follow(peer, doors)).orders == {first: ("sell", "0.041000", 5)}
        second = await place(doors, Side.SELL, 41_000, 3)
        update = await peer.of_channel("book.l3", "update")
        assert update["orders"] == [
            {"action": "added", "order_id": second, "side": "sell", "price": "0.041000", "quantity": "3"}
        ]
        await place(doors, Side.BUY, 41_000, 6, "taker")
        update = await peer.of_channel("book.l3", "update")
        assert [(row["action"], row["order_id"], row["quantity"]) for row in update["orders"]] == [
            ("removed", first, "0"),
            ("changed", second, "2"),
        ]


async def test_an_iceberg_shows_its_clip_and_joins_anew_with_the_next(doors):
    iceberg = await place(doors, Side.SELL, 41_000, 50, display_lots=4)
    behind = await place(doors, Side.SELL, 41_000, 1)
    async with connect(doors) as peer:
        book = await follow(peer, doors)
        assert list(book.orders.items()) == [
            (iceberg, ("sell", "0.041000", 4)),
            (behind, ("sell", "0.041000", 1)),
        ]
        await place(doors, Side.BUY, 41_000, 4, "taker")
        book.take(await peer.of_channel("book.l3", "update"))
        assert list(book.orders) == [behind, iceberg]
        assert book.orders[iceberg][2] == 4


async def test_a_quote_does_not_tell_whose_it_is(doors):
    account_id = (await doors.account("maker")).account_id
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    async with connect(doors) as peer, connect(doors) as later:
        book = await follow(peer, doors)
        for bid_lots in (3, 2):
            quote = commands.Quote(instrument_id, 39_000, bid_lots, 41_000, 1)
            await doors.exchange.submit(commands.mass_quote(account_id, [quote]))
            book.take(await peer.of_channel("book.l3", "update"))
        own_ids = {order.order_id for order in doors.exchange.view.open_orders(account_id)}
        assert len(book.orders) == len(own_ids) == 2
        assert own_ids.isdisjoint(book.orders)
        assert (await follow(later, doors)).orders == book.orders


async def test_what_is_kept_is_what_rests_after_full_flow_as_a_fresh_reading_of_the_venue_says_too(doors):
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    accounts = [(await doors.account(name)).account_id for name in ("alice", "bob")]
    await send_orders(doors.exchange, instrument_id, accounts, 0.3)
    async with connect(doors) as early, connect(doors) as late:
        flow = asyncio.create_task(send_orders(doors.exchange, instrument_id, accounts, 1.5))
        book = await follow(early, doors)
        await flow
        await place(doors, Side.BUY, 30_000, 1)
        last = doors.exchange.view.tranches[instrument_id].book.sequence
        while book.sequence < last:
            book.take(await early.of_channel("book.l3", "update"))
        served = doors.exchange.view.tranches[instrument_id].book
        for side, lots in (("buy", served.bids), ("sell", served.asks)):
            assert {int(price.replace(".", "")): quantity for price, quantity in book.levels(side).items()} == lots
        assert (await early.ask("unsubscribe", channel="book.l3", symbol=doors.symbol))["ok"]
        fresh = await follow(late, doors)
        assert len(fresh.orders) > 100
        assert in_priority(fresh) == in_priority(book)


def in_priority(book):
    """The orders of each price, the oldest first."""
    queues = defaultdict(list)
    for order_id, (side, price, quantity) in book.orders.items():
        queues[side, price].append((order_id, quantity))
    return queues


async def test_a_client_reads_a_book_order_by_order(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        updates = await stream.subscribe_order_book(doors.symbol)
        assert (await anext(updates)).bids == []
        placed = await stream.place(doors.symbol, "buy", 2, "0.039")
        (change,) = (await anext(updates)).orders
        assert (change.action, change.order_id, change.quantity) == ("added", placed.order_id, 2)


async def test_a_book_that_nobody_follows_any_more_is_forgotten(doors):
    async with connect(doors) as peer:
        await follow(peer, doors)
    (gateway,) = doors.runner.app.values()
    await until(lambda: not gateway.feed._order_books._books)
