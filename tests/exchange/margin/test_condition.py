"""Healthy, called, to be liquidated, bankrupt: where one ends and the next begins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.margin.census import maintenance_of_all
from exchange.margin.condition import Condition, condition_of, distance_ppm
from exchange.view.records import maintenance_of


@pytest.mark.parametrize(
    ("equity_nano", "condition"),
    [
        (1_000, Condition.SOUND),
        (999, Condition.MARGIN_CALL),
        (600, Condition.MARGIN_CALL),
        (599, Condition.LIQUIDATION),
        (0, Condition.LIQUIDATION),
        (-1, Condition.BANKRUPT),
    ],
)
def test_a_condition_ends_where_the_next_begins(equity_nano: int, condition: Condition) -> None:
    assert condition_of(equity_nano, 1_000, maintenance_of(1_000)) == condition


def test_what_risk_staff_add_calls_and_does_not_liquidate() -> None:
    assert condition_of(1_000, 1_001, maintenance_of(0)) == Condition.MARGIN_CALL
    assert condition_of(0, 1 << 59, maintenance_of(0)) == Condition.MARGIN_CALL
    assert condition_of(599, 5_000, maintenance_of(1_000)) == Condition.LIQUIDATION


def test_maintenance_is_rounded_up() -> None:
    assert [maintenance_of(margin_nano) for margin_nano in (0, 1, 5, 6)] == [0, 1, 3, 4]


def test_the_distance_is_rounded_down() -> None:
    assert distance_ppm(4, 3) == 333_333
    assert distance_ppm(2, 3) == -333_334
    assert distance_ppm(2, 0) is None


@given(st.lists(st.integers(0, 1 << 62), min_size=1))
def test_maintenance_of_all_at_once_does_not_wrap(margins_nano: list[int]) -> None:
    found = maintenance_of_all(np.array(margins_nano, np.int64)).tolist()
    assert found == [maintenance_of(margin_nano) for margin_nano in margins_nano]
