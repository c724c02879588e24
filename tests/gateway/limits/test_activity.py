"""What accounts send for what they trade."""

from decimal import Decimal

import numpy as np

from exchange import commands
from exchange.published import Published
from gateway.limits.activity import SLICE_NS, SLICES, Activity, OrderActivity, activity_row
from matching.schema import ORDER_EVENT

SELL, BUY = "sell", "buy"


async def test_an_hour_of_orders_replaces_cancels_and_fills_is_told_to_owner_and_staff(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        first = await alice.place(doors.symbol, SELL, 5, "0.041")
        await alice.replace(first.order_id, price="0.040", quantity=5)
        spare = await alice.place(doors.symbol, SELL, 5, "0.042")
        await alice.cancel(spare.order_id)
        for _ in range(2):
            await bob.place(doors.symbol, BUY, 1, "0.040")
        own, seen = (await alice.limits()).activity, (await doors.admin.limits("alice")).activity
        assert own == seen
        _, margin = await doors.ask("GET", "/v1/admin/risk/alice", await doors.account("root", ("admin",)))
        assert margin["activity"]["order_to_trade"] == "2.00"
        assert (own.orders, own.replaces, own.cancels, own.fills) == (2, 1, 1, 2)
        assert (own.window_s, own.order_to_trade) == (3_600, Decimal("2.00"))
        assert (await bob.limits()).activity.order_to_trade == Decimal("1.00")


def test_messages_without_a_trade_have_no_ratio():
    assert activity_row(Activity(orders=5))["order_to_trade"] is None
    assert activity_row(Activity(orders=5, cancels=2, fills=3))["order_to_trade"] == "2.33"


def batch_at(time_ns, *groups):
    records = commands.concatenate(commands.tick(time_ns), *groups)
    return Published(1, time_ns, records, np.zeros(0, ORDER_EVENT))


async def test_what_is_an_hour_old_counts_no_longer(exchange):
    activity = OrderActivity(exchange.view, lambda _: None)
    now_ns = exchange.view.time_ns
    old_ns, recent_ns = now_ns - SLICES * SLICE_NS, now_ns - (SLICES - 1) * SLICE_NS
    activity.hear(batch_at(old_ns, commands.cancel(7, order_id=1)))
    activity.hear(batch_at(recent_ns, commands.cancel(7, order_id=1), commands.cancel(8, order_id=1)))
    activity.hear(batch_at(now_ns, commands.cancel(7, order_id=1)))
    assert activity.of_account(7) == Activity(cancels=2)
    assert activity.of_account(8) == Activity(cancels=1)
    assert activity.of_account(9) == Activity()
