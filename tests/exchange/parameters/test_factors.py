import pytest

from exchange.parameters.factors import tilt_loadings
from tests.exchange.parameters.tranches import tranche


def test_the_front_of_a_region_loads_one_the_back_minus_one_and_the_middle_nothing():
    windows = [tranche(0, tier=0), tranche(1), tranche(2), tranche(1, tier=2, region="us-iad")]
    assert tilt_loadings(windows) == {0: 1, 101: pytest.approx(0), 102: -1, 201: 0}


def test_a_long_window_stands_where_its_middle_is():
    day = tranche(0, instrument_id=7, duration_s=3 * 3_600)
    assert tilt_loadings([tranche(0), tranche(1), tranche(2), day])[7] == pytest.approx(0)
