"""How many frames of text are taken in one turn of the loop, and which of them are carried out at once."""

from collections import Counter

import pytest

from exchange.sequencer import Sequencer
from gateway.encoding.json_text import encode
from gateway.orders.plain_orders import FRAMES_AT_ONCE, TURNS_AHEAD, PlainOrders
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


async def test_many_frames_are_read_in_their_order_so_many_in_a_turn_until_the_rest_is_little(doors, turns):
    most = doors.gateway.settings.frames_per_turn
    sender, payloads = Listening(turns), [b"%d" % number for number in range(most + FRAMES_AT_ONCE)]
    for payload in payloads:
        assert not turns.hear(sender, payload)
    await until(lambda: len(sender.heard) == len(payloads))
    assert sender.heard == payloads
    assert Counter(sender.turns) == {1: most, 2: FRAMES_AT_ONCE}


@pytest.mark.parametrize(("count", "is_at_once"), [(FRAMES_AT_ONCE, True), (FRAMES_AT_ONCE + 1, False)])
async def test_orders_with_more_behind_them_are_left_to_the_sequencer(doors, turns, monkeypatch, count, is_at_once):
    at_once, turn_at_once = [], Sequencer.turn_at_once

    def note(sequencer):
        at_once.append(turns.turns)
        return turn_at_once(sequencer)

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
    most = TURNS_AHEAD * doors.gateway.settings.frames_per_turn
    sender = Listening(turns)
    assert [turns.hear(sender, b"frame") for _ in range(most + 1)] == [False] * (most - 1) + [True] * 2
    await until(lambda: len(sender.heard) == most + 1)
