"""Orders that go when a connection ends, however it ends, and those that stay."""

import asyncio

import pytest

from exchange.service import Exchange
from gateway.app import make_app, make_runner
from gateway.clearing.reservation_key import ReservationKey
from gateway.identity.guard_table import GuardRow
from gateway.settings import GatewaySettings
from gateway.staff.audit import AuditLog
from tests.gateway.conftest import LIMITS
from tests.gateway.doors import until
from tests.gateway.peer import connect


def order(doors, **changes):
    return {"symbol": doors.symbol, "side": "buy", "price": "0.03", "quantity": "1"} | changes


async def guarded(peer, key, mode="connection", **options):
    answer = await peer.log_in(key, cancel_on_disconnect=mode, **options)
    assert answer["ok"], answer
    return answer["result"]


async def all_gone(doors):
    """The orders are cancelled, and nothing is left to be done at the next start."""
    await until(lambda: doors.exchange.view.resting_orders == 0)
    await until(lambda: doors.keys.guards.rows() == [])


@pytest.mark.parametrize("ending", ["close", "abort"])
async def test_orders_of_a_connection_go_however_it_ends(doors, ending):
    key = await doors.account("alice")
    async with connect(doors) as peer:
        told = await guarded(peer, key)
        assert (told["cancel_on_disconnect"], told["session"]) == ("connection", 1)
        for _ in range(3):
            assert (await peer.ask("place", **order(doors)))["result"]["status"] == "open"
        if ending == "abort":
            peer.socket._response.connection.transport.abort()
    await all_gone(doors)


async def test_orders_of_other_connections_and_of_rest_stay(doors):
    key = await doors.account("alice")
    async with connect(doors, key) as plain, connect(doors) as second:
        kept = [(await plain.ask("place", **order(doors)))["result"]["order_id"]]
        assert (await guarded(second, key))["session"] == 1
        kept.append((await second.ask("place", **order(doors)))["result"]["order_id"])
        kept.append((await doors.ask("POST", "/v1/orders", key, order(doors)))[1]["order_id"])
        async with connect(doors) as first:
            assert (await guarded(first, key))["session"] == 2
            gone = (await first.ask("place", **order(doors)))["result"]["order_id"]
        await until(lambda: doors.exchange.view.order(gone).status == "cancelled")
        assert [doors.exchange.view.order(each).status for each in kept] == ["open"] * 3


async def test_all_orders_of_an_account_go_if_it_says_so_and_those_of_others_stay(doors):
    key, other_key = await doors.account("alice"), await doors.account("bob")
    for each in (key, other_key):
        await doors.ask("POST", "/v1/orders", each, order(doors))
    async with connect(doors, key) as plain:
        await plain.ask("place", **order(doors))
        async with connect(doors) as peer:
            await guarded(peer, key, "account")
        await until(lambda: doors.exchange.view.resting_orders == 1)
    assert [each.symbol for each in doors.exchange.view.open_orders(other_key.account_id)] == [doors.symbol]


@pytest.mark.parametrize(
    "farewell", [("logout", {}), ("set", {"cancel_on_disconnect": None})], ids=lambda each: each[0]
)
async def test_orders_stay_after_a_farewell(doors, farewell):
    op, fields = farewell
    async with connect(doors) as peer:
        await guarded(peer, await doors.account("alice"))
        await peer.ask("place", **order(doors))
        assert (await peer.ask(op, **fields))["ok"]
    await until(lambda: doors.keys.guards.rows() == [])
    assert doors.exchange.view.resting_orders == 1


async def test_a_guard_can_be_set_later_and_changed(doors):
    key = await doors.account("alice")
    async with connect(doors, key) as peer:
        await peer.ask("place", **order(doors))
        assert (await peer.ask("set", cancel_on_disconnect="connection"))["result"]["session"] == 1
        assert doors.keys.guards.rows() == [GuardRow(key.account_id, 1, of_account=False)]
        answer = await peer.ask("set", cancel_on_disconnect="account")
        assert answer["result"] == {"cancel_on_disconnect": "account", "session": 1}
        assert doors.keys.guards.rows() == [GuardRow(key.account_id, 1, of_account=True)]
    await all_gone(doors)


async def test_a_number_is_given_once_at_a_time(doors):
    key = await doors.account("alice")
    async with connect(doors) as first, connect(doors) as second:
        assert (await guarded(first, key, session=7))["session"] == 7
        refused = await second.log_in(key, cancel_on_disconnect="connection", session=7)
        assert (refused["error"]["code"], refused["error"]["param"]) == ("session_in_use", "session")
        assert (await guarded(second, await doors.account("alice")))["session"] == 1


