import asyncio
import random
import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import pytest
from aiohttp import ClientConnectionError, web

from gateway.client import Client, LocalBook, RefusedError, StreamClosedError
from gateway.client.inbox import Inbox, InboxFullError
from gateway.client.terms import decimal_text, place_fields, target_fields
from tests.gateway.doors import PATIENCE_S, until


async def test_a_refusal_is_an_exception_with_all_that_the_exchange_says(doors):
    async with await doors.client("alice") as alice:
        with pytest.raises(RefusedError) as refused:
            await alice.place(doors.symbol, "buy", 5, "0.040001")
    error = refused.value
    assert (error.code, error.number, error.param, error.repeated) == ("price_off_tick", 106, "price", False)
    assert "price_step" in error.message


async def test_rest_and_stream_answer_alike(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        for door in (alice, stream):
            placed = await door.place(doors.symbol, "sell", 5, Decimal("0.0450"), client_id=f"ask-{id(door)}")
            assert (placed.status, placed.price, placed.quantity) == ("open", Decimal("0.045"), 5)
            changed = await door.replace(placed.order_id, price="0.046", quantity=4)
            assert (changed.price, changed.remaining_quantity) == (Decimal("0.046"), 4)
            assert (await door.cancel(client_id=f"ask-{id(door)}")).status == "cancelled"
            with pytest.raises(RefusedError, match="unknown_order"):
                await door.cancel(placed.order_id)


async def test_every_order_gets_a_client_id(doors):
    async with await doors.client("alice") as alice:
        first = await alice.place(doors.symbol, "buy", 1, "0.03")
        second = await alice.place(doors.symbol, "buy", 1, "0.03")
        assert first.client_id != second.client_id
        assert (await alice.order(client_id=first.client_id)).order_id == first.order_id


async def test_an_order_can_live_until_a_time(doors):
    async with await doors.client("alice") as alice:
        until_time = datetime.now(UTC) + timedelta(seconds=0.3)
        placed = await alice.place(doors.symbol, "buy", 1, "0.03", time_in_force="gtd", expires_time=until_time)
        assert placed.status == "open"
        await until(lambda: doors.exchange.view.resting_orders == 0)
        order = await alice.order(placed.order_id)
    assert (order.status, order.reason, order.time_in_force) == ("cancelled", "expired", "gtd")


async def test_all_pages_are_read(doors):
    async with Client(doors.url) as anyone:
        instruments = await anyone.instruments()
        assert [row.symbol for row in instruments] == list(doors.exchange.view.tranche_by_symbol)
        assert (await anyone.instrument(doors.symbol)).band_high == Decimal("0.06")
        assert (await anyone.book(doors.symbol)).bids == []
        assert await anyone.trades() == []
        assert (await anyone.status()).phase == "trading"


async def test_a_lost_answer_is_asked_for_again_without_a_second_order(doors):
    key = await doors.account("alice")
    async with LossyProxy(doors.url) as proxy, Client(proxy.url, key.key_id, key.secret) as alice:
        proxy.lost = 2
        placed = await alice.place(doors.symbol, "buy", 5, "0.03")
        assert (placed.status, placed.repeated) == ("open", True)
        proxy.lost = 1
        changed = await alice.replace(placed.order_id, price="0.031", quantity=4)
        assert (changed.price, changed.repeated) == (Decimal("0.031"), True)
        proxy.lost = 1
        cancelled = await alice.cancel(placed.order_id)
        assert (cancelled.status, cancelled.repeated) == ("cancelled", True)
        assert proxy.lost == 0
    assert (doors.exchange.view.resting_orders, doors.exchange.view.order(placed.order_id).status) == (0, "cancelled")


async def test_a_server_that_is_not_there_is_an_error_in_the_end(unused_tcp_port):
    async with Client(f"http://127.0.0.1:{unused_tcp_port}", timeout_s=0.2) as anyone:
        with pytest.raises(ClientConnectionError):
            await anyone.status()


class LossyProxy:
    """Passes requests on, and loses the first answers: what a client sees of a network that breaks."""

    def __init__(self, upstream):
        self.upstream = Client(upstream)
        self.base = upstream
        self.lost = 0

    async def __aenter__(self):
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.forward)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self.upstream.close()
        await self.runner.cleanup()

    async def forward(self, request):
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.upper().startswith("BWX")}
        url = self.base + request.raw_path
        async with self.upstream.session.request(request.method, url, data=body, headers=headers) as response:
            answer = web.Response(body=await response.read(), status=response.status)
        if self.lost:
            self.lost -= 1
            request.transport.abort()
        return answer


