"""What the risk desk is told: all accounts as they change, a move of forwards, the market as a whole, events, CSV."""

import asyncio
import csv
import io
from decimal import Decimal

import pytest

from exchange import commands, staff_commands
from gateway.feeds.risk import INTERVAL_S
from gateway.identity.keys import NO_ACCOUNT
from gateway.limits.weights import ANALYSIS, operation_of_route
from tests.gateway.doors import signed_headers, until
from tests.gateway.peer import connect

SHOCKS_TICKS = [0, *[1_000, -1_000] * 7, 500]
LOTS = 10
READS = ["/v1/risk/overview", "/v1/risk/accounts.csv", "/v1/risk/events", "/v1/risk/orders?account=alice"]


async def trade(doors, *, is_halted=True):
    """Bob is long with as little as he must have, Alice is short and rich."""
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    alice, bob = [(await doors.account(name)).account_id for name in ("alice", "bob")]
    await mark(doors, 40_000)
    await doors.exchange.submit(commands.place(alice, instrument_id, 1, 40_000, LOTS))
    await doors.exchange.submit(commands.place(bob, instrument_id, 0, 40_000, LOTS))
    await doors.exchange.submit(commands.withdraw(bob, doors.exchange.view.balances(bob).withdrawable_nano))
    if is_halted:
        await doors.exchange.submit(commands.halt_market())  # or his position would be closed at once


async def mark(doors, ticks):
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    terms = {"shocks_ticks": SHOCKS_TICKS, "spread_ticks": 100}
    await doors.exchange.submit(commands.set_parameters(instrument_id, mark_ticks=ticks, **terms))


def officer(doors):
    return doors.keys.create(NO_ACCOUNT, ("risk",))


def column(message, part, name):
    """A column of an update by the accounts' ids."""
    columns = message["columns"].get(part, {"account_id": [], name: []})
    return dict(zip(columns["account_id"], columns[name], strict=True))


async def test_all_accounts_are_told_once_and_then_those_that_change(doors):
    await trade(doors)
    alice, bob = doors.exchange.view.account_by_name["alice"], doors.exchange.view.account_by_name["bob"]
    async with connect(doors) as peer:
        await peer.log_in(officer(doors))
        assert (await peer.ask("subscribe", channel="risk"))["ok"]
        first = await peer.of_channel("risk", "snapshot")
        assert column(first, "names", "name") == {alice: "alice", bob: "bob"}
        assert column(first, "figures", "state") == {alice: "sound", bob: "sound"}
        assert column(first, "stakes", "contributor") == {alice: doors.symbol, bob: doors.symbol}
        assert column(first, "stakes", "positions") == {alice: 1, bob: 1}
        assert first["counts"] == {"sound": 2, "margin_call": 0, "liquidation": 0, "bankrupt": 0}
        quiet = await peer.of_channel("risk", "update")
        assert (quiet["columns"], quiet["accounts"]) == ({}, 2)
        await mark(doors, 39_500)
        while not (moved := await peer.of_channel("risk", "update"))["columns"]:
            pass
        balances = doors.exchange.view.balances(bob)
        assert column(moved, "figures", "state")[bob] == "liquidation"
        assert column(moved, "figures", "equity_micro")[bob] == balances.equity_nano // 1_000
        assert column(moved, "figures", "maintenance_micro")[bob] == balances.maintenance_nano // 1_000
        assert "names" not in moved["columns"]
        carol = (await doors.account("carol")).account_id
        while "names" not in (new := await peer.of_channel("risk", "update"))["columns"]:
            pass
        assert column(new, "names", "name") == {carol: "carol"}


async def test_who_comes_later_gets_everything_and_who_leaves_nothing(doors):
    await trade(doors)
    async with connect(doors) as one, connect(doors) as other:
        for peer in (one, other):
            await peer.log_in(officer(doors))
            await peer.ask("subscribe", channel="risk")
            assert len((await peer.of_channel("risk", "snapshot"))["columns"]["figures"]["account_id"]) == 2
        assert (await one.ask("unsubscribe", channel="risk"))["ok"]
        one.others.clear()
        await other.of_channel("risk", "update")
        assert (await one.ask("ping"))["ok"]
        assert [each for each in one.others if each.get("channel") == "risk"] == []


