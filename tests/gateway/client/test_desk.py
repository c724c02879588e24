"""What the client tells risk staff of all accounts."""

import csv
import io
from decimal import Decimal

import pytest

from exchange import commands, staff_commands
from gateway.client import Client, ForcedOrder, RefusedError, StandingChange
from tests.gateway.doors import until
from tests.gateway.risk.test_desk import LOTS, mark, officer, trade

SOUND = {"sound": 2, "margin_call": 0, "liquidation": 0, "bankrupt": 0}


@pytest.fixture
async def staff(doors):
    """A client of risk staff."""
    key = officer(doors)
    async with Client(doors.url, key.key_id, key.secret) as client:
        yield client


def account_id(doors, name):
    return doors.exchange.view.account_by_name[name]


async def test_accounts_are_followed_from_a_snapshot_of_all(doors, staff):
    await trade(doors)
    alice, bob = account_id(doors, "alice"), account_id(doors, "bob")
    async with staff.stream() as stream:
        updates = await stream.subscribe_risk()
        first = await anext(updates)
        assert (first.type, first.accounts, first.counts) == ("snapshot", 2, SOUND)
        names, figures = first.columns["names"], first.columns["figures"]
        assert (names["account_id"], names["name"]) == ([alice, bob], ["alice", "bob"])
        balances = doors.exchange.view.balances(alice)
        assert figures["equity_micro"][0] == balances.equity_nano // 1_000
        await mark(doors, 39_500)
        while not (moved := await anext(updates)).columns:
            pass
        assert (moved.type, moved.counts["liquidation"]) == ("update", 1)
        figures = moved.columns["figures"]
        assert dict(zip(figures["account_id"], figures["state"], strict=True))[bob] == "liquidation"
        assert "names" not in moved.columns
    async with staff.stream() as stream:
        assert (await anext(await stream.subscribe_risk())).type == "snapshot"


async def test_the_overview_has_the_market_and_who_is_being_closed(doors, staff):
    await trade(doors)
    await mark(doors, 39_500)
    await doors.exchange.submit(staff_commands.set_utilisation(1, 700_000))
    overview = await staff.risk_overview()
    assert (overview.market_halted, overview.fund, overview.counts["liquidation"]) == (True, 0, 1)
    assert [(each.region, each.utilisation_ppm) for each in overview.regions] == [("eu-fra", 700_000), ("us-nyc", 0)]
    (closing,) = overview.queue
    assert (closing.name, closing.standing, closing.forced_order, closing.open_positions) == (
        *("bob", "liquidation", None, 1),
    )
    assert [(each.symbol, each.quantity) for each in closing.positions] == [(doors.symbol, LOTS)]
    (window,) = overview.windows
    assert (window.symbol, window.gross_quantity, window.called_net_quantity) == (doors.symbol, LOTS, LOTS)
    assert window.start == (await staff.instrument(doors.symbol)).start


async def test_a_shock_tells_who_would_fall(doors, staff):
    await trade(doors)
    shock = await staff.shock({"eu-fra": -100_000, "us-nyc": 50_000})
    assert (shock.before, shock.after["bankrupt"], shock.fallen) == (SOUND, 1, 1)
    (bob,) = shock.accounts
    assert (bob.name, bob.standing, bob.standing_after, bob.equity_after) == ("bob", "sound", "bankrupt", -shock.debt)
    assert shock.uncovered == shock.debt - shock.fund > 0
    assert (await staff.shock({"eu-fra": -100_000}, limit=0)).accounts == []
    with pytest.raises(RefusedError, match="unknown_region"):
        await staff.shock({"gold": 1})


async def test_events_of_who_has_too_little_are_typed_the_newest_first(doors, staff):
    await trade(doors, is_halted=False)
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    await doors.exchange.submit(commands.place(account_id(doors, "alice"), instrument_id, 0, 39_000, 1_000))
    await mark(doors, 39_500)
    await until(lambda: not doors.exchange.view.positions(account_id(doors, "bob"))[0].lots)
    events = await staff.risk_events("bob", limit=1_000)
    assert {each.account for each in events} == {"bob"}
    assert [each.time_ns for each in events] == sorted((each.time_ns for each in events), reverse=True)
    called, forced = events[-1].event, next(each.event for each in events if each.kind == "forced_order")
    assert isinstance(called, StandingChange)
    assert called.previous == "sound"
    assert called.equity < called.margin
    assert isinstance(forced, ForcedOrder)
    assert (forced.symbol, forced.side) == (doors.symbol, "sell")
    assert len(await staff.risk_events(limit=1)) == 1


async def test_open_orders_of_any_account_are_listed(doors, staff):
    async with await doors.client("alice") as alice:
        first = await alice.place(doors.symbol, "sell", 1, "0.041")
        await alice.place(doors.symbol, "sell", 1, "0.042")
    listed = await staff.risk_orders("alice", limit=1)
    assert (listed.account, listed.open) == ("alice", 2)
    assert [(each.order_id, each.price) for each in listed.orders] == [(first.order_id, Decimal("0.041"))]


async def test_all_accounts_come_as_csv(doors, staff):
    await trade(doors)
    rows = list(csv.DictReader(io.StringIO(await staff.risk_accounts_csv())))
    assert [row["name"] for row in rows] == ["alice", "bob"]
    equity_nano = doors.exchange.view.balances(account_id(doors, "alice")).equity_nano
    assert Decimal(rows[0]["equity"]).scaleb(9) == equity_nano


ASKED = {
    "risk_overview": lambda client: client.risk_overview(),
    "shock": lambda client: client.shock({"eu-fra": 1}),
    "risk_events": lambda client: client.risk_events(),
    "risk_orders": lambda client: client.risk_orders("alice"),
    "risk_accounts_csv": lambda client: client.risk_accounts_csv(),
}


@pytest.mark.parametrize("call", ASKED)
async def test_a_trader_is_refused_what_the_desk_asks(doors, call):
    async with await doors.client("alice") as alice:
        with pytest.raises(RefusedError) as refused:
            await ASKED[call](alice)
    assert refused.value.code == "role_missing"


async def test_a_trader_is_refused_the_channel_and_can_go_on(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        for _ in range(2):
            with pytest.raises(RefusedError, match="role_missing"):
                await stream.subscribe_risk()
        assert (await anext(await stream.subscribe_cells())).is_snapshot
