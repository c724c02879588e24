"""Strain: what grows between two caps, by the published tiers and beside fractions."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.schema import PPM, SCENARIOS, UTILISATION_PPM_MAX, RiskReject
from risk.strain import check_caps, check_utilisation, strain_contract, strained, strained_shock, would_strain
from tests.risk.books import Books

MILLION = 1_000_000
SMALL_CAPS = 20 * MILLION, 50 * MILLION
LONG_TAIL_CAPS = 5 * MILLION, 10 * MILLION
TICKS_MAX = (1 << 30) - 1

CAPS = st.tuples(st.integers(0, UTILISATION_PPM_MAX), st.integers(0, UTILISATION_PPM_MAX)).map(sorted)
SHARES = st.integers(0, UTILISATION_PPM_MAX)


@pytest.mark.parametrize(
    ("base_ppm", "caps", "open_notional", "margin_ppm"),
    [
        (20_000, (0, 0), 10**12, 20_000),  # a large market has no caps
        (100_000, SMALL_CAPS, 0, 100_000),
        (100_000, SMALL_CAPS, 20 * MILLION, 100_000),
        (100_000, SMALL_CAPS, 35 * MILLION, 550_000),
        (100_000, SMALL_CAPS, 50 * MILLION - 1, 999_999),
        (100_000, SMALL_CAPS, 50 * MILLION, PPM),
        (100_000, SMALL_CAPS, 90 * MILLION, PPM),
        (200_000, LONG_TAIL_CAPS, 5 * MILLION, 200_000),
        (200_000, LONG_TAIL_CAPS, 6 * MILLION, 360_000),
        (200_000, LONG_TAIL_CAPS, 7_500_000, 600_000),
        (200_000, LONG_TAIL_CAPS, 10 * MILLION, PPM),
    ],
)
def test_the_published_tiers_come_out(
    base_ppm: int, caps: tuple[int, int], open_notional: int, margin_ppm: int
) -> None:
    assert strained(np.int64(base_ppm), np.int64(PPM), np.int64(open_notional), *map(np.int64, caps)) == margin_ppm


@given(st.integers(-TICKS_MAX, TICKS_MAX), st.integers(1, TICKS_MAX), SHARES, CAPS)
def test_a_shock_grows_as_fractions_say(base_ticks: int, mark_ticks: int, used_ppm: int, caps: list[int]) -> None:
    low_ppm, high_ppm = caps if caps[0] < caps[1] else (0, 0)
    share = Fraction(0)
    if high_ppm:
        share = min(max(Fraction(used_ppm - low_ppm, high_ppm - low_ppm), Fraction(0)), Fraction(1))
    size_ticks = abs(base_ticks)
    grown = size_ticks + floor((max(mark_ticks, size_ticks) - size_ticks) * share) if size_ticks else 0
    found = shock(base_ticks, mark_ticks, used_ppm, low_ppm, high_ppm)
    assert found == (grown if base_ticks > 0 else -grown)


@given(st.integers(-TICKS_MAX, TICKS_MAX), st.integers(1, TICKS_MAX), SHARES, SHARES, CAPS)
def test_more_use_never_makes_a_shock_smaller(
    base_ticks: int, mark_ticks: int, used_ppm: int, other_ppm: int, caps: list[int]
) -> None:
    low_ppm, high_ppm = caps if caps[0] < caps[1] else (0, 0)
    less_ppm, more_ppm = sorted((used_ppm, other_ppm))
    less, more = (shock(base_ticks, mark_ticks, each_ppm, low_ppm, high_ppm) for each_ppm in (less_ppm, more_ppm))
    assert abs(base_ticks) <= abs(less) <= abs(more) <= max(mark_ticks, abs(base_ticks))


def shock(base_ticks: int, mark_ticks: int, used_ppm: int, low_ppm: int, high_ppm: int) -> int:
    return int(strained_shock(*map(np.int64, (base_ticks, mark_ticks, used_ppm, low_ppm, high_ppm))))


def test_a_contract_keeps_its_base_shocks_and_comes_back_to_them() -> None:
    books = Books()
    slot = books.slot(0)
    base_ticks = shocks_of(books.ledger.base_shocks, slot)
    half = (slot, np.int64(700_000), np.int64(600_000), np.int64(800_000))
    assert would_strain(books.ledger, *half)
    strain_contract(books.ledger, *half)
    expected = [shock(each, 1_000, 700_000, 600_000, 800_000) for each in base_ticks]
    assert shocks_of(books.ledger.shocks, slot) == expected != base_ticks
    assert not would_strain(books.ledger, *half)
    assert books.contract(0)["worst_shock_ticks"] == max(map(abs, expected))
    assert shocks_of(books.ledger.base_shocks, slot) == base_ticks
    strain_contract(books.ledger, slot, *(np.int64(0),) * 3)
    assert shocks_of(books.ledger.shocks, slot) == base_ticks


def shocks_of(shocks: np.ndarray, slot: int) -> list[int]:
    return shocks[slot * SCENARIOS : (slot + 1) * SCENARIOS].tolist()


@pytest.mark.parametrize(
    ("low_ppm", "high_ppm", "is_sound"),
    [
        (0, 0, True),
        (0, 1, True),
        (600_000, 900_000, True),
        (UTILISATION_PPM_MAX - 1, UTILISATION_PPM_MAX, True),
        (UTILISATION_PPM_MAX, UTILISATION_PPM_MAX + 1, False),
        (1, 0, False),
        (600_000, 600_000, False),
        (600_001, 600_000, False),
    ],
)
def test_the_low_cap_is_below_the_high_one_or_there_are_none(low_ppm: int, high_ppm: int, is_sound: bool) -> None:
    assert check_caps(low_ppm, high_ppm) == (0 if is_sound else RiskReject.STRAIN_OUT_OF_RANGE)


def test_ten_times_what_can_be_delivered_is_the_most_that_is_believed() -> None:
    assert check_utilisation(UTILISATION_PPM_MAX) == 0
    assert check_utilisation(UTILISATION_PPM_MAX + 1) == RiskReject.STRAIN_OUT_OF_RANGE
