"""Why an account must have what it must have."""

from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.margin.condition import Condition
from exchange.margin.detail import Detail, detail_of
from exchange.margin.requirement import Requirement
from matching.schema import Side
from tests.exchange.margin.readers import Reader
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CASH_NANO,
    REFERENCE_TICKS,
    SELL,
    TICK_VALUE_NANO,
    Market,
    open_market,
)
from tests.exchange.venue.streams import STEPS, Session, rehearse, sessions

SHOCKS = [0, *[100, -100] * 7, 50]
LOT_NANO = TICK_VALUE_NANO * REFERENCE_TICKS


def traded(lots: int, price_ticks: int = REFERENCE_TICKS) -> Market:
    """Alice sold to Bob, in a market that may move by a tenth and charges a hundredth."""
    market = open_market()
    market.send(commands.set_parameters(1, mark_ticks=REFERENCE_TICKS, shocks_ticks=SHOCKS, spread_ticks=10))
    market.place(ALICE, SELL, price_ticks, lots)
    market.place(BOB, BUY, price_ticks, lots)
    return market


def detail(market: Market, account_id: int) -> Detail:
    return detail_of(Reader(market).portfolio(account_id))


def test_the_ladder_tells_the_loss_in_each_scenario_and_the_charges_beside_it() -> None:
    buyer = detail(traded(10), BOB)
    (rung,) = buyer.ladder
    assert rung.losses_nano == tuple(-10 * shock * TICK_VALUE_NANO for shock in SHOCKS)
    assert (rung.worst_scenario, rung.worst_nano) == (2, 10 * 100 * TICK_VALUE_NANO)
    assert (rung.spread_nano, rung.concentration_nano) == (10 * 10 * TICK_VALUE_NANO, 0)
    assert buyer.margin_nano == rung.margin_nano == 10 * 110 * TICK_VALUE_NANO
    assert buyer.losses_nano == rung.losses_nano


def test_concentration_is_charged_beyond_its_lots() -> None:
    market = traded(10)
    terms = {"mark_ticks": 1_000, "shocks_ticks": SHOCKS, "spread_ticks": 10}
    market.send(commands.set_parameters(1, **terms, concentration_ticks=7, concentration_lots=4))
    assert detail(market, BOB).concentration_nano == 6 * 7 * TICK_VALUE_NANO


def test_maintenance_is_three_fifths_of_the_requirement_and_the_distance_is_measured_from_it() -> None:
    buyer = detail(traded(10), BOB)
    assert buyer.maintenance_nano == 10 * 66 * TICK_VALUE_NANO
    assert buyer.distance_nano == CASH_NANO - buyer.maintenance_nano
    assert buyer.distance_ppm == buyer.distance_nano * 10**6 // buyer.maintenance_nano
    assert (buyer.condition, buyer.free_nano) == (Condition.SOUND, CASH_NANO - buyer.margin_nano)


def test_who_has_nothing_needs_nothing() -> None:
    nobody = detail(open_market(), ALICE)
    assert (nobody.margin_nano, nobody.distance_ppm, nobody.move_ppm, nobody.ladder) == (0, None, None, ())
    assert nobody.condition == Condition.SOUND


def test_the_move_to_maintenance_leaves_just_that() -> None:
    market = traded(1_000)
    for account_id, sign in ((BOB, -1), (ALICE, 1)):
        before = detail(market, account_id)
        assert before.move_ppm is not None
        assert before.move_ppm * sign > 0
        moved_nano = 1_000 * LOT_NANO * abs(before.move_ppm) // 10**6
        assert 0 <= before.distance_nano - moved_nano <= 1_000 * LOT_NANO // 10**6


def test_no_fall_hurts_who_could_lose_all_and_keep_maintenance() -> None:
    market = traded(10)
    assert detail(market, BOB).move_ppm is None
    assert detail(market, ALICE).move_ppm is not None


def test_what_an_instrument_contributes_is_what_the_requirement_falls_by_without_it() -> None:
    market = traded(10)
    market.place(BOB, BUY, 900, 4)
    market.place(BOB, SELL, 1_500, 3, instrument_id=2)
    buyer = detail(market, BOB)
    assert {each.instrument_id for each in buyer.contributors} == {1, 2}
    first = next(each for each in buyer.contributors if each.instrument_id == 1)
    assert (first.lots, first.buy_lots, first.sell_lots) == (10, 4, 0)
    assert [each.effect_nano for each in buyer.contributors] == sorted(
        (each.effect_nano for each in buyer.contributors), reverse=True
    )


@given(sessions(40, STEPS), st.sampled_from([1, 2, 3]))
def test_contributions_agree_with_working_the_rest_out_anew(session: Session, account_id: int) -> None:
    portfolio = Reader(rehearse(session)).portfolio(account_id)
    whole = portfolio.requirement().margin_nano
    for each in detail_of(portfolio, 1_000).contributors:
        there = each.instrument_id
        assert each.effect_nano == whole - required(portfolio, {there}, {there})
        assert each.position_effect_nano == whole - required(portfolio, {there}, set())
        assert each.orders_effect_nano == whole - required(portfolio, set(), {there})


def required(portfolio, without_positions: set[int], without_orders: set[int]) -> int:
    held = Requirement()
    for instrument_id, position in portfolio.positions.items():
        if instrument_id not in without_positions:
            held.move_position(portfolio.terms[instrument_id], position.lots, position.cost_nano)
    for order in portfolio.orders:
        if order.instrument_id not in without_orders:
            held.move_order(portfolio.terms[order.instrument_id], Side(order.side), order.limit_ticks, order.lots)
    return held.margin_nano
