"""Ten times the load of what is allowed: named throttling, and what ends risk acts within a second.

Those who flood share a core with the doors here, so that little is allowed: ten times of it is a load of the doors.
"""

import asyncio
import time
from collections import Counter

import orjson
from aiohttp import WSMsgType

from tests.gateway.peer import connect

FLOODERS = 4
ALLOWED_WEIGHT_PER_S = 80
PLACE_WEIGHT = 4
LOAD = 10
FLOOD_S = 3.0
ACTS_WITHIN_S = 1.0
TURN_S = 0.05


def place(doors, name):
    order = {"symbol": doors.symbol, "side": "buy", "price": "0.030000", "quantity": "1"}
    return orjson.dumps({"op": "place", "id": name, **order}).decode()


async def flood(doors, key, answered, stopping):
    """Ten times as many orders as the budget allows, in small bursts, until told to stop."""
    async with connect(doors, key) as peer:
        reader = asyncio.create_task(_count(peer, answered))
        per_turn = int(LOAD * ALLOWED_WEIGHT_PER_S / PLACE_WEIGHT * TURN_S)
        sent, started_s = 0, time.monotonic()
        while not stopping.is_set():
            for _ in range(per_turn):
                await peer.socket.send_str(place(doors, sent))
                sent += 1
            await asyncio.sleep(max(started_s + sent / per_turn * TURN_S - time.monotonic(), 0))
        reader.cancel()
        return sent


async def _count(peer, answered):
    while True:
        frame = await peer.socket.receive()
        if frame.type is not WSMsgType.TEXT:
            return
        answer = orjson.loads(frame.data)
        if "ok" in answer:
            answered["ok" if answer["ok"] else answer["error"]["code"]] += 1


async def flood_reads(doors, answered, stopping):
    """Unsigned reads, one after the other, from the address that everybody here has."""
    while not stopping.is_set():
        status, _ = await doors.ask("GET", "/v1/status")
        answered[status] += 1
        await asyncio.sleep(0.02)


async def timed(asked):
    started_s = time.monotonic()
    answer = await asked
    return answer, time.monotonic() - started_s


async def test_under_ten_times_the_load_all_is_throttled_by_name_and_what_ends_risk_acts_within_a_second(serve):
    limits = {"account_weight_per_s": ALLOWED_WEIGHT_PER_S, "account_weight_burst": ALLOWED_WEIGHT_PER_S}
    async with serve(address_weight_per_s=1, address_weight_burst=5, **limits) as doors:
        stopping, answered, reads = asyncio.Event(), Counter(), Counter()
        keys = [await doors.account(f"flooder-{n}") for n in range(FLOODERS)]
        bystander = await doors.account("bystander")
        async with connect(doors, bystander) as peer, connect(doors, keys[0]) as flooding:
            order = {"symbol": doors.symbol, "side": "buy", "price": "0.030000", "quantity": "1"}
            own = [(await peer.ask("place", **order))["result"]["order_id"] for _ in range(6)]
            of_flooder = [(await flooding.ask("place", **order))["result"]["order_id"] for _ in range(6)]
            floods = [asyncio.create_task(flood(doors, key, answered, stopping)) for key in keys]
            floods_of_reads = [asyncio.create_task(flood_reads(doors, reads, stopping)) for _ in range(2)]
            waits = []
            ends_s = time.monotonic() + FLOOD_S
            await asyncio.sleep(0.5)
            for mine, theirs in zip(own, of_flooder, strict=True):
                for asked in (peer.ask("cancel", order_id=mine), flooding.ask("cancel", order_id=theirs)):
                    answer, wait_s = await timed(asked)
                    assert answer["ok"]
                    waits.append(wait_s)
            cancelled, wait_s = await timed(doors.admin.kill_switch("flooder-1"))
            assert cancelled > 0
            waits.append(wait_s)
            await asyncio.sleep(max(ends_s - time.monotonic(), 0))
            everything, wait_s = await timed(doors.admin.kill_switch(None))
            assert everything > 0
            waits.append(wait_s)
            stopping.set()
            sent = sum(await asyncio.gather(*floods))
            await asyncio.gather(*floods_of_reads)
    assert max(waits) < ACTS_WITHIN_S, waits
    allowed = FLOODERS * ALLOWED_WEIGHT_PER_S / PLACE_WEIGHT * (FLOOD_S + 2)
    assert sent > 4 * allowed * FLOOD_S / (FLOOD_S + 2)
    assert 0 < answered["ok"] < allowed
    assert answered["rate_limited"] > 2 * answered["ok"]
    assert set(answered) <= {"ok", "rate_limited", "account_blocked", "market_halted"}
    assert set(reads) == {200, 429}
    assert reads[200] <= 5 + FLOOD_S + 2
