"""What the venue's own events do to the read model."""

import pytest

from exchange import commands, staff_commands
from exchange.symbols import NANO_PER_S
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Reason, Tier
from exchange.view import Financing, RegionStrain
from exchange.view.columns.schema import Bounds
from tests.exchange.view.markets import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    CASH_NANO,
    FIRST_GATE_NS,
    FIRST_WINDOW_NS,
    HOUR_S,
    SELL,
    SHOCKS_TICKS,
    TICK_VALUE_NANO,
    WINDOW,
    Market,
    assert_agrees_with_venue,
    open_market,
)


def test_a_listed_tranche_shows_its_terms(market: Market) -> None:
    tranche = market.view.tranches[market.view.tranche_by_symbol["eu-fra.ef.20270115T0900Z.PT1H"]]
    assert (tranche.region, tranche.tier, tranche.state) == ("eu-fra", Tier.EF, LifeState.OPEN)
    assert (tranche.start_ns, tranche.gate_ns) == (FIRST_WINDOW_NS, FIRST_GATE_NS)
    assert (tranche.end_ns, tranche.duration_s) == (FIRST_WINDOW_NS + HOUR_S * NANO_PER_S, HOUR_S)
    assert (tranche.price_step_ticks, tranche.quantity_step_lots, tranche.quantity_max_lots) == (100, 1, 500)
    assert (tranche.reference_ticks, tranche.band_low_ticks, tranche.band_high_ticks) == (40_000, 20_000, 60_000)
    assert tranche.tick_value_nano == TICK_VALUE_NANO


def test_accounts_are_found_by_name_and_number(market: Market) -> None:
    assert market.view.account_by_name == {"alice": ALICE, "bob": BOB, "carol": CAROL}
    assert (market.view.accounts[BOB].name, market.view.accounts[BOB].group) == ("bob", 7)
    assert market.view.regions == {1: "eu-fra"}


def test_a_refused_definition_leaves_no_trace(market: Market) -> None:
    market.send(commands.define_region(9, "us-nyc"), commands.open_account(ALICE, "mallory"))
    assert market.view.regions == {1: "eu-fra"}
    assert "mallory" not in market.view.account_by_name
    assert market.view.accounts[ALICE].name == "alice"


def test_a_new_reference_brings_a_new_band(market: Market) -> None:
    market.send(commands.set_reference(WINDOW, 50_000))
    tranche = market.view.tranches[WINDOW]
    assert (tranche.reference_ticks, tranche.band_low_ticks, tranche.band_high_ticks) == (50_000, 25_000, 75_000)


def test_halts_show_on_the_tranche_and_on_the_market(market: Market) -> None:
    market.send(commands.halt(WINDOW), commands.halt_market())
    assert market.view.tranches[WINDOW].state is LifeState.HALTED
    assert market.view.market_halted
    market.send(commands.resume(WINDOW), commands.resume_market())
    assert market.view.tranches[WINDOW].state is LifeState.OPEN
    assert not market.view.market_halted


def test_money_in_and_out_moves_the_cash(market: Market) -> None:
    market.send(commands.deposit(ALICE, 5), commands.withdraw(BOB, 7), commands.withdraw(BOB, CASH_NANO))
    assert market.view.balances(ALICE).cash_nano == CASH_NANO + 5
    assert market.view.balances(BOB).cash_nano == CASH_NANO - 7


def test_parameters_show_on_the_tranche_as_its_mark_and_charge(market: Market) -> None:
    tranche = market.view.tranches[WINDOW]
    assert (tranche.mark_ticks, tranche.spread_ticks) == (40_000, 8_000)
    market.view.take_changed()
    market.send(commands.set_parameters(WINDOW, mark_ticks=45_000, shocks_ticks=SHOCKS_TICKS, spread_ticks=300))
    assert (tranche.mark_ticks, tranche.spread_ticks) == (45_000, 300)
    assert market.view.take_changed() == [tranche]
    assert_agrees_with_venue(market)


def test_refused_parameters_change_nothing(market: Market) -> None:
    market.send(commands.set_parameters(WINDOW, mark_ticks=0, shocks_ticks=SHOCKS_TICKS))
    assert market.view.tranches[WINDOW].mark_ticks == 40_000


def test_new_fees_are_those_of_windows_that_are_listed_from_then_on(market: Market) -> None:
    market.send(commands.set_fees(1, -20, 50))
    assert (market.view.series[1].maker_fee_ppm, market.view.series[1].taker_fee_ppm) == (-20, 50)
    market.send(time_ns=FIRST_GATE_NS)
    listed = {tranche.instrument_id: tranche for tranche in market.view.tranches.values()}
    assert (listed[WINDOW].maker_fee_ppm, listed[WINDOW].taker_fee_ppm) == (0, 0)
    assert (listed[max(listed)].maker_fee_ppm, listed[max(listed)].taker_fee_ppm) == (-20, 50)
    assert_agrees_with_venue(market)


