"""The client that measures finds every answer, however its bytes are cut."""

import random

import pytest

from gateway.bench.wire import HttpWire, SocketWire, frame_of
from tests.gateway.wire import frame

OPENED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


def of_a_server(payload: bytes) -> bytes:
    """A frame without a mask, as servers send it."""
    length = len(payload)
    if length < 126:
        return bytes([0x81, length]) + payload
    if length < 1 << 16:
        return bytes([0x81, 126]) + length.to_bytes(2, "big") + payload
    return bytes([0x81, 127]) + length.to_bytes(8, "big") + payload


def heard_of(wire: SocketWire | HttpWire, data: bytes, chance: random.Random) -> list[bytes]:
    """What a wire hears when these bytes come in pieces."""
    heard: list[bytes] = []
    wire.hear = heard.append
    at = 0
    while at < len(data):
        length = chance.choice([1, 2, 3, 100, 70_000])
        wire.data_received(data[at : at + length])
        at += length
    return heard


@pytest.mark.parametrize("seed", range(20))
async def test_messages_of_all_lengths_are_told_apart(seed):
    chance = random.Random(seed)
    sizes = [0, 1, 125, 126, 127, 65_535, 65_536, *(chance.randrange(500) for _ in range(20))]
    chance.shuffle(sizes)
    payloads = [chance.randbytes(size) for size in sizes]
    heard = heard_of(SocketWire(), OPENED + b"".join(map(of_a_server, payloads)), chance)
    assert heard == [OPENED.partition(b"\r\n\r\n")[0], *payloads]


@pytest.mark.parametrize("seed", range(20))
async def test_answers_over_http_are_told_apart(seed):
    chance = random.Random(seed)
    answers = []
    for _ in range(20):
        body = b"x\r\n\r\n" * chance.randrange(50)
        name = chance.choice([b"Content-Length", b"content-length"])
        answers.append(b"HTTP/1.1 201 Created\r\n%s: %d\r\nServer: a\r\n\r\n%s" % (name, len(body), body))
    assert heard_of(HttpWire(), b"".join(answers), chance) == answers


@pytest.mark.parametrize("length", [0, 125, 126, 65_535])
def test_a_message_is_framed_as_by_any_client_but_for_its_mask(length):
    payload = bytes(range(256)) * 256
    payload = payload[:length]
    head = len(frame(1, payload)) - length - 4
    assert frame_of(payload) == frame(1, payload)[:head] + bytes(4) + payload
