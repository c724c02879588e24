"""A move of forwards on the whole book: what the slow twin finds, account by account, and what the venue does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands, staff_commands
from exchange.margin.census import CONDITIONS
from exchange.margin.condition import Condition
from exchange.margin.shock import MOVE_PPM_MAX, Shocked, shock
from exchange.margin.whole_book import read_whole
from exchange.venue.clearing.ramp import RAMP_STEPS
from exchange.venue.machine import Venue
from tests.exchange.margin.readers import Reader
from tests.exchange.margin.shock_twin import After, shocked
from tests.exchange.margin.test_bond import portfolio_of, sold
from tests.exchange.margin.test_census import TERMS, fallen
from tests.exchange.venue.market import ALICE, BOB, BUY, CAROL, NANO_PER_S, SELL, Market, open_market
from tests.exchange.venue.streams import BUSY, STEPS, Session, rehearse, sessions
from tests.exchange.view import markets
from tests.exchange.view.test_deliveries import delivered_market
from tests.exchange.view.test_deliveries import sold as sold_to_two

MOVES_PPM = st.one_of(st.integers(-MOVE_PPM_MAX, MOVE_PPM_MAX), st.sampled_from([-600_000, -1, 1, 600_000]))
STRAINS = st.sampled_from([(0, 0, 0), (500_000, 400_000, 900_000), (950_000, 400_000, 900_000), (1, 0, 7)])


def shock_of(venue: Venue, moves_ppm: dict[int, int]) -> Shocked:
    return shock(read_whole(venue, {}), moves_ppm)


def after_of(found: Shocked) -> dict[int, After]:
    columns = found.account_id, found.equity_after_nano, found.margin_after_nano
    return {account_id: After(*money) for account_id, *money in zip(*(each.tolist() for each in columns), strict=True)}


def compare_all(market: Market, moves_ppm: dict[int, int]) -> None:
    reader = Reader(market)
    found = shock_of(market.venue, moves_ppm)
    expected = {each: shocked(market.venue, reader.portfolio(each), moves_ppm) for each in market.twin.accounts}
    assert after_of(found) == expected
    figures = market.venue.figures(found.account_id)
    assert found.margin_nano.tolist() == figures["margin_nano"].tolist()
    assert found.equity_nano.tolist() == (figures["cash_nano"] + figures["unsettled_nano"]).tolist()


@given(sessions(40, STEPS), MOVES_PPM, STRAINS)
def test_every_account_is_what_the_twin_finds(session: Session, move_ppm: int, strain: tuple[int, int, int]) -> None:
    market = rehearse(session)
    used_ppm, low_ppm, high_ppm = strain
    for command in (staff_commands.set_strain(1, low_ppm, high_ppm), staff_commands.set_utilisation(1, used_ppm)):
        market.send(command)
    compare_all(market, {1: move_ppm})


def test_what_risk_staff_add_stays_and_closes_nobody() -> None:
    market = fallen()
    before = shock_of(market.venue, {1: 0})
    assert before.counts(before.after) == {"sound": 2, "margin_call": 0, "liquidation": 1, "bankrupt": 0}
    market.send(staff_commands.call_margin(CAROL, 5))
    found = shock_of(market.venue, {1: 0})
    assert found.counts(found.after) == {"sound": 1, "margin_call": 1, "liquidation": 1, "bankrupt": 0}
    assert (found.called_nano - before.called_nano, found.shortfall_nano) == (5, before.shortfall_nano)
    compare_all(market, {1: -20_000})


@given(sessions(60, BUSY), MOVES_PPM)
def test_so_is_one_that_trades_all_the_time(session: Session, move_ppm: int) -> None:
    compare_all(rehearse(session), {1: move_ppm, 2: -move_ppm})


def test_it_is_what_the_venue_finds_when_such_marks_come() -> None:
    market = open_market()
    market.send(commands.set_parameters(1, mark_ticks=1_000, **TERMS))
    market.place(ALICE, SELL, 1_010, 400)
    market.place(BOB, BUY, 1_010, 300)
    market.place(BOB, BUY, 980, 50)
    foreseen = after_of(shock_of(market.venue, {1: -20_000}))
    before = after_of(shock_of(market.venue, {}))
    market.send(commands.set_parameters(1, mark_ticks=980, **TERMS))
    for account_id in (ALICE, BOB):
        figures = market.figures(account_id)
        assert foreseen[account_id] == (figures.equity_nano, figures.margin_nano) != before[account_id]


def test_a_region_that_is_not_moved_stays_as_it_is() -> None:
    market = fallen()
    assert after_of(shock_of(market.venue, {2: 500_000})) == after_of(shock_of(market.venue, {}))


def test_who_falls_and_what_the_fund_would_face_is_told() -> None:
    market = fallen(mark_ticks=1_000)
    found = shock_of(market.venue, {1: -300_000})
    assert found.counts(found.before) == {"sound": 3, "margin_call": 0, "liquidation": 0, "bankrupt": 0}
    assert found.counts(found.after) == {"sound": 2, "margin_call": 0, "liquidation": 0, "bankrupt": 1}
    (place,) = found.fallen().tolist()
    assert found.account_id[place] == BOB
    assert CONDITIONS[found.after[place]] == Condition.BANKRUPT
    equity_nano, margin_nano = after_of(found)[BOB]
    assert equity_nano == market.figures(BOB).equity_nano - 1_000 * 300 * 50 < 0
    assert found.debt_nano == -equity_nano
    assert found.called_nano == margin_nano - equity_nano > found.shortfall_nano > found.debt_nano
    assert found.uncovered_nano == found.debt_nano - found.fund_nano == found.debt_nano


@pytest.mark.parametrize("move_ppm", [-600_000, -1_000, 1_000, 600_000])
def test_bonds_of_providers_follow(move_ppm: int) -> None:
    shop, _ = sold()
    found = after_of(shock_of(shop.venue, {1: move_ppm}))
    for account_id in (ALICE, BOB):
        assert found[account_id] == shocked(shop.venue, portfolio_of(shop, account_id), {1: move_ppm})
    assert found[ALICE].margin_nano != int(shop.venue.figures(np.array([ALICE]))[0]["margin_nano"])


@pytest.mark.parametrize("move_ppm", [-600_000, 600_000])
def test_ramps_before_a_gate_follow(move_ppm: int) -> None:
    market = delivered_market()
    window = sold_to_two(market)
    terms = {"mark_ticks": 40_000, "shocks_ticks": markets.SHOCKS_TICKS}
    market.send(commands.set_parameters(window, **terms), commands.place(BOB, window, SELL, 41_000, 20))
    market.send(time_ns=markets.FIRST_GATE_NS - NANO_PER_S)
    assert market.view.tranches[window].ramp_step == RAMP_STEPS
    found = after_of(shock_of(market.venue, {1: move_ppm}))
    terms["mark_ticks"] += 40_000 * move_ppm // 1_000_000
    market.send(commands.set_parameters(window, **terms))
    for account_id in (markets.ALICE, markets.BOB, markets.CAROL):
        money = market.venue.figures(np.array([account_id]))[0]
        equity_nano = int(money["cash_nano"] + money["unsettled_nano"])
        assert found[account_id] == (equity_nano, int(money["margin_nano"]))
