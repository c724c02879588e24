"""Answers are written while the disk makes their orders durable, and leave when it has."""

import pytest

from exchange.journal_log import JournalLog
from exchange.sequencer import QUICK_COMMITS
from gateway.orders import plain_orders
from gateway.orders.plain_orders import Answers
from gateway.sockets.socket import Socket
from tests.gateway.doors import until
from tests.gateway.peer import connect


async def place(doors, peer, side="buy"):
    """Send an order, whose name is a number as those of plain orders are, and return the answer."""
    fields = {"op": "place", "symbol": doors.symbol, "side": side, "price": "0.03", "quantity": "10", "id": 7}
    await peer.send(fields)
    return await peer.answer(7)


@pytest.fixture
def steps(doors, monkeypatch):
    """What is done for an order, step by step; a disk counts as quick whatever it does."""
    steps = []
    prepare, wait, write = Answers.prepare, JournalLog.wait, Socket._write

    def note_prepare(answers, reply):
        prepare(answers, reply)
        steps.append("prepared")

    def note_wait(log):
        wait(log)
        steps.append("durable")

    def note_write(socket, frames):
        steps.append("sent")
        write(socket, frames)

    monkeypatch.setattr("exchange.sequencer.QUICK_NS", 1 << 62)
    monkeypatch.setattr(Answers, "prepare", note_prepare)
    monkeypatch.setattr(JournalLog, "wait", note_wait)
    monkeypatch.setattr(Socket, "_write", note_write)
    return steps


async def settled(doors, peer, steps):
    """Some orders, so that the disk is known to be quick; what they took is forgotten."""
    for _ in range(QUICK_COMMITS):
        assert (await place(doors, peer))["ok"]
    await until(lambda: not doors.exchange.is_busy)
    steps.clear()


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

        def fail(_log):
            raise OSError("injected")

        monkeypatch.setattr(JournalLog, "wait", fail)
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
