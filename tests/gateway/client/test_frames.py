"""The client's side of the binary lane, over a real socket."""

import asyncio

import numpy as np
import pytest

from exchange import commands
from exchange.venue.schema import Reject
from gateway.client import Client, RefusedError, StreamClosedError
from gateway.encoding.binary_frames import FrameKind
from gateway.errors import DoorError
from matching.schema import ORDER_COMMAND, EventKind, Side
from tests.gateway.doors import PATIENCE_S

PRICE = 40_000


def bid(doors, price_ticks: int = PRICE, quantity_lots: int = 5) -> np.ndarray:
    return commands.place(0, doors.exchange.view.tranche_by_symbol[doors.symbol], Side.BUY, price_ticks, quantity_lots)


async def test_a_frame_of_records_comes_back_as_the_outcomes_of_its_commands(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        frame = await stream.send_records(commands.concatenate(bid(doors), bid(doors, PRICE + 5)))
        assert frame.kind == FrameKind.OUTCOMES
        assert frame.records["kind"].tolist() == [EventKind.RESTED, EventKind.REJECTED]
        assert frame.records["sequence"].tolist() == [frame.first_sequence, frame.first_sequence + 1]
        assert frame.records["reason"].tolist() == [0, Reject.PRICE_OFF_TICK]
        assert (await alice.order(int(frame.records["order_id"][0]))).remaining_quantity == 5


async def test_frames_under_way_together_and_json_beside_them_each_get_their_own_answer(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        sent = [stream.send_records(bid(doors, quantity_lots=lots)) for lots in range(1, 6)]
        *frames, sequence = await asyncio.gather(*sent, stream.ping())
    assert [frame.records["quantity_lots"].tolist() for frame in frames] == [[lots] for lots in range(1, 6)]
    assert len({frame.request_id for frame in frames}) == 5
    assert sequence > 0


@pytest.mark.parametrize("count", [0, 1_024])
async def test_a_frame_that_is_refused_raises_the_name_of_the_error(doors, count):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        with pytest.raises(RefusedError) as refused:
            await stream.send_records(np.zeros(count, ORDER_COMMAND))
        assert (refused.value.code, refused.value.number) == ("invalid_frame", DoorError.INVALID_FRAME)
        assert (await stream.send_records(bid(doors))).kind == FrameKind.OUTCOMES


async def test_who_has_not_logged_in_is_told_so(doors):
    async with Client(doors.url) as anyone, anyone.stream() as stream:
        with pytest.raises(RefusedError, match="not_logged_in"):
            await stream.send_records(bid(doors))


async def test_whoever_waits_for_a_frame_is_told_when_the_connection_ends(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        waiting = asyncio.create_task(stream.send_records(bid(doors)))
        await asyncio.sleep(0)
        await stream.close()
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(StreamClosedError):
                await waiting
            with pytest.raises(StreamClosedError):
                await stream.send_records(bid(doors))
