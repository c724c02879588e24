"""Subscriptions that follow the calendar: the next so many windows, whatever they are called."""

import asyncio
import time

import pytest

from exchange import commands
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Event, Tier
from matching.schema import Side
from tests.gateway.doors import NANO_PER_S
from tests.gateway.peer import connect

WINDOW_S = 180
PATIENCE_S = 8.0
SCOPE = {"region": "us-nyc", "tier": "be", "windows": 2}


@pytest.fixture
async def rolling(doors):
    """The doors, with windows of three minutes, of which the first closes in two to three seconds."""
    start_ns = (time.time_ns() // (WINDOW_S * NANO_PER_S) + 2) * WINDOW_S * NANO_PER_S
    lead_s = (start_ns - time.time_ns()) // NANO_PER_S - 2
    series = commands.define_series(
        4,
        2,
        Tier.BE,
        first_start_ns=start_ns,
        duration_s=WINDOW_S,
        gate_lead_s=lead_s,
        horizon_s=4 * WINDOW_S,
        reference_ticks=40_000,
        price_step_ticks=10,
        quantity_max_lots=100,
    )
    for command in (series, commands.resume_market()):
        reply = await doors.exchange.submit(command)
        assert reply.events[-1]["kind"] != Event.REJECTED, reply.events[-1]
    return doors


def windows_of(doors, prefix="us-nyc.be."):
    tranches = [each for each in doors.exchange.view.tranches.values() if each.symbol.startswith(prefix)]
    return [each.symbol for each in sorted(tranches, key=lambda each: each.start_ns)]


async def test_a_scope_rolls_when_a_gate_closes_and_tells_what_joined_and_left(rolling):
    first, second, third, *_ = windows_of(rolling)
    async with connect(rolling) as peer:
        answer = (await peer.ask("subscribe", channel="book", scope=SCOPE, depth=10))["result"]
        assert (answer["scope"], answer["symbols"], answer["depth"]) == (SCOPE, [first, second], 10)
        assert {(await peer.of_channel("book", "snapshot"))["symbol"] for _ in range(2)} == {first, second}
        async with asyncio.timeout(PATIENCE_S):
            while (message := await next_message(peer)).get("channel") != "scope":
                pass
        assert (message["joined"], message["left"], message["of"], message["depth"]) == ([third], [first], "book", 10)
        assert (await peer.of_channel("book", "snapshot"))["symbol"] == third
        await buy(rolling, third)
        assert (await peer.of_channel("book", "delta"))["symbol"] == third
        assert (await peer.ask("unsubscribe", channel="book", scope=SCOPE, depth=10))["ok"]
        await buy(rolling, second)
        await peer.ask("ping")
        assert [each for each in peer.others if each.get("channel") == "book"] == []


async def next_message(peer):
    async with asyncio.timeout(PATIENCE_S):
        return await peer.socket.receive_json()


async def buy(doors, symbol):
    account_id = (await doors.account("maker")).account_id
    instrument_id = doors.exchange.view.tranche_by_symbol[symbol]
    await doors.exchange.submit(commands.place(account_id, instrument_id, Side.BUY, 39_000, 1))


async def test_a_client_has_the_books_of_a_scope_as_they_come_and_go(rolling):
    first, second, third, *_ = windows_of(rolling)
    async with await rolling.client("alice") as alice, alice.stream() as stream:
        books = await stream.subscribe_books(interval="100ms", **SCOPE)
        assert list(books.books) == [first, second]
        async with asyncio.timeout(PATIENCE_S):
            await books.rolled()
            assert list(books.books) == [second, third]
            while not books.books[third].is_whole:
                await books.books[third].changed()
    closed = rolling.exchange.view.tranche_by_symbol[first]
    assert rolling.exchange.view.tranches[closed].state >= LifeState.GATE_CLOSED


async def test_a_scope_may_be_a_region_or_a_tier_alone(doors):
    async with connect(doors) as peer:
        of_region = await peer.ask("subscribe", channel="trades", scope={"region": "us-nyc"})
        assert of_region["result"]["symbols"] == windows_of(doors, "us-nyc.")
        of_tier = await peer.ask("subscribe", channel="ticker", scope={"tier": "ef", "duration": "PT1H"})
        assert set(of_tier["result"]["symbols"]) == {*windows_of(doors, "us-nyc.ef."), *windows_of(doors, "eu-fra.ef.")}
        nothing = await peer.ask("subscribe", channel="ticker", scope={"tier": "ef", "duration": "PT15M"})
        assert nothing["result"]["symbols"] == []


async def test_tickers_of_a_scope_are_told_by_symbol(doors):
    async with connect(doors) as peer:
        await peer.ask("subscribe", channel="ticker", scope={"region": "eu-fra", "tier": "ef", "windows": 1})
        first = await peer.of_channel("ticker", "snapshot")
        assert [row["symbol"] for row in first["tickers"]] == [first["symbol"]]
        await buy(doors, doors.symbol)
        await buy(doors, first["symbol"])
        update = await peer.of_channel("ticker", "update")
        assert [row["symbol"] for row in update["tickers"]] == [update["symbol"]] == [first["symbol"]]


async def test_a_tranche_that_is_followed_by_name_too_stays_when_its_scope_goes(doors):
    scope = {"region": "eu-fra", "tier": "ef"}
    async with connect(doors) as peer:
        await peer.ask("subscribe", channel="book", symbol=doors.symbol)
        await peer.ask("subscribe", channel="book", scope=scope)
        await peer.ask("unsubscribe", channel="book", scope=scope)
        for symbol in (doors.other_symbol, doors.symbol):
            await buy(doors, symbol)
        delta = await peer.of_channel("book", "delta")
        assert delta["symbol"] == doors.symbol


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"channel": "book", "scope": {}}, "missing_field", "scope"),
        ({"channel": "book", "scope": {"windows": 4}}, "missing_field", "scope"),
        ({"channel": "book", "scope": {"region": "moon"}}, "unknown_region", "region"),
        ({"channel": "book", "scope": {"tier": "gold"}}, "invalid_value", "scope"),
        ({"channel": "book", "scope": {"tier": "ef", "windows": 0}}, "invalid_value", "scope"),
        ({"channel": "orders", "scope": {"tier": "ef"}}, "unknown_field", "scope"),
    ],
    ids=str,
)
async def test_a_scope_that_means_nothing_is_refused_by_name(doors, fields, code, param):
    async with connect(doors, await doors.account("alice")) as peer:
        refused = await peer.ask("subscribe", **fields)
        assert (refused["error"]["code"], refused["error"]["param"]) == (code, param)


