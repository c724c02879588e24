"""The timed client notes every request once, by name, and only what should not have been refused as a failure."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from exchange import commands
from gateway.client import RefusedError, StreamClosedError
from load_tests.participants.timed import Observation, Recorder, TimedClient, Timing, route_of
from matching.schema import Side
from tests.gateway.doors import PATIENCE_S, Doors, until


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


async def timed(doors: Doors, recorder: Recorder) -> TimedClient:
    key = await doors.account("alice", ("trader", "market_maker"))
    return TimedClient(doors.url, key.key_id, key.secret, Timing(recorder, "alice"))


def by_name(seen: list[Observation]) -> dict[str, str | None]:
    assert all(each.latency_ns > 0 for each in seen)
    return {f"{each.kind} {each.name}": each.failure for each in seen}


async def test_requests_over_rest_are_noted_by_their_route(doors: Doors, recorder: Recorder) -> None:
    async with await timed(doors, recorder) as client:
        answer = await client.place(doors.symbol, "buy", 5, "0.039")
        await client.cancel(answer.order_id)
        with pytest.raises(RefusedError):
            await client.cancel(answer.order_id)
        with pytest.raises(RefusedError):
            await client.place(doors.symbol, "buy", 5, "0.039001")
    assert [each.failure for each in recorder.take()] == [None, None, None, "price_off_tick"]
    assert recorder.take() == []


async def test_a_socket_notes_opening_requests_frames_and_pushes(doors: Doors, recorder: Recorder) -> None:
    async with await timed(doors, recorder) as client, client.timed_stream() as stream:
        await stream.subscribe_orders()
        await stream.subscribe_book(doors.symbol)
        await stream.place(doors.symbol, "buy", 5, "0.039")
        instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
        good, bad = (commands.place(0, instrument_id, Side.BUY, ticks, 1) for ticks in (39_000, 39_001))
        await stream.send_records(np.concatenate([good, bad]))
        await until(lambda: stream.book_moved.is_set())
    seen = by_name(recorder.take())
    assert seen.pop("socket alice: frame") == "price_off_tick"
    assert set(seen.values()) == {None}
    wanted = ("open", "login", "subscribe", "place")
    assert {f"socket alice: {what}" for what in wanted} | {"push alice: orders", "push alice: book"} == set(seen)


async def test_refusals_that_are_expected_are_no_failures(doors: Doors, recorder: Recorder) -> None:
    async with await timed(doors, recorder) as client, client.expecting(frozenset({"price_off_tick"})) as careless:
        for _ in range(2):
            with pytest.raises(RefusedError):
                await careless.place(doors.symbol, "buy", 5, "0.039001")
        with pytest.raises(RefusedError):
            await careless.place("nowhere", "buy", 5, "0.039")
    assert [each.failure for each in recorder.take()] == [None, None, "unknown_instrument"]


async def test_a_lost_connection_is_noted_by_its_reason(doors: Doors, recorder: Recorder) -> None:
    async with await timed(doors, recorder) as client, client.timed_stream() as stream:
        fills = await stream.subscribe_fills()
        (key_id,) = (key.key_id for key in doors.keys.everything() if "trader" in key.roles)
        await doors.admin.revoke_key(key_id, any_account=True)
        with pytest.raises(StreamClosedError, match="key_revoked"):
            await heard_to_the_end(fills)
        with pytest.raises(StreamClosedError, match="key_revoked"):
            await stream.ping()
    assert recorder.take()[-1].failure == "key_revoked"


async def heard_to_the_end(updates: AsyncIterator[object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async for _ in updates:
            pass


@pytest.mark.parametrize(
    ("path", "route"),
    [("/v1/orders", "/orders"), ("/v1/orders/17", "/orders"), ("/v1/providers/offers", "/providers/offers")],
)
def test_a_route_has_no_ids(path: str, route: str) -> None:
    assert route_of(path) == route
