"""What is offered to a connection goes out in its order, now or when the peer reads."""

import orjson
from aiohttp import WSMsgType

from gateway.encoding.socket_frames import frame
from gateway.sockets.socket import UNSENT_BYTES_RESUMED
from tests.gateway.peer import connect


def texts(names, size):
    return [orjson.dumps({"id": name, "ok": True, "result": "x" * size}) for name in names]


def frames(messages):
    return b"".join(frame(message, WSMsgType.TEXT) for message in messages)


async def test_frames_for_which_there_is_no_room_wait_for_the_peer_and_come_in_their_order(doors):
    many = texts(range(40), UNSENT_BYTES_RESUMED // 16)
    async with connect(doors) as peer:
        (session,) = doors.gateway.sessions
        for message in texts([100], 10):
            session.offer(message)
        session.offer_frames(frames(many))
        session.offer_frames(frames(texts([101], 10)))
        assert [(await peer.message())["id"] for _ in range(42)] == [100, *range(40), 101]
