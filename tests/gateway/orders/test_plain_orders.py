"""The plain road of orders as JSON: the same commands and answers as the general one, in the same order."""

import asyncio
import re
import threading
from contextlib import asynccontextmanager

import pytest

from exchange import commands
from exchange.service import Exchange
from exchange.venue.schema import Command
from gateway.orders.plain_orders import FRAMES_PER_TURN
from gateway.sockets.socket import Socket
from tests.gateway.doors import PATIENCE_S, until
from tests.gateway.peer import connect
from tests.gateway.wire import close_code, dial_socket, frame

GENERAL = {"reduce_only": False}
"""Says nothing new, and sends an order the general road."""
VOLATILE = ("order_id", "sequence", "time", "time_ns", "client_id")


def order(doors, **changes):
    fields = {"op": "place", "symbol": doors.symbol, "side": "buy", "price": "0.03", "quantity": "10"} | changes
    return {name: value for name, value in fields.items() if value is not None}


SAID = {
    "rests": {},
    "rests under a client id": {"client_id": "named"},
    "rests at a price with other digits": {"price": "0.030000"},
    "trades": {"price": "0.05", "quantity": "5"},
    "trades and rests": {"price": "0.05", "quantity": "25", "client_id": "half"},
    "is killed": {"time_in_force": "ioc"},
    "trades and is killed": {"price": "0.05", "time_in_force": "ioc", "quantity": "30"},
    "is killed whole": {"price": "0.05", "time_in_force": "fok", "quantity": "30"},
    "off the grid": {"price": "0.0300001"},
    "off the step": {"price": "0.030001"},
    "far outside the band": {"price": "9000"},
    "more than there is money for": {"quantity": "100000000"},
    "larger than may be": {"quantity": "10001"},
    "a number for a price": {"price": 0.03},
    "no price": {"price": None},
    "a null": {"client_id": None, "time_in_force": None},
    "an unknown symbol": {"symbol": "nowhere"},
    "an unknown side": {"side": "both"},
    "a list for a side": {"side": ["buy"]},
    "a client id with a space": {"client_id": "a b"},
    "a number for a client id": {"client_id": 7},
    "a lifetime that needs a time": {"time_in_force": "gtd"},
    "a field too many": {"colour": "red"},
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
async def test_both_roads_give_the_same_answer(doors, said):
    key, maker = await doors.account("alice"), await doors.account("bob")
    answers = []
    async with connect(doors, key) as peer, connect(doors, maker) as other:
        for general in ({}, GENERAL):
            await other.ask(**order(doors, side="sell", price="0.05", quantity="20"))
            name = len(answers)
            await peer.send(order(doors, **said) | general | {"id": name})
            answers.append(await peer.answer(name))
            for each in (peer, other):
                await each.ask("cancel_all")
            if "client_id" in said:
                said = said | {"client_id": f"{said['client_id']}-2"} if isinstance(said["client_id"], str) else said
    plain, general = map(comparable, answers)
    assert plain == general


def comparable(answer):
    """What may not differ."""
    told = {name: value for name, value in answer.items() if name != "id"}
    told["rate_limit"] = set(told["rate_limit"])
    if "result" in told:
        result = {name: value for name, value in told["result"].items() if name not in VOLATILE}
        result["trades"] = [trade | {"id": None} for trade in result["trades"]]
        told["result"] = result | {"names": sorted(told["result"])}
    return told


async def answers_of(peer, count):
    """The answers to requests 0, 1, ..., which may come in any order."""
    found = {}
    while len(found) < count:
        message = await peer.message()
        found[message["id"]] = message
    return [found[name] for name in range(count)]


async def test_a_retry_is_answered_as_the_first_time_and_other_content_refused(doors):
    async with connect(doors, await doors.account("alice")) as peer:
        sent = order(doors, client_id="one")
        names = range(3)
        for name, fields in zip(names, (sent, sent, sent | {"quantity": "11"}), strict=True):
            await peer.send(fields | {"id": name})
        first, again, other = await answers_of(peer, 3)
    assert again["result"]["repeated"]
    assert again["result"]["order_id"] == first["result"]["order_id"]
    assert other["error"]["code"] == "client_id_reused"


async def test_requests_of_all_kinds_are_carried_out_in_the_order_in_which_they_were_sent(doors):
    async with connect(doors, await doors.account("alice")) as peer:
        sent = []
        for round_ in range(20):
            sent.append(order(doors, client_id=f"c-{round_}"))
            sent.append({"op": "cancel", "client_id": f"c-{round_}"})
            sent.append(order(doors, client_id=f"d-{round_}") | GENERAL)
            sent.append({"op": "ping"})
        for name, fields in enumerate(sent):
            await peer.send(fields | {"id": name})
        answers = await answers_of(peer, len(sent))
    assert all(answer["ok"] for answer in answers)
    sequences = [answer["result"]["sequence"] for answer in answers if "order_id" in answer["result"]]
    assert sequences == sorted(sequences)
    assert doors.exchange.view.resting_orders == 20


async def test_orders_before_a_guard_stay_and_orders_after_it_go(doors):
    key = await doors.account("alice")
    async with connect(doors, key) as peer:
        for fields in (order(doors), {"op": "set", "cancel_on_disconnect": "connection"}, order(doors, quantity="7")):
            await peer.send(fields | {"id": fields.get("quantity", "x") if fields["op"] == "set" else 1})
        await until(lambda: doors.exchange.view.resting_orders == 2)
    await until(lambda: doors.exchange.view.resting_orders == 1)
    (left,) = doors.exchange.view.open_orders(key.account_id)
    assert left.quantity_lots == 10


async def test_an_order_that_arrives_with_the_end_of_its_connection_goes_with_it(doors):
    key = await doors.account("alice")
    async with connect(doors) as peer:
        assert (await peer.log_in(key, cancel_on_disconnect="connection"))["ok"]
        await peer.send(order(doors) | {"id": 1})
        peer.socket._response.connection.transport.close()
    await until(lambda: doors.keys.guards.rows() == [])
    assert doors.exchange.view.resting_orders == 0


async def test_more_orders_than_may_be_under_way_are_refused_by_name(doors):
    many = doors.gateway.settings.requests_in_flight_max + 200
    async with connect(doors, await doors.account("alice")) as peer:
        for name in range(many):
            await peer.send(order(doors, quantity="1") | {"id": name})
        answers = await answers_of(peer, many)
    refused = {answer["error"]["code"] for answer in answers if not answer["ok"]}
    assert refused <= {"too_many_in_flight", "rate_limited"}
    assert doors.exchange.view.resting_orders == sum(answer["ok"] for answer in answers)


async def test_orders_are_paid_for_and_refused_by_name_when_there_is_nothing_left(doors):
    key = await doors.account("alice")
    async with connect(doors, key) as peer:
        bucket = doors.gateway.rates.bucket_of(key)
        bucket.take_up_to(10**9, bucket._at_ns)
        for name in range(200):
            await peer.send(order(doors) | {"id": name})
        answers = await answers_of(peer, 200)
    assert {answer["error"]["code"] for answer in answers if not answer["ok"]} == {"rate_limited"}


async def test_a_key_that_may_only_read_orders_on_neither_road(doors):
    key = await doors.account("alice", roles=("reporter",))
    async with connect(doors, key) as peer:
        for general in ({}, GENERAL):
            await peer.send(order(doors) | general | {"id": 1})
            assert (await peer.answer(1))["error"]["code"] == "role_missing"


async def test_who_has_not_logged_in_is_told_so(doors):
    async with connect(doors) as peer:
        await peer.send(order(doors) | {"id": 1})
        assert (await peer.answer(1))["error"]["code"] == "not_logged_in"


async def test_orders_that_the_exchange_does_not_take_are_refused_by_name(doors, monkeypatch):
    async with connect(doors, await doors.account("alice")) as peer:
        await asyncio.to_thread(doors.exchange._sequencer.stop)
        for name in range(3):
            await peer.send(order(doors) | {"id": name})
        codes = {(await peer.answer(name))["error"]["code"] for name in range(3)}
    assert codes == {"exchange_stopped"}
    assert doors.gateway.plain._runs == []


@pytest.fixture
def held(monkeypatch):
    """The connections that were held, each as often as it was."""
    connections, hold = [], Socket.hold

    def note(connection):
        connections.append(connection)
        hold(connection)

    monkeypatch.setattr(Socket, "hold", note)
    return connections


def pings(names):
    return b"".join(frame(1, b'{"op":"ping","id":%d}' % name) for name in names)


async def read_until(wire, name):
    """All that was answered, up to the answer to a request."""
    async with asyncio.timeout(PATIENCE_S):
        return await wire.reader.readuntil(b'"id":%d,' % name)


@asynccontextmanager
async def busy(doors):
    """A command waits for the sequencer, which stands still until what is given is set."""
    go, began = threading.Event(), threading.Event()

    def stand_still(_):
        began.set()
        return go.wait(PATIENCE_S)

    look = doors.exchange.look(stand_still, lambda found: found)
    await until(began.is_set)
    (waiting,) = doors.exchange.submit_many([commands.resume_market()])
    try:
        yield go
    finally:
        go.set()
        await look
        await waiting


async def test_who_sends_many_frames_while_a_batch_is_under_way_is_read_again_when_it_is_told(doors, held, monkeypatch):
    monkeypatch.setattr("gateway.sockets.socket.HELD_S_MAX", PATIENCE_S)
    async with dial_socket(doors) as wire, busy(doors) as go:
        wire.send(pings(range(20)))
        answered = await read_until(wire, 19)
        assert [int(name) for name in re.findall(rb'"id":(\d+),', answered)] == [*range(20)]
        (connection,) = held
        assert not connection._transport.is_reading()
        wire.send(pings(range(20, 22)))
        go.set()
        await read_until(wire, 21)
        assert connection._transport.is_reading()


async def test_nobody_is_left_unread_for_long_whatever_the_disk_does(doors, held):
    async with dial_socket(doors) as wire, busy(doors):
        for first in (0, 20, 40):
            wire.send(pings(range(first, first + 20)))
            await read_until(wire, first + 19)
        assert len(held) >= 3


async def test_who_sends_many_frames_while_nothing_is_under_way_is_not_held(doors, held):
    async with dial_socket(doors) as wire:
        await until(lambda: not doors.exchange.is_busy)
        wire.send(pings(range(20)))
        await read_until(wire, 19)
    assert held == []


async def test_who_waits_for_each_answer_is_not_held(doors, held):
    async with connect(doors, await doors.account("alice")) as peer:
        for number in range(20):
            assert (await peer.ask(**order(doors, client_id=f"c-{number}")))["ok"]
    assert held == []


async def test_who_leaves_while_held_is_noticed_and_closed(doors, held, monkeypatch):
    monkeypatch.setattr(Exchange, "is_busy", True)
    async with dial_socket(doors) as wire:
        wire.send(pings(range(20)) + frame(8, b"\x03\xe8"))
        assert close_code((await wire.rest()).rpartition(b"}")[2]) == 1_000
    assert held
    async with dial_socket(doors) as wire:
        await until(lambda: len(doors.gateway.sessions) == 1)
        wire.send(pings(range(20)))
        wire.writer.transport.abort()
        await until(lambda: not doors.gateway.sessions)


@asynccontextmanager
async def writing(doors, monkeypatch):
    """A batch is on its way to a disk that stands still until what is given is set, and nothing waits behind it."""
    monkeypatch.setattr("exchange.sequencer.QUICK_COMMITS", 1 << 60)
    await until(lambda: not doors.exchange.is_busy)
    go, began = threading.Event(), threading.Event()
    append = doors.exchange._journal.begin_append

    def append_late(*arguments):
        began.set()
        go.wait(PATIENCE_S)
        return append(*arguments)

    monkeypatch.setattr(doors.exchange._journal, "begin_append", append_late)
    (waiting,) = doors.exchange.submit_many([commands.resume_market()])
    await until(began.is_set)
    assert doors.exchange.is_between_batches
    try:
        yield go
    finally:
        go.set()
        await waiting


def places_by_batch(doors, batches):
    """Let a list grow by the number of new orders in each batch that has any."""

    def note(published):
        count = int((published.commands["kind"] == Command.PLACE).sum())
        batches.extend([count] if count else [])

    return doors.exchange.subscribe(note)


async def test_what_comes_one_by_one_while_a_batch_is_written_is_carried_out_together(doors, monkeypatch):
    monkeypatch.setattr("gateway.orders.plain_orders.PATIENCE_S", PATIENCE_S)
    batches = []
    async with connect(doors, await doors.account("alice")) as peer:
        stop = places_by_batch(doors, batches)
        async with writing(doors, monkeypatch) as go:
            for name in range(5):
                await peer.send(order(doors) | {"id": name})
                await until(lambda name=name: len(doors.gateway.plain._payloads) == name + 1)
            assert doors.exchange.is_between_batches
            go.set()
            answers = [await peer.answer(name) for name in range(5)]
        stop()
    assert [answer["result"]["status"] for answer in answers] == ["open"] * 5
    assert batches == [5]


async def test_what_waits_for_a_batch_is_queued_before_long_whatever_the_disk_does(doors, monkeypatch):
    async with connect(doors, await doors.account("alice")) as peer:
        async with writing(doors, monkeypatch):
            await peer.send(order(doors) | {"id": 1})
            await until(lambda: doors.exchange._sequencer.is_queueing)
            assert doors.gateway.plain._payloads == []
        assert (await peer.answer(1))["ok"]


async def test_of_many_frames_none_waits_for_the_batch_that_is_written(doors, monkeypatch):
    monkeypatch.setattr("gateway.orders.plain_orders.PATIENCE_S", PATIENCE_S)
    monkeypatch.setattr("gateway.orders.plain_orders.HELD_FRAMES", 1 << 60)
    async with connect(doors, await doors.account("alice")) as peer:
        async with writing(doors, monkeypatch):
            for name in range(FRAMES_PER_TURN + 1):
                await peer.send(order(doors) | {"id": name})
            await until(lambda: doors.exchange._sequencer.is_queueing)
        for name in range(FRAMES_PER_TURN + 1):
            assert (await peer.answer(name))["ok"]


async def test_what_somebody_else_sends_goes_behind_what_waits(doors, monkeypatch):
    monkeypatch.setattr("gateway.orders.plain_orders.PATIENCE_S", PATIENCE_S)
    key = await doors.account("alice")
    async with connect(doors, key) as peer:
        async with writing(doors, monkeypatch) as go:
            await peer.send(order(doors) | {"id": 1})
            await until(lambda: len(doors.gateway.plain._payloads) == 1)
            doors.gateway.plain.catch_up()
            assert doors.exchange._sequencer.is_queueing
            go.set()
            assert (await peer.answer(1))["ok"]
        assert (await peer.ask(**order(doors)))["ok"]