async def test_the_channel_is_for_risk_staff_and_ends_with_their_login(doors):
    trader = await doors.account("alice")
    async with connect(doors) as peer:
        assert (await peer.ask("subscribe", channel="risk"))["error"]["code"] == "not_logged_in"
        await peer.log_in(trader)
        assert (await peer.ask("subscribe", channel="risk"))["error"]["code"] == "role_missing"
    both = doors.keys.create(trader.account_id, ("trader", "risk"))
    async with connect(doors) as peer:
        await peer.log_in(both)
        assert (await peer.ask("subscribe", channel="risk"))["ok"]
        await peer.log_in(trader)
        peer.others.clear()
        await asyncio.sleep(2 * INTERVAL_S)
        assert (await peer.ask("ping"))["ok"]
        assert [each for each in peer.others if each.get("channel") == "risk"] == []


@pytest.mark.parametrize("path", READS)
async def test_traders_see_nothing_of_the_desk(doors, path):
    status, answer = await doors.ask("GET", path, await doors.account("alice"))
    assert (status, answer["error"]["code"]) == (403, "role_missing")


async def test_a_move_of_forwards_tells_who_would_fall_and_what_the_fund_would_face(doors):
    await trade(doors)
    body = {"moves": [{"region": "eu-fra", "move_ppm": -100_000}]}
    status, answer = await doors.ask("POST", "/v1/risk/shock", officer(doors), body)
    assert status == 200
    assert answer["before"] == {"sound": 2, "margin_call": 0, "liquidation": 0, "bankrupt": 0}
    assert answer["after"] == {"sound": 1, "margin_call": 0, "liquidation": 0, "bankrupt": 1}
    (bob,) = answer["accounts"]
    balances = doors.exchange.view.balances(doors.exchange.view.account_by_name["bob"])
    assert (bob["name"], bob["standing"], bob["standing_after"], answer["fallen"]) == ("bob", "sound", "bankrupt", 1)
    lost = LOTS * 4_000 * 1_000
    assert Decimal(bob["equity_after"]) == Decimal(balances.equity_nano - lost) / 10**9 == -Decimal(answer["debt"])
    assert Decimal(answer["uncovered"]) == Decimal(answer["debt"]) - Decimal(answer["fund"])
    assert doors.exchange.view.balances(doors.exchange.view.account_by_name["bob"]) == balances, "nothing has changed"


@pytest.mark.parametrize(
    ("moves", "status", "code"),
    [
        ([], 422, "invalid_value"),
        ([{"region": "gold", "move_ppm": 1}], 404, "unknown_region"),
        ([{"region": "eu-fra", "move_ppm": 900_001}], 422, "invalid_value"),
        ([{"region": "eu-fra", "move_ppm": 1}, {"region": "eu-fra", "move_ppm": 2}], 422, "invalid_value"),
        ([{"region": "eu-fra", "move_ppm": "1"}], 422, "wrong_type"),
    ],
    ids=str,
)
async def test_moves_that_cannot_be_are_refused_by_name(doors, moves, status, code):
    got, answer = await doors.ask("POST", "/v1/risk/shock", officer(doors), {"moves": moves})
    assert (got, answer["error"]["code"]) == (status, code)


async def test_the_market_as_a_whole_has_strain_the_fund_and_who_is_being_closed(doors):
    await trade(doors)
    await mark(doors, 39_500)
    await doors.exchange.submit(staff_commands.set_utilisation(1, 700_000))
    status, answer = await doors.ask("GET", "/v1/risk/overview", officer(doors))
    assert (status, answer["market_halted"], answer["fund"]) == (200, True, "0.000000000")
    assert [(each["region"], each["utilisation_ppm"]) for each in answer["regions"]] == [
        ("eu-fra", 700_000),
        ("us-nyc", 0),
    ]
    (closing,) = answer["queue"]
    assert (closing["name"], closing["standing"], closing["forced_order"]) == ("bob", "liquidation", None)
    assert (closing["open_positions"], closing["positions"]) == (1, [{"symbol": doors.symbol, "quantity": str(LOTS)}])
    (window,) = answer["windows"]
    assert (window["symbol"], window["gross_quantity"], window["largest_quantity"]) == (
        doors.symbol,
        str(LOTS),
        str(LOTS),
    )
    assert (window["called_net_quantity"], window["called_gross_quantity"]) == (str(LOTS), str(LOTS))


