"""The doors of an exchange whose store is really full: reads go on, risk can be ended, all else is refused by name."""

import pytest

from gateway.client import RefusedError
from tests.simulation.storage import Quota

BUY = "buy"
KIB = 1 << 10
RESERVE_BYTES = 512 * KIB
ROOM_BYTES = 300 * KIB


@pytest.fixture
def disk(tmp_path):
    directory = tmp_path / "exchange"
    directory.mkdir()
    return Quota(f"quota-{tmp_path}", directory)


@pytest.fixture
def store_options(disk):
    return {"synchronous": "OFF", "vfs": disk.name, "reserve_bytes": RESERVE_BYTES}


async def place_until_full(doors, client):
    """Rest orders until the disk is full; the ids of those that were acknowledged."""
    order_ids, refusals = [], []
    while not refusals:
        try:
            order_ids.append((await client.place(doors.symbol, BUY, 5, "0.03")).order_id)
        except RefusedError as refusal:
            refusals.append((refusal.number, refusal.code))
    assert refusals == [(453, "storage_full")]
    return order_ids


async def test_on_a_full_disk_everything_is_still_read_and_the_market_is_halted(doors, disk):
    async with await doors.client("alice") as alice:
        disk.leave_room(ROOM_BYTES)
        order_ids = await place_until_full(doors, alice)
        assert len(order_ids) > 10
        assert (await alice.status()).phase == "cancel_only"
        status, book = await doors.ask("GET", f"/v1/book?symbol={doors.symbol}")
        assert (status, book["bids"]) == (200, [["0.030000", str(5 * len(order_ids))]])
        assert {order.order_id for order in await alice.orders()} == set(order_ids)
        assert (await alice.account()).balances.free < 1_000_000
        assert (await alice.cancel(order_ids[0])).status == "cancelled"
        await doors.admin.halt(None)
        assert (await alice.status()).market_halted
        with pytest.raises(RefusedError) as refused:
            await doors.admin.resume(None)
        assert refused.value.code == "storage_full"


async def test_on_a_full_disk_the_kill_switch_is_taken_and_its_lifting_is_not(doors, disk):
    async with await doors.client("alice") as alice:
        disk.leave_room(ROOM_BYTES)
        order_ids = await place_until_full(doors, alice)
        assert await doors.admin.kill_switch("alice") == len(order_ids)
        assert (await alice.orders(), (await alice.limits()).is_blocked) == ([], True)
        with pytest.raises(RefusedError) as refused:
            await doors.admin.lift_kill_switch("alice")
        assert refused.value.code == "storage_full"