async def test_a_scope_is_within_the_limit_of_subscriptions_or_refused_whole(serve):
    async with serve(subscriptions_per_connection_max=3) as doors, connect(doors) as peer:
        refused = await peer.ask("subscribe", channel="trades", scope={"region": "us-nyc"})
        assert refused["error"]["code"] == "too_many_subscriptions"
        taken = await peer.ask("subscribe", channel="trades", scope={"region": "us-nyc", "windows": 3})
        assert len(taken["result"]["symbols"]) == 3


async def test_heartbeats_tell_how_far_every_topic_has_come(serve):
    async with serve(heartbeat_interval_s=0.2) as doors:
        key = await doors.account("alice")
        async with connect(doors, key) as peer:
            await peer.ask("subscribe", channel="book", symbol=doors.symbol, depth=10)
            for channel in ("trades", "fills"):
                await peer.ask("subscribe", channel=channel)
            quiet = (await peer.of_channel("fills"))["sequence"]
            await buy(doors, doors.symbol)
            delta = await peer.of_channel("book", "delta")
            beat = await peer.of_channel("heartbeat")
            while beat["sequence"] < delta["sequence"]:
                beat = await peer.of_channel("heartbeat")
    told = {topic["channel"]: topic for topic in beat["topics"]}
    assert told.keys() == {"book", "trades", "fills"}
    assert (told["book"]["symbol"], told["book"]["depth"]) == (doors.symbol, 10)
    assert (told["book"]["sequence"], told["fills"]["sequence"]) == (delta["sequence"], quiet)
