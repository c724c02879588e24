"""Margin calls by risk staff at the doors: who is called, who hears of it, and what is refused."""

from decimal import Decimal

import pytest

from gateway.client import AddOnChange, RefusedError, StandingChange
from gateway.identity.keys import NO_ACCOUNT

CASH = Decimal(1_000_000)
ADD_ON_MAX = Decimal("576460752.303423488")


async def refusal(awaitable) -> str:
    with pytest.raises(RefusedError) as refused:
        await awaitable
    return refused.value.code


async def test_an_account_that_is_called_can_only_close_until_it_is_let_off(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await bob.place(doors.symbol, "sell", 10, "0.04")
        await alice.place(doors.symbol, "buy", 10, "0.04")
        await alice.place(doors.symbol, "buy", 5, "0.03")
        called = await doors.admin.call_margin("alice", 2_500)
        assert (called.account, called.called, called.standing) == ("alice", 2_500, "margin_call")
        account = await alice.account()
        assert (account.standing, account.balances.add_on) == ("margin_call", called.add_on)
        assert account.balances.maintenance < 1
        assert await alice.orders() == []
        assert await refusal(alice.place(doors.symbol, "buy", 1, "0.03")) == "insufficient_margin"
        assert await refusal(doors.admin.withdraw("alice", 1)) == "insufficient_funds"
        await bob.place(doors.symbol, "buy", 4, "0.04")
        assert (await alice.place(doors.symbol, "sell", 4, "0.04")).status == "filled"
        ended = await doors.admin.set_add_on("alice", 0)
        assert (ended.add_on, ended.called) == (0, None)
        assert ended.margin < 1


async def test_an_account_with_nothing_is_short_of_just_what_was_called_for(doors):
    async with await doors.client("alice") as alice:
        called = await doors.admin.call_margin("alice", "0.000000001")
        assert (called.add_on, called.margin - called.equity) == (CASH + Decimal("1e-9"), Decimal("1e-9"))
        assert (await alice.account()).balances.free == Decimal("-1e-9")
        again = await doors.admin.call_margin("alice", "0.000000001")
        assert again.add_on == called.add_on


async def test_the_account_hears_of_it_and_so_do_risk_staff(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        events, margin = await stream.subscribe_account(), await stream.subscribe_margin()
        await anext(events)
        assert (await anext(margin)).balances.add_on == 0
        called = await doors.admin.call_margin("alice", 10)
        standing, add_on = (await anext(events)).events
        assert (type(standing), standing.standing, standing.maintenance) == (StandingChange, "margin_call", 0)
        assert (type(add_on), add_on.add_on, add_on.called) == (AddOnChange, called.add_on, 10)
        told = await anext(margin)
        assert (told.standing, told.balances.add_on, told.balances.free) == ("margin_call", called.add_on, -10)
    officer = doors.keys.create(NO_ACCOUNT, ("risk",))
    _, answer = await doors.ask("GET", "/v1/risk/events?account=alice", officer)
    assert [row["kind"] for row in answer["events"]] == ["add_on", "standing"]


async def test_views_of_risk_have_what_was_added(doors):
    async with await doors.client("alice") as alice:
        called = await doors.admin.call_margin("alice", 10)
        (row,) = await doors.admin.risk(standing="margin_call")
        assert (row.name, row.margin, row.maintenance, row.distance) == ("alice", called.margin, 0, CASH)
        margin = await alice.margin()
        assert (margin.standing, margin.add_on, margin.free) == ("margin_call", called.add_on, -10)
        thought = await alice.what_if([], replaces=True)
        assert (thought.after.add_on, thought.after.standing) == (called.add_on, "margin_call")
        _, overview = await doors.ask("GET", "/v1/risk/overview", doors.keys.create(NO_ACCOUNT, ("risk",)))
        assert (overview["counts"]["margin_call"], overview["queue"]) == (1, [])


async def test_it_is_in_the_log(doors):
    async with await doors.client("alice"):
        called = await doors.admin.call_margin("alice", 10)
        (entry,) = await doors.admin.audit(limit=1)
        assert (entry.action, entry.outcome, entry.sequence) == ("POST /v1/admin/margin-calls", "ok", called.sequence)
        assert '"amount":"10"' in entry.body


async def test_what_was_added_outlives_a_restart_of_the_view(doors):
    async with await doors.client("alice"):
        called = await doors.admin.call_margin("alice", 10)
        view = doors.exchange.view
        restored = type(view).load(view.dump())
        account_id = view.account_by_name["alice"]
        assert restored.balances(account_id) == view.balances(account_id)
        assert restored.balances(account_id).add_on_nano == int(called.add_on * 10**9)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"account": "nobody", "amount": "1"}, 404, "unknown_account"),
        ({"account": "root"}, 422, "missing_field"),
        ({"amount": "1"}, 422, "missing_field"),
        ({"account": "root", "amount": "1", "add_on": "1"}, 422, "invalid_value"),
        ({"account": "root", "amount": 1}, 422, "number_not_string"),
        ({"account": "root", "amount": "0"}, 422, "amount_out_of_range"),
        ({"account": "root", "amount": "-1"}, 422, "amount_out_of_range"),
        ({"account": "root", "add_on": "-1"}, 422, "amount_out_of_range"),
        ({"account": "root", "add_on": str(ADD_ON_MAX + Decimal("1e-9"))}, 422, "amount_out_of_range"),
        ({"account": "root", "add_on": "99999999999999999999"}, 422, "amount_out_of_range"),
        ({"account": "root", "amount": "1", "until": "never"}, 422, "unknown_field"),
    ],
)
async def test_a_call_that_cannot_be_is_refused_by_name(doors, fields, status, code):
    admin = doors.keys.create((await doors.account("root")).account_id, ("admin",))
    found, answer = await doors.ask("POST", "/v1/admin/margin-calls", admin, fields)
    assert (found, answer["error"]["code"]) == (status, code)


async def test_the_most_that_can_be_added_is_taken(doors):
    await doors.account("alice")
    assert (await doors.admin.set_add_on("alice", ADD_ON_MAX)).add_on == ADD_ON_MAX


@pytest.mark.parametrize(("role", "status"), [("trader", 403), ("provider", 403), ("risk", 200)])
async def test_only_risk_staff_call(doors, role, status):
    key = await doors.account("alice", (role,))
    found, _ = await doors.ask("POST", "/v1/admin/margin-calls", key, {"account": "alice", "add_on": "1"})
    assert found == status