async def test_a_retry_over_the_next_connection_with_the_same_number_finds_the_first_answer(doors):
    key, sent = await doors.account("alice"), order(doors, client_id="mine-1")
    async with connect(doors) as peer:
        await guarded(peer, key, session=5)
        first = (await peer.ask("place", **sent))["result"]
    await all_gone(doors)
    async with connect(doors) as peer:
        await guarded(peer, key, session=5)
        again = (await peer.ask("place", **sent))["result"]
    assert (again["repeated"], again["order_id"]) == (True, first["order_id"])


async def test_a_stop_of_the_server_cancels_what_is_guarded(doors):
    async with connect(doors) as peer:
        await guarded(peer, await doors.account("alice"))
        await peer.ask("place", **order(doors))
        stopping = asyncio.create_task(doors.stop())
        async for _ in peer.socket:
            pass
        await stopping
        assert doors.exchange.view.resting_orders == 0
    assert doors.keys.guards.rows() == []


async def test_what_a_lost_process_guarded_is_cancelled_before_the_next_one_opens(doors, tmp_path):
    """A process that is lost leaves the journal and the rows as they are: the orders rest, and the rows are there."""
    key, other = await doors.account("alice"), await doors.account("bob")
    async with connect(doors) as peer:
        await guarded(peer, key)
        await peer.ask("place", **order(doors))
        rows = doors.keys.guards.rows()
        assert (await peer.ask("logout"))["ok"]
    await until(lambda: doors.keys.guards.rows() == [])
    await doors.ask("POST", "/v1/orders", key, order(doors))
    await doors.ask("POST", "/v1/orders", other, order(doors))
    await doors.stop()
    await doors.exchange.close()
    doors.keys.guards.put(rows[0])
    doors.keys.guards.put(GuardRow(other.account_id, 9, of_account=True))
    reopened = await Exchange.open(tmp_path / "exchange", limits=LIMITS, synchronous="OFF")
    assert reopened.view.resting_orders == 3
    runner, audit = await open_doors(reopened, doors.keys, tmp_path / "exchange")
    assert [each.session_id for each in reopened.view.open_orders(key.account_id)] == [0]
    assert reopened.view.open_orders(other.account_id) == []
    assert doors.keys.guards.rows() == []
    await runner.cleanup()
    audit.close()
    await reopened.close()


async def open_doors(exchange, keys, directory):
    audit = AuditLog.open(directory / "second")  # that of the doors before is still open
    runner = make_runner(make_app(exchange, keys, ReservationKey.open(directory), GatewaySettings(), audit))
    await runner.setup()
    return runner, audit


async def test_a_guard_needs_a_login_with_a_role_that_trades(doors):
    async with connect(doors) as peer:
        assert (await peer.ask("set", cancel_on_disconnect="account"))["error"]["code"] == "not_logged_in"
        reporter = await doors.account("probe", ("reporter",))
        refused = await peer.log_in(reporter, cancel_on_disconnect="account")
        assert refused["error"]["code"] == "role_missing"


async def test_after_a_logout_the_connection_hears_and_does_nothing_for_the_account(doors):
    key = await doors.account("alice")
    async with connect(doors, key) as peer:
        for channel in ("fills", "ticker"):
            await peer.ask("subscribe", channel=channel)
        assert (await peer.ask("logout"))["result"] == {}
        assert (await peer.ask("place", **order(doors)))["error"]["code"] == "not_logged_in"
        assert (await peer.ask("subscribe", channel="fills"))["error"]["code"] == "not_logged_in"
        assert (await peer.ask("unsubscribe", channel="ticker"))["ok"]
        assert (await peer.log_in(await doors.account("bob")))["result"]["account"] == "bob"


async def test_a_new_key_of_the_same_account_takes_over_on_the_open_connection(doors):
    old, new = await doors.account("alice"), await doors.account("alice")
    async with connect(doors, old) as peer:
        await peer.ask("subscribe", channel="orders")
        assert (await peer.log_in(new))["ok"]
        placed = (await peer.ask("place", **order(doors)))["result"]
        update = await peer.of_channel("orders", "update")
        assert [row["order_id"] for row in update["orders"]] == [placed["order_id"]]
        refused = await peer.log_in(await doors.account("bob"))
        assert refused["error"]["code"] == "other_account"


async def test_many_connections_that_end_at_once_leave_nothing(doors):
    key = await doors.account("alice")

    async def come_and_go():
        async with connect(doors) as peer:
            await guarded(peer, key)
            await asyncio.gather(*(peer.send({"op": "place", "id": n, **order(doors)}) for n in range(5)))

    await asyncio.gather(*(come_and_go() for _ in range(10)))
    await all_gone(doors)
