import math

import pytest

from exchange.parameters.filling import Fill, TierPair, fill_gaps, log_spreads
from exchange.parameters.forward import forward_curves
from exchange.parameters.settings import ForwardSettings
from tests.exchange.parameters.tranches import NOW_NS, PRICE, quoted, tranche

SETTINGS = ForwardSettings()
PAIR = TierPair("eu-fra", 0)


def fill(inputs, own_ticks, spreads=None):
    return fill_gaps(inputs, own_ticks, spreads or {}, SETTINGS)


def test_a_gap_is_filled_on_a_straight_line_in_the_log_of_price():
    windows = [tranche(number) for number in range(4)]
    filled = fill(windows, {100: 10_000, 103: 80_000})
    assert filled[101] == (pytest.approx(20_000), Fill.NEIGHBOURS)
    assert filled[102] == (pytest.approx(40_000), Fill.NEIGHBOURS)


def test_an_end_of_the_curve_is_level_with_its_only_neighbour():
    filled = fill([tranche(0), tranche(1), tranche(2)], {101: 30_000})
    assert filled[100] == filled[102] == (30_000, Fill.NEIGHBOURS)


def test_a_neighbour_out_of_reach_fills_nothing():
    filled = fill([tranche(0), tranche(4), tranche(5)], {100: 30_000})
    assert filled[104] == (30_000, Fill.NEIGHBOURS)
    assert filled[105] == (PRICE, Fill.REFERENCE)


def test_windows_of_another_length_or_region_are_no_neighbours():
    others = [tranche(0, instrument_id=1, duration_s=900), tranche(0, instrument_id=2, region="us-iad")]
    assert fill([*others, tranche(1)], {1: 9_000, 2: 9_000})[101] == (PRICE, Fill.REFERENCE)


def test_a_tier_is_filled_from_the_one_above_before_the_one_below():
    tiers = [tranche(0, tier) for tier in range(3)]
    spreads = {PAIR: math.log(1.6), TierPair("eu-fra", 1): math.log(2.5)}
    assert fill(tiers, {0: 64_000, 200: 10_000}, spreads)[100] == (pytest.approx(40_000), Fill.TIER)
    assert fill(tiers, {200: 10_000}, spreads)[100] == (pytest.approx(25_000), Fill.TIER)


def test_what_was_filled_from_a_tier_fills_no_other():
    tiers = [tranche(0, tier) for tier in range(3)]
    spreads = {PAIR: math.log(1.6), TierPair("eu-fra", 1): math.log(2.5)}
    assert fill(tiers, {0: 64_000}, spreads)[200] == (PRICE, Fill.REFERENCE)


def test_neighbours_in_time_come_before_tiers():
    windows = [tranche(0), tranche(1), tranche(1, tier=0)]
    assert fill(windows, {100: 30_000, 1: 90_000}, {PAIR: 0.0})[101] == (30_000, Fill.NEIGHBOURS)


def test_the_last_mark_is_used_when_nothing_else_is_known_and_then_nothing():
    assert fill([tranche(reference_ticks=math.nan, mark_ticks=7)], {}) == {100: (7, Fill.MARK)}
    assert fill([tranche(reference_ticks=None)], {}) == {}


def test_a_tier_spread_is_the_median_of_the_windows_that_both_tiers_trade():
    windows = [tranche(number, tier) for tier in (0, 1) for number in range(3)]
    own_ticks = {0: 20_000, 1: 30_000, 2: 90_000, 100: 10_000, 101: 10_000, 102: 10_000}
    assert log_spreads(windows, own_ticks) == {PAIR: pytest.approx(math.log(3))}


def test_the_last_known_tier_spread_serves_when_one_tier_has_no_market_any_more():
    both = [quoted(0, 64_000, tier=0), quoted(0)]
    spreads = forward_curves(both, {}, SETTINGS, NOW_NS).tier_log_spreads
    later = forward_curves([quoted(0, 80_000, tier=0), tranche(0)], spreads, SETTINGS, NOW_NS)
    assert later.forwards[1].price_ticks == pytest.approx(50_000)
    assert later.forwards[1].filled_from is Fill.TIER
    assert later.tier_log_spreads == spreads