async def test_what_happens_to_who_has_too_little_is_kept_for_staff(doors):
    await trade(doors, is_halted=False)
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    alice = doors.exchange.view.account_by_name["alice"]
    await doors.exchange.submit(commands.place(alice, instrument_id, 0, 39_000, 1_000))
    await mark(doors, 39_500)
    await until(lambda: not doors.exchange.view.positions(doors.exchange.view.account_by_name["bob"])[0].lots)
    status, answer = await doors.ask("GET", "/v1/risk/events?account=bob&limit=1000", officer(doors))
    assert status == 200
    kinds = [each["kind"] for each in reversed(answer["events"])]
    assert kinds[0] == "standing"
    assert "forced_order" in kinds
    assert {each["account"] for each in answer["events"]} == {"bob"}
    assert (await doors.ask("GET", "/v1/risk/events?account=nobody", officer(doors)))[0] == 404
    _, of_all = await doors.ask("GET", "/v1/risk/events?limit=1", officer(doors))
    assert of_all["events"] == answer["events"][:1]


async def test_open_orders_of_any_account_are_listed(doors):
    await trade(doors, is_halted=False)
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    alice = doors.exchange.view.account_by_name["alice"]
    for price_ticks in (41_000, 42_000):
        await doors.exchange.submit(commands.place(alice, instrument_id, 1, price_ticks, 1))
    _, answer = await doors.ask("GET", "/v1/risk/orders?account=alice&limit=1", officer(doors))
    assert (answer["open"], [each["price"] for each in answer["orders"]]) == (2, ["0.041000"])


async def test_the_csv_has_every_account_with_exact_decimals(doors):
    await trade(doors)
    text = await raw(doors, "/v1/risk/accounts.csv", officer(doors))
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(text))}
    assert list(rows) == ["alice", "bob"]
    for name, row in rows.items():
        balances = doors.exchange.view.balances(doors.exchange.view.account_by_name[name])
        assert Decimal(row["equity"]) == Decimal(balances.equity_nano) / 10**9
        assert Decimal(row["maintenance"]) == Decimal(balances.maintenance_nano) / 10**9
        assert (row["state"], row["positions"], row["contributor"]) == ("sound", "1", doors.symbol)
    assert rows["bob"]["utilisation"] == "1.000000"


async def raw(doors, path, key):
    """The body of a signed read as text."""
    async with doors.http.get(doors.url + path, headers=signed_headers(key, "GET", path, b"")) as response:
        assert response.status == 200
        assert response.headers["Content-Disposition"].startswith("attachment")
        return await response.text()


async def test_risk_staff_do_what_ends_risk_and_find_it_in_the_log(doors):
    key = officer(doors)
    await doors.account("alice")
    for path, body in (
        ("/v1/admin/kill-switch", {"account": "alice"}),
        ("/v1/admin/limits/accounts", {"account": "alice", "position": "7"}),
        ("/v1/admin/halt", {"symbol": doors.symbol}),
        ("/v1/admin/resume", {"symbol": doors.symbol}),
    ):
        assert (await doors.ask("POST", path, key, body))[0] == 200
    _, answer = await doors.ask("GET", "/v1/admin/audit?contains=kill", key)
    assert [(each["action"], each["key_id"]) for each in answer["entries"]] == [
        ("POST /v1/admin/kill-switch", key.key_id)
    ]
    assert answer["next_cursor"] is None
    status, _ = await doors.ask("POST", "/v1/admin/deposits", key, {"account": "alice", "amount": "1"})
    assert status == 403, "money is moved by administrators alone"


def test_what_looks_at_all_accounts_has_the_weight_of_an_analysis():
    routes = [("GET", "/v1/risk/overview"), ("POST", "/v1/risk/shock"), ("GET", "/v1/risk/accounts.csv")]
    assert {operation_of_route(*route) for route in routes} == {ANALYSIS}


async def test_looks_of_many_at_once_share_what_is_read(doors):
    await trade(doors)
    key = officer(doors)
    body = {"moves": [{"region": "eu-fra", "move_ppm": 100_000}], "limit": 0}
    answers = await asyncio.gather(*(doors.ask("POST", "/v1/risk/shock", key, body) for _ in range(8)))
    assert {(status, answer["sequence"]) for status, answer in answers} == {(200, doors.exchange.view.sequence)}
