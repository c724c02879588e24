"""How many frames of text are taken in one turn of the loop, and which of them are carried out at once."""

from collections import Counter

import pytest

from exchange.sequencer import Sequencer
from gateway.encoding.json_text import encode
from gateway.orders.plain_orders import FRAMES_PER_TURN, TURNS_AHEAD, PlainOrders
from tests.gateway.doors import until
from tests.gateway.peer import connect

ORDER = {"op": "place", "side": "buy", "price": "0.03", "quantity": "10"}


class Listening:
    """A sender who may not order, so that all its frames go the general road, where some look whether others wait."""

    def __init__(self, plain):
        self.plain = plain
        self.heard = []
        self.turns = []

    def plain_turn(self):
        return None

    def hear_other(self, payload):
        self.plain.catch_up()
        self.heard.append(payload)
        self.turns.append(self.plain.turns)


@pytest.fixture
def turns(doors, monkeypatch):
    """The plain orders, which count the turns that they take."""
    plain, take_turn = doors.gateway.plain, PlainOrders._take_turn
    plain.turns = 0

    def count(orders):
        orders.turns += 1
        take_turn(orders)

    monkeypatch.setattr(PlainOrders, "_take_turn", count)
    return plain


async def test_a_turn_ends_with_so_many_frames_that_are_no_orders(doors, turns):
    most = doors.gateway.settings.frames_per_turn
    sender, payloads = Listening(turns), [b"%d" % number for number in range(2 * most + 5)]
    for payload in payloads:
        assert not turns.hear(sender, payload)
    await until(lambda: len(sender.heard) == len(payloads))
    assert sender.heard == payloads
    assert Counter(sender.turns) == {1: most, 2: most, 3: 5}


async def test_a_turn_takes_so_many_orders_whoever_sends_them(doors, turns):
    names = range(FRAMES_PER_TURN // 2 + 1)
    async with (
        connect(doors, await doors.account("alice")) as peer,
        connect(doors, await doors.account("bob")) as other,
    ):
        await until(lambda: not doors.exchange.is_busy)
        turns.turns = 0
        sessions = [*doors.gateway.sessions]
        for name in names:
            for session in sessions:
                turns.hear(session, encode(ORDER | {"symbol": doors.symbol, "id": name, "quantity": "1"}))
        for each in (peer, other):
            told = [(await each.message())["id"] for _ in names]
            assert told == [*names]
    assert turns.turns == 2


@pytest.mark.parametrize(("count", "is_at_once"), [(FRAMES_PER_TURN, True), (FRAMES_PER_TURN + 1, False)])
async def test_orders_with_more_behind_them_are_left_to_the_sequencer(doors, turns, monkeypatch, count, is_at_once):
    at_once, turn_at_once = [], Sequencer.turn_at_once

    def note(sequencer, prepare):
        at_once.append(turns.turns)
        return turn_at_once(sequencer, prepare)

    async with connect(doors, await doors.account("alice")) as peer:
        await until(lambda: not doors.exchange.is_busy)
        (session,) = doors.gateway.sessions
        turns.turns = 0
        monkeypatch.setattr(Sequencer, "turn_at_once", note)
        for name in range(count):
            turns.hear(session, encode(ORDER | {"symbol": doors.symbol, "id": name}))
        for name in range(count):
            assert (await peer.answer(name))["ok"]
    assert (1 in at_once) is is_at_once


async def test_whoever_catches_up_reads_all_that_was_heard(doors, turns):
    most = doors.gateway.settings.frames_per_turn
    sender = Listening(turns)
    for _ in range(2 * most):
        turns.hear(sender, b"frame")
    turns.catch_up()
    assert len(sender.heard) == 2 * most


async def test_no_more_is_heard_while_so_much_waits(doors, turns):
    most = TURNS_AHEAD * FRAMES_PER_TURN
    sender = Listening(turns)
    assert [turns.hear(sender, b"frame") for _ in range(most + 1)] == [False] * (most - 1) + [True] * 2
    await until(lambda: len(sender.heard) == most + 1)
