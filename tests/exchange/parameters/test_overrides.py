import math

import pytest
from pydantic import ValidationError

from exchange.parameters.overrides import InForce, Override, overrides_in_force
from tests.exchange.parameters.tranches import NOW_NS, tranche

SIGNED = {"who": "risk desk", "why": "fibre cut", "until_ns": NOW_NS + 1}


def override(**changes):
    return Override(**(SIGNED | changes))


@pytest.mark.parametrize(
    "bad",
    [
        {"mark_ticks": 5},
        {"instrument_id": 100},
        {"instrument_id": 100, "region": "eu-fra", "mark_ticks": 5},
        {"region": "eu-fra", "mark_ticks": 5},
        {"tier": 1, "mark_ticks": 5},
        {"region": "eu-fra", "tier": 3, "mark_ticks": 5},
        {"instrument_id": 100, "mark_ticks": 0},
        {"instrument_id": 100, "mark_ticks": 1 << 30},
        {"instrument_id": 100, "shock_multiplier": math.nan},
        {"instrument_id": 100, "shock_multiplier": 0.05},
        {"instrument_id": 100, "mark_ticks": 5, "who": ""},
        {"instrument_id": 100, "mark_ticks": 5, "why": ""},
    ],
)
def test_an_override_says_where_what_who_and_why_within_bounds(bad):
    with pytest.raises(ValidationError):
        override(**bad)


def test_the_tranche_goes_before_its_series_and_the_later_before_the_earlier():
    series = override(region="eu-fra", tier=1, mark_ticks=1, shock_multiplier=2)
    first = override(instrument_id=100, mark_ticks=2)
    second = override(instrument_id=100, mark_ticks=3)
    found = overrides_in_force((first, second, series), tranche(), NOW_NS)
    assert found == InForce(mark=second, shocks=series)
    assert found.all == (second, series)


def test_one_that_changes_both_is_told_once():
    both = override(instrument_id=100, mark_ticks=3, shock_multiplier=2)
    assert overrides_in_force((both,), tranche(), NOW_NS).all == (both,)


def test_an_override_ends_at_its_time():
    series = override(region="eu-fra", tier=1, mark_ticks=1)
    assert overrides_in_force((series,), tranche(), NOW_NS).mark == series
    assert overrides_in_force((series,), tranche(), NOW_NS + 1).mark is None


@pytest.mark.parametrize("other", [tranche(1), tranche(tier=0), tranche(region="us-iad", instrument_id=7)])
def test_an_override_does_not_reach_other_tranches(other):
    both = (override(instrument_id=100, mark_ticks=1), override(region="eu-fra", tier=2, mark_ticks=1))
    series = override(region="eu-fra", tier=1, mark_ticks=1)
    assert overrides_in_force(both, other, NOW_NS).all == ()
    reached = (other.region, other.tier) == ("eu-fra", 1)
    assert bool(overrides_in_force((series,), other, NOW_NS).all) is reached
