"""The parameters that stand in a market when it opens."""

from exchange import commands, staff_commands
from exchange.standing import Standing, standing_parameters
from tests.exchange.venue.market import REFERENCE_TICKS, open_market

SHOCKS_TICKS = (0, *[100, -200] * 7, 50)


def test_what_nobody_has_set_is_left_out():
    market = open_market()
    assert standing_parameters(market.venue) == {}


def test_what_was_set_is_told_whole():
    market = open_market()
    market.ask(
        commands.set_parameters(
            2, mark_ticks=1_100, shocks_ticks=SHOCKS_TICKS, spread_ticks=20, concentration_ticks=3, concentration_lots=9
        )
    )
    assert standing_parameters(market.venue) == {2: Standing(1_100, SHOCKS_TICKS, 20, 9)}


def test_what_strain_makes_of_shocks_is_nothing_that_was_set():
    """Otherwise what data sets next would begin at strained shocks, and be strained again."""
    market = open_market()
    market.send(staff_commands.set_strain(1, 100_000, 200_000))
    market.send(commands.set_parameters(2, mark_ticks=1_100, shocks_ticks=SHOCKS_TICKS))
    before = standing_parameters(market.venue)
    assert market.ask(staff_commands.set_utilisation(1, 150_000))["tranches"] > 0
    assert standing_parameters(market.venue) == before


def test_another_mark_alone_is_something_that_was_set():
    unknown = Standing(REFERENCE_TICKS, (0, REFERENCE_TICKS, -REFERENCE_TICKS), REFERENCE_TICKS // 5, 0)
    assert unknown.is_as_listed
    assert not unknown._replace(mark_ticks=REFERENCE_TICKS + 1).is_as_listed
    assert not unknown._replace(spread_ticks=1).is_as_listed
