"""Frames that are written here, as the library reads them."""

import asyncio

import pytest
from aiohttp import WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp.base_protocol import BaseProtocol

from gateway.encoding.socket_frames import HEAD_BYTES_MAX, frame, messages_of


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
@pytest.mark.parametrize("kind", [WSMsgType.TEXT, WSMsgType.BINARY])
async def test_the_library_reads_what_is_written(size: int, kind: WSMsgType) -> None:
    loop = asyncio.get_running_loop()
    queue = WebSocketDataQueue(BaseProtocol(loop), 1 << 20, loop=loop)
    message = bytes(at % 96 + 32 for at in range(size))
    written = frame(message, kind)
    assert len(written) <= size + HEAD_BYTES_MAX
    WebSocketReader(queue, 1 << 20, compress=False, decode_text=False).feed_data(written + frame(b"next", kind))
    first, second = await queue.read(), await queue.read()
    assert (first.type, first.data, second.data) == (kind, message, b"next")


def test_frames_are_taken_apart_into_their_messages() -> None:
    messages = [b"m" * size for size in (0, 1, 125, 126, 65_535, 65_536, 7)]
    assert list(messages_of(b"".join(frame(message, WSMsgType.TEXT) for message in messages))) == messages
    assert list(messages_of(b"")) == []
