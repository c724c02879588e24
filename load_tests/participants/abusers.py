"""Abusers: what is malformed, unsigned or over the limit. Each must be refused by its name, and by no other."""

import asyncio
from collections.abc import Collection
from time import perf_counter_ns
from typing import NamedTuple

import aiohttp
import orjson

from gateway.client import RefusedError
from gateway.encoding.binary_frames import read_frame
from gateway.errors import DoorError
from load_tests.participants.participant import Participant
from load_tests.participants.timed import TimedClient, TimedStream, Timing

PAUSE_S = 0.25
FLOOD_MOST = 2_000
FLOODED_EVERY = 4
"""One turn in so many empties the budget."""
NO_ANSWER_S = 10.0
RATE_LIMITED = "rate_limited"
FLOODED = frozenset({"invalid_value", RATE_LIMITED})
"""What an empty batch is told."""


class Abuse(NamedTuple):
    """A frame that is wrong, and the names under which it may be refused."""

    what: str
    frame: bytes | str
    expected: Collection[str]


ABUSES = (
    Abuse("no JSON", "{", {"malformed_json"}),
    Abuse("an array", "[]", {"not_an_object"}),
    Abuse("a key twice", '{"op": "ping", "op": "ping", "id": 1}', {"duplicate_key"}),
    Abuse("an unknown operation", '{"op": "steal", "id": 1}', {"unknown_operation"}),
    Abuse("an order of a stranger", '{"op": "place", "id": 1}', {"not_logged_in"}),
    Abuse("a channel of a stranger", '{"op": "subscribe", "id": 1, "channel": "orders"}', {"not_logged_in"}),
    Abuse("no channel", '{"op": "subscribe", "id": 1, "channel": "secrets"}', {"unknown_channel", "invalid_value"}),
    Abuse("a frame that is none", b"\0" * 64, {"invalid_frame"}),
    Abuse("a frame too large", "x" * 70_000, {"frame_too_large"}),
)
UNSIGNED = Abuse("an order that nobody signed", b"{}", {"not_signed"})


class Abuser(Participant):
    """Sends all that is wrong, then more than it may."""

    who = "abuser"

    async def act(self, client: TimedClient, timing: Timing) -> None:
        """One turn of everything."""
        for abuse in ABUSES:
            await self._send(client, abuse, timing)
            await self.pause(PAUSE_S)
        await self._post_unsigned(client, timing)
        if self.chance.randrange(FLOODED_EVERY) == 0:
            await self._flood(client, timing)

    async def _send(self, client: TimedClient, abuse: Abuse, timing: Timing) -> None:
        """One wrong frame over a connection of its own."""
        began_ns = perf_counter_ns()
        async with client.session.ws_connect(f"{self.scene.url}/v1/ws", max_msg_size=0) as socket:
            if isinstance(abuse.frame, str):
                await socket.send_str(abuse.frame)
            else:
                await socket.send_bytes(abuse.frame)
            answer = await _answer(socket)
        timing.note("socket", abuse.what, began_ns, unless_expected(abuse, code_of(answer)))

    async def _post_unsigned(self, client: TimedClient, timing: Timing) -> None:
        began_ns = perf_counter_ns()
        async with client.session.post(f"{self.scene.url}/v1/orders", data=UNSIGNED.frame) as response:
            code = orjson.loads(await response.read())["error"]["code"]
        timing.note("rest", UNSIGNED.what, began_ns, unless_expected(UNSIGNED, code))

    async def _flood(self, client: TimedClient, timing: Timing) -> None:
        """Empty batches cost as much as full ones: soon there is no budget left, and a cancel is taken all the same."""
        async with client.expecting(FLOODED) as flooder, flooder.timed_stream() as stream:
            began_ns = perf_counter_ns()
            reached = await _empty_the_budget(stream)
            timing.note("socket", "over the limit", began_ns, None if reached else "the limit was never reached")
            await stream.cancel_all()


async def _answer(socket: aiohttp.ClientWebSocketResponse) -> aiohttp.WSMessage:
    """The first message that is none of a channel: heartbeats come to everybody."""
    async with asyncio.timeout(NO_ANSWER_S):
        while True:
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT or "channel" not in orjson.loads(message.data):
                return message


async def _empty_the_budget(stream: TimedStream) -> bool:
    for _ in range(FLOOD_MOST):
        try:
            await stream.ask("place_many", {"orders": []})
        except RefusedError as refused:
            if refused.code == RATE_LIMITED:
                return True
    return False


def unless_expected(abuse: Abuse, code: str) -> str | None:
    """None for a refusal by the right name; else what is wrong with it."""
    return None if code in abuse.expected else f"answered {code}, not {' or '.join(sorted(abuse.expected))}"


def code_of(answer: aiohttp.WSMessage) -> str:
    """The name of a refusal in either kind of frame."""
    if answer.type is aiohttp.WSMsgType.TEXT:
        told = orjson.loads(answer.data)
        return str(told["error"]["code"]) if "error" in told else "no error"
    if answer.type is aiohttp.WSMsgType.BINARY:
        return DoorError(read_frame(answer.data).code).name.lower()
    return f"a frame of type {answer.type.name}"
