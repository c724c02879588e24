"""Margin and fees at the doors: what an administrator sets, and what traders see of it."""

import asyncio
from decimal import Decimal

import pytest

from exchange import commands
from exchange.venue.schema import Tier
from gateway.client import RefusedError
from tests.gateway.peer import connect

SELL, BUY = "sell", "buy"
SHOCKS = ["0.010000", "-0.020000"] * 7 + ["0.000500"]
PARAMETERS = {"symbol": "", "mark": "0.045", "shocks": SHOCKS}


def code_of(answer):
    return answer["error"]["code"]


async def test_a_new_mark_moves_equity_and_what_is_withdrawable(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.place(doors.symbol, SELL, 10, "0.04")
        await bob.place(doors.symbol, BUY, 10, "0.04")
        await doors.admin.set_risk_parameters(doors.symbol, "0.045", SHOCKS, spread="0.001")
        seller, buyer = await alice.account(), await bob.account()
        instrument = await alice.instrument(doors.symbol)
    assert (instrument.mark_price, instrument.spread_charge) == (Decimal("0.045"), Decimal("0.001"))
    assert (seller.positions[0].unsettled, buyer.positions[0].unsettled) == (Decimal("-0.05"), Decimal("0.05"))
    assert (seller.balances.margin, buyer.balances.margin) == (Decimal("0.11"), Decimal("0.21"))
    assert seller.balances.equity == seller.balances.cash - Decimal("0.05")
    assert buyer.balances.withdrawable == buyer.balances.free == buyer.balances.cash + Decimal("0.05") - Decimal("0.21")


async def test_unsettled_gains_are_not_withdrawn(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.place(doors.symbol, SELL, 1_000, "0.04")
        await bob.place(doors.symbol, BUY, 1_000, "0.04")
        await doors.admin.set_risk_parameters(doors.symbol, "0.9", SHOCKS)
        buyer = await bob.account()
    assert buyer.balances.free > buyer.balances.cash == buyer.balances.withdrawable
    with pytest.raises(RefusedError) as refused:
        await doors.admin.withdraw("bob", buyer.balances.cash + Decimal("0.01"))
    assert refused.value.code == "insufficient_funds"


async def test_sixteen_shocks_are_taken_when_the_first_is_nothing(doors):
    root = await doors.account("root", ("admin",))
    body = PARAMETERS | {"symbol": doors.symbol, "concentration": "0.0004", "concentration_lots": "500"}
    for shocks in (SHOCKS, ["0", *SHOCKS]):
        status, answer = await doors.ask("POST", "/v1/admin/risk-parameters", root, body | {"shocks": shocks})
        assert (status, answer["symbol"], answer["mark"]) == (200, doors.symbol, "0.045000")


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"symbol": "gold"}, 404, "unknown_instrument", "symbol"),
        ({"shocks": SHOCKS[:-1]}, 422, "invalid_value", "shocks"),
        ({"shocks": ["0", "0", *SHOCKS]}, 422, "invalid_value", "shocks"),
        ({"shocks": ["0.01", *SHOCKS]}, 422, "parameters_out_of_range", "shocks"),
        ({"shocks": [*SHOCKS[:-1], 0.01]}, 422, "number_not_string", "shocks"),
        ({"shocks": [*SHOCKS[:-1], "1.5"]}, 422, "parameters_out_of_range", None),  # 32 times 0.04 is less
        ({"shocks": [*SHOCKS[:-1], "-1073.741824"]}, 422, "parameters_out_of_range", "shocks"),
        ({"mark": "1.5"}, 422, "parameters_out_of_range", None),
        ({"mark": "0"}, 422, "price_out_of_range", "mark"),
        ({"spread": "-0.01"}, 422, "parameters_out_of_range", "spread"),
        ({"spread": "1", "concentration": "1"}, 422, "parameters_out_of_range", None),
        ({"concentration_lots": "-1"}, 422, "parameters_out_of_range", "concentration_lots"),
        ({"scale": "2"}, 422, "unknown_field", "scale"),
    ],
    ids=str,
)
async def test_parameters_that_cannot_be_are_refused_by_name(doors, fields, status, code, param):
    root = await doors.account("root", ("admin",))
    body = PARAMETERS | {"symbol": doors.symbol} | fields
    got, answer = await doors.ask("POST", "/v1/admin/risk-parameters", root, body)
    assert (got, code_of(answer), answer["error"]["param"]) == (status, code, param)


