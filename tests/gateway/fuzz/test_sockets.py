"""Frames that are nearly right over real sockets, while a bystander trades beside them."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import orjson
from aiohttp import WSMsgType

from gateway.encoding.binary_frames import FrameKind, read_frame
from gateway.errors import DoorError
from gateway.identity.keys import ApiKey
from tests.gateway.doors import PATIENCE_S, Doors
from tests.gateway.fuzz.frames import Frames
from tests.gateway.fuzz.mutations import FRAME_BYTES_MAX, Mutator
from tests.gateway.fuzz.shares import SEED, inputs
from tests.gateway.fuzz.valid import Names, Valid
from tests.gateway.fuzz.watch import NO_LIMITS, Effects, check_error, resume, watched
from tests.gateway.peer import Peer, connect, signed_login

AT_ONCE = 16
ROLES = ("trader", "market_maker", "provider")
LOW = {"account_weight_per_s": 400, "account_weight_burst": 1_000}
LOW |= {"market_maker_weight_per_s": 400, "market_maker_weight_burst": 1_000}
Frame = tuple[WSMsgType, bytes]


async def test_every_frame_is_answered_once_and_what_is_refused_changes_nothing(serve: Any, caplog: Any) -> None:
    async with serve(**NO_LIMITS) as doors, watched(doors, caplog) as effects:
        answered = await fuzz(doors, effects, inputs(0.07), SEED + 3)
    assert {0, DoorError.MALFORMED_JSON, DoorError.INVALID_FRAME, DoorError.WRONG_TYPE} <= answered


async def test_who_has_a_small_budget_is_told_so_and_nobody_else_feels_it(serve: Any, caplog: Any) -> None:
    async with serve(**(NO_LIMITS | LOW)) as doors, watched(doors, caplog, pause_s=0.05) as effects:
        answered = await fuzz(doors, effects, inputs(0.07), SEED + 4)
    assert {0, DoorError.RATE_LIMITED} <= answered


async def test_a_frame_over_the_limit_is_refused_by_name_and_ends_its_connection_alone(serve: Any, caplog: Any) -> None:
    dice = random.Random(SEED + 5)
    async with serve(**NO_LIMITS) as doors, watched(doors, caplog) as effects:
        key = await doors.account("fuzzer", ROLES)
        effects.take()
        for _ in range(5):
            async with connect(doors, key) as peer:
                payload = dice.randbytes(FRAME_BYTES_MAX + 1 + dice.randrange(FRAME_BYTES_MAX))
                await peer.socket.send_frame(payload, WSMsgType.TEXT)
                assert (await peer.message())["error"]["code"] == "frame_too_large"
                assert (await peer.socket.receive()).type == WSMsgType.CLOSE
        assert effects.take() == set()


async def fuzz(doors: Doors, effects: Effects, count: int, seed: int) -> set[int]:
    """Send so many frames on one connection; the numbers of the errors that came back, and 0 for what was taken."""
    dice = random.Random(seed)
    key = await doors.account("fuzzer", ROLES)
    frames = make_frames(doors, key, dice)
    answered: set[int] = set()
    effects.take()
    async with connect(doors, key) as peer:
        for at in range(0, count, AT_ONCE):
            sent = [next(frames) for _ in range(AT_ONCE)]
            try:
                numbers, told = await ask(peer, sent)
                done = effects.take()
                assert done <= told, f"commands {done - told} did something that no answer tells of"
            except Exception as error:
                lines = "\n".join(f"{kind.name} {payload!r}" for kind, payload in sent)
                raise AssertionError(f"among inputs {at} to {at + AT_ONCE} of seed {SEED}:\n{lines}") from error
            answered |= numbers
            if LOGGED_OUT in told:
                assert await ask_one(peer, {"op": "login"} | signed_login(key)) == 0
            await resume(doors.exchange)
            effects.take()
        assert await ask_one(peer, {"op": "ping"}) in (0, DoorError.RATE_LIMITED), "the connection goes on"
    return answered


ANSWERS = (FrameKind.OUTCOMES, FrameKind.REFUSED)
LOGGED_OUT = -1
"""Among the sequences that answers tell of: somebody has logged out."""


def make_frames(doors: Doors, key: ApiKey, dice: random.Random) -> Iterator[Frame]:
    """Text frames, now and then a login that is signed, and binary frames."""
    view = doors.exchange.view
    symbols = tuple(sorted(each for each in view.tranche_by_symbol if each.startswith("eu-fra.")))[:4]
    valid = Valid(Names(symbols, "eu-fra", "fuzzer", ("2026-11-22T14:00:00Z", "2100-01-01T00:00:00Z")), dice)
    mutator = Mutator(dice)
    binary = Frames(lambda: [view.tranche_by_symbol[each] for each in symbols], dice)
    while True:
        resting = [each.order_id for each in view.open_orders(key.account_id)[:5]]
        valid.order_ids = binary.order_ids = resting or [1 << 50]
        if dice.random() < 0.3:
            yield WSMsgType.BINARY, binary.payload()
        elif dice.random() < 0.03:
            terms = {"id": 1, "op": "login", "cancel_on_disconnect": "connection", "session": 8}
            yield WSMsgType.TEXT, mutator.payload(terms | signed_login(key))[:FRAME_BYTES_MAX]
        else:
            yield WSMsgType.TEXT, mutator.payload(valid.on_a_socket())[:FRAME_BYTES_MAX]


async def ask(peer: Peer, sent: list[Frame]) -> tuple[set[int], set[int]]:
    """Send frames, and wait for one answer to each: the numbers of their errors, and the sequences that they tell."""
    for kind, payload in sent:
        await peer.socket.send_frame(payload, kind)
    numbers: set[int] = set()
    told: set[int] = set()
    left = {WSMsgType.TEXT: 0, WSMsgType.BINARY: 0}
    for kind, _ in sent:
        left[kind] += 1
    async with asyncio.timeout(PATIENCE_S):
        while any(left.values()):
            message = await peer.socket.receive()
            assert message.type in left, f"the connection ended: {message}"
            if message.type is WSMsgType.BINARY and read_frame(message.data).kind in ANSWERS:
                numbers.add(_read_outcomes(message.data, told))
            elif message.type is WSMsgType.TEXT and '"ok":' in message.data:
                numbers.add(_read_answer(orjson.loads(message.data), told))
            else:
                continue  # something that a frame before has subscribed to
            left[message.type] -= 1
    assert set(left.values()) == {0}
    return numbers, told


async def ask_one(peer: Peer, fields: dict[str, Any]) -> int:
    """Send one request as it should be: the number of its error, or 0."""
    numbers, _ = await ask(peer, [(WSMsgType.TEXT, orjson.dumps({"id": 1} | fields))])
    return numbers.pop()


def _read_outcomes(payload: bytes, told: set[int]) -> int:
    frame = read_frame(payload)
    if frame.kind == FrameKind.REFUSED:
        assert frame.code != DoorError.INTERNAL_ERROR
        assert DoorError(frame.code)
        return frame.code
    assert frame.kind == FrameKind.OUTCOMES
    told.update(frame.records["sequence"].tolist())
    return 0


def _read_answer(answer: dict[str, Any], told: set[int]) -> int:
    if not answer["ok"]:
        check_error(answer["error"])
        return answer["error"]["number"]
    result = answer["result"]
    rows = [result, *(each.get("result", {}) for each in result.get("results", ()))]
    told.update(row["sequence"] for row in rows if "sequence" in row)
    for row in result.get("results", ()):
        if not row["ok"]:
            check_error(row["error"])
    if result == {}:
        told.add(LOGGED_OUT)
    return 0
