"""Answers are written while the disk makes their orders durable, and leave when it has."""

import pytest

from exchange import commands
from exchange.journal_log import JournalLog
from exchange.sequencer import QUICK_COMMITS
from gateway.connections import DoorConnection
from gateway.encoding.binary_frames import FrameKind
from gateway.errors import DoorError
from gateway.orders import plain_orders, plain_requests
from gateway.sockets.binary_lane import Outcomes
from gateway.sockets.socket import Socket
from matching.schema import EventKind, Side
from tests.gateway.doors import until
from tests.gateway.orders.test_plain_requests import post, terms
from tests.gateway.peer import connect
from tests.gateway.sockets.test_binary_lane import PRICE, exchange_frames, instrument_of, orders


async def place(doors, peer, side="buy"):
    """Send an order, whose name is a number as those of plain orders are, and return the answer."""
    fields = {"op": "place", "symbol": doors.symbol, "side": side, "price": "0.03", "quantity": "10", "id": 7}
    await peer.send(fields)
    return await peer.answer(7)


@pytest.fixture
def steps(doors, monkeypatch):
    """What is done for an order, step by step; a disk counts as quick whatever it does."""
    steps = []

    def note(owner, name, step):
        function = getattr(owner, name)

        def noted(*arguments, **terms):
            found = function(*arguments, **terms)
            steps.append(step)
            return found

        monkeypatch.setattr(owner, name, noted)

    for answers in (plain_orders.Answers, plain_requests.Answers, Outcomes):
        note(answers, "prepare", "prepared")
    note(JournalLog, "wait", "durable")
    for owner, name in ((Socket, "_write"), (DoorConnection, "answer")):
        note(owner, name, "sent")
    monkeypatch.setattr("exchange.sequencer.QUICK_NS", 1 << 62)
    return steps


async def settled(doors, peer, steps):
    """Some orders, so that the disk is known to be quick; what they took is forgotten."""
    for _ in range(QUICK_COMMITS):
        assert (await place(doors, peer))["ok"]
    await until(lambda: not doors.exchange.is_busy)
    steps.clear()


def fail_the_disk(monkeypatch):
    """No sync succeeds from now on."""

    def fail(_log, *, spins):
        raise OSError("injected")

    monkeypatch.setattr(JournalLog, "wait", fail)


async def test_an_answer_is_ready_before_its_order_is_durable_and_sent_after(doors, steps):
    async with connect(doors, await doors.account("alice")) as peer:
        await settled(doors, peer, steps)
        answer = await place(doors, peer)
        assert answer["result"]["status"] == "open"
        assert steps[:3] == ["prepared", "durable", "sent"]


async def test_an_answer_that_needs_the_view_follows_on_those_that_do_not(doors, steps):
    """The order trades with one before it, so that its answer tells of a fill."""
    async with (
        connect(doors, await doors.account("alice")) as peer,
        connect(doors, await doors.account("bob")) as other,
    ):
        await settled(doors, peer, steps)
        answer = await place(doors, other, "sell")
        assert (answer["result"]["status"], answer["result"]["filled_quantity"]) == ("filled", "10")
        assert steps[:3] == ["prepared", "durable", "sent"]


async def test_a_prepared_answer_is_never_sent_when_the_disk_fails(doors, steps, monkeypatch):
    account = await doors.account("alice")
    async with connect(doors, account) as peer:
        await settled(doors, peer, steps)
        fail_the_disk(monkeypatch)
        refusal = await place(doors, peer)
        assert steps[0] == "prepared"
        assert refusal["error"]["code"] == "exchange_stopped"
        assert doors.exchange.phase == "stopping"
        assert len(doors.exchange.view.open_orders(account.account_id)) == QUICK_COMMITS


async def test_a_fault_in_preparing_is_logged_and_the_order_answered(doors, steps, monkeypatch):
    async with connect(doors, await doors.account("alice")) as peer:
        await settled(doors, peer, steps)
        writer, faults = plain_orders.Writer, [RuntimeError("injected")]

        def fail_once(*arguments):
            if faults:
                raise faults.pop()
            return writer(*arguments)

        monkeypatch.setattr(plain_orders, "Writer", fail_once)
        answer = await place(doors, peer)
        assert answer["result"]["status"] == "open"
        assert not faults
        assert doors.exchange.phase == "trading"


async def test_over_rest_too_an_answer_is_ready_before_its_order_is_durable(doors, steps):
    key = await doors.account("alice")
    async with connect(doors, key) as peer:
        await settled(doors, peer, steps)
        status, _, told = await post(doors, key, terms(doors))
        assert (status, told["status"]) == (201, "open")
        assert steps[:3] == ["prepared", "durable", "sent"]


async def test_over_rest_too_an_answer_that_needs_the_view_comes_after_it_has_followed(doors, steps):
    key = await doors.account("bob")
    async with connect(doors, await doors.account("alice")) as peer:
        await settled(doors, peer, steps)
        status, _, told = await post(doors, key, terms(doors, side="sell"))
        assert (status, told["status"], told["filled_quantity"]) == (201, "filled", "10")
        assert steps[:3] == ["prepared", "durable", "sent"]


async def test_over_rest_too_a_prepared_answer_is_never_sent_when_the_disk_fails(doors, steps, monkeypatch):
    key = await doors.account("alice")
    async with connect(doors, key) as peer:
        await settled(doors, peer, steps)
        fail_the_disk(monkeypatch)
        status, _, told = await post(doors, key, terms(doors))
        assert steps == ["prepared", "sent"]
        assert (status, told["error"]["code"]) == (503, "exchange_stopped")


async def test_a_frame_of_outcomes_is_ready_before_they_are_durable(doors, steps, monkeypatch):
    account = await doors.account("alice")
    async with connect(doors, account) as peer:
        await settled(doors, peer, steps)
        frame = orders(commands.place(0, instrument_of(doors), Side.BUY, PRICE, 5))
        answer = await exchange_frames(peer, frame)
        assert (answer.kind, answer.records["kind"].tolist()) == (FrameKind.OUTCOMES, [EventKind.RESTED])
        assert steps[:3] == ["prepared", "durable", "sent"]
        await until(lambda: not doors.exchange.is_busy)
        steps.clear()
        fail_the_disk(monkeypatch)
        answer = await exchange_frames(peer, frame)
        assert (answer.kind, answer.code) == (FrameKind.REFUSED, DoorError.EXCHANGE_STOPPED)
        assert steps == ["prepared", "sent"]
