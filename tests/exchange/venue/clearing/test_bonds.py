"""What failing costs, and the bonds that cover it, in plain fractions."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exchange.venue.clearing.bonds import bond_nano, failure_nano, replacement_ticks
from exchange.venue.clearing.schema import TERMS
from risk.schema import CONTRACT

ticks = st.integers(1, 1 << 30)


def contract_of(mark_ticks: int, shock_ticks: int, highest_ticks: int, tick_value_nano: int = 50):
    contract = np.zeros(1, CONTRACT)[0]
    contract["mark_ticks"], contract["worst_shock_ticks"] = mark_ticks, shock_ticks
    contract["price_max_ticks"], contract["tick_value_nano"] = highest_ticks, tick_value_nano
    return contract


@given(final=ticks, mark=ticks, shock=st.integers(0, 1 << 30), highest=ticks)
def test_a_replacement_costs_the_higher_of_both_prices_and_the_worst_shock_up_to_the_highest(
    final, mark, shock, highest
):
    found = replacement_ticks(contract_of(mark, shock, highest), final)
    assert found == min(max(final, mark) + shock, highest)


@given(
    final=ticks,
    replacement=ticks,
    fee_ppm=st.integers(0, 1_000_000),
    value_nano=st.sampled_from([50, 250, 1_000, 24_000]),
)
def test_failing_costs_the_fee_and_what_the_lot_costs_elsewhere(final, replacement, fee_ppm, value_nano):
    terms = np.zeros(1, TERMS)[0]
    terms["slot_s"], terms["shortfall_fee_ppm"] = 60, fee_ppm
    fee = Fraction(final * value_nano * fee_ppm, 1_000_000)
    found = failure_nano(contract_of(1, 1, 1, value_nano), terms, final, replacement)
    assert found == -int(-fee // 1) + max(replacement - final, 0) * value_nano


@given(failure=st.integers(0, 1 << 40), lots=st.integers(0, 1 << 20), multiplier=st.integers(1_000_000, 2_000_000))
def test_a_bond_is_whole_for_each_lot_and_never_less_than_failing_costs(failure, lots, multiplier):
    one = -int(-Fraction(failure * multiplier, 1_000_000) // 1)
    assert bond_nano(failure, lots, multiplier) == lots * one
    assert one >= failure
