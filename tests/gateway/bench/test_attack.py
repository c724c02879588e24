"""A round beside an attack counts what was refused by name, and fails where anything else is."""

import time

import pytest

from exchange import commands
from exchange.venue.schema import Tier
from gateway.bench import attack
from gateway.bench.attack import BURST, Turns
from gateway.bench.exchange_server import MIDDLE_TICKS, Door
from gateway.bench.processes import BenchError
from tests.gateway.doors import NANO_PER_S, Doors

HOUR_S = 3_600
LASTS_S = 0.1


async def symbol_with_fine_prices(doors: Doors) -> str:
    """A window as the bench lists it: its prices have steps of one tick."""
    known = set(doors.exchange.view.tranche_by_symbol)
    series = commands.define_series(
        4,
        2,
        Tier.BE,
        first_start_ns=(time.time_ns() // (HOUR_S * NANO_PER_S) + 2) * HOUR_S * NANO_PER_S,
        duration_s=HOUR_S,
        gate_lead_s=900,
        horizon_s=3 * HOUR_S,
        reference_ticks=MIDDLE_TICKS,
    )
    for command in (series, commands.resume_market()):
        await doors.exchange.submit(command)
    return max(set(doors.exchange.view.tranche_by_symbol) - known)


async def turns_on(doors: Doors, symbol: str) -> Turns:
    """A trader and an attacker who have logged in."""
    instrument_id = doors.exchange.view.tranche_by_symbol[symbol]
    keys = [await doors.account(name) for name in ("trader", "attacker")]
    trader, attacker = (Door(doors.url, key.key_id, key.secret, symbol, instrument_id) for key in keys)
    return await Turns.log_in(trader, attacker, LASTS_S)


async def test_an_attack_is_throttled_and_what_was_taken_of_it_rests(doors):
    turns = await turns_on(doors, await symbol_with_fine_prices(doors))
    await turns.rest(1)
    alone = await turns.alone()
    beside, attacked = await turns.attacked()
    turns.close()
    assert min(*alone, *beside, attacked.trader_cancel_max_ms, attacked.attacker_cancel_max_ms) > 0
    assert attacked.requests == 500
    assert 0 < attacked.throttled <= 500
    taken = doors.exchange.view.resting_orders
    assert taken >= BURST, "a burst, what was refilled meanwhile, and nothing of what was cancelled"
    assert taken >= attacked.requests - attacked.throttled


async def test_an_order_that_is_refused_fails_the_round(doors):
    turns = await turns_on(doors, doors.symbol)
    with pytest.raises(BenchError, match=r"a request was refused: .*step"):
        await turns.alone()
    turns.close()


async def test_an_attack_that_is_refused_by_another_name_fails_the_round(doors):
    turns = await turns_on(doors, doors.symbol)
    with pytest.raises(BenchError, match="orders of an attack were answered by"):
        await turns.attacked()
    turns.close()


async def test_an_attack_that_is_not_refused_fails_the_round(serve, monkeypatch):
    monkeypatch.setattr(attack, "BURST", 100)
    async with serve(account_weight_per_s=10**9, account_weight_burst=10**9) as doors:
        turns = await turns_on(doors, await symbol_with_fine_prices(doors))
        with pytest.raises(BenchError, match="nothing was refused"):
            await turns.attacked()
        turns.close()
