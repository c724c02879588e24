"""Frames are heard where they are read, or queued when there are too many; none overtakes another."""

import asyncio

import pytest
from aiohttp import WSMsgType
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import WebSocketReader

from gateway.sockets.arriving import QUEUED_BYTES_MAX, Arriving
from tests.gateway.wire import frame

TEXT, BINARY, CLOSE, PING = map(int, (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CLOSE, WSMsgType.PING))


class Ear:
    """Hears frames, until it has heard enough."""

    def __init__(self):
        self.heard = []
        self.enough_at = None

    def hear(self, message):
        self.heard.append(message.data)
        return len(self.heard) == self.enough_at


@pytest.fixture
def ear():
    return Ear()


@pytest.fixture
async def arriving(ear):
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol._upgraded = True  # as once a connection speaks WebSocket
    return Arriving(protocol, loop, ear.hear)


@pytest.fixture
async def parser(arriving):
    return WebSocketReader(arriving, 1 << 22, compress=False, decode_text=False)


async def hear_one(arriving, ear):
    """As the task of a connection does."""
    message = await arriving.read()
    ear.hear(message)
    arriving.heard()


async def test_frames_are_heard_where_they_are_read(parser, ear):
    third = frame(TEXT, b"three")
    parser.feed_data(frame(TEXT, b"one") + frame(BINARY, b"two") + third[:4])
    assert ear.heard == [b"one", b"two"]
    parser.feed_data(third[4:])
    assert ear.heard == [b"one", b"two", b"three"]


async def test_what_is_too_much_for_a_turn_is_queued_and_not_overtaken(arriving, parser, ear):
    ear.enough_at = 2
    payloads = [b"%d" % number for number in range(5)]
    parser.feed_data(b"".join(frame(TEXT, payload) for payload in payloads[:4]))
    assert ear.heard == payloads[:2]
    await hear_one(arriving, ear)
    parser.feed_data(frame(TEXT, payloads[4]))
    assert ear.heard == payloads[:3], "one is still queued"
    await hear_one(arriving, ear)
    await hear_one(arriving, ear)
    assert ear.heard == payloads
    parser.feed_data(frame(TEXT, b"last"))
    assert ear.heard == [*payloads, b"last"], "nothing waits any more"


async def test_frames_that_the_parser_held_back_stay_behind_those_that_are_queued(arriving, parser, ear):
    ear.enough_at = 1
    large = [bytes([number]) * (2 * QUEUED_BYTES_MAX) for number in range(6)]
    parser.feed_data(b"".join(frame(BINARY, payload) for payload in large))
    assert ear.heard == large[:1]
    for _ in large[1:]:
        await hear_one(arriving, ear)
    assert ear.heard == large


async def test_a_question_of_the_protocol_is_left_to_the_task_and_stops_no_frame(arriving, parser, ear):
    parser.feed_data(frame(PING, b"there?") + frame(TEXT, b"one"))
    assert ear.heard == [b"one"]
    assert (await arriving.read()).type is WSMsgType.PING


async def test_nothing_is_heard_after_a_close(arriving, parser, ear):
    parser.feed_data(frame(TEXT, b"one") + frame(CLOSE, b"\x03\xe8") + frame(TEXT, b"two"))
    assert ear.heard == [b"one"]
    assert (await arriving.read()).type is WSMsgType.CLOSE


async def test_nothing_is_heard_once_it_is_closed(arriving, parser, ear):
    arriving.close()
    parser.feed_data(frame(TEXT, b"one"))
    assert ear.heard == []


async def test_a_fault_while_hearing_ends_the_reading(arriving, parser, ear, monkeypatch):
    def fail(_):
        raise ZeroDivisionError

    monkeypatch.setattr(arriving, "_hear", fail)
    parser.feed_data(frame(TEXT, b"one") + frame(TEXT, b"two"))
    with pytest.raises(ZeroDivisionError):
        await arriving.read()
