"""Who comes back asks for what it missed, and gets all of it once, or is told that it is not kept."""

import asyncio

import pytest

from exchange import commands
from exchange.service import Exchange
from gateway.client import RefusedError
from gateway.errors import ApiError
from gateway.feeds import order_history, recent_batches
from gateway.feeds.order_history import AccountHistory, OrderHistory
from gateway.feeds.own_orders import Happened, happened
from gateway.feeds.recent_batches import RecentBatches
from tests.exchange.view.markets import ALICE, BOB, BUY, SELL, WINDOW, open_market
from tests.gateway.conftest import LIMITS
from tests.gateway.doors import PATIENCE_S
from tests.gateway.peer import connect


async def trade(doors, alice, bob, lots, price="0.04"):
    await alice.place(doors.symbol, "sell", lots, price)
    return await bob.place(doors.symbol, "buy", lots, price)


async def test_fills_after_a_sequence_are_told_once_and_go_on_without_a_gap(doors):
    key = await doors.account("alice")
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        async with connect(doors, key) as peer:
            await peer.ask("subscribe", channel="fills")
            await trade(doors, alice, bob, 1)
            seen = await peer.of_channel("fills", "update")
        missed = [await trade(doors, alice, bob, lots) for lots in (2, 3)]
        async with connect(doors, key) as peer:
            assert (await peer.ask("subscribe", channel="fills", since_sequence=seen["sequence"]))["ok"]
            again = await peer.of_channel("fills", "replay")
            later = await trade(doors, alice, bob, 4)
            after = await peer.of_channel("fills")
    assert [fill["id"] for fill in again["fills"]] == [each.trades[0].id for each in missed]
    assert again["since_sequence"] == seen["sequence"]
    assert (after["type"], [fill["id"] for fill in after["fills"]]) == ("update", [later.trades[0].id])


async def test_a_sequence_within_a_batch_divides_its_fills(doors):
    key = await doors.account("alice")
    async with await doors.client("bob") as bob, connect(doors, key) as peer:
        await peer.ask("subscribe", channel="fills")
        orders = [{"symbol": doors.symbol, "side": "sell", "quantity": "1", "price": "0.04"}] * 3
        await asyncio.gather(*(doors.ask("POST", "/v1/orders", key, order) for order in orders))
        taken = await asyncio.gather(*(bob.place(doors.symbol, "buy", 1, "0.04") for _ in range(3)))
        sequences = sorted(each.sequence for each in taken)
        await peer.ask("subscribe", channel="fills", since_sequence=sequences[0])
        again = await peer.of_channel("fills", "replay")
    assert [fill["sequence"] for fill in again["fills"]] == sequences[1:]


async def test_orders_after_a_sequence_are_told_as_they_are_now(doors):
    key = await doors.account("alice")
    async with await doors.client("alice") as alice, await doors.client("bob") as bob, connect(doors, key) as peer:
        await peer.ask("subscribe", channel="orders")
        untouched = await alice.place(doors.symbol, "buy", 1, "0.03")
        ended, changed = [await alice.place(doors.symbol, "sell", 5, price) for price in ("0.041", "0.042")]
        since = changed.sequence
        await alice.cancel(ended.order_id)
        taken = await bob.place(doors.symbol, "buy", 2, "0.042")
        await peer.ask("subscribe", channel="orders", since_sequence=since)
        again = await peer.of_channel("orders", "replay")
    assert untouched.status == "open"
    assert [(row["order_id"], row["status"], row["remaining_quantity"]) for row in again["orders"]] == [
        (ended.order_id, "cancelled", "0"),
        (changed.order_id, "open", "3"),
    ]
    assert [fill["id"] for fill in again["fills"]] == [taken.trades[0].id]


async def test_what_happened_before_the_first_subscription_is_told_too(doors):
    key = await doors.account("alice")
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        read = doors.exchange.view.sequence
        taken = await trade(doors, alice, bob, 2)
        async with connect(doors, key) as peer:
            await peer.ask("subscribe", channel="fills", since_sequence=read)
            again = await peer.of_channel("fills", "replay")
    assert [fill["id"] for fill in again["fills"]] == [taken.trades[0].id]