def test_how_a_region_is_used_and_strained_shows_and_so_does_what_it_makes_of_margins(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 10)
    market.place(ALICE, BUY, 40_000, 10)
    market.send(commands.set_parameters(WINDOW, mark_ticks=40_000, shocks_ticks=SHOCKS_TICKS))
    before_nano = market.view.balances(ALICE).margin_nano
    market.send(staff_commands.set_strain(1, 600_000, 900_000), staff_commands.set_utilisation(1, 700_000))
    assert market.view.strains == {1: RegionStrain(700_000, 600_000, 900_000)}
    assert market.view.strains[1].strain_ppm == 333_333
    assert market.view.balances(ALICE).margin_nano > before_nano
    assert_agrees_with_venue(market)
    market.send(staff_commands.set_utilisation(1, 10_000_001), staff_commands.set_strain(2, 1, 2))
    assert market.view.strains == {1: RegionStrain(700_000, 600_000, 900_000)}


@pytest.mark.parametrize(
    ("strain", "strain_ppm"),
    [((500, 0, 0), 0), ((0, 0, 10), 0), ((5, 0, 10), 500_000), ((10, 0, 10), 1_000_000), ((99, 0, 10), 1_000_000)],
)
def test_strain_is_told_as_the_way_between_the_caps(strain: tuple[int, int, int], strain_ppm: int) -> None:
    assert RegionStrain(*strain).strain_ppm == strain_ppm


def test_what_cash_costs_shows_with_the_rate_of_the_hour() -> None:
    market = open_market(horizon_s=3 * HOUR_S)
    market.send(staff_commands.set_financing(100_000, 48_000, 1_000_000, 800_000))
    assert market.view.financing == Financing(100_000, 48_000, 1_000_000, 800_000, 100_000, 0)
    calm = [0] * 16
    for window in (WINDOW, WINDOW + 1):
        market.send(commands.set_parameters(window, mark_ticks=40_000, shocks_ticks=calm))
    market.send(commands.withdraw(BOB, CASH_NANO - 1_000_000_000))
    market.send(commands.place(ALICE, WINDOW + 1, SELL, 40_000, 100), commands.place(BOB, WINDOW + 1, BUY, 40_000, 100))
    market.send(commands.set_parameters(WINDOW + 1, mark_ticks=60_000, shocks_ticks=calm))  # what backs Bob's debt
    market.place(BOB, SELL, 40_000, 100)
    market.place(ALICE, BUY, 40_000, 100)
    market.send(commands.set_parameters(WINDOW, mark_ticks=59_000, shocks_ticks=calm))
    market.send(time_ns=FIRST_WINDOW_NS + 10 * NANO_PER_S)
    debt_nano = -market.view.balances(BOB).cash_nano
    assert 0 < debt_nano == 900_000_000 + market.venue.image()["summary"]["fund_nano"]
    assert market.view.financing.rate_ppm >= 100_000
    assert_agrees_with_venue(market)


def test_gate_closure_turns_positions_into_cash(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 10)
    market.place(ALICE, BUY, 40_000, 10)
    market.send(commands.set_parameters(WINDOW, mark_ticks=42_000, shocks_ticks=SHOCKS_TICKS))
    resting = market.place(CAROL, BUY, 39_000, 1)
    market.send(time_ns=FIRST_GATE_NS)
    tranche = market.view.tranches[WINDOW]
    assert (tranche.state, tranche.final_ticks) == (LifeState.GATE_CLOSED, 42_000)
    settled_nano = CASH_NANO + 2_000 * 10 * TICK_VALUE_NANO
    assert market.view.balances(ALICE) == (settled_nano, settled_nano, 0, settled_nano, settled_nano, 0, 0)
    assert market.view.positions(ALICE) == market.view.positions(BOB) == []
    assert market.view.order(resting).reason == Reason.GATE_CLOSED
    assert_agrees_with_venue(market)


def test_tranches_are_dropped_some_time_after_their_end() -> None:
    market = open_market(horizon_s=6 * HOUR_S, bounds=Bounds(ended_tranches=2))
    order_id = market.place(ALICE, BUY, 39_000, 1)
    symbol = market.view.tranches[WINDOW].symbol
    for hour in range(1, 6):
        market.send(time_ns=FIRST_WINDOW_NS + hour * HOUR_S * NANO_PER_S)
    assert list(market.view.ended_tranches) == [4, 5]
    assert min(market.view.tranches) == 4
    assert symbol not in market.view.tranche_by_symbol
    assert market.view.order(order_id).symbol == symbol
    assert_agrees_with_venue(market)
