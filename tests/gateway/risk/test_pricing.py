"""Administrators beside data: what they set stands until its time is up, or until they give it back."""

from collections.abc import AsyncIterator

import pytest

from exchange.pricing import Pricer
from exchange.settings import PricingSettings
from gateway.gateway import GATEWAY
from tests.gateway.doors import NANO_PER_S
from tests.gateway.risk.test_accounts import PARAMETERS, SHOCKS, code_of

HOUR_NS = 3_600 * NANO_PER_S
TRADERS = ("alice", "bob", "carol")
PATH = "/v1/admin/risk-parameters"


@pytest.fixture
async def pricer(doors) -> AsyncIterator[Pricer]:
    """Of the doors; its rounds are begun by the test."""
    pricer = Pricer(doors.exchange, PricingSettings(interval_s=3_600))
    doors.runner.app[GATEWAY].pricer = pricer
    pricer.start()
    yield pricer
    await pricer.stop()


async def trade(doors) -> None:
    """Three accounts trade with each other above the reference."""
    for seller, buyer in zip(TRADERS, TRADERS[1:] + TRADERS[:1], strict=True):
        async with await doors.client(seller) as selling, await doors.client(buyer) as buying:
            await selling.place(doors.symbol, "sell", 20, "0.048")
            await buying.place(doors.symbol, "buy", 20, "0.048")


def mark_ticks(doors) -> int:
    return doors.exchange.view.tranches[instrument_id(doors)].mark_ticks


def instrument_id(doors) -> int:
    return doors.exchange.view.tranche_by_symbol[doors.symbol]


async def test_what_an_administrator_sets_stands_for_an_hour_and_says_so(doors, pricer):
    root = await doors.account("root", ("admin",))
    await trade(doors)
    before_ns = doors.exchange.clock.now_ns()
    status, answer = await doors.ask("POST", PATH, root, PARAMETERS | {"symbol": doors.symbol})
    assert (status, answer["mark"]) == (200, "0.045000")
    manual = pricer.held(instrument_id(doors))
    assert 0 <= manual.override.until_ns - before_ns - HOUR_NS < 5 * NANO_PER_S
    assert (manual.override.who, answer["until"][:4].isdigit()) == (root.key_id, True)
    await pricer.price_once()
    assert mark_ticks(doors) == 45_000


async def test_until_says_how_long(doors, pricer):
    await doors.admin.set_risk_parameters(doors.symbol, "0.045", SHOCKS, until="2100-01-01T00:00:00Z")
    assert pricer.held(instrument_id(doors)).override.until_ns == 4_102_444_800 * NANO_PER_S


async def test_what_was_set_is_given_back_before_its_time(doors, pricer):
    root = await doors.account("root", ("admin",))
    await trade(doors)
    await doors.admin.set_risk_parameters(doors.symbol, "0.045", SHOCKS)
    for was_held in (True, False):
        status, answer = await doors.ask("DELETE", f"{PATH}/{doors.symbol}", root)
        assert (status, answer["symbol"], answer["was_held"]) == (200, doors.symbol, was_held)
    await doors.admin.set_risk_parameters(doors.symbol, "0.045", SHOCKS)
    await doors.admin.price_again(doors.symbol)
    await pricer.price_once()
    assert mark_ticks(doors) == 47_250, "a step from 0.045"


async def test_what_is_refused_holds_nothing(doors, pricer):
    root = await doors.account("root", ("admin",))
    status, answer = await doors.ask("POST", PATH, root, PARAMETERS | {"symbol": doors.symbol, "mark": "1.5"})
    assert (status, code_of(answer)) == (422, "parameters_out_of_range")
    assert pricer.held(instrument_id(doors)) is None


async def test_a_time_that_is_over_is_refused(doors, pricer):
    root = await doors.account("root", ("admin",))
    body = PARAMETERS | {"symbol": doors.symbol, "until": "2020-01-01T00:00:00Z"}
    status, answer = await doors.ask("POST", PATH, root, body)
    assert (status, code_of(answer), answer["error"]["param"]) == (422, "invalid_value", "until")


async def test_where_data_sets_nothing_there_is_no_end_and_nothing_to_give_back(doors):
    root = await doors.account("root", ("admin",))
    body = PARAMETERS | {"symbol": doors.symbol}
    status, answer = await doors.ask("POST", PATH, root, body)
    assert (status, answer["until"]) == (200, None)
    status, answer = await doors.ask("POST", PATH, root, body | {"until": "2100-01-01T00:00:00Z"})
    assert (status, code_of(answer), answer["error"]["param"]) == (422, "invalid_value", "until")
    status, answer = await doors.ask("DELETE", f"{PATH}/{doors.symbol}", root)
    assert (status, answer["was_held"]) == (200, False)
    status, answer = await doors.ask("DELETE", f"{PATH}/gold", root)
    assert (status, code_of(answer)) == (404, "unknown_instrument")


async def test_only_administrators_give_back(doors):
    trader = await doors.account("alice")
    status, answer = await doors.ask("DELETE", f"{PATH}/{doors.symbol}", trader)
    assert (status, code_of(answer)) == (403, "role_missing")