async def test_fills_from_before_a_start_of_the_server_are_refused_by_name(doors):
    key = await doors.account("alice")
    async with connect(doors, key) as peer:
        refused = await peer.ask("subscribe", channel="fills", since_sequence=1)
        assert (refused["error"]["code"], refused["error"]["param"]) == ("replay_not_kept", "since_sequence")
        assert (await peer.ask("unsubscribe", channel="fills"))["error"]["code"] == "not_subscribed"
        assert (await peer.ask("subscribe", channel="fills"))["ok"]


async def test_a_sequence_that_is_not_reached_is_refused_by_name(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        with pytest.raises(RefusedError, match="sequence_not_reached"):
            await stream.subscribe_orders(since_sequence=doors.exchange.view.sequence + 1_000)
        assert (await anext(await stream.subscribe_orders())).type == "snapshot"


@pytest.mark.parametrize("channel", ["trades", "ticker", "positions", "account"])
async def test_other_channels_take_no_sequence(doors, channel):
    async with connect(doors, await doors.account("alice")) as peer:
        refused = await peer.ask("subscribe", channel=channel, since_sequence=1)
        assert (refused["error"]["code"], refused["error"]["param"]) == ("unknown_field", "since_sequence")


async def test_a_client_follows_its_fills_from_a_sequence_on(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        since = doors.exchange.view.sequence
        taken = [await trade(doors, alice, bob, lots) for lots in (1, 2)]
        fills = alice.follow_fills(since)
        async with asyncio.timeout(PATIENCE_S):
            assert [(await anext(fills)).id for _ in taken] == [each.trades[0].id for each in taken]
        await fills.aclose()


def test_a_history_that_is_full_says_how_far_it_reaches(monkeypatch):
    monkeypatch.setattr(order_history, "KEPT_PER_ACCOUNT", 4)
    history = AccountHistory(complete_after=10)
    for sequence in (11, 12, 13):
        history.add(Happened({sequence: sequence}, [{"sequence": sequence}]))
    assert (len(history), history.complete_after) == (4, 11)
    assert history.orders_since(11) == [12, 13]
    assert history.fills_since(12) == [b'{"sequence":13}']


def test_the_largest_history_gives_way_when_there_is_too_much_in_all(monkeypatch):
    monkeypatch.setattr(order_history, "KEPT_MAX", 10)
    market = open_market()
    history = OrderHistory(market.view, RecentBatches(market.view))
    for account_id in (ALICE, BOB):
        history.follow(account_id)
    market.place(BOB, BUY, 39_000, 1)
    for _ in range(12):
        batch = market.send(commands.place(ALICE, WINDOW, SELL, 41_000, 1))
        history.note(happened(market.view, batch, history.account_ids))
    assert len(history.since("orders", ALICE, market.view.sequence)["orders"]) == 0
    assert 1 <= len(history._accounts[ALICE]) <= 10
    assert history._accounts[ALICE].complete_after > history._accounts[BOB].complete_after


def test_the_latest_batches_of_the_market_are_dropped_whole_and_it_is_known_from_where_on_they_are_there(monkeypatch):
    monkeypatch.setattr(recent_batches, "RECENT_EVENTS_MAX", 20)
    market = open_market()
    recent = RecentBatches(market.view)
    history = OrderHistory(market.view, recent)
    recent.start()
    begun, placed = market.view.sequence, []
    for _ in range(10):
        batch = market.send(commands.place(ALICE, WINDOW, SELL, 41_000, 1))
        placed.append(market.view.sequence)
        for each in (batch, market.send()):  # nothing happens to orders in the second one
            recent.note(each)
    assert recent._events <= 20
    assert all(each.batch.figures is None and not len(each.batch.commands) for each in recent._batches)
    with pytest.raises(ApiError, match="not told again"):
        history.since("orders", ALICE, begun)
    kept_after = history._accounts[ALICE].complete_after
    told = history.since("orders", ALICE, kept_after)["orders"]
    assert [row["order_id"] for row in told] == [sequence for sequence in placed if sequence > kept_after]
    assert 3 < len(told) < 10


async def test_nothing_is_kept_over_a_restart_and_that_is_said(tmp_path, serve, exchange):
    async with serve() as doors:
        key = await doors.account("alice")
        since = exchange.view.sequence
    await exchange.close()
    reopened = await Exchange.open(tmp_path / "exchange", limits=LIMITS, synchronous="OFF")
    history = OrderHistory(reopened.view, RecentBatches(reopened.view))
    assert history.account_ids == set()
    history.follow(key.account_id)
    assert history._accounts[key.account_id].complete_after == reopened.view.sequence >= since
    await reopened.close()
