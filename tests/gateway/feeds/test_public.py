"""Candles, the life of tranches and the strain of regions, as they are told."""

from exchange.venue.lifecycle import LifeState
from tests.gateway.feeds.test_scopes import next_message, rolling, windows_of
from tests.gateway.peer import connect

__all__ = ["rolling"]


async def trade(doors, alice, bob, lots, price):
    await alice.place(doors.symbol, "sell", lots, price)
    await bob.place(doors.symbol, "buy", lots, price)


async def test_a_candle_is_what_was_traded_in_its_interval(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob, connect(doors) as peer:
        await trade(doors, alice, bob, 2, "0.040")
        answer = await peer.ask("subscribe", channel="candles", symbol=doors.symbol, interval="1h")
        assert (answer["result"]["symbol"], answer["result"]["interval"]) == (doors.symbol, "1h")
        first = await peer.of_channel("candles", "snapshot")
        for lots, price in ((1, "0.042"), (3, "0.039"), (1, "0.041")):
            await trade(doors, alice, bob, lots, price)
        told = [(await peer.of_channel("candles", "update"))["candles"] for _ in range(3)]
    candles = {row["start"]: row for rows in [first["candles"], *told] for row in rows}
    if len(candles) == 1:  # the hour did not end meanwhile
        (row,) = candles.values()
        assert (row["open"], row["high"], row["low"], row["close"]) == ("0.040000", "0.042000", "0.039000", "0.041000")
        assert row["start"].endswith(":00:00Z")
    assert sum(int(row["quantity"]) for row in candles.values()) == 7
    assert sum(row["trades"] for row in candles.values()) == 4


async def test_a_client_reads_candles(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob, alice.stream() as stream:
        candles = await stream.subscribe_candles(doors.symbol, "5m")
        assert await anext(candles) == []
        await trade(doors, alice, bob, 2, "0.040")
        assert [(row.quantity, row.trades) for row in await anext(candles)] == [(2, 1)]


async def test_candles_have_intervals_of_their_own(doors):
    async with connect(doors) as peer:
        for channel, interval in (("candles", "100ms"), ("book", "1m"), ("candles", "2m")):
            refused = await peer.ask("subscribe", channel=channel, symbol=doors.symbol, interval=interval)
            assert (refused["error"]["code"], refused["error"]["param"]) == ("invalid_value", "interval")


async def test_the_life_of_a_tranche_is_told_step_by_step(rolling):
    first, *_ = windows_of(rolling)
    async with connect(rolling) as peer:
        await peer.ask("subscribe", channel="instruments")
        snapshot = await peer.of_channel("instruments", "snapshot")
        assert {row["symbol"] for row in snapshot["instruments"]} == set(rolling.exchange.view.tranche_by_symbol)
        await rolling.admin.halt(rolling.symbol)
        halted = await peer.of_channel("instruments", "update")
        assert [(row["symbol"], row["state"], row["was_listed"]) for row in halted["instruments"]] == [
            (rolling.symbol, "halted", True)
        ]
        while (message := await next_message(peer)).get("channel") != "instruments":
            pass
        assert [(row["symbol"], row["state"]) for row in message["instruments"]] == [(first, "gate_closed")]
    closed = rolling.exchange.view.tranches[rolling.exchange.view.tranche_by_symbol[first]]
    assert closed.state == LifeState.GATE_CLOSED


async def test_the_strain_of_regions_is_told_when_it_changes(doors):
    async with connect(doors) as peer:
        await peer.ask("subscribe", channel="strain")
        snapshot = await peer.of_channel("strain", "snapshot")
        assert [row["region"] for row in snapshot["regions"]] == ["eu-fra", "us-nyc"]
        await doors.admin.set_utilisation({"us-nyc": 700_000})
        update = await peer.of_channel("strain", "update")
        assert [(row["region"], row["utilisation_ppm"]) for row in update["regions"]] == [("us-nyc", 700_000)]
