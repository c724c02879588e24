"""Own fills, positions, margin and deliveries, each on a channel of its own."""

import asyncio
from decimal import Decimal

from gateway.client import AllocationChange, DeliveriesUpdate
from gateway.feeds.account import DELIVERY_KINDS, deliveries_update
from gateway.feeds.account_events import account_events
from tests.exchange.venue.delivery_market import BUYER, GRACE_S, SLOT_S, DeliveryMarket
from tests.gateway.clearing.test_deliveries import deliver
from tests.gateway.doors import PATIENCE_S
from tests.gateway.peer import connect

PRIVATE = ("orders", "fills", "positions", "margin", "deliveries", "account")


async def nothing_more(stream, updates):
    """Whether a channel is silent about all that happened before now."""
    waiting = asyncio.ensure_future(anext(updates))
    await stream.ping()
    await asyncio.sleep(0.05)
    is_silent = not waiting.done()
    waiting.cancel()
    return is_silent


async def test_fills_are_told_alone_and_an_order_that_rests_is_none(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob, alice.stream() as stream:
        fills = await stream.subscribe_fills()
        first = await anext(fills)
        assert (first.type, first.fills) == ("snapshot", [])
        await alice.place(doors.symbol, "sell", 5, "0.04", client_id="ask-1")
        taken = await bob.place(doors.symbol, "buy", 2, "0.04")
        update = await anext(fills)
        assert [(fill.id, fill.client_id, fill.quantity) for fill in update.fills] == [(taken.trades[0].id, "ask-1", 2)]


async def test_positions_that_change_are_told_and_no_others(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob, alice.stream() as stream:
        await alice.place(doors.other_symbol, "sell", 1, "0.04")
        await bob.place(doors.other_symbol, "buy", 1, "0.04")
        positions = await stream.subscribe_positions()
        assert [(row.symbol, row.quantity) for row in (await anext(positions)).positions] == [(doors.other_symbol, -1)]
        await alice.place(doors.symbol, "sell", 5, "0.041")
        taken = await bob.place(doors.symbol, "buy", 2, "0.041")
        update = await anext(positions)
        assert (update.sequence >= taken.sequence, update.type) == (True, "update")
        assert [(row.symbol, row.quantity, row.cost) for row in update.positions] == [
            (doors.symbol, -2, Decimal("-0.082"))
        ]
        await doors.admin.deposit("alice", 1)
        assert await nothing_more(stream, positions)


async def test_margin_is_told_when_it_is_different(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        margin = await stream.subscribe_margin()
        first = await anext(margin)
        assert (first.standing, first.balances.margin) == ("sound", 0)
        await alice.place(doors.symbol, "sell", 5, "0.041")
        assert (await anext(margin)).balances.margin > 0
        await doors.admin.deposit("alice", 7)
        assert (await anext(margin)).balances.cash == first.balances.cash + 7


async def test_a_delivery_is_told_as_it_is_after_each_event(doors):
    allocation_id = await deliver(doors)
    async with await doors.client("alice") as alice, alice.stream() as stream:
        deliveries = await stream.subscribe_deliveries()
        first = await anext(deliveries)
        assert [(each.allocation, each.is_disputed) for each in first.deliveries] == [(allocation_id, False)]
        await alice.dispute(allocation_id)
        async with asyncio.timeout(PATIENCE_S):
            update = await anext(deliveries)
        assert ([each.is_disputed for each in update.deliveries], [each.kind for each in update.events]) == (
            [True],
            ["dispute"],
        )


def test_the_allocations_that_events_are_about_come_with_them():
    market = DeliveryMarket()
    allocation_id = market.allocate(6)
    market.tick_into_window(SLOT_S)
    market.report(allocation_id, 0, 4, 4, 4)
    market.tick_into_window(SLOT_S + GRACE_S)
    events = account_events(market.view, market.published[-1], [BUYER])[BUYER]
    assert {row["kind"] for row in events} <= DELIVERY_KINDS
    update = DeliveriesUpdate.model_validate(deliveries_update(market.view, events))
    assert [(each.allocation, [slot.delivered for slot in each.slots]) for each in update.deliveries] == [
        (allocation_id, [4])
    ]
    assert not any(isinstance(event, AllocationChange) for event in update.events)


async def test_private_channels_need_a_login_and_tell_nobody_else(doors):
    key = await doors.account("alice")
    async with connect(doors) as stranger, connect(doors, await doors.account("bob")) as other:
        for channel in PRIVATE:
            assert (await stranger.ask("subscribe", channel=channel))["error"]["code"] == "not_logged_in"
            assert (await other.ask("subscribe", channel=channel))["ok"]
            await other.of_channel(channel, "snapshot")
        _, placed = await doors.ask(
            "POST", "/v1/orders", key, {"symbol": doors.symbol, "side": "buy", "quantity": "1", "price": "0.03"}
        )
        assert placed["status"] == "open"
        await other.ask("ping")
    assert [message for message in other.others if message.get("channel") in PRIVATE] == []
