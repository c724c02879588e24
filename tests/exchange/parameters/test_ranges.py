import math

import pytest

from exchange.parameters.history import History
from exchange.parameters.inputs import Series
from exchange.parameters.ranges import Ranges, concentration_threshold_lots, ranges_of, spread_charge_ticks
from exchange.parameters.settings import ParameterSettings
from exchange.parameters.volatility import VarianceRate
from matching.schema import PRICE_TICKS_MAX, QUANTITY_LOTS_MAX
from tests.exchange.parameters.tranches import NOW_NS, PRICE, trade

SETTINGS = ParameterSettings()
AF = Series("eu-fra", 1)


def hourly(volatility):
    return VarianceRate(volatility**2 / 3_600, 1.0, NOW_NS)


def test_what_was_never_measured_stands_at_its_floor():
    assert ranges_of(History(), AF, SETTINGS) == Ranges(0.10, 0.05, 0.05, 0.02)


def test_each_range_is_three_deviations_of_its_own_volatility():
    history = History(
        outright={AF: hourly(0.08)},
        slope={AF: hourly(0.04)},
        tiers={"eu-fra": hourly(0.03)},
        neighbours={AF: hourly(0.02)},
    )
    ranges = ranges_of(history, AF, SETTINGS)
    assert (ranges.parallel, ranges.tilt, ranges.tiers, ranges.neighbours) == pytest.approx((0.24, 0.12, 0.09, 0.06))


def test_another_series_does_not_share_them_but_for_the_tiers_of_its_region():
    history = History(outright={AF: hourly(0.08)}, tiers={"eu-fra": hourly(0.03)})
    assert ranges_of(history, Series("eu-fra", 0), SETTINGS) == Ranges(0.10, 0.05, pytest.approx(0.09), 0.02)
    assert ranges_of(history, Series("us-iad", 1), SETTINGS) == Ranges(0.10, 0.05, 0.05, 0.02)


def test_no_range_is_wider_than_the_cap():
    assert ranges_of(History(outright={AF: hourly(9)}), AF, SETTINGS).parallel == 1.0


def test_a_calendar_spread_pays_what_neighbours_can_diverge_by():
    ranges = Ranges(0.1, 0.05, 0.05, 0.06)
    both_legs_ticks = 2 * spread_charge_ticks(PRICE, ranges)
    assert 0 <= both_legs_ticks - PRICE * math.expm1(0.06) < 2


@pytest.mark.parametrize(
    ("mark_ticks", "neighbours", "expected"), [(1, 0.02, 1), (PRICE_TICKS_MAX, 3, PRICE_TICKS_MAX)]
)
def test_a_spread_charge_is_at_least_a_tick_and_no_more_than_a_price(mark_ticks, neighbours, expected):
    assert spread_charge_ticks(mark_ticks, Ranges(0.1, 0.05, 0.05, neighbours)) == expected


def test_the_threshold_is_a_quarter_of_what_an_hour_trades():
    assert concentration_threshold_lots([trade(lots=600), trade(lots=401)], SETTINGS) == 500


@pytest.mark.parametrize(("lots", "expected"), [(0, 100), (200, 100), (QUANTITY_LOTS_MAX * 8, QUANTITY_LOTS_MAX)])
def test_the_threshold_has_bounds(lots, expected):
    assert concentration_threshold_lots([trade(lots=lots)], SETTINGS) == expected