async def test_a_book_that_a_client_keeps_is_the_servers_after_random_flow(doors):
    dice = random.Random(11)
    alice, bob = await doors.client("alice"), await doors.client("bob")
    async with alice, bob, alice.stream() as first, bob.stream() as second, bob.stream() as watcher:
        book = await watcher.subscribe_book(doors.symbol)
        for _ in range(8):
            await asyncio.gather(*(act_at_random(dice, stream, doors.symbol) for stream in (first, second) * 15))
        served = doors.exchange.view.tranches[doors.exchange.view.tranche_by_symbol[doors.symbol]].book
        await until(lambda: book.sequence == served.sequence)
        assert book.resyncs == 0
        assert {int(price * 10**6): lots for price, lots in book.bids.items()} == dict(served.bids)
        assert {int(price * 10**6): lots for price, lots in book.asks.items()} == dict(served.asks)
        assert book.bids or book.asks
        whole = await alice.book(doors.symbol, depth=1_000)
        assert (whole.bids, whole.asks) == (book.levels("buy"), book.levels("sell"))


async def act_at_random(dice, stream, symbol):
    """Orders to either side of the middle, some crossing it; some change or leave."""
    side = dice.choice(("buy", "sell"))
    price = f"0.0{dice.randrange(3_900, 4_100)}0"
    placed = await stream.place(symbol, side, dice.randrange(1, 20), price, self_trade="cancel_oldest")
    with suppress(RefusedError):  # another order may have filled it meanwhile
        if dice.random() < 0.3:
            await stream.cancel(placed.order_id)
        elif dice.random() < 0.5:
            await stream.replace(placed.order_id, price=price, quantity=dice.randrange(1, 20))


