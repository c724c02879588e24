import math

import pytest
from pydantic import ValidationError

from exchange.parameters.settings import ForwardSettings, ParameterSettings, RangeSettings, VolatilitySettings


@pytest.mark.parametrize(
    ("model", "name", "bad"),
    [
        (ForwardSettings, "trade_weight", 0),
        (ForwardSettings, "trade_weight", math.nan),
        (ForwardSettings, "quorum_sources", 4),
        (ForwardSettings, "trade_groups_min", 1),
        (ForwardSettings, "trade_trim_fraction", 0.5),
        (ForwardSettings, "mark_step_fraction", 1),
        (VolatilitySettings, "decay_factor", 1),
        (VolatilitySettings, "horizon_s", math.inf),
        (RangeSettings, "coverage", 0.5),
        (RangeSettings, "range_max", 4),
        (ParameterSettings, "unknown", 1),
    ],
)
def test_a_setting_out_of_bounds_is_refused_by_its_name(model, name, bad):
    with pytest.raises(ValidationError) as refusal:
        model(**{name: bad})
    assert refusal.value.errors()[0]["loc"] == (name,)


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (VolatilitySettings, {"volatility_min": 0.6}),
        (VolatilitySettings, {"sample_interval_s": 20_000}),
        (RangeSettings, {"parallel_min": 1.5}),
        (RangeSettings, {"neighbours_min": 1.5}),
    ],
)
def test_a_floor_above_its_cap_is_refused(model, changes):
    with pytest.raises(ValidationError):
        model(**changes)


def test_settings_come_back_from_json_as_they_were():
    settings = ParameterSettings.model_validate(
        {
            "forward": {"quorum_sources": 3},
            "overrides": [
                {"region": "eu-fra", "tier": 0, "mark_ticks": 9, "who": "risk desk", "why": "test", "until_ns": 1}
            ],
        }
    )
    assert ParameterSettings.model_validate_json(settings.model_dump_json()) == settings