@pytest.mark.parametrize("path", ["risk-parameters", "fees"])
async def test_only_administrators_set_what_trading_costs(doors, path):
    trader = await doors.account("alice")
    status, answer = await doors.ask("POST", f"/v1/admin/{path}", trader, {})
    assert (status, code_of(answer)) == (403, "role_missing")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({}, 422, "missing_field"),
        ({"region": "eu-fra"}, 422, "missing_field"),
        ({"region": "eu-fra", "tier": "ef", "series": 1}, 422, "missing_field"),
        ({"region": "gold", "tier": "ef"}, 404, "unknown_region"),
        ({"region": "us-nyc", "tier": "af"}, 404, "unknown_series"),
        ({"series": 99}, 404, "unknown_series"),
        ({"series": 1, "taker_ppm": 20_001}, 422, "fees_out_of_range"),
        ({"series": 1, "maker_ppm": -51}, 422, "fees_out_of_range"),
        ({"series": 1, "maker_ppm": 1 << 31}, 422, "invalid_value"),
    ],
    ids=str,
)
async def test_fees_that_cannot_be_are_refused_by_name(doors, fields, status, code):
    root = await doors.account("root", ("admin",))
    got, answer = await doors.ask("POST", "/v1/admin/fees", root, {"maker_ppm": -20, "taker_ppm": 50} | fields)
    assert (got, code_of(answer)) == (status, code)


async def test_fees_are_set_for_one_series_or_for_all_of_a_region_and_tier(doors):
    root = await doors.account("root", ("admin",))
    for named, series in (({"series": 2}, [2]), ({"region": "eu-fra", "tier": "ef"}, [1])):
        status, answer = await doors.ask("POST", "/v1/admin/fees", root, named | {"maker_ppm": -20, "taker_ppm": 50})
        assert (status, answer["series"], answer["maker_ppm"], answer["taker_ppm"]) == (200, series, -20, 50)
    listed = doors.exchange.view.tranches[doors.exchange.view.tranche_by_symbol[doors.symbol]]
    assert (listed.maker_fee_ppm, listed.taker_fee_ppm) == (0, 0)


async def test_a_trade_tells_its_fee_to_each_side(doors):
    symbol = await window_with_fees(doors)
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        instrument = await alice.instrument(symbol)
        assert (instrument.maker_fee_ppm, instrument.taker_fee_ppm) == (-20, 50)
        async with alice.stream() as stream:
            updates = await stream.subscribe_orders()
            await alice.place(symbol, SELL, 10, "0.04")
            taken = await bob.place(symbol, BUY, 4, "0.04", client_id="again")
            again = await bob.place(symbol, BUY, 4, "0.04", client_id="again")
            fills = [fill async for fill in first_fills(updates)]
        seller, buyer = await alice.account(), await bob.account()
    assert [fill.fee for fill in taken.trades] == [4 * Decimal("0.000002")]
    assert (again.repeated, again.trades) == (True, taken.trades)
    assert [(fill.liquidity, fill.fee) for fill in fills] == [("maker", -4 * Decimal("0.0000008"))]
    assert (buyer.balances.fees, seller.balances.fees) == (taken.trades[0].fee, fills[0].fee)


async def window_with_fees(doors) -> str:
    """A window of a new series whose makers are paid."""
    exchange = doors.exchange
    window = exchange.view.tranches[exchange.view.tranche_by_symbol[doors.symbol]]
    series = commands.define_series(
        4,
        2,
        Tier.BE,
        first_start_ns=window.start_ns,
        duration_s=window.duration_s,
        gate_lead_s=900,
        horizon_s=24 * 3_600,
        reference_ticks=40_000,
    )
    await asyncio.gather(*exchange.submit_many([series, commands.set_fees(4, -20, 50)]))
    await exchange.submit(commands.resume_market())  # time passes, and windows are listed
    return next(symbol for symbol in exchange.view.tranche_by_symbol if symbol.startswith("us-nyc.be."))


async def first_fills(updates):
    """The fills of the first update that has any."""
    async for update in updates:
        if update.fills:
            for fill in update.fills:
                yield fill
            return


async def test_sessions_that_race_never_take_on_more_than_the_collateral(doors):
    """One account over REST and over sockets at once: each order alone is covered, all of them are not."""
    key = await doors.account("alice")
    account_id = next(each_id for each_id, each in doors.exchange.view.accounts.items() if each.name == "alice")
    cash = Decimal(doors.exchange.view.balances(account_id).cash_nano) / 10**9
    await doors.admin.withdraw("alice", cash - 100)
    lot = Decimal("0.04") * Decimal("1.2")
    lots = int(Decimal(100) / lot) // 10
    order = {"symbol": doors.symbol, "side": BUY, "price": "0.04", "quantity": str(lots)}

    async def by_rest():
        answers = [await doors.ask("POST", "/v1/orders", key, order) for _ in range(8)]
        return ["open" if status < 400 else code_of(answer) for status, answer in answers]

    async def by_socket():
        async with connect(doors, key) as peer:
            answers = [await peer.ask("place", **order) for _ in range(8)]
        return ["open" if answer["ok"] else code_of(answer) for answer in answers]

    sessions = await asyncio.gather(by_rest(), by_socket(), by_rest(), by_socket())
    outcomes = [outcome for session in sessions for outcome in session]
    assert (len(outcomes), outcomes.count("open"), set(outcomes)) == (32, 10, {"open", "insufficient_margin"})
    assert 0 <= doors.exchange.view.balances(account_id).free_nano < lots * lot * 10**9