async def test_a_book_with_a_gap_starts_again_by_itself(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        book = await stream.subscribe_book(doors.symbol)
        await stream.place(doors.symbol, "buy", 5, "0.03")
        await until(lambda: book.levels("buy") == [(Decimal("0.03"), 5)])
        book.sequence -= 1
        book.bids.clear()
        await stream.place(doors.symbol, "buy", 7, "0.031")
        await until(lambda: len(book.bids) == 2)
        assert (book.resyncs, book.is_whole) == (1, True)
        assert book.levels("buy", 1) == [(Decimal("0.031"), 7)]


def book_message(sequence, bids, asks, text, **chain):
    return {"sequence": sequence, "bids": bids, "asks": asks, "checksum": zlib.crc32(text.encode())} | chain


def test_a_local_book_refuses_what_does_not_continue_it():
    book = LocalBook("x")
    text = "0.050000:2|0.030000:1"
    assert book.restart(book_message(5, [["0.03", "1"]], [["0.05", "2"]], text))
    gone = [["0.030000", "0"]]
    assert not book.advance(book_message(7, gone, [], "0.050000:2|", previous_sequence=6))
    assert (book.best_bid, book.sequence, book.is_whole, book.broken_by) == (Decimal("0.03"), 5, False, "gap")
    assert book.restart(book_message(5, [["0.03", "1"]], [["0.05", "2"]], text))
    assert book.advance(book_message(7, gone, [], "0.050000:2|", previous_sequence=5))
    assert (book.best_bid, book.best_ask, book.sequence, book.resyncs) == (None, Decimal("0.05"), 7, 1)


def test_a_local_book_notices_a_level_that_is_not_the_exchanges():
    book = LocalBook("x")
    assert book.restart(book_message(5, [["0.03", "1"]], [], "|0.030000:1"))
    assert not book.advance(book_message(7, [["0.02", "4"]], [], "|0.030000:2,0.020000:4", previous_sequence=5))
    assert (book.is_whole, book.broken_by) == (False, "checksum")


async def test_trades_tickers_and_orders_are_iterated(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        trades = await stream.subscribe_trades()
        here = await stream.subscribe_trades(doors.symbol)
        tickers = await stream.subscribe_tickers()
        orders = await stream.subscribe_orders()
        await stream.place(doors.symbol, "sell", 2, "0.04")
        taken = await stream.place(doors.symbol, "buy", 2, "0.04", self_trade="none")
        async with asyncio.timeout(PATIENCE_S):
            for tape in (trades, here):
                trade = await anext(tape)
                assert (trade.id, trade.symbol, trade.quantity) == (taken.trades[0].id, doors.symbol, 2)
            assert len(await anext(tickers)) == len(doors.exchange.view.tranches)
            assert [row.traded_quantity for row in await anext(tickers)][-1] in (0, 2)
            fills = []
            while len(fills) < 2:
                fills += (await anext(orders)).fills
        assert {(fill.side, fill.liquidity) for fill in fills} == {("buy", "taker"), ("sell", "maker")}


async def test_a_stream_that_ends_tells_everybody_who_waits(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        book = await stream.subscribe_book(doors.symbol)
        trades = await stream.subscribe_trades()
        waiting = [asyncio.create_task(book.changed()), asyncio.create_task(anext(trades))]
        await asyncio.sleep(0)
        await doors.stop()
        for task in waiting:
            with pytest.raises(StreamClosedError) as closed:
                await task
            assert (closed.value.code, closed.value.reason) == (1001, "shutdown")
        with pytest.raises(StreamClosedError):
            await stream.ping()
        with pytest.raises(StreamClosedError):
            await book.changed()


async def test_a_stream_without_a_key_sees_the_market_but_cannot_trade(doors):
    async with Client(doors.url) as anyone, anyone.stream() as stream:
        assert (await stream.subscribe_book(doors.symbol)).levels("buy") == []
        with pytest.raises(RefusedError, match="not_logged_in"):
            await stream.place(doors.symbol, "buy", 1, "0.03")


async def test_a_stream_with_a_wrong_secret_does_not_open(doors):
    key = await doors.account("alice")
    async with Client(doors.url, key.key_id, "0" * 64) as impostor:
        with pytest.raises(RefusedError, match="bad_signature"):
            async with impostor.stream():
                pass


async def test_a_second_subscription_of_one_stream_is_an_error(doors):
    async with Client(doors.url) as anyone, anyone.stream() as stream:
        await stream.subscribe_trades()
        with pytest.raises(ValueError, match="already"):
            await stream.subscribe_trades()
        book = await stream.subscribe_book(doors.symbol)
        assert await stream.subscribe_book(doors.symbol) is book


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.0405", "0.0405"), (Decimal("4E-2"), "0.04"), (Decimal("1E+3"), "1000"), (7, "7")],
    ids=repr,
)
def test_numbers_are_written_out(value, text):
    assert decimal_text(value) == text


def test_an_order_without_a_price_is_a_market_order():
    assert place_fields("s", "buy", 5, None, {})["type"] == "market"
    fields = place_fields("s", "buy", 5, "0.04", {"client_id": "mine"})
    assert fields == {"symbol": "s", "side": "buy", "quantity": "5", "client_id": "mine", "price": "0.04"}
    assert orjson.loads(orjson.dumps(fields)) == fields


@pytest.mark.parametrize("names", [(None, None), (5, "mine")])
def test_an_order_has_one_name(names):
    with pytest.raises(ValueError, match="order_id or by client_id"):
        target_fields(*names)


async def test_an_inbox_that_nobody_empties_is_full_in_the_end():
    inbox = Inbox(messages_max=2)
    inbox.put({"n": 1})
    inbox.put({"n": 2})
    with pytest.raises(InboxFullError):
        inbox.put({"n": 3})
    inbox.end(StreamClosedError(1000, ""))
    messages = aiter(inbox)
    assert [await anext(messages), await anext(messages)] == [{"n": 1}, {"n": 2}]
    with pytest.raises(StreamClosedError):
        await anext(messages)
